"""Who follows the feed under a name; what channels show differently without a rule.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "follower",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_follower"),
    )
    op.create_index("uq_follower_name", "follower", ["principal", "name"], unique=True)
    op.create_index("ix_follower_position", "follower", ["position"])
    op.create_table(
        "divergence",
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("channels", ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("variant_id", "what", name="pk_divergence"),
    )
    op.create_table(
        "divergence_sweep",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("variants", sa.BigInteger(), nullable=False),
        sa.Column("divergent", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_divergence_sweep_one"),
        sa.PrimaryKeyConstraint("id", name="pk_divergence_sweep"),
    )
