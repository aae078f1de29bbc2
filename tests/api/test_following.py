"""Catching up with the feed over HTTP, and how new an answer is: `changes`, `asOf`, `Feira-Min-Position`."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import func, select

from app.events.tables import feed_head, outbox
from app.platform import ids
from app.platform.db import Database
from tests.api.server import Server, serving, tender
from tests.shop import Shop

CHANGES = """query Changes($after: Position, $first: Int!, $topics: [Topic!], $compacted: Boolean) {
  changes(after: $after, first: $first, topics: $topics, compacted: $compacted) {
    changes { position topic action entityId version occurredAt entity { __typename id } }
    endPosition head hasMore snapshotRequired } }"""
UNIT = 1000


@pytest_asyncio.fixture
async def server(shop: Shop, database_url: str) -> AsyncIterator[Server]:
    await shop.variant("CANECA", price=4990, stock={"centro": 20 * UNIT, "praia": 5 * UNIT})
    async with serving(shop, database_url) as server:
        yield server


async def sell(server: Server, who: str = "till") -> Any:
    made = await server.done("pos/startSale", who=who, lines=[{"variant": {"sku": "CANECA"}, "quantity": 1}])
    return await server.done("pos/sell", who=who, cartId=made["cart"]["id"], tenders=[tender(4990)])


async def read_at(server: Server, query: str, least: str) -> httpx.Response:
    """The answer to a query that asks for a position."""
    headers: dict[str, Any] = {"feira-min-position": least}
    return await server.post(query, **headers)


async def changes(server: Server, *, who: str | None = None, first: int = 100, **variables: Any) -> Any:
    return (await server.ask(CHANGES, {"first": first, **variables}, who=who))["changes"]


async def test_a_sale_is_told_to_those_it_concerns(server: Server) -> None:
    order = (await sell(server))["order"]
    everything = await changes(server, who="owner", compacted=False)
    positions = [int(one["position"]) for one in everything["changes"]]
    assert positions == list(range(1, int(everything["head"]) + 1))
    assert everything["endPosition"] == everything["head"]
    assert (everything["hasMore"], everything["snapshotRequired"]) == (False, False)
    topics = {one["topic"] for one in everything["changes"]}
    assert {"CART", "ORDER", "STOCK", "AVAILABILITY"} <= topics
    (told,) = [one for one in everything["changes"] if one["topic"] == "ORDER"]
    assert (told["entityId"], told["action"], told["version"]) == (order["id"], "UPSERT", 1)
    assert told["entity"] == {"__typename": "Order", "id": order["id"]}

    assert {one["topic"] for one in (await changes(server, who="till"))["changes"]} >= {"CART", "ORDER", "STOCK"}
    assert {one["topic"] for one in (await changes(server, who="praia"))["changes"]} == {"AVAILABILITY"}
    shopper = await changes(server)
    assert {one["topic"] for one in shopper["changes"]} == {"AVAILABILITY"}
    assert shopper["endPosition"] == everything["head"]
    assert {one["entity"]["__typename"] for one in shopper["changes"]} == {"Variant"}


async def test_pages_go_on_from_their_end(server: Server) -> None:
    for _ in range(3):
        await sell(server)
    whole = await changes(server, who="owner", compacted=False)
    parts: list[Any] = []
    after = None
    while True:
        page = await changes(server, who="owner", first=3, after=after, compacted=False)
        parts += page["changes"]
        after = page["endPosition"]
        if not page["hasMore"]:
            break
    assert parts == whole["changes"]
    only = await changes(server, who="owner", topics=["ORDER"], compacted=False)
    assert only["changes"] == [one for one in whole["changes"] if one["topic"] == "ORDER"]
    newest = await changes(server, who="owner")
    entities = [(one["topic"], one["entityId"]) for one in newest["changes"]]
    assert len(set(entities)) == len(entities)
    assert set(entities) == {(one["topic"], one["entityId"]) for one in whole["changes"]}


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"first": 1001}, "BAD_REQUEST", "1000"),
        ({"first": -1}, "BAD_REQUEST", "1000"),
        ({"after": "x"}, "BAD_REQUEST", "digits"),
        ({"after": "-1"}, "BAD_REQUEST", "digits"),
        ({"after": "9" * 19}, "BAD_REQUEST", "digits"),
        ({"topics": ["WEATHER"]}, "BAD_REQUEST", "WEATHER"),
        ({"topics": ["PRODUCT", "STOCK", "ORDER"]}, "FORBIDDEN", "ORDER is not yours"),
        ({"topics": ["CUSTOMER"]}, "FORBIDDEN", "CUSTOMER is not yours"),
    ],
)
async def test_what_makes_no_sense_is_refused(server: Server, given: dict[str, Any], code: str, words: str) -> None:
    response = await server.post(CHANGES, {"first": 10, **given})
    (error,) = response.json()["errors"]
    assert (error["extensions"]["code"], words in error["message"]) == (code, True), error


async def test_a_place_ahead_of_the_feed_takes_a_snapshot(server: Server) -> None:
    page = await changes(server, after="123456")
    assert (page["snapshotRequired"], page["changes"], page["endPosition"]) == (True, [], "123456")


async def test_a_place_in_another_history_takes_a_snapshot(server: Server) -> None:
    await sell(server)
    epoch: Any = (await server.post("{ __typename }")).json()["extensions"]["epoch"]
    for said, wanted in ((epoch, False), ("another", True)):
        headers: dict[str, Any] = {"feira-epoch": said}
        response = await server.post(CHANGES, {"after": "1", "first": 10}, **headers)
        page = response.json()["data"]["changes"]
        assert (page["snapshotRequired"], bool(page["changes"])) == (wanted, not wanted)


async def test_an_answer_says_what_it_reflects(server: Server, database: Database) -> None:
    response = await server.post("{ __typename }")
    before = response.json()["extensions"]
    assert response.headers["feira-position"] == before["asOf"] == "0"
    assert response.headers["feira-epoch"] == before["epoch"] == await database.value(select(feed_head.c.epoch))
    made = await server.post(
        'mutation { cartCreate(input: {lines: [{variant: {sku: "CANECA"}}]}) { cart { id } } }', who="till"
    )
    after = made.json()["extensions"]
    assert int(after["asOf"]) == await database.value(select(func.count()).select_from(outbox)) > 0
    assert "commit" not in after
    got = await server.client.get("/graphql", params={"query": "{ __typename }"}, headers=server.headers())
    assert got.json() == {"data": {"__typename": "Query"}}
    assert got.headers["feira-position"] == after["asOf"]


async def test_what_one_process_wrote_another_reads(server: Server, shop: Shop, database_url: str) -> None:
    """Two processes' worth of server on one database; whoever numbers, both follow."""
    adjust = """mutation Adjust($at: ID!) { stockAdjust(input: {kind: RECEIPT, changes: [
        {variant: {sku: "CANECA"}, locationId: $at, amount: {delta: 1}}]}) { userErrors { code } } }"""
    stock = '{ variant(by: {sku: "CANECA"}) { availability { available } } }'
    async with serving(shop, database_url, beside=server) as another:
        for number in range(10):
            one, other = (server, another) if number % 2 else (another, server)
            written = await one.post(adjust, {"at": one.location("centro")}, who="owner")
            least: str = written.json()["extensions"]["asOf"]
            read = await read_at(other, stock, least)
            assert int(read.json()["extensions"]["asOf"]) >= int(least)
            assert read.json()["data"]["variant"]["availability"]["available"] == 26 + number


async def test_what_a_process_keeps_follows_what_another_writes(server: Server, shop: Shop, database_url: str) -> None:
    """Renamed and priced through one, read through the other, which has kept it: as new as it is asked for."""
    read = '{ product(by: {slug: "caneca"}) { id name variants { nodes { id price { unitPrice { amount } } } } } }'
    async with serving(shop, database_url, beside=server) as another:
        for number in range(10):
            one, other = (server, another) if number % 2 else (another, server)
            product = (await other.ask(read))["product"]
            (variant,) = product["variants"]["nodes"]
            texts = [{"locale": "pt-BR", "name": f"Caneca {number}"}]
            item = {"variant": {"id": variant["id"]}, "amount": {"amount": f"{number}.50", "currency": "BRL"}}
            prices = {"priceListId": ids.encode("PriceList", shop.price_list_id), "changes": [item]}
            for write, given in (
                ("productUpdate", {"productId": product["id"], "texts": texts}),
                ("pricesSet", prices),
            ):
                kind = f"{write[0].upper()}{write[1:]}Input"
                query = f"mutation Write($input: {kind}!) {{ {write}(input: $input) {{ userErrors {{ code path }} }} }}"
                written = await one.post(query, {"input": given}, who="owner")
                assert written.json()["data"][write]["userErrors"] == []
            told = (await read_at(other, read, written.json()["extensions"]["asOf"])).json()["data"]["product"]
            shown = told["name"], told["variants"]["nodes"][0]["price"]["unitPrice"]["amount"]
            assert shown == (f"Caneca {number}", f"{number}.50")
        metrics = (await another.client.get("/metrics")).text
        assert float(re.findall(r"^feira_catalog_drops_total (.*)$", metrics, re.MULTILINE)[0]) > 0


@pytest.mark.parametrize("given", ["x", "-1", "c", "cx", "1e5", "9" * 30, "c" + "9" * 30, "1 2"])
async def test_a_position_that_is_none_is_refused(server: Server, given: str) -> None:
    response = await read_at(server, "{ __typename }", given)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_position_that_never_comes_is_waited_for_a_little(server: Server) -> None:
    async with asyncio.timeout(10):
        response = await read_at(server, "{ __typename }", "999999")
        assert response.json()["data"] == {"__typename": "Query"}
        response = await read_at(server, "{ __typename }", "c999999")
        assert response.json()["data"] == {"__typename": "Query"}


async def test_a_change_carries_the_record_that_a_snapshot_would(server: Server) -> None:
    await sell(server)
    query = "{ changes(first: 100) { endPosition changes { topic action entityId data } } }"
    for who in ("owner", "till", None):
        answer = await server.ask(query, who=who)
        told = {(one["topic"], one["entityId"]): one["data"] for one in answer["changes"]["changes"]}
        assert told
        topics = ",".join(sorted({topic for topic, _ in told}))
        response = await server.client.get("/snapshot", params={"topics": topics}, headers=server.headers(who))
        lines = [json.loads(line) for line in gzip.decompress(response.content).splitlines()]
        assert int(lines[0]["snapshot"]["position"]) == int(answer["changes"]["endPosition"])
        kept = {(line["topic"], line["id"]): line for line in lines[1:-1]}
        for key, data in told.items():
            # Closed carts and orders are not in a snapshot, and told all the same.
            assert data is not None, key
            assert (data["topic"], data["id"]) == key
            assert key not in kept or kept[key] == data
        assert set(told) & set(kept)
