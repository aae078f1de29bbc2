"""What orders have allocated, and what leaves."""

from uuid import UUID

import pytest
from sqlalchemy import select

from app.inventory.errors import InsufficientStock
from app.inventory.reservations import Item, cancel_order, fulfill, return_stock
from app.inventory.tables import allocation, stock_movement
from app.inventory.tables import hold as held
from app.platform import clock
from app.platform.errors import Refusals
from app.platform.ids import new_id
from tests.inventory.stock import UNIT, assert_law, expire, hold_some, order_some, shortages, take, told
from tests.shop import Shop


async def sales(shop: Shop) -> list[tuple[int, int]]:
    """Quantity and what was on hand after it, of all that left, the oldest first."""
    rows = await shop.db.rows(
        select(stock_movement).where(stock_movement.c.kind != "RECEIPT").order_by(stock_movement.c.id)
    )
    return [(row.quantity, row.on_hand_after) for row in rows]


def item(shop: Shop, line: UUID, sku: str, units: float, code: str = "centro") -> Item:
    return Item(line, shop.variants[sku], shop.locations[code], round(units * UNIT), ("lines", "0"))


async def ship(shop: Shop, order: UUID, *items: Item) -> None:
    await shop.db.run(
        lambda tx: fulfill(tx, order_id=order, order_number="W1", items=items, actor=shop.actor(), now=clock.now())
    )


async def test_a_hold_becomes_an_allocation_and_the_level_stays_as_it_is(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 3 * UNIT, "praia": 3 * UNIT})
    cart, line = await hold_some(shop, "CANECA", 4, ("centro", "praia"))
    before = await told(shop, "STOCK")
    asked = take(shop, "CANECA", 4, ("centro", "praia"), line=line)
    taken = await order_some(shop, asked, cart=cart)
    places = shop.locations
    assert [(one.location_id, one.quantity) for one in taken] == [(places["centro"], 3 * UNIT), (places["praia"], UNIT)]
    assert await shop.db.rows(select(held)) == []
    assert (await shop.level("CANECA", "centro")).reserved == 3 * UNIT
    assert await told(shop, "STOCK") == before
    await assert_law(shop)


async def test_what_is_carried_out_leaves_at_once(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    cart, line = await hold_some(shop, "CANECA", 2)
    order = new_id()
    two = [take(shop, "CANECA", 2, line=line, leaves_now=True), take(shop, "CANECA", 1, leaves_now=True)]
    await order_some(shop, *two, cart=cart, order=order)
    level = await shop.level("CANECA", "centro")
    assert (level.on_hand, level.reserved) == (2 * UNIT, 0)
    assert await shop.db.rows(select(allocation)) == []
    assert await sales(shop) == [(-2 * UNIT, 3 * UNIT), (-UNIT, 2 * UNIT)]
    sale = await shop.db.row(select(stock_movement).where(stock_movement.c.kind == "SALE"))
    assert sale is not None
    assert (sale.order_id, sale.reference, sale.actor.partition(":")[0]) == (order, "W1", "staff")
    await assert_law(shop)


async def test_all_that_the_cart_held_is_gone_after_the_order(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT, "praia": UNIT})
    cart, line = await hold_some(shop, "CANECA", 3)
    await hold_some(shop, "CANECA", 2, cart=cart)
    # More than is free without the cart's other hold, which counts as given back.
    await order_some(shop, take(shop, "CANECA", 4, line=line), cart=cart)
    assert await shop.db.rows(select(held)) == []
    assert (await shop.level("CANECA", "centro")).reserved == 4 * UNIT
    await assert_law(shop)


async def test_a_hold_that_expired_but_stands_is_taken(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    cart, line = await hold_some(shop, "CANECA", 5)
    await expire(shop)
    await order_some(shop, take(shop, "CANECA", 5, line=line), cart=cart)
    assert (await shop.level("CANECA", "centro")).reserved == 5 * UNIT
    await assert_law(shop)


async def test_a_line_whose_hold_is_gone_passes_the_guard_anew(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    cart, line = await hold_some(shop, "CANECA", 3)
    await expire(shop)
    await hold_some(shop, "CANECA", 4)
    with pytest.raises(InsufficientStock) as refused:
        await order_some(shop, take(shop, "CANECA", 3, line=line, path=("cartId",)), cart=cart)
    assert (refused.value.line_id, refused.value.available, refused.value.path) == (line, UNIT, ("cartId",))
    await order_some(shop, take(shop, "CANECA", 1, line=line), cart=cart)
    await assert_law(shop)


async def test_every_short_line_is_named_and_nothing_is_sold(shop: Shop):
    await shop.variant("CANECA", stock={"centro": UNIT})
    await shop.variant("BULE", stock={"centro": UNIT})
    await shop.variant("COPO", stock={"centro": UNIT})
    asked = [take(shop, sku, units) for sku, units in (("CANECA", 2), ("BULE", 1), ("COPO", 3))]
    with pytest.raises(Refusals) as refused:
        await order_some(shop, *asked)
    assert [one.line_id for one in shortages(refused.value)] == [asked[0].cart_line_id, asked[2].cart_line_id]
    assert await shop.db.rows(select(allocation)) == []
    await assert_law(shop)


async def test_fulfilling_takes_allocations_off_the_shelf(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    order, asked = new_id(), take(shop, "CANECA", 3)
    await order_some(shop, asked, order=order)
    await ship(shop, order, item(shop, asked.order_line_id, "CANECA", 2))
    level = await shop.level("CANECA", "centro")
    assert (level.on_hand, level.reserved) == (3 * UNIT, UNIT)
    await ship(shop, order, item(shop, asked.order_line_id, "CANECA", 1))
    assert (await shop.level("CANECA", "centro")).reserved == 0
    assert await sales(shop) == [(-2 * UNIT, 3 * UNIT), (-UNIT, 2 * UNIT)]
    await assert_law(shop)


async def test_what_is_allocated_elsewhere_moves_under_the_guard(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT, "praia": 2 * UNIT})
    order, asked = new_id(), take(shop, "CANECA", 4)
    await order_some(shop, asked, order=order)
    with pytest.raises(InsufficientStock) as refused:
        await ship(shop, order, item(shop, asked.order_line_id, "CANECA", 3, "praia"))
    assert (refused.value.line_type, refused.value.path) == ("OrderLine", ("lines", "0"))
    assert (refused.value.requested, refused.value.available) == (3 * UNIT, 2 * UNIT)
    both = [item(shop, asked.order_line_id, "CANECA", 2, "praia"), item(shop, asked.order_line_id, "CANECA", 2)]
    await ship(shop, order, *both)
    centro, praia = await shop.level("CANECA", "centro"), await shop.level("CANECA", "praia")
    assert (centro.on_hand, centro.reserved, praia.on_hand, praia.reserved) == (3 * UNIT, 0, 0, 0)
    assert await shop.db.rows(select(allocation)) == []
    await assert_law(shop)


async def test_what_was_never_allocated_leaves_under_the_guard(shop: Shop):
    await shop.variant("CANECA", stock={"centro": UNIT})
    with pytest.raises(InsufficientStock):
        await ship(shop, new_id(), item(shop, new_id(), "CANECA", 2))
    await ship(shop, new_id(), item(shop, new_id(), "CANECA", 1))
    assert (await shop.level("CANECA", "centro")).on_hand == 0
    await assert_law(shop)


async def test_cancelling_gives_back_what_is_left_of_the_order_or_of_lines(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 9 * UNIT})
    order, first, second = new_id(), take(shop, "CANECA", 3), take(shop, "CANECA", 4)
    await order_some(shop, first, second, order=order)
    await ship(shop, order, item(shop, first.order_line_id, "CANECA", 1))
    await shop.db.run(lambda tx: cancel_order(tx, order_id=order, order_line_ids=[second.order_line_id]))
    assert (await shop.level("CANECA", "centro")).reserved == 2 * UNIT
    await shop.db.run(lambda tx: cancel_order(tx, order_id=order))
    level = await shop.level("CANECA", "centro")
    assert (level.on_hand, level.reserved) == (8 * UNIT, 0)
    await assert_law(shop)


async def test_what_comes_back_is_on_hand_again_where_it_comes_to(shop: Shop):
    variant = await shop.variant("CANECA", stock={"centro": 2 * UNIT})
    order = new_id()
    await order_some(shop, take(shop, "CANECA", 2, leaves_now=True), order=order)
    items = [(variant, shop.locations["centro"], UNIT), (variant, shop.locations["praia"], UNIT)]
    await shop.db.run(
        lambda tx: return_stock(tx, order_id=order, order_number="W1", items=items, actor=shop.actor(), now=clock.now())
    )
    assert (await shop.level("CANECA", "centro")).on_hand == UNIT
    assert (await shop.level("CANECA", "praia")).on_hand == UNIT
    await assert_law(shop)


async def test_an_order_may_take_what_safety_stock_keeps_back_where_its_channel_says_so(shop: Shop):
    await shop.variant("CANECA")
    async with shop.db.transaction() as tx:
        await shop.stock(tx, shop.variants["CANECA"], "centro", 2 * UNIT, safety_stock=2 * UNIT)
    with pytest.raises(InsufficientStock):
        await order_some(shop, take(shop, "CANECA", 2, leaves_now=True))
    await order_some(shop, take(shop, "CANECA", 2, leaves_now=True), ignores_safety_stock=True)
    level = await shop.level("CANECA", "centro")
    assert (level.on_hand, level.reserved, level.shortfall) == (0, 0, 2 * UNIT)
    await assert_law(shop)
