"""Carts: opening them, saying who buys, letting them expire."""

import pytest
from sqlalchemy import update

from app.carts.carts import expire_carts
from app.carts.lines import LineChange
from app.carts.queries import carts_by_ids
from app.carts.tables import cart as carts
from app.customers.tables import customer
from app.events.tables import outbox
from app.platform.errors import Forbidden, InvalidInput, NotFound, VersionConflict
from app.platform.ids import new_id
from tests.carts.selling import (
    add,
    assert_sound,
    basket_of,
    buyer,
    change,
    deliver,
    held_at,
    later,
    new_cart,
    person,
    set_quantity,
)


@pytest.fixture
async def market(shop):
    await shop.variant("CANECA", price=1990, stock={"centro": 5000, "praia": 5000, "cd": 5000})
    return shop


async def told(shop):
    rows = await shop.db.rows(outbox.select().where(outbox.c.topic == "CART").order_by(outbox.c.id))
    return [(row.entity_id, row.version) for row in rows]


async def test_a_till_sells_from_its_own_location(market):
    till = market.actor("device")
    cart = await new_cart(market, till, ("CANECA", 2))
    basket = await basket_of(market, cart)
    assert basket.row.location_id == market.locations["centro"]
    assert basket.row.register_id == market.registers["centro-1"]
    assert [(each.method, each.location_id) for each in basket.deliveries] == [
        ("CARRY_OUT", market.locations["centro"])
    ]
    assert await held_at(market, cart) == {"centro": 2000}


async def test_a_shoppers_cart_has_no_location_and_says_nothing_of_delivery(market):
    cart = await new_cart(market, market.actor("anonymous"), ("CANECA", 2))
    basket = await basket_of(market, cart)
    assert basket.row.location_id is None
    assert basket.deliveries == []


async def test_a_chosen_store_is_held_from_first(market):
    cart = await new_cart(market, market.actor("anonymous"), ("CANECA", 6), location="praia")
    assert await held_at(market, cart) == {"praia": 5000, "centro": 1000}


async def test_a_location_is_one_of_the_channels_and_of_the_callers(market):
    with pytest.raises(NotFound) as refused:
        await new_cart(market, market.actor("device"), location="praia")
    assert refused.value.path == ("locationId",)
    market.locations["lua"] = new_id()
    with pytest.raises(NotFound):
        await new_cart(market, market.actor("anonymous"), location="lua")


async def test_an_empty_cart_is_a_cart(market):
    cart = await new_cart(market, market.actor("anonymous"))
    basket = await basket_of(market, cart)
    assert (basket.row.version, basket.row.total, basket.row.prices_promised_until) == (1, 0, None)
    assert await told(market) == [(cart, 1)]


async def test_each_write_raises_the_version_by_one_and_is_told(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 1))
    await add(market, shopper, cart, ("CANECA", 1), version=1)
    await set_quantity(market, shopper, cart, 3)
    await buyer(market, shopper, cart, email="ana@feira.example")
    await deliver(market, shopper, cart, "PICKUP", at="praia")
    assert (await basket_of(market, cart)).row.version == 5
    assert await told(market) == [(cart, version) for version in range(1, 6)]


async def test_a_stale_version_is_refused_with_the_one_that_is(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 1))
    await add(market, shopper, cart, ("CANECA", 1))
    with pytest.raises(VersionConflict) as refused:
        await add(market, shopper, cart, ("CANECA", 1), version=1)
    assert (refused.value.current_version, refused.value.entity) == (2, ("Cart", cart))


async def test_who_buys_is_kept_as_it_is_written_and_what_is_left_out_stays(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 1))
    await buyer(market, shopper, cart, email=" ana@feira.example ", phone="(11) 98765-4321", tax_id="529.982.247-25")
    await buyer(market, shopper, cart, phone=None)
    row = (await basket_of(market, cart)).row
    assert (row.email, row.phone, row.tax_id) == ("ana@feira.example", None, "52998224725")


@pytest.mark.parametrize(
    ("said", "code", "path"),
    [
        ({"email": "ana"}, "INVALID_EMAIL", ("email",)),
        ({"phone": "12"}, "INVALID_PHONE", ("phone",)),
        ({"tax_id": "111"}, "INVALID_TAX_ID", ("taxId",)),
        ({"email": "a\0@feira.example"}, "INVALID_TEXT", ("email",)),
        ({}, "EMPTY", ()),
    ],
)
async def test_contact_that_is_none_is_refused(market, said, code, path):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 1))
    with pytest.raises(InvalidInput) as refused:
        await buyer(market, shopper, cart, **said)
    assert (refused.value.code, refused.value.path) == (code, path)


async def test_an_account_is_named_by_who_may_see_customers_and_closes_the_cart_to_strangers(market):
    shopper, staff = market.actor("anonymous"), market.actor("cashier")
    who, gone = await person(market, "bia@feira.example"), await person(market, "leo@feira.example")
    async with market.db.transaction() as tx:
        await tx.execute(update(customer).where(customer.c.id == gone).values(active=False))
    cart = await new_cart(market, shopper, ("CANECA", 1))
    with pytest.raises(Forbidden):
        await buyer(market, shopper, cart, customer_id=who)
    for nobody in (new_id(), gone):
        with pytest.raises(NotFound) as refused:
            await buyer(market, staff, cart, customer_id=nobody)
        assert refused.value.path == ("customerId",)
    await buyer(market, staff, cart, customer_id=who)
    with pytest.raises(NotFound) as strange:
        await add(market, shopper, cart, ("CANECA", 1))
    assert strange.value.path == ("cartId",)
    await add(market, staff, cart, ("CANECA", 1))


async def test_a_cart_that_is_no_more_takes_no_changes(market):
    shopper = market.actor("anonymous")
    with pytest.raises(NotFound):
        await add(market, shopper, new_id(), ("CANECA", 1))
    cart = await new_cart(market, shopper, ("CANECA", 1))
    with pytest.raises(InvalidInput) as refused:
        await add(market, later(shopper, days=31), cart, ("CANECA", 1))
    assert refused.value.code == "CART_EXPIRED"
    async with market.db.transaction() as tx:
        await tx.execute(update(carts).values(status="ORDERED", order_id=new_id()))
    with pytest.raises(InvalidInput) as closed:
        await change(market, shopper, cart, LineChange(line_id=new_id(), quantity=0), version=7)
    assert (closed.value.code, closed.value.path) == ("CART_CLOSED", ("cartId",))


async def test_carts_expire_and_let_go_of_their_stock(market):
    shopper = market.actor("anonymous")
    old, young = (
        await new_cart(market, shopper, ("CANECA", 2)),
        await new_cart(market, later(shopper, days=10), ("CANECA", 3)),
    )
    now = later(shopper, days=30).now
    assert await expire_carts(market.db, now) == 1
    assert await expire_carts(market.db, now) == 0
    rows = await carts_by_ids(market.db, [old, young])
    assert (rows[old].status, rows[old].version) == ("EXPIRED", 2)
    assert rows[young].status == "ACTIVE"
    assert await held_at(market, old) == {}
    assert (await told(market))[-1] == (old, 2)
    await assert_sound(market, young)


async def test_a_touched_cart_lives_on(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 2))
    await add(market, later(shopper, days=29), cart, ("CANECA", 1))
    assert await expire_carts(market.db, later(shopper, days=31).now) == 0
