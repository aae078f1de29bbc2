"""Exports over HTTP: who gets what, in which form, true at which position."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.browse.exports.asking import FILTERS, NEEDS
from app.identity.permissions import ROLES
from tests.api.market import CALLERS, Market, open_market, stock_market
from tests.databases import Servers

EXPORTS = tuple(NEEDS)


@pytest_asyncio.fixture(scope="module")
async def market(postgres_servers: Servers) -> AsyncIterator[Market]:
    with postgres_servers.fresh_database("embedded") as url:
        async with open_market(url) as market:
            await stock_market(market)
            await market.hire("praia", "cashier", location_ids=[market.shop.locations["praia"]])
            await market.hire("centro", "cashier", location_ids=[market.shop.locations["centro"]])
            yield market


async def ask(market: Market, name: str, who: str = "owner", **headers: str) -> httpx.Response:
    if who in market.tokens:
        headers["authorization"] = f"Bearer {market.tokens[who]}"
    return await market.client.get(f"/export/{name}", headers=headers)


async def lines(market: Market, name: str, who: str = "owner") -> list[Any]:
    response = await ask(market, name, who)
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]


async def sheet(market: Market, name: str, who: str = "owner") -> list[dict[str, str]]:
    response = await ask(market, name, who)
    assert response.status_code == 200, response.text
    assert "\r\n" in response.text
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


@pytest.mark.parametrize("who", CALLERS)
async def test_who_may_read_a_list_may_export_it(market: Market, who: str) -> None:
    for what, permission in NEEDS.items():
        for form in ("csv", "jsonl"):
            response = await ask(market, f"{what}.{form}", who)
            may = permission in ROLES[who]
            assert response.status_code == (200 if may else 403), (what, response.text)
            if not may:
                assert response.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_an_export_says_what_it_is_and_where_the_feed_goes_on(market: Market) -> None:
    head = int((await market.ask("{ changes(first: 0) { head } }"))["changes"]["head"])
    for what in EXPORTS:
        response = await ask(market, f"{what}.jsonl")
        assert int(response.headers["feira-position"]) >= head > 0
        assert response.headers["feira-epoch"]
        assert int(response.headers["feira-records"]) == len(response.text.splitlines()) > 0
        assert response.headers["content-disposition"] == f'attachment; filename="{what}.jsonl"'
        assert response.headers["cache-control"] == "no-store"
        assert int(response.headers["content-length"]) == len(response.content)
    assert (await ask(market, "orders.csv")).headers["content-type"].startswith("text/csv")


async def test_what_changes_after_the_position_is_in_the_feed(market: Market) -> None:
    position = (await ask(market, "stock.jsonl")).headers["feira-position"]
    change = {"variant": {"sku": "CANECA"}, "locationId": market.location("praia"), "amount": {"delta": 3}}
    await market.done("stockAdjust", {"changes": [change], "kind": "RECEIPT"})
    query = (
        "query($after: Position) { changes(after: $after, first: 100, topics: [AVAILABILITY]) { changes { topic } } }"
    )
    async with asyncio.timeout(20):
        while not (await market.ask(query, "owner", after=position))["changes"]["changes"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_orders_have_their_lines_and_payments(market: Market) -> None:
    found = await lines(market, "orders.jsonl")
    assert len(found) == 3
    assert {order["id"] for order in found} >= {market.of["Order"], market.of["Order till"]}
    till = next(order for order in found if order["id"] == market.of["Order till"])
    assert (till["channel"], till["location"], till["receiptNumber"]) == ("pos", "centro", "centro-1-1")
    (line,) = till["lines"]
    assert (line["sku"], line["quantity"], line["totalGross"]) == ("CANECA", 1, "49.90")
    assert [(each["method"], each["amount"]) for each in till["payments"]] == [("OTHER", "49.90")]
    rows = await sheet(market, "orders.csv")
    row = next(row for row in rows if row["Receipt number"] == "centro-1-1")
    assert (row["Total"], row["Line SKU"], row["Line quantity"], row["Payment methods"]) == (
        "49.90", "CANECA", "1", "OTHER",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?status=cancelled", 1),
        ("?status=CANCELLED&status=OPEN&status=COMPLETED", 3),
        ("?channel=web", 1),
        ("?channel=pos&location=centro", 2),
        ("?location=praia", 0),
        ("?placedFrom=2100-01-01T00:00:00Z", 0),
        ("?placedFrom=2020-01-01T00:00:00Z&placedTo=2100-01-01T00:00:00%2B03:00", 3),
        ("?updatedTo=2020-01-01T00:00:00Z", 0),
    ],
)
async def test_orders_are_filtered(market: Market, query: str, count: int) -> None:
    assert len(await lines(market, f"orders.jsonl{query}")) == count


async def test_who_works_at_a_location_exports_what_is_there(market: Market) -> None:
    assert {row["location"] for row in await lines(market, "stock.jsonl", "centro")} == {"centro"}
    assert await lines(market, "stock.jsonl?location=cd", "centro") == []
    assert await lines(market, "stock.jsonl", "device") == await lines(market, "stock.jsonl", "centro")
    assert {row["location"] for row in await lines(market, "stock.jsonl")} >= {"centro", "cd"}
    assert {order["location"] for order in await lines(market, "orders.jsonl", "centro")} >= {"centro"}
    assert await lines(market, "orders.jsonl", "praia") == []


async def test_products_are_exported_with_all_that_the_back_office_sees(market: Market) -> None:
    found = {product["slug"]: product for product in await lines(market, "products.jsonl?location=cd")}
    assert set(found) == {"caneca", "rascunho"}
    mug = found["caneca"]
    assert mug["id"] == market.of["Product"]
    assert mug["category"]["path"] == ["Canecas"]
    assert mug["texts"]["en"]["name"] == "Mug"
    (one,) = mug["variants"]
    assert (one["sku"], one["price"]["amount"], one["weightGrams"]) == ("CANECA", "49.90", 300)
    assert one["onHand"] > 0
    assert "onHand" not in (await lines(market, "products.jsonl"))[0]["variants"][0]
    assert [each["slug"] for each in await lines(market, "products.jsonl?status=draft")] == ["rascunho"]
    assert [each["slug"] for each in await lines(market, "products.jsonl?channel=web")] == ["caneca"]
    assert len(await lines(market, "products.jsonl?category=canecas")) == 1
    (row, _) = await sheet(market, "products.csv?locale=en")
    assert (row["URL handle"], row["Title"], row["SKU"], row["Price"], row["Status"]) == (
        "caneca", "Mug", "CANECA", "49.90", "active",
    )  # fmt: skip


async def test_an_exported_file_of_products_changes_nothing_where_it_came_from(market: Market) -> None:
    """Pictures of the shop's own among them, whose addresses are told whole."""
    pictures = [{"url": "/media/demo/bule.svg", "alt": [{"locale": "pt-BR", "text": "Um bule"}]}]
    pictures.append({"url": "https://cdn.example/media/demo/bule.svg"})
    given: dict[str, Any] = {
        "texts": [{"locale": "pt-BR", "name": "Bule"}, {"locale": "en", "name": "Pot"}],
        "variants": [{"sku": "BULE"}],
        "media": pictures,
        "status": "DRAFT",
    }
    made = await market.done("productCreate", given, answer="product { id media { id } variants { nodes { id } } }")
    key, own = made["product"]["id"], made["product"]["media"][0]["id"]
    variant = made["product"]["variants"]["nodes"][0]["id"]
    await market.done("variantMediaSet", {"variantId": variant, "mediaIds": [own]})
    fields = "version media { id url alt version } variants(first: 9) { nodes { version media { id } } }"
    read = f"query($id: ID!) {{ product(by: {{id: $id}}) {{ {fields} }} }}"
    before = await market.ask(read, "owner", id=key)
    file = (await ask(market, "products.csv?status=draft")).text
    assert f"{market.url}/media/demo/bule.svg" in file
    for elsewhere in (market.url, "https://feira.example"):
        csv_file = file.replace(market.url, elsewhere)
        counts = "created updated unchanged errorCount"
        done = await market.done("productsImport", {"csv": csv_file}, answer=counts)
        assert (done["created"], done["updated"], done["errorCount"]) == (0, 0, 0), done
        assert await market.ask(read, "owner", id=key) == before
    await market.done("productArchive", {"productId": key})


async def test_customers_are_exported_with_groups(market: Market) -> None:
    (ana,) = await lines(market, "customers.jsonl?group=atacado")
    assert (ana["id"], ana["email"], ana["groups"]) == (market.of["Customer"], "ana@feira.example", ["atacado"])
    (row,) = await sheet(market, "customers.csv")
    assert (row["E-mail"], row["Groups"], row["Active"]) == ("ana@feira.example", "atacado", "TRUE")


@pytest.mark.parametrize(
    ("name", "path", "words"),
    [
        ("orders.csv?stauts=OPEN", "stauts", "status"),
        ("orders.csv?status=SHIPPED", "status", "CANCELLED"),
        ("orders.csv?channel=mars", "channel", "no channel"),
        ("stock.jsonl?location=mars", "location", "no location"),
        ("stock.jsonl?location=%00", "location", "NUL"),
        ("products.csv?category=mars", "category", "no category"),
        ("products.csv?locale=tlh", "locale", "pt-BR"),
        ("products.csv?location=cd&location=praia", "location", "once"),
        ("customers.csv?group=mars", "group", "no customer group"),
        ("customers.csv?updatedFrom=yesterday", "updatedFrom", "zone"),
        ("customers.csv?updatedFrom=2026-01-01T00:00:00", "updatedFrom", "zone"),
        ("customers.csv?updatedFrom=0001-01-01T00:00:00Z", "updatedFrom", "era"),
        ("orders.csv?customerId=x", "customerId", "id of a Customer"),
        ("orders.csv?" + "channel=web&" * 101, "channel", "100"),
    ],
)
async def test_a_bad_filter_is_told(market: Market, name: str, path: str, words: str) -> None:
    response = await ask(market, name)
    assert response.status_code == 400, response.text
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "BAD_REQUEST", "path": [path]}
    assert words in error["message"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?%FF=%FF", "UTF-8"),
        ("?status=%FF", "UTF-8"),
        ("?" + "channel=web&" * 600, "500 filters"),
        ("?" + "a=b&" * 600, "500 filters"),
        ("?" + "x" * 9000, "8192 characters"),
    ],
)
async def test_an_address_of_nonsense_is_the_callers_fault(market: Market, query: str, words: str) -> None:
    response = await ask(market, f"orders.csv{query}")
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert (error["extensions"]["code"], words in error["message"]) == ("BAD_REQUEST", True), error


async def test_head_says_what_get_would_and_writes_no_export(market: Market) -> None:
    async def head(name: str, who: str = "owner") -> httpx.Response:
        return await market.client.head(f"/export/{name}", headers={"authorization": f"Bearer {market.tokens[who]}"})

    told, got = await head("orders.csv?status=OPEN"), await ask(market, "orders.csv?status=OPEN")
    assert (told.status_code, told.content) == (200, b"")
    for name in ("content-type", "content-disposition", "cache-control", "vary", "x-content-type-options"):
        assert told.headers[name] == got.headers[name], name
    assert "content-length" not in told.headers
    for name, who, status in (
        ("orders.csv?status=SHIPPED", "owner", 400),
        ("orders.csv", "catalog", 403),
        ("orders.xml", "owner", 404),
    ):
        told = await head(name, who)
        assert (told.status_code, told.content) == (status, b"")


async def test_other_addresses_tokens_and_channels(market: Market) -> None:
    for name in ("orders.xml", "orders", "passwords.csv", ".csv", "orders.csv.csv"):
        assert (await ask(market, name)).status_code == 404
    response = await market.client.get("/export/orders.csv", headers={"authorization": "Bearer nobody"})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert (await ask(market, "orders.csv", **{"feira-channel": "mars"})).status_code == 400
    assert (await market.client.post("/export/orders.csv")).status_code == 405


async def test_so_many_are_written_at_a_time(market: Market) -> None:
    answers = await asyncio.gather(*(ask(market, "orders.csv") for _ in range(12)))
    codes = {response.status_code for response in answers}
    assert codes <= {200, 429}
    assert 200 in codes
    for response in answers:
        if response.status_code == 429:
            assert int(response.headers["retry-after"]) > 0


def test_every_filter_is_one_of_those_that_are_told() -> None:
    assert set(FILTERS) == set(NEEDS)
