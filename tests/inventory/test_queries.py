"""Lists of levels and movements."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert

from app.inventory.queries import (
    LevelFilter,
    MovementFilter,
    count_levels,
    count_movements,
    held_by,
    holds_of_carts,
    levels_by_ids,
    levels_page,
    movements_by_ids,
    movements_page,
)
from app.inventory.tables import stock_movement
from app.platform.ids import new_id
from tests.inventory.stock import UNIT, expire, hold_some
from tests.shop import Shop

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


async def test_pages_of_levels_neither_skip_nor_repeat(shop: Shop):
    for number in range(5):
        await shop.variant(f"V{number}", price=None, stock={"centro": UNIT, "cd": UNIT})
    seen: list[UUID] = []
    after: tuple[UUID, UUID] | None = None
    while page := await levels_page(shop.db, LevelFilter(), after=after, limit=3):
        seen += [row.id for row in page]
        after = (page[-1].variant_id, page[-1].location_id)
    assert len(seen) == len(set(seen)) == 10
    assert await count_levels(shop.db, LevelFilter(), up_to=100) == 10
    assert await count_levels(shop.db, LevelFilter(), up_to=4) == 4


async def test_levels_are_filtered_by_variant_location_and_reach(shop: Shop):
    for sku in ("CANECA", "BULE"):
        await shop.variant(sku, stock=dict.fromkeys(shop.locations, UNIT))
    centro, praia = shop.locations["centro"], shop.locations["praia"]
    for which, number in (
        (LevelFilter(variant_id=shop.variants["CANECA"]), 3),
        (LevelFilter(location_id=centro), 2),
        (LevelFilter(variant_id=shop.variants["BULE"], location_id=centro), 1),
        (LevelFilter(location_ids=frozenset({centro, praia})), 4),
        (LevelFilter(location_id=centro, location_ids=frozenset({praia})), 0),
        (LevelFilter(location_ids=frozenset()), 0),
    ):
        assert len(await levels_page(shop.db, which, after=None, limit=50)) == number
        assert await count_levels(shop.db, which, up_to=50) == number


async def test_a_levels_reserved_leaves_out_what_expired(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    old, _ = await hold_some(shop, "CANECA", 2)
    await hold_some(shop, "CANECA", 1)
    level = await shop.level("CANECA", "centro")
    assert (await levels_by_ids(shop.db, [level.id]))[level.id].reserved == 3 * UNIT
    await expire(shop, old)
    row = (await levels_by_ids(shop.db, [level.id, new_id()]))[level.id]
    assert (row.reserved, row.on_hand, row.variant_id) == (UNIT, 5 * UNIT, shop.variants["CANECA"])


async def record(shop: Shop, sku: str, code: str, at: datetime, **columns: Any) -> UUID:
    row = {"id": new_id(), "kind": "ADJUSTMENT", "quantity": 1, "on_hand_after": 1, "occurred_at": at}
    where = {"variant_id": shop.variants[sku], "location_id": shop.locations[code], "recorded_at": at}
    async with shop.db.transaction() as tx:
        await tx.execute(insert(stock_movement).values(row | where | columns))
    return row["id"]  # type: ignore[return-value]


async def test_movements_come_newest_first_in_pages(shop: Shop):
    await shop.variant("CANECA")
    # Three at each moment: the id decides between them.
    made = [await record(shop, "CANECA", "centro", NOON + timedelta(hours=n // 3)) for n in range(9)]
    rows = {key: NOON + timedelta(hours=n // 3) for n, key in enumerate(made)}
    seen: list[UUID] = []
    after: tuple[datetime, UUID] | None = None
    while page := await movements_page(shop.db, MovementFilter(), after=after, limit=2):
        seen += [row.id for row in page]
        after = (page[-1].occurred_at, page[-1].id)
    assert seen == sorted(made, key=lambda key: (rows[key], key), reverse=True)
    assert (await movements_by_ids(shop.db, made[:2])).keys() == set(made[:2])


async def test_movements_are_filtered(shop: Shop):
    await shop.variant("CANECA")
    await shop.variant("BULE")
    hour = timedelta(hours=1)
    await record(shop, "CANECA", "centro", NOON, kind="RECEIPT")
    await record(shop, "CANECA", "praia", NOON + hour, kind="SALE")
    await record(shop, "BULE", "centro", NOON + 2 * hour, kind="SALE")
    for which, number in (
        (MovementFilter(), 3),
        (MovementFilter(variant_id=shop.variants["CANECA"]), 2),
        (MovementFilter(location_id=shop.locations["centro"]), 2),
        (MovementFilter(kinds=["SALE", "COUNT"]), 2),
        (MovementFilter(kinds=[]), 0),
        (MovementFilter(occurred_from=NOON + hour), 2),
        (MovementFilter(occurred_from=NOON, occurred_to=NOON + hour), 1),
        (MovementFilter(location_ids=[shop.locations["praia"]], kinds=["SALE"]), 1),
    ):
        assert len(await movements_page(shop.db, which, after=None, limit=50)) == number
        assert await count_movements(shop.db, which, up_to=50) == number


async def test_what_carts_hold_is_read_for_many_at_once(shop: Shop):
    variant = await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    first, line = await hold_some(shop, "CANECA", 1)
    await hold_some(shop, "CANECA", 1, cart=first)
    second, _ = await hold_some(shop, "CANECA", 2)
    held = await holds_of_carts(shop.db, [first, second, new_id()])
    assert {cart: sum(row.quantity for row in rows) for cart, rows in held.items()} == {
        first: 2 * UNIT,
        second: 2 * UNIT,
    }
    assert line in {row.cart_line_id for row in held[first]}
    assert await held_by(shop.db, first) == {(variant, shop.locations["centro"]): 2 * UNIT}
    await expire(shop, first)
    assert await held_by(shop.db, first) == {}
