"""Orders through the API: what is shown to whom, and what a refusal tells."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update

from app.carts.tables import cart as carts
from app.platform import clock, ids
from tests.api.ordering import at, find, picked_up, shipped, state
from tests.api.server import Server, money, serving, tender
from tests.carts.selling import ship_method
from tests.checkout.counter import UNIT, forget_holds
from tests.laws.buyers import check_out, open_cart
from tests.shop import Shop


@pytest.fixture
async def market(shop: Shop, database_url: str) -> AsyncIterator[Server]:
    """CANECA (49.90): ten in centro, ten in cd; and a way to send them."""
    await shop.variant("CANECA", price=4990, stock={"centro": 10 * UNIT, "cd": 10 * UNIT})
    await ship_method(shop, cost=1500)
    async with serving(shop, database_url) as server:
        yield server


async def test_an_order_in_whole_to_its_guest(market: Server):
    cart_id, made = await shipped(market, 2)
    sent = {"orderId": made["id"], "locationId": market.location("cd"), "lines": None, "carrier": "Correios"}
    assert (await market.write("fulfillmentCreate", sent, who="owner"))["userErrors"] == []
    seen = await find(market, {"cartId": cart_id})
    assert seen == await find(market, {"id": made["id"]}, "owner")
    assert seen == await find(market, {"number": made["number"]}, "owner")
    [line] = seen["lines"]
    assert (line["quantity"], line["fulfilled"], line["variant"], line["total"]) == (
        2,
        2,
        {"sku": "CANECA"},
        {"gross": {"amount": "99.80"}},
    )
    assert seen["deliveries"][0]["lineIds"] == [line["id"]]
    assert seen["fulfillments"][0]["lines"] == [{"quantity": 2, "line": {"id": line["id"], "name": line["name"]}}]
    assert (seen["totals"]["total"]["amount"], seen["totals"]["tax"]["amount"]) == ("114.80", "17.51")
    assert (seen["channel"]["code"], [each["channel"]["code"] for each in seen["journey"]]) == ("web", ["web"])
    nodes = [
        made["id"],
        line["id"],
        seen["deliveries"][0]["id"],
        seen["payments"][0]["id"],
        seen["fulfillments"][0]["id"],
    ]
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    found = (await market.ask(query, {"ids": nodes}, who="owner"))["nodes"]
    assert [each["id"] for each in found] == nodes
    assert (await market.ask(query, {"ids": nodes}))["nodes"] == [None] * 5


async def test_events_are_for_those_who_read_orders(market: Server):
    cart_id, made = await shipped(market)
    query = "query($by: OrderBy!) { order(by: $by) { number events { kind message actor at channel { code } } } }"
    answer = (await market.post(query, {"by": {"cartId": cart_id}})).json()
    assert (answer["data"]["order"], answer["errors"][0]["extensions"]["code"]) == (
        {"number": made["number"], "events": None},
        "FORBIDDEN",
    )
    [event] = (await market.ask(query, {"by": {"id": made["id"]}}, who="owner"))["order"]["events"]
    assert (event["kind"], event["actor"], made["number"] in event["message"]) == ("placed", "anonymous", True)


async def test_whose_order_it_is(market: Server):
    sent_cart, sent = await shipped(market)
    _, here = await picked_up(market)
    sale = (await check_out(market, (await open_cart(market, "CANECA"))["cart"]))["order"]
    sight: dict[str | None, set[str]] = {}
    for who in (None, "till", "praia", "cashier", "owner"):
        numbers = {each["number"] for each in (sent, here, sale)}
        sight[who] = {number for number in numbers if await find(market, {"number": number}, who)}
    # What is sent goes out from centro, too.
    near = {here["number"], sale["number"], sent["number"]}
    assert sight == {None: set(), "till": near, "praia": set(), "cashier": near, "owner": near}
    query = "{ orders(first: 10) { nodes { number } totalCount } }"
    for who, wanted in sight.items():
        if who is not None:
            found = (await market.ask(query, who=who))["orders"]
            assert ({each["number"] for each in found["nodes"]}, found["totalCount"]) == (wanted, len(wanted))
    assert (await market.post(query)).json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    async with market.shop.db.transaction() as tx:
        await tx.execute(update(carts).values(customer_id=uuid4()))
    assert await find(market, {"cartId": sent_cart}) is None
    assert (await find(market, {"cartId": sent_cart}, "owner"))["number"] == sent["number"]


async def test_orders_are_filtered_and_paged(market: Server):
    made = [(await shipped(market))[1], (await picked_up(market))[1]]
    made += [(await check_out(market, (await open_cart(market, "CANECA"))["cart"]))["order"] for _ in range(2)]
    query = """query($filter: OrderFilter, $first: Int!, $after: String) {
      orders(first: $first, after: $after, filter: $filter) {
        nodes { number } pageInfo { hasNextPage endCursor } totalCount } }"""

    async def numbers(first: int = 10, after: str | None = None, **wanted: Any) -> Any:
        found = await market.ask(query, {"filter": wanted, "first": first, "after": after}, who="owner")
        return [each["number"] for each in found["orders"]["nodes"]], found["orders"]["pageInfo"]

    every = [each["number"] for each in reversed(made)]
    assert (await numbers())[0] == every
    seen, after = [], None
    while True:
        page, info = await numbers(1, after)
        seen += page
        after = info["endCursor"]
        if not info["hasNextPage"]:
            break
    assert seen == every
    assert (await numbers(statuses=["COMPLETED"]))[0] == every[:2]
    assert (await numbers(channels=["web", "nowhere"]))[0] == every[2:]
    assert (await numbers(locationId=market.location("centro")))[0] == every[:2]
    assert (await numbers(search=every[3].lower()))[0] == [every[3]]
    assert len((await numbers(search="caneca"))[0]) == 4
    assert (await numbers(search="%"))[0] == []
    assert (await numbers(placedTo=(clock.now() - timedelta(days=1)).isoformat()))[0] == []
    assert (await numbers(customerId=ids.encode("Customer", uuid4())))[0] == []


async def test_a_stale_version_is_answered_with_what_is_there_now(market: Server):
    cart = (await open_cart(market, "CANECA"))["cart"]
    given = {"cartId": cart["id"], "expectedVersion": 7, "tenders": [tender(4990)]}
    kinds = "__typename ... on Cart { version } ... on Order { version }"
    conflict = f"... on VersionConflict {{ currentVersion current {{ {kinds} }} }}"

    async def stale(mutation: str, given: dict[str, Any], who: str = "owner") -> Any:
        kind = mutation[0].upper() + mutation[1:]
        query = f"mutation($input: {kind}Input!) {{ {mutation}(input: $input) {{ userErrors {{ path {conflict} }} }} }}"
        [error] = (await market.ask(query, {"input": given}, who=who))[mutation]["userErrors"]
        assert error["path"] == at("expectedVersion")
        return error["currentVersion"], error["current"]

    before = await state(market.shop)
    current = {"__typename": "Cart", "version": 1}
    assert await stale("checkoutComplete", given, "till") == (1, current)
    assert await state(market.shop) == before
    _, made = await shipped(market)
    current = {"__typename": "Order", "version": 1}
    version = {"orderId": made["id"], "expectedVersion": 2}
    payment = (await find(market, {"id": made["id"]}, "owner"))["payments"][0]["id"]
    assert await stale("orderCancel", version) == (1, current)
    assert await stale("fulfillmentCreate", version | {"locationId": market.location("cd")}) == (1, current)
    assert await stale("paymentSettle", version | {"paymentId": payment}) == (1, current)


async def test_the_price_that_changed_is_told_with_the_cart(market: Server):
    cart = (await open_cart(market, "CANECA"))["cart"]
    told = "... on PriceChanged { lineId was { amount } now { amount } cart { id totals { total { amount } } } }"
    query = (
        f"mutation($input: CheckoutCompleteInput!) {{ checkoutComplete(input: $input) {{ userErrors {{ {told} }} }} }}"
    )
    given = {"cartId": cart["id"], "tenders": [tender(4000)], "expectedTotal": money(4000)}
    [error] = (await market.ask(query, {"input": given}, who="till"))["checkoutComplete"]["userErrors"]
    assert error == {
        "lineId": None,
        "was": {"amount": "40.00"},
        "now": {"amount": "49.90"},
        "cart": {"id": cart["id"], "totals": {"total": {"amount": "49.90"}}},
    }


async def test_a_short_line_is_told_with_its_variant(market: Server):
    cart = (await open_cart(market, "CANECA", quantity=10))["cart"]
    await forget_holds(market.shop)
    await check_out(market, (await open_cart(market, "CANECA", quantity=9))["cart"])
    told = "... on InsufficientStock { lineId requested available variant { sku } location { code } }"
    query = (
        f"mutation($input: CheckoutCompleteInput!) {{ checkoutComplete(input: $input) {{ userErrors {{ {told} }} }} }}"
    )
    given = {"cartId": cart["id"], "tenders": [tender(49_900)]}
    [error] = (await market.ask(query, {"input": given}, who="till"))["checkoutComplete"]["userErrors"]
    assert (error["requested"], error["available"]) == (10, 1)
    assert (error["variant"], error["location"]) == ({"sku": "CANECA"}, {"code": "centro"})


async def test_who_may_not_is_told_so_before_anything_runs(market: Server):
    _, made = await shipped(market)
    before = await state(market.shop)
    for mutation, given in (
        ("orderCancel", {"orderId": made["id"]}),
        ("fulfillmentCreate", {"orderId": made["id"], "locationId": market.location("cd")}),
        ("paymentSettle", {"orderId": made["id"], "paymentId": "x"}),
    ):
        kind = mutation[0].upper() + mutation[1:]
        query = f"mutation($input: {kind}Input!) {{ {mutation}(input: $input) {{ replayed }} }}"
        answer = (await market.post(query, {"input": given})).json()
        assert (answer["data"], answer["errors"][0]["extensions"]["code"]) == ({mutation: None}, "FORBIDDEN")
    assert await state(market.shop) == before
