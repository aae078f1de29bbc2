"""What a checkout leaves for its answer is what anybody reads of the order afterwards."""

from typing import Any

from app.checkout.place import Checkout, Placed, place
from app.orders import record
from app.orders.queries import lines_of_orders, orders_by_ids
from app.payments import tenders
from app.payments.tenders import payments_of
from app.platform.db import Tx
from tests.carts.selling import UNIT, new_cart
from tests.checkout.counter import CENTRO, card, cash, till, total_of
from tests.shop import Shop


async def test_what_is_answered_is_what_was_recorded(shop: Shop):
    await shop.variant("CAFE", price=3250, stock={CENTRO: 10 * UNIT})
    actor = till(shop)
    cart_id = await new_cart(shop, actor, ("CAFE", 2))
    paid = (cash(1000, 2000), card(await total_of(shop, cart_id) - 1000))
    left: dict[Any, Any] = {}

    async def sell(tx: Tx) -> Placed:
        placed = await place(tx, actor, Checkout(cart_id=cart_id, expected_version=None, tenders=paid))
        left.update(tx.remembered)
        return placed

    key = (await shop.db.run(sell)).order_id
    row, lines = left[record.WRITTEN, key]
    assert row._mapping == dict((await orders_by_ids(shop.db, [key]))[key]._mapping)
    assert [each._mapping for each in lines] == [
        dict(each._mapping) for each in (await lines_of_orders(shop.db, [key]))[key]
    ]
    payments = (await payments_of(shop.db, [key]))[key]
    assert [vars(each) for each in left[tenders.WRITTEN, key]] == [dict(each._mapping) for each in payments]
