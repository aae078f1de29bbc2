"""Any sequence of cart commands: totals add up, the version rises by one, holds are what lines ask for."""

import random
from typing import Any

import pytest

from app.carts.lines import LineChange
from app.platform.errors import Refusal, Refusals
from tests.carts.selling import (
    ADDRESS,
    add,
    assert_sound,
    basket_of,
    buyer,
    change,
    deliver,
    given_price,
    held,
    later,
    line,
    new_cart,
    reprice,
    ship_method,
)

SKUS = ("CANECA", "PRATO", "QUEIJO", "VALE")


@pytest.mark.parametrize("seed", range(4))
async def test_any_sequence_of_commands_keeps_the_laws(shop, seed):
    chance = random.Random(seed)
    await shop.variant("CANECA", price=1990, weight_grams=300, stock={"centro": 9000, "cd": 9000})
    await shop.variant("PRATO", price=333, stock={"praia": 6000, "cd": 2000})
    await shop.variant("QUEIJO", price=5999, unit="kg", quantity_step=1, stock={"centro": 4321})
    await shop.variant("VALE", price=5000, track_stock=False, requires_shipping=False)
    await ship_method(shop, rated_by="WEIGHT", tiers=[{"from": 0, "price": 777}, {"from": 900, "price": 1555}])
    await ship_method(shop, "loja", 0, method="PICKUP")
    callers = [shop.actor("anonymous"), shop.actor("device"), shop.actor("cashier", channel="pos")]
    carts = [await new_cart(shop, chance.choice(callers)) for _ in range(2)]
    minutes = 0.0
    for _ in range(30):
        # Holds are kept by the database's clock, so that none expires here; promises do.
        minutes += chance.choice([0, 1, 5, 40])
        caller = later(chance.choice(callers), minutes=minutes)
        cart = chance.choice(carts)
        if chance.random() < 0.15:
            await reprice(shop, chance.choice(SKUS), chance.randint(0, 9999), caller.now)
        version = (await basket_of(shop, cart)).row.version
        try:
            await any_command(shop, caller, cart, chance)
        except (Refusal, Refusals):
            assert (await basket_of(shop, cart)).row.version == version
        else:
            assert (await basket_of(shop, cart)).row.version == version + 1
        await check(shop, cart)
    await assert_sound(shop)


async def any_command(shop: Any, caller: Any, cart: Any, chance: random.Random) -> None:
    lines = (await basket_of(shop, cart)).lines
    one = chance.choice(lines).id if lines else None
    match chance.choice(["add", "add", "add", "quantity", "quantity", "price", "buyer", "deliver", "deliver"]):
        case "add":
            wanted = []
            for _ in range(chance.randint(1, 3)):
                sku = chance.choice(SKUS)
                units = chance.randint(1, 900) / 1000 if sku == "QUEIJO" else chance.randint(1, 3)
                notes = (("n", "1"),) if chance.random() < 0.2 else ()
                wanted.append(line(shop, sku, units, attributes=notes))
            await add(shop, caller, cart, *wanted)
        case "quantity" if one:
            await change(shop, caller, cart, LineChange(line_id=one, quantity=chance.randint(0, 4) * 1000))
        case "price" if one and caller.principal.may("prices.override"):
            given = given_price(chance.randint(0, 5000)) if chance.random() < 0.6 else None
            await change(shop, caller, cart, LineChange(line_id=one, override=given, drop_override=given is None))
        case "deliver":
            some = [each.id for each in lines if chance.random() < 0.6] or None
            way: dict[str, Any] = chance.choice(
                [
                    {"method": "SHIP", "address": ADDRESS, "option": "sedex"},
                    {"method": "SHIP", "address": ADDRESS},
                    {"method": "PICKUP", "at": "centro"},
                    {"method": "PICKUP", "at": "praia", "option": "loja"},
                    {"method": "CARRY_OUT", "at": "centro"},
                ]
            )
            await deliver(shop, caller, cart, **way, lines=some)
        case _:
            await buyer(shop, caller, cart, email=f"a{chance.randint(0, 9)}@feira.example")


async def check(shop: Any, cart: Any) -> None:
    """Besides what `feira audit` says: each line holds what it asks for, tracked ones alone, where it must."""
    basket = await basket_of(shop, cart)
    asked = {each.id: each for each in basket.lines if each.sku != "VALE"}
    got: dict[Any, int] = {}
    for (line_id, code), quantity in (await held(shop, cart)).items():
        got[line_id] = got.get(line_id, 0) + quantity
        delivery = basket.delivery_of(asked[line_id])
        if delivery is not None and delivery.method != "SHIP":
            assert shop.locations[code] == delivery.location_id
    assert got == {key: each.quantity for key, each in asked.items()}
    assert [each for each in basket.deliveries if not basket.lines_of(each)] == []
    for each in basket.lines:
        assert each.total_gross - each.total_net == sum(tax["amount"] for tax in each.taxes)
