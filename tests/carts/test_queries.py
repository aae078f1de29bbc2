"""Reading carts: what is shown, what is told, and how little is read for many."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.carts.offers import notices_of
from app.carts.queries import CartsWanted, carts_by_ids, count_carts, list_carts, view_carts
from app.carts.tables import cart as carts
from app.catalog.tables import product
from app.inventory.tables import stock_level
from app.pricing.tables import price
from tests.carts.selling import (
    Statements,
    add,
    basket_of,
    buyer,
    deliver,
    given_price,
    later,
    line,
    new_cart,
    person,
    reprice,
    view_of,
)
from tests.inventory.stock import expire


@pytest.fixture
async def market(shop):
    await shop.variant("CANECA", price=1990, stock={"centro": 5000, "praia": 1000})
    await shop.variant("PRATO", price=1000, stock={"centro": 5000})
    return shop


async def told(shop, cart, now):
    view = await view_of(shop, cart, now)
    found = (await notices_of(shop.db, [view], now))[cart]
    skus = {each.id: each.sku for each in view.basket.lines}
    return [(each.code, skus[each.line_id] if each.line_id else None, each.available) for each in found]


async def sold_elsewhere(shop, sku):
    async with shop.db.transaction() as tx:
        await tx.execute(
            update(stock_level)
            .where(stock_level.c.variant_id == shop.variants[sku])
            .values(safety_stock=stock_level.c.on_hand, shortfall=stock_level.c.reserved)
        )


async def test_a_quiet_cart_tells_nothing(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 2), ("PRATO", 1))
    assert await told(market, cart, shopper.now) == []


async def test_stock_that_is_gone_is_told_once_the_hold_is(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 2), ("PRATO", 1))
    await sold_elsewhere(market, "CANECA")
    assert await told(market, cart, shopper.now) == []
    await expire(market, cart)
    # Its own hold, expired and not yet released, is there for it still.
    assert await told(market, cart, shopper.now + timedelta(minutes=1)) == [("STOCK_SHORT", "CANECA", 0)]


async def test_lines_of_one_variant_share_what_is_there(market):
    shopper = market.actor("anonymous")
    staff = market.actor("owner")
    cart = await new_cart(market, staff, ("CANECA", 3))
    await add(market, staff, cart, line(market, "CANECA", 3, override=given_price(100)))
    await expire(market, cart)
    async with market.db.transaction() as tx:
        await tx.execute(
            update(stock_level)
            .where(stock_level.c.variant_id == market.variants["CANECA"])
            .values(safety_stock=1000, shortfall=1000)
        )
    view = await view_of(market, cart, shopper.now + timedelta(minutes=1))
    found = (await notices_of(market.db, [view], shopper.now + timedelta(minutes=1)))[cart]
    assert [(each.line_id, each.available) for each in found] == [(view.basket.lines[1].id, 1000)]


async def test_a_place_alone_counts_where_it_is_picked_up(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 1))
    await deliver(market, shopper, cart, "PICKUP", at="praia")
    await expire(market, cart)
    other = await new_cart(market, shopper, ("CANECA", 1))
    await deliver(market, shopper, other, "PICKUP", at="praia")
    assert await told(market, cart, later(shopper, minutes=1).now) == [("STOCK_SHORT", "CANECA", 0)]


async def test_what_was_withdrawn_is_told(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 1), ("PRATO", 1))
    async with market.db.transaction() as tx:
        await tx.execute(update(product).where(product.c.slug == "caneca").values(status="DRAFT"))
        await tx.execute(
            update(price)
            .where(price.c.variant_id == market.variants["PRATO"])
            .values(ends_at=later(shopper, minutes=1).now)
        )
    assert await told(market, cart, shopper.now) == [("WITHDRAWN", "CANECA", None)]
    codes = await told(market, cart, later(shopper, minutes=90).now)
    assert [each for each in codes if each[0] == "WITHDRAWN"] == [
        ("WITHDRAWN", "CANECA", None),
        ("WITHDRAWN", "PRATO", None),
    ]


async def test_an_ordered_cart_is_shown_as_it_was_sold(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 2))
    await reprice(market, "CANECA", 9900, later(shopper, minutes=1).now)
    async with market.db.transaction() as tx:
        await tx.execute(update(carts).values(status="ORDERED"))
    view = await view_of(market, cart, later(shopper, days=1).now)
    assert (view.amounts["total"], view.quoted, view.price_notices) == (3980, None, [])
    assert await notices_of(market.db, [view], later(shopper, days=1).now) == {cart: []}


async def test_many_carts_are_quoted_with_the_statements_of_one(market):
    shopper = market.actor("anonymous")
    one = [await new_cart(market, shopper, ("CANECA", 1))]
    many = one + [await new_cart(market, shopper, ("PRATO", 1)) for _ in range(4)]
    many.append(await new_cart(market, market.actor("device"), ("CANECA", 1)))
    over = later(shopper, hours=2).now

    async def statements(keys):
        rows = list((await carts_by_ids(market.db, keys)).values())
        with Statements(market) as sent:
            views = await view_carts(market.db, rows, over)
            await notices_of(market.db, list(views.values()), over)
        return sent

    few, all_of_them = await statements(one), await statements(many)
    # One more for the variants of each further channel, before and in the notices; one for the till's location.
    assert len(all_of_them.sent) <= len(few.sent) + 3, f"{few}\n\n{all_of_them}"


async def test_lists_go_from_the_last_touched_and_neither_skip_nor_repeat(market):
    shopper = market.actor("anonymous")
    made = [await new_cart(market, later(shopper, minutes=number)) for number in range(7)]
    staff = market.actor("owner").principal
    seen, after = [], None
    while True:
        rows = await list_carts(market.db, staff, CartsWanted(), limit=3, after=after)
        seen += [row.id for row in rows]
        if len(rows) < 3:
            break
        after = (rows[-1].updated_at, rows[-1].id)
    assert seen == made[::-1]
    assert await count_carts(market.db, staff, CartsWanted()) == 7


async def test_lists_show_what_the_caller_may_see_and_asks_for(market):
    shopper, till = market.actor("anonymous"), market.actor("device")
    site, counter = await new_cart(market, shopper), await new_cart(market, till)
    who = await person(market, "bia@feira.example")
    await buyer(market, market.actor("owner"), site, customer_id=who)
    everywhere = market.actor("owner").principal
    elsewhere = market.actor("cashier", location_ids=frozenset({market.locations["praia"]})).principal
    other_channel = replace(everywhere, channel_ids=frozenset({market.channels["app"]}))

    async def listed(principal, **wanted):
        asked = CartsWanted(**wanted)
        rows = await list_carts(market.db, principal, asked, limit=10, after=None)
        assert await count_carts(market.db, principal, asked) == len(rows)
        return {row.id for row in rows}

    assert await listed(everywhere) == {site, counter}
    assert await listed(till.principal) == {counter}
    assert await listed(elsewhere) == await listed(other_channel) == set()
    assert await listed(everywhere, customer_id=who) == {site}
    assert await listed(everywhere, location_id=market.locations["centro"]) == {counter}
    assert await listed(everywhere, statuses=("PARKED",)) == set()
    assert await listed(everywhere, updated_before=later(shopper, minutes=-1).now) == set()


async def test_a_reader_sees_one_version_though_writers_come_between(market):
    """Totals and lines of one version, however reads and writes interleave."""
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("PRATO", 1))
    done = asyncio.Event()

    async def write():
        for _ in range(4):
            await add(market, shopper, cart, ("PRATO", 1))
        done.set()

    async def read():
        while not done.is_set():
            view = await view_of(market, cart, shopper.now)
            assert view.amounts["total"] == sum(each.total_gross for each in view.basket.lines)

    await asyncio.gather(write(), read(), read())
    assert (await basket_of(market, cart)).row.total == 5000
