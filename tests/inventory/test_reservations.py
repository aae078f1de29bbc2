"""Holding stock for carts."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.inventory.errors import InsufficientStock
from app.inventory.guard import UNBOUNDED
from app.inventory.reservations import extend, hold, release_carts, release_lines
from app.inventory.tables import hold as held
from app.inventory.tables import stock_level
from app.platform import clock
from app.platform.errors import Refusals
from app.platform.ids import new_id
from tests.inventory.stock import UNIT, assert_law, demand, expire, hold_some, holds_of, shortages, told
from tests.shop import Shop


async def test_a_hold_reserves_and_is_told_once_per_level_and_variant(shop: Shop):
    variant = await shop.variant("CANECA", stock={"centro": 3 * UNIT, "praia": 5 * UNIT})
    _, line = await hold_some(shop, "CANECA", 4, ("centro", "praia"))
    assert await holds_of(shop, line) == {"centro": 3 * UNIT, "praia": UNIT}
    centro, praia = await shop.level("CANECA", "centro"), await shop.level("CANECA", "praia")
    assert (centro.reserved, centro.version, praia.reserved, praia.version) == (3 * UNIT, 2, UNIT, 2)
    assert sorted(await told(shop, "STOCK")) == sorted([(centro.id, 2), (praia.id, 2)])
    assert await told(shop, "AVAILABILITY") == [(variant, 4)]
    await assert_law(shop)


async def test_a_line_that_asks_again_keeps_what_it_holds_in_place_and_reserves_the_difference(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 3 * UNIT, "praia": 5 * UNIT})
    cart, line = await hold_some(shop, "CANECA", 2, ("praia",))
    await hold_some(shop, "CANECA", 4, ("centro", "praia"), cart=cart, line=line)
    assert await holds_of(shop, line) == {"centro": 2 * UNIT, "praia": 2 * UNIT}
    await hold_some(shop, "CANECA", 1, ("centro", "praia"), cart=cart, line=line)
    assert await holds_of(shop, line) == {"centro": UNIT}
    await hold_some(shop, "CANECA", 0, cart=cart, line=line)
    assert await holds_of(shop, line) == {}
    assert (await shop.level("CANECA", "praia")).reserved == 0
    await assert_law(shop)


async def test_a_line_whose_locations_change_moves_what_it_holds(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 3 * UNIT, "praia": 3 * UNIT})
    cart, line = await hold_some(shop, "CANECA", 3, ("centro",))
    await hold_some(shop, "CANECA", 3, ("praia",), cart=cart, line=line)
    assert await holds_of(shop, line) == {"praia": 3 * UNIT}
    await assert_law(shop)


async def test_a_refused_line_keeps_what_it_held_and_nothing_else_is_written(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 3 * UNIT})
    await shop.variant("BULE", stock={"centro": 3 * UNIT})
    cart, line = await hold_some(shop, "CANECA", 2)
    demands = [demand(shop, "BULE", 1), demand(shop, "CANECA", 4, line=line, path=("lines", "1"))]
    until = clock.now() + timedelta(minutes=15)
    with pytest.raises(InsufficientStock) as refused:
        await shop.db.run(lambda tx: hold(tx, cart_id=cart, demands=demands, expires_at=until))
    assert (refused.value.line_id, refused.value.location_id) == (line, shop.locations["centro"])
    assert (refused.value.requested, refused.value.available) == (4 * UNIT, 3 * UNIT)
    assert (refused.value.code, refused.value.path) == ("INSUFFICIENT_STOCK", ("lines", "1"))
    assert await holds_of(shop, line) == {"centro": 2 * UNIT}
    assert (await shop.level("BULE", "centro")).reserved == 0
    await assert_law(shop)


async def test_one_variant_in_two_lines_is_summed_before_it_is_reserved(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    cart, until = new_id(), clock.now() + timedelta(minutes=15)
    lines = [demand(shop, "CANECA", 3), demand(shop, "CANECA", 2)]
    await shop.db.run(lambda tx: hold(tx, cart_id=cart, demands=lines, expires_at=until))
    assert (await shop.level("CANECA", "centro")).reserved == 5 * UNIT
    await assert_law(shop)
    more = [demand(shop, "CANECA", 3), demand(shop, "CANECA", 2)]
    with pytest.raises(Refusals) as refused:
        await shop.db.run(lambda tx: hold(tx, cart_id=new_id(), demands=more, expires_at=until))
    assert [(one.requested, one.available) for one in shortages(refused.value)] == [(3 * UNIT, 0), (2 * UNIT, 0)]


async def test_what_one_line_gives_back_another_of_the_same_call_can_take(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    cart, first = await hold_some(shop, "CANECA", 5)
    until = clock.now() + timedelta(minutes=15)
    lines = [demand(shop, "CANECA", 3), demand(shop, "CANECA", 2, line=first)]
    await shop.db.run(lambda tx: hold(tx, cart_id=cart, demands=lines, expires_at=until))
    assert await holds_of(shop, first) == {"centro": 2 * UNIT}
    assert (await shop.level("CANECA", "centro")).reserved == 5 * UNIT
    await assert_law(shop)


async def test_a_writer_that_finds_a_level_short_releases_what_expired(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    old_cart, old_line = await hold_some(shop, "CANECA", 4)
    _, live_line = await hold_some(shop, "CANECA", 1)
    with pytest.raises(InsufficientStock):
        await hold_some(shop, "CANECA", 2)
    await expire(shop, old_cart)
    _, line = await hold_some(shop, "CANECA", 3)
    assert (await holds_of(shop, line), await holds_of(shop, old_line)) == ({"centro": 3 * UNIT}, {})
    assert await holds_of(shop, live_line) == {"centro": UNIT}
    assert (await shop.level("CANECA", "centro")).reserved == 4 * UNIT
    await assert_law(shop)


async def test_a_line_keeps_its_own_expired_hold_when_it_asks_again(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    cart, line = await hold_some(shop, "CANECA", 4)
    await expire(shop)
    await hold_some(shop, "CANECA", 5, cart=cart, line=line)
    assert await holds_of(shop, line) == {"centro": 5 * UNIT}
    await assert_law(shop)


async def test_a_lines_own_expired_hold_is_not_released_with_the_others(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 4 * UNIT})
    cart, line = await hold_some(shop, "CANECA", 2)
    _, other = await hold_some(shop, "CANECA", 2)
    await expire(shop)
    await hold_some(shop, "CANECA", 4, cart=cart, line=line)
    assert (await holds_of(shop, line), await holds_of(shop, other)) == ({"centro": 4 * UNIT}, {})
    assert (await shop.level("CANECA", "centro")).reserved == 4 * UNIT
    await assert_law(shop)


async def test_extending_gives_a_cart_more_time(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    cart, line = await hold_some(shop, "CANECA", 5)
    await expire(shop)
    until = clock.now() + timedelta(minutes=15)
    await shop.db.run(lambda tx: extend(tx, cart_id=cart, expires_at=until))
    assert [row.expires_at for row in await shop.db.rows(select(held.c.expires_at))] == [until]
    with pytest.raises(InsufficientStock):
        await hold_some(shop, "CANECA", 1)
    assert await holds_of(shop, line) == {"centro": 5 * UNIT}


async def test_releasing_gives_back_and_tells(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT})
    cart, line = await hold_some(shop, "CANECA", 2)
    await hold_some(shop, "CANECA", 1, cart=cart)
    await shop.db.run(lambda tx: release_lines(tx, cart_id=cart, line_ids=[line]))
    assert (await shop.level("CANECA", "centro")).reserved == UNIT
    await shop.db.run(lambda tx: release_carts(tx, [cart]))
    level = await shop.level("CANECA", "centro")
    assert (level.reserved, level.version) == (0, 5)
    assert await told(shop, "STOCK") == [(level.id, version) for version in (2, 3, 4, 5)]
    await shop.db.run(lambda tx: release_carts(tx, [cart, new_id()]))
    await assert_law(shop)


async def test_safety_stock_is_kept_back_unless_the_channel_ignores_it(shop: Shop):
    await shop.variant("CANECA")
    async with shop.db.transaction() as tx:
        await shop.stock(tx, shop.variants["CANECA"], "centro", 5 * UNIT, safety_stock=2 * UNIT)
    with pytest.raises(InsufficientStock) as refused:
        await hold_some(shop, "CANECA", 4)
    assert refused.value.available == 3 * UNIT
    await hold_some(shop, "CANECA", 4, ignores_safety_stock=True)
    level = await shop.level("CANECA", "centro")
    assert (level.reserved, level.shortfall) == (4 * UNIT, UNIT)
    with pytest.raises(InsufficientStock):
        await hold_some(shop, "CANECA", 2, ignores_safety_stock=True)
    await assert_law(shop)


async def test_a_backorder_is_taken_only_when_nothing_is_left_anywhere(shop: Shop):
    await shop.variant("CANECA", backorder_allowance=2 * UNIT)
    async with shop.db.transaction() as tx:
        for code, there in (("centro", 1), ("praia", 3)):
            allowed = {"backorder_allowance": 2 * UNIT}
            await shop.stock(tx, shop.variants["CANECA"], code, there * UNIT, **allowed)
    _, line = await hold_some(shop, "CANECA", 5, ("centro", "praia"))
    assert await holds_of(shop, line) == {"centro": 2 * UNIT, "praia": 3 * UNIT}
    with pytest.raises(InsufficientStock) as refused:
        await hold_some(shop, "CANECA", 4, ("centro", "praia"))
    assert (refused.value.available, refused.value.location_id) == (3 * UNIT, None)
    await assert_law(shop)


async def test_a_backorder_makes_the_level_that_it_needs(shop: Shop):
    await shop.variant("CANECA", backorder_allowance=None)
    _, line = await hold_some(shop, "CANECA", 4, ("centro", "praia"), backorder_allowance=None)
    assert await holds_of(shop, line) == {"centro": 4 * UNIT}
    level = await shop.level("CANECA", "centro")
    assert (level.on_hand, level.reserved, level.backorder_allowance) == (0, 4 * UNIT, UNBOUNDED)
    await assert_law(shop)


async def test_without_a_level_there_is_nothing_to_hold(shop: Shop):
    await shop.variant("CANECA")
    with pytest.raises(InsufficientStock) as refused:
        await hold_some(shop, "CANECA", 1)
    assert refused.value.available == 0
    assert await shop.db.rows(select(stock_level)) == []


async def test_a_line_that_is_content_with_less_holds_what_there_is(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 3 * UNIT, "praia": UNIT})
    old, _ = await hold_some(shop, "CANECA", 1)
    await expire(shop, old)
    first, second = (demand(shop, "CANECA", 3, ("centro", "praia"), or_less=True) for _ in range(2))
    until = clock.now() + timedelta(minutes=15)
    await shop.db.run(lambda tx: hold(tx, cart_id=new_id(), demands=[first, second], expires_at=until))
    assert await holds_of(shop, first.line_id) == {"centro": 3 * UNIT}
    assert await holds_of(shop, second.line_id) == {"praia": UNIT}
    await assert_law(shop)
