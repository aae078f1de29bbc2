"""Lists within prices, counted by what is kept of a channel's prices: what the tables say, whatever is written."""

import asyncio
from collections.abc import Callable
from itertools import product
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from app.browse import priced, sets
from app.browse.common_words import find_listed
from app.browse.counting import narrowed_by, total_of
from app.browse.listing import Order
from app.browse.matching import Matching, OptionChoice
from app.browse.pages import Asked, find_products
from app.browse.priced import Priced, prices_key
from app.catalog.drafts import ProductDraft, PublicationDraft, TextDraft, VariantDraft
from app.catalog.products import save_product
from app.catalog.publication import publish_product
from app.catalog.variants import archive_variant
from app.platform import clock
from app.pricing.listing import refresh_due
from app.pricing.price_lists import create_price_list, deactivate_price_list
from app.pricing.prices import PriceChange, set_prices
from tests.api.keeping import Keeping
from tests.browse.agreeing import agrees, all_agree, of
from tests.browse.catalog import Catalog
from tests.browse.test_sets_followed import overtaking
from tests.events.doings import HOUR
from tests.inventory.stock import UNIT

BOUNDS = [(None, 1000), (1000, 3000), (2500, None), (1001, 1001), (4000, 2000), (None, None)]


async def mugs(keeps: Keeping) -> Catalog:
    """Of one price, of several, with a variant that has none, put away, or without any."""
    catalog = Catalog(keeps.shop)
    here = {"centro": 2 * UNIT}
    blue, green, purple = ({"values": [each]} for each in ("Azul", "Verde", "Roxo"))
    options, more = {"Cor": ["Azul", "Verde", "Roxo"]}, {**purple, "stock": here}
    products: dict[str, list[dict[str, Any]]] = {
        "barata": [{"price": 1000, **blue}],
        "cara": [{"price": 5000, **blue, "stock": here}],
        "varia": [
            {"price": 1000, **blue},
            {"price": 3000, **green, "stock": here},
            {"price": 3000, **purple},
        ],
        "em-parte": [{"price": 1000, **green}, {"price": None, **blue}, {"archived": True, "price": 1000, **more}],
        "guardada": [{"price": 1000, **green}, {"price": 3000, **blue, "archived": True, "stock": here}],
        "sem-preco": [{"price": None, **blue}],
        "nada": [],
    }
    for slug, variants in products.items():
        placed = [{"position": place, **each} for place, each in enumerate(variants, start=1)]
        await catalog.product(slug, variants=placed, options=options, brand="Mar", tags=[slug[:1]])
    await keeps.catch_up()
    return catalog


def within(keeps: Keeping, low: int | None, high: int | None, **wanted: Any) -> Matching:
    return of(keeps, price_min=low, price_max=high, **wanted)


async def each_agrees(keeps: Keeping, said: Any = None) -> list[int | None]:
    """How many are within each of some bounds, which is what the tables say."""
    asked: list[dict[str, Any]] = [{}, {"channel": "app"}, {"search": "varia"}]
    return [await agrees(keeps, within(keeps, *bounds, **wanted), said) for bounds in BOUNDS for wanted in asked]


async def put(keeps: Keeping, sku: str, amount: int | None, price_list_id: Any = None, **window: Any) -> None:
    shop = keeps.shop
    change, key = PriceChange(shop.variants[sku], amount, **window), price_list_id or shop.price_list_id
    await keeps.write(lambda tx: set_prices(tx, shop.actor(), price_list_id=key, changes=[change]))
    await keeps.catch_up()


async def test_bounds_are_of_each_variant(keeps: Keeping) -> None:
    await mugs(keeps)
    totals = await each_agrees(keeps)
    assert totals[::3] == [4, 4, 2, 0, 0, 7]
    assert await each_agrees(keeps) == totals
    members = await keeps.catalog.sets.members(within(keeps, 1000, 2000))
    assert members is not None
    assert (len(members.numbers), len(members.partly)) == (4, 2)


async def test_a_warm_list_asks_the_database_for_what_is_partly_within(keeps: Keeping) -> None:
    await mugs(keeps)
    for bounds, statements in (((4000, None), 0), ((None, 2000), 1)):
        await agrees(keeps, within(keeps, *bounds))
        with keeps.counted() as sent:
            await total_of(keeps.shop.db, keeps.catalog, within(keeps, *bounds))
            await narrowed_by(keeps.shop.db, keeps.catalog, within(keeps, *bounds))
        assert len(sent) == statements, sent


async def test_each_way_a_price_changes(keeps: Keeping) -> None:
    catalog = await mugs(keeps)
    shop, actor = keeps.shop, keeps.shop.actor()
    totals = [await each_agrees(keeps)]

    async def same(said: str) -> None:
        await keeps.catch_up()
        totals.append(await each_agrees(keeps, said))
        assert totals[-1] != totals[-2], said

    await put(keeps, "CARA", 900)
    await same("it costs less")
    await put(keeps, "CARA", None)
    await same("it costs nothing any more")
    await put(keeps, "SEM-PRECO", 2500)
    await same("it has a price at last")
    await put(keeps, "VARIA", 3000, starts_at=clock.now() + HOUR)
    assert await each_agrees(keeps) == totals[-1]
    await refresh_due(shop.watched, clock.now() + HOUR)
    await same("it costs more by the clock")
    await keeps.write(lambda tx: archive_variant(tx, actor, shop.variants["VARIA"]))
    await keeps.write(lambda tx: archive_variant(tx, actor, shop.variants["GUARDADA"]))
    await same("variants are put away")
    await keeps.write(lambda tx: archive_variant(tx, actor, shop.variants["GUARDADA-1"], archived=False))
    await same("a variant is brought back")
    given = {"name": {"pt-BR": "App"}, "channel_ids": [shop.channels["app"]], "priority": 9}
    how: dict[str, Any] = {"code": "app", "currency": "BRL", "includes_tax": True, "given": given}
    key = await keeps.write(lambda tx: create_price_list(tx, actor, **how))
    await put(keeps, "BARATA", 2999, key)
    await same("another channel has another price")
    await keeps.write(lambda tx: deactivate_price_list(tx, actor, price_list_id=key))
    await same("its list is switched off")
    more = VariantDraft(sku="MAIS", option_values=["Roxo"])
    shop.variants["MAIS"] = await save(keeps, id=catalog.products["barata"], mode="update", variants=[more])
    # Which has no price yet, and so is told of with its product alone.
    await keeps.catch_up()
    assert await each_agrees(keeps) == totals[-1]
    await put(keeps, "MAIS", 2600)
    await same("it has another variant")
    window = PublicationDraft(channel_id=shop.channels["web"])
    texts = [TextDraft(locale="pt-BR", name="Varia")]
    made: dict[str, Any] = {"slug": "nova", "status": "ACTIVE", "texts": texts, "publish": [window]}
    shop.variants["NOVA"] = await save(keeps, **made, variants=[VariantDraft(sku="NOVA")])
    await put(keeps, "NOVA", 100)
    await same("there is another product")
    await all_agree(keeps)


async def save(keeps: Keeping, **columns: Any) -> Any:
    """Its last variant's id."""
    draft = ProductDraft(**columns)
    return (await keeps.write(lambda tx: save_product(tx, keeps.shop.actor(), draft))).variant_ids[-1]


@pytest.mark.parametrize(("where", "name"), [(priced, "read_prices"), (sets, "look_again")])
async def test_a_price_that_changes_meanwhile(
    keeps: Keeping, monkeypatch: pytest.MonkeyPatch, where: Any, name: str
) -> None:
    await mugs(keeps)
    if where is sets:
        await each_agrees(keeps)
        await put(keeps, "CARA", 900)

    async def change() -> None:
        await put(keeps, "BARATA", 9000)
        await put(keeps, "VARIA-1", 9000)

    left = overtaking(monkeypatch, where, name, change)
    await total_of(keeps.shop.db, keeps.catalog, within(keeps, None, 1000))
    assert not left
    await each_agrees(keeps)


async def test_of_many_prices_that_changed_all_are_read_anew(keeps: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    await mugs(keeps)
    await each_agrees(keeps)
    key = prices_key(keeps.shop.channels["web"])
    for where, name in ((sets, "MOST_CHANGED"), (priced, "MOST_REWRITTEN")):
        with monkeypatch.context() as patched:
            patched.setattr(where, name, 1)
            before = keeps.catalog.sets._atoms[key]
            for amount, sku in enumerate(("CARA", "BARATA", "VARIA"), start=1234):
                await put(keeps, sku, amount + len(name))
                if name == "MOST_REWRITTEN":
                    await each_agrees(keeps)
            await each_agrees(keeps)
            assert keeps.catalog.sets._atoms[key] is not before, name


async def test_other_sets_stay_where_only_prices_change(keeps: Keeping) -> None:
    await mugs(keeps)
    await each_agrees(keeps)
    misses = keeps.catalog.sets.misses
    await put(keeps, "CARA", 900)
    await each_agrees(keeps)
    assert keeps.catalog.sets.misses == misses


async def test_prices_that_take_too_much_are_left_to_the_tables(keeps: Keeping) -> None:
    await mugs(keeps)
    await each_agrees(keeps)
    size = keeps.catalog.sets._atoms[prices_key(keeps.shop.channels["web"])].size
    keeps.catalog.sets = sets.Sets(keeps.feed, size)
    await each_agrees(keeps)
    assert await keeps.catalog.sets.members(within(keeps, None, 1000)) is None
    misses = keeps.catalog.sets.misses
    assert await keeps.catalog.sets.members(within(keeps, None, 1000)) is None
    assert keeps.catalog.sets.misses == misses
    assert await keeps.catalog.sets.members(of(keeps)) is not None
    # Of two channels one has room.
    keeps.catalog.sets = sets.Sets(keeps.feed, size * 5 // 2)
    await each_agrees(keeps)
    there = [await keeps.catalog.sets.members(within(keeps, None, 1000, channel=code)) for code in ("web", "app")]
    assert (there[0] is None, there[1] is None) == (False, True)


async def test_who_would_wait_long_asks_the_tables(keeps: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    await mugs(keeps)
    read, may = priced.read_prices, asyncio.Event()

    async def late(*given: Any) -> Any:
        await may.wait()
        return await read(*given)

    monkeypatch.setattr(priced, "read_prices", late)
    monkeypatch.setattr(sets, "PATIENCE", 0)
    own = keeps.catalog.sets
    await agrees(keeps, within(keeps, None, 1000))
    assert await own.members(within(keeps, None, 1000)) is None
    # Nobody else waits for them.
    monkeypatch.setattr(sets, "PATIENCE", 60)
    async with asyncio.timeout(30):
        assert await own.members(of(keeps)) is not None
    asked = asyncio.ensure_future(own.members(within(keeps, None, 1000)))
    may.set()
    assert await asked is not None
    await agrees(keeps, within(keeps, None, 1000))


BLUE = (OptionChoice("Cor", ("Azul",)),)
LISTS: list[dict[str, Any]] = [
    *(
        {},
        {"channel": "app"},
        {"search": "preco nada"},
        {"search": "preco"},
        {"brands": ("Mar",)},
        {"tags": ("s", "c")},
    ),
    *({"in_stock": True}, {"in_stock": False}, {"in_stock": False, "tags": ("s", "b")}),
    *({"options": BLUE}, {"price_max": 3000}, {"statuses": ("ACTIVE",)}),
]


async def pages_agree(keeps: Keeping, first: int = 2) -> list[int]:
    """How many products each list by PRICE has, page after page, which are those that the tables list."""
    db, catalog, seen = keeps.shop.db, keeps.catalog, []
    for wanted, descending in product(LISTS, (False, True)):
        matching, after, count = of(keeps, **wanted), None, 0
        stock = Asked(3, matching.location_ids, matching.ignores_safety_stock)
        while True:
            how: dict[str, Any] = {"descending": descending, "after": after, "first": first, "stock": stock}
            there = await find_products(db, matching, Order.PRICE, **how)
            assert await find_listed(db, catalog, matching, Order.PRICE, **how) == there, (wanted, how)
            count += len(there.ids)
            if not there.more:
                break
            after = there.stopped or there.keys[-1]
        seen.append(count)
    return seen


async def end_of(keeps: Keeping, **wanted: Any) -> tuple[int, int]:
    """How many a list by PRICE ends with that have no price, and how many statements that took."""
    matching = of(keeps, **wanted)
    how: dict[str, Any] = {"descending": False, "after": None, "first": 50, "stock": None}
    with keeps.counted() as sent:
        found = await find_listed(keeps.shop.db, keeps.catalog, matching, Order.PRICE, **how)
    return sum(price is None for price, _ in found.keys), len(sent)


async def test_what_has_no_price_is_named(keeps: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = await mugs(keeps)
    seen = await pages_agree(keeps)
    assert seen[0] == 7
    assert await end_of(keeps) == (2, 2)
    assert await end_of(keeps, in_stock=False) == (2, 3)
    assert await keeps.catalog.sets.unpriced(of(keeps, tags=("b", "c", "v"))) == []
    # Of what has a price nothing is asked.
    assert await end_of(keeps, in_stock=False, tags=("b", "c", "v")) == (0, 2)
    assert await end_of(keeps, tags=("b", "c", "v")) == (0, 1)
    assert await end_of(keeps, tags=("b", "c", "v"), in_stock=True) == (0, 1)
    assert await end_of(keeps, tags=("b", "c", "v"), options=BLUE) == (0, 1)
    await put(keeps, "CARA", None)
    await pages_agree(keeps)
    assert await end_of(keeps, tags=("b", "c", "v")) == (1, 2)
    for sku in ("CARA", "SEM-PRECO"):
        await put(keeps, sku, 100)
    assert (await pages_agree(keeps))[:20] == seen[:20]
    # A page that goes on where nothing is any more, still says when something will be.
    how: dict[str, Any] = {"descending": False, "after": (None, UUID(int=0)), "first": 2, "stock": None}
    matching = of(keeps, tags=("b", "c", "v"))
    window = PublicationDraft(channel_id=keeps.shop.channels["web"], ends_at=clock.now() + HOUR)
    await keeps.write(lambda tx: publish_product(tx, keeps.shop.actor(), catalog.products["cara"], [window]))
    await keeps.catch_up()
    found = await find_listed(keeps.shop.db, keeps.catalog, matching, Order.PRICE, **how)
    assert found == await find_products(keeps.shop.db, matching, Order.PRICE, **how)
    assert (found.ids, found.until) == ([], window.ends_at)
    monkeypatch.setattr(sets, "NAMED", 0)
    assert (await pages_agree(keeps))[:20] == seen[:20]
    assert await end_of(keeps) == (1, 2)


AMOUNTS = st.lists(st.integers(1, 12), max_size=4)
EACH = st.dictionaries(st.integers(0, 9), st.tuples(AMOUNTS, st.booleans()), max_size=8)
BOUND = st.none() | st.integers(-1, 14)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=EACH, writes=st.lists(EACH, max_size=4), bounds=st.lists(st.tuples(BOUND, BOUND), min_size=1, max_size=12))
async def test_whatever_they_cost(
    monkeypatch: pytest.MonkeyPatch, first: Any, writes: list[Any], bounds: list[tuple[int | None, int | None]]
) -> None:
    """Each product by itself would say the same."""
    monkeypatch.setattr(priced, "BLOCK", 3)
    pairs = sorted((amount, number) for number, (amounts, _) in first.items() for amount in amounts)
    levels = sorted({amount for amount, _ in pairs})
    atom = Priced(("prices", "web"), 0, 0)
    await atom.fill(
        SimpleNamespace(
            amounts=b"".join(level.to_bytes(8, "big") for level in levels),
            counts=b"".join(sum(a == level for a, _ in pairs).to_bytes(4, "big") for level in levels),
            numbers=b"".join(number.to_bytes(4, "big") for _, number in pairs),
            lacking=b"".join(number.to_bytes(4, "big") for number, (_, lacks) in first.items() if lacks) or None,
        )
    )
    there = dict(first)
    for written in ({}, *writes):
        there |= written
        atom.write(
            SimpleNamespace(number=number, amounts=sorted(set(amounts)) or None, lacks=lacks)
            for number, (amounts, lacks) in written.items()
        )
        assert atom.numbers == BitMap([number for number, (amounts, _) in there.items() if amounts])
        for low, high in bounds:
            fits = _fits(low, high)
            some = {number for number, (amounts, _) in there.items() if any(map(fits, amounts))}
            partly = {number for number in some if there[number][1] or not all(map(fits, there[number][0]))}
            for _ in range(2):
                assert atom.within(low, high) == (BitMap(some), BitMap(partly))
    assert atom.measure() > 0


def _fits(low: int | None, high: int | None) -> Callable[[int], bool]:
    return lambda amount: (low is None or amount >= low) and (high is None or amount <= high)
