"""Law 3: until a cart's promise is over, the quantity quoted sells at the quoted price."""

import pytest

from app.carts.lines import LineChange
from app.customers import groups
from app.platform.errors import InvalidInput
from app.platform.ids import new_id
from app.pricing.tables import price, price_list
from tests.carts.selling import (
    add,
    assert_sound,
    basket_of,
    buyer,
    change,
    given_price,
    later,
    line,
    new_cart,
    person,
    reprice,
    set_quantity,
    totals_of,
    view_of,
)
from tests.shop import LONG_AGO, STAMPS, Shop

MINUTES = 60
"""A channel's promise unless it is set otherwise."""


async def quoted_cart(shop: Shop, units: float = 2):
    """A shopper with a cart at 10.00 each, whose price is 12.00 from a minute later on."""
    await shop.variant("CANECA", price=1000, stock={"cd": 100_000})
    shopper = shop.actor("anonymous")
    cart = await new_cart(shop, shopper, ("CANECA", units))
    await reprice(shop, "CANECA", 1200, later(shopper, minutes=1).now)
    return shopper, cart


async def test_the_promise_is_told_with_the_quote(shop):
    shopper, cart = await quoted_cart(shop)
    assert (await basket_of(shop, cart)).row.prices_promised_until == later(shopper, minutes=MINUTES).now
    view = await view_of(shop, cart, later(shopper, minutes=30).now)
    assert view.promised_until == later(shopper, minutes=MINUTES).now
    assert view.price_notices == []


async def test_writes_leave_a_promised_price_alone(shop):
    shopper, cart = await quoted_cart(shop)
    await shop.variant("PRATO", price=500, stock={"cd": 10_000})
    await add(shop, later(shopper, minutes=30), cart, ("PRATO", 1))
    assert await totals_of(shop, cart) == [2000, 500]
    assert (await basket_of(shop, cart)).row.prices_promised_until == later(shopper, minutes=MINUTES).now
    await assert_sound(shop, cart)


async def test_what_comes_on_top_pays_the_price_of_its_moment(shop):
    shopper, cart = await quoted_cart(shop)
    await add(shop, later(shopper, minutes=2), cart, ("CANECA", 1))
    assert await totals_of(shop, cart) == [2 * 1000 + 1200]
    assert (await basket_of(shop, cart)).lines[0].unit_gross == 1200
    await assert_sound(shop, cart)


async def test_the_second_part_is_promised_too(shop):
    shopper, cart = await quoted_cart(shop)
    await add(shop, later(shopper, minutes=2), cart, ("CANECA", 1))
    await reprice(shop, "CANECA", 1500, later(shopper, minutes=3).now)
    await buyer(shop, later(shopper, minutes=4), cart, email="ana@feira.example")
    assert await totals_of(shop, cart) == [2 * 1000 + 1200]
    await set_quantity(shop, later(shopper, minutes=5), cart, 4)
    assert await totals_of(shop, cart) == [2 * 1000 + 1200 + 1500]
    await set_quantity(shop, later(shopper, minutes=6), cart, 3)
    assert await totals_of(shop, cart) == [2 * 1000 + 1200]
    await set_quantity(shop, later(shopper, minutes=7), cart, 1)
    assert await totals_of(shop, cart) == [1000]
    await assert_sound(shop, cart)


async def test_a_smaller_quantity_keeps_its_price(shop):
    shopper, cart = await quoted_cart(shop)
    await set_quantity(shop, later(shopper, minutes=2), cart, 1)
    assert await totals_of(shop, cart) == [1000]


async def test_a_volume_price_follows_the_quantity_while_prices_stand(shop):
    await shop.variant("LAPIS", price=100, stock={"cd": 100_000})
    async with shop.db.transaction() as tx:
        await shop.price(tx, shop.variants["LAPIS"], 80, min_quantity=10_000)
    shopper = shop.actor("anonymous")
    cart = await new_cart(shop, shopper, ("LAPIS", 9))
    await add(shop, shopper, cart, ("LAPIS", 1))
    assert await totals_of(shop, cart) == [10 * 80]
    await set_quantity(shop, shopper, cart, 9)
    assert await totals_of(shop, cart) == [9 * 100]


async def dozens(shop: Shop, *, one: int = 100, ten: int = 80):
    """Pencils at a price for one and another from ten on, and a shopper whose ten are quoted."""
    await shop.variant("LAPIS", price=one, stock={"cd": 100_000})
    async with shop.db.transaction() as tx:
        await shop.price(tx, shop.variants["LAPIS"], ten, min_quantity=10_000)
    shopper = shop.actor("anonymous")
    return shopper, await new_cart(shop, shopper, ("LAPIS", 10))


async def end_tier(shop: Shop, at, new: int | None = None):
    """The price from ten on is over, and perhaps another."""
    async with shop.db.transaction() as tx:
        await tx.execute(price.update().where(price.c.min_quantity > 0).values(ends_at=at))
        if new is not None:
            await shop.price(tx, shop.variants["LAPIS"], new, min_quantity=10_000, starts_at=at)


@pytest.mark.parametrize("new", [90, None])
async def test_a_price_for_many_is_not_kept_for_few(shop, new):
    shopper, cart = await dozens(shop)
    await end_tier(shop, later(shopper, minutes=1).now, new)
    after = later(shopper, minutes=2)
    await buyer(shop, after, cart, email="ana@feira.example")
    assert await totals_of(shop, cart) == [10 * 80], "the quantity quoted sells at the quoted price"
    await set_quantity(shop, after, cart, 1)
    assert await totals_of(shop, cart) == [100]
    await assert_sound(shop, cart)


async def test_what_stays_many_keeps_the_price_for_many(shop):
    shopper, cart = await dozens(shop)
    await add(shop, shopper, cart, ("LAPIS", 2))
    await end_tier(shop, later(shopper, minutes=1).now, 90)
    after = later(shopper, minutes=2)
    await set_quantity(shop, after, cart, 11)
    assert await totals_of(shop, cart) == [11 * 80]
    await add(shop, after, cart, ("LAPIS", 2))
    assert await totals_of(shop, cart) == [11 * 80 + 2 * 90]
    await set_quantity(shop, after, cart, 10)
    assert await totals_of(shop, cart) == [10 * 80]
    await set_quantity(shop, after, cart, 9)
    assert await totals_of(shop, cart) == [9 * 100]
    await assert_sound(shop, cart)


async def test_a_price_for_many_that_is_over_is_not_kept_for_few_without_any_other(shop):
    shopper, cart = await dozens(shop)
    async with shop.db.transaction() as tx:
        await tx.execute(price.update().values(ends_at=later(shopper, minutes=1).now))
    after = later(shopper, minutes=2)
    with pytest.raises(InvalidInput) as refused:
        await set_quantity(shop, after, cart, 1)
    assert refused.value.code == "NO_PRICE"
    assert await totals_of(shop, cart) == [10 * 80]


async def test_after_the_promise_a_reader_sees_todays_price_and_is_told(shop):
    shopper, cart = await quoted_cart(shop)
    over = later(shopper, minutes=MINUTES).now
    view = await view_of(shop, cart, over)
    assert [each.total_gross for each in view.basket.lines] == [2400]
    assert view.amounts["total"] == 2400
    assert view.promised_until is None
    told = view.price_notices
    assert [(each.code, each.line_id, each.was, each.now) for each in told] == [
        ("PRICE_CHANGED", view.basket.lines[0].id, 2000, 2400)
    ]
    # Nothing of that is saved.
    assert await totals_of(shop, cart) == [2000]
    assert (await basket_of(shop, cart)).row.version == 1


async def test_after_the_promise_any_write_quotes_anew(shop):
    shopper, cart = await quoted_cart(shop)
    over = later(shopper, minutes=MINUTES)
    await buyer(shop, over, cart, email="ana@feira.example")
    assert await totals_of(shop, cart) == [2400]
    assert (await basket_of(shop, cart)).row.prices_promised_until == later(over, minutes=MINUTES).now
    assert (await view_of(shop, cart, over.now)).price_notices == []
    await assert_sound(shop, cart)


async def test_an_emptied_cart_promises_nothing(shop):
    shopper, cart = await quoted_cart(shop)
    await set_quantity(shop, shopper, cart, 0)
    assert (await basket_of(shop, cart)).row.prices_promised_until is None
    after = later(shopper, minutes=30)
    await add(shop, after, cart, ("CANECA", 1))
    assert await totals_of(shop, cart) == [1200]
    assert (await basket_of(shop, cart)).row.prices_promised_until == later(after, minutes=MINUTES).now


async def wholesale(shop: Shop, sku: str, amount: int):
    """A customer in a group that pays this for it."""
    owner = shop.actor()
    group = await shop.db.run(lambda tx: groups.create(tx, owner, code="atacado", name="Atacado"))
    prices = new_id()
    async with shop.db.transaction() as tx:
        row = {"id": prices, "code": "atacado", "name": {"pt-BR": "Atacado"}, "currency": "BRL", "includes_tax": True}
        await tx.execute(price_list.insert().values(**row, customer_group_ids=[group], **STAMPS))
        row = {"id": new_id(), "price_list_id": prices, "variant_id": shop.variants[sku], "amount": amount}
        await tx.execute(price.insert().values(**row, starts_at=LONG_AGO, created_at=LONG_AGO))
    return await person(shop, "bia@feira.example", groups=[group])


async def test_a_customer_pays_the_lower_of_promise_and_own_price(shop):
    _, cart = await quoted_cart(shop)
    staff = later(shop.actor("owner"), minutes=2)
    who = await wholesale(shop, "CANECA", 900)
    await buyer(shop, staff, cart, customer_id=who)
    assert await totals_of(shop, cart) == [1800]
    # Without them, today's 12.00 is no reason to break what was promised.
    await buyer(shop, later(staff, minutes=1), cart, customer_id=None)
    assert await totals_of(shop, cart) == [1800]


async def test_a_customer_whose_price_is_higher_keeps_the_promise(shop):
    _, cart = await quoted_cart(shop)
    who = await wholesale(shop, "CANECA", 1100)
    await buyer(shop, later(shop.actor("owner"), minutes=2), cart, customer_id=who)
    assert await totals_of(shop, cart) == [2000]


async def test_a_price_given_by_staff_outlives_the_promise(shop):
    _, cart = await quoted_cart(shop)
    staff = shop.actor("cashier")
    found = (await basket_of(shop, cart)).lines[0]
    await change(shop, later(staff, minutes=2), cart, LineChange(line_id=found.id, override=given_price(700)))
    assert await totals_of(shop, cart) == [1400]
    assert (await basket_of(shop, cart)).lines[0].override_was == 1000
    over = later(staff, minutes=MINUTES + 5)
    await buyer(shop, over, cart, email="ana@feira.example")
    assert await totals_of(shop, cart) == [1400]
    await change(shop, over, cart, LineChange(line_id=found.id, drop_override=True))
    assert await totals_of(shop, cart) == [2400]
    assert (await basket_of(shop, cart)).lines[0].override_was is None


async def test_a_till_sells_at_the_price_that_the_site_promised(shop):
    _, cart = await quoted_cart(shop)
    till = later(shop.actor("device"), minutes=5)
    await shop.variant("PRATO", price=500, stock={"cd": 10_000})
    await add(shop, till, cart, ("PRATO", 1))
    assert await totals_of(shop, cart) == [2000, 500]


async def test_what_lost_its_price_keeps_the_one_it_had_but_takes_no_more(shop):
    await shop.variant("CANECA", price=1000, stock={"cd": 100_000})
    shopper = shop.actor("anonymous")
    cart = await new_cart(shop, shopper, line(shop, "CANECA", 2))
    ends = later(shopper, minutes=1).now
    async with shop.db.transaction() as tx:
        await tx.execute(price.update().values(ends_at=ends))
    await set_quantity(shop, later(shopper, minutes=2), cart, 1)
    assert await totals_of(shop, cart) == [1000]
    view = await view_of(shop, cart, later(shopper, minutes=MINUTES).now)
    assert view.quoted is not None
    assert view.quoted.priced == frozenset()
