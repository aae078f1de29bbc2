"""Publications that begin or end by the clock are told: when each product's next one does.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FILL = """
UPDATE product SET next_at = due.next_at
FROM (
    SELECT product_id, min(instant) AS next_at
    FROM publication CROSS JOIN LATERAL (VALUES (starts_at), (ends_at)) AS instants (instant)
    WHERE instant > now()
    GROUP BY product_id
) AS due
WHERE due.product_id = product.id AND product.status = 'ACTIVE'
"""


def upgrade() -> None:
    op.execute("ALTER TABLE product ADD COLUMN IF NOT EXISTS next_at timestamptz")
    # Each in a transaction of its own, and so that it may run again: nobody waits for more than the new column.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_product_next_at")
        op.execute("CREATE INDEX CONCURRENTLY ix_product_next_at ON product (next_at) WHERE next_at IS NOT NULL")
    op.execute(FILL)
