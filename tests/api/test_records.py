"""Records say what GraphQL answers the same caller, and nothing that it would not."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import insert, select, update

from app.api.records import SOURCES, records
from app.browse.records.record import MOST_AT_ONCE, canonical
from app.browse.records.view import View, view_of
from app.catalog.tables import variant
from app.channels.queries import channels_by_ids
from app.channels.tables import channel
from app.customers.tables import customer_address
from app.events.outbox import Topic
from app.identity.authentication import authenticate
from app.identity.principal import ANONYMOUS
from app.inventory.tables import hold, stock_level
from app.platform import clock, ids
from app.platform.ids import new_id
from app.pricing.listing import refresh
from app.pricing.prices import PriceChange, set_prices
from tests.api import test_reach as reach
from tests.api.market import Market, open_market, stock_market
from tests.databases import Servers
from tests.pricing.pricing import add_list
from tests.shop import LONG_AGO

HOSTILE = 'Caneca "dupla" \\ / é 😀 \u2028 \x7f <b>&amp;</b> \t{"id":"var_"}'


@pytest_asyncio.fixture(scope="module")
async def market(postgres_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Market]:
    with postgres_servers.fresh_database("embedded") as url:
        async with open_market(url, data_dir=tmp_path_factory.mktemp("data")) as market:
            await stock_market(market)
            await reach._hire(market)
            await _goods(market)
            await reach._sell(market)
            yield market


async def _goods(market: Market) -> None:
    """Priced by quantity, at one till, until a moment; sold beyond what is there, uncounted, to the last one."""
    shop, db = market.shop, market.shop.db
    for sku in ("TIER", "LOCAL", "SOON", "PLAIN", "UNPRICED"):
        price = None if sku == "UNPRICED" else 1990
        await shop.variant(sku, price=price, stock={"centro": 3000, "praia": 0})
    await shop.variant("UNCOUNTED", track_stock=False)
    await shop.variant("BACKORDER", backorder_allowance=5000, stock={"cd": 0})
    await shop.variant("UNBOUNDED", backorder_allowance=None)
    await shop.variant("LAST", stock={"centro": 1000})
    await shop.variant("GONE", stock={"centro": 1000}, archived=True)
    async with db.transaction() as tx:
        for sku in ("UNBOUNDED", "GONE"):
            await shop.stock(tx, shop.variants[sku], "praia", 0, backorder_allowance=10**15)
        await shop.stock(tx, shop.variants["LAST"], "cd", 2000, safety_stock=1500)
        await tx.execute(
            insert(stock_level).values(
                id=new_id(), variant_id=shop.variants["BACKORDER"], location_id=shop.locations["praia"],
                on_hand=0, reserved=5000, backorder_allowance=5000, updated_at=LONG_AGO,
            )
        )  # fmt: skip
    local = await add_list(shop, "local", location_ids=[shop.locations["centro"]])
    wholesale = await add_list(shop, "wholesale", min_quantity=10_000, includes_tax=False)
    now = clock.now()
    changes: dict[Any, list[PriceChange]] = {
        shop.price_list_id: [
            PriceChange(shop.variants["TIER"], 1790, compare_at_minor=1990, min_quantity=5000),
            PriceChange(shop.variants["SOON"], 1490, ends_at=now + timedelta(days=2), compare_at_minor=1990),
        ],
        wholesale: [PriceChange(shop.variants["TIER"], 1000)],
        local: [PriceChange(shop.variants["LOCAL"], 1590)],
    }
    for key, some in changes.items():
        await db.run(partial(set_prices, actor=shop.actor(), price_list_id=key, changes=some))
    await db.run(lambda tx: refresh(tx, list(shop.variants.values()), None, clock.now()))


async def view(market: Market, who: str, code: str = "web") -> View:
    """As this caller looks through this channel, a till through its own."""
    principal = ANONYMOUS
    if who in market.tokens:
        found = await authenticate(market.shop.db, market.tokens[who], clock.now(), demo_tokens=True)
        assert found is not None
        principal = found
    key = principal.channel_id or market.shop.channels[code]
    row = (await channels_by_ids(market.shop.db, [key]))[key]
    return await view_of(market.shop.db, principal, row, clock.now())


async def read(market: Market, topic: Topic, who: str, *keys: str, code: str = "web") -> dict[str, Any]:
    """Records by their public ids, of these; each as canonical as Python says."""
    wanted = [key for each in keys if (key := ids.decode(SOURCES[topic].type_name, each)) is not None]
    found = await records(market.shop.db, topic, wanted, await view(market, who, code))
    told = {}
    for key, record in found.items():
        said = json.loads(record.canonical)
        assert canonical(said) == record.canonical
        assert (said["topic"], said["version"]) == (topic.value, record.version)
        assert ids.decode(SOURCES[topic].type_name, said["id"]) == key
        told[said["id"]] = said
    return told


def sold(market: Market, *skus: str) -> list[str]:
    return [ids.encode("Variant", market.shop.variants[sku]) for sku in skus]


ALL = ("TIER", "LOCAL", "SOON", "PLAIN", "UNPRICED", "UNCOUNTED", "BACKORDER", "UNBOUNDED", "LAST")
PRICE = """
    unitPrice { amount currency } taxed { net { amount } tax { amount } gross { amount } }
    compareAt { amount } validUntil
"""
PRICES = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ id ... on Variant {{ price {{ {PRICE} }} }} }} }}"
PRICE_OF_MANY = f"""query($id: ID!, $q: Quantity!) {{
    node(id: $id) {{ ... on Variant {{ price(quantity: $q) {{ {PRICE} }} }} }}
}}"""


def said_of(price: Any) -> dict[str, Any]:
    if price is None:
        return dict.fromkeys(("unitPrice", "net", "tax", "gross", "compareAt", "validUntil"))
    taxed = {name: price["taxed"][name]["amount"] for name in ("net", "tax", "gross")}
    compare_at = price["compareAt"] and price["compareAt"]["amount"]
    until = price["validUntil"]
    return {"unitPrice": price["unitPrice"]["amount"], **taxed, "compareAt": compare_at, "validUntil": until}


async def prices_agree(market: Market, who: str, code: str = "web") -> dict[str, Any]:
    keys = sold(market, *ALL)
    told = await read(market, Topic.PRICE, who, *keys, code=code)
    headers = {} if who in ("device", "till praia", "client") else {"feira-channel": code}
    body = (await market.send(PRICES, who, headers=headers, ids=keys)).json()
    for node in body["data"]["nodes"]:
        record = told[node["id"]]
        assert {name: record[name] for name in said_of(None)} == said_of(node["price"])
        assert record["currency"] == "BRL"
        for tier in record["tiers"]:
            quantity = float(tier["minQuantity"]) or 0.001
            answer = await market.send(PRICE_OF_MANY, who, headers=headers, id=node["id"], q=quantity)
            found = answer.json()["data"]["node"]["price"]
            assert said_of(found) == {name: tier[name] for name in said_of(None)}
    return told


@pytest.mark.parametrize(
    ("who", "code"), [("anonymous", "web"), ("owner", "pos"), ("device", "pos"), ("till praia", "pos")]
)
async def test_prices_are_those_that_a_variant_has(market: Market, who: str, code: str) -> None:
    told = await prices_agree(market, who, code)
    (tier, local, soon, plain, unpriced) = sold(market, *ALL[:5])
    assert [each["minQuantity"] for each in told[tier]["tiers"]] == ["0", "5", "10"]
    assert told[tier]["tiers"][2]["net"] == "10.00", "from the list without tax"
    assert told[local]["unitPrice"] == ("15.90" if who == "device" else "19.90")
    assert told[local]["compareAt"] == ("19.90" if who == "device" else None)
    assert told[soon]["validUntil"] is not None
    assert told[plain]["tiers"] == []
    assert told[unpriced]["unitPrice"] is None


async def test_a_till_elsewhere_has_the_taxes_of_its_place(market: Market) -> None:
    names, praia = [{"locale": "en", "text": "RJ"}], market.location("praia")
    tax_class = ids.encode("TaxClass", market.shop.tax_class_id)
    rate = {"taxClassId": tax_class, "country": "BR", "region": "RJ", "replacesCountry": True, "rate": "0.2"}
    await market.done("taxRateSet", {**rate, "names": names})
    await market.done("locationUpdate", {"locationId": praia, "region": "RJ"})
    try:
        there = await prices_agree(market, "till praia", "pos")
        here = await prices_agree(market, "device", "pos")
    finally:
        await market.done("locationUpdate", {"locationId": praia, "region": "SP"})
    (plain,) = sold(market, "PLAIN")
    assert (there[plain]["tax"], here[plain]["tax"]) == ("3.32", "3.04")


AVAILABILITY = """query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Variant { trackStock availability {
    status available byLocation { status available offersPickup location { id } }
} } } }"""


@pytest.mark.parametrize("shows", [True, False])
@pytest.mark.parametrize("who", ["anonymous", "device", "owner"])
async def test_availability_is_what_a_variant_has(market: Market, who: str, shows: bool) -> None:
    db = market.shop.db
    await db.run(lambda tx: tx.execute(update(channel).values(shows_quantities=shows, version=channel.c.version + 1)))
    keys = sold(market, *ALL)
    told = await read(market, Topic.AVAILABILITY, who, *keys)
    # Settings of channels are remembered for a moment.
    context = {} if who == "device" else {"feira-channel": "web"}
    for _ in range(40):
        nodes = (await market.send(AVAILABILITY, who, headers=context, ids=keys)).json()["data"]["nodes"]
        if who != "anonymous" or (nodes[0]["availability"]["available"] is not None) == shows:
            break
        await asyncio.sleep(0.1)
    for node in nodes:
        record, answer = told[node["id"]], node["availability"]
        assert (record["tracked"], record["status"]) == (node["trackStock"], answer["status"])
        assert number(record["available"]) == answer["available"]
        places = {place["location"]["id"]: place for place in answer["byLocation"]}
        assert {place["locationId"] for place in record["locations"]} == set(places)
        for place in record["locations"]:
            other = places[place["locationId"]]
            assert (place["status"], place["offersPickup"]) == (other["status"], other["offersPickup"])
            assert number(place["available"]) == other["available"]
    await db.run(lambda tx: tx.execute(update(channel).values(shows_quantities=True)))


def number(text: str | None) -> float | None:
    return None if text is None else float(text)


async def test_availability_says_what_may_be_backordered_and_has_the_version_of_its_levels(market: Market) -> None:
    keys = sold(market, "BACKORDER", "UNBOUNDED", "PLAIN", "UNCOUNTED")
    told = await read(market, Topic.AVAILABILITY, "anonymous", *keys)
    backorder, unbounded, plain, uncounted = (told[key] for key in keys)
    assert [each["backorder"] for each in (backorder, unbounded, plain, uncounted)] == [True, True, False, False]
    by_place = {place["locationId"]: place["backorder"] for place in backorder["locations"]}
    assert by_place[market.location("praia")] is False, "all of its allowance there is taken"
    assert backorder["version"] == 2
    assert uncounted["version"] == 0
    assert (uncounted["status"], uncounted["available"]) == ("IN_STOCK", None)


async def test_a_hold_that_is_over_counts_until_it_is_swept(market: Market) -> None:
    """The one difference from what the API answers: a record is exactly of its version."""
    db, shop = market.shop.db, market.shop
    await shop.variant("HELD", stock={"centro": 2000})
    row = {"variant_id": shop.variants["HELD"], "location_id": shop.locations["centro"], "quantity": 1000}
    async with db.transaction() as tx:
        await tx.execute(
            insert(hold).values(id=new_id(), cart_id=new_id(), cart_line_id=new_id(), expires_at=LONG_AGO, **row)
        )
        await tx.execute(update(stock_level).where(stock_level.c.variant_id == row["variant_id"]).values(reserved=1000))
    (key,) = sold(market, "HELD")
    (node,) = (await market.ask(AVAILABILITY, ids=[key]))["nodes"]
    assert node["availability"]["available"] == 2
    assert (await read(market, Topic.AVAILABILITY, "anonymous", key))[key]["available"] == "1"


PRODUCT = """query($id: ID!) { node(id: $id) { ... on Product { slug status brand tags version createdAt updatedAt
    category { id } collections { id } texts { locale name description seoTitle seoDescription }
    options { names { locale text } } media { id kind alts { locale text } width height }
    variants(archived: %s) { nodes { id sku barcode scaleCode unit quantityStep weightGrams requiresShipping trackStock
        taxClassId archived } }
} } }"""


async def test_a_product_is_what_the_api_shows_and_texts_are_told_as_they_were_written(market: Market) -> None:
    given = {
        "texts": [{"locale": "pt-BR", "name": HOSTILE, "description": HOSTILE * 3}, {"locale": "en", "name": "Mug"}],
        "status": "ACTIVE",
        "categoryId": market.of["Category"],
        "collectionIds": [market.of["Collection"]],
        "tags": ["b", 'a "quoted" \\ one'],
        "options": [
            {
                "names": [{"locale": "pt-BR", "text": 'Cor "\\'}],
                "values": [{"names": [{"locale": "pt-BR", "text": "Azul"}]}],
            }
        ],
        "variants": [{"sku": "FEIA-1", "selectedOptions": [{"name": 'Cor "\\', "value": "Azul"}], "weightGrams": 1}],
        "media": [{"url": "/media/demo/x.jpg"}],
    }
    made = (await market.done("productCreate", given, answer="product { id }"))["product"]["id"]
    await market.done("productPublish", {"productId": made})
    record = (await read(market, Topic.PRODUCT, "anonymous", made))[made]
    shown = (await market.ask(PRODUCT % "false", "owner", id=made))["node"]
    for name in ("slug", "status", "brand", "tags", "version", "createdAt", "updatedAt"):
        assert record[name] == shown[name], name
    assert record["categoryId"] == shown["category"]["id"]
    assert record["collectionIds"] == [each["id"] for each in shown["collections"]]
    assert record["texts"] == {text.pop("locale"): text for text in shown["texts"]}
    assert [option["names"] for option in record["options"]] == [
        {name["locale"]: name["text"] for name in option["names"]} for option in shown["options"]
    ]
    assert record["media"][0]["url"] == "/media/demo/x.jpg"
    for mine, theirs in zip(record["variants"], shown["variants"]["nodes"], strict=True):
        assert {name: mine[name] for name in theirs if name != "quantityStep"} | {"quantityStep": "1"} == theirs | {
            "quantityStep": "1"
        }


async def test_what_is_not_for_sale_is_not_told_to_shoppers(market: Market) -> None:
    draft, gone = market.of["Product draft"], sold(market, "GONE")[0]
    for who, sees in (("anonymous", False), ("client", False), ("device", False), ("catalog", True), ("owner", True)):
        assert (draft in await read(market, Topic.PRODUCT, who, draft)) == sees
        for topic in (Topic.PRICE, Topic.AVAILABILITY):
            assert (gone in await read(market, topic, who, gone)) == sees
    row = await market.shop.db.row(select(variant.c.product_id).where(variant.c.sku == "GONE"))
    assert row is not None
    key = ids.encode("Product", row.product_id)
    assert (await read(market, Topic.PRODUCT, "anonymous", key))[key]["variants"] == []
    assert len((await read(market, Topic.PRODUCT, "owner", key))[key]["variants"]) == 1


@pytest.mark.parametrize("who", sorted(reach.LISTS_CARTS))
async def test_carts_orders_and_stock_are_told_to_those_who_find_them(market: Market, who: str) -> None:
    code = "web"
    carts = await read(market, Topic.CART, who, *(market.of[f"Cart {name}"] for name in reach.LISTED), code=code)
    assert carts.keys() == {market.of[f"Cart {name}"] for name, may in reach.LISTED.items() if who in may}
    orders = await read(market, Topic.ORDER, who, *(market.of[f"Order {name}"] for name in reach.ORDERS), code=code)
    assert orders.keys() == {market.of[f"Order {name}"] for name, may in reach.ORDERS.items() if who in may}
    levels = await read(market, Topic.STOCK, who, *(market.of[f"StockLevel {name}"] for name in reach.LEVELS))
    assert levels.keys() == {market.of[f"StockLevel {name}"] for name, may in reach.LEVELS.items() if who in may}
    near = {"centro-1": "centro", "praia-1": "praia"}
    registers = await read(market, Topic.REGISTER, who, *(market.register(code) for code in near))
    shown = await market.ask("{ registers { id } }", who)
    assert registers.keys() == {each["id"] for each in shown["registers"]} & {market.register(code) for code in near}


TOTALS = """totals { subtotal { amount } discount { amount } delivery { amount } tax { amount } rounding { amount }
    total { amount } itemCount }"""
MONEY = "{ net { amount } tax { amount } gross { amount } }"
LINES = f"""lines {{ id sku unitPrice {MONEY} subtotal {MONEY} total {MONEY}
    taxes {{ rate base {{ amount }} amount {{ amount }} }} }}"""
DELIVERIES = f"""deliveries {{ id method option price {MONEY}
    address {{ name line1 line2 city region postalCode country phone }} }}"""
ORDER = f"""query($id: ID!) {{ node(id: $id) {{ ... on Order {{
    number status paymentStatus fulfillmentStatus email version placedAt receiptNumber {TOTALS} {LINES} {DELIVERIES}
    payments {{ id method status amount {{ amount }} }} refunds {{ id amount {{ amount }} }}
    fulfillments {{ id state carrier }}
}} }} }}"""
CART = f"""query($id: ID!) {{ node(id: $id) {{ ... on Cart {{
    status email version createdAt expiresAt pricesPromisedUntil {TOTALS} {LINES} {DELIVERIES}
}} }} }}"""


def agree(record: Any, shown: Any, path: str = "") -> None:
    """All that the API shows is in the record, under the same name; money without its currency."""
    if isinstance(shown, dict) and set(shown) == {"amount"}:
        assert record == shown["amount"], path
    elif isinstance(shown, dict):
        for name, value in shown.items():
            agree(record[name], value, f"{path}.{name}")
    elif isinstance(shown, list):
        assert len(record) == len(shown), path
        order = {each["id"]: each for each in record} if record and "id" in record[0] else None
        for place, value in enumerate(shown):
            agree(record[place] if order is None else order[value["id"]], value, f"{path}[{place}]")
    else:
        assert record == shown, path


async def test_carts_and_orders_say_what_the_api_shows(market: Market) -> None:
    for name in ("Order", "Order sent", "Order till", "Order picked up in praia"):
        key = market.of[name]
        agree((await read(market, Topic.ORDER, "owner", key))[key], (await market.ask(ORDER, "owner", id=key))["node"])
    for name in ("Cart", "Cart till", "Cart sent", "Cart customer web"):
        key = market.of[name]
        agree((await read(market, Topic.CART, "owner", key))[key], (await market.ask(CART, "owner", id=key))["node"])
    told = (await read(market, Topic.ORDER, "owner", market.of["Order"]))[market.of["Order"]]
    assert told["fulfillments"][0]["lines"] == [{"lineId": market.of["OrderLine"], "quantity": "1"}]
    assert told["lines"][0]["fulfilled"] == "1"
    assert "cartId" not in told, "holding it would open the order"


async def test_a_customer_is_told_with_addresses_and_groups(market: Market) -> None:
    key = market.of["Customer"]
    row = {"id": new_id(), "customer_id": ids.decode("Customer", key), "position": 0, "created_at": LONG_AGO}
    address = {"name": "Ana", "line1": "Rua Um, 1", "city": "Santos", "country": "BR"}
    await market.shop.db.run(lambda tx: tx.execute(insert(customer_address).values(row | address)))
    told = (await read(market, Topic.CUSTOMER, "owner", key))[key]
    query = """query($id: ID!) { customer(id: $id) { email firstName lastName phone taxId note active version createdAt
        addresses { name line1 line2 city region postalCode country phone } groups { id } } }"""
    shown = (await market.ask(query, "owner", id=key))["customer"]
    assert told["groupIds"] == [group["id"] for group in shown.pop("groups")]
    agree(told, shown)


async def test_a_thousand_are_asked_for_at_once_and_no_more(market: Market) -> None:
    looked = await view(market, "anonymous")
    many = [new_id() for _ in range(MOST_AT_ONCE)]
    assert await records(market.shop.db, Topic.PRODUCT, many, looked) == {}
    with pytest.raises(ValueError, match="at most"):
        await records(market.shop.db, Topic.PRODUCT, [*many, new_id()], looked)
