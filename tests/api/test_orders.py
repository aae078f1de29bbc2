"""Orders through the API: what is shown to whom, and what bad input gets."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from app.carts.tables import cart as carts
from app.events.tables import outbox
from app.orders.tables import order as orders
from app.platform import clock, ids
from app.platform.tables import operation
from tests.api.server import Server, money, serving, tender
from tests.carts.selling import ship_method
from tests.checkout.counter import ADDRESS, UNIT, assert_books, forget_holds
from tests.laws.buyers import CHECK_OUT, check_out, open_cart
from tests.shop import Shop

WHOLE = """{ __typename id number status paymentStatus fulfillmentStatus email receiptNumber version
  placedAt recordedAt updatedAt channel { code } location { code } customer { id } register { code } soldBy { name }
  lines { id name sku quantity fulfilled returned cancelled variant { sku } attributes { key value }
    unitPrice { net { amount } gross { amount } tax { amount } } subtotal { gross { amount } }
    total { gross { amount } } taxes { name rate base { amount } amount { amount } } discounts { label }
    priceOverride { was { amount } reason } }
  totals { subtotal { amount } discount { amount } delivery { amount } tax { amount } rounding { amount }
    total { amount currency } itemCount taxes { name rate amount { amount } } }
  deliveries { id method option price { gross { amount } } location { code } address { name city country } lineIds }
  payments { id method label status amount { amount } refunded { amount } received { amount } reference createdAt
    order { id } }
  refunds { id status method amount { amount } reason createdAt payment { id } order { id } }
  fulfillments { id method state carrier trackingNumber trackingUrl createdAt location { code } order { id }
    lines { quantity line { id name } } }
  journey { channel { code } at } }"""
ORDER = f"query Order($by: OrderBy!) {{ order(by: $by) {WHOLE} }}"


@pytest.fixture
async def market(shop: Shop, database_url: str) -> AsyncIterator[Server]:
    """CANECA (49.90): ten in centro, ten in cd; and a way to send them."""
    await shop.variant("CANECA", price=4990, stock={"centro": 10 * UNIT, "cd": 10 * UNIT})
    await ship_method(shop, cost=1500)
    async with serving(shop, database_url) as server:
        yield server


async def shipped(market: Server, quantity: int = 1) -> tuple[str, dict[str, Any]]:
    """A guest's order that is to be sent: the cart's id, and id and number."""
    cart = (await open_cart(market, "CANECA", who=None, quantity=quantity))["cart"]
    put = {"cartId": cart["id"], "method": "SHIP", "option": "sedex", "address": ADDRESS}
    done = await market.write("cartDeliverySet", put, "cart { id totals { total { amount } } }")
    return cart["id"], (await check_out(market, done["cart"], who=None))["order"]


async def picked_up(market: Server) -> tuple[str, dict[str, Any]]:
    """A guest's order that is to be picked up at centro."""
    cart = (await open_cart(market, "CANECA", who=None))["cart"]
    put = {"cartId": cart["id"], "method": "PICKUP", "locationId": market.location("centro")}
    assert (await market.write("cartDeliverySet", put))["userErrors"] == []
    return cart["id"], (await check_out(market, cart, who=None))["order"]


async def find(market: Server, by: dict[str, Any], who: str | None = None) -> Any:
    return (await market.ask(ORDER, {"by": by}, who=who))["order"]


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
    near = {here["number"], sale["number"]}
    assert sight == {None: set(), "till": near, "praia": set(), "cashier": near, "owner": near | {sent["number"]}}
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


async def state(shop: Shop) -> Any:
    counted = [await shop.db.value(select(func.count()).select_from(table)) for table in (outbox, operation, orders)]
    return *counted, await shop.db.value(select(func.sum(carts.c.version)))


async def refused(market: Server, mutation: str, given: dict[str, Any], who: str | None = "owner") -> Any:
    """(type, code, path) of what it was refused with, and nothing was written."""
    before = await state(market.shop)
    payload = await market.write(mutation, given, who=who)
    assert payload["userErrors"], given
    assert await state(market.shop) == before
    return [(each["__typename"], each["code"], each["path"]) for each in payload["userErrors"]]


def at(*path: str) -> list[str]:
    return ["input", *path]


async def test_ids_that_are_nobodys_or_no_ids(market: Server):
    cart = (await open_cart(market, "CANECA"))["cart"]
    _, made = await shipped(market)
    payment = (await find(market, {"id": made["id"]}, "owner"))["payments"][0]["id"]
    here = market.location("centro")
    line = {"quantity": 1}
    cases: list[tuple[str, dict[str, Any], str, str, dict[str, Any]]] = [
        ("checkoutComplete", {"tenders": []}, "cartId", "Cart", {}),
        ("cartLinesAdd", {"lines": [{"variant": {"sku": "CANECA"}}]}, "cartId", "Cart", {}),
        ("cartLinesUpdate", {"lines": [{"lineId": ids.encode("CartLine", uuid4())}]}, "cartId", "Cart", {}),
        ("cartCustomerSet", {"email": "a@feira.example"}, "cartId", "Cart", {}),
        ("cartDeliverySet", {"method": "PICKUP", "locationId": here}, "cartId", "Cart", {}),
        ("orderCancel", {}, "orderId", "Order", {}),
        ("fulfillmentCreate", {"locationId": here}, "orderId", "Order", {}),
        ("fulfillmentCreate", {"orderId": made["id"]}, "locationId", "Location", {}),
        ("paymentSettle", {"paymentId": payment}, "orderId", "Order", {}),
        ("paymentSettle", {"orderId": made["id"]}, "paymentId", "Payment", {}),
        ("cartDeliverySet", {"cartId": cart["id"], "method": "PICKUP"}, "locationId", "Location", {}),
    ]
    for mutation, given, field, kind, _ in cases:
        unknown = await refused(market, mutation, given | {field: ids.encode(kind, uuid4())})
        assert unknown == [("NotFound", "NOT_FOUND", at(field))], (mutation, unknown)
        for malformed in ("x", "'; DROP", "cart_", "ã" * 30, ids.encode("Product", uuid4()), "9" * 5000):
            found = await refused(market, mutation, given | {field: malformed})
            assert found == [("InvalidInput", "INVALID_ID", at(field))], (mutation, malformed[:20], found)
    fulfill = {"orderId": made["id"], "locationId": market.location("cd")}
    for key, code in ((ids.encode("OrderLine", uuid4()), "NOT_FOUND"), ("x", "INVALID_ID")):
        found = await refused(market, "fulfillmentCreate", fulfill | {"lines": [line | {"lineId": key}]})
        assert [(each[1], each[2]) for each in found] == [(code, at("lines", "0", "lineId"))]
    for by in ({"id": "x"}, {"number": ""}, {"receiptNumber": "ã" * 999}, {"cartId": "x"}, {"id": cart["id"]}):
        assert await find(market, by, "owner") is None
    await assert_books(market.shop)


async def test_cursors_pages_and_filters_that_cannot_be(market: Server):
    cases = [
        'first: 1, after: "x"',
        f'first: 1, after: "{"9" * 4000}"',
        "first: -1",
        "first: 101",
        'first: 1, filter: { locationId: "x" }',
        'first: 1, filter: { customerId: "order_1" }',
        'first: 1, filter: { search: "' + "x" * 201 + '" }',
        r'first: 1, filter: { search: "\u0000" }',
        'first: 1, filter: { placedFrom: "yesterday" }',
        "first: 1, filter: { statuses: [NONE] }",
        "first: 1, filter: { channels: [" + '"web",' * 101 + "] }",
    ]
    for arguments in cases:
        answer = await market.post(f"{{ orders({arguments}) {{ nodes {{ id }} }} }}", who="owner")
        assert answer.status_code in (200, 400)
        assert [each["extensions"]["code"] for each in answer.json().get("errors", ())] == ["BAD_REQUEST"], arguments
    both = await market.post('{ order(by: { id: "x", number: "y" }) { id } }', who="owner")
    assert both.status_code == 400


async def test_quantities_that_cannot_be(market: Server):
    cart = (await open_cart(market, "CANECA"))["cart"]
    _, made = await shipped(market)
    line_id = (await find(market, {"id": made["id"]}, "owner"))["lines"][0]["id"]
    add = {"cartId": cart["id"]}
    fulfill = {"orderId": made["id"], "locationId": market.location("cd")}
    for quantity in (0, -1, 0.5, 2_000_000):
        lines = [{"variant": {"sku": "CANECA"}, "quantity": quantity}]
        found = await refused(market, "cartLinesAdd", add | {"lines": lines}, "till")
        assert found == [("InvalidInput", "INVALID_QUANTITY", at("lines", "0", "quantity"))], quantity
        if quantity != 0.5:
            parts = [{"lineId": line_id, "quantity": quantity}]
            found = await refused(market, "fulfillmentCreate", fulfill | {"lines": parts})
            assert found == [("InvalidInput", "INVALID_QUANTITY", at("lines", "0", "quantity"))], quantity
    before = await state(market.shop)
    for literal in ("0.0001", "1e30", "1e-9", '"1"', "true", "10000000000", "9" * 300):
        line = f'{{ variant: {{ sku: "CANECA" }}, quantity: {literal} }}'
        sent = f'{{ lineId: "{line_id}", quantity: {literal} }}'
        place = f'orderId: "{made["id"]}", locationId: "{market.location("cd")}"'
        for call in (
            f'cartLinesAdd(input: {{ cartId: "{cart["id"]}", lines: [{line}] }})',
            f"fulfillmentCreate(input: {{ {place}, lines: [{sent}] }})",
        ):
            query = f"mutation {{ {call} {{ replayed }} }}"
            answer = await market.post(query, who="owner")
            assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST"), query
    raw = json.dumps({"query": CHECK_OUT.replace("CheckOut", "X"), "variables": {"input": {}}})
    answer = await market.client.post("/graphql", content=raw, headers=market.headers("till") | JSON)
    assert answer.status_code == 400
    assert await state(market.shop) == before
    await assert_books(market.shop)


JSON = {"content-type": "application/json"}


async def test_money_that_cannot_be(market: Server):
    cart = (await open_cart(market, "CANECA"))["cart"]
    given = {"cartId": cart["id"]}
    dollars = {"amount": "49.90", "currency": "USD"}

    async def pay(*tenders: dict[str, Any], **more: Any) -> Any:
        return await refused(market, "checkoutComplete", given | {"tenders": list(tenders)} | more, "till")

    wrong = ("InvalidInput", "WRONG_CURRENCY")
    assert await pay({"method": "CASH", "amount": dollars}) == [(*wrong, at("tenders", "0", "amount", "currency"))]
    received = tender(4990, received=dollars)
    assert await pay(received) == [(*wrong, at("tenders", "0", "received", "currency"))]
    assert await pay(tender(4990), expectedTotal=dollars) == [(*wrong, at("expectedTotal", "currency"))]
    many = await pay(tender(4990, "PIX"), {"method": "CASH", "amount": dollars})
    assert [each[1] for each in many] == ["METHOD_NOT_OFFERED", "WRONG_CURRENCY"]
    for amount, code in (("49.901", "TOO_MANY_DECIMALS"), ("99999999999999", "AMOUNT_TOO_LARGE")):
        bad = {"method": "CASH", "amount": {"amount": amount, "currency": "BRL"}}
        assert await pay(bad) == [("InvalidInput", code, at("tenders", "0", "amount", "amount"))]
    for short in ([tender(4989)], [tender(4991)], [], [tender(2000), tender(2000, "OTHER")]):
        assert await pay(*short) == [("InvalidInput", "TENDERS_DO_NOT_ADD_UP", at("tenders"))]
    assert await pay(tender(-4990)) == [("InvalidInput", "INVALID_AMOUNT", at("tenders", "0", "amount"))]
    assert await pay(tender(4990, received=money(4000))) == [
        ("InvalidInput", "INVALID_AMOUNT", at("tenders", "0", "received"))
    ]
    many = await pay(*(tender(1) for _ in range(100)))
    assert [each[1] for each in many] == ["TOO_MANY"]
    assert await pay(tender(4990), expectedTotal=money(5000)) == [
        ("PriceChanged", "PRICE_CHANGED", at("expectedTotal"))
    ]
    assert await pay(tender(4990), receiptNumber="x" * 65) == [("InvalidInput", "TOO_LONG", at("receiptNumber"))]
    assert await pay(tender(4990), email="a\nb") == [("InvalidInput", "INVALID_TEXT", at("email"))]
    await assert_books(market.shop)


async def test_places_that_are_mixed_up(market: Server):
    cart = (await open_cart(market, "CANECA"))["cart"]
    elsewhere = await refused(market, "checkoutComplete", {"cartId": cart["id"], "tenders": [tender(4990)]}, "praia")
    assert elsewhere == [("InvalidInput", "METHOD_NOT_ALLOWED", at("cartId"))]
    by_guest = await refused(market, "checkoutComplete", {"cartId": cart["id"], "tenders": [tender(4990)]}, None)
    assert by_guest == [("InvalidInput", "METHOD_NOT_ALLOWED", at("cartId"))]
    put = {"cartId": cart["id"], "method": "CARRY_OUT", "locationId": market.location("praia")}
    assert await refused(market, "cartDeliverySet", put, "till") == [("NotFound", "NOT_FOUND", at("locationId"))]
    put = {"cartId": cart["id"], "method": "PICKUP", "locationId": market.location("cd")}
    assert await refused(market, "cartDeliverySet", put, "till") == [("InvalidInput", "NO_PICKUP", at("locationId"))]
    _, here = await picked_up(market)
    sent = {"orderId": here["id"], "locationId": market.location("praia")}
    found = await refused(market, "fulfillmentCreate", sent)
    assert found == [("InvalidInput", "WRONG_LOCATION", at("locationId"))]
    assert await refused(market, "fulfillmentCreate", sent, "till") == [("NotFound", "NOT_FOUND", at("locationId"))]
    assert await refused(market, "cartCreate", {"locationId": market.location("praia")}, "till") == [
        ("NotFound", "NOT_FOUND", at("locationId"))
    ]


async def test_lists_that_are_empty_or_endless(market: Server):
    cart = (await open_cart(market, "CANECA"))["cart"]
    empty = (await open_cart(market))["cart"]
    line = {"variant": {"sku": "CANECA"}, "quantity": 1}
    assert await refused(market, "cartLinesAdd", {"cartId": cart["id"], "lines": []}, "till") == [
        ("InvalidInput", "EMPTY", at("lines"))
    ]
    assert await refused(market, "cartLinesUpdate", {"cartId": cart["id"], "lines": []}, "till") == [
        ("InvalidInput", "EMPTY", at("lines"))
    ]
    assert await refused(market, "checkoutComplete", {"cartId": empty["id"], "tenders": []}, "till") == [
        ("InvalidInput", "EMPTY", at("cartId"))
    ]
    thousand = [line] * 1000
    assert await refused(market, "cartLinesAdd", {"cartId": cart["id"], "lines": thousand}, "till") == [
        ("InvalidInput", "TOO_MANY", at("lines"))
    ]
    assert await refused(market, "cartCreate", {"lines": thousand}, "till") == [
        ("InvalidInput", "TOO_MANY", at("lines"))
    ]
    _, made = await shipped(market)
    key = (await find(market, {"id": made["id"]}, "owner"))["lines"][0]["id"]
    sent = {"orderId": made["id"], "locationId": market.location("cd")}
    assert await refused(market, "fulfillmentCreate", sent | {"lines": []}) == [("InvalidInput", "EMPTY", at("lines"))]
    found = await refused(market, "fulfillmentCreate", sent | {"lines": [{"lineId": key, "quantity": 1}] * 1000})
    assert found == [("InvalidInput", "TOO_MANY", at("lines"))]


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


async def test_bodies_that_are_none(market: Server):
    before = await state(market.shop)
    deep = "query { " + "a { " * 200 + "b" + " }" * 201
    cases: list[tuple[bytes | str, dict[str, str]]] = [
        ("{not json", JSON),
        ("", JSON),
        ("[]", JSON),
        ("null", JSON),
        ('{"query": 1}', JSON),
        ('{"query": "{ viewer"}', JSON),
        ('{"query": "mutation { orderCancel(input: {}) { replayed } }"}', JSON),
        ('{"query": "{ viewer { permissions } }", "variables": "x"}', JSON),
        (b"\xff\xfe", JSON),
        ("{ viewer }", {"content-type": "text/plain"}),
        (json.dumps({"query": deep}), JSON),
        ('{"query": "{ viewer { permissions } }", "variables": ' + "[" * 5000 + "]" * 5000 + "}", JSON),
    ]
    for body, headers in cases:
        answer = await market.client.post("/graphql", content=body, headers=market.headers("owner") | headers)
        assert 400 <= answer.status_code < 500, (answer.status_code, body[:80])
    # NUL and halves of surrogate pairs are no text that anything could hold.
    for text in ("\\u0000", "\\ud800"):
        query = "query($by: OrderBy!) { order(by: $by) { id } }"
        body = f'{{"query": "{query}", "variables": {{"by": {{"number": "{text}"}}}}}}'
        answer = await market.client.post("/graphql", content=body, headers=market.headers("owner") | JSON)
        assert answer.status_code == 400, (text, answer.text)
    assert await state(market.shop) == before


async def test_a_document_of_ten_megabytes_is_refused(market: Server):
    body = json.dumps({"query": "{ viewer { permissions } } #" + "x" * 10_000_000}).encode()
    host, port = market.url.removeprefix("http://").split(":")

    def send() -> bytes:
        with socket.create_connection((host, int(port)), timeout=10) as line:
            head = f"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
            # The server may hang up while we are still sending: what it has said by then can be read.
            with suppress(ConnectionError):
                line.sendall(f"{head}\r\n\r\n".encode() + body)
            return line.recv(4096)

    assert (await asyncio.to_thread(send)).startswith(b"HTTP/1.1 413")


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
