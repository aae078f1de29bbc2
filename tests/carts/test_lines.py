"""Lines: joining, changing, removing, and what is refused."""

import pytest
from sqlalchemy import update

from app.carts.lines import LineChange
from app.catalog.tables import product
from app.inventory.errors import InsufficientStock
from app.platform.errors import Forbidden, InvalidInput, NotFound, Refusals
from app.platform.ids import new_id
from tests.carts.selling import (
    Statements,
    add,
    assert_sound,
    basket_of,
    change,
    given_price,
    held,
    held_at,
    line,
    new_cart,
    set_quantity,
    totals_of,
)

ENGRAVED = (("gravura", "Ana"),)


@pytest.fixture
async def market(shop):
    await shop.variant("CANECA", price=1990, stock={"centro": 50_000, "cd": 50_000})
    await shop.variant("PRATO", price=1000, stock={"centro": 50_000, "cd": 50_000})
    return shop


async def quantities(shop, cart):
    return [each.quantity for each in (await basket_of(shop, cart)).lines]


async def test_a_variant_again_joins_its_line(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 1), ("PRATO", 2), ("CANECA", 2))
    assert await quantities(market, cart) == [3000, 2000]
    await add(market, shopper, cart, ("CANECA", 1))
    assert await quantities(market, cart) == [4000, 2000]
    assert await totals_of(market, cart) == [4 * 1990, 2000]
    await assert_sound(market, cart)


async def test_other_attributes_make_another_line(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 1), line(market, "CANECA", 1, attributes=ENGRAVED))
    await add(market, shopper, cart, line(market, "CANECA", 1, attributes=ENGRAVED))
    assert await quantities(market, cart) == [1000, 2000]


async def test_the_order_of_attributes_does_not_matter(market):
    shopper = market.actor("anonymous")
    both = (("a", "1"), ("b", "2"))
    cart = await new_cart(
        market,
        shopper,
        line(market, "CANECA", 1, attributes=both),
        line(market, "CANECA", 1, attributes=tuple(reversed(both))),
    )
    assert await quantities(market, cart) == [2000]


async def test_a_given_price_makes_another_line_and_joins_its_like(market):
    staff = market.actor("cashier")
    cart = await new_cart(
        market,
        staff,
        ("CANECA", 1),
        line(market, "CANECA", 1, override=given_price(900)),
        line(market, "CANECA", 1, override=given_price(900)),
    )
    assert await totals_of(market, cart) == [1990, 1800]
    given = (await basket_of(market, cart)).lines[1]
    assert (given.override_was, given.override_reason, given.override_staff_id) == (1990, "riscado", staff.principal.id)


async def test_a_printed_price_is_charged_and_stays_a_line_of_its_own(shop):
    await shop.variant("QUEIJO", price=5990, unit="kg", quantity_step=1, stock={"centro": 50_000})
    till = shop.actor("device")
    package = line(shop, "QUEIJO", 0.35, label_total=2100)
    cart = await new_cart(shop, till, package, package, ("QUEIJO", 0.5))
    assert await totals_of(shop, cart) == [2100, 2100, 2995]
    basket = await basket_of(shop, cart)
    assert basket.row.item_count == 3
    with pytest.raises(InvalidInput, match="sold whole"):
        await set_quantity(shop, till, cart, 1, index=0)
    await set_quantity(shop, till, cart, 0, index=0)
    assert await totals_of(shop, cart) == [2100, 2995]
    await assert_sound(shop, cart)


async def test_a_printed_price_is_that_of_one_package(shop):
    await shop.variant("BOLO", price=3690, stock={"centro": 9_000})
    till = shop.actor("device")
    cart = await new_cart(shop, till, line(shop, "BOLO", 1, label_total=1590))
    with pytest.raises(InvalidInput, match="one package") as refused:
        await add(shop, till, cart, line(shop, "BOLO", 2, label_total=1590))
    assert refused.value.code == "CONTRADICTS_BARCODE"
    assert await totals_of(shop, cart) == [1590]


@pytest.mark.parametrize("role", ["anonymous", "client", "service"])
async def test_who_is_not_at_a_counter_cannot_bring_a_printed_price(shop, role):
    await shop.variant("QUEIJO", price=5990, unit="kg", quantity_step=1, stock={"centro": 50_000})
    caller = shop.actor(role)
    package = line(shop, "QUEIJO", 40, label_total=1)
    with pytest.raises(InvalidInput) as refused:
        await new_cart(shop, caller, package)
    assert refused.value.code == "SOLD_AT_TILLS"
    cart = await new_cart(shop, caller, ("QUEIJO", 0.5))
    with pytest.raises(InvalidInput, match="sold at a till"):
        await add(shop, caller, cart, package)
    assert await totals_of(shop, cart) == [2995]
    await assert_sound(shop, cart)


async def test_a_removed_line_gives_its_stock_back(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 3), ("PRATO", 2))
    await set_quantity(market, shopper, cart, 0)
    assert await quantities(market, cart) == [2000]
    assert sum((await held(market, cart)).values()) == 2000
    assert (await market.level("CANECA", "centro")).reserved == 0
    await assert_sound(market, cart)


async def test_quantities_follow_the_variants_step(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 1))
    for units in (0.5, -1, 0, 2_000_000):
        with pytest.raises(InvalidInput) as refused:
            await add(market, shopper, cart, line(market, "CANECA", units, path=("lines", "0")))
        assert (refused.value.code, refused.value.path) == ("INVALID_QUANTITY", ("lines", "0", "quantity"))
    assert (await basket_of(market, cart)).row.version == 1


async def test_all_that_is_wrong_is_told_at_once(market):
    shopper = market.actor("anonymous")
    await market.variant("OCULTO", channels=("pos",), stock={"cd": 5000})
    await market.variant("SEMPRECO", price=None, stock={"cd": 5000})
    with pytest.raises(Refusals) as refused:
        await new_cart(
            market,
            shopper,
            line(market, "OCULTO", path=("lines", "0")),
            line(market, "CANECA", 0.5, path=("lines", "1")),
            line(market, "PRATO", attributes=(("a", "1"), ("a", "2")), path=("lines", "2")),
        )
    assert [(each.code, each.path[1]) for each in refused.value.refusals] == [
        ("NOT_FOUND", "0"),
        ("INVALID_QUANTITY", "1"),
        ("NAMED_TWICE", "2"),
    ]
    with pytest.raises(InvalidInput) as unpriced:
        await new_cart(market, shopper, line(market, "SEMPRECO", path=("lines", "0")))
    assert (unpriced.value.code, unpriced.value.path) == ("NO_PRICE", ("lines", "0"))


@pytest.mark.parametrize(
    "attributes", [(("", "x"),), (("a", "\0"),), (("a" * 501, ""),), tuple((str(n), "") for n in range(21))]
)
async def test_attributes_are_bounded(market, attributes):
    with pytest.raises(InvalidInput):
        await new_cart(market, market.actor("anonymous"), line(market, "CANECA", attributes=attributes))


async def test_each_short_line_is_told(market):
    shopper = market.actor("anonymous")
    with pytest.raises(Refusals) as refused:
        await new_cart(market, shopper, ("CANECA", 101), ("PRATO", 200))
    assert [type(each) for each in refused.value.refusals] == [InsufficientStock, InsufficientStock]
    assert await market.db.rows(product.select().where(product.c.id == new_id())) == []


async def test_a_refused_addition_leaves_the_cart_as_it_was(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 2))
    with pytest.raises(InsufficientStock):
        await add(market, shopper, cart, ("PRATO", 1), ("CANECA", 99))
    assert await quantities(market, cart) == [2000]
    assert (await basket_of(market, cart)).row.version == 1
    await assert_sound(market, cart)


async def test_a_line_is_named_once_and_must_be_there(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 2))
    known = (await basket_of(market, cart)).lines[0].id
    with pytest.raises(NotFound):
        await change(market, shopper, cart, LineChange(line_id=new_id(), quantity=1000))
    with pytest.raises(InvalidInput, match="only once"):
        await change(market, shopper, cart, LineChange(line_id=known, quantity=1000), LineChange(line_id=known))
    with pytest.raises(InvalidInput, match="at least one"):
        await change(market, shopper, cart)


async def test_only_who_may_gives_a_price_takes_it_away_or_sells_more_at_it(market):
    shopper, staff = market.actor("anonymous"), market.actor("cashier")
    with pytest.raises(Forbidden):
        await new_cart(market, shopper, line(market, "CANECA", override=given_price(1)))
    cart = await new_cart(market, shopper)
    await add(market, staff, cart, line(market, "CANECA", 2, override=given_price(100)))
    given = (await basket_of(market, cart)).lines[0].id
    for tried in (
        LineChange(line_id=given, override=given_price(1)),
        LineChange(line_id=given, drop_override=True),
        LineChange(line_id=given, quantity=3000),
    ):
        with pytest.raises(Forbidden):
            await change(market, shopper, cart, tried)
    await change(market, shopper, cart, LineChange(line_id=given, quantity=1000))
    assert await totals_of(market, cart) == [100]
    await add(market, shopper, cart, ("CANECA", 1))
    assert await totals_of(market, cart) == [100, 1990]


@pytest.mark.parametrize(("minor", "reason"), [(-1, "x"), (100, " "), (100, "x" * 501)])
async def test_a_given_price_has_an_amount_and_a_reason(market, minor, reason):
    with pytest.raises(InvalidInput):
        await new_cart(market, market.actor("owner"), line(market, "CANECA", override=given_price(minor, reason)))


async def test_what_was_withdrawn_can_be_taken_out_but_not_grow(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 3), ("PRATO", 1))
    async with market.db.transaction() as tx:
        await tx.execute(update(product).where(product.c.slug == "caneca").values(status="ARCHIVED"))
    with pytest.raises(InvalidInput) as refused:
        await set_quantity(market, shopper, cart, 4)
    assert refused.value.code == "NOT_FOR_SALE"
    await set_quantity(market, shopper, cart, 1)
    await add(market, shopper, cart, ("PRATO", 1))
    assert await totals_of(market, cart) == [1990, 2000]
    await set_quantity(market, shopper, cart, 0)
    await assert_sound(market, cart)


async def test_a_cart_of_100_lines(shop):
    wanted = []
    for number in range(100):
        await shop.variant(f"V{number:03}", price=100 + number, stock={"cd": 10_000})
        wanted.append((f"V{number:03}", 2))
    shopper = shop.actor("anonymous")
    cart = await new_cart(shop, shopper, *wanted)
    assert await totals_of(shop, cart) == [2 * (100 + number) for number in range(100)]
    with Statements(shop) as sent:
        await add(shop, shopper, cart, ("V042", 1))
    assert len(sent.sent) <= 20, sent
    await assert_sound(shop, cart)
    with pytest.raises(InvalidInput) as refused:
        await add(shop, shopper, cart, *[("V000", 1)] * 101)
    assert refused.value.code == "TOO_MANY"


async def test_a_cart_has_at_most_500_lines(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper)
    await market.variant("ADESIVO", price=1, track_stock=False)
    for hundred in range(5):
        some = [line(market, "ADESIVO", attributes=(("n", f"{hundred}-{n}"),)) for n in range(100)]
        await add(market, shopper, cart, *some)
    with pytest.raises(InvalidInput) as refused:
        await add(market, shopper, cart, ("CANECA", 1))
    assert refused.value.code == "TOO_MANY"
    await add(market, shopper, cart, line(market, "ADESIVO", attributes=(("n", "0-0"),)))


async def test_what_is_not_tracked_is_never_short(shop):
    await shop.variant("VALE", price=5000, track_stock=False, requires_shipping=False)
    cart = await new_cart(shop, shop.actor("anonymous"), ("VALE", 1000))
    assert await held_at(shop, cart) == {}
    assert await totals_of(shop, cart) == [5_000_000]


async def test_adding_takes_few_statements(market):
    shopper = market.actor("anonymous")
    with Statements(market) as sent:
        cart = await new_cart(market, shopper, ("CANECA", 1))
    assert len(sent.sent) <= 16, sent
    with Statements(market) as sent:
        await add(market, shopper, cart, ("PRATO", 1), ("CANECA", 1))
    assert len(sent.sent) <= 20, sent
