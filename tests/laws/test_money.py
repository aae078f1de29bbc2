"""Law 2: whatever is sold, in whatever way it is paid, sent or called off, every centavo is accounted for."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from app.carts.totals import cash_rounding
from app.channels.tables import channel
from app.fulfillment.create import Part, create
from app.identity.principal import Actor
from app.orders.settle import settle
from app.orders.tables import order
from app.payments.tables import posting
from app.payments.tenders import Tender
from app.platform.db import Database
from app.platform.errors import InvalidInput
from tests.carts.selling import ADDRESS, basket_of, deliver, line, new_cart, ship_method
from tests.checkout.counter import (
    UNIT,
    call_off,
    guest,
    lines_of,
    order_of,
    owed,
    payments,
    sell,
    till,
    total_of,
    violations,
)
from tests.databases import Servers
from tests.shop import Shop

Run = Callable[[Coroutine[Any, Any, None]], None]
LEVEL = 10**9
WAYS = ("CARRY_OUT", "SHIP", "PICKUP")
PRICES = st.integers(0, 10) | st.integers(1, 100_000) | st.integers(10**6, 10**9)
QUANTITIES = st.integers(1, 40).map(lambda units: units * UNIT) | st.integers(1, 50_000)


CANNOT = frozenset(
    {
        "PAYMENT_NOT_PENDING",
        "ORDER_CANCELLED",
        "ALREADY_FULFILLED",
        "NOTHING_LEFT",
        "INVALID_QUANTITY",
        "MIXED_METHODS",
    }
)


@dataclass(frozen=True)
class Case:
    """A sale: (price in centavos, thousandths, way) by line; at which parts of the total the tenders are cut."""

    lines: list[tuple[int, int, str]]
    cuts: list[float]
    cash_only: bool
    at_till: bool
    coin: int
    shows_tax: bool
    after: list[str]


CASES = st.builds(
    Case,
    lines=st.lists(st.tuples(PRICES, QUANTITIES, st.sampled_from(WAYS)), min_size=1, max_size=5),
    cuts=st.lists(st.floats(0, 1), max_size=3),
    cash_only=st.booleans(),
    at_till=st.booleans(),
    coin=st.sampled_from([1, 5, 10]),
    shows_tax=st.booleans(),
    after=st.lists(st.sampled_from(["settle", "settle all", "send a part", "send", "cancel"]), max_size=5),
)


@pytest.fixture(scope="module")
def market(postgres_servers: Servers) -> Iterator[tuple[Shop, Run]]:
    """A shop on a database of its own, driven by a loop of its own: hypothesis calls it from plain functions."""
    with postgres_servers.fresh_database("embedded") as url, asyncio.Runner() as runner:
        database = Database.open(url)
        shop = runner.run(_opened(database))
        yield shop, runner.run
        runner.run(database.close())


async def _opened(database: Database) -> Shop:
    shop = await Shop(database).open()
    await ship_method(shop, cost=1271)
    await ship_method(shop, "balcao", 99, method="PICKUP")
    return shop


@given(case=CASES)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_centavo_is_accounted_for(market: tuple[Shop, Run], case: Case):
    shop, run = market
    run(play(shop, case))


async def play(shop: Shop, case: Case) -> None:
    async with shop.db.transaction() as tx:
        await tx.execute(update(channel).values(cash_rounding=case.coin, prices_include_tax=case.shows_tax))
    seller = till(shop) if case.at_till else guest(shop)
    cart_id = await filled(shop, seller, case)
    total = await total_of(shop, cart_id)
    tenders = cut(total, case)
    placed = await sell(shop, seller, cart_id, *tenders, free=not tenders)
    sold = await order_of(shop, placed)
    assert sold.total == sum(tender.amount for tender in tenders)
    assert sold.total - sold.rounding == total
    assert await owed(shop, placed) == (0 if case.at_till else sold.total)
    for step in case.after:
        await go_on(shop, placed.order_id, step)
    assert await violations(shop.db) == []
    await assert_zero(shop)


async def filled(shop: Shop, seller: Actor, case: Case) -> UUID:
    wanted = []
    for price, quantity, _ in case.lines:
        sku = f"G{len(shop.variants)}"
        await shop.variant(sku, price=price, unit="kg", quantity_step=1, stock={"centro": LEVEL})
        wanted.append(line(shop, sku, quantity / UNIT))
    cart_id = await new_cart(shop, seller, *wanted)
    for entry, (_, _, way) in zip((await basket_of(shop, cart_id)).lines, case.lines, strict=True):
        chosen = way if case.at_till or way != "CARRY_OUT" else "PICKUP"
        more: dict[str, Any] = {"at": "centro"} if chosen != "SHIP" else {"option": "sedex", "address": ADDRESS}
        await deliver(shop, seller, cart_id, chosen, lines=[entry.id], **more)
    return cart_id


def cut(total: int, case: Case) -> list[Tender]:
    """Tenders that add up to what is charged."""
    edges = sorted({0, *(round(part * total) for part in case.cuts), total})
    methods = ["CASH"] if case.cash_only else ["CARD_TERMINAL", "CASH", "OTHER"]
    parts = [Tender(methods[n % len(methods)], b - a) for n, (a, b) in enumerate(pairwise(edges))]
    if case.cash_only and (parts or case.at_till):
        total += cash_rounding(total, case.coin)
        parts = [Tender("CASH", total)] if total else []
    return parts


async def go_on(shop: Shop, order_id: UUID, step: str) -> None:
    """One more thing that happens to the order, where it can."""
    owner = shop.actor()
    try:
        match step:
            case "settle" | "settle all":
                for each in (await payments(shop, order_id))[: 1 if step == "settle" else None]:
                    await shop.db.run(_settling(owner, order_id, each.id))
            case "cancel":
                await call_off(shop, order_id)
            case _:
                await send(shop, owner, order_id, step == "send a part")
    except InvalidInput as refused:
        if refused.code not in CANNOT:
            raise


def _settling(owner: Actor, order_id: UUID, payment_id: UUID) -> Any:
    return lambda tx: settle(tx, owner, order_id=order_id, payment_id=payment_id, expected_version=None, reference=None)


async def send(shop: Shop, owner: Actor, order_id: UUID, in_part: bool) -> None:
    parts: Sequence[Part] | None = None
    if in_part:
        lines = [each for each in await lines_of(shop, order_id) if each.quantity > each.fulfilled + each.cancelled]
        parts = [Part(each.id, (each.quantity - each.fulfilled + 1) // 2) for each in lines[:1]] or None
    await shop.db.run(
        lambda tx: create(
            tx,
            owner,
            order_id=order_id,
            expected_version=None,
            location_id=shop.locations["centro"],
            parts=parts,
        )
    )


async def assert_zero(shop: Shop) -> None:
    """What money there is, is what was sold and not called off; what is owed, is what was not paid."""
    rows = await shop.db.rows(
        select(posting.c.debit, posting.c.credit, func.sum(posting.c.amount).label("amount")).group_by(
            posting.c.debit, posting.c.credit
        )
    )
    kinds: dict[str, int] = {}
    for row in rows:
        for account, amount in ((row.debit, row.amount), (row.credit, -row.amount)):
            kind = account.split(":")[0]
            kinds[kind] = kinds.get(kind, 0) + int(amount)
    sold = select(func.coalesce(func.sum(order.c.total), 0)).where(order.c.status != "CANCELLED")
    earned = -sum(kinds.get(kind, 0) for kind in ("sales", "delivery", "tax", "rounding"))
    assert earned == int(await shop.db.value(sold))
    money = sum(kinds.get(kind, 0) for kind in ("cash", "card_terminal", "other"))
    assert money + kinds.get("receivable", 0) == earned
