"""A market to call at: the application on the loopback, one of everything in it, a token for each kind of caller."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from uuid import uuid4

import httpx

from app.identity import clients, devices, staff, tokens
from app.identity.tokens import Bearer
from app.main import create_app
from app.platform import ids
from app.platform.config import Settings
from app.platform.db import Database
from tests.listening import listening
from tests.shop import Shop

ROLES: Final = ("owner", "manager", "cashier", "catalog", "service", "readonly")
CALLERS: Final = (*ROLES, "device", "client", "anonymous")
GRAPHQL: Final = "application/graphql-response+json"
REFUSALS: Final = "userErrors { __typename code message path } replayed"


@dataclass
class Market:
    """`tokens`: by the name of who calls; nobody's for "anonymous". `url`: where the server is."""

    shop: Shop
    url: str
    client: httpx.AsyncClient
    tokens: dict[str, str] = field(default_factory=dict)
    # Public ids, by what they are of.
    of: dict[str, str] = field(default_factory=dict)

    async def send(
        self, document: str, who: str = "anonymous", *, headers: Mapping[str, str] | None = None, **variables: Any
    ) -> httpx.Response:
        """The response to an operation."""
        sent = {"accept": GRAPHQL, **(headers or {})}
        if who in self.tokens:
            sent["authorization"] = f"Bearer {self.tokens[who]}"
        return await self.client.post("/graphql", json={"query": document, "variables": variables}, headers=sent)

    async def answer(self, document: str, who: str = "anonymous", **variables: Any) -> Any:
        """The whole body: `data` and perhaps `errors`."""
        return (await self.send(document, who, **variables)).json()

    async def ask(self, document: str, who: str = "anonymous", **variables: Any) -> Any:
        """The data, which must have come without errors."""
        body = await self.answer(document, who, **variables)
        assert "errors" not in body, body["errors"]
        return body["data"]

    async def write(
        self, mutation: str, given: Mapping[str, Any], who: str = "owner", answer: str = "", **more: Any
    ) -> Any:
        """What a mutation's payload says."""
        kind = mutation[0].upper() + mutation[1:]
        document = f"mutation($input: {kind}Input!) {{ {mutation}(input: $input) {{ {REFUSALS} {answer} }} }}"
        return (await self.ask(document, who, input=dict(given), **more))[mutation]

    async def done(self, mutation: str, given: Mapping[str, Any], who: str = "owner", answer: str = "") -> Any:
        """What the payload of a mutation that must not be refused says."""
        payload = await self.write(mutation, given, who, answer)
        assert payload["userErrors"] == [], payload["userErrors"]
        return payload

    def location(self, code: str) -> str:
        return ids.encode("Location", self.shop.locations[code])

    def channel(self, code: str) -> str:
        return ids.encode("Channel", self.shop.channels[code])

    def register(self, code: str) -> str:
        return ids.encode("Register", self.shop.registers[code])

    async def hire(self, name: str, role: str, **places: Any) -> None:
        """Staff with a token under `name`; `location_ids` and `channel_ids`, everywhere when left out."""
        actor = self.shop.actor("owner")
        given: Any = {"name": name, "email": "-".join(name.split()) + "@feira.example", "role": role}
        given |= {"location_ids": None, "channel_ids": None} | places
        staff_id = await self.shop.db.run(partial(staff.create, actor=actor, given=given))
        self.of[f"Staff {name}"] = ids.encode("Staff", staff_id)
        await self._token(name, Bearer("staff", staff_id))

    async def install(self, name: str, register: str) -> None:
        """A device at this register, with a token under `name`."""
        actor = self.shop.actor("owner")
        given: Any = {"name": name, "register_id": self.shop.registers[register]}
        device_id = await self.shop.db.run(partial(devices.create, actor=actor, given=given))
        self.of[f"Device {name}"] = ids.encode("Device", device_id)
        await self._token(name, Bearer("device", device_id))

    async def connect(self, name: str, channel: str) -> None:
        """An API client of this channel, with a token under `name`."""
        actor, channel_id = self.shop.actor("owner"), self.shop.channels[channel]
        client_id = await self.shop.db.run(partial(clients.create, actor=actor, name=name, channel_id=channel_id))
        self.of[f"ApiClient {name}"] = ids.encode("ApiClient", client_id)
        await self._token(name, Bearer("client", client_id))

    async def _token(self, name: str, bearer: Bearer) -> None:
        made = await self.shop.db.run(partial(tokens.create, actor=self.shop.actor("owner"), bearer=bearer))
        self.tokens[name] = made.secret
        self.of[f"Token {name}"] = ids.encode("Token", made.id)


@asynccontextmanager
async def open_market(database_url: str, **settings: Any) -> AsyncIterator[Market]:
    """The application on a database that is migrated and empty; a caller of every kind, and nothing to sell."""
    database = Database.open(database_url)
    app = create_app(Settings(database_url=database_url, **settings), working=False)
    try:
        async with listening(app) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
            market = Market(await Shop(database).open(), url, client)
            for role in ROLES:
                await market.hire(role, role)
            await market.install("device", "centro-1")
            await market.connect("client", "web")
            yield market
    finally:
        await database.close()


async def stock_market(market: Market) -> None:
    """Put one of each entity into the market, through its API, and their ids into `market.of`."""
    await _goods(market)
    await _people(market)
    await _settings(market)
    await _sales(market)


async def _goods(market: Market) -> None:
    keep = market.of
    names = [{"locale": "pt-BR", "text": "Canecas"}, {"locale": "en", "text": "Mugs"}]
    keep["Category"] = (await market.done("categoryCreate", {"names": names}, answer="category { id }"))["category"][
        "id"
    ]
    answer = "collection { id }"
    keep["Collection"] = (await market.done("collectionCreate", {"names": names}, answer=answer))["collection"]["id"]
    given: dict[str, Any] = {
        "texts": [{"locale": "pt-BR", "name": "Caneca"}, {"locale": "en", "name": "Mug"}],
        "status": "ACTIVE",
        "categoryId": keep["Category"],
        "collectionIds": [keep["Collection"]],
        "variants": [{"sku": "CANECA", "weightGrams": 300}],
        "media": [{"url": "https://feira.example/caneca.jpg"}],
    }
    answer = "product { id media { id } variants { nodes { id } } }"
    made = (await market.done("productCreate", given, answer=answer))["product"]
    keep |= {"Product": made["id"], "Media": made["media"][0]["id"], "Variant": made["variants"]["nodes"][0]["id"]}
    await market.done("productPublish", {"productId": keep["Product"]})
    given = {"texts": [{"locale": "pt-BR", "name": "Rascunho"}], "variants": [{"sku": "RASCUNHO"}]}
    draft = (await market.done("productCreate", given, answer="product { id variants { nodes { id } } }"))["product"]
    keep |= {"Product draft": draft["id"], "Variant draft": draft["variants"]["nodes"][0]["id"]}
    keep["PriceList"] = ids.encode("PriceList", market.shop.price_list_id)
    change = {"variant": {"id": keep["Variant"]}, "amount": {"amount": "49.90", "currency": "BRL"}}
    given = {"priceListId": keep["PriceList"], "changes": [change]}
    keep["Price"] = (await market.done("pricesSet", given, answer="prices { id }"))["prices"][0]["id"]
    for code in market.shop.locations:
        goods = {"variant": {"sku": "CANECA"}, "locationId": market.location(code), "amount": {"delta": 500}}
        given = {"changes": [goods], "kind": "RECEIPT"}
        written = await market.done("stockAdjust", given, answer="levels { id } movements { id }")
        keep[f"StockLevel {code}"] = written["levels"][0]["id"]
        keep[f"StockMovement {code}"] = written["movements"][0]["id"]
    keep |= {"StockLevel": keep["StockLevel centro"], "StockMovement": keep["StockMovement centro"]}


async def _people(market: Market) -> None:
    keep = market.of
    group = await market.done(
        "customerGroupCreate", {"code": "atacado", "name": "Atacado"}, answer="customerGroup { id }"
    )
    keep["CustomerGroup"] = group["customerGroup"]["id"]
    given = {"firstName": "Ana", "email": "ana@feira.example", "groupIds": [keep["CustomerGroup"]], "note": "VIP"}
    keep["Customer"] = (await market.done("customerCreate", given, answer="customer { id }"))["customer"]["id"]
    keep |= {"Staff": keep["Staff cashier"], "Device": keep["Device device"], "ApiClient": keep["ApiClient client"]}
    given = {"name": "till", "position": "0"}
    answer = "follower { id }"
    keep["Follower"] = (await market.done("followerAcknowledge", given, "device", answer))["follower"]["id"]
    keep |= {"Token": keep["Token cashier"], "Register": market.register("centro-1")}


async def _settings(market: Market) -> None:
    keep = market.of
    keep |= {"Channel": market.channel("web"), "Location": market.location("centro")}
    keep["TaxClass"] = ids.encode("TaxClass", market.shop.tax_class_id)
    found = await market.ask("{ taxClasses { rates { id } } }", "owner")
    keep["TaxRate"] = found["taxClasses"][0]["rates"][0]["id"]
    given: dict[str, Any] = {
        "code": "correio",
        "names": [{"locale": "pt-BR", "text": "Correio"}],
        "method": "SHIP",
        "currency": "BRL",
        "tiers": [
            {"fromTotal": {"amount": "0", "currency": "BRL"}, "price": {"amount": "15.00", "currency": "BRL"}},
        ],
    }
    made = await market.done("deliveryMethodCreate", given, answer="deliveryMethod { id }")
    keep["DeliveryMethod"] = made["deliveryMethod"]["id"]
    given = {"name": "ERP", "url": "https://erp.example/feira"}
    keep["Webhook"] = (await market.done("webhookCreate", given, answer="webhook { id }"))["webhook"]["id"]
    tried = await market.done("webhookTest", {"webhookId": keep["Webhook"]}, answer="delivery { id }")
    keep["WebhookDelivery"] = tried["delivery"]["id"]


ADDRESS: Final = {"name": "Ana", "line1": "Rua Um, 1", "city": "Santos", "region": "SP", "country": "BR"}
CART: Final = "cart { id lines { id } deliveries { id } totals { total { amount currency } } }"
ORDER: Final = "order { id number lines { id } deliveries { id } payments { id } events { id } }"


async def open_cart(market: Market, who: str = "anonymous", **given: Any) -> Any:
    """A cart with one mug in it."""
    lines = [{"variant": {"sku": "CANECA"}}]
    return (await market.done("cartCreate", {"lines": lines, **given}, who, CART))["cart"]


async def ship(market: Market, cart: Any, who: str = "anonymous") -> Any:
    """Have it sent to Santos."""
    given = {"cartId": cart["id"], "method": "SHIP", "option": "correio", "address": ADDRESS}
    return (await market.done("cartDeliverySet", given, who, CART))["cart"]


async def sell(market: Market, cart: Any, who: str = "anonymous", **given: Any) -> Any:
    """The order that a cart becomes. Who works at no till pays when the goods come."""
    tenders = [{"method": "OTHER", "label": "na entrega", "amount": cart["totals"]["total"]}]
    selection = ORDER if who in (*ROLES, "device") else ORDER.replace("events { id }", "")
    paid = {"cartId": cart["id"], "tenders": tenders, "operationId": str(uuid4()), **given}
    return (await market.done("checkoutComplete", paid, who, selection))["order"]


async def _sales(market: Market) -> None:
    keep = market.of
    cart = await ship(market, await open_cart(market))
    keep |= {"Cart": cart["id"], "CartLine": cart["lines"][0]["id"], "Delivery": cart["deliveries"][0]["id"]}
    guest = await ship(market, await open_cart(market))
    await market.done("cartCustomerSet", {"cartId": guest["id"], "email": "guest@feira.example"}, "anonymous")
    order = await sell(market, guest)
    keep |= {"Order": order["id"], "Cart ordered": guest["id"], "OrderLine": order["lines"][0]["id"]}
    keep |= {"Payment": order["payments"][0]["id"], "Delivery of order": order["deliveries"][0]["id"]}
    given = {"orderId": order["id"], "locationId": market.location("cd"), "carrier": "Correio"}
    sent = await market.done("fulfillmentCreate", given, answer="fulfillment { id } order { events { id } }")
    keep |= {"Fulfillment": sent["fulfillment"]["id"], "OrderEvent": sent["order"]["events"][0]["id"]}
    till = await open_cart(market, "device")
    keep["Cart till"] = till["id"]
    keep["Order till"] = (await sell(market, till, "device", receiptNumber="centro-1-1"))["id"]
    sent = await sell(market, await ship(market, await open_cart(market, "device"), "device"), "device")
    given = {"orderId": sent["id"], "reason": "desistiu"}
    undone = await market.done("orderCancel", given, answer="order { refunds { id } }")
    keep["Refund"] = undone["order"]["refunds"][0]["id"]
