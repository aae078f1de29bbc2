"""Settling: the money that was promised is there."""

from typing import Any
from uuid import UUID

import pytest

from app.fulfillment.create import create
from app.identity.principal import Actor
from app.orders.queries import events_of_orders
from app.orders.settle import settle
from app.payments.tenders import Tender
from app.platform.errors import InvalidInput, NotFound, VersionConflict
from app.platform.ids import new_id
from tests.checkout.counter import (
    UNIT,
    assert_books,
    balance,
    guest,
    order_of,
    owed,
    payments,
    pickup_order,
    sell,
    ship_method,
    shipped_cart,
    till,
    told,
    web_order,
)
from tests.shop import Shop


async def receive(
    shop: Shop, placed: Any, payment_id: UUID, *, actor: Actor | None = None, version: int | None = None, **more: Any
) -> UUID:
    key, who = placed.order_id, actor or shop.actor()
    given = {"expected_version": version, "reference": None} | more
    return await shop.db.run(lambda tx: settle(tx, who, order_id=key, payment_id=payment_id, **given))


@pytest.fixture
async def mugs(shop: Shop) -> Shop:
    """Five in centro, five in cd; and a way to send them."""
    await shop.variant("CANECA", price=1990, stock={"centro": 5 * UNIT, "cd": 5 * UNIT})
    await ship_method(shop, cost=1500)
    return shop


async def test_money_on_pickup_goes_into_the_tills_drawer(mugs: Shop):
    placed = await pickup_order(mugs, ("CANECA", 1))
    [payment] = await payments(mugs, placed)
    here = mugs.locations["centro"]
    await mugs.db.run(
        lambda tx: create(tx, till(mugs), order_id=placed.order_id, expected_version=1, location_id=here, parts=None)
    )
    assert (await order_of(mugs, placed)).status == "OPEN"
    await receive(mugs, placed, payment.id, actor=till(mugs), version=2, reference=" NSU 7 ")
    done = await order_of(mugs, placed)
    assert (done.status, done.payment_status, done.version) == ("COMPLETED", "PAID", 3)
    [payment] = await payments(mugs, placed)
    assert (payment.status, payment.reference) == ("CAPTURED", "NSU 7")
    assert (await owed(mugs, placed), await balance(mugs, f"cash:{here}")) == (0, 1990)
    events = (await events_of_orders(mugs.db, [placed.order_id]))[placed.order_id]
    assert [each.kind for each in events] == ["placed", "fulfilled", "paid"]
    assert await told(mugs, "ORDER") == [1, 2, 3]
    await assert_books(mugs)


async def test_one_leg_after_the_other(mugs: Shop):
    cart_id = await shipped_cart(mugs, ("CANECA", 1))
    placed = await sell(mugs, guest(mugs), cart_id, Tender("CASH", 1000), Tender("CARD_TERMINAL", 2490))
    first, second = await payments(mugs, placed)
    await receive(mugs, placed, second.id)
    assert ((await order_of(mugs, placed)).payment_status, await owed(mugs, placed)) == ("PARTIALLY_PAID", 1000)
    await receive(mugs, placed, first.id)
    assert ((await order_of(mugs, placed)).payment_status, await owed(mugs, placed)) == ("PAID", 0)
    await assert_books(mugs)


async def test_it_is_received_once(mugs: Shop):
    placed = await web_order(mugs, ("CANECA", 1))
    [payment] = await payments(mugs, placed)
    await receive(mugs, placed, payment.id)
    with pytest.raises(InvalidInput) as caught:
        await receive(mugs, placed, payment.id)
    assert (caught.value.code, caught.value.path) == ("PAYMENT_NOT_PENDING", ("paymentId",))
    await assert_books(mugs)


async def test_what_cannot_be_received(mugs: Shop):
    placed, other = await web_order(mugs, ("CANECA", 1)), await web_order(mugs, ("CANECA", 1))
    [payment], [foreign] = await payments(mugs, placed), await payments(mugs, other)
    for key in (foreign.id, new_id()):
        with pytest.raises(NotFound) as caught:
            await receive(mugs, placed, key)
        assert caught.value.path == ("paymentId",)
    with pytest.raises(NotFound):
        await receive(mugs, placed, payment.id, actor=till(mugs, "praia-1"))
    with pytest.raises(VersionConflict):
        await receive(mugs, placed, payment.id, version=2)
    with pytest.raises(InvalidInput):
        await receive(mugs, placed, payment.id, reference="x" * 201)
    assert await told(mugs, "ORDER") == [1, 1]
    await assert_books(mugs)
