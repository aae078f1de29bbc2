"""Law 1 under concurrency: what is on hand is sold once, whoever asks, in whatever order, while holds expire.

Many callers run in transactions of their own, on as many connections as the pool has. Where a lock order is what keeps
deadlocks away, they run without the retry that `Database.run` gives.
"""

import asyncio
import random
from collections.abc import Awaitable, Iterable
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.inventory.errors import InsufficientStock, StockMoved
from app.inventory.levels import StockChange, adjust
from app.inventory.reservations import Demand, Item, cancel_order, extend, fulfill, hold, release_carts
from app.inventory.sweeper import sweep
from app.inventory.tables import allocation
from app.inventory.tables import hold as held
from app.platform import clock
from app.platform.errors import Refusal, Refusals
from app.platform.ids import new_id
from tests.inventory.stock import UNIT, assert_law, demand, expire, hold_some, order_some, take
from tests.shop import Shop

T = TypeVar("T")


async def outcomes(calls: Iterable[Awaitable[T]]) -> list[T | Refusal | Refusals]:
    """What each call answered or was refused with, all at once; anything else that is raised is raised here."""
    found: list[Any] = await asyncio.gather(*calls, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, Refusal | Refusals):
            raise one
    return found


def granted(found: list[Any]) -> int:
    return sum(not isinstance(one, Exception) for one in found)


async def hold_once(shop: Shop, demands: list[Demand], cart: UUID | None = None) -> None:
    """In a transaction that is not run again."""
    async with shop.db.transaction() as tx:
        until = clock.now() + timedelta(minutes=15)
        await hold(tx, cart_id=cart or new_id(), demands=demands, expires_at=until)


@pytest.mark.postgres15
async def test_two_hundred_holders_after_fifty_units(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 50 * UNIT})
    found = await outcomes(hold_once(shop, [demand(shop, "CANECA", 1)]) for _ in range(200))
    assert granted(found) == 50
    assert sum(isinstance(one, InsufficientStock) for one in found) == 150
    assert (await shop.level("CANECA", "centro")).reserved == 50 * UNIT
    await assert_law(shop)


async def test_two_hundred_orders_after_fifty_units_without_a_hold_before(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 50 * UNIT})
    found = await outcomes(order_some(shop, take(shop, "CANECA", 1, leaves_now=n % 2 == 0)) for n in range(200))
    assert granted(found) == 50
    level = await shop.level("CANECA", "centro")
    assert level.on_hand == level.reserved
    await assert_law(shop)


@pytest.mark.postgres15
async def test_two_variants_in_opposite_order_never_deadlock(shop: Shop):
    for sku in ("CANECA", "BULE"):
        await shop.variant(sku, stock={"centro": 50 * UNIT, "praia": 50 * UNIT})

    def both(number: int) -> list[Demand]:
        places = ("centro", "praia") if number % 3 else ("praia", "centro")
        demands = [demand(shop, sku, 1, places) for sku in ("CANECA", "BULE")]
        return demands if number % 2 else demands[::-1]

    found = await outcomes(hold_once(shop, both(number)) for number in range(200))
    assert granted(found) == 100
    assert len({row.cart_id for row in await shop.db.rows(select(held))}) == 100
    await assert_law(shop)


async def test_lines_of_one_variant_are_summed_under_concurrency(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 50 * UNIT})
    found = await outcomes(hold_once(shop, [demand(shop, "CANECA", 3), demand(shop, "CANECA", 2)]) for _ in range(40))
    assert granted(found) == 10
    await assert_law(shop)


async def test_holds_split_over_locations_use_every_unit_once(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 10 * UNIT, "praia": 11 * UNIT, "cd": 12 * UNIT})
    chance = random.Random(1)
    orders = [tuple(chance.sample(["centro", "praia", "cd"], 3)) for _ in range(60)]
    found = await outcomes(hold_once(shop, [demand(shop, "CANECA", 3, places)]) for places in orders)
    assert granted(found) == 11
    await assert_law(shop)


async def test_a_level_that_several_backorders_need_is_made_once(shop: Shop):
    await shop.variant("CANECA", backorder_allowance=5 * UNIT)
    found = await outcomes(hold_some(shop, "CANECA", 1, backorder_allowance=5 * UNIT) for _ in range(20))
    assert granted(found) == 5
    level = await shop.level("CANECA", "centro")
    assert (level.on_hand, level.reserved) == (0, 5 * UNIT)
    await assert_law(shop)


async def test_compare_and_set_lets_one_of_many_win(shop: Shop):
    variant = await shop.variant("CANECA", stock={"centro": 10 * UNIT})

    async def count(number: int) -> None:
        change = StockChange(
            variant, shop.locations["centro"], on_hand=(20 + number) * UNIT, expected_on_hand=10 * UNIT
        )
        await shop.db.run(lambda tx: adjust(tx, shop.actor(), changes=[change], kind="COUNT"))

    found = await outcomes(count(number) for number in range(20))
    assert granted(found) == 1
    assert sum(isinstance(one, StockMoved) for one in found) == 19
    await assert_law(shop)


async def test_new_levels_adjusted_by_many_at_once_lose_nothing(shop: Shop):
    await shop.variant("CANECA")
    await shop.variant("BULE")
    keys = [(shop.variants[sku], shop.locations[code]) for sku in ("CANECA", "BULE") for code in ("centro", "praia")]

    async def receive(number: int) -> None:
        changes = [StockChange(*key, delta=UNIT) for key in (keys if number % 2 else keys[::-1])]
        await shop.db.run(lambda tx: adjust(tx, shop.actor(), changes=changes, kind="RECEIPT"))

    await asyncio.gather(*(receive(number) for number in range(30)))
    assert (await shop.level("BULE", "praia")).on_hand == 30 * UNIT
    await assert_law(shop)


async def test_what_expired_goes_to_others_once_while_sweepers_run(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 50 * UNIT})
    for _ in range(10):
        await hold_some(shop, "CANECA", 4)
    await expire(shop)
    calls: list[Awaitable[Any]] = [hold_once(shop, [demand(shop, "CANECA", 1)]) for _ in range(100)]
    for place in (5, 30, 70):
        calls.insert(place, sweep(shop.db, clock.now()))
    found = await outcomes(calls)
    assert granted(found) - 3 == 50
    await sweep(shop.db, clock.now())
    assert (await shop.level("CANECA", "centro")).reserved == 50 * UNIT
    await assert_law(shop)


async def test_a_cart_that_extends_or_orders_what_expired_races_with_those_who_want_it(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 8 * UNIT})
    carts = [await hold_some(shop, "CANECA", 1) for _ in range(8)]
    await expire(shop)
    later = clock.now() + timedelta(minutes=15)

    async def come_back(number: int, cart: UUID, line: UUID) -> None:
        if number % 2:
            await shop.db.run(lambda tx: extend(tx, cart_id=cart, expires_at=later))
        else:
            await order_some(shop, take(shop, "CANECA", 1, line=line), cart=cart)

    rivals = [hold_some(shop, "CANECA", 1) for _ in range(12)]
    back = [come_back(number, *both) for number, both in enumerate(carts)]
    calls: list[Awaitable[Any]] = [one for pair in zip(rivals, back, strict=False) for one in pair]
    await outcomes([*calls, *rivals[8:]])
    live = await shop.db.value(select(func.coalesce(func.sum(held.c.quantity), 0)))
    ordered = await shop.db.value(select(func.coalesce(func.sum(allocation.c.quantity), 0)))
    assert live + ordered == (await shop.level("CANECA", "centro")).reserved <= 8 * UNIT
    # Nothing is left over while somebody was refused.
    assert live + ordered == 8 * UNIT
    await assert_law(shop)


async def test_everything_at_once_keeps_the_law(shop: Shop):
    for sku in ("CANECA", "BULE", "COPO"):
        await shop.variant(sku, stock={"centro": 20 * UNIT, "praia": 20 * UNIT})
    chance = random.Random(7)

    async def shopper(number: int) -> None:
        skus = chance.sample(["CANECA", "BULE", "COPO"], 2)
        places = tuple(chance.sample(["centro", "praia"], 2))
        cart, order = new_id(), new_id()
        demands = [demand(shop, sku, chance.randint(1, 3), places) for sku in skus]
        until = clock.now() + timedelta(minutes=-1 if number % 7 == 0 else 15)
        await shop.db.run(lambda tx: hold(tx, cart_id=cart, demands=demands, expires_at=until))
        if number % 5 == 0:
            await shop.db.run(lambda tx: release_carts(tx, [cart]))
            return
        takes = [
            take(shop, sku, one.quantity / UNIT, places, line=one.line_id, leaves_now=number % 4 == 0)
            for sku, one in zip(skus, demands, strict=True)
        ]
        taken = await order_some(shop, *takes, cart=cart, order=order)
        if number % 4 == 0:
            return
        first = taken[0]
        away = shop.locations[chance.choice(places)]
        items = [Item(first.order_line_id, first.variant_id, away, first.quantity)]
        await shop.db.run(
            lambda tx: fulfill(tx, order_id=order, order_number="W", items=items, actor=shop.actor(), now=clock.now())
        )
        if number % 3 == 0:
            await shop.db.run(lambda tx: cancel_order(tx, order_id=order))

    async def clerk(number: int) -> None:
        changes = [
            StockChange(shop.variants[sku], shop.locations[code], delta=chance.randint(-4, 4) * UNIT)
            for sku in ("COPO", "CANECA")
            for code in ("praia", "centro")
        ]
        await shop.db.run(lambda tx: adjust(tx, shop.actor(), changes=changes, kind="ADJUSTMENT"))

    calls: list[Awaitable[Any]] = [shopper(number) for number in range(120)]
    calls += [clerk(number) for number in range(20)]
    calls += [sweep(shop.db, clock.now()) for _ in range(5)]
    chance.shuffle(calls)
    found = await outcomes(calls)
    assert granted(found) > 30
    await assert_law(shop)
