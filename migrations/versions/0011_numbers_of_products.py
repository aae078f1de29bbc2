"""A number for each product, by which a process keeps sets of them.

Those that are there get theirs in the order of their ids, some at a time, each time in a transaction of its own; what is
written meanwhile, by a version before this one too, takes the sequence's next. It may run again.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Locked in the order in which all who write products lock them.
FILL = """
DO $$
DECLARE
    behind uuid := '00000000-0000-0000-0000-000000000000';
    ids uuid[];
BEGIN
    LOOP
        SELECT array_agg(id ORDER BY id) INTO ids
        FROM (SELECT id FROM product WHERE id > behind ORDER BY id LIMIT 500 FOR UPDATE) AS next;
        EXIT WHEN ids IS NULL;
        UPDATE product SET number = given.number
        FROM (
            SELECT id, nextval('product_number')::integer AS number
            FROM (SELECT id FROM product WHERE id = ANY (ids) AND number IS NULL ORDER BY id) AS without
        ) AS given
        WHERE product.id = given.id;
        COMMIT;
        behind := ids[array_upper(ids, 1)];
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.execute("CREATE SEQUENCE IF NOT EXISTS product_number AS integer")
    op.execute("ALTER TABLE product ADD COLUMN IF NOT EXISTS number integer")
    # Not with the column, which would be filled at once then, and the table written anew.
    op.execute("ALTER TABLE product ALTER COLUMN number SET DEFAULT nextval('product_number')")
    op.execute("ALTER SEQUENCE product_number OWNED BY product.number")
    with op.get_context().autocommit_block():
        op.execute(FILL)
        # Checked while others write, so that NOT NULL need not look at each row itself.
        op.execute("ALTER TABLE product DROP CONSTRAINT IF EXISTS numbered")
        op.execute("ALTER TABLE product ADD CONSTRAINT numbered CHECK (number IS NOT NULL) NOT VALID")
        op.execute("ALTER TABLE product VALIDATE CONSTRAINT numbered")
        op.execute("ALTER TABLE product ALTER COLUMN number SET NOT NULL")
        op.execute("ALTER TABLE product DROP CONSTRAINT numbered")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS uq_product_number")
        op.execute("CREATE UNIQUE INDEX CONCURRENTLY uq_product_number ON product (number)")
