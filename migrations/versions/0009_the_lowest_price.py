"""Which of a product's prices in a channel is its lowest, by which lists are sorted.

It begins as true of every price, which is right, if slow. What is not the lowest is marked from here on by who writes
prices, and here for those that are there: some products at a time, each time while nobody writes prices. It may run again.
A version before this one that changes prices beside it leaves marks as they are: run `feira audit` after it has gone.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# The number is that of the lock of the frame of prices.
FILL = """
DO $$
DECLARE
    behind uuid := '00000000-0000-0000-0000-000000000000';
    ids uuid[];
BEGIN
    LOOP
        SELECT array_agg(id ORDER BY id) INTO ids
        FROM (SELECT id FROM product WHERE id > behind ORDER BY id LIMIT 500) AS next;
        EXIT WHEN ids IS NULL;
        PERFORM pg_advisory_xact_lock(1886546275);
        UPDATE channel_price SET lowest = false
        WHERE lowest AND variant_id IN (SELECT id FROM variant WHERE product_id = ANY (ids))
            AND EXISTS (
                SELECT FROM channel_price AS other JOIN variant AS its ON its.id = other.variant_id
                WHERE other.channel_id = channel_price.channel_id AND other.product_id = channel_price.product_id
                    AND (other.amount, other.variant_id) < (channel_price.amount, channel_price.variant_id)
                    AND NOT its.archived
            );
        COMMIT;
        behind := ids[array_upper(ids, 1)];
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.execute("ALTER TABLE channel_price ADD COLUMN IF NOT EXISTS lowest boolean NOT NULL DEFAULT true")
    op.create_table(
        "priced_product",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("product_id", name="pk_priced_product"),
        if_not_exists=True,
    )
    # Each in a transaction of its own, and so that it may run again.
    with op.get_context().autocommit_block():
        op.execute(FILL)
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_channel_price_lowest")
        op.execute(
            "CREATE INDEX CONCURRENTLY ix_channel_price_lowest"
            " ON channel_price (channel_id, amount, product_id, variant_id) WHERE lowest"
        )
