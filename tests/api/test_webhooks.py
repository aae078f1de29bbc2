"""Webhooks through the API: made, shaped, watched, sent again; and only by who may see the whole shop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from app.api.engine.execute import Engine
from app.api.permissions import guard
from app.api.schema import schema
from app.api.webhooks.shaping import shaper
from app.events.webhooks.send import Sending
from app.platform.outbound.address import Allowed
from tests.api.market import Market, open_market, stock_market
from tests.databases import Servers
from tests.events.webhooks.rig import BOUNDS, number, quick, until
from tests.platform.outbound import receiver as acts
from tests.platform.outbound.receiver import Receiver, receiving

ALLOWED = Allowed.parse("127.0.0.1")
WEBHOOK = """webhook { id name url topics actions document status position waiting failingSince consecutiveFailures
    lastError version previousSecretUntil channels { code } locations { code } missed { after upTo } }"""
LOG = """query($id: ID!, $first: Int! = 50, $after: String, $status: WebhookDeliveryStatus) { webhook(id: $id) {
    position waiting failingSince consecutiveFailures lastError
    deliveries(first: $first, after: $after, status: $status) { totalCount pageInfo { hasNextPage endCursor }
      nodes { id type status position topic action entityId version attemptCount nextAttemptAt finishedAt
        webhook { id } attempts { number statusCode error answer documentError milliseconds } } } } }"""
PRODUCT = """query($id: ID!) {
    node(id: $id) { id ... on Product { name } } viewer { permissions } }"""


@pytest_asyncio.fixture(scope="module")
async def market(postgres_servers: Servers) -> AsyncIterator[Market]:
    with postgres_servers.fresh_database("embedded") as url:
        async with open_market(url, webhook_allow=ALLOWED) as market:
            await stock_market(market)
            await market.hire("local", "owner", location_ids=[market.shop.locations["centro"]])
            yield market


@asynccontextmanager
async def sending(market: Market) -> AsyncIterator[Sending]:
    db = market.shop.db
    made = Sending(db, shaper(Engine(schema, guard=guard), db), ALLOWED, pace=quick(claimed_for=30), bounds=BOUNDS)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def subscribe(market: Market, receiver: Receiver, **given: object) -> str:
    """A webhook of this receiver that begins at the end of what was told so far; its id."""
    await number(market.shop.db)
    fields = {"name": "ERP", "url": receiver.url(), "topics": ["PRODUCT"], **given}
    made = await market.done("webhookCreate", fields, answer=WEBHOOK)
    return str(made["webhook"]["id"])


async def rename(market: Market, name: str) -> None:
    texts = [{"locale": "pt-BR", "name": name}, {"locale": "en", "name": "Mug"}]
    await market.done("productUpdate", {"productId": market.of["Product"], "texts": texts})
    await number(market.shop.db)


async def seen(market: Market, webhook: str, **more: object) -> Any:
    return (await market.ask(LOG, "owner", id=webhook, **more))["webhook"]


async def test_what_a_product_s_change_becomes_on_the_other_side(market: Market) -> None:
    async with receiving() as receiver, sending(market):
        webhook = await subscribe(market, receiver, document=PRODUCT)
        await rename(market, "Caneca azul")
        await until(lambda: receiver.accepted)
        await until(lambda: nothing_waits(market, webhook))
        log = await seen(market, webhook)
    [got] = receiver.received
    assert got.said["type"] == "product.upserted"
    assert got.said["data"]["node"] == {"id": market.of["Product"], "name": "Caneca azul"}
    assert "staff.write" in got.said["data"]["viewer"]["permissions"]
    assert got.change["entityId"] == market.of["Product"]
    [node] = log["deliveries"]["nodes"]
    assert node["id"] == got.id
    assert (node["type"], node["status"], node["attemptCount"], node["nextAttemptAt"]) == (
        "product.upserted", "DELIVERED", 1, None,
    )  # fmt: skip
    assert {name: node[name] for name in ("position", "topic", "action", "entityId", "version")} == {
        name: value for name, value in got.change.items() if name != "occurredAt"
    }
    assert node["webhook"]["id"] == webhook
    [attempt] = node["attempts"]
    assert (attempt["number"], attempt["statusCode"], attempt["answer"], attempt["error"]) == (1, 200, "ok", None)
    assert (log["waiting"], log["position"]) == (0, got.change["position"])


async def nothing_waits(market: Market, webhook: str) -> bool:
    log = await seen(market, webhook)
    return bool(log["waiting"] == 0 and log["deliveries"]["totalCount"] > 0)


async def test_a_document_that_fails_leaves_the_change(market: Market) -> None:
    failing = "query($id: ID!) { node(id: $id) { id } products(first: 5000) { nodes { id } } }"
    async with receiving() as receiver, sending(market):
        webhook = await subscribe(market, receiver, document=failing.replace("5000", "50"))
        async with market.shop.db.transaction() as tx:
            await tx.execute(text("UPDATE webhook SET document = :it WHERE document = :was"),
                             {"it": failing.replace("5000", "101"), "was": failing.replace("5000", "50")})  # fmt: skip
        await rename(market, "Caneca verde")
        await until(lambda: nothing_waits(market, webhook))
        [node] = (await seen(market, webhook))["deliveries"]["nodes"]
    [got] = receiver.received
    assert got.said["data"] == {"node": {"id": market.of["Product"]}, "products": None}
    assert "`first` must be from 0 to 100" in node["attempts"][0]["documentError"]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("mutation { productArchive(input: {productId: 1}) { replayed } }", "query"),
        ("{ nothing }", "Cannot query field"),
        ("{ viewer", "Syntax Error"),
        ("query($id: ID!, $shop: String!) { node(id: $id) { id } }", "$shop"),
        ("query($id: Int!) { products(first: $id) { nodes { id } } }", "$id"),
        ("query A { viewer { permissions } } query B { viewer { permissions } }", "operation name"),
        ("{ products(first: 100) { nodes { variants(first: 100) { nodes { id media { id } } } } } }", "Cost"),
    ],
)
async def test_a_document_is_checked_when_it_is_written(market: Market, document: str, why: str) -> None:
    given = {"name": "x", "url": "https://erp.example/", "document": document}
    refused = await market.write("webhookCreate", given, answer="secret webhook { id }")
    [error] = refused["userErrors"]
    assert (error["code"], error["path"]) == ("INVALID_DOCUMENT", ["input", "document"])
    assert why in error["message"]
    assert (refused["secret"], refused["webhook"]) == (None, None)


async def test_the_secret_is_answered_once_and_stored_with_no_operation(market: Market) -> None:
    given = {"operationId": str(uuid4()), "name": "x", "url": "https://erp.example/"}
    first = await market.done("webhookCreate", given, answer="secret webhook { id }")
    again = await market.done("webhookCreate", given, answer="secret webhook { id }")
    assert first["secret"].startswith("whsec_")
    assert (again["secret"], again["replayed"], again["webhook"]) == (None, True, first["webhook"])
    rotate = {"operationId": str(uuid4()), "webhookId": first["webhook"]["id"]}
    second = await market.done("webhookSecretRotate", rotate, answer="secret webhook { previousSecretUntil }")
    repeat = await market.done("webhookSecretRotate", rotate, answer="secret")
    assert second["secret"].startswith("whsec_")
    assert second["secret"] != first["secret"]
    assert second["webhook"]["previousSecretUntil"] is not None
    assert repeat["secret"] is None
    operations = await market.shop.db.rows(text("SELECT o::text AS row FROM operation o"))
    assert not [one for one in operations if "whsec" in one.row or first["secret"][8:30] in one.row]


async def test_private_addresses_are_refused_when_they_are_written(market: Market) -> None:
    for url in ("https://10.0.0.1/", "https://169.254.169.254/latest", "https://[::1]/", "https://2130706433/"):
        refused = await market.write("webhookCreate", {"name": "x", "url": url})
        assert [error["code"] for error in refused["userErrors"]] == ["INVALID_URL"], url


async def test_a_filter_is_written_and_read(market: Market) -> None:
    given = {
        "name": "Loja", "url": "https://erp.example/", "topics": ["ORDER", "STOCK"], "actions": ["UPSERT"],
        "channelIds": [market.channel("web"), market.channel("app")], "locationIds": [market.location("cd")],
    }  # fmt: skip
    made = (await market.done("webhookCreate", given, answer=WEBHOOK))["webhook"]
    assert (made["topics"], made["actions"]) == (["ORDER", "STOCK"], ["UPSERT"])
    assert ([one["code"] for one in made["channels"]], [one["code"] for one in made["locations"]]) == (
        ["app", "web"], ["cd"],
    )  # fmt: skip
    change = {"webhookId": made["id"], "expectedVersion": 1, "topics": None, "name": "Site", "locationIds": None}
    changed = (await market.done("webhookUpdate", change, answer=WEBHOOK))["webhook"]
    assert (changed["name"], changed["topics"], changed["locations"], changed["actions"], changed["version"]) == (
        "Site", None, None, ["UPSERT"], 2,
    )  # fmt: skip
    stale = await market.write("webhookUpdate", change)
    assert [error["code"] for error in stale["userErrors"]] == ["VERSION_CONFLICT"]
    unknown = await market.write("webhookUpdate", {"webhookId": made["id"], "channelIds": [market.location("cd")]})
    assert [error["code"] for error in unknown["userErrors"]] == ["INVALID_ID"]


async def test_it_is_shaped_in_the_channel_of_its_filter(market: Market) -> None:
    async with receiving() as receiver, sending(market):
        document = "{ channel { code } }"
        await subscribe(market, receiver, document=document, topics=None, channelIds=[market.channel("pos")])
        await rename(market, "Caneca do balcão")
        async with market.shop.db.transaction() as tx:
            scopes = ["staff", f"sold:{market.shop.channels['pos']}"]
            await tx.execute(
                text(
                    "INSERT INTO outbox (topic, action, entity_id, version, scopes_before, scopes_after) "
                    "VALUES ('PRICE', 'UPSERT', gen_random_uuid(), 1, :scopes, :scopes)"
                ),
                {"scopes": scopes},
            )
        await number(market.shop.db)
        await until(lambda: [got for got in receiver.received if got.change["topic"] == "PRICE"])
    assert {got.said["data"]["channel"]["code"] for got in receiver.received} == {"pos"}


async def test_a_person_pauses_replays_redelivers_and_tries(market: Market) -> None:
    async with receiving() as receiver, sending(market):
        webhook = await subscribe(market, receiver)
        given = {"webhookId": webhook}
        receiver.act = lambda _: acts.answer(500)
        await rename(market, "Caneca A")
        await until(lambda: receiver.received)
        paused = (await market.done("webhookPause", given, answer=WEBHOOK))["webhook"]
        assert paused["status"] == "PAUSED"
        await until(lambda: nobody_fails(market, webhook))
        [failing] = (await seen(market, webhook))["deliveries"]["nodes"]
        assert failing["status"] == "PENDING"
        assert failing["attempts"][-1]["error"] == "it answered 500"
        receiver.act = lambda _: acts.answer(200)
        assert (await market.done("webhookResume", given, answer=WEBHOOK))["webhook"]["status"] == "ACTIVE"
        await until(lambda: nothing_waits(market, webhook))
        [node] = (await seen(market, webhook, status="DELIVERED"))["deliveries"]["nodes"]
        again = {"webhookDeliveryId": node["id"]}
        await market.done("webhookDeliveryRedeliver", again, answer="delivery { id status }")
        await until(lambda: len(receiver.accepted) == 2)
        assert len({got.id for got in receiver.accepted}) == 1
        after = str(int(node["position"]) - 1)
        await market.done("webhookReplay", {**given, "after": after}, answer=WEBHOOK)
        await until(lambda: len(receiver.accepted) == 3)
        assert len({got.id for got in receiver.accepted}) == 2
        ahead = await market.write("webhookReplay", {**given, "after": "9999999"})
        assert [error["code"] for error in ahead["userErrors"]] == ["AHEAD"]
        tried = await market.done("webhookTest", given, answer="delivery { id type topic status }")
        assert (tried["delivery"]["type"], tried["delivery"]["topic"]) == ("webhook.tested", None)
        await until(lambda: nothing_waits(market, webhook))
        whole = await seen(market, webhook, first=2)
        assert (whole["deliveries"]["totalCount"], whole["deliveries"]["pageInfo"]["hasNextPage"]) == (3, True)
        rest = await seen(market, webhook, after=whole["deliveries"]["pageInfo"]["endCursor"])
        everything = whole["deliveries"]["nodes"] + rest["deliveries"]["nodes"]
        assert len({one["id"] for one in everything}) == 3
        assert everything[0]["id"] == tried["delivery"]["id"]
        assert (await seen(market, webhook, status="FAILED"))["deliveries"]["nodes"] == []
    gone = await market.done("webhookDelete", given, answer="webhookId")
    assert gone["webhookId"] == webhook
    assert (await market.ask(LOG, "owner", id=webhook))["webhook"] is None
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert (await market.ask(query, "owner", ids=[webhook, node["id"]]))["nodes"] == [None, None]
    for mutation in ("webhookPause", "webhookResume", "webhookTest", "webhookDelete", "webhookSecretRotate"):
        refused = await market.write(mutation, given)
        assert [error["code"] for error in refused["userErrors"]] == ["NOT_FOUND"], mutation


async def nobody_fails(market: Market, webhook: str) -> bool:
    """Whether the attempt that was under way is over."""
    nodes = (await seen(market, webhook))["deliveries"]["nodes"]
    return bool(nodes) and all(one["milliseconds"] is not None for one in nodes[0]["attempts"])


async def test_an_owner_of_some_places_sees_and_makes_none(market: Market) -> None:
    listed = await market.ask("{ webhooks(first: 10) { totalCount nodes { id } } }", "local")
    assert listed["webhooks"] == {"totalCount": 0, "nodes": []}
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    both = [market.of["Webhook"], market.of["WebhookDelivery"]]
    assert (await market.ask(query, "local", ids=both))["nodes"] == [None, None]
    assert None not in (await market.ask(query, "owner", ids=both))["nodes"]
    made = await market.write("webhookCreate", {"name": "x", "url": "https://erp.example/"}, "local", "secret")
    assert ([error["code"] for error in made["userErrors"]], made["secret"]) == (["BEYOND_REACH"], None)
    for mutation in ("webhookPause", "webhookDelete", "webhookSecretRotate", "webhookTest"):
        refused = await market.write(mutation, {"webhookId": market.of["Webhook"]}, "local")
        assert [error["code"] for error in refused["userErrors"]] == ["NOT_FOUND"], mutation
    given = {"webhookDeliveryId": market.of["WebhookDelivery"]}
    refused = await market.write("webhookDeliveryRedeliver", given, "local")
    assert [error["code"] for error in refused["userErrors"]] == ["NOT_FOUND"]
