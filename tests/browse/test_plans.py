"""How PostgreSQL goes about first pages of a larger catalog: by the index of the order, never through whole tables."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Executable, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement

from app.browse import listing, matching, search
from app.browse.listing import Order
from app.browse.matching import Matching, OptionChoice
from app.browse.pages import list_products
from app.platform.db import Database
from tests.browse.catalog import Catalog
from tests.shop import Shop

PRODUCTS = 8_000
GROWN = (
    """INSERT INTO category (id, slug, name, lineage, created_at, updated_at)
       SELECT gen_random_uuid(), 'c' || n, '{}', '{}', now(), now() FROM generate_series(1, 100) n""",
    "UPDATE category SET lineage = ARRAY[id]",
    f"""INSERT INTO product (id, slug, status, brand, category_id, created_at, updated_at)
        SELECT gen_random_uuid(), 'p' || n, 'ACTIVE', 'b' || n % 100,
          (SELECT id FROM category WHERE slug = 'c' || 1 + n % 100),
          now() - n * interval '1 minute', now() - n * interval '1 hour'
        FROM generate_series(1, {PRODUCTS}) n""",
    """INSERT INTO product_text (product_id, locale, name, name_key, search, search_words)
       SELECT id, locale, words, words, to_tsvector('simple', words), words FROM (
         SELECT id, locale, 'nome' || hashtext(slug) % 500 || ' coisa' || hashtext(slug || 'x') % 500 AS words
         FROM product, unnest(ARRAY['pt-BR', 'en']) locale) texts""",
    "INSERT INTO search_word SELECT DISTINCT word FROM product_text, unnest(string_to_array(search_words, ' ')) word",
    "INSERT INTO publication SELECT p.id, c.id, '2020-01-01' FROM product p, channel c",
    """INSERT INTO variant (id, product_id, position, sku, option_values, created_at, updated_at)
       SELECT gen_random_uuid(), id, n, slug || '-' || n, ARRAY['v' || n], now(), now()
       FROM product, generate_series(1, 2) n""",
    """INSERT INTO channel_price (channel_id, variant_id, product_id, amount, tax)
       SELECT c.id, v.id, v.product_id,
         100 + abs(hashtext(v.product_id\\:\\:text)) % 9000, 0 FROM variant v, channel c""",
)


class Explain(Executable, ClauseElement):
    """EXPLAIN of a statement, with its parameters."""

    inherit_cache = False

    def __init__(self, statement: Any) -> None:
        self.statement = statement


@compiles(Explain)
def _explain(element: Explain, compiler: Any, **options: Any) -> str:
    return "EXPLAIN " + str(compiler.process(element.statement, **options))


async def plan(shop: Shop, statement: Any, wanted: Matching, **more: Any) -> str:
    async with shop.db.reads.connect() as connection:
        rows = await connection.execute(Explain(statement), wanted.parameters | more)
        return "\n".join(row[0] for row in rows)


async def grown(shop: Shop) -> Catalog:
    async with shop.db.transaction() as tx:
        for statement in GROWN:
            await tx.execute(text(statement))
    async with shop.db.reads.connect() as connection:
        await connection.execute(text("VACUUM (ANALYZE)"))
    return Catalog(shop)


@pytest.mark.postgres15
async def test_first_pages_go_by_indexes(shop: Shop) -> None:
    catalog = await grown(shop)
    row = await shop.db.row(text("SELECT id FROM category LIMIT 1"))
    assert row is not None
    lists = [
        (catalog.matching(), Order.NAME, "ix_product_text_name"),
        (catalog.matching(locale="en"), Order.NAME, "ix_product_text_name"),
        (catalog.matching(), Order.PRICE, "ix_channel_price_lowest"),
        (catalog.matching(), Order.CREATED_AT, "ix_product_created_at_id"),
        (catalog.matching(), Order.UPDATED_AT, "ix_product_updated_at_id"),
        (catalog.matching(category_ids=(row.id,)), Order.NAME, "ix_product_category_id"),
        (catalog.matching(brands=("b7",)), Order.NAME, "ix_product_brand"),
        (catalog.matching(search="nome7 coisa"), Order.RELEVANCE, "ix_product_text_search_pt"),
        (catalog.matching(search="nomo77", loosely=True), Order.RELEVANCE, "ix_product_text_spelled"),
        (catalog.matching(search="nomo77", loosely=True), Order.RELEVANCE, "ix_search_word_alike"),
        (catalog.matching(options=(OptionChoice("o", ("v9",)),)), Order.NAME, "ix_variant_option_values"),
    ]
    for wanted, order, index in lists:
        for descending in (False, True):
            page = listing.rows_of(wanted.shape, order, descending, False, True)
            found = await plan(shop, page, wanted, most=21)
            assert index in found, (order, found)
            assert "Memoize" not in found, (order, found)
            if not wanted.options:
                assert "Seq Scan on p" not in found, (order, found)
                assert "Seq Scan on variant" not in found, (order, found)
    few = catalog.matching(search="nome77")
    assert "ix_product_text_search_pt" in await plan(shop, search.WORDS_FOUND, few)
    assert "Seq Scan on p" not in await plan(shop, matching._count(few.shape).build(), few)


@pytest.mark.postgres15
async def test_first_pages_are_planned_once(shop: Shop) -> None:
    """A plan that is made for any values is as good for a page as one that is made for these, and so it is kept."""
    catalog = await grown(shop)
    # So many rows, for all that the planner knows, that a tenth of them is far more than a page.
    many = "UPDATE pg_class SET reltuples = 100 * reltuples WHERE relnamespace = to_regnamespace('public')"
    async with shop.db.transaction() as tx:
        await tx.execute(text(many))
    url = shop.db.reads.url.render_as_string(hide_password=False)
    orders = [Order.NAME, Order.PRICE, Order.CREATED_AT, Order.UPDATED_AT]
    kept = text(
        "SELECT statement, generic_plans FROM pg_prepared_statements "
        "WHERE statement LIKE '%product.version%' AND statement NOT LIKE '%pg_prepared%'"
    )
    plans: dict[str, int] = {}
    async with lone(url) as db:
        for order, descending in product(orders, (False, True)):
            how: dict[str, Any] = {"descending": descending, "first": 20}
            page = await list_products(db, catalog.matching(), order, after=None, **how)
            for after in (None, page.keys[9]):
                # PostgreSQL compares after five, and the first goes past what is prepared here.
                for _ in range(9):
                    await list_products(db, catalog.matching(), order, after=after, **how)
        for row in await db.rows(kept):
            plans[row.statement] = max(row.generic_plans, plans.get(row.statement, 0))
    assert len(plans) == 2 * 2 * len(orders)
    assert all(plans.values()), [sql for sql, times in plans.items() if not times]


@asynccontextmanager
async def lone(url: str) -> AsyncIterator[Database]:
    """One read connection, so that its plans can be looked at."""
    db = Database.open(url, reads=1)
    try:
        yield db
    finally:
        await db.close()
