"""Laws 1 and 2 over HTTP: what is on hand is sold once, and every centavo is in the ledger, whoever asks at once."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import func, select

from app.orders.tables import order
from tests.api.server import Server, serving, tender
from tests.checkout.counter import UNIT, assert_books, balance, forget_holds, movements
from tests.laws.buyers import OK, all_at_once, buy, check_out, open_cart, told
from tests.shop import Shop

BUYERS = range(200)
SHORT = "INSUFFICIENT_STOCK"


@pytest.fixture
async def market(shop: Shop, database_url: str) -> AsyncIterator[Server]:
    async with serving(shop, database_url) as server:
        yield server


async def sold(shop: Shop) -> int:
    count: int = await shop.db.value(select(func.count()).select_from(order))
    return count


@pytest.mark.postgres15
async def test_two_hundred_buyers_after_fifty_units(market: Server):
    shop = market.shop
    await shop.variant("CANECA", price=4990, stock={"centro": 50 * UNIT})
    found = await all_at_once(lambda _: buy(market, "CANECA"), BUYERS)
    assert found == {OK: 50, SHORT: 150}
    level = await shop.level("CANECA", "centro")
    assert (level.on_hand, level.reserved, level.shortfall) == (0, 0, 0)
    assert (await sold(shop), sum(await movements(shop, "SALE"))) == (50, -50 * UNIT)
    assert await balance(shop, f"cash:{shop.locations['centro']}") == 50 * 4990
    await assert_books(shop)


async def test_two_hundred_guests_of_one_address_with_the_sites_own_documents(market: Server):
    """None of them is throttled, with the limits that the server comes with."""
    shop = market.shop
    await shop.variant("CANECA", price=4990, stock={"centro": 50 * UNIT})

    async def shop_around(_: int) -> str:
        given: dict[str, Any] = {"lines": [{"variant": {"sku": "CANECA"}, "quantity": 1}]}
        made = await market.run("storefront/createCart", input=given)
        if made["userErrors"]:
            return told(made)
        cart_id = made["cart"]["id"]
        await market.done(
            "storefront/setDelivery", cartId=cart_id, method="PICKUP", locationId=market.location("centro")
        )
        done = await market.run("storefront/completeCheckout", input={"cartId": cart_id, "tenders": [tender(4990)]})
        seen = await market.run("storefront/guestOrder", cartId=cart_id)
        assert seen["number"] == done["order"]["number"]
        return told(done)

    assert await all_at_once(shop_around, BUYERS) == {OK: 50, SHORT: 150}
    level = await shop.level("CANECA", "centro")
    assert (level.on_hand, level.reserved, await sold(shop)) == (50 * UNIT, 50 * UNIT, 50)
    await assert_books(shop)


async def test_two_hundred_checkouts_whose_holds_are_over(market: Server):
    shop = market.shop
    await shop.variant("CANECA", price=4990, stock={"centro": 50 * UNIT})
    carts = []
    for _ in range(4):
        opened = await asyncio.gather(*(open_cart(market, "CANECA") for _ in range(50)))
        carts += [each["cart"] for each in opened]
        await forget_holds(shop)

    async def pay(number: int) -> str:
        return told(await check_out(market, carts[number]))

    assert await all_at_once(pay, BUYERS) == {OK: 50, SHORT: 150}
    level = await shop.level("CANECA", "centro")
    assert (level.on_hand, level.reserved, await sold(shop)) == (0, 0, 50)
    await assert_books(shop)


async def test_two_variants_in_opposite_order(market: Server):
    shop = market.shop
    for sku in ("CANECA", "BULE"):
        await shop.variant(sku, price=1000, stock={"centro": 50 * UNIT})
    carts = []
    for _ in range(4):
        skus = [("CANECA", "BULE") if number % 2 else ("BULE", "CANECA") for number in range(50)]
        opened = await asyncio.gather(*(open_cart(market, *each) for each in skus))
        carts += [each["cart"] for each in opened]
        await forget_holds(shop)

    async def pay(number: int) -> str:
        return told(await check_out(market, carts[number]))

    # Half of them begin anew, half pay what they have in their cart.
    async def either(number: int) -> str:
        skus = ("CANECA", "BULE") if number % 4 > 1 else ("BULE", "CANECA")
        return await (pay(number) if number % 2 else buy(market, *skus))

    found = await all_at_once(either, BUYERS)
    assert found[OK] == 50
    assert set(found) == {OK, SHORT}
    for sku in ("CANECA", "BULE"):
        level = await shop.level(sku, "centro")
        assert (level.on_hand, level.reserved) == (0, 0)
    await assert_books(shop)


async def test_everybody_does_everything_at_once(market: Server):
    """Tills, guests, cancellations, shipments, money at the door, on three goods in three places."""
    shop = market.shop
    chance = random.Random(11)
    for sku in ("CANECA", "BULE", "COPO"):
        await shop.variant(sku, price=chance.randint(1, 9999), stock=dict.fromkeys(shop.locations, 15 * UNIT))
    orders: list[str] = []

    async def at_till(number: int) -> str:
        opened = await open_cart(market, *chance.sample(["CANECA", "BULE", "COPO"], 2))
        if opened["userErrors"]:
            return told(opened)
        return told(await check_out(market, opened["cart"]))

    async def picked_up(number: int) -> str:
        opened = await open_cart(market, chance.choice(["CANECA", "BULE"]), who=None, quantity=chance.randint(1, 3))
        if opened["userErrors"]:
            return told(opened)
        cart = opened["cart"]
        place = {
            "cartId": cart["id"],
            "method": "PICKUP",
            "locationId": market.location(chance.choice(["centro", "praia"])),
        }
        put = await market.write("cartDeliverySet", place)
        if put["userErrors"]:
            return told(put)
        done = await check_out(market, cart, who=None)
        if done["userErrors"]:
            return told(done)
        key = done["order"]["id"]
        orders.append(key)
        location = {"orderId": key, "locationId": place["locationId"]}
        both = await asyncio.gather(
            market.write("orderCancel", {"orderId": key}, who="owner"),
            market.write("fulfillmentCreate", location, who="owner"),
            market.write("fulfillmentCreate", location, who="owner"),
        )
        # Either it was called off or it left; never both, never twice.
        assert sum(told(each) == OK for each in both) == 1, both
        return OK

    async def either(number: int) -> str:
        return await (at_till(number) if number % 2 else picked_up(number))

    found = await all_at_once(either, range(120))
    assert set(found) <= {OK, SHORT}
    assert found[OK] > 10
    assert orders
    await assert_books(shop)
