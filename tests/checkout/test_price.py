"""The price that is sold at: promised, agreed to, or refused with PriceChanged."""

from typing import Any

import pytest
from sqlalchemy import update

from app.channels.tables import channel
from app.checkout.errors import PriceChanged
from app.delivery.tables import delivery_method
from app.pricing.tables import price
from tests.carts.selling import basket_of, later, reprice
from tests.checkout.counter import (
    UNIT,
    assert_books,
    cash,
    guest,
    lines_of,
    new_cart,
    order_of,
    sell,
    ship_method,
    shipped_cart,
    till,
)
from tests.checkout.test_place import refused
from tests.shop import Shop

HOURS = 2


@pytest.fixture
async def mugs(shop: Shop) -> Shop:
    """CANECA at 19.90 and BULE at 30.00, in centro."""
    await shop.variant("CANECA", price=1990, stock={"centro": 9 * UNIT})
    await shop.variant("BULE", price=3000, stock={"centro": 9 * UNIT})
    return shop


async def moved(shop: Shop, cart_id: Any, *tenders: Any, **said: Any) -> list[PriceChanged]:
    """The PriceChanged of a checkout after the promise."""
    return list(await refused(shop, later(till(shop), hours=HOURS), cart_id, "PRICE_CHANGED", *tenders, **said))


async def test_until_then_the_quoted_price_is_charged(mugs: Shop):
    cart_id = await new_cart(mugs, till(mugs), ("CANECA", 2))
    await reprice(mugs, "CANECA", 9990, till(mugs).now)
    placed = await sell(mugs, till(mugs), cart_id, cash(3980), expected_total=3980)
    assert (await order_of(mugs, placed)).total == 3980
    await assert_books(mugs)


async def test_a_promise_keeps_a_price_that_is_no_more(mugs: Shop):
    cart_id = await new_cart(mugs, till(mugs), ("CANECA", 1))
    async with mugs.db.transaction() as tx:
        await tx.execute(update(price).values(ends_at=till(mugs).now))
    assert (await order_of(mugs, await sell(mugs, later(till(mugs), minutes=1), cart_id))).total == 1990
    await assert_books(mugs)


async def test_what_has_no_price_any_more_is_not_sold_after_the_promise(mugs: Shop):
    cart_id = await new_cart(mugs, till(mugs), ("CANECA", 1))
    async with mugs.db.transaction() as tx:
        await tx.execute(update(price).values(ends_at=till(mugs).now))
    await refused(mugs, later(till(mugs), hours=HOURS), cart_id, "WITHDRAWN")


async def test_after_it_each_line_that_moved_is_told(mugs: Shop):
    cart_id = await new_cart(mugs, till(mugs), ("CANECA", 2), ("BULE", 1))
    await reprice(mugs, "CANECA", 2100, till(mugs).now)
    [changed] = await moved(mugs, cart_id)
    mug = (await basket_of(mugs, cart_id)).lines[0].id
    assert (changed.line_id, changed.was, changed.now, changed.path) == (mug, 3980, 4200, ())


async def test_after_it_the_agreed_total_is_charged_and_no_other(mugs: Shop):
    cart_id = await new_cart(mugs, till(mugs), ("CANECA", 2), ("BULE", 1))
    await reprice(mugs, "CANECA", 2100, till(mugs).now)
    [changed] = await moved(mugs, cart_id, cash(6980), expected_total=6980)
    assert (changed.line_id, changed.was, changed.now, changed.path) == (None, 6980, 7200, ("expectedTotal",))
    placed = await sell(mugs, later(till(mugs), hours=HOURS), cart_id, cash(7200), expected_total=7200)
    assert [line.total_gross for line in await lines_of(mugs, placed)] == [4200, 3000]
    await assert_books(mugs)


async def test_after_it_an_unmoved_total_sells_without_a_word(mugs: Shop):
    cart_id = await new_cart(mugs, till(mugs), ("CANECA", 2))
    await sell(mugs, later(till(mugs), hours=HOURS), cart_id, cash(3980))
    await assert_books(mugs)


async def test_a_total_that_nobody_would_charge_is_refused_at_any_time(mugs: Shop):
    cart_id = await new_cart(mugs, till(mugs), ("CANECA", 2))
    [changed] = await refused(mugs, till(mugs), cart_id, "PRICE_CHANGED", cash(3980), expected_total=3979)
    assert (changed.was, changed.now, changed.currency, changed.cart_id) == (3979, 3980, "BRL", cart_id)


async def test_dearer_delivery_is_told_of_the_cart(shop: Shop):
    await shop.variant("CANECA", price=1990, stock={"centro": 9 * UNIT})
    await ship_method(shop, cost=1500)
    cart_id = await shipped_cart(shop, ("CANECA", 1))
    async with shop.db.transaction() as tx:
        await tx.execute(update(delivery_method).values(tiers=[{"from": 0, "price": 1800}]))
    [changed] = await refused(shop, later(guest(shop), hours=HOURS), cart_id, "PRICE_CHANGED")
    assert (changed.line_id, changed.was, changed.now) == (None, 3490, 3790)
    await sell(shop, guest(shop), cart_id, cash(3490))
    await assert_books(shop)


async def test_a_channel_that_changes_its_side_keeps_what_it_promised(mugs: Shop):
    cart_id = await new_cart(mugs, till(mugs), ("CANECA", 2))
    async with mugs.db.transaction() as tx:
        await tx.execute(update(channel).values(prices_include_tax=False))
    sold = await order_of(mugs, await sell(mugs, till(mugs), cart_id, cash(3980)))
    assert (sold.total, sold.shows_tax) == (3980, True)
    await assert_books(mugs)


async def test_a_channel_without_tax_in_its_prices_adds_it(mugs: Shop):
    async with mugs.db.transaction() as tx:
        await tx.execute(update(channel).values(prices_include_tax=False))
    cart_id = await new_cart(mugs, till(mugs), ("BULE", 3))
    sold = await order_of(mugs, await sell(mugs, till(mugs), cart_id))
    assert (sold.subtotal + sold.tax, sold.shows_tax) == (sold.total, False)
    await assert_books(mugs)
