"""Cancelling: stock and money go back, and the ledger ends at zero."""

import pytest
from sqlalchemy import func, select

from app.fulfillment.create import create
from app.orders.queries import events_of_orders
from app.orders.settle import settle
from app.payments.refunds import refunds_of
from app.payments.tables import posting
from app.platform.errors import InvalidInput, NotFound, VersionConflict
from app.platform.ids import new_id
from tests.carts.selling import basket_of
from tests.checkout.counter import (
    ADDRESS,
    UNIT,
    allocated,
    assert_books,
    balance,
    call_off,
    card,
    cash,
    deliver,
    lines_of,
    located,
    new_cart,
    order_of,
    owed,
    payments,
    pickup_order,
    sale,
    sell,
    ship_method,
    till,
    told,
    web_order,
)
from tests.shop import Shop


@pytest.fixture
async def mugs(shop: Shop) -> Shop:
    """Five in centro, five in cd; and a way to send them."""
    await shop.variant("CANECA", price=1990, stock={"centro": 5 * UNIT, "cd": 5 * UNIT})
    await ship_method(shop, cost=1500)
    return shop


async def test_an_unpaid_order_gives_its_stock_back_and_owes_nothing(mugs: Shop):
    placed = await web_order(mugs, ("CANECA", 7))
    assert sum((await allocated(mugs, placed)).values()) == 7 * UNIT
    await call_off(mugs, placed, version=1, why=" mudou de ideia ")
    gone = await order_of(mugs, placed)
    assert (gone.status, gone.payment_status, gone.fulfillment_status) == ("CANCELLED", "VOIDED", "UNFULFILLED")
    assert (gone.version, await told(mugs, "ORDER")) == (2, [1, 2])
    assert (await allocated(mugs, placed), await owed(mugs, placed)) == ({}, 0)
    assert [(await mugs.level("CANECA", code)).reserved for code in ("centro", "cd")] == [0, 0]
    assert [each.status for each in await payments(mugs, placed)] == ["VOIDED"]
    assert [each.cancelled for each in await lines_of(mugs, placed)] == [7 * UNIT]
    events = (await events_of_orders(mugs.db, [placed.order_id]))[placed.order_id]
    assert (events[-1].kind, events[-1].details) == ("cancelled", {"reason": "mudou de ideia", "refunded": 0})
    await assert_books(mugs)


async def test_what_was_paid_is_given_back_the_way_it_was_paid(mugs: Shop):
    cart_id = await new_cart(mugs, till(mugs), ("CANECA", 2))
    await deliver(mugs, till(mugs), cart_id, "SHIP", option="sedex", address=ADDRESS)
    placed = await sell(mugs, till(mugs), cart_id, cash(2000), card(3480))
    centro = mugs.locations["centro"]
    assert await balance(mugs, f"cash:{centro}") == 2000
    await call_off(mugs, placed, actor=till(mugs))
    gone = await order_of(mugs, placed)
    assert (gone.status, gone.payment_status, gone.refunded) == ("CANCELLED", "REFUNDED", 5480)
    refunds = (await refunds_of(mugs.db, [placed.order_id]))[placed.order_id]
    assert [(each.method, each.amount) for each in refunds] == [("CASH", 2000), ("CARD_TERMINAL", 3480)]
    for account in (f"cash:{centro}", f"card_terminal:{centro}", "sales", "tax", "delivery"):
        assert await balance(mugs, account) == 0
    assert await owed(mugs, placed) == 0
    await assert_books(mugs)


async def test_a_zero_total_can_be_called_off(mugs: Shop):
    await mugs.variant("AMOSTRA", price=0, stock={"centro": UNIT})
    cart_id = await new_cart(mugs, till(mugs), ("AMOSTRA", 1))
    await deliver(mugs, till(mugs), cart_id, "PICKUP", at="centro")
    placed = await sell(mugs, till(mugs), cart_id, free=True)
    await call_off(mugs, placed)
    assert await mugs.db.value(select(func.count()).select_from(posting)) == 0
    await assert_books(mugs)


async def test_what_has_left_is_not_called_off(mugs: Shop):
    placed = await sale(mugs, ("CANECA", 1))
    with pytest.raises(InvalidInput, match="has left") as caught:
        await call_off(mugs, placed)
    assert caught.value.code == "ALREADY_FULFILLED"
    cashier = mugs.actor("cashier", channel="pos")
    await mugs.variant("BULE", stock={"cd": UNIT})
    cart_id = await new_cart(mugs, cashier, ("CANECA", 1), ("BULE", 1))
    mug, pot = (await basket_of(mugs, cart_id)).lines
    await deliver(mugs, cashier, cart_id, "CARRY_OUT", at="centro", lines=[mug.id])
    await deliver(mugs, cashier, cart_id, "SHIP", option="sedex", address=ADDRESS, lines=[pot.id])
    mixed = await sell(mugs, cashier, cart_id)
    with pytest.raises(InvalidInput) as caught:
        await call_off(mugs, mixed)
    assert caught.value.code == "ALREADY_FULFILLED"
    await assert_books(mugs)


async def test_twice_is_once(mugs: Shop):
    placed = await web_order(mugs, ("CANECA", 1))
    await call_off(mugs, placed)
    with pytest.raises(InvalidInput) as caught:
        await call_off(mugs, placed)
    assert caught.value.code == "ORDER_CANCELLED"
    assert (await order_of(mugs, placed)).version == 2
    await assert_books(mugs)


async def test_whose_order_it_is(mugs: Shop):
    placed = await web_order(mugs, ("CANECA", 1))
    assert await allocated(mugs, placed) == {"centro": UNIT}
    for actor in (till(mugs, "praia-1"), located(mugs.actor("manager"), mugs, "cd"), mugs.actor("anonymous")):
        with pytest.raises(NotFound):
            await call_off(mugs, placed, actor=actor)
    await call_off(mugs, placed, actor=located(mugs.actor("manager"), mugs, "centro"))
    with pytest.raises(NotFound):
        await call_off(mugs, new_id())
    picked_up = await pickup_order(mugs, ("CANECA", 1))
    with pytest.raises(NotFound):
        await call_off(mugs, picked_up, actor=till(mugs, "praia-1"))
    await call_off(mugs, picked_up, actor=till(mugs))
    await assert_books(mugs)


async def test_a_stale_version_and_a_long_reason(mugs: Shop):
    placed = await web_order(mugs, ("CANECA", 1))
    with pytest.raises(VersionConflict):
        await call_off(mugs, placed, version=2)
    with pytest.raises(InvalidInput) as caught:
        await call_off(mugs, placed, why="x" * 501)
    assert caught.value.path == ("reason",)


async def test_a_called_off_order_takes_no_money_and_sends_nothing(mugs: Shop):
    placed = await web_order(mugs, ("CANECA", 1))
    [payment] = await payments(mugs, placed)
    await call_off(mugs, placed)
    owner = mugs.actor()
    with pytest.raises(InvalidInput) as caught:
        await mugs.db.run(
            lambda tx: settle(
                tx, owner, order_id=placed.order_id, payment_id=payment.id, expected_version=None, reference=None
            )
        )
    assert caught.value.code == "PAYMENT_NOT_PENDING"
    with pytest.raises(InvalidInput) as caught:
        await mugs.db.run(
            lambda tx: create(
                tx,
                owner,
                order_id=placed.order_id,
                expected_version=None,
                location_id=mugs.locations["cd"],
                parts=None,
            )
        )
    assert caught.value.code == "ORDER_CANCELLED"
    await assert_books(mugs)
