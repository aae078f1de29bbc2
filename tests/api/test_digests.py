"""A follower learns whether its copy is the shop's: at the beginning, after it followed, and when it went wrong."""

import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from tests.api.server import Server, serving
from tests.shop import Shop

TOPICS = ["CATEGORY", "PRODUCT", "PRICE", "AVAILABILITY", "STOCK"]
SAY = """mutation Say($input: FollowerAcknowledgeInput!) { followerAcknowledge(input: $input) {
  mismatches compared userErrors { code path } follower { position } } }"""
CHANGES = """query Changes($after: Position!) { changes(after: $after, first: 1000) {
  changes { topic action entityId data } endPosition } }"""


class Till:
    """A copy in the hands of a client: it knows nothing of the server's code."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.records: dict[tuple[str, str], dict[str, Any]] = {}
        self.position = "0"

    async def begin(self) -> None:
        headers = self.server.headers("owner")
        response = await self.server.client.get("/snapshot", params={"topics": ",".join(TOPICS)}, headers=headers)
        first, *lines, _ = map(json.loads, gzip.decompress(response.content).splitlines())
        self.position = first["snapshot"]["position"]
        self.records = {(line["topic"], line["id"]): line for line in lines}

    async def catch_up(self) -> None:
        page = (await self.server.ask(CHANGES, {"after": self.position}, who="owner"))["changes"]
        for change in page["changes"]:
            if change["topic"] in TOPICS:
                key = (change["topic"], change["entityId"])
                self.records.pop(key, None)
                if change["data"] is not None:
                    self.records[key] = change["data"]
        self.position = page["endPosition"]

    def digest(self, topic: str) -> str:
        total = 0
        for (of, key), record in self.records.items():
            if of == topic:
                text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
                hashed = hashlib.sha256(f"{key}\n{record['version']}\n{text}".encode()).digest()
                total = (total + int.from_bytes(hashed[16:], "big")) % 2**128
        return f"{total:032x}"

    async def say(self, **more: Any) -> Any:
        told = [{"topic": topic, "digest": self.digest(topic)} for topic in TOPICS]
        given = {"name": "copy", "position": self.position, "digests": told, **more}
        return (await self.server.ask(SAY, {"input": given}, who="owner"))["followerAcknowledge"]


@pytest_asyncio.fixture
async def server(shop: Shop, database_url: str) -> AsyncIterator[Server]:
    await shop.variant("CANECA", price=4990, name="Caneca «São João»", stock={"centro": 20_000})
    await shop.variant("CAFE", price=3250, stock={"centro": 5_000, "praia": 5_000})
    async with serving(shop, database_url) as server:
        await receive(server, "CAFE")
        yield server


async def receive(server: Server, sku: str) -> None:
    given = {"variant": {"sku": sku}, "locationId": server.location("centro"), "amount": {"delta": 1}}
    payload = await server.write("stockAdjust", {"kind": "RECEIPT", "changes": [given]}, who="owner")
    assert payload["userErrors"] == []


async def test_a_copy_is_the_shops_at_the_beginning_and_after_it_followed(server: Server) -> None:
    till = Till(server)
    await till.begin()
    said = await till.say()
    assert (set(said["compared"]), said["mismatches"]) == (set(TOPICS), [])
    for _ in range(3):
        await receive(server, "CANECA")
        await till.catch_up()
        said = await till.say()
        assert (set(said["compared"]), said["mismatches"]) == (set(TOPICS), [])
    assert said["follower"]["position"] == till.position


async def test_a_copy_that_went_wrong_is_told_so(server: Server) -> None:
    till = Till(server)
    await till.begin()
    (level, *_) = [key for key in till.records if key[0] == "STOCK"]
    till.records[level]["onHand"] = "999"
    said = await till.say()
    assert (set(said["compared"]), said["mismatches"]) == (set(TOPICS), ["STOCK"])


async def test_what_has_changed_since_is_not_compared(server: Server) -> None:
    till = Till(server)
    await till.begin()
    assert set((await till.say())["compared"]) == set(TOPICS)
    await receive(server, "CANECA")
    said = await till.say()
    assert (set(said["compared"]), said["mismatches"]) == ({"CATEGORY", "PRODUCT", "PRICE"}, [])
    await till.catch_up()
    assert set((await till.say())["compared"]) == set(TOPICS)


async def test_the_shop_says_what_its_own_come_to(server: Server) -> None:
    till = Till(server)
    await till.begin()
    query = "{ convergence { head digests { topic position digest } } }"
    found = (await server.ask(query, who="owner"))["convergence"]
    digests = {each["topic"]: each["digest"] for each in found["digests"]}
    assert {topic: till.digest(topic) for topic in TOPICS} == {topic: digests[topic] for topic in TOPICS}
    assert {each["position"] for each in found["digests"]} == {found["head"]}


async def test_mistakes_are_told_where_they_are(server: Server) -> None:
    digest = {"topic": "STOCK", "digest": "0" * 32}
    for who, digests, code, path in (
        ("owner", [digest, digest], "DUPLICATE", ["input", "digests", "1", "topic"]),
        ("owner", [{"topic": "STOCK", "digest": "zz"}], "INVALID_DIGEST", ["input", "digests", "0", "digest"]),
        ("owner", [{"topic": "PROMOTION", "digest": ""}], "NOT_FOLLOWED", ["input", "digests", "0", "topic"]),
        ("till", [{"topic": "CONFLICT", "digest": ""}], "NOT_FOLLOWED", ["input", "digests", "0", "topic"]),
    ):
        given = {"name": "x", "position": "0", "digests": digests}
        said = (await server.ask(SAY, {"input": given}, who=who))["followerAcknowledge"]
        assert said["userErrors"] == [{"code": code, "path": path}]
        assert said["follower"] is None
