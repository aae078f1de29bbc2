"""How lines reach the shopper: holds move along, or it is refused; what options cost."""

from typing import Any

import pytest
from sqlalchemy import update

from app.carts.offers import offers_of
from app.channels.tables import location
from app.delivery.tables import delivery_method
from app.inventory.errors import InsufficientStock
from app.platform.errors import InvalidInput, NotFound, Refusals
from app.platform.ids import new_id
from app.pricing.tables import tax_rate
from tests.carts.selling import (
    ADDRESS,
    add,
    assert_sound,
    basket_of,
    deliver,
    held_at,
    later,
    new_cart,
    reprice,
    set_quantity,
    ship_method,
    view_of,
)
from tests.shop import LONG_AGO


@pytest.fixture
async def market(shop):
    await shop.variant("CANECA", price=2000, weight_grams=400, stock={"centro": 5000, "praia": 2000, "cd": 9000})
    await shop.variant("PRATO", price=1000, weight_grams=1000, stock={"centro": 5000, "cd": 9000})
    await ship_method(shop)
    return shop


async def offered(shop, cart, now, *, lines=None, address=None):
    codes = {key: code for code, key in shop.locations.items()}
    view = await view_of(shop, cart, now)
    chosen = view.basket.lines if lines is None else [view.basket.lines[index] for index in lines]
    (found,) = await offers_of(shop.db, [(view, chosen)], now, address=address)
    return [(each.option.code, codes.get(each.location_id), each.option.price) for each in found]


async def test_shipping_is_priced_and_taxed_as_part_of_the_cart(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 2))
    await deliver(market, shopper, cart, "SHIP", option="sedex", address=ADDRESS)
    basket = await basket_of(market, cart)
    delivery = basket.deliveries[0]
    assert (delivery.gross, delivery.net) == (1500, 1271)
    assert (basket.row.subtotal, basket.row.delivery, basket.row.total) == (4000, 1500, 5500)
    assert basket.row.tax == 4000 - 3390 + 1500 - 1271
    assert basket.lines_of(delivery) == basket.lines
    await assert_sound(market, cart)


async def test_what_is_added_later_goes_the_same_way(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 1))
    await deliver(market, shopper, cart, "SHIP", option="sedex", address=ADDRESS)
    await add(market, shopper, cart, ("PRATO", 1))
    basket = await basket_of(market, cart)
    assert {each.delivery_id for each in basket.lines} == {basket.deliveries[0].id}


async def test_an_address_without_an_option_waits_for_one(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 1))
    await deliver(market, shopper, cart, "SHIP", address=ADDRESS)
    basket = await basket_of(market, cart)
    assert (basket.deliveries[0].option, basket.deliveries[0].net, basket.row.delivery) == (None, None, 0)
    await deliver(market, shopper, cart, "SHIP", option="sedex")
    basket = await basket_of(market, cart)
    assert [each.option for each in basket.deliveries] == ["sedex"]
    assert (basket.deliveries[0].address or {})["city"] == "São Paulo"


async def test_picking_up_moves_the_hold_there(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 2))
    assert await held_at(market, cart) == {"centro": 2000}
    await deliver(market, shopper, cart, "PICKUP", at="praia")
    assert await held_at(market, cart) == {"praia": 2000}
    await assert_sound(market, cart)


async def test_a_place_that_is_short_is_refused_and_the_holds_stay(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 3))
    with pytest.raises(InsufficientStock) as refused:
        await deliver(market, shopper, cart, "PICKUP", at="praia")
    assert (refused.value.location_id, refused.value.available) == (market.locations["praia"], 2000)
    assert refused.value.path == ("locationId",)
    assert await held_at(market, cart) == {"centro": 3000}
    assert (await basket_of(market, cart)).row.version == 1
    await assert_sound(market, cart)


async def test_a_till_carries_out_one_line_and_ships_another(market):
    till = market.actor("device")
    cart = await new_cart(market, till, ("CANECA", 1), ("PRATO", 1))
    basket = await basket_of(market, cart)
    await deliver(market, till, cart, "SHIP", option="sedex", address=ADDRESS, lines=[basket.lines[1].id])
    basket = await basket_of(market, cart)
    assert sorted(each.method for each in basket.deliveries) == ["CARRY_OUT", "SHIP"]
    assert [len(basket.lines_of(each)) for each in basket.deliveries] == [1, 1]
    assert basket.row.total == 2000 + 1000 + 1500
    # The last line of a delivery takes the delivery with it.
    await set_quantity(market, till, cart, 0, index=1)
    basket = await basket_of(market, cart)
    assert ([each.method for each in basket.deliveries], basket.row.total) == (["CARRY_OUT"], 2000)
    await assert_sound(market, cart)


async def test_a_sites_cart_is_carried_out_at_the_till_that_it_comes_to(market):
    cart = await new_cart(market, market.actor("anonymous"), ("CANECA", 1))
    await deliver(market, market.actor("device"), cart, "CARRY_OUT")
    assert await held_at(market, cart) == {"centro": 1000}


async def test_what_cannot_be_is_refused(market):
    shopper, till = market.actor("anonymous"), market.actor("device")
    cart = await new_cart(market, shopper, ("CANECA", 1))
    market.locations["lua"] = new_id()
    tried: list[Any] = [
        (shopper, {"method": "SHIP"}, "ADDRESS_REQUIRED", ("address",)),
        (shopper, {"method": "SHIP", "address": ADDRESS, "option": "voando"}, "OPTION_NOT_OFFERED", ("option",)),
        (shopper, {"method": "SHIP", "address": ADDRESS, "at": "centro"}, "NOT_FOR_METHOD", ("locationId",)),
        (
            shopper,
            {"method": "SHIP", "address": ADDRESS | {"country": "XX"}},
            "UNKNOWN_COUNTRY",
            ("address", "country"),
        ),
        (shopper, {"method": "SHIP", "address": ADDRESS | {"city": "\0"}}, "REQUIRED", ("address", "city")),
        (shopper, {"method": "PICKUP"}, "LOCATION_REQUIRED", ("locationId",)),
        (shopper, {"method": "PICKUP", "at": "cd"}, "NO_PICKUP", ("locationId",)),
        (shopper, {"method": "PICKUP", "at": "lua"}, "NOT_FOUND", ("locationId",)),
        (shopper, {"method": "PICKUP", "at": "centro", "address": ADDRESS}, "NOT_FOR_METHOD", ("address",)),
        (shopper, {"method": "PICKUP", "at": "centro", "option": "sedex"}, "OPTION_NOT_OFFERED", ("option",)),
        (shopper, {"method": "CARRY_OUT", "at": "centro"}, "METHOD_NOT_ALLOWED", ("method",)),
        (till, {"method": "CARRY_OUT", "at": "praia"}, "NOT_FOUND", ("locationId",)),
        (till, {"method": "CARRY_OUT", "option": "sedex"}, "OPTION_NOT_OFFERED", ("option",)),
        (shopper, {"method": "SHIP", "address": ADDRESS, "lines": [new_id()]}, "NOT_FOUND", ("lineIds", "0")),
        (shopper, {"method": "SHIP", "address": ADDRESS, "lines": []}, "EMPTY", ("lineIds",)),
    ]
    for actor, way, code, path in tried:
        with pytest.raises((InvalidInput, NotFound, Refusals)) as refused:
            await deliver(market, actor, cart, **way)
        error: Any = refused.value
        (refusal,) = error.refusals
        assert (refusal.code, refusal.path) in {(code, path), ("INVALID_TEXT", path)}, way
    assert (await basket_of(market, cart)).row.version == 1


async def test_options_follow_what_is_sent(market):
    shopper = market.actor("anonymous")
    async with market.db.transaction() as tx:
        await tx.execute(
            update(delivery_method).values(
                rated_by="WEIGHT",
                tiers=[{"from": 0, "price": 1000}, {"from": 1000, "price": 2500}],
                max_weight_grams=5000,
                free_from=9000,
            )
        )
    cart = await new_cart(market, shopper, ("CANECA", 1), ("PRATO", 1))
    assert await offered(market, cart, shopper.now) == [("sedex", None, 2500)]
    assert await offered(market, cart, shopper.now, lines=[0]) == [("sedex", None, 1000)]
    await set_quantity(market, shopper, cart, 4)
    assert await offered(market, cart, shopper.now) == [("sedex", None, 0)]
    await set_quantity(market, shopper, cart, 5, index=1)
    assert await offered(market, cart, shopper.now) == []


async def test_an_option_that_no_longer_fits_is_taken_back(market):
    shopper = market.actor("anonymous")
    async with market.db.transaction() as tx:
        await tx.execute(update(delivery_method).values(max_weight_grams=1000))
    cart = await new_cart(market, shopper, ("CANECA", 1))
    await deliver(market, shopper, cart, "SHIP", option="sedex", address=ADDRESS)
    await set_quantity(market, shopper, cart, 3)
    basket = await basket_of(market, cart)
    assert (basket.deliveries[0].option, basket.row.delivery, basket.row.total) == (None, 0, 6000)


async def test_a_promised_delivery_keeps_its_price_while_nothing_changes(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 1))
    await deliver(market, shopper, cart, "SHIP", option="sedex", address=ADDRESS)
    async with market.db.transaction() as tx:
        await tx.execute(update(delivery_method).values(tiers=[{"from": 0, "price": 9900}]))
    await deliver(market, later(shopper, minutes=5), cart, "SHIP", option="sedex", address=ADDRESS)
    assert (await basket_of(market, cart)).row.delivery == 1500
    await set_quantity(market, later(shopper, minutes=6), cart, 2)
    assert (await basket_of(market, cart)).row.delivery == 9900


async def test_options_are_for_the_channels_country_and_region(market):
    shopper = market.actor("anonymous")
    await ship_method(market, "moto", 900, regions=["SP"])
    await ship_method(market, "posta", 5000, countries=["PT"])
    await ship_method(market, "so-app", 100, channel_ids=[market.channels["app"]])
    cart = await new_cart(market, shopper, ("CANECA", 1))
    codes = [code for code, _, _ in await offered(market, cart, shopper.now, address=ADDRESS)]
    assert codes == ["moto", "sedex"]
    there = ADDRESS | {"country": "PT", "region": None}
    assert [code for code, _, _ in await offered(market, cart, shopper.now, address=there)] == ["posta", "sedex"]


async def test_pickup_is_offered_where_all_of_it_is(market):
    shopper = market.actor("anonymous")
    await ship_method(market, "loja", 0, method="PICKUP")
    cart = await new_cart(market, shopper, ("CANECA", 2))
    assert [each[:2] for each in await offered(market, cart, shopper.now)] == [
        ("sedex", None),
        ("loja", "centro"),
        ("loja", "praia"),
    ]
    # What it holds itself at centro counts for it there.
    await set_quantity(market, shopper, cart, 5)
    assert [each[1] for each in await offered(market, cart, shopper.now)] == [None, "centro"]
    other = await new_cart(market, shopper, ("CANECA", 1))
    assert [each[1] for each in await offered(market, other, shopper.now)] == [None, "praia"]
    await deliver(market, shopper, cart, "PICKUP", at="centro")
    assert (await basket_of(market, cart)).deliveries[0].option == "loja"


async def test_what_is_never_sent_needs_no_delivery(market):
    shopper = market.actor("anonymous")
    await market.variant("VALE", price=5000, track_stock=False, requires_shipping=False)
    cart = await new_cart(market, shopper, ("VALE", 1))
    assert await offered(market, cart, shopper.now) == []


async def test_goods_are_taxed_where_they_go(market):
    async with market.db.transaction() as tx:
        row = {"id": new_id(), "tax_class_id": market.tax_class_id, "country": "PT", "name": {"pt-BR": "IVA"}}
        await tx.execute(tax_rate.insert().values(**row, rate_ppm=230_000, created_at=LONG_AGO))
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 1))
    await deliver(market, shopper, cart, "SHIP", option="sedex", address=ADDRESS | {"country": "PT", "region": None})
    basket = await basket_of(market, cart)
    assert {(tax["name"]["pt-BR"], tax["rate_ppm"]) for tax in basket.row.taxes} == {("IVA", 230_000)}
    assert basket.row.total == 3500
    await assert_sound(market, cart)


async def test_a_moved_price_does_not_move_with_the_delivery(market):
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 1))
    await reprice(market, "CANECA", 3000, later(shopper, minutes=1).now)
    await deliver(market, later(shopper, minutes=2), cart, "PICKUP", at="centro")
    assert (await basket_of(market, cart)).row.total == 2000


async def test_a_place_that_ships_nothing_holds_what_may_be_picked_up_there(market):
    async with market.db.transaction() as tx:
        await tx.execute(update(location).where(location.c.code != "praia").values(active=False))
        await tx.execute(update(location).values(ships=False))
    shopper = market.actor("anonymous")
    cart = await new_cart(market, shopper, ("CANECA", 2))
    assert await held_at(market, cart) == {"praia": 2000}
    with pytest.raises(InsufficientStock):
        await deliver(market, shopper, cart, "SHIP", option="sedex", address=ADDRESS)
    await deliver(market, shopper, cart, "PICKUP", at="praia")
    await assert_sound(market, cart)
