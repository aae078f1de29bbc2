"""API clients that may send trusted documents alone.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "api_client",
        sa.Column("trusted_documents_only", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
