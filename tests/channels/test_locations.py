"""Locations: what one must be, and who may change which."""

from typing import Any
from uuid import UUID

import pytest

from app.channels import locations
from app.channels.queries import locations_by_codes, locations_by_ids, locations_of_channel
from app.identity.errors import BeyondReach
from app.identity.principal import Actor
from app.platform.errors import NotFound, Refusal, Refusals, VersionConflict
from tests.shop import Shop

SUL: dict[str, Any] = {"name": "Zona Sul", "kind": "STORE", "country": "BR", "region": "rj"}
ADDRESS: dict[str, Any] = {"name": "Feira", "line1": "Rua do Mercado, 10", "city": "Rio de Janeiro", "country": "BR"}


async def open_location(shop: Shop, actor: Actor, code: str = "sul", **given: Any) -> UUID:
    fields: Any = SUL | given
    return await shop.db.run(lambda tx: locations.create(tx, actor, code=code, given=fields))


async def change(shop: Shop, actor: Actor, code: str, version: int | None = None, **given: Any) -> None:
    fields: Any = given
    location_id = shop.locations[code]
    await shop.db.run(
        lambda tx: locations.update_location(tx, actor, location_id=location_id, given=fields, expected_version=version)
    )


async def test_a_location_keeps_its_address_and_ships_unless_told_otherwise(shop: Shop) -> None:
    location_id = await open_location(shop, shop.actor("owner"), address=ADDRESS | {"postalCode": " 20010-000 "})
    row = (await locations_by_ids(shop.db, [location_id]))[location_id]
    assert (row.region, row.ships, row.offers_pickup) == ("RJ", True, False)
    assert row.address == ADDRESS | {"postalCode": "20010-000", "line2": None, "region": None, "phone": None}


WRONG: list[tuple[dict[str, Any], tuple[str, ...], str]] = [
    ({"code": "centro"}, ("code",), "ALREADY_TAKEN"),
    ({"code": "Sul"}, ("code",), "INVALID_CODE"),
    ({"kind": "OFFICE"}, ("kind",), "UNKNOWN_VALUE"),
    ({"country": "br"}, ("country",), "UNKNOWN_COUNTRY"),
    ({"address": ADDRESS | {"city": ""}}, ("address", "city"), "REQUIRED"),
    ({"address": ADDRESS | {"country": "XX"}}, ("address", "country"), "UNKNOWN_COUNTRY"),
]


async def test_what_a_location_must_be(shop: Shop) -> None:
    for given, path, code in WRONG:
        with pytest.raises((Refusal, Refusals)) as refused:
            await open_location(shop, shop.actor("owner"), **given)
        wrong: Any = refused.value
        assert [(one.path, one.code) for one in wrong.refusals] == [(path, code)]


async def test_a_closed_location_sells_nothing(shop: Shop) -> None:
    await change(shop, shop.actor("owner"), "cd", active=False)
    assert [row.code for row in await locations_of_channel(shop.db, shop.channels["web"])] == ["centro", "praia"]


async def test_who_works_at_some_locations_writes_those_and_opens_none(shop: Shop) -> None:
    local = shop.actor("owner", location_ids=frozenset({shop.locations["centro"]}))
    await change(shop, local, "centro", 1, name="Centro Histórico")
    with pytest.raises(VersionConflict):
        await change(shop, local, "centro", 1, name="Velho")
    with pytest.raises(NotFound):
        await change(shop, local, "praia", name="Minha")
    with pytest.raises(BeyondReach):
        await open_location(shop, local)
    assert (await locations_by_codes(shop.db, ["centro"]))["centro"].name == "Centro Histórico"
