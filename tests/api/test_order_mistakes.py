"""What bad input gets, of the mutations of carts and orders: a refusal with its path or a 4xx, and nothing written."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest

from app.platform import ids
from tests.api.ordering import JSON, at, find, picked_up, refused, shipped, state
from tests.api.server import Server, money, serving, tender
from tests.carts.selling import ship_method
from tests.checkout.counter import UNIT, assert_books
from tests.laws.buyers import CHECK_OUT, open_cart
from tests.shop import Shop


@pytest.fixture
async def market(shop: Shop, database_url: str) -> AsyncIterator[Server]:
    """CANECA (49.90): ten in centro, ten in cd; and a way to send them."""
    await shop.variant("CANECA", price=4990, stock={"centro": 10 * UNIT, "cd": 10 * UNIT})
    await ship_method(shop, cost=1500)
    async with serving(shop, database_url) as server:
        yield server


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
    # A till's cart is nobody's who only holds its id.
    for who in ("praia", None):
        elsewhere = await refused(market, "checkoutComplete", {"cartId": cart["id"], "tenders": [tender(4990)]}, who)
        assert elsewhere == [("NotFound", "NOT_FOUND", at("cartId"))]
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
