"""`GET /snapshot` over real HTTP: what it holds for whom, that it is made once, and that it can be had in parts."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import select

from app.api.records import SOURCES, records, schema_of
from app.browse.records.record import canonical, digest_text, record_hash
from app.browse.records.view import view_of
from app.channels.queries import channels_by_ids
from app.events.outbox import Topic
from app.events.tables import feed_head
from app.identity.principal import ANONYMOUS
from app.platform import clock, ids
from tests.api import test_reach as reach
from tests.api.market import Market, open_market, stock_market
from tests.databases import Servers

SHOPPERS = ["CATEGORY", "COLLECTION", "PRODUCT", "PRICE", "AVAILABILITY"]


@pytest_asyncio.fixture(scope="module")
async def market(postgres_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Market]:
    folder = tmp_path_factory.mktemp("data")
    with postgres_servers.fresh_database("embedded") as url:
        async with open_market(url, data_dir=folder) as market:
            market.of["folder"] = str(folder / "spool")
            await stock_market(market)
            await reach._hire(market)
            await reach._sell(market)
            yield market


@dataclass
class Taken:
    """A snapshot as a client reads it."""

    response: httpx.Response
    head: dict[str, Any]
    lines: list[bytes]
    end: dict[str, Any]

    @property
    def records(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(line) for line in self.lines]

    def of(self, topic: str) -> dict[str, dict[str, Any]]:
        return {each["id"]: each for each in self.records if each["topic"] == topic}


async def get(
    market: Market, who: str = "anonymous", query: str = "", method: str = "GET", **headers: str
) -> httpx.Response:
    if who in market.tokens:
        headers["authorization"] = f"Bearer {market.tokens[who]}"
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await market.client.request(method, f"/snapshot{query}", headers=sent)


def read(response: httpx.Response) -> Taken:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/gzip"
    first, *lines, last = gzip.decompress(response.content).splitlines()
    return Taken(response, msgspec.json.decode(first)["snapshot"], lines, msgspec.json.decode(last)["end"])


def spooled(market: Market) -> set[Path]:
    return set(Path(market.of["folder"]).iterdir())


async def take(market: Market, who: str = "anonymous", query: str = "", **headers: str) -> Taken:
    return read(await get(market, who, query, **headers))


async def test_a_shopper_gets_the_catalog_of_the_channel(market: Market) -> None:
    taken = await take(market)
    assert taken.head["topics"] == SHOPPERS
    assert (taken.head["channel"], taken.head["location"], taken.head["format"]) == ("web", None, 1)
    assert set(taken.of("PRODUCT")) == {market.of["Product"]}, "the draft is not for sale"
    assert set(taken.of("PRICE")) == set(taken.of("AVAILABILITY")) == {market.of["Variant"]}
    assert set(taken.of("CATEGORY")) == {market.of["Category"]}


async def test_the_last_line_tells_how_much_there_was_and_its_digest(market: Market) -> None:
    taken = await take(market, "device")
    sums: dict[str, int] = {}
    for line, record in zip(taken.lines, taken.records, strict=True):
        assert canonical(record) == line
        hashed = record_hash(record["id"], record["version"], line)
        sums[record["topic"]] = sums.get(record["topic"], 0) + hashed
    for topic, told in taken.end["topics"].items():
        assert told == {"count": len(taken.of(topic)), "digest": digest_text(sums.get(topic, 0))}
    assert list(taken.end["topics"]) == taken.head["topics"]


@pytest.mark.parametrize("who", ["anonymous", "device", "owner"])
async def test_each_line_is_as_its_schema_says(market: Market, who: str) -> None:
    query = "?topics=" + ",".join(topic.value for topic in SOURCES) if who == "owner" else ""
    for record in (await take(market, who, query)).records:
        schema = (await market.client.get(f"/snapshot/schemas/{record['topic']}.json")).json()
        jsonschema_rs.Draft202012Validator(schema).validate(record)
        assert set(record) == set(schema["properties"])
        assert schema == schema_of(Topic(record["topic"]))


async def test_it_says_what_the_feed_says_of_each_entity(market: Market) -> None:
    taken = await take(market)
    db = market.shop.db
    channel = (await channels_by_ids(db, [market.shop.channels["web"]]))[market.shop.channels["web"]]
    view = await view_of(db, ANONYMOUS, channel, clock.now())
    for record, line in zip(taken.records, taken.lines, strict=True):
        topic = Topic(record["topic"])
        key = ids.decode(SOURCES[topic].type_name, record["id"])
        assert key is not None
        assert (await records(db, topic, [key], view))[key].canonical == line


async def test_it_is_of_the_position_and_epoch_of_the_feed(market: Market) -> None:
    head = await market.shop.db.row(select(feed_head))
    assert head is not None
    taken = await take(market, query="?topics=CATEGORY,PRICE")
    assert (taken.head["position"], taken.head["epoch"]) == (str(head.position), head.epoch)
    assert taken.response.headers["feira-position"] == taken.end["position"] == str(head.position)
    assert taken.response.headers["feira-epoch"] == head.epoch


@pytest.mark.parametrize(
    ("who", "query", "status"),
    [
        ("anonymous", "?topics=STOCK", 403),
        ("client", "?topics=PRODUCT,STOCK", 403),
        ("catalog", "?topics=STOCK", 200),
        ("anonymous", "?topics=PRODUCTS", 400),
        ("owner", "?topics=CONFLICT", 400),
        ("anonymous", "?topics=", 400),
        ("anonymous", "?topic=PRODUCT", 400),
        ("anonymous", "/elsewhere", 404),
        ("anonymous", "//", 404),
        ("anonymous", "/snapshot", 404),
        ("anonymous", "/schemas//PRODUCT.json", 404),
        ("anonymous", "/", 200),
    ],
)
async def test_topics_that_are_none_or_not_theirs_are_refused(
    market: Market, who: str, query: str, status: int
) -> None:
    response = await get(market, who, query)
    assert response.status_code == status
    if status in (400, 403):
        (error,) = response.json()["errors"]
        assert error["extensions"]["code"] == {400: "BAD_REQUEST", 403: "FORBIDDEN"}[status]


async def test_credentials_and_channels_are_those_of_graphql(market: Market) -> None:
    assert (await get(market, authorization="Bearer nonsense")).status_code == 401
    assert (await get(market, feira_channel="nowhere")).status_code == 400
    assert (await get(market, feira_channel="pos")).status_code == 400, "the tills' channel takes a token"
    assert (await take(market, feira_channel="app")).head["channel"] == "app"
    assert (await take(market, "device")).head["channel"] == "pos"
    assert (await get(market, method="POST")).status_code == 405


async def test_staff_see_drafts_and_shoppers_do_not(market: Market) -> None:
    assert set((await take(market, "catalog")).of("PRODUCT")) == {market.of["Product"], market.of["Product draft"]}


async def test_each_till_gets_what_is_where_it_stands(market: Market) -> None:
    query = "?topics=STOCK,REGISTER,CART,ORDER"
    for who, here, elsewhere in (("device", "centro", "praia"), ("till praia", "praia", "centro")):
        taken = await take(market, who, query)
        assert taken.head["location"] == here
        assert {level["locationId"] for level in taken.of("STOCK").values()} == {market.location(here)}
        assert market.register(f"{here}-1") in taken.of("REGISTER")
        assert market.register(f"{elsewhere}-1") not in taken.of("REGISTER")
        assert market.of[f"Cart till {here}"] in taken.of("CART")
        assert market.of[f"Cart till {elsewhere}"] not in taken.of("CART")
        assert {cart["status"] for cart in taken.of("CART").values()} <= {"ACTIVE", "PARKED"}
        assert {order["status"] for order in taken.of("ORDER").values()} == {"OPEN"}
    assert market.of["Order picked up in praia"] in (await take(market, "till praia")).of("ORDER")
    assert market.of["Order sent"] in (await take(market, "device")).of("ORDER"), "its goods lie here"
    assert set((await take(market, "owner", "?topics=STOCK")).of("STOCK")) > set(
        (await take(market, "praia", "?topics=STOCK")).of("STOCK")
    )


async def test_it_can_be_had_in_parts_and_only_again_when_it_changed(market: Market) -> None:
    whole = (await take(market)).response
    tag, size = whole.headers["etag"], len(whole.content)
    half = size // 2
    first = await get(market, range=f"bytes=0-{half - 1}")
    rest = await get(market, range=f"bytes={half}-", if_range=tag)
    assert (first.status_code, rest.status_code) == (206, 206)
    assert rest.headers["content-range"] == f"bytes {half}-{size - 1}/{size}"
    assert first.content + rest.content == whole.content
    assert (await get(market, range="bytes=-10")).content == whole.content[-10:]
    assert (await get(market, range=f"bytes={half}-", if_range='"another"')).content == whole.content
    assert (await get(market, if_none_match=tag)).status_code == 304
    beyond = await get(market, range=f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    assert (await get(market, range="bytes=5-2")).content == whole.content
    assert (await get(market, range=f"bytes={half}-{'9' * 40}")).content == whole.content[half:]
    assert (await get(market, range=f"bytes={half}-", if_match=tag)).status_code == 206
    assert (await get(market, if_match="*")).status_code == 200
    for other in ('"another"', f"W/{tag}"):
        refused = await get(market, range=f"bytes={half}-", if_match=other)
        assert (refused.status_code, refused.content) == (412, b"")
    assert (await get(market, if_unmodified_since="Thu, 01 Jan 1970 00:00:00 GMT")).status_code == 200
    head = await get(market, method="HEAD")
    assert (head.status_code, head.headers["content-length"], head.headers["etag"]) == (200, str(size), tag)
    assert head.content == b""


async def test_callers_who_see_the_same_are_given_the_same_file(market: Market) -> None:
    query, before = "?topics=COLLECTION,PRICE", spooled(market)
    answers = await asyncio.gather(*(get(market, "anonymous", query) for _ in range(4)), get(market, "client", query))
    assert len({answer.content for answer in answers}) == 1
    assert len(spooled(market) - before) == 1
    assert (await get(market, "anonymous", query)).content == answers[0].content
    assert (await get(market, "device", query)).content != answers[0].content, "another channel"
    assert len(spooled(market) - before) == 2
    assert all(path.stat().st_mode & 0o077 == 0 for path in spooled(market)), "nobody else may read them"


async def test_what_a_customer_of_the_file_has_begun_can_be_ended_when_there_is_a_newer_one(
    market: Market, monkeypatch: Any
) -> None:
    query = "?topics=CATEGORY,COLLECTION"
    old = await get(market, "anonymous", query)
    ahead = clock.now() + timedelta(minutes=10)
    monkeypatch.setattr(clock, "now", lambda: ahead)
    new = await get(market, "anonymous", query)
    assert new.headers["etag"] != old.headers["etag"]
    rest = await get(market, "anonymous", query, range="bytes=10-", if_range=old.headers["etag"])
    assert rest.content == old.content[10:]
    theirs = await get(market, "catalog", query, range="bytes=10-", if_range=old.headers["etag"])
    assert theirs.status_code == 200, "of another scope"
