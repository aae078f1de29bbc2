"""The feed tells each reader exactly what the queries show them, whatever happens, and whoever writes at once."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.carts.carts import expire_carts
from app.catalog.drafts import PublicationDraft
from app.catalog.publication import tell_due, unpublish_product
from app.catalog.tables import product
from app.catalog.watching import keep_sight
from app.inventory import guard, sight
from app.inventory.levels import StockChange, adjust
from app.platform import clock
from app.platform.db import Tx
from app.platform.errors import Refusal, Refusals
from app.pricing import listing
from app.pricing.listing import refresh_due
from app.pricing.prices import PriceChange
from tests.carts.selling import UNIT, ship_method
from tests.catalog.drafting import plain, save
from tests.events.doings import ALL, HOUR, Doings
from tests.events.following import Follower, readers_of, rows_since, seen_by
from tests.pricing.pricing import put
from tests.shop import Shop


async def followers(shop: Shop, moment) -> dict[str, list[Follower]]:
    """For each reader two that have just taken a snapshot: one that is told everything, one that is told the newest."""
    rows = await rows_since(shop.db, 0)
    position = rows[-1].position if rows else 0
    found = {}
    for name, reader in readers_of(shop).items():
        seen = await seen_by(shop.db, reader, moment)
        found[name] = [Follower(reader, position, set(seen), compacted) for compacted in (False, True)]
    return found


async def check(shop: Shop, following: dict[str, list[Follower]], doings: Doings, *, behind: bool) -> None:
    """Those who follow everything know what they may see; with `behind` False, the others look too."""
    rows = await rows_since(shop.db, min(newest.position for _, newest in following.values()))
    for name, (every, newest) in following.items():
        every.follow(rows)
        if not behind:
            newest.follow(rows)
        seen = await seen_by(shop.db, every.reader, doings.moment)
        for one in (every,) if behind else (every, newest):
            missing, stale = seen - one.known, one.known - seen
            assert not missing, f"{name} was not told of {missing}: {doings.done}"
            assert not stale, f"{name} still knows {stale}: {doings.done}"
    doings.done.clear()


async def pass_time(shop: Shop, doings: Doings, roll: random.Random) -> None:
    """Hours go by, and the clock's jobs come when they come: before or after what else is written."""
    doings.moment += roll.choice([HOUR / 2, HOUR, 2 * HOUR])
    doings.done.append(f"the clock says {doings.moment:%H:%M}")
    if roll.random() < 0.5:
        await do(shop, doings, roll)
    await refresh_due(shop.db, doings.moment)
    await tell_due(shop.db, doings.moment, most=2)


async def do(shop: Shop, doings: Doings, roll: random.Random) -> None:
    """One thing, which may be refused."""
    doing = roll.choice(ALL)
    with suppress(Refusal, Refusals):
        await shop.db.run(lambda tx: doing(doings, tx))
        doings.done.append(doing.__name__)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
async def test_the_feed_says_what_the_queries_say(shop: Shop, seed: int) -> None:
    roll = random.Random(seed)
    if "CANECA" not in shop.variants:
        await shop.variant("CANECA", price=1990, stock=dict.fromkeys(shop.locations, 10_000 * UNIT))
        await ship_method(shop)
    # The clock does not go back between two examples.
    last = await shop.db.value(select(func.max(product.c.updated_at)))
    doings = Doings(shop, roll, max(clock.now(), last))
    following = await followers(shop, doings.moment)
    for number in range(60):
        await do(shop, doings, roll)
        if roll.random() < 0.2:
            await pass_time(shop, doings, roll)
        if number % 5 == 4:
            await check(shop, following, doings, behind=number % 15 != 14)
    await expire_carts(shop.db, doings.moment + timedelta(days=60))
    await check(shop, following, doings, behind=False)


@dataclass
class Slow:
    """A function that, once it is called, waits until it may go on: between what a command read and what it tells."""

    real: Callable[..., Awaitable[Any]]
    called: asyncio.Event = field(default_factory=asyncio.Event)
    may: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, *given: Any, **named: Any) -> Any:
        self.called.set()
        await self.may.wait()
        return await self.real(*given, **named)


@pytest.mark.parametrize(
    ("module", "name", "doing"),
    [
        (guard, "_write_and_tell", "count"),
        (guard, "_write_and_tell", "count elsewhere"),
        (guard, "tell", "count"),
        (guard, "tell", "count elsewhere"),
        (listing, "_keep", "price"),
        (sight, "emit", "the channel"),
    ],
)
async def test_who_writes_while_a_product_is_withdrawn_does_not_tell_those_who_lost_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, doing: str
) -> None:
    web = [PublicationDraft(channel_id=shop.channels["web"])]
    (saved,) = await save(shop, plain("prato", publish=web))
    key, (plate,) = saved.product_id, saved.variant_ids
    assert key is not None
    await put(shop, clock.now(), PriceChange(plate, 100))
    levels = [StockChange(plate, shop.locations[code], delta=UNIT) for code in ("centro", "praia")]
    await shop.db.run(lambda tx: adjust(tx, shop.actor(), changes=levels[:1], kind="RECEIPT"))
    following = await followers(shop, clock.now())

    async def tell_all(tx: Tx) -> None:
        await keep_sight(tx)
        await sight.tell_channels(tx, [shop.channels["web"]])

    async def write() -> None:
        if doing == "price":
            await put(shop, clock.now(), PriceChange(plate, 200))
        elif doing == "the channel":
            await shop.db.run(tell_all)
        else:
            # A level that is there is locked; of one that is not yet, its product.
            change = levels[doing == "count elsewhere"]
            await shop.db.run(lambda tx: adjust(tx, shop.actor(), changes=[change], kind="RECEIPT"))

    slow = Slow(getattr(module, name))
    if name == "tell":
        # As it is where something else was gathered before: in a statement of its own.
        monkeypatch.setattr(guard, "tells_at_once", lambda _: False)
    monkeypatch.setattr(module, name, slow)
    writing = asyncio.create_task(write())
    await slow.called.wait()
    monkeypatch.undo()
    withdrawing = asyncio.create_task(
        shop.db.run(lambda tx: unpublish_product(tx, shop.actor(), key, [shop.channels["web"]]))
    )
    # Time to go ahead, were it not to wait.
    await asyncio.wait({withdrawing}, timeout=0.5)
    slow.may.set()
    await asyncio.gather(writing, withdrawing)
    doings = Doings(shop, random.Random(0), clock.now(), done=[doing])
    await check(shop, following, doings, behind=False)
