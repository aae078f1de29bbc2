"""Live updates over real connections: what changed comes at once, once, in order, to those who may see it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import update

from app.api.events import subscriptions
from app.events import follower
from app.events.tables import feed_head
from app.identity.tables import token
from app.platform import clock
from app.platform.ids import encode, new_id
from tests.api.live import Socket, events, socket
from tests.api.server import Server, serving, tender
from tests.shop import Shop

CHANGES = """subscription Changes($after: Position, $topics: [Topic!], $compacted: Boolean) {
  changes(after: $after, topics: $topics, compacted: $compacted) {
    changes { position topic action entityId version } endPosition head hasMore snapshotRequired } }"""
CART = "subscription Cart($id: ID!) { cart(id: $id) { status version lines { quantity } } }"
ORDER = "subscription Order($by: OrderBy!) { order(by: $by) { number status fulfillmentStatus version } }"
AVAILABLE = """subscription Stock($variants: [VariantBy!]!) {
  availability(variants: $variants) { sku availability { available } } }"""
UNIT = 1000


@pytest_asyncio.fixture
async def server(shop: Shop, database_url: str) -> AsyncIterator[Server]:
    await shop.variant("CANECA", price=4990, stock={"centro": 20 * UNIT, "praia": 5 * UNIT})
    await shop.variant("BULE", price=8990, stock={"centro": 9 * UNIT})
    async with serving(shop, database_url) as server:
        yield server


async def receive(server: Server, sku: str = "CANECA", delta: int = 1, at: str = "centro") -> None:
    given = {"variant": {"sku": sku}, "locationId": server.location(at), "amount": {"delta": delta}}
    payload = await server.write("stockAdjust", {"kind": "RECEIPT", "changes": [given]}, who="owner")
    assert payload["userErrors"] == []


async def gather(one: Socket, key: str, until: int) -> list[Any]:
    """The changes of the pages up to a position."""
    found: list[Any] = []
    while True:
        page = await one.data(key)
        found += page["changes"]
        if int(page["endPosition"]) >= until:
            return found


async def test_changes_come_as_they_happen(server: Server) -> None:
    async with socket(server.url, server.tokens["owner"]) as one:
        key = await one.subscribe(CHANGES, topics=["STOCK"])
        assert await one.quiet(key)
        for version in (2, 3):
            await receive(server)
            page = await one.data(key)
            assert [(each["topic"], each["version"]) for each in page["changes"]] == [("STOCK", version)]


async def test_what_was_missed_comes_first(server: Server) -> None:
    for _ in range(5):
        await receive(server)
    async with socket(server.url, server.tokens["owner"]) as one:
        key = await one.subscribe(CHANGES, after="3", topics=["STOCK", "AVAILABILITY"])
        found = await gather(one, key, 10)
        assert [int(each["position"]) for each in found] == list(range(4, 11))
        await receive(server)
        found = await gather(one, key, 12)
        assert [int(each["position"]) for each in found] == [11, 12]


async def test_each_is_told_what_is_theirs(server: Server) -> None:
    async with (
        socket(server.url, server.tokens["till"]) as centro,
        socket(server.url, server.tokens["praia"]) as praia,
        socket(server.url) as shopper,
    ):
        keys = {one: await one.subscribe(CHANGES, after="0") for one in (centro, praia, shopper)}
        await receive(server, at="praia")
        topics = {one: {each["topic"] for each in await gather(one, key, 2)} for one, key in keys.items()}
        assert topics == {centro: {"AVAILABILITY"}, praia: {"STOCK", "AVAILABILITY"}, shopper: {"AVAILABILITY"}}


async def test_a_topic_that_is_never_theirs_is_refused_and_not_followed_in_silence(server: Server) -> None:
    async with socket(server.url) as shopper:
        key = await shopper.subscribe(CHANGES, topics=["PRODUCT", "ORDER"])
        refused = await shopper.next(key)
        while refused["type"] == "next" and "errors" not in refused["payload"]:
            refused = await shopper.next(key)
        assert "FORBIDDEN" in json.dumps(refused)
        assert "ORDER is not yours" in json.dumps(refused)
        assert await shopper.quiet(await shopper.subscribe(CHANGES, topics=["PRODUCT", "PROMOTION"]))


async def test_a_place_out_of_the_feed_ends_with_a_word(server: Server) -> None:
    async with socket(server.url) as one:
        key = await one.subscribe(CHANGES, after="77")
        page = await one.data(key)
        assert (page["snapshotRequired"], page["changes"]) == (True, [])
        assert (await one.next(key))["type"] == "complete"


async def test_a_history_that_ends_while_it_is_followed_ends_with_a_word(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was restored from a copy: what comes now is not what follows on what was told."""
    monkeypatch.setattr(follower, "LOOKS_EVERY", 0.1)
    monkeypatch.setattr(subscriptions, "QUIET_SECONDS", 0.5)
    for _ in range(3):
        await receive(server)
    async with socket(server.url) as one, socket(server.url, Feira_Epoch="another") as other:
        key = await one.subscribe(CHANGES, after="1")
        await one.data(key)
        late = await other.subscribe(CHANGES, after="1")
        assert (await other.data(late))["snapshotRequired"] is True
        async with server.shop.db.transaction() as tx:
            await tx.execute(update(feed_head).values(epoch="another"))
        while not (page := await one.data(key))["snapshotRequired"]:
            assert page["changes"] == []
        assert (await one.next(key))["type"] == "complete"


async def test_a_quiet_follower_is_kept_up_to_date(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "QUIET_SECONDS", 0.3)
    async with socket(server.url) as one:
        key = await one.subscribe(CHANGES, topics=["PRODUCT"])
        first = await one.data(key)
        assert first["changes"] == []
        await receive(server)
        assert int((await one.data(key))["endPosition"]) > int(first["endPosition"])


async def test_a_revoked_credential_hears_no_more(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "QUIET_SECONDS", 0.3)
    async with socket(server.url, server.tokens["till"]) as one:
        key = await one.subscribe(CHANGES)
        await one.data(key)
        async with server.shop.db.transaction() as tx:
            await tx.execute(update(token).where(token.c.device_id.is_not(None)).values(revoked_at=clock.now()))
        async with asyncio.timeout(15):
            while (message := await one.next(key))["type"] == "next":
                pass
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_cart_is_shown_as_it_changes_on_another_device(server: Server) -> None:
    made = await server.done("storefront/createCart", lines=[{"variant": {"sku": "CANECA"}, "quantity": 1}])
    cart = made["cart"]
    async with socket(server.url) as one:
        key = await one.subscribe(CART, id=cart["id"])
        assert await one.data(key) == {"status": "ACTIVE", "version": 1, "lines": [{"quantity": 1}]}
        given = {"cartId": cart["id"], "lines": [{"lineId": cart["lines"][0]["id"], "quantity": 3}]}
        await server.done("storefront/updateCart", **given)
        assert await one.data(key) == {"status": "ACTIVE", "version": 2, "lines": [{"quantity": 3}]}
        assert await one.quiet(key)
    async with socket(server.url) as one:
        key = await one.subscribe(CART, id="cart_00000000000000000000000000")
        assert await one.data(key) is None
        key = await one.subscribe(CART, id="nonsense")
        message = await one.next(key)
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "BAD_REQUEST")


async def test_an_order_is_followed_from_its_cart_on(server: Server) -> None:
    made = await server.done("storefront/createCart", lines=[{"variant": {"sku": "CANECA"}, "quantity": 1}])
    cart_id = made["cart"]["id"]
    async with socket(server.url) as guest, socket(server.url, server.tokens["owner"]) as owner:
        key = await guest.subscribe(ORDER, by={"cartId": cart_id})
        assert await guest.data(key) is None
        given = {"cartId": cart_id, "method": "PICKUP", "locationId": server.location("centro")}
        await server.write("cartDeliverySet", given, who="till")
        assert await guest.data(key) is None
        sold = await server.done("pos/sell", who="till", cartId=cart_id, tenders=[tender(4990)])
        order = sold["order"]
        while (seen := await guest.data(key)) is None:
            pass
        assert (seen["number"], seen["status"], seen["fulfillmentStatus"]) == (order["number"], "OPEN", "UNFULFILLED")
        mine = await owner.subscribe(ORDER, by={"number": order["number"]})
        assert (await owner.data(mine))["version"] == 1
        given = {"orderId": order["id"], "locationId": server.location("centro")}
        await server.write("fulfillmentCreate", given, who="till")
        assert (await owner.data(mine))["status"] == "COMPLETED"
        while (seen := await guest.data(key))["status"] != "COMPLETED":
            pass
        unknown = await guest.subscribe(ORDER, by={"number": order["number"]})
        assert await guest.data(unknown) is None
        assert (await guest.next(unknown))["type"] == "complete"


async def test_a_tills_cart_is_not_followed_by_its_id(server: Server) -> None:
    """Neither what becomes of it is told, nor when something does."""
    made = await server.done("pos/startSale", who="till", lines=[{"variant": {"sku": "CANECA"}, "quantity": 1}])
    cart_id = made["cart"]["id"]
    async with socket(server.url) as stranger, socket(server.url, server.tokens["till"]) as till:
        cart, order = (
            await stranger.subscribe(CART, id=cart_id),
            await stranger.subscribe(ORDER, by={"cartId": cart_id}),
        )
        assert (await stranger.data(cart), await stranger.data(order)) == (None, None)
        assert (await stranger.next(order))["type"] == "complete"
        own = await till.subscribe(CART, id=cart_id)
        assert (await till.data(own))["version"] == 1
        given = {"cartId": cart_id, "email": "ana@feira.example"}
        await server.write("cartCustomerSet", given, who="till")
        assert (await till.data(own))["version"] == 2
        assert await stranger.quiet(cart)


async def test_an_order_that_none_can_be_is_not_waited_for(server: Server) -> None:
    product = encode("Product", new_id())
    for by in ({"id": "nonsense"}, {"cartId": "nonsense"}, {"id": product}, {"cartId": product}):
        async with socket(server.url) as one:
            message = await one.next(await one.subscribe(ORDER, by=by))
            assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "BAD_REQUEST"), by


async def test_availability_comes_for_each_variant_that_changed(server: Server) -> None:
    async with socket(server.url) as one:
        key = await one.subscribe(AVAILABLE, variants=[{"sku": "CANECA"}, {"sku": "BULE"}])
        first = [await one.data(key) for _ in range(2)]
        assert {each["sku"]: each["availability"]["available"] for each in first} == {"CANECA": 25, "BULE": 9}
        await receive(server, "BULE", 2)
        assert await one.data(key) == {"sku": "BULE", "availability": {"available": 11}}
        assert await one.quiet(key)
        made = await server.done("storefront/createCart", lines=[{"variant": {"sku": "CANECA"}, "quantity": 5}])
        assert made["cart"]
        assert await one.data(key) == {"sku": "CANECA", "availability": {"available": 20}}
    for wrong in ([], [{"sku": "NADA"}], [{"sku": "CANECA"}] * 101):
        async with socket(server.url) as one:
            key = await one.subscribe(AVAILABLE, variants=wrong)
            message = await one.next(key)
            assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "BAD_REQUEST")


async def test_the_same_comes_over_server_sent_events(server: Server) -> None:
    got: list[Any] = []

    async def follow() -> None:
        async for result in events(server.client, CHANGES, server.headers("owner"), after="0", topics=["STOCK"]):
            got.extend(result["data"]["changes"]["changes"])
            assert int(result["extensions"]["asOf"]) >= int(result["data"]["changes"]["endPosition"])
            if len(got) >= 3:
                return

    await receive(server)
    following = asyncio.create_task(follow())
    await asyncio.sleep(0.2)
    await receive(server)
    await receive(server)
    async with asyncio.timeout(15):
        await following
    assert [each["version"] for each in got] == [2, 3, 4]


async def test_who_does_not_read_is_caught_up_and_holds_up_nobody(server: Server) -> None:
    """A subscriber who reads nothing for a while: others hear at once, and then it gets each change once, in order."""
    async with socket(server.url, server.tokens["owner"]) as slow, socket(server.url, server.tokens["owner"]) as quick:
        lazy = await slow.subscribe(CHANGES, after="0", topics=["STOCK"])
        eager = await quick.subscribe(CHANGES, after="0", topics=["STOCK"])
        slow.connection.transport.pause_reading()
        for _ in range(40):
            await receive(server)
        assert len(await gather(quick, eager, 79)) == 40
        slow.connection.transport.resume_reading()
        assert [each["version"] for each in await gather(slow, lazy, 79)] == list(range(2, 42))
