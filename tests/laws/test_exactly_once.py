"""Law 4 over HTTP: an operation id is carried out once, however often and however concurrently it is sent."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select, update

from app.carts.tables import cart as carts
from app.identity.tables import device
from app.orders.tables import order
from app.platform.tables import operation
from tests.api.server import Server, money, serving
from tests.checkout.counter import UNIT, assert_books, told
from tests.laws.buyers import CHECK_OUT, check_out, open_cart
from tests.shop import Shop


@pytest.fixture
async def market(shop: Shop, database_url: str) -> AsyncIterator[Server]:
    """CANECA: ten in centro."""
    await shop.variant("CANECA", price=4990, stock={"centro": 10 * UNIT})
    async with serving(shop, database_url) as server:
        yield server


async def counted(shop: Shop) -> tuple[int, int]:
    """Orders, and operations."""
    orders = await shop.db.value(select(func.count()).select_from(order))
    return orders, await shop.db.value(select(func.count()).select_from(operation))


@pytest.mark.postgres15
async def test_twenty_times_at_once_is_one_order(market: Server):
    cart = (await open_cart(market, "CANECA"))["cart"]
    key = str(uuid4())
    answers = await asyncio.gather(*(check_out(market, cart, operationId=key) for _ in range(20)))
    assert [each["userErrors"] for each in answers] == [[]] * 20
    assert len({each["order"]["number"] for each in answers}) == 1
    assert sorted(each["replayed"] for each in answers) == [False] + [True] * 19
    assert await counted(market.shop) == (1, 2)
    assert await told(market.shop, "ORDER") == [1]
    assert (await market.shop.level("CANECA", "centro")).on_hand == 9 * UNIT
    await assert_books(market.shop)


async def test_a_cart_is_opened_once_by_twenty_at_once(market: Server):
    key = str(uuid4())
    query = "mutation($input: CartCreateInput!) { cartCreate(input: $input) { cart { id version } replayed } }"
    given = {"operationId": key, "lines": [{"variant": {"sku": "CANECA"}, "quantity": 2}]}
    answers = await asyncio.gather(*(market.ask(query, {"input": given}) for _ in range(20)))
    assert len({each["cartCreate"]["cart"]["id"] for each in answers}) == 1
    assert (await market.shop.level("CANECA", "centro")).reserved == 2 * UNIT


async def test_a_cart_checked_out_by_many_under_other_ids_is_sold_once(market: Server):
    cart = (await open_cart(market, "CANECA"))["cart"]
    answers = await asyncio.gather(*(check_out(market, cart, operationId=str(uuid4())) for _ in range(20)))
    codes = sorted(each["userErrors"][0]["code"] if each["userErrors"] else "" for each in answers)
    assert codes == [""] + ["CART_CLOSED"] * 19
    assert (await counted(market.shop))[0] == 1
    await assert_books(market.shop)


async def test_a_lost_answer_is_asked_for_again(market: Server):
    cart = (await open_cart(market, "CANECA"))["cart"]
    key = str(uuid4())
    given = {
        "operationId": key,
        "cartId": cart["id"],
        "tenders": [{"method": "CASH", "amount": money(4990), "received": money(5000)}],
    }
    body = {"query": CHECK_OUT, "variables": {"input": given}}
    # The line is cut while the answer is on its way.
    async with httpx.AsyncClient(base_url=market.url) as cut:
        with pytest.raises(httpx.ReadTimeout):
            await cut.post("/graphql", json=body, headers=market.headers("till"), timeout=httpx.Timeout(5, read=0.001))
    again = [(await market.ask(CHECK_OUT, {"input": given}, who="till"))["checkoutComplete"] for _ in range(2)]
    assert again[0]["order"] == again[1]["order"]
    assert again[0]["order"] is not None
    assert again[1]["replayed"]
    assert [each["change"]["amount"] for each in again] == ["0.10", "0.10"]
    assert (await counted(market.shop))[0] == 1
    await assert_books(market.shop)


async def test_another_input_or_caller_is_told_nothing(market: Server):
    cart = (await open_cart(market, "CANECA"))["cart"]
    key = str(uuid4())
    done = await check_out(market, cart, operationId=key)
    assert done["userErrors"] == []
    for more, who in (({"email": "ana@feira.example"}, "till"), ({}, "cashier"), ({}, None)):
        refused = await check_out(market, cart, operationId=key, who=who, **more)
        assert [each["code"] for each in refused["userErrors"]] == ["OPERATION_ID_REUSED"]
        assert (refused["order"], refused["change"], refused["replayed"]) == (None, None, False)
    # The same by value: absent is the default.
    assert (await check_out(market, cart, operationId=key, email=None))["replayed"]
    assert await counted(market.shop) == (1, 2)


async def test_what_was_refused_leaves_nothing_and_may_be_tried_again(market: Server):
    cart = (await open_cart(market, "CANECA"))["cart"]
    key = str(uuid4())
    before = await counted(market.shop)
    refused = await check_out(market, cart, operationId=key, expectedTotal=money(1))
    assert [each["code"] for each in refused["userErrors"]] == ["PRICE_CHANGED"]
    assert await counted(market.shop) == before
    done = await check_out(market, cart, operationId=key)
    assert (done["userErrors"], done["replayed"]) == ([], False)
    await assert_books(market.shop)


async def test_a_repeat_sees_the_order_as_it_is_now(market: Server):
    cart = (await open_cart(market, "CANECA", who=None))["cart"]
    put = {"cartId": cart["id"], "method": "PICKUP", "locationId": market.location("centro")}
    assert (await market.write("cartDeliverySet", put))["userErrors"] == []
    key = str(uuid4())
    given = {"operationId": key, "cartId": cart["id"], "tenders": [{"method": "CASH", "amount": money(4990)}]}
    first = await market.write("checkoutComplete", given, "order { id status version }")
    cancelled = {"operationId": str(uuid4()), "orderId": first["order"]["id"]}
    for replayed in (False, True):
        done = await market.write("orderCancel", cancelled, "order { status version }", who="owner")
        assert (done["replayed"], done["order"]) == (replayed, {"status": "CANCELLED", "version": 2})
    again = await market.write("checkoutComplete", given, "order { number status version }")
    assert (again["replayed"], again["order"]["status"], again["order"]["version"]) == (True, "CANCELLED", 2)


async def test_who_may_no_longer_see_it_is_shown_nothing_by_a_repeat(market: Server):
    cart = (await open_cart(market, "CANECA", who=None))["cart"]
    put = {"cartId": cart["id"], "method": "PICKUP", "locationId": market.location("centro")}
    await market.write("cartDeliverySet", put)
    order_id = (await check_out(market, cart, who=None))["order"]["id"]
    given = {"operationId": str(uuid4()), "orderId": order_id, "locationId": market.location("centro")}
    done = await market.write("fulfillmentCreate", given, "order { id } fulfillment { id }", who="till")
    assert done["order"] == {"id": order_id}
    # The till is moved to the other shop.
    async with market.shop.db.transaction() as tx:
        await tx.execute(
            update(device).where(device.c.name == "till").values(register_id=market.shop.registers["praia-1"])
        )
    await asyncio.sleep(2)
    again = await market.write("fulfillmentCreate", given, "order { id } fulfillment { id }", who="till")
    assert (again["replayed"], again["order"], again["fulfillment"]) == (True, None, None)
    # And so is a guest whose cart now belongs to somebody.
    async with market.shop.db.transaction() as tx:
        await tx.execute(update(carts).values(customer_id=uuid4()))
    gone = await market.ask("query($id: ID!) { order(by: { cartId: $id }) { id } }", {"id": cart["id"]})
    assert gone == {"order": None}
