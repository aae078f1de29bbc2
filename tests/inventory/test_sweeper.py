"""Releasing what expired."""

import asyncio
from datetime import timedelta

import pytest

from app.inventory import sweeper
from app.inventory.guard import LOCK, keys_of, lock
from app.inventory.sweeper import sweep
from app.platform import clock
from tests.inventory.stock import UNIT, assert_law, expire, hold_some, holds_of, told
from tests.shop import Shop


async def test_expired_holds_are_released_and_told_and_live_ones_stay(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT, "praia": 5 * UNIT})
    old, _ = await hold_some(shop, "CANECA", 6, ("centro", "praia"))
    _, live = await hold_some(shop, "CANECA", 1, ("praia",))
    assert await sweep(shop.db, clock.now()) == 0
    await expire(shop, old)
    before = len(await told(shop, "STOCK"))
    assert await sweep(shop.db, clock.now()) == 2
    assert len(await told(shop, "STOCK")) == before + 2
    assert await holds_of(shop, live) == {"praia": UNIT}
    assert (await shop.level("CANECA", "centro")).reserved == 0
    assert await sweep(shop.db, clock.now()) == 0
    await assert_law(shop)


async def test_a_caller_whose_clock_is_ahead_releases_nothing_early(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    await hold_some(shop, "CANECA", 1)
    assert await sweep(shop.db, clock.now() + timedelta(days=1)) == 0


async def test_the_sweep_works_through_batches(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sweeper, "LEVELS_AT_ONCE", 2)
    monkeypatch.setattr(sweeper, "HOLDS_AT_ONCE", 3)
    for number in range(5):
        sku = f"V{number}"
        await shop.variant(sku, price=None, stock={"centro": 5 * UNIT})
        for _ in range(4):
            await hold_some(shop, sku, 1)
    await expire(shop)
    assert await sweep(shop.db, clock.now()) == 20
    await assert_law(shop)


async def test_a_level_that_somebody_works_on_is_left_to_them(shop: Shop):
    variant = await shop.variant("CANECA", stock={"centro": 5 * UNIT, "praia": 5 * UNIT})
    await hold_some(shop, "CANECA", 6, ("centro", "praia"))
    await expire(shop)
    async with shop.db.transaction() as tx:
        await lock(tx, LOCK, keys_of([(variant, shop.locations["centro"])]))
        assert await asyncio.wait_for(sweep(shop.db, clock.now()), 5) == 1
    assert await sweep(shop.db, clock.now()) == 1


async def test_many_sweepers_release_each_hold_once(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 40 * UNIT})
    for _ in range(20):
        await hold_some(shop, "CANECA", 1)
    await expire(shop)
    assert sum(await asyncio.gather(*(sweep(shop.db, clock.now()) for _ in range(4)))) == 20
    assert (await shop.level("CANECA", "centro")).reserved == 0
    await assert_law(shop)
