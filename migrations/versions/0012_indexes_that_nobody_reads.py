"""Two indexes of texts go, which no version since revision 0010 reads; each written product was put into both.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name in ("ix_product_text_search", "ix_product_text_words"):
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
