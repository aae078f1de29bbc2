"""The market opens: every table of the first release.

Revision ID: 0001
Revises:
"""

from alembic import op

from app.platform.db import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    metadata.create_all(op.get_bind())
