"""How followers' copies compared, by topic; since when, and between which values, channels are at odds.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "follower_digest",
        sa.Column("follower_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("matches", sa.Boolean(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("compared_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["follower_id"], ["follower.id"], name="fk_follower_digest_follower_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("follower_id", "topic", name="pk_follower_digest"),
    )
    # Nullable: the version before goes on writing rows without them.
    op.add_column("divergence", sa.Column("aspect", sa.Text()))
    op.add_column("divergence", sa.Column("location", sa.Text()))
    op.add_column("divergence", sa.Column("shown", JSONB()))
    op.add_column(
        "divergence",
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
    )
