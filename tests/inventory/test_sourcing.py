"""Which location serves a shipped line."""

from typing import Any

import pytest

from app.channels.queries import locations_of_channel
from app.inventory import sourcing
from app.inventory.sourcing import rank_by, rank_locations
from tests.inventory.stock import UNIT, hold_some
from tests.shop import Shop


async def ranked(shop: Shop, *wanted: tuple[str, int], own: str | None = None, **options: Any) -> list[str]:
    codes = {place: code for code, place in shop.locations.items()}
    places = await rank_locations(
        shop.db,
        locations=await locations_of_channel(shop.db, shop.channels["web"]),
        own_location_id=shop.locations[own] if own else None,
        demands=[(shop.variants[sku], units * UNIT) for sku, units in wanted],
        **options,
    )
    return [codes[place] for place in places]


async def test_the_channels_priority_decides_between_equals(shop: Shop):
    await shop.variant("CANECA", stock=dict.fromkeys(shop.locations, 5 * UNIT))
    assert await ranked(shop, ("CANECA", 1)) == ["centro", "praia", "cd"]


async def test_who_can_serve_every_line_comes_before_priority(shop: Shop):
    await shop.variant("CANECA", stock={"centro": 5 * UNIT, "cd": 5 * UNIT})
    await shop.variant("BULE", stock={"praia": 5 * UNIT, "cd": 5 * UNIT})
    assert await ranked(shop, ("CANECA", 2), ("BULE", 2)) == ["cd", "centro", "praia"]
    # Lines of one variant are summed.
    assert await ranked(shop, ("CANECA", 3), ("CANECA", 3)) == ["centro", "praia", "cd"]


async def test_the_carts_own_location_comes_first(shop: Shop):
    await shop.variant("CANECA", stock={"cd": 5 * UNIT})
    assert await ranked(shop, ("CANECA", 1), own="praia") == ["praia", "cd", "centro"]


async def test_what_the_cart_holds_is_free_to_it(shop: Shop):
    await shop.variant("CANECA", stock={"praia": 5 * UNIT})
    cart, _ = await hold_some(shop, "CANECA", 4, ("praia",))
    assert await ranked(shop, ("CANECA", 4)) == ["centro", "praia", "cd"]
    assert await ranked(shop, ("CANECA", 4), cart_id=cart) == ["praia", "centro", "cd"]


async def test_another_ranking_can_take_its_place(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sourcing, "_ranking", sourcing._ranking)
    await shop.variant("CANECA")
    rank_by(lambda wanted, stock, places, *, ignores_safety_stock: places[::-1])
    assert await ranked(shop, ("CANECA", 1)) == ["cd", "praia", "centro"]
