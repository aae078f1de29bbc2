"""The audit of orders and fulfillments finds each law that is broken, and nothing where none is."""

from typing import Any

import pytest
from sqlalchemy import delete, update

from app.fulfillment.audit import violations as of_fulfillments
from app.fulfillment.tables import fulfillment, fulfillment_line
from app.orders.audit import violations as of_orders
from app.orders.tables import order, order_line
from app.payments.tables import payment, posting, refund
from app.platform.db import Tx
from tests.checkout.counter import UNIT, call_off, sale, ship_method, violations, web_order
from tests.shop import Shop

BREAKS: list[tuple[Any, str]] = [
    (update(order).values(total=order.c.total + 1), "the lines and deliveries do not add up"),
    (update(order).values(subtotal=order.c.subtotal + 1), "the total is not subtotal"),
    (update(order).values(tax=order.c.tax + 1), "the tax is not that of lines"),
    (update(order_line).values(total_net=order_line.c.total_gross + 1), "a line has another net"),
    (update(payment).values(amount=payment.c.amount + 1), "the payments do not add up to the total"),
    (update(payment).values(status="PENDING"), "what is owed in the ledger"),
    (delete(posting).where(posting.c.reason == "payment"), "what is owed in the ledger"),
    (update(payment).values(refunded=1), "a payment gave back another sum"),
    (delete(refund), "a payment gave back another sum"),
    (update(order).values(payment_status="PENDING"), "it is called paid and is not"),
    (update(order).values(fulfillment_status="UNFULFILLED"), "it is called fulfilled and is not"),
    (update(order).values(status="OPEN"), "a fulfilled order is open"),
    (update(order_line).values(fulfilled=0), "a line counts another quantity"),
    (delete(fulfillment_line), "a line counts another quantity"),
    (update(fulfillment).values(method="SHIP"), "a line left in another way"),
]


@pytest.fixture
async def sold(shop: Shop) -> Shop:
    """One order carried out, one open, one called off and refunded."""
    await shop.variant("CANECA", stock={"centro": 9 * UNIT})
    await ship_method(shop)
    await sale(shop, ("CANECA", 2))
    await web_order(shop, ("CANECA", 1))
    await call_off(shop, await web_order(shop, ("CANECA", 1), actor=shop.actor("cashier")))
    return shop


async def test_nothing_is_found_where_nothing_is_broken(sold: Shop):
    assert await violations(sold.db) == []


async def test_every_break_is_found(sold: Shop):
    for statement, what in BREAKS:
        async with sold.db.writes.connect() as connection, connection.begin() as begun:
            assert (await connection.execute(statement)).rowcount > 0, what
            found = await violations_within(connection)
            assert any(what in each for each in found), (what, found)
            await begun.rollback()
    assert await violations(sold.db) == []


async def violations_within(connection: Any) -> list[str]:
    return [*await of_orders(Tx(connection)), *await of_fulfillments(Tx(connection))]
