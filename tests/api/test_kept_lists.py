"""Lists that are kept: asked for by their stock alone, dropped by what may change them, never older than the feed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from app.api.catalog import connections
from app.browse import counting
from app.browse.kept_lists import KeptLists
from app.catalog.categories import CategoryDraft, update_category
from app.catalog.collections import CollectionDraft, update_collection
from app.catalog.drafts import ProductDraft, PublicationDraft, TextDraft
from app.catalog.products import archive_product, save_product
from app.catalog.publication import publish_product
from app.inventory.levels import StockChange, adjust
from app.inventory.tables import stock_level
from app.platform import clock
from app.pricing.prices import PriceChange
from tests.api.keeping import LIST, SEARCH, Keeping, keeping
from tests.browse.catalog import Catalog
from tests.browse.test_matching import shirts
from tests.events.doings import HOUR
from tests.pricing.pricing import put
from tests.shop import Shop

LISTED: dict[str, Any] = {"sort": {"key": "NAME"}}
PRICED: dict[str, Any] = {"sort": {"key": "PRICE"}}
FOUND: dict[str, Any] = {"search": "peixe"}
LOOKS = [(LIST, LISTED), (LIST, PRICED), (LIST, FOUND), (SEARCH, {"search": '"peixe"'})]
Write = Callable[[Keeping, Catalog], Awaitable[Any]]


@pytest_asyncio.fixture
async def keeps(shop: Shop, believed: None) -> AsyncIterator[Keeping]:
    async with keeping(shop) as keeping_:
        yield keeping_


@pytest_asyncio.fixture
async def catalog(keeps: Keeping) -> Catalog:
    made = await shirts(keeps.shop)
    # In another language it comes first.
    await made.product("ultima", name={"pt-BR": "Última", "en": "A last one"})
    await keeps.catch_up()
    return made


async def save(keeps: Keeping, catalog: Catalog, slug: str, **given: Any) -> None:
    draft = ProductDraft(id=catalog.products[slug], mode="update", **given)
    await keeps.write(lambda tx: save_product(tx, keeps.shop.actor(), draft))


async def named(keeps: Keeping, catalog: Catalog, slug: str, name: str) -> None:
    await save(keeps, catalog, slug, texts=[TextDraft(locale="pt-BR", name=name)])


async def count(keeps: Keeping, quantity: int) -> None:
    """So many of everything are there."""
    shop, levels = keeps.shop, await keeps.shop.db.rows(select(stock_level))
    changes = [StockChange(level.variant_id, level.location_id, on_hand=quantity) for level in levels]
    await keeps.write(lambda tx: adjust(tx, shop.actor(), changes=changes, kind="COUNT"))
    await keeps.catch_up()


async def slugs(keeps: Keeping, variables: dict[str, Any], **how: Any) -> list[str]:
    answer = await keeps.ask(LIST, how.pop("moment", None) or clock.now(), variables=variables, **how)
    return [node["slug"] for node in answer["products"]["nodes"]]


@pytest.mark.parametrize(("query", "variables"), LOOKS)
async def test_who_asks_again_asks_for_the_stock_alone(
    keeps: Keeping, catalog: Catalog, query: str, variables: dict[str, Any]
) -> None:
    moment = clock.now()
    first = await keeps.ask(query, moment, variables=variables)
    for quantity in (3_000, 0, 5_000):
        await count(keeps, quantity)
        there = await keeps.ask(query, moment, variables=variables, kept=False)
        # What of all that is found is sold out is looked at once more for what was sold.
        assert await keeps.ask(query, moment, variables=variables) == there
        with keeps.counted() as sent:
            assert await keeps.ask(query, moment, variables=variables) == there
        assert len(sent) == 1, sent
        assert "stock_level" in sent[0]
    assert keeps.catalog.lists.misses == 1
    assert first["products"]["nodes"]


async def test_every_page_and_every_question_is_kept_apart(keeps: Keeping, catalog: Catalog) -> None:
    moment, after = clock.now(), None
    for locale in ("pt-BR", "en"):
        for variables in (LISTED, PRICED, FOUND, {**LISTED, "filter": {"brands": ["Mar"]}}, {"search": "Peixe -mar"}):
            query = LIST.replace("first: 4", "first: 1, after: $after").replace("query(", "query($after: String, ")
            for _ in range(2):
                after, seen = None, []
                while True:
                    given = {**variables, "after": after}
                    page = (await keeps.ask(query, moment, variables=given, locale=locale))["products"]
                    there = await keeps.ask(query, moment, variables=given, locale=locale, kept=False)
                    assert page == there["products"]
                    seen += [node["slug"] for node in page["nodes"]]
                    if not page["pageInfo"]["hasNextPage"]:
                        break
                    after = page["pageInfo"]["endCursor"]
                assert len(seen) == len(set(seen)) == page["totalCount"]


def renamed(keeps: Keeping, catalog: Catalog, text: str) -> Awaitable[Any]:
    key = catalog.categories["roupas"][0]
    draft = CategoryDraft(name={"pt-BR": text})
    return keeps.write(lambda tx: update_category(tx, keeps.shop.actor(), key, draft))


def gathered(keeps: Keeping, catalog: Catalog, text: str) -> Awaitable[Any]:
    key = catalog.collections["verao"]
    draft = CollectionDraft(name={"pt-BR": text})
    return keeps.write(lambda tx: update_collection(tx, keeps.shop.actor(), key, draft))


CHANGES: dict[str, tuple[Write, dict[str, Any], list[str]]] = {
    "a name": (lambda keeps, catalog: named(keeps, catalog, "feira", "Zebra"), LISTED, ["caneca", "peixe", "feira"]),
    "a name that is found": (lambda keeps, catalog: named(keeps, catalog, "feira", "Outro peixe"), FOUND, ["feira"]),
    "a tag that is found": (lambda keeps, catalog: save(keeps, catalog, "caneca", tags=["peixe"]), FOUND, ["caneca"]),
    "it is put away": (
        lambda keeps, catalog: keeps.write(
            lambda tx: archive_product(tx, keeps.shop.actor(), catalog.products["peixe"])
        ),
        LISTED,
        ["caneca", "feira"],
    ),
    "a price": (
        lambda keeps, _: put(keeps.shop, clock.now(), PriceChange(keeps.shop.variants["PEIXE"], 1)),
        PRICED,
        ["peixe", "caneca", "feira"],
    ),
    "its category's name": (lambda keeps, catalog: renamed(keeps, catalog, "De peixe"), FOUND, ["feira"]),
    "its collection's name": (lambda keeps, catalog: gathered(keeps, catalog, "De peixe"), FOUND, ["feira"]),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_may_change_a_list_drops_it(keeps: Keeping, catalog: Catalog, change: str) -> None:
    write, variables, shown = CHANGES[change]
    before = await slugs(keeps, variables)
    assert not set(before) >= set(shown) or before != shown
    await write(keeps, catalog)
    # Until the process has read of it, it shows what was; who asks for more is shown the tables.
    assert await slugs(keeps, variables) == before
    head = await keeps.number()
    assert set(await slugs(keeps, variables, least=head)) >= set(shown)
    await keeps.catch_up()
    after = await slugs(keeps, variables, least=head)
    assert [slug for slug in after if slug in shown] == shown
    assert after == await slugs(keeps, variables, kept=False)


async def test_a_price_leaves_what_does_not_go_by_prices(
    keeps: Keeping, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranged = {"filter": {"price": {"min": "1"}}, "sort": {"key": "UPDATED_AT"}}
    for variables in (LISTED, PRICED, ranged):
        await slugs(keeps, variables)
    assert len(keeps.catalog.lists) == 3
    find = connections._find

    async def overtaken(*given: Any) -> Any:
        found = await find(*given)
        await put(keeps.shop, clock.now(), PriceChange(keeps.shop.variants["PEIXE"], 1))
        await keeps.catch_up()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(connections, "_find", overtaken)
        await slugs(keeps, {**PRICED, "filter": {"brands": ["Mar"]}})
    assert len(keeps.catalog.lists) == 1
    for variables in (LISTED, PRICED, ranged):
        assert await slugs(keeps, variables) == await slugs(keeps, variables, kept=False)
    assert len(keeps.catalog.lists) == 3
    keeps.catalog.lists.clear()
    assert keeps.catalog.lists.size == 0


@pytest.mark.parametrize(("query", "variables"), LOOKS)
async def test_what_changed_while_it_was_read_is_not_kept(
    keeps: Keeping, catalog: Catalog, query: str, variables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = connections._find

    async def overtaken(*given: Any) -> Any:
        found = await find(*given)
        await named(keeps, catalog, "peixe", "Zebra peixe")
        await keeps.catch_up()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(connections, "_find", overtaken)
        await keeps.ask(query, clock.now(), variables=variables)
    assert len(keeps.catalog.lists) == 0
    kept, there = [await keeps.ask(query, clock.now(), variables=variables, kept=kept) for kept in (True, False)]
    assert kept == there
    assert "Zebra" in str(there)


async def test_what_was_counted_of_another_moment_is_not_kept(
    keeps: Keeping, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that is kept is counted later than it was read: by who asks for more of it."""
    moment, how = clock.now(), dict[str, Any](variables=LISTED)
    few = "query($sort: ProductSort) { products(first: 4, sort: $sort) { nodes { slug } } }"
    many = "query($sort: ProductSort) { products(first: 4, sort: $sort) { nodes { slug } totalCount } }"
    await keeps.ask(few, moment, **how)
    total_of = counting.total_of

    async def overtaken(*given: Any) -> Any:
        total = await total_of(*given)
        await keeps.write(lambda tx: archive_product(tx, keeps.shop.actor(), catalog.products["peixe"]))
        await keeps.catch_up()
        return total

    with monkeypatch.context() as patched:
        patched.setattr(connections, "total_of", overtaken)
        assert (await keeps.ask(many, moment, **how))["products"]["totalCount"] == 4
    for _ in range(2):
        assert (await keeps.ask(many, moment, **how))["products"]["totalCount"] == 3


@pytest.mark.parametrize("begins", [True, False])
async def test_a_list_holds_until_a_publication_begins_or_ends(keeps: Keeping, catalog: Catalog, begins: bool) -> None:
    now = clock.now()
    window = {"starts_at": now + HOUR} if begins else {"ends_at": now + HOUR}
    draft = PublicationDraft(channel_id=keeps.shop.channels["web"], **window)
    await keeps.write(lambda tx: publish_product(tx, keeps.shop.actor(), catalog.products["peixe"], [draft]))
    await keeps.catch_up()
    for moment, there in ((now, not begins), (now + HOUR / 2, not begins), (now + HOUR, begins), (now, not begins)):
        for variables in (LISTED, FOUND):
            for _ in range(2):
                assert ("peixe" in await slugs(keeps, variables, moment=moment)) is there
    assert keeps.catalog.lists.hits


async def test_all_goes_when_the_follower_begins_anew(keeps: Keeping, catalog: Catalog) -> None:
    assert "peixe" in await slugs(keeps, LISTED)
    await keeps.write(lambda tx: archive_product(tx, keeps.shop.actor(), catalog.products["peixe"]))
    await keeps.number()
    # It never reads the row.
    await keeps.feed.begin()
    assert "peixe" not in await slugs(keeps, LISTED)


async def test_what_is_kept_is_bounded_and_the_least_used_goes(keeps: Keeping, catalog: Catalog) -> None:
    lists = keeps.catalog.lists = KeptLists(30_000)
    for number in range(40):
        await slugs(keeps, LISTED)
        await keeps.ask(SEARCH, clock.now(), variables={"search": f'"peixe" -{number}'})
        assert lists.size <= lists.limit
    assert lists.hits == 39
    assert 1 < len(lists) < 20
    lists.clear()
    assert lists.size == 0


async def test_what_a_list_was_asked_for_by_counts_as_well(keeps: Keeping, catalog: Catalog) -> None:
    lists = keeps.catalog.lists = KeptLists(400_000)
    for number in range(12):
        asked = [f"{number}-{place}-".ljust(400, "x") for place in range(100)]
        of = {"brands": asked} if number % 2 else {"options": [{"name": "Cor", "values": asked}]}
        await keeps.ask(LIST, clock.now(), variables={**LISTED, "filter": of})
    # Forty thousand characters each.
    assert 1 < len(lists) < 10
    assert lists.size <= lists.limit


async def test_what_is_asked_of_stock_and_by_staff_is_read(keeps: Keeping, catalog: Catalog) -> None:
    owner = keeps.shop.actor().principal
    for variables in ({"filter": {"inStock": True}}, {"filter": {"inStock": False}}):
        await slugs(keeps, variables)
    await slugs(keeps, {"filter": {"status": ["ACTIVE"]}}, who=owner)
    await slugs(keeps, LISTED, who=owner)
    assert len(keeps.catalog.lists) == 0
