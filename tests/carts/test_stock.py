"""What carts hold: renewed by every write, exactly what lines ask for, and never a reason to lock a shopper out."""

import asyncio

import pytest
from sqlalchemy import select, update

from app.channels.tables import channel
from app.inventory.errors import InsufficientStock
from app.inventory.sweeper import sweep
from app.inventory.tables import hold, stock_level
from app.platform.errors import Refusals
from tests.carts.selling import (
    ADDRESS,
    add,
    assert_sound,
    basket_of,
    buyer,
    deliver,
    held,
    held_at,
    later,
    line,
    new_cart,
    set_quantity,
    ship_method,
)
from tests.inventory.stock import expire


@pytest.fixture
async def market(shop):
    await shop.variant("CANECA", price=1990, stock={"centro": 3000, "cd": 3000})
    await shop.variant("PRATO", price=1000, stock={"centro": 3000, "cd": 3000})
    return shop


async def test_every_write_renews_all_holds(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 1), ("PRATO", 1))
    after = later(shopper, minutes=20)
    await buyer(market, after, cart, email="ana@feira.example")
    rows = await market.db.rows(select(hold.c.expires_at).where(hold.c.cart_id == cart))
    assert {row.expires_at for row in rows} == {later(after, minutes=30).now}


async def test_one_line_is_split_where_no_place_has_it_all(market):
    cart = await new_cart(market, market.actor("anonymous"), ("CANECA", 5))
    assert await held_at(market, cart) == {"centro": 3000, "cd": 2000}
    await assert_sound(market, cart)


async def test_one_place_that_has_all_lines_is_preferred(market):
    first = await new_cart(market, market.actor("anonymous"), ("CANECA", 1))
    assert await held_at(market, first) == {"centro": 1000}
    both = await new_cart(market, market.actor("anonymous"), ("CANECA", 3), ("PRATO", 1))
    assert await held_at(market, both) == {"cd": 4000}


async def test_growing_takes_only_what_comes_on_top(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 2))
    other = await new_cart(market, shopper, ("CANECA", 1))
    assert await held_at(market, other) == {"centro": 1000}
    await set_quantity(market, shopper, cart, 4)
    assert await held_at(market, cart) == {"centro": 2000, "cd": 2000}
    await assert_sound(market, cart, other)


async def test_a_line_that_nobody_touches_does_not_stop_its_shopper(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 3), ("PRATO", 1))
    await expire(market, cart)
    await sweep(market.db, shopper.now)
    await new_cart(market, shopper, ("CANECA", 4))
    # Two of three are left: they are held; the shopper may say who they are, and buy plates.
    await buyer(market, shopper, cart, email="ana@feira.example")
    lines = (await basket_of(market, cart)).lines
    by_line = {key: quantity for (key, _), quantity in (await held(market, cart)).items()}
    assert sum(by_line.values()) == 2000 + 1000
    await add(market, shopper, cart, ("PRATO", 1))
    # But more mugs there are none, nor as many as before.
    with pytest.raises(InsufficientStock) as refused:
        await set_quantity(market, shopper, cart, 4)
    assert (refused.value.line_id, refused.value.available) == (lines[0].id, 2000)
    await set_quantity(market, shopper, cart, 2)
    await assert_sound(market, cart)


async def test_what_is_refused_is_told_of_touched_lines_alone(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 3))
    await expire(market, cart)
    await new_cart(market, shopper, ("CANECA", 6))
    with pytest.raises(InsufficientStock) as refused:
        await add(market, shopper, cart, line(market, "PRATO", 7, path=("lines", "0")))
    assert refused.value.variant_id == market.variants["PRATO"]
    await add(market, shopper, cart, ("PRATO", 1))
    assert sum((await held_at(market, cart)).values()) == 1000
    with pytest.raises((InsufficientStock, Refusals)):
        await deliver(market, shopper, cart, "PICKUP", at="centro")


async def test_an_expired_hold_of_ones_own_is_taken_up_again(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 6))
    await expire(market, cart)
    await add(market, shopper, cart, ("PRATO", 1))
    await assert_sound(market, cart)


async def test_shipped_lines_come_from_places_that_ship(market):
    await ship_method(market)
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 6))
    await deliver(market, shopper, cart, "SHIP", option="sedex", address=ADDRESS)
    await assert_sound(market, cart)
    assert await held_at(market, cart) == {"centro": 3000, "cd": 3000}


async def test_a_till_may_be_let_sell_what_safety_stock_keeps_from_the_site(market):
    async with market.db.transaction() as tx:
        await tx.execute(update(stock_level).values(safety_stock=3000))
        await tx.execute(update(channel).where(channel.c.code == "pos").values(ignores_safety_stock=True))
    with pytest.raises(InsufficientStock):
        await new_cart(market, market.actor("anonymous"), ("CANECA", 1))
    cart = await new_cart(market, market.actor("device"), ("CANECA", 1))
    assert await held_at(market, cart) == {"centro": 1000}


async def test_the_last_unit_is_in_one_cart(shop):
    await shop.variant("CANECA", price=1990, stock={"centro": 1000})
    actors = [shop.actor("device"), *(shop.actor("anonymous") for _ in range(7))]
    found = await asyncio.gather(*(new_cart(shop, actor, ("CANECA", 1)) for actor in actors), return_exceptions=True)
    won = [each for each in found if not isinstance(each, BaseException)]
    assert len(won) == 1
    assert all(isinstance(each, InsufficientStock) for each in found if each not in won)
    await assert_sound(shop, *won)


async def test_carts_in_opposite_order_do_not_stop_each_other(market):
    ways = [("CANECA", "PRATO"), ("PRATO", "CANECA")]
    shopper = market.actor("anonymous")
    carts = [await new_cart(market, shopper) for _ in range(8)]

    async def fill(number, cart):
        for sku in ways[number % 2]:
            await add(market, shopper, cart, (sku, 1))
        await add(market, shopper, cart, *((sku, 1) for sku in reversed(ways[number % 2])))

    found = await asyncio.gather(*(fill(*each) for each in enumerate(carts)), return_exceptions=True)
    assert all(each is None or isinstance(each, InsufficientStock | Refusals) for each in found), found
    await assert_sound(market, *carts)
    held_in_all = [await held_at(market, cart) for cart in carts]
    assert sum(sum(each.values()) for each in held_in_all) == 12_000


async def test_edits_from_two_devices_at_once_lose_no_line(shop):
    skus = [f"V{number}" for number in range(12)]
    for sku in skus:
        await shop.variant(sku, price=1000, stock={"cd": 50_000})
    shopper, till = shop.actor("anonymous"), shop.actor("device")
    cart = await new_cart(shop, shopper, ("V0", 1))
    await asyncio.gather(
        *(add(shop, shopper if number % 2 else till, cart, (sku, 1)) for number, sku in enumerate(skus)),
        *(add(shop, shopper, cart, ("V0", 1)) for _ in range(5)),
    )
    basket = await basket_of(shop, cart)
    quantities = {each.sku: each.quantity for each in basket.lines}
    assert quantities == dict.fromkeys(skus, 1000) | {"V0": 7000}
    assert basket.row.version == 1 + 12 + 5
    assert basket.row.total == 1000 * (11 + 7)
    assert len({each.position for each in basket.lines}) == 12
    await assert_sound(shop, cart)
