"""A write that reads before it locks: what changes between the two is found out, whichever process changed it.

The others write through a `Database` of their own, as another process would; the server is held up at a lock that they
have, so that what it read before is old when it goes on.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text, update

from app.carts.lines import NewLine, add_lines
from app.carts.tables import cart as carts
from app.carts.tables import cart_line
from app.channels.tables import channel
from app.inventory.audit import violations
from app.inventory.guard import LOCK, keys_of, lock
from app.inventory.reservations import Demand, hold
from app.inventory.tables import hold as holds
from app.platform import clock, ids
from app.platform.ids import new_id
from app.platform.tables import operation
from app.pricing.tables import price_list
from tests.api.server import Server, serving
from tests.checkout.counter import UNIT
from tests.laws.buyers import CREATE, told
from tests.shop import Shop

ADD = """mutation Add($input: CartLinesAddInput!) { cartLinesAdd(input: $input) {
  cart { id version lines { sku quantity heldUntil } } replayed userErrors { __typename code } } }"""


SELL = """mutation Sell($input: CheckoutCompleteInput!) { checkoutComplete(input: $input) {
  order { number } userErrors { __typename code } } }"""


@pytest.fixture
async def market(shop: Shop, database_url: str) -> AsyncIterator[Server]:
    await shop.variant("CANECA", price=4990, stock={"centro": 10 * UNIT, "cd": 10 * UNIT})
    await shop.variant("PRATO", price=2990, stock={"centro": 10 * UNIT, "cd": 10 * UNIT})
    async with serving(shop, database_url) as server:
        # From here on the server keeps what it has read of the settings.
        await server.ask(CREATE, {"input": {"lines": [line("PRATO")]}})
        yield server


def line(sku: str, quantity: int = 1) -> dict[str, Any]:
    return {"variant": {"sku": sku}, "quantity": quantity}


async def create(market: Server, *skus: str, **more: Any) -> Any:
    given = {"lines": [line(sku) for sku in skus], **more}
    return (await market.ask(CREATE, {"input": given}))["cartCreate"]


async def add(market: Server, cart_id: str, sku: str, **more: Any) -> Any:
    return (await market.ask(ADD, {"input": {"cartId": cart_id, "lines": [line(sku)], **more}}))["cartLinesAdd"]


async def waits(shop: Shop) -> None:
    """Until somebody waits for a lock."""
    for _ in range(500):
        async with shop.db.reads.connect() as connection:
            waiting = text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if (await connection.execute(waiting)).scalar():
                return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")


async def test_the_next_cart_after_a_setting_was_changed_elsewhere_has_it(market: Server):
    shop = market.shop
    await shop.db.run(lambda tx: tx.execute(update(channel).values(hold_minutes=7)))
    cart = (await create(market, "CANECA"))["cart"]
    left = await shop.db.value(select(holds.c.expires_at).where(holds.c.cart_id == ids.decode("Cart", cart["id"])))
    assert timedelta(minutes=6) < left - clock.now() < timedelta(minutes=8)


async def test_the_next_line_after_a_setting_was_changed_elsewhere_has_it(market: Server):
    shop, cart = market.shop, (await create(market, "PRATO"))["cart"]
    await shop.db.run(lambda tx: tx.execute(update(price_list).values(active=False)))
    refused = await add(market, cart["id"], "CANECA")
    assert told(refused) == "NO_PRICE"
    await shop.db.run(lambda tx: tx.execute(update(price_list).values(active=True)))
    assert told(await add(market, cart["id"], "CANECA")) == "ok"


async def test_a_cart_that_another_writes_between_reading_and_lock_loses_nothing(market: Server):
    shop, cart = market.shop, (await create(market, "CANECA"))["cart"]
    cart_id = ids.decode("Cart", cart["id"])
    guest = shop.actor()
    async with shop.db.transaction() as tx:
        await tx.rows(select(carts.c.id).where(carts.c.id == cart_id).with_for_update())
        adding = asyncio.create_task(add(market, cart["id"], "CANECA"))
        await waits(shop)
        new = NewLine(variant_id=shop.variants["PRATO"], quantity=2 * UNIT)
        await add_lines(tx, guest, cart_id=cart_id, expected_version=None, lines=[new])
    answer = await adding
    assert told(answer) == "ok"
    found = {each["sku"]: float(each["quantity"]) for each in answer["cart"]["lines"]}
    assert found == {"CANECA": 2, "PRATO": 2}
    assert answer["cart"]["version"] == 3
    assert await violations(shop.db) == []


async def test_a_cart_that_another_writes_meanwhile_is_refused_to_who_expected_a_version(market: Server):
    shop, cart = market.shop, (await create(market, "CANECA"))["cart"]
    cart_id = ids.decode("Cart", cart["id"])
    async with shop.db.transaction() as tx:
        await tx.rows(select(carts.c.id).where(carts.c.id == cart_id).with_for_update())
        adding = asyncio.create_task(add(market, cart["id"], "CANECA", expectedVersion=1))
        await waits(shop)
        new = NewLine(variant_id=shop.variants["PRATO"], quantity=UNIT)
        await add_lines(tx, shop.actor(), cart_id=cart_id, expected_version=None, lines=[new])
    assert told(await adding) == "VERSION_CONFLICT"


async def test_a_hold_that_another_gives_back_between_reading_and_lock_is_made_anew(market: Server):
    shop, cart = market.shop, (await create(market, "CANECA"))["cart"]
    cart_id = ids.decode("Cart", cart["id"])
    past = clock.now() - timedelta(minutes=1)
    await shop.db.run(lambda tx: tx.execute(update(holds).where(holds.c.cart_id == cart_id).values(expires_at=past)))
    place = await shop.db.value(select(holds.c.location_id).where(holds.c.cart_id == cart_id))
    key = (shop.variants["CANECA"], place)
    async with shop.db.transaction() as tx:
        await lock(tx, LOCK, keys_of([key]))
        adding = asyncio.create_task(add(market, cart["id"], "PRATO"))
        await waits(shop)
        # Whoever wants more than is free takes what has expired.
        wanted = Demand(line_id=new_id(), variant_id=key[0], quantity=10 * UNIT, location_ids=(place,))
        await hold(tx, cart_id=ids.new_secret_id(), demands=[wanted], expires_at=clock.now() + timedelta(minutes=5))
    answer = await adding
    assert told(answer) == "ok"
    assert await violations(shop.db) == []
    rows = await shop.db.rows(select(holds.c.location_id, holds.c.quantity).where(holds.c.cart_id == cart_id))
    assert sorted(row.quantity for row in rows) == [UNIT, UNIT]


async def test_the_last_unit_that_another_takes_between_reading_and_lock_is_refused(market: Server):
    shop = market.shop
    await shop.variant("ULTIMA", price=1000, stock={"cd": UNIT})
    key = (shop.variants["ULTIMA"], shop.locations["cd"])
    async with shop.db.transaction() as tx:
        await lock(tx, LOCK, keys_of([key]))
        creating = asyncio.create_task(create(market, "ULTIMA"))
        await waits(shop)
        wanted = Demand(line_id=new_id(), variant_id=key[0], quantity=UNIT, location_ids=(key[1],))
        await hold(tx, cart_id=ids.new_secret_id(), demands=[wanted], expires_at=clock.now() + timedelta(minutes=5))
    assert told(await creating) == "INSUFFICIENT_STOCK"
    assert await violations(shop.db) == []


async def test_who_repeats_is_answered_what_was_done_though_it_would_be_refused_by_now(market: Server):
    shop, key = market.shop, str(uuid4())
    cart = (await create(market, "CANECA"))["cart"]
    first = await add(market, cart["id"], "PRATO", operationId=key)
    await shop.db.run(lambda tx: tx.execute(update(carts).values(status="EXPIRED", version=carts.c.version + 1)))
    again = await add(market, cart["id"], "PRATO", operationId=key)
    assert (told(first), first["replayed"], told(again), again["replayed"]) == ("ok", False, "ok", True)
    lines = select(func.count()).select_from(cart_line).where(cart_line.c.cart_id == ids.decode("Cart", cart["id"]))
    assert await shop.db.value(lines) == 2


async def test_who_repeats_while_the_first_is_on_its_way_waits_for_it(market: Server):
    shop, key = market.shop, uuid4()
    cart = (await create(market, "CANECA"))["cart"]
    answers = await asyncio.gather(*(add(market, cart["id"], "PRATO", operationId=str(key)) for _ in range(12)))
    assert [told(each) for each in answers] == ["ok"] * 12
    assert sorted(each["replayed"] for each in answers) == [False] + [True] * 11
    assert await shop.db.value(select(func.count()).select_from(operation).where(operation.c.id == key)) == 1


async def test_who_is_refused_before_anything_is_locked_leaves_no_claim(market: Server):
    key = uuid4()
    refused = await add(market, ids.encode("Cart", UUID(int=7)), "PRATO", operationId=str(key))
    assert told(refused) == "NOT_FOUND"
    shop = market.shop
    assert await shop.db.value(select(func.count()).select_from(operation).where(operation.c.id == key)) == 0
    cart = (await create(market, "CANECA"))["cart"]
    assert told(await add(market, cart["id"], "PRATO", operationId=str(key))) == "ok"


async def test_who_has_nothing_to_sell_draws_no_order_number(market: Server):
    shop, cart = market.shop, (await create(market, "CANECA"))["cart"]
    last = select(text("last_value")).select_from(text("order_number"))
    before = await shop.db.value(last)
    await shop.db.run(lambda tx: tx.execute(update(carts).values(status="EXPIRED", version=carts.c.version + 1)))
    for cart_id in (cart["id"], ids.encode("Cart", UUID(int=7))):
        given: dict[str, Any] = {"input": {"cartId": cart_id, "tenders": []}}
        refused = (await market.ask(SELL, given))["checkoutComplete"]
        assert told(refused) in ("CART_EXPIRED", "NOT_FOUND")
    assert await shop.db.value(last) == before
