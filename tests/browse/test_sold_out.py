"""Pages of what is sold out: looked through in order, so far and no further, and none is missed by who goes on."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from app.browse import facets, matching, sold_out
from app.browse.facets import facets_of
from app.browse.listing import SHORT, Order
from app.browse.matching import Matching, OptionChoice, count
from app.browse.pages import Asked, find_products
from tests.browse import generated
from tests.browse.asking import Asking
from tests.browse.catalog import Catalog, days_ago
from tests.shop import Shop

OUT = ["acaso", "banco", "cesto", "farol", "gaita"]


async def shelf(shop: Shop) -> Catalog:
    """Every other thing is sold out; of some there is no price, one has no variant, one is named in English alone."""
    catalog = Catalog(shop)
    things = ["acaso", "bule", "banco", "copo", "cesto", "dado", "farol", "faca", "gaita", "garfo"]
    for place, slug in enumerate(things):
        columns: dict[str, Any] = {"created_at": days_ago(place % 4), "updated_at": days_ago(10 - place)}
        variant = {"price": None if place in (0, 3, 8) else 100 * (place % 3 + 1), "values": ["P"]}
        stock = {} if slug in OUT else {"stock": {"centro": 1000}}
        name = {"en": slug} if slug == "farol" else slug
        variants = [] if slug == "gaita" else [variant | stock]
        await catalog.product(slug, name=name, variants=variants, options={"Tamanho": ["P"]}, brand="Feira", **columns)
    return catalog


async def walked(catalog: Catalog, wanted: Matching, order: Order, descending: bool, first: int) -> list[str]:
    found: list[str] = []
    after, pages = None, 0
    while True:
        page = await catalog.page(wanted, order, descending=descending, after=after, first=first)
        found += [row.slug for row in page.rows]
        assert len(page.rows) <= first
        if not page.more:
            return found
        assert len(page.rows) == first or page.stopped is not None
        after, pages = page.stopped or page.keys[-1], pages + 1
        assert pages < 40, "it goes on"


@pytest.mark.postgres15
@pytest.mark.parametrize("order", [Order.NAME, Order.PRICE, Order.CREATED_AT, Order.UPDATED_AT])
async def test_who_goes_on_misses_none_and_meets_none_twice(
    shop: Shop, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = await shelf(shop)
    for wanted in (
        catalog.matching(in_stock=False),
        catalog.matching(in_stock=False, brands=("Feira",), locale="en"),
        catalog.matching(in_stock=False, search="feira"),
    ):
        for descending in (False, True):
            monkeypatch.setattr(sold_out, "LOOKED_AT", (1_000,))
            whole = await walked(catalog, wanted, order, descending, 100)
            assert sorted(whole) == OUT
            everything = catalog.matching(locale=wanted.locale)
            listed = (await catalog.page(everything, order, descending=descending)).rows
            assert whole == [row.slug for row in listed if row.slug in OUT]
            for looked in ((1, 1), (2, 1), (3,), (1, 2, 4)):
                monkeypatch.setattr(sold_out, "LOOKED_AT", looked)
                for first in (1, 2, 20):
                    assert await walked(catalog, wanted, order, descending, first) == whole, (looked, first)


async def test_options_and_price_are_of_the_same_variant(shop: Shop) -> None:
    catalog = await shelf(shop)
    wanted: dict[str, Any] = {"options": (OptionChoice("Tamanho", ("P",)),), "price_max": 250}
    found = await walked(catalog, catalog.matching(in_stock=False, **wanted), Order.NAME, False, 3)
    listed = await walked(catalog, catalog.matching(**wanted), Order.NAME, False, 3)
    assert found == [slug for slug in listed if slug in OUT] != []


async def test_a_page_looks_so_far_and_no_further(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = await shelf(shop)
    monkeypatch.setattr(sold_out, "LOOKED_AT", (2, 3))
    async with shop.db.transaction() as tx:
        await tx.execute(text("UPDATE product SET status = 'DRAFT' WHERE slug = ANY(ARRAY['acaso', 'banco', 'cesto'])"))
    wanted = catalog.matching(in_stock=False)
    with Asking(shop).counted() as sent:
        page = await catalog.page(wanted, first=5)
    # Three times: as rows, and with the stock in two ways.
    assert sum("looked AS MATERIALIZED" in each for each in sent) == 4 * 2
    assert [row.slug for row in page.rows] == ["farol"]
    assert page.more
    assert page.stopped is not None
    assert page.stopped[0] == "farol"
    rest = await catalog.page(wanted, first=5, after=page.stopped)
    assert ([row.slug for row in rest.rows], rest.more, rest.stopped) == (["gaita"], False, None)


async def test_of_too_many_it_is_not_counted_which_are_sold_out(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = await shelf(shop)
    wanted = catalog.matching(in_stock=False, brands=("Feira",))
    caches = (matching._count, facets._statement)
    try:
        for most, told in ((10, 5), (9, None)):
            monkeypatch.setattr(matching, "LOOKED_THROUGH", most)
            for each in caches:
                each.cache_clear()
            assert await count(shop.db, wanted) == told
            found = await facets_of(shop.db, wanted, [facets.Field.OPTIONS])
            assert (found is None) is (told is None)
    finally:
        for each in caches:
            each.cache_clear()


PAGE = """query($after: String, $sort: ProductSort) {
  products(first: 3, after: $after, filter: {inStock: false}, sort: $sort) {
    nodes { slug } pageInfo { hasNextPage endCursor startCursor } } }"""


@pytest.mark.parametrize("key", ["NAME", "PRICE", "CREATED_AT"])
async def test_a_short_page_says_where_it_goes_on(shop: Shop, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await shelf(shop)
    asking, slugs, short = Asking(shop), list[str](), 0
    monkeypatch.setattr(sold_out, "LOOKED_AT", (1,))
    after = None
    for _ in range(30):
        answer = (await asking.ask(PAGE, after=after, sort={"key": key}))["products"]
        slugs += [node["slug"] for node in answer["nodes"]]
        if not answer["pageInfo"]["hasNextPage"]:
            break
        short += not answer["nodes"]
        assert (answer["pageInfo"]["startCursor"] is None) is (answer["nodes"] == [])
        after = answer["pageInfo"]["endCursor"]
        assert after is not None
    assert sorted(slugs) == OUT
    assert short > 2


async def test_a_page_looks_further_than_most_pages_are_long(shop: Shop) -> None:
    """The cap by which pages are planned once is none of what is looked through."""
    catalog = await shelf(shop)
    async with shop.db.transaction() as tx:
        for statement in SOLD:
            await tx.execute(text(statement))
    for order in (Order.NAME, Order.CREATED_AT, Order.UPDATED_AT, Order.PRICE):
        page = await catalog.page(catalog.matching(in_stock=False), order, first=20)
        assert sorted(row.slug for row in page.rows) == OUT
        assert not page.more


SOLD = (
    f"""INSERT INTO product (id, slug, status, created_at, updated_at)
        SELECT gen_random_uuid(), 'aaa-' || n, 'ACTIVE', '2020-01-01', '2020-01-01'
        FROM generate_series(1, {SHORT + 20}) n""",
    """INSERT INTO publication SELECT p.id, c.id, '2020-01-01' FROM product p, channel c WHERE slug LIKE 'aaa-%'""",
    """INSERT INTO product_text (product_id, locale, name, name_key)
       SELECT id, locale, slug, slug FROM product, unnest(ARRAY['pt-BR', 'en']) locale WHERE slug LIKE 'aaa-%'""",
    """INSERT INTO variant (id, product_id, position, sku, track_stock, created_at, updated_at)
       SELECT gen_random_uuid(), id, 1, slug, false, now(), now() FROM product WHERE slug LIKE 'aaa-%'""",
    """INSERT INTO channel_price (channel_id, variant_id, product_id, amount, tax)
       SELECT c.id, v.id, v.product_id, 1, 0 FROM variant v, channel c WHERE sku LIKE 'aaa-%'""",
)


@pytest.fixture
def few_tried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sold_out, "TRIED", {False: (3, 2), True: (3, 2)})
    monkeypatch.setattr(sold_out, "LOOKED_AT", (3, 4, 5))
    generated.forget_statements()
    yield
    generated.forget_statements()


@pytest.mark.postgres15
@pytest.mark.usefixtures("few_tried")
@pytest.mark.parametrize("locale", ["pt-BR", "en"])
@pytest.mark.parametrize("order", generated.ORDERS)
async def test_of_what_is_in_stock_none_is_missed_either(shop: Shop, order: Order, locale: str) -> None:
    """Whether a page is full at once, or is looked for further, or ends where so many were looked at."""
    catalog = await generated.generated(shop, 40 + generated.ORDERS.index(order), 24)
    rows = await shop.db.rows(text(THERE))
    there = {row.slug for row in rows}
    for descending in (False, True):
        everything = (await catalog.page(catalog.matching(locale=locale), order, descending=descending)).rows
        for asked in (True, False):
            expected = [row.slug for row in everything if (row.slug in there) is asked]
            assert len(expected) > 2
            wanted = catalog.matching(locale=locale, in_stock=asked)
            for first in (1, 2):
                assert await generated.walked(catalog, wanted, order, descending, first) == expected, (asked, first)


THERE = """SELECT slug FROM product p WHERE EXISTS (SELECT 1 FROM variant v WHERE v.product_id = p.id AND NOT v.archived
  AND EXISTS (SELECT 1 FROM stock_level s WHERE s.variant_id = v.id AND s.on_hand > 0))"""


@pytest.mark.usefixtures("few_tried")
async def test_where_most_is_in_stock_its_page_is_one_statement(shop: Shop) -> None:
    catalog = Catalog(shop)
    for number in range(6):
        stock = {"stock": {"centro": 1000}} if number != 1 else {}
        await catalog.product(f"p{number}", variants=[{"price": 100 * number or None, **stock}])
    wanted, asking = catalog.matching(in_stock=True), Asking(shop)
    for order, expected in ((Order.NAME, "p0 p2"), (Order.PRICE, "p2 p3"), (Order.CREATED_AT, "p0 p2")):
        for first in (1, 2):
            how: dict[str, Any] = {"descending": False, "after": None, "first": first}
            with asking.counted() as sent:
                found = await find_products(shop.db, wanted, order, **how, stock=Asked(1, wanted.location_ids, False))
            slugs = [slug for key in found.ids for slug, id_ in catalog.products.items() if id_ == key]
            assert (slugs, found.more, found.stopped) == (expected.split()[:first], True, None)
            # Three are tried, of which one is sold out: two, where a page of two needs one more to know of.
            assert (len(sent) == 1) is (first == 1)


@pytest.mark.usefixtures("few_tried")
async def test_names_in_another_language_that_are_not_looked_at_leave_the_page_open(shop: Shop) -> None:
    """The caller's own names fill it at once; among them stands one behind more that are sold out than are tried."""
    catalog, there = Catalog(shop), {"stock": {"centro": 1000}}
    for slug in ("a", "y", "z"):
        await catalog.product(slug, variants=[there])
    for slug in ("b", "c", "d"):
        await catalog.product(slug, name={"en": slug}, variants=[there if slug == "d" else {}])
    for first in (1, 2, 3):
        wanted = catalog.matching(in_stock=True)
        assert await generated.walked(catalog, wanted, Order.NAME, False, first) == ["a", "d", "y", "z"]


async def test_of_too_many_it_is_not_counted_which_are_in_stock(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = await shelf(shop)
    wanted = catalog.matching(in_stock=True, brands=("Feira",))
    caches = (matching._count, facets._statement)
    try:
        # Of many that are in stock that is soon seen, and then it is many, whatever else there is.
        for most, counted, told in ((10, 10, 5), (9, 10, None), (10, 4, None), (3, 4, None)):
            monkeypatch.setattr(matching, "LOOKED_THROUGH", most)
            for of in (matching, facets):
                monkeypatch.setattr(of, "COUNTED", counted)
            for each in caches:
                each.cache_clear()
            assert await count(shop.db, wanted) == told
            found = await facets_of(shop.db, wanted, [facets.Field.OPTIONS])
            assert (found is None) is (told is None), (most, counted)
    finally:
        for each in caches:
            each.cache_clear()
