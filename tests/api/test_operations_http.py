"""Exactly once, over HTTP: one operation id, one write, whoever repeats it and however."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from tests.api.market import ADDRESS, Market, open_cart, open_market, ship, stock_market
from tests.databases import Servers


@pytest_asyncio.fixture(scope="module")
async def market(postgres_servers: Servers) -> AsyncIterator[Market]:
    with postgres_servers.fresh_database("embedded") as url:
        async with open_market(url) as market:
            await stock_market(market)
            yield market


async def changed(market: Market) -> int:
    """How many changes were told of, all in all."""
    count: int = await market.shop.db.value(text("SELECT count(*) FROM outbox"))
    return count


async def _cart(market: Market) -> dict[str, Any]:
    return {"cartId": (await open_cart(market, "device"))["id"]}


async def _sale(market: Market) -> dict[str, Any]:
    cart = await ship(market, await open_cart(market, "device"), "device")
    tender = {"method": "CARD_TERMINAL", "amount": cart["totals"]["total"]}
    return {"cartId": cart["id"], "tenders": [tender]}


async def _order(market: Market) -> dict[str, Any]:
    sold = await market.done("checkoutComplete", await _sale(market), "device", "order { id }")
    return {"orderId": sold["order"]["id"]}


def _line(quantity: int) -> dict[str, Any]:
    return {"variant": {"sku": "CANECA"}, "quantity": quantity}


def _names(word: str) -> list[dict[str, str]]:
    return [{"locale": "pt-BR", "text": word}]


Given = Callable[[Market], Any]
# A mutation of each domain: who calls it, its input, one that differs in a value, and what to read of its entity.
SAMPLE: dict[str, tuple[str, Given, dict[str, Any], str]] = {
    "categoryCreate": ("catalog", lambda m: {"names": _names("Pratos")}, {"position": 7}, "category { id name }"),
    "productCreate": (
        "catalog",
        lambda m: {"texts": [{"locale": "pt-BR", "name": "Prato"}], "variants": [{"sku": "PRATO"}]},
        {"brand": "Feira"},
        "product { id name }",
    ),
    "pricesSet": (
        "manager",
        lambda m: {"priceListId": m.of["PriceList"], "changes": [_price(m, "51.90")]},
        {"changes": []},
        "prices { id }",
    ),
    "stockAdjust": (
        "manager",
        lambda m: {"changes": [_stock(m)], "kind": "RECEIPT"},
        {"kind": "ADJUSTMENT"},
        "movements { id } levels { id }",
    ),
    "customerCreate": ("cashier", lambda m: {"firstName": "Bia"}, {"lastName": "Lima"}, "customer { id }"),
    "cartCreate": ("device", lambda m: {"lines": [_line(2)]}, {"lines": [_line(3)]}, "cart { id version }"),
    "cartLinesAdd": ("device", _cart, {"lines": [_line(3)]}, "cart { id version lines { quantity } }"),
    "cartDeliverySet": ("device", _cart, {"address": {**ADDRESS, "city": "Cubatão"}}, "cart { id version }"),
    "checkoutComplete": ("device", _sale, {"receiptNumber": "centro-1-99"}, "order { id number } change { amount }"),
    "orderCancel": ("device", _order, {"reason": "outra"}, "order { id status }"),
    "registerCreate": (
        "owner",
        lambda m: {
            "code": "praia-9", "name": "Nove", "locationId": m.location("praia"), "channelId": m.channel("pos"),
        },
        {"name": "Dez"},
        "register { id }",
    ),
    "deviceCreate": (
        "owner", lambda m: {"name": "Caixa", "registerId": m.register("centro-2")}, {"name": "Outra"}, "device { id }",
    ),
}  # fmt: skip
MORE: dict[str, dict[str, Any]] = {
    "cartLinesAdd": {"lines": [{"variant": {"sku": "CANECA"}, "quantity": 2}]},
    "cartDeliverySet": {"method": "SHIP", "option": "correio", "address": ADDRESS},
}


def _price(market: Market, amount: str) -> dict[str, Any]:
    return {"variant": {"id": market.of["Variant"]}, "amount": {"amount": amount, "currency": "BRL"}}


def _stock(market: Market) -> dict[str, Any]:
    return {"variant": {"sku": "CANECA"}, "locationId": market.location("cd"), "amount": {"delta": 2}}


async def given_of(market: Market, mutation: str) -> tuple[str, dict[str, Any], dict[str, Any], str]:
    """Who; an input with a new operation id; the same with another value; what to read."""
    who, make, other, answer = SAMPLE[mutation]
    made = make(market)
    given = {**(await made if asyncio.iscoroutine(made) else made), **MORE.get(mutation, {})}
    given["operationId"] = str(uuid4())
    return who, given, {**given, **other}, answer


def entities(payload: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in payload.items() if key not in {"userErrors", "replayed"}}


@pytest.mark.parametrize("mutation", SAMPLE)
async def test_a_repeat_does_nothing_and_answers_the_same(market: Market, mutation: str) -> None:
    who, given, other, answer = await given_of(market, mutation)
    first = await market.done(mutation, given, who, answer)
    told = await changed(market)
    again = await market.done(mutation, given, who, answer)
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert entities(again) == entities(first)
    (refusal,) = (await market.write(mutation, other, who))["userErrors"]
    assert (refusal["code"], refusal["path"]) == ("OPERATION_ID_REUSED", ["input", "operationId"])
    stranger = "owner" if who != "owner" else "manager"
    if stranger == "owner":
        payload = await market.write(mutation, given, stranger, answer)
        assert payload["userErrors"][0]["code"] == "OPERATION_ID_REUSED"
        assert all(not value for value in entities(payload).values()), "it tells nothing of what was done"
    assert await changed(market) == told


@pytest.mark.parametrize("mutation", SAMPLE)
async def test_ten_at_once_are_one(market: Market, mutation: str) -> None:
    who, given, _, answer = await given_of(market, mutation)
    given = _anew(mutation, given)
    found = await asyncio.gather(*(market.done(mutation, given, who, answer) for _ in range(10)))
    assert sorted(one["replayed"] for one in found) == [False] + [True] * 9
    assert all(entities(one) == entities(found[0]) for one in found)


def _anew(mutation: str, given: dict[str, Any]) -> dict[str, Any]:
    """With codes that the test before has not taken."""
    if mutation == "registerCreate":
        return {**given, "code": "praia-10"}
    if mutation == "productCreate":
        return {**given, "variants": [{"sku": "PRATO-2"}]}
    if mutation == "categoryCreate":
        return {**given, "names": _names("Talheres")}
    return given


async def test_a_repeat_is_read_as_it_stands_with_its_own_selection(market: Market) -> None:
    given = {"operationId": str(uuid4()), "lines": [_line(1)]}
    first = await market.done("cartCreate", given, "anonymous", "cart { id version }")
    more = {"cartId": first["cart"]["id"], "lines": [_line(2)]}
    await market.done("cartLinesAdd", more, "anonymous")
    again = await market.done("cartCreate", given, "anonymous", "cart { id version lines { quantity sku } }")
    assert again["replayed"]
    assert again["cart"]["id"] == first["cart"]["id"]
    assert again["cart"]["version"] > first["cart"]["version"]
    assert again["cart"]["lines"] == [{"quantity": 3, "sku": "CANECA"}]


async def test_a_refused_write_leaves_its_id_free(market: Market) -> None:
    given = {"operationId": str(uuid4()), "lines": [_line(10**6)]}
    refused = await market.write("cartCreate", given, "device", "cart { id }")
    assert [each["__typename"] for each in refused["userErrors"]] == ["InsufficientStock"]
    assert refused["cart"] is None
    told = await changed(market)
    assert (await market.write("cartCreate", given, "device"))["replayed"] is False
    assert await changed(market) == told
    made = await market.done("cartCreate", {**given, "lines": [_line(1)]}, "device", "cart { id }")
    assert made["replayed"] is False


async def test_a_forbidden_write_leaves_its_id_free(market: Market) -> None:
    given = {"operationId": str(uuid4()), "changes": [_stock(market)], "kind": "RECEIPT"}
    query = "mutation($input: StockAdjustInput!) { stockAdjust(input: $input) { replayed } }"
    body = await market.answer(query, "readonly", input=given)
    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert (await market.done("stockAdjust", given, "manager"))["replayed"] is False


# Inputs that say the same in other words, as literals so that the very numbers are sent.
MUG = 'variant: {sku: "CANECA"}'
SAME = [
    (f"lines: [{{{MUG}, quantity: 1}}]", f"lines: [{{quantity: 1.0, {MUG}}}]"),
    (f"lines: [{{{MUG}, quantity: 2}}]", f"lines: [{{{MUG}, quantity: 20e-1}}]"),
    (f"lines: [{{{MUG}}}]", f"lines: [{{{MUG}, quantity: null, attributes: null}}]"),
    (f"lines: {{{MUG}}}", f"lines: [{{{MUG}}}], locationId: null"),
]
DIFFERENT = [
    (f"lines: [{{{MUG}, quantity: 1}}]", f"lines: [{{{MUG}, quantity: 2}}]"),
    (f"lines: [{{{MUG}}}]", 'lines: [{variant: {sku: "caneca"}}]'),
    ("lines: []", f"lines: [{{{MUG}}}]"),
]


async def _twice(market: Market, first: str, second: str) -> list[Any]:
    operation, answers = uuid4(), []
    for words in (first, second):
        # The id in other letters is the same id.
        name = str(operation) if words is first else str(operation).upper()
        given = f'{{operationId: "{name}", {words}}}'
        query = f"mutation {{ cartCreate(input: {given}) {{ cart {{ id }} replayed userErrors {{ code }} }} }}"
        answers.append((await market.ask(query, "device"))["cartCreate"])
    return answers


@pytest.mark.parametrize(("first", "second"), SAME)
async def test_input_is_compared_by_value(market: Market, first: str, second: str) -> None:
    one, two = await _twice(market, first, second)
    assert two == {"cart": one["cart"], "replayed": True, "userErrors": []}


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
async def test_another_value_is_another_input(market: Market, first: str, second: str) -> None:
    _, two = await _twice(market, first, second)
    assert two == {"cart": None, "replayed": False, "userErrors": [{"code": "OPERATION_ID_REUSED"}]}


async def test_one_id_serves_one_mutation(market: Market) -> None:
    cart = await open_cart(market, "device")
    given = {"operationId": str(uuid4()), "cartId": cart["id"], "email": "ana@feira.example"}
    await market.done("cartCustomerSet", given, "device")
    del given["email"]
    refused = await market.write("cartLinesAdd", {**given, "lines": [_line(1)]}, "device")
    assert [each["code"] for each in refused["userErrors"]] == ["OPERATION_ID_REUSED"]


async def test_two_anonymous_shoppers_share_no_secret(market: Market) -> None:
    """Whoever sends a guest's operation id with another input learns nothing of it."""
    given = {"operationId": str(uuid4()), "lines": [_line(1)]}
    await market.done("cartCreate", given, "anonymous", "cart { id }")
    other = await market.write("cartCreate", {**given, "lines": [_line(2)]}, "anonymous", "cart { id }")
    assert other["cart"] is None
    assert other["userErrors"][0]["code"] == "OPERATION_ID_REUSED"


async def test_without_an_id_each_call_is_a_write(market: Market) -> None:
    first, second = [await market.done("cartCreate", {"lines": []}, "device", "cart { id }") for _ in range(2)]
    assert first["cart"]["id"] != second["cart"]["id"]
    assert not second["replayed"]
