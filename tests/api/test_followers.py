"""Followers through the API: who may tell, and who is shown."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest_asyncio
from sqlalchemy import func, select, update

from app.browse.convergence import sweep
from app.platform import clock
from app.platform.tables import operation
from app.pricing.listing import refresh
from app.pricing.tables import channel_price
from tests.api.market import Market, open_market
from tests.databases import Servers
from tests.events.telling import change, tell

ANSWER = "follower { id name kind position lag lagSeconds lastSeenAt state digests { topic matches position } }"


@pytest_asyncio.fixture(scope="module")
async def market(postgres_servers: Servers) -> AsyncIterator[Market]:
    with postgres_servers.fresh_database("embedded") as url:
        async with open_market(url) as market:
            await tell(market.shop.db, *(change() for _ in range(5)))
            async with asyncio.timeout(20):
                while int((await market.ask("{ changes(first: 0) { head } }"))["changes"]["head"]) < 5:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            yield market


def given(position: int, name: str = "till", **more: Any) -> dict[str, Any]:
    return {"name": name, "position": str(position), **more}


async def test_a_device_tells_how_far_it_is(market: Market) -> None:
    payload = await market.done("followerAcknowledge", given(3), "device", ANSWER)
    found = payload["follower"]
    assert (found["name"], found["kind"], found["position"], found["lag"]) == ("till", "device", "3", 2)
    assert found["lagSeconds"] > 0
    again = await market.done("followerAcknowledge", given(5), "device", ANSWER)
    assert again["follower"]["id"] == found["id"]
    assert (again["follower"]["lag"], again["follower"]["lagSeconds"]) == (0, 0)


async def test_nothing_is_kept_of_it_without_an_operation_id(market: Market) -> None:
    count = select(func.count()).select_from(operation).where(operation.c.mutation == "followerAcknowledge")
    await market.done("followerAcknowledge", given(3, "quiet"), "client", ANSWER)
    assert await market.shop.db.value(count) == 0
    once = given(3, "once", operationId=str(uuid4()))
    assert not (await market.done("followerAcknowledge", once, "client", ANSWER))["replayed"]
    assert (await market.done("followerAcknowledge", once, "client", ANSWER))["replayed"]
    assert await market.shop.db.value(count) == 1


async def test_mistakes_are_told_where_they_are(market: Market) -> None:
    for wrong, code, path in (
        (given(10_000), "AHEAD_OF_FEED", "position"),
        (given(1, ""), "REQUIRED", "name"),
        (given(1, " \u3000\u00a0"), "REQUIRED", "name"),
        (given(1, "\u200b\u200d\ufeff\u2060\ufe0f"), "REQUIRED", "name"),
        (given(1, "\u202e\u2066\u2069"), "REQUIRED", "name"),
        (given(1, "\u3164\u115f\u2800"), "REQUIRED", "name"),
        (given(1, "x" * 101), "TOO_LONG", "name"),
        (given(1, "a\u0007b"), "INVALID_TEXT", "name"),
    ):
        (error,) = (await market.write("followerAcknowledge", wrong, "device"))["userErrors"]
        assert (error["code"], error["path"]) == (code, ["input", path])


async def test_a_follower_is_seen_by_its_own_and_by_who_may_read_the_feed(market: Market) -> None:
    payload = await market.done("followerAcknowledge", given(3, "mine"), "client", ANSWER)
    query = "query($id: ID!) { node(id: $id) { ... on Follower { name } } }"
    seen = {}
    for who in ("client", "owner", "readonly", "cashier", "device", "anonymous"):
        seen[who] = (await market.ask(query, who, id=payload["follower"]["id"]))["node"] is not None
    assert seen == {
        "client": True, "owner": True, "readonly": True, "cashier": False, "device": False, "anonymous": False,
    }  # fmt: skip


CONVERGENCE = """query($first: Int! = 50, $after: String) { convergence {
  head epoch oldestKept checkedAt checkedVariants divergenceCount numbering { waiting seconds }
  followers { name kind position lag lagSeconds lastSeenAt state }
  divergences(first: $first, after: $after) {
    cursor variant { sku } channels what aspect location values { channel value } rule since } } }"""


async def test_how_a_copy_compared_is_kept_for_who_looks_later(market: Market) -> None:
    head = int((await market.ask(CONVERGENCE, "owner"))["convergence"]["head"])
    payload = await market.done("followerAcknowledge", given(head, "copy"), "client", ANSWER)
    assert payload["follower"]["digests"] == []
    told = [{"topic": "CATEGORY", "digest": "0" * 32}, {"topic": "PRODUCT", "digest": "f" * 32}]
    payload = await market.done("followerAcknowledge", given(head, "copy", digests=told), "client", ANSWER)
    assert payload["follower"]["digests"] == [
        {"topic": "CATEGORY", "matches": True, "position": str(head)},
        {"topic": "PRODUCT", "matches": False, "position": str(head)},
    ]


async def test_whose_a_follower_is_sees_who_may(market: Market) -> None:
    await market.done("followerAcknowledge", given(1, "of the till"), "device", ANSWER)
    hook = {"name": "ERP", "url": "https://erp.example/feira"}
    await market.done("webhookCreate", hook, answer="webhook { id }")
    query = """{ convergence { followers { name kind state webhook { url }
      credential { __typename ... on Device { register { code } } } } } }"""
    for who, url in (("owner", {"url": hook["url"]}), ("readonly", None)):
        followers = (await market.ask(query, who))["convergence"]["followers"]
        (till,) = [each for each in followers if each["name"] == "of the till"]
        assert till["credential"] == {"__typename": "Device", "register": {"code": "centro-1"}}
        (erp,) = [each for each in followers if each["name"] == "ERP"]
        assert (erp["kind"], erp["state"], erp["credential"]) == ("webhook", "FOLLOWING", None)
        assert erp["webhook"] == url
    few = (await market.ask("{ convergence { followers(first: 1) { id } } }", "owner"))["convergence"]
    assert len(few["followers"]) == 1


async def test_metrics_tell_of_the_feed(market: Market) -> None:
    await market.done("followerAcknowledge", given(1, 'a "till"'), "device", ANSWER)
    response = await market.client.get("/metrics")
    lines = dict(line.rsplit(" ", 1) for line in response.text.splitlines() if not line.startswith("#"))
    assert float(lines["feira_feed_head_position"]) >= 5
    assert float(lines["feira_feed_read_position"]) >= 5
    assert float(lines["feira_feed_forgotten_position"]) == 0
    assert float(lines["feira_feed_unnumbered"]) == 0
    assert float(lines["feira_feed_unnumbered_seconds"]) == 0
    (lag,) = [float(value) for name, value in lines.items() if 'a \\"till\\"' in name and "_lag{" in name]
    assert lag >= 4
    assert any(name.startswith("feira_follower_lag_seconds{") for name in lines)


async def test_convergence_shows_followers_and_where_channels_are_at_odds(market: Market) -> None:
    shop = market.shop
    await market.done("followerAcknowledge", given(0, "slow"), "device", ANSWER)
    await shop.variant("CANECA", price=4990)
    await shop.db.run(lambda tx: refresh(tx, None, None, clock.now()))
    wrong = update(channel_price).where(channel_price.c.channel_id == shop.channels["app"]).values(amount=1)
    await shop.db.run(lambda tx: tx.execute(wrong))
    before = (await market.ask(CONVERGENCE, "readonly"))["convergence"]
    assert (before["checkedAt"], before["divergences"]) == (None, [])
    assert int(before["head"]) >= 5
    slowest = before["followers"][0]
    assert (slowest["name"], slowest["kind"], slowest["position"]) == ("slow", "device", "0")
    assert slowest["lag"] >= 5
    assert slowest["lagSeconds"] > 0
    await sweep(shop.db, rests=0)
    after = (await market.ask(CONVERGENCE, "readonly"))["convergence"]
    assert after["checkedAt"] is not None
    assert "feira_divergences 1.0" in (await market.client.get("/metrics")).text
    (found,) = after["divergences"]
    assert (found["variant"], found["channels"]) == ({"sku": "CANECA"}, ["app", "pos", "web"])
    assert found["what"].startswith("price listed differs: app: 0.01 BRL")
    assert (found["aspect"], found["location"], found["since"]) == ("PRICE_LISTED", None, after["checkedAt"])
    assert [each["channel"] for each in found["values"]] == ["app", "pos", "web"]
    assert found["values"][0]["value"].startswith("0.01 BRL")
    assert found["rule"].startswith("No price list that names one of these channels")
    assert (after["divergenceCount"], after["checkedVariants"], after["oldestKept"]) == (1, 1, "1")
    assert after["numbering"] == {"waiting": 0, "seconds": 0}
    rest = (await market.ask(CONVERGENCE, "owner", after=found["cursor"]))["convergence"]
    assert rest["divergences"] == []
    wrong = await market.answer(CONVERGENCE, "owner", after="nothing")
    assert [error["extensions"]["code"] for error in wrong["errors"]] == ["BAD_REQUEST"]
    assert (await market.ask(CONVERGENCE, "owner", first=0))["convergence"]["divergences"] == []
    refused = await market.answer(CONVERGENCE, "owner", first=101)
    assert [error["extensions"]["code"] for error in refused["errors"]] == ["BAD_REQUEST"]
