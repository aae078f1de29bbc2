"""Sets of products are brought up to date: by what the feed tells, as time passes, whatever comes between."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import insert, update

from app.browse import atoms, changes, sets, stocked, traits
from app.browse.counting import narrowed_by, total_of
from app.browse.facets import facets_of
from app.catalog.categories import CategoryDraft, update_category
from app.catalog.collections import CollectionDraft, update_collection
from app.catalog.drafts import ProductDraft, PublicationDraft
from app.catalog.products import save_product
from app.catalog.publication import publish_product
from app.catalog.variants import archive_variant
from app.inventory.levels import StockChange, adjust
from app.inventory.tables import hold, stock_level
from app.platform import clock
from app.platform.ids import new_id
from tests.api.keeping import Keeping
from tests.api.test_followed import begun
from tests.browse.agreeing import agrees, all_agree, of
from tests.browse.test_tallies import caps
from tests.events.doings import HOUR
from tests.inventory.stock import UNIT


async def rebrand(keeps: Keeping, key: Any, **columns: Any) -> None:
    draft = ProductDraft(id=key, mode="update", **columns)
    await keeps.write(lambda tx: save_product(tx, keeps.shop.actor(), draft))


def overtaking(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, what: Callable[[], Awaitable[Any]]) -> list[int]:
    """Let `what` happen between the snapshot of a read and its return, once."""
    read, left = getattr(where, name), [1]

    async def reading(*given: Any, **how: Any) -> Any:
        found = await read(*given, **how)
        if left:
            left.pop()
            await what()
        return found

    monkeypatch.setattr(where, name, reading)
    return left


async def test_what_changes_while_a_set_is_read(keeps: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = await caps(keeps)
    key = catalog.products["peixe"]

    async def change() -> None:
        await rebrand(keeps, key, brand="Outra", tags=["outra"], unpublish=[keeps.shop.channels["web"]])
        await keeps.catch_up()

    left = overtaking(monkeypatch, sets, "read_atoms", change)
    # Who asked before it was told may be answered as it was.
    assert await total_of(keeps.shop.db, keeps.catalog, of(keeps, brands=("Mar",))) == 2
    assert not left
    assert await total_of(keeps.shop.db, keeps.catalog, of(keeps, brands=("Mar",))) == 1
    await all_agree(keeps)


async def test_what_changes_while_it_is_looked_at_again(keeps: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = await caps(keeps)
    await all_agree(keeps)
    await rebrand(keeps, catalog.products["feira"], brand="Mar")
    await keeps.catch_up()

    async def change() -> None:
        await rebrand(keeps, catalog.products["peixe"], brand="Outra", tags=["outra"])
        await keeps.catch_up()

    left = overtaking(monkeypatch, sets, "look_again", change)
    await total_of(keeps.shop.db, keeps.catalog, of(keeps, brands=("Mar",)))
    assert not left
    await all_agree(keeps)


async def test_what_changes_while_columns_are_filled(keeps: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = await caps(keeps)
    matching = of(keeps, category_ids=tuple(key for key, _ in catalog.categories.values()))

    async def change() -> None:
        await rebrand(keeps, catalog.products["peixe"], brand="Outra", tags=["outra"], category_id=None)
        await keeps.catch_up()
        # Others have looked at it again before it is filled in.
        await total_of(keeps.shop.db, keeps.catalog, matching)

    rows = keeps.shop.db.rows

    async def reading(statement: Any, parameters: Any = None) -> Any:
        found = await rows(statement, parameters)
        if statement is traits.NUMBERED and left:
            left.pop()
            await change()
        return found

    left = [1]
    monkeypatch.setattr(keeps.shop.db, "rows", reading)
    await narrowed_by(keeps.shop.db, keeps.catalog, matching)
    assert not left
    await all_agree(keeps)


@pytest.mark.parametrize("again", [False, True])
async def test_what_is_sold_while_stock_is_looked_at(
    keeps: Keeping, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    await begun(keeps.shop)
    await keeps.shop.variant("PRATO", price=1990, stock=dict.fromkeys(keeps.shop.locations, UNIT))
    await keeps.catch_up()
    if again:
        await all_agree(keeps)
    rows = keeps.shop.db.rows

    async def reading(statement: Any, parameters: Any = None) -> Any:
        found = await rows(statement, parameters)
        if statement is (stocked.CHANGED if again else stocked.STATES) and left:
            left.pop()
            await stock_up(keeps, 0)
        return found

    left = [1]
    if again:
        await stock_up(keeps, 2, "PRATO")
    monkeypatch.setattr(keeps.shop.db, "rows", reading)
    await narrowed_by(keeps.shop.db, keeps.catalog, of(keeps))
    assert not left
    await agrees(keeps, of(keeps))


async def stock_up(keeps: Keeping, quantity: int, sku: str = "CANECA") -> None:
    shop = keeps.shop
    where = [(shop.variants[sku], key) for key in shop.locations.values()]
    some = [StockChange(*each, on_hand=quantity * UNIT) for each in where]
    await keeps.write(lambda tx: adjust(tx, shop.actor(), changes=some, kind="COUNT"))
    await keeps.catch_up()


async def in_stock(keeps: Keeping, **how: Any) -> dict[str, int]:
    found = await narrowed_by(keeps.shop.db, keeps.catalog, of(keeps, **how))
    assert found == await facets_of(keeps.shop.db, of(keeps, **how))
    return {value.value: value.count for facet in found or () if facet.name == "inStock" for value in facet.values}


async def test_what_is_sold_out(keeps: Keeping) -> None:
    """Until somebody tells of it; and not where only the clock has to come by."""
    shop = keeps.shop
    await begun(shop)
    await keeps.catch_up()
    for quantity, told in ((1, {"true": 1}), (0, {"false": 1}), (2, {"true": 1})):
        await stock_up(keeps, quantity)
        assert await in_stock(keeps) == told
        with keeps.counted() as sent:
            await narrowed_by(shop.db, keeps.catalog, of(keeps))
        assert sent == []
    nowhere: dict[str, Any] = {"location_ids": ()}
    assert await in_stock(keeps, **nowhere) == {"false": 1}
    await keeps.write(lambda tx: archive_variant(tx, shop.actor(), shop.variants["CANECA"]))
    await keeps.catch_up()
    assert await in_stock(keeps) == {"false": 1}


async def test_a_hold_that_runs_out_is_told_by_nobody(keeps: Keeping) -> None:
    shop = keeps.shop
    await begun(shop)
    await stock_up(keeps, 0)
    here = stock_level.c.location_id == shop.locations["centro"]
    row: dict[str, Any] = {"id": new_id(), "cart_id": new_id(), "cart_line_id": new_id(), "quantity": 3000}
    row |= {"variant_id": shop.variants["CANECA"], "location_id": shop.locations["centro"]}
    async with shop.db.transaction() as tx:
        await tx.execute(update(stock_level).where(here).values(on_hand=3000, reserved=3000))
        await tx.execute(insert(hold).values(**row, expires_at=clock.now() + HOUR))
    for passes, told in ((HOUR, {"false": 1}), (-HOUR, {"true": 1}), (HOUR, {"false": 1})):
        async with shop.db.transaction() as tx:
            await tx.execute(update(hold).values(expires_at=clock.now() + passes))
        assert await in_stock(keeps) == told


async def publish(keeps: Keeping, key: Any, window: PublicationDraft) -> None:
    await keeps.write(lambda tx: publish_product(tx, keeps.shop.actor(), key, [window]))


async def test_time_begins_and_ends_what_is_sold(keeps: Keeping) -> None:
    catalog = await caps(keeps)
    now, web = clock.now(), keeps.shop.channels["web"]
    key = catalog.products["peixe"]
    window = PublicationDraft(channel_id=web, starts_at=now + HOUR, ends_at=now + 2 * HOUR)
    await publish(keeps, key, window)
    await keeps.catch_up()
    asked = (0, 0.5, 1, 1.5, 2, 30, 1.5, 0, 1, 50, 2.5)
    totals = [await agrees(keeps, of(keeps, now + hours * HOUR, brands=("Mar",)), hours) for hours in asked]
    assert totals == [1, 1, 2, 2, 1, 1, 2, 1, 2, 1, 1]
    # What is told meanwhile has times as well.
    window = PublicationDraft(channel_id=web, starts_at=now + 51 * HOUR, ends_at=now + 60 * HOUR)
    await publish(keeps, key, window)
    await keeps.catch_up()
    assert [await agrees(keeps, of(keeps, now + hours * HOUR, brands=("Mar",))) for hours in (50, 51)] == [1, 2]


async def test_more_times_than_are_kept(keeps: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = await caps(keeps)
    monkeypatch.setattr(atoms, "MOST_COMING", 1)
    now, web = clock.now(), keeps.shop.channels["web"]
    slugs = ["feira", "peixe", "caneca", "bone-azul"]
    for place, slug in enumerate(slugs, start=1):
        window = PublicationDraft(channel_id=web, starts_at=now + place * HOUR)
        await publish(keeps, catalog.products[slug], window)
    await keeps.catch_up()
    others = len(catalog.products) - len(slugs)
    totals = [await agrees(keeps, of(keeps, now + hours * HOUR)) for hours in range(len(slugs) + 1)]
    assert totals == [others + each for each in range(len(slugs) + 1)]


async def test_what_the_feed_told_is_no_longer_remembered(keeps: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = await caps(keeps)
    await all_agree(keeps)
    monkeypatch.setattr(changes, "REMEMBERED", 1)
    for slug in ("peixe", "feira", "caneca", "bone-azul"):
        await rebrand(keeps, catalog.products[slug], brand=f"Outra {slug}", tags=["outra"])
    await keeps.catch_up()
    assert keeps.catalog.sets.changes.products.since(0) is None
    await all_agree(keeps)


async def test_of_much_that_changed_all_is_read_anew(keeps: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = await caps(keeps)
    await all_agree(keeps)
    for name, most in (("MOST_CHANGED", 1), ("MOST_COMPARED", 3)):
        monkeypatch.setattr(sets, name, most)
        for slug in ("peixe", "feira"):
            await rebrand(keeps, catalog.products[slug], brand=f"{name} {slug}", tags=[name])
        await keeps.catch_up()
        await all_agree(keeps, said=name)
        monkeypatch.undo()


async def test_the_feed_is_followed_anew(keeps: Keeping) -> None:
    catalog = await caps(keeps)
    await all_agree(keeps)
    await rebrand(keeps, catalog.products["peixe"], brand="Outra", unpublish=[keeps.shop.channels["web"]])
    await keeps.number()
    await keeps.feed.begin()
    await all_agree(keeps)


async def test_a_name_that_changed_while_its_words_were_read(keeps: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = await caps(keeps)
    await all_agree(keeps)
    actor, shelf = keeps.shop.actor(), catalog.categories["roupas"][0]

    async def rename() -> None:
        draft = CategoryDraft(name={"pt-BR": "Vestuário"})
        await keeps.write(lambda tx: update_category(tx, actor, shelf, draft))
        await keeps.catch_up()

    left = overtaking(monkeypatch, sets, "read_atoms", rename)
    await total_of(keeps.shop.db, keeps.catalog, of(keeps, search="roupas"))
    assert not left
    for typed in ("roupas", "vestuario"):
        await agrees(keeps, of(keeps, search=typed))
    draft = CollectionDraft(name={"pt-BR": "Praia"})
    await keeps.write(lambda tx: update_collection(tx, actor, catalog.collections["verao"], draft))
    await keeps.catch_up()
    for typed in ("roupas", "vestuario", "verao", "praia"):
        await agrees(keeps, of(keeps, search=typed))


async def test_they_take_no_more_than_they_may(keeps: Keeping) -> None:
    await caps(keeps)
    small = sets.Sets(keeps.feed, 4_000)
    keeps.catalog.sets = small
    await all_agree(keeps)
    assert 0 < small._size <= small.limit
    assert len(small) < 6
    tiny = sets.Sets(keeps.feed, 40)
    keeps.catalog.sets = tiny
    await all_agree(keeps)
    assert tiny.columns.size == 0
    assert len(tiny) == 1


async def test_values_begin_anew_where_they_outgrow_their_part(keeps: Keeping) -> None:
    catalog = await caps(keeps)
    own = keeps.catalog.sets.columns
    await all_agree(keeps)
    own.limit = own.size
    for number in range(4):
        await rebrand(keeps, catalog.products["peixe"], brand="Outra", tags=[f"tag {number}"])
        await keeps.catch_up()
        await all_agree(keeps)
    assert own._cleared
