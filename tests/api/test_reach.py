"""Whose cart, order, stock or till it is: a matrix of things at places, and of callers who work at some of them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app.platform import ids
from app.platform.ids import new_id
from tests.api.market import Market, open_cart, open_market, sell, ship, stock_market
from tests.databases import Servers

# Who, besides everyone of `market.CALLERS`: staff of one place or channel, another till, another API client.
CALLERS = (
    "owner", "readonly", "catalog", "centro", "praia", "web staff", "device", "till praia", "client", "app client",
    "anonymous",
)  # fmt: skip
ALL = frozenset(CALLERS)
EVERYWHERE = frozenset({"owner", "readonly"})

# Who may open it, holding its id. A guest's cart is whoever's who holds its id, one that a till began never.
CARTS = {
    "guest": ALL,
    "storefront": ALL,
    "till centro": EVERYWHERE | {"centro", "device"},
    "till praia": EVERYWHERE | {"praia", "till praia"},
    "staff": EVERYWHERE | {"web staff"},
    "customer web": EVERYWHERE | {"web staff"},
    # The till that said who buys goes on with it.
    "named at till": EVERYWHERE | {"web staff", "device"},
    "customer app": EVERYWHERE | {"app client"},
    "customer centro": EVERYWHERE | {"centro", "device"},
}
# Who finds it in lists, and by the ids of its parts.
LISTED = {
    "guest": EVERYWHERE | {"web staff"},
    "storefront": EVERYWHERE,
    "staff": EVERYWHERE | {"web staff"},
    "named at till": EVERYWHERE | {"web staff"},
    "till centro": EVERYWHERE | {"centro", "device"},
    "till praia": EVERYWHERE | {"praia", "till praia"},
    "customer web": EVERYWHERE | {"web staff"},
    "customer app": EVERYWHERE,
    "customer centro": EVERYWHERE | {"centro", "device"},
}
ORDERS = {
    # Its goods lie in centro, which sends it.
    "sent": EVERYWHERE | {"web staff", "centro", "device"},
    "picked up in praia": EVERYWHERE | {"web staff", "praia", "till praia"},
    "sold in centro": EVERYWHERE | {"centro", "device"},
    "sold in praia": EVERYWHERE | {"praia", "till praia"},
}
# Who finds what they began or serve, wherever it is.
OWN = {("app client", "storefront"), ("app client", "customer app"), ("device", "named at till")}
LISTS_CARTS = ALL - {"catalog", "client", "app client", "anonymous"}
LEVELS = {
    "centro": EVERYWHERE | {"catalog", "web staff", "centro", "device"},
    "praia": EVERYWHERE | {"catalog", "web staff", "praia", "till praia"},
    "cd": EVERYWHERE | {"catalog", "web staff"},
}


@pytest_asyncio.fixture(scope="module")
async def market(postgres_servers: Servers) -> AsyncIterator[Market]:
    with postgres_servers.fresh_database("embedded") as url:
        async with open_market(url) as market:
            await stock_market(market)
            await _hire(market)
            await _sell(market)
            yield market


async def _hire(market: Market) -> None:
    shop = market.shop
    centro, praia = [shop.locations["centro"]], [shop.locations["praia"]]
    await market.hire("centro", "cashier", location_ids=centro, channel_ids=[shop.channels["pos"]])
    await market.hire("praia", "manager", location_ids=praia)
    await market.hire("web staff", "service", channel_ids=[shop.channels["web"]])
    await market.install("till praia", "praia-1")
    await market.connect("app client", "app")


async def _sell(market: Market) -> None:
    keep = market.of
    tills = {"guest": "anonymous", "till centro": "device", "till praia": "till praia"}
    others = {"storefront": "app client", "staff": "service", "named at till": "anonymous"}
    named = {"customer web": "anonymous", "customer app": "app client", "customer centro": "device"}
    for name, who in (tills | others | named).items():
        cart = await open_cart(market, who)
        keep |= {f"Cart {name}": cart["id"], f"CartLine {name}": cart["lines"][0]["id"]}
        if name in named:
            await market.done("cartCustomerSet", {"cartId": cart["id"], "customerId": keep["Customer"]})
        if name == "named at till":
            await market.done("cartCustomerSet", {"cartId": cart["id"], "customerId": keep["Customer"]}, "device")
    pickup = {"method": "PICKUP", "locationId": market.location("praia")}
    carts = {
        "sent": await ship(market, await open_cart(market)),
        "picked up in praia": await open_cart(market),
        "sold in centro": await open_cart(market, "device"),
        "sold in praia": await open_cart(market, "till praia"),
    }
    await market.done("cartDeliverySet", {"cartId": carts["picked up in praia"]["id"], **pickup}, "anonymous")
    sellers = {"sold in centro": "device", "sold in praia": "till praia"}
    for name, cart in carts.items():
        order = await sell(market, cart, sellers.get(name, "anonymous"), receiptNumber=f"R {name}")
        keep |= {f"Cart {name}": cart["id"], f"Order {name}": order["id"], f"number {name}": order["number"]}
        keep |= {f"OrderLine {name}": order["lines"][0]["id"], f"Payment {name}": order["payments"][0]["id"]}
        keep[f"Delivery {name}"] = order["deliveries"][0]["id"]
        told = await market.ask("query($id: ID!) { order(by: {id: $id}) { events { id } } }", "owner", id=order["id"])
        keep[f"OrderEvent {name}"] = told["order"]["events"][0]["id"]


async def found(market: Market, who: str, query: str, **variables: Any) -> bool:
    """Whether a query's only field has a value. It must not fail: what is not yours is not there."""
    (value,) = (await market.ask(query, who, **variables)).values()
    return value is not None


NODE = "query($id: ID!) { node(id: $id) { id } }"


@pytest.mark.parametrize("who", CALLERS)
async def test_carts_open_to_those_who_may(market: Market, who: str) -> None:
    for name, may in CARTS.items():
        key = market.of[f"Cart {name}"]
        for query in ("query($id: ID!) { cart(id: $id) { id } }", NODE):
            assert (await found(market, who, query, id=key), name) == (who in may, name)
        assert (await found(market, who, NODE, id=market.of[f"CartLine {name}"]), name) == (
            who in LISTED[name] or (who, name) in OWN,
            name,
        )


@pytest.mark.parametrize("who", sorted(LISTS_CARTS))
async def test_carts_are_listed_where_one_works(market: Market, who: str) -> None:
    listed = await market.ask("{ carts(first: 100) { nodes { id } totalCount } }", who)
    keys = {one["id"] for one in listed["carts"]["nodes"]}
    for name, may in LISTED.items():
        assert (market.of[f"Cart {name}"] in keys, name) == (who in may, name)
    assert listed["carts"]["totalCount"] == len(keys)


@pytest.mark.parametrize("who", CALLERS)
async def test_orders_open_to_those_who_may(market: Market, who: str) -> None:
    by = "query($by: OrderBy!) { order(by: $by) { id } }"
    for name, may in ORDERS.items():
        ways = {"id": market.of[f"Order {name}"], "number": market.of[f"number {name}"], "receiptNumber": f"R {name}"}
        for way, key in ways.items():
            assert (await found(market, who, by, by={way: key}), name, way) == (who in may, name, way)
        for kind in ("Order", "OrderLine", "OrderEvent", "Payment", "Delivery"):
            assert (await found(market, who, NODE, id=market.of[f"{kind} {name}"]), kind) == (who in may, kind)
        # A guest's way to their order; a till's order is not opened by its cart's id.
        known = who in may or not name.startswith("sold")
        assert await found(market, who, by, by={"cartId": market.of[f"Cart {name}"]}) == known, name


@pytest.mark.parametrize("who", sorted(LISTS_CARTS))
async def test_orders_are_listed_that_may_be_opened(market: Market, who: str) -> None:
    listed = await market.ask("{ orders(first: 100) { nodes { id } totalCount } }", who)
    keys = {one["id"] for one in listed["orders"]["nodes"]}
    for name, may in ORDERS.items():
        assert (market.of[f"Order {name}"] in keys, name) == (who in may, name)
    assert listed["orders"]["totalCount"] == len(keys)
    opened = await market.ask("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", who, ids=sorted(keys))
    assert {one["id"] for one in opened["nodes"]} == keys, "what is listed can be opened"


@pytest.mark.parametrize("who", CALLERS)
async def test_stock_is_seen_where_one_works(market: Market, who: str) -> None:
    for code, may in LEVELS.items():
        for kind in ("StockLevel", "StockMovement"):
            assert (await found(market, who, NODE, id=market.of[f"{kind} {code}"]), code) == (who in may, code)
    if who in LEVELS["centro"] | LEVELS["praia"]:
        shown = await market.ask("{ stockLevels(first: 100) { nodes { location { code } } } }", who)
        codes = {level["location"]["code"] for level in shown["stockLevels"]["nodes"]}
        assert codes == {code for code, may in LEVELS.items() if who in may}
        shown = await market.ask("{ stockMovements(first: 100) { nodes { location { code } } } }", who)
        assert {level["location"]["code"] for level in shown["stockMovements"]["nodes"]} <= codes


@pytest.mark.parametrize("who", CALLERS)
async def test_tills_are_seen_where_one_works(market: Market, who: str) -> None:
    near = {"centro": {"centro", "device"}, "praia": {"praia", "till praia"}}
    for code, register, device in (("centro", "centro-1", "device"), ("praia", "praia-1", "till praia")):
        may = EVERYWHERE | {"web staff"} | near[code]
        for key in (market.register(register), market.of[f"Device {device}"]):
            assert (await found(market, who, NODE, id=key), code) == (who in may, code)
    if who not in {"catalog", "client", "app client", "anonymous"}:
        shown = await market.ask("{ registers { location { code } } devices { register { code } } }", who)
        places = {one["location"]["code"] for one in shown["registers"]}
        assert places == {code for code, those in near.items() if who in EVERYWHERE | {"web staff"} | those}
        assert None not in [one["register"] for one in shown["devices"]]


@pytest.mark.parametrize("who", CALLERS)
async def test_customers_are_kept_from_shoppers_and_editors(market: Market, who: str) -> None:
    may = who not in {"catalog", "client", "app client", "anonymous"}
    for kind in ("Customer", "CustomerGroup"):
        # Who writes price lists sees the groups that they name.
        assert await found(market, who, NODE, id=market.of[kind]) == (
            may or (kind, who) == ("CustomerGroup", "catalog")
        )
    if may:
        query = "query($id: ID!) { customer(id: $id) { orders(first: 100) { nodes { id } } } }"
        theirs = (await market.ask(query, who, id=market.of["Customer"]))["customer"]["orders"]["nodes"]
        assert theirs == []


NO_LINE = {"lineId": ids.encode("CartLine", new_id()), "quantity": 1}
IN_DOLLARS = NO_LINE | {"priceOverride": {"unitPrice": {"amount": "1.00", "currency": "USD"}, "reason": "riscado"}}
NOT_THEIRS: list[tuple[str, str, dict[str, Any], str]] = [
    ("anonymous", "cartLinesAdd", {"cartId": "Cart customer web", "lines": [{"variant": {"sku": "CANECA"}}]}, "cartId"),
    ("client", "cartCustomerSet", {"cartId": "Cart customer app", "email": "eva@feira.example"}, "cartId"),
    ("app client", "cartLinesUpdate", {"cartId": "Cart customer web", "lines": [NO_LINE]}, "cartId"),
    ("centro", "checkoutComplete", {"cartId": "Cart customer web", "tenders": []}, "cartId"),
    ("till praia", "cartDeliverySet", {"cartId": "Cart customer centro", "method": "CARRY_OUT"}, "cartId"),
    ("anonymous", "cartLinesAdd", {"cartId": "Cart till centro", "lines": [{"variant": {"sku": "CANECA"}}]}, "cartId"),
    ("client", "cartCustomerSet", {"cartId": "Cart till centro", "email": "eva@feira.example"}, "cartId"),
    ("till praia", "cartLinesUpdate", {"cartId": "Cart till centro", "lines": [NO_LINE]}, "cartId"),
    ("till praia", "cartLinesUpdate", {"cartId": "Cart till centro", "lines": [IN_DOLLARS]}, "cartId"),
    ("anonymous", "cartDeliverySet", {"cartId": "Cart till praia", "method": "CARRY_OUT"}, "cartId"),
    ("praia", "checkoutComplete", {"cartId": "Cart till centro", "tenders": []}, "cartId"),
    ("anonymous", "checkoutComplete", {"cartId": "Cart till centro", "tenders": []}, "cartId"),
    ("anonymous", "cartCustomerSet", {"cartId": "Cart staff", "email": "eva@feira.example"}, "cartId"),
    ("praia", "orderCancel", {"orderId": "Order sent"}, "orderId"),
    ("device", "orderCancel", {"orderId": "Order sold in praia"}, "orderId"),
    ("praia", "orderCancel", {"orderId": "Order sold in centro"}, "orderId"),
    ("web staff", "orderCancel", {"orderId": "Order sold in praia"}, "orderId"),
    ("praia", "fulfillmentCreate", {"orderId": "Order sent", "locationId": "Location"}, "orderId"),
    ("till praia", "paymentSettle", {"orderId": "Order sent", "paymentId": "Payment sent"}, "orderId"),
]


@pytest.mark.parametrize(("who", "mutation", "given", "at"), NOT_THEIRS)
async def test_what_is_not_theirs_is_not_found(
    market: Market, who: str, mutation: str, given: dict[str, Any], at: str
) -> None:
    """As if it were not there: the same refusal as for an id that nothing has."""
    meant = {name: market.of[key] if name.endswith("Id") else key for name, key in given.items()}
    (refusal,) = (await market.write(mutation, meant, who))["userErrors"]
    assert (refusal["__typename"], refusal["path"]) == ("NotFound", ["input", at])


async def test_stock_elsewhere_is_not_theirs_to_adjust(market: Market) -> None:
    change = {"variant": {"sku": "CANECA"}, "locationId": market.location("centro"), "amount": {"delta": 1}}
    (refusal,) = (await market.write("stockAdjust", {"changes": [change], "kind": "RECEIPT"}, "praia"))["userErrors"]
    assert refusal["__typename"] == "NotFound"


async def test_goods_elsewhere_are_not_theirs_to_send(market: Market) -> None:
    given = {"orderId": market.of["Order picked up in praia"], "locationId": market.location("cd")}
    (refusal,) = (await market.write("fulfillmentCreate", given, "praia"))["userErrors"]
    assert refusal["__typename"] == "NotFound"
