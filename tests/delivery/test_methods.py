"""Delivery methods: made, changed, and refused where they contradict themselves."""

from typing import Any
from uuid import UUID

import pytest

from app.channels.queries import channels_by_codes
from app.delivery.methods import create_method, update_method
from app.delivery.options import Parcel, delivery_methods, options_for
from app.delivery.queries import methods_by_codes, methods_by_ids
from app.delivery.rates import ShipTier
from app.platform import clock
from app.platform.errors import NotFound, Refusal, VersionConflict
from app.platform.ids import new_id
from app.pricing.frame import tax_frame
from tests.shop import Shop

NOW = clock.now()
TIERS = [ShipTier(0, 1290), ShipTier(3000, 1990)]


async def make(shop: Shop, code: str = "standard", method: str = "SHIP", currency: str = "BRL", **given: Any) -> UUID:
    fields: Any = {"name": {"pt-BR": "Padrão"}, "tiers": TIERS, "rated_by": "WEIGHT"} | given
    actor = shop.actor()
    return await shop.db.run(
        lambda tx: create_method(tx, actor, code=code, method=method, currency=currency, given=fields)
    )


async def alter(shop: Shop, key: UUID, version: int | None = None, **given: Any) -> None:
    fields: Any = given
    await shop.db.run(lambda tx: update_method(tx, shop.actor(), method_id=key, given=fields, expected_version=version))


async def offered(shop: Shop, *, grams: int = 1000, total: int = 5000, place: Any = ("BR", "SP")) -> dict[str, int]:
    channel = (await channels_by_codes(shop.db, ["web"]))["web"]
    found = options_for(
        await delivery_methods(shop.db),
        frame=await tax_frame(shop.db, ["BR"]),
        channel=channel,
        method="SHIP",
        parcel=Parcel(weight_grams=grams, goods_total=total),
        place=place,
        moment=NOW,
    )
    return {option.code: option.price for option in found}


async def test_a_method_is_offered_as_it_was_written(shop: Shop) -> None:
    await make(shop, countries=["BR"], regions=["sp", "RJ"], free_from=20_000, max_weight_grams=9000, position=2)
    await make(shop, "express", tiers=[ShipTier(0, 4000)], position=1, channel_ids=[shop.channels["web"]])
    assert await offered(shop) == {"express": 4000, "standard": 1290}
    assert list(await offered(shop)) == ["express", "standard"]
    assert await offered(shop, grams=3000) == {"express": 4000, "standard": 1990}
    assert await offered(shop, total=20_000) == {"express": 4000, "standard": 0}
    assert await offered(shop, grams=9001) == {"express": 4000}
    assert await offered(shop, place=("BR", "MG")) == {"express": 4000}


async def test_a_method_is_changed_and_switched_off(shop: Shop) -> None:
    key = await make(shop)
    await alter(shop, key, 1, tiers=[ShipTier(0, 500)], rated_by="TOTAL")
    assert await offered(shop) == {"standard": 500}
    await alter(shop, key, 2, active=False)
    assert await offered(shop) == {}
    row = (await methods_by_ids(shop.db, [key]))[key]
    assert (row.version, row.rated_by, row.tiers, row.active) == (3, "TOTAL", [{"from": 0, "price": 500}], False)
    with pytest.raises(VersionConflict):
        await alter(shop, key, 1, active=True)
    with pytest.raises(NotFound):
        await alter(shop, new_id(), active=True)


@pytest.mark.parametrize(
    ("given", "path", "code"),
    [
        ({"code": "Ä"}, ("code",), "INVALID_CODE"),
        ({"method": "CARRY_OUT"}, ("method",), "UNKNOWN_VALUE"),
        ({"currency": "ZZZ"}, ("currency",), "UNKNOWN_CURRENCY"),
        ({"name": None}, ("names",), "REQUIRED"),
        ({"tiers": []}, ("tiers",), "REQUIRED"),
        ({"tiers": TIERS[::-1]}, ("tiers",), "INVALID_TIERS"),
        ({"tiers": [ShipTier(0, -1)]}, ("tiers", "0", "price"), "OUT_OF_RANGE"),
        ({"tiers": [ShipTier(i, 1) for i in range(101)]}, ("tiers",), "TOO_MANY"),
        ({"rated_by": "SIZE"}, ("ratedBy",), "UNKNOWN_VALUE"),
        ({"channel_ids": [new_id()]}, ("channelIds", "0"), "NOT_FOUND"),
        ({"tax_class_id": new_id()}, ("taxClassId",), "NOT_FOUND"),
        ({"countries": ["BR", "XX"]}, ("countries", "1"), "UNKNOWN_COUNTRY"),
        ({"regions": ["SP"]}, ("countries",), "REQUIRED"),
        ({"free_from": -1}, ("freeFrom",), "OUT_OF_RANGE"),
        ({"max_weight_grams": 0}, ("maxWeightGrams",), "OUT_OF_RANGE"),
        ({"min_days": 5, "max_days": 2}, ("maxDays",), "OUT_OF_RANGE"),
        ({"min_days": -1}, ("minDays",), "OUT_OF_RANGE"),
    ],
)
async def test_what_is_wrong_is_told_at_its_place(
    shop: Shop, given: dict[str, Any], path: tuple[str, ...], code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        await make(shop, **given)
    assert (refused.value.path, refused.value.code) == (path, code)
    assert await methods_by_codes(shop.db, ["standard"]) == {}


async def test_a_code_is_of_one_method_and_ratings_come_with_their_tiers(shop: Shop) -> None:
    key = await make(shop)
    with pytest.raises(Refusal) as taken:
        await make(shop)
    assert (taken.value.path, taken.value.code) == (("code",), "ALREADY_TAKEN")
    with pytest.raises(Refusal) as alone:
        await alter(shop, key, rated_by="TOTAL")
    assert alone.value.path == ("tiers",)
