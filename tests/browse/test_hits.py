"""What a search finds by one statement. That it is what many statements say, `Catalog.page` compares in every test."""

from typing import Any

import pytest
from sqlalchemy import text

from app.browse import hits
from app.browse.hits import TEXTS, Hits, find_hits
from app.browse.listing import Order
from app.browse.matching import Matching, OptionChoice
from app.browse.pages import Asked
from app.browse.search import RANKED
from tests.browse.asking import Asking
from tests.browse.catalog import Catalog
from tests.browse.test_matching import shirts
from tests.browse.test_search import MANY, market
from tests.shop import Shop


async def found(shop: Shop, matching: Matching, **how: Any) -> Hits:
    asked: dict[str, Any] = {"descending": False, "after": None, "first": 20, "stock": None, "counted": False}
    return await find_hits(shop.db, matching, **asked | how)


@pytest.mark.postgres15
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    "typed", ["arroz", "queijo", "brown", "cam", "CAM-VD", "arroz -integral", '"arroz branco"', "x"]
)
async def test_pages_go_on_where_they_ended(shop: Shop, typed: str, descending: bool) -> None:
    catalog = await market(shop)
    matching, after, seen = catalog.matching(search=typed), None, 0
    for _ in range(9):
        page = await catalog.page(matching, Order.RELEVANCE, descending=descending, after=after, first=1)
        seen += len(page.rows)
        if not page.more:
            break
        after = page.keys[-1]
    assert seen == (await found(shop, matching)).total


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"brands": ("Feira",)},
        {"tags": ("algodao",)},
        {"options": (OptionChoice("Cor", ("Azul",)),)},
        {"price_max": 4500},
        {"in_stock": True},
        {"in_stock": False},
        {"statuses": ("DRAFT", "ACTIVE")},
        {"published": False},
        {"location_ids": ()},
    ],
)
@pytest.mark.parametrize("typed", ["azul", "feira", "p"])
async def test_whatever_else_is_asked_holds_too(shop: Shop, typed: str, wanted: dict[str, Any]) -> None:
    catalog = await shirts(shop)
    await catalog.product("feira-azul", brand="Feira", status="DRAFT")
    await catalog.product("azul-longe", brand="Feira", channels=["pos"], variants=[{"stock": {"cd": 1000}}])
    matching = catalog.matching(search=typed, **wanted)
    assert len((await catalog.page(matching, Order.RELEVANCE)).rows) == (await found(shop, matching)).total


async def test_what_the_words_find_is_told_whatever_the_filter_leaves(shop: Shop) -> None:
    """A narrow filter makes no search a loose one."""
    catalog = await shirts(shop)
    await catalog.product("azul")
    wanted = catalog.matching(search="azul")
    narrow = catalog.matching(search="azul", brands=("Mar",))
    assert [(await found(shop, each)).sold for each in (wanted, narrow)] == [3, 3]
    assert [(await found(shop, each)).total for each in (wanted, narrow)] == [3, 1]


async def test_too_many_are_left_to_others(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = await market(shop)
    queijo = catalog.matching(search="queijo")
    assert (await found(shop, queijo)).total == 2
    monkeypatch.setattr(hits, "RANKED", 1)
    hits._statement.cache_clear()
    try:
        left = await found(shop, queijo, counted=True)
        assert (left.page, left.matched, left.sold) == (None, None, 2)
    finally:
        hits._statement.cache_clear()


async def test_of_too_many_texts_no_more_are_read(shop: Shop) -> None:
    catalog = Catalog(shop)
    async with shop.db.transaction() as tx:
        for statement in MANY:
            await tx.execute(text(statement))
    assert RANKED < TEXTS
    left = await found(shop, catalog.matching(search="panela", brands=("Nenhuma",)))
    assert (left.page, left.sold) == (None, 3)
    # Fewer texts than are read, and more products than are ranked.
    async with shop.db.transaction() as tx:
        await tx.execute(text("DELETE FROM product_text WHERE product_id < '00000600-0000-7000-8000-000000000000'"))
    some = await found(shop, catalog.matching(search="panela"), counted=True)
    assert (some.page, some.matched, some.sold) == (None, None, 3)


async def test_a_page_with_all_that_is_counted_is_one_statement(shop: Shop) -> None:
    catalog = await shirts(shop)
    asked = Asked(100, tuple(shop.locations.values()), ignores_safety_stock=False)
    with Asking(shop).counted() as sent:
        told = await found(shop, catalog.matching(search="azul"), stock=asked, counted=True)
    assert len(sent) == 1
    assert told.page is not None
    assert told.matched is not None
    assert told.matched.versions.keys() == {key.bytes for key in told.page.ids}
