"""Lists counted by sets of products: the same as the tables say, whatever is written, and whenever it is asked."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, select
from sqlalchemy.sql.visitors import iterate

from app.browse import atoms, priced, stocked, traits
from app.browse.counting import narrowed_by, total_of
from app.browse.matching import OptionChoice
from app.catalog.tables import product
from app.platform import clock
from tests.api.keeping import WRITES, Keeping, Writing, keeping, writing
from tests.api.test_followed import CHANGES, begun, do, full
from tests.browse.agreeing import agrees, all_agree, of
from tests.browse.test_tallies import caps
from tests.events.doings import HOUR
from tests.shop import Shop
from tests.telling import FOLLOWED

AZUL = (OptionChoice("Cor", ("Azul",)),)


def test_whatever_sets_are_read_from_is_told() -> None:
    """All of it as PRODUCT; but the names that words are found by, the levels, and what the clock ends."""
    kept = [*atoms.BY_VALUE.values(), atoms.FACTS, atoms.SOLD, atoms.COMING, *atoms.PART.values(), atoms.CODE]
    kept += [traits.NUMBERED, stocked.STATES]
    tables = {part.name for each in kept for part in iterate(each) if isinstance(part, Table)}
    topics = {table: {topic for topic, _ in FOLLOWED.get(table, ())} for table in tables}
    untold = {table for table in tables if "PRODUCT" not in topics[table]}
    assert untold == {"stock_level", "hold"}
    assert "AVAILABILITY" in topics["stock_level"]
    kept = [priced.PRICES, priced.PRICES_AMONG, priced.NUMBERS_OF]
    tables = {part.name for each in kept for part in iterate(each) if isinstance(part, Table)}
    assert tables == {"channel_price", "variant", "product"}
    assert {topic for topic, _ in FOLLOWED["channel_price"]} == {"PRICE"}


async def test_they_are_what_the_tables_say(keeps: Keeping) -> None:
    await caps(keeps)
    # Once as it is read, and once as it is kept.
    assert await all_agree(keeps)
    misses = keeps.catalog.sets.misses
    assert await all_agree(keeps)
    assert keeps.catalog.sets.misses == misses > 0
    for wanted in ({"in_stock": True, "price_max": 4000}, {"options": AZUL}, {"statuses": ("ACTIVE",)}, {"ids": ()}):
        assert await keeps.catalog.sets.members(of(keeps, **wanted)) is None
        await agrees(keeps, of(keeps, **wanted))


async def test_a_warm_list_asks_the_database_nothing(keeps: Keeping) -> None:
    await caps(keeps)
    matching = of(keeps, search="azul", brands=("Mar",))
    await agrees(keeps, matching)
    with keeps.counted() as sent:
        await total_of(keeps.shop.db, keeps.catalog, matching)
        await narrowed_by(keeps.shop.db, keeps.catalog, matching)
    assert sent == []


@settings(
    max_examples=40, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    typed=st.lists(
        st.sampled_from(
            ["azul", "bone", '"bone azul"', "-liso", "-azul", "de", "the", "a", "c3po-9", "feir", "PEIXE", "-de"]
        ),
        min_size=1,
        max_size=4,
    )
)
async def test_whatever_is_typed(shop: Shop, typed: list[str]) -> None:
    if not await shop.db.rows(select(product)):
        async with keeping(shop) as first:
            await caps(first)
    async with keeping(shop) as keeps:
        for locale in ("pt-BR", "en"):
            matching = of(keeps, search=" ".join(typed), locale=locale)
            if matching.search is not None:
                await agrees(keeps, matching)


@pytest.mark.parametrize("change", CHANGES)
async def test_each_change_is_counted(keeps: Keeping, change: str) -> None:
    shop = keeps.shop
    await begun(shop)
    ids = await full(keeps)
    await keeps.catch_up()
    await all_agree(keeps)
    await keeps.write(lambda tx: CHANGES[change](shop, ids, tx, shop.actor()))
    await keeps.catch_up()
    await all_agree(keeps, said=change)
    await all_agree(keeps, clock.now() + 2 * HOUR, change)
    # Who asked before is answered as of then.
    await all_agree(keeps, clock.now() - timedelta(seconds=1), change)


@settings(
    max_examples=2, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
async def test_whatever_is_written(shop: Shop, seed: int) -> None:
    await begun(shop)
    async with keeping(shop) as keeps:
        doings = writing(shop, seed, clock.now())
        for which in (Writing.equip, Writing.draft, Writing.shelve, Writing.equip):
            await do(doings, which)
        for step in range(24):
            await do(doings, doings.roll.choice(WRITES))
            if doings.roll.random() < 0.2:
                doings.moment += doings.roll.choice([HOUR / 2, HOUR, 2 * HOUR])
                doings.done.append(f"the clock says {doings.moment:%H:%M}")
            if step % 3 == 0:
                await keeps.catch_up()
                await all_agree(keeps, doings.moment, doings.done[-6:])
        assert keeps.catalog.sets.hits > keeps.catalog.sets.misses
