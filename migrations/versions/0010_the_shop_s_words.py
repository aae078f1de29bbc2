"""The words of what products are found by, among which one that is spelled wrong is looked up; an index of the texts that
have a word; and one of stems for each language, so that none reads the other's.

Filled from the texts that are there, some products at a time; it may run again. A version before this one that writes
products beside it brings no words: they are there once these products are written again, and `feira audit` names them.
That version goes on searching by `ix_product_text_search` and `ix_product_text_words`, which stay for it.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Letters that outnumber digits; no SKUs and barcodes, unless the product is named so.
FILL = """
DO $$
DECLARE
    behind uuid := '00000000-0000-0000-0000-000000000000';
    ids uuid[];
BEGIN
    LOOP
        SELECT array_agg(id ORDER BY id) INTO ids
        FROM (SELECT id FROM product WHERE id > behind ORDER BY id LIMIT 5000) AS next;
        EXIT WHEN ids IS NULL;
        WITH unknown AS MATERIALIZED (
            SELECT own.product_id, own.name_key, given.word
            FROM product_text AS own, unnest(string_to_array(own.search_words, ' ')) AS given (word)
            WHERE own.product_id = ANY (ids) AND length(given.word) BETWEEN 2 AND 40
                AND length(translate(given.word, '0123456789-_./,;:+()&''"', ''))
                    > length(given.word) - length(translate(given.word, '0123456789', ''))
                AND NOT EXISTS (SELECT FROM search_word AS known WHERE known.word = given.word)
        )
        INSERT INTO search_word (word)
        SELECT DISTINCT unknown.word FROM unknown
        WHERE unknown.word = ANY (string_to_array(unknown.name_key, ' '))
            OR NOT EXISTS (
                SELECT FROM variant
                WHERE variant.product_id = unknown.product_id
                    AND unknown.word = ANY (string_to_array(lower(concat_ws(' ', variant.sku, variant.barcode)), ' '))
            );
        COMMIT;
        behind := ids[array_upper(ids, 1)];
    END LOOP;
END $$
"""

INDEXES = {
    "ix_product_text_spelled": "((string_to_array(search_words, ' ')) COLLATE \"C\")",
    "ix_product_text_search_pt": "(search) WHERE locale IS NOT DISTINCT FROM 'pt-BR'",
    "ix_product_text_search_en": "(search) WHERE locale IS NOT DISTINCT FROM 'en'",
}


def upgrade() -> None:
    op.create_table("search_word", sa.Column("word", sa.Text(collation="C"), nullable=False), if_not_exists=True)
    op.create_index("ix_search_word_word", "search_word", ["word"], if_not_exists=True)
    op.create_index(
        "ix_search_word_alike",
        "search_word",
        ["word"],
        postgresql_using="gin",
        postgresql_ops={"word": "gin_trgm_ops"},
        # So few are new that to look through those that wait would cost more than to put them in place.
        postgresql_with={"fastupdate": "off"},
        if_not_exists=True,
    )
    # Each in a transaction of its own, and so that it may run again.
    with op.get_context().autocommit_block():
        op.execute(FILL)
        op.execute("ANALYZE search_word")
        for name, definition in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON product_text USING gin {definition}")
