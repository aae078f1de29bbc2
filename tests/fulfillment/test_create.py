"""Fulfilling: what leaves, from where, in which parts, and what cannot."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from app.catalog.tables import variant
from app.fulfillment.create import Part, create
from app.fulfillment.queries import fulfillments_by_ids, lines_of_fulfillments
from app.identity.principal import Actor
from app.inventory.errors import InsufficientStock
from app.orders.queries import events_of_orders
from app.platform.errors import InvalidInput, NotFound, VersionConflict
from app.platform.ids import new_id
from tests.carts.selling import basket_of
from tests.checkout.counter import (
    ADDRESS,
    UNIT,
    allocated,
    assert_books,
    deliver,
    guest,
    lines_of,
    located,
    movements,
    new_cart,
    order_of,
    pickup_order,
    refusals,
    sell,
    ship_method,
    till,
    told,
    web_order,
)
from tests.shop import Shop


async def send(shop: Shop, placed: Any, at: str = "cd", *parts: Part, actor: Actor | None = None, **more: Any) -> UUID:
    given: dict[str, Any] = {
        "order_id": getattr(placed, "order_id", placed),
        "expected_version": None,
        "location_id": shop.locations[at],
        "parts": parts or None,
    }
    return await shop.db.run(lambda tx: create(tx, actor or shop.actor(), **given | more))


async def refused(shop: Shop, placed: Any, code: str, at: str = "cd", *parts: Part, **more: Any) -> Any:
    before = (await told(shop, "ORDER"), await movements(shop, "SALE"))
    found = await refusals(send(shop, placed, at, *parts, **more))
    assert {each.code for each in found} == {code}
    assert (await told(shop, "ORDER"), await movements(shop, "SALE")) == before
    await assert_books(shop)
    return found[0]


def some(line: Any, units: float, index: int = 0) -> Part:
    key = line if isinstance(line, UUID) else line.id
    return Part(key, round(units * UNIT), path=("lines", str(index)))


@pytest.fixture
async def goods(shop: Shop) -> Shop:
    """CANECA: 5 in centro, 5 in cd; BULE: 5 in cd; and a way to send them."""
    await shop.variant("CANECA", price=1990, stock={"centro": 5 * UNIT, "cd": 5 * UNIT})
    await shop.variant("BULE", price=3000, stock={"cd": 5 * UNIT})
    await ship_method(shop)
    return shop


async def test_all_of_an_order_is_sent(goods: Shop):
    placed = await web_order(goods, ("CANECA", 2), ("BULE", 1))
    assert await allocated(goods, placed) == {"cd": 3 * UNIT}
    key = await send(goods, placed, carrier=" Correios ", tracking_number="AA1")
    [sent] = (await fulfillments_by_ids(goods.db, [key])).values()
    assert (sent.method, sent.state, sent.carrier, sent.tracking_number) == ("SHIP", "IN_TRANSIT", "Correios", "AA1")
    assert len((await lines_of_fulfillments(goods.db, [key]))[key]) == 2
    now = await order_of(goods, placed)
    assert (now.status, now.payment_status, now.fulfillment_status) == ("OPEN", "PENDING", "FULFILLED")
    assert (now.version, await told(goods, "ORDER")) == (2, [1, 2])
    assert (await allocated(goods, placed), sorted(await movements(goods, "SALE"))) == ({}, [-2 * UNIT, -UNIT])
    assert (await goods.level("CANECA", "cd")).on_hand == 3 * UNIT
    events = (await events_of_orders(goods.db, [placed.order_id]))[placed.order_id]
    assert [each.kind for each in events] == ["placed", "fulfilled"]
    await assert_books(goods)
    nothing = await refused(goods, placed, "NOTHING_LEFT")
    assert nothing.path == ("orderId",)


async def test_an_order_is_sent_in_parts_from_two_places(goods: Shop):
    placed = await web_order(goods, ("CANECA", 7))
    assert sum((await allocated(goods, placed)).values()) == 7 * UNIT
    [mugs] = await lines_of(goods, placed)
    await send(goods, placed, "cd", some(mugs, 5))
    assert (await order_of(goods, placed)).fulfillment_status == "PARTIALLY_FULFILLED"
    await send(goods, placed, "centro")
    assert (await order_of(goods, placed)).fulfillment_status == "FULFILLED"
    assert [(await goods.level("CANECA", code)).on_hand for code in ("cd", "centro")] == [0, 3 * UNIT]
    await assert_books(goods)


async def test_what_lies_elsewhere_is_taken_where_it_leaves(goods: Shop):
    placed = await web_order(goods, ("CANECA", 2))
    here = "centro" if await allocated(goods, placed) == {"cd": 2 * UNIT} else "cd"
    await send(goods, placed, here)
    assert (await goods.level("CANECA", here)).on_hand == 3 * UNIT
    assert (await goods.level("CANECA", "cd")).reserved == (await goods.level("CANECA", "centro")).reserved == 0
    await assert_books(goods)


async def test_what_is_not_there_does_not_leave(goods: Shop):
    placed = await web_order(goods, ("BULE", 1))
    with pytest.raises(InsufficientStock):
        await send(goods, placed, "praia")
    assert (await order_of(goods, placed)).fulfillment_status == "UNFULFILLED"
    assert await allocated(goods, placed) == {"cd": UNIT}
    await assert_books(goods)


async def test_parts_that_cannot_be(goods: Shop):
    placed = await web_order(goods, ("CANECA", 2), ("BULE", 1))
    mugs, pot = await lines_of(goods, placed)
    for units in (0, -1, 2.001, 3):
        refusal = await refused(goods, placed, "INVALID_QUANTITY", "cd", some(pot, 1), some(mugs, units, 1))
        assert refusal.path == ("lines", "1", "quantity")
    twice = await refused(goods, placed, "NAMED_TWICE", "cd", some(pot, 1), some(pot, 1, 1))
    assert twice.path == ("lines", "1", "lineId")
    unknown = await refused(goods, placed, "NOT_FOUND", "cd", some(new_id(), 1))
    assert unknown.path == ("lines", "0", "lineId")
    other = await web_order(goods, ("CANECA", 1))
    [foreign] = await lines_of(goods, other)
    await refused(goods, placed, "NOT_FOUND", "cd", some(foreign, 1))
    await refused(goods, placed, "EMPTY", parts=())
    await refused(goods, placed, "TOO_LONG", carrier="x" * 201)
    await send(goods, placed, "cd", some(mugs, 1))
    await refused(goods, placed, "INVALID_QUANTITY", "cd", some(mugs, 1.5))


async def test_whose_order_and_which_place(goods: Shop):
    placed = await web_order(goods, ("CANECA", 2))
    refusal = await refused(goods, placed, "NOT_FOUND", "praia", actor=till(goods, "praia-1"))
    assert refusal.path == ("orderId",)
    refusal = await refused(goods, placed, "NOT_FOUND", location_id=new_id())
    assert refusal.path == ("locationId",)
    here = await pickup_order(goods, ("CANECA", 1))
    await refused(goods, here, "NOT_FOUND", "praia", actor=located(goods.actor("cashier"), goods, "centro"))
    with pytest.raises(NotFound):
        await send(goods, new_id())
    with pytest.raises(VersionConflict):
        await send(goods, placed, expected_version=9)


async def test_what_is_picked_up_leaves_where_the_shopper_was_told_to_come(goods: Shop):
    placed = await pickup_order(goods, ("CANECA", 2))
    assert await allocated(goods, placed) == {"centro": 2 * UNIT}
    refusal = await refused(goods, placed, "WRONG_LOCATION", "praia")
    assert refusal.path == ("locationId",)
    key = await send(goods, placed, "centro", actor=till(goods))
    [left] = (await fulfillments_by_ids(goods.db, [key])).values()
    assert (left.method, left.state) == ("PICKUP", "COMPLETED")
    await assert_books(goods)


async def test_one_fulfillment_goes_one_way(goods: Shop):
    cart_id = await new_cart(goods, guest(goods), ("CANECA", 1), ("BULE", 1))
    mug, pot = (await basket_of(goods, cart_id)).lines
    await deliver(goods, guest(goods), cart_id, "PICKUP", at="centro", lines=[mug.id])
    await deliver(goods, guest(goods), cart_id, "SHIP", option="sedex", address=ADDRESS, lines=[pot.id])
    placed = await sell(goods, guest(goods), cart_id)
    refusal = await refused(goods, placed, "MIXED_METHODS")
    assert refusal.path == ("lines",)
    picked_up, shipped = await lines_of(goods, placed)
    await send(goods, placed, "centro", some(picked_up, 1))
    # What is left goes one way.
    await send(goods, placed, "cd")
    assert (await order_of(goods, placed)).fulfillment_status == "FULFILLED"
    assert shipped.delivery_id != picked_up.delivery_id
    await assert_books(goods)


async def test_what_was_allocated_leaves_the_stock_though_it_is_tracked_no_more(goods: Shop):
    placed = await web_order(goods, ("BULE", 2))
    async with goods.db.transaction() as tx:
        await tx.execute(update(variant).values(track_stock=False))
    await send(goods, placed)
    level = await goods.level("BULE", "cd")
    assert (level.on_hand, level.reserved) == (3 * UNIT, 0)
    await assert_books(goods)


async def test_what_was_not_tracked_then_is_taken_under_the_guard(goods: Shop):
    await goods.variant("LIVRO", track_stock=False)
    placed = await web_order(goods, ("LIVRO", 1))
    async with goods.db.transaction() as tx:
        await tx.execute(update(variant).values(track_stock=True))
    with pytest.raises(InsufficientStock):
        await send(goods, placed)
    async with goods.db.transaction() as tx:
        await tx.execute(update(variant).where(variant.c.sku == "LIVRO").values(track_stock=False))
    await send(goods, placed)
    assert (await order_of(goods, placed)).fulfillment_status == "FULFILLED"
    await assert_books(goods)


async def test_the_same_order_is_sent_once_by_many_at_once(goods: Shop):
    placed = await web_order(goods, ("CANECA", 2))
    found = await asyncio.gather(*(send(goods, placed) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(one, UUID) for one in found) == 1
    assert all(isinstance(one, UUID | InvalidInput) for one in found)
    assert (await goods.level("CANECA", "cd")).on_hand == 3 * UNIT
    await assert_books(goods)
