"""What a change of stock tells, and whom."""

from typing import Any

from sqlalchemy import func, select

from app.events.outbox import Change, Topic, emit, gathering
from app.events.scopes import STAFF, place_scopes, sight_scopes
from app.events.tables import outbox
from app.inventory.levels import StockChange, adjust
from app.platform.db import Tx
from app.platform.ids import new_id
from tests.inventory.stock import UNIT, hold_some
from tests.shop import Shop


async def test_levels_are_told_to_their_location_and_availability_to_all_who_see_the_variant(shop: Shop):
    shown = await shop.variant("CANECA", stock={"centro": UNIT})
    hidden = await shop.variant("SEGREDO", stock={"centro": UNIT}, channels=())
    archived = await shop.variant("VELHO", stock={"centro": UNIT}, archived=True)
    for sku in ("CANECA", "SEGREDO", "VELHO"):
        await hold_some(shop, sku, 1)
    rows = await shop.db.rows(select(outbox).order_by(outbox.c.id))
    centro = place_scopes(shop.locations["centro"])
    assert [row.scopes_after for row in rows if row.topic == "STOCK"] == [centro] * 3
    scopes = {row.entity_id: row.scopes_after for row in rows if row.topic == "AVAILABILITY"}
    assert scopes == {shown: sight_scopes(shop.channels.values()), hidden: [STAFF], archived: [STAFF]}


async def received(shop: Shop, at: dict[str, tuple[str, ...]], *first: Change) -> list[Any]:
    """What a receipt of these variants at these places tells, in one transaction with `first`, told before it."""
    last = await shop.db.value(select(func.coalesce(func.max(outbox.c.id), 0)))
    changes = [
        StockChange(variant_id=shop.variants[sku], location_id=shop.locations[place], delta=UNIT)
        for sku, places in at.items()
        for place in places
    ]

    async def receive(tx: Tx) -> int:
        async with gathering(tx):
            if first:
                await emit(tx, first)
            await adjust(tx, shop.actor(), changes=changes, kind="RECEIPT")
        assert tx.told is not None
        return tx.told

    told = await shop.db.run(receive)
    rows = await shop.db.rows(select(outbox).where(outbox.c.id > last).order_by(outbox.c.id))
    assert rows[-1].id == told
    return list(rows)


async def test_who_writes_levels_tells_the_same_in_one_statement_and_in_two(shop: Shop):
    places = tuple(shop.locations)
    await shop.variant("CANECA", stock=dict.fromkeys(places, UNIT))
    await shop.variant("SEGREDO", stock=dict.fromkeys(places, UNIT), channels=())
    at = {"CANECA": places, "SEGREDO": places[:1]}
    other = Change(Topic.REGISTER, new_id(), 1)

    def parts(rows: list[Any], more: int) -> set[Any]:
        return {
            (row.topic, row.action, row.entity_id, row.version - more, *row.scopes_before, "→", *row.scopes_after)
            for row in rows
            if row.entity_id != other.entity_id
        }

    at_once = await received(shop, at)
    # What was told before goes first: then it is told as `tell` does, with all that is gathered.
    gathered = await received(shop, at, other)
    assert gathered[0].entity_id == other.entity_id
    assert len(at_once) == len(gathered) - 1 == len(places) + 1 + 2

    def raised(row: Any) -> int:
        many = row.topic == "AVAILABILITY" and row.entity_id == shop.variants["CANECA"]
        return len(places) if many else 1

    for before, after in zip(sorted(at_once, key=_entity), sorted(gathered[1:], key=_entity), strict=True):
        assert parts([before], 0) == parts([after], raised(after))


def _entity(row: Any) -> tuple[str, str]:
    return row.topic, str(row.entity_id)
