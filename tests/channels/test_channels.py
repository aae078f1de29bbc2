"""Channels: what one must be, one default, and who may change which."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.channels import channels
from app.channels.queries import (
    NoChannel,
    all_channels,
    channels_by_codes,
    channels_by_ids,
    default_channel,
    locations_of_channel,
    locations_of_channels,
)
from app.channels.tables import channel, channel_location
from app.identity.errors import BeyondReach
from app.identity.principal import Actor, system_actor
from app.platform import clock
from app.platform.db import Database
from app.platform.errors import InvalidInput, NotFound, Refusals, VersionConflict
from app.platform.ids import new_id
from tests.shop import Shop

KIOSK: dict[str, Any] = {
    "name": "Quiosque", "kind": "KIOSK", "country": "BR", "prices_include_tax": True, "order_prefix": "K",
}  # fmt: skip


async def open_channel(db: Database, actor: Actor, code: str = "kiosk", currency: str = "BRL", **given: Any) -> UUID:
    fields: Any = KIOSK | given
    return await db.run(lambda tx: channels.create(tx, actor, code=code, currency=currency, given=fields))


async def change(shop: Shop, actor: Actor, code: str, version: int | None = None, **given: Any) -> None:
    fields: Any = given
    channel_id = shop.channels[code]
    await shop.db.run(
        lambda tx: channels.update_channel(tx, actor, channel_id=channel_id, given=fields, expected_version=version)
    )


async def test_the_first_channel_is_the_default_and_gets_the_settings_that_are_left_out(database: Database) -> None:
    with pytest.raises(NoChannel):
        await default_channel(database)
    nobody_yet = system_actor(UUID(int=0), clock.now())
    channel_id = await open_channel(database, nobody_yet)
    found = await default_channel(database)
    assert (found.id, found.hold_minutes, found.cart_days, found.active) == (channel_id, 30, 30, True)


async def test_two_first_channels_at_once_leave_one_default(database: Database) -> None:
    nobody_yet = system_actor(UUID(int=0), clock.now())
    attempts = (open_channel(database, nobody_yet, f"c{n}", order_prefix=f"C{n}") for n in range(4))
    await asyncio.gather(*attempts, return_exceptions=True)
    assert await database.value(select(func.count()).select_from(channel).where(channel.c.is_default)) == 1


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"code": "Loja 1"}, "code", "INVALID_CODE"),
    ({"code": "x" * 41}, "code", "INVALID_CODE"),
    ({"code": "web"}, "code", "ALREADY_TAKEN"),
    ({"currency": "XYZ"}, "currency", "UNKNOWN_CURRENCY"),
    ({"country": "ZZ"}, "country", "UNKNOWN_COUNTRY"),
    ({"kind": "SHOP"}, "kind", "UNKNOWN_VALUE"),
    ({"order_prefix": "W"}, "orderPrefix", "ALREADY_TAKEN"),
    ({"order_prefix": "w-1"}, "orderPrefix", "INVALID_CODE"),
    ({"hold_minutes": 0}, "holdMinutes", "OUT_OF_RANGE"),
    ({"cash_rounding": 0}, "cashRounding", "OUT_OF_RANGE"),
    ({"name": "a\0b"}, "name", "INVALID_TEXT"),
    ({"name": "x" * 201}, "name", "TOO_LONG"),
    ({"name": None}, "name", "REQUIRED"),
]


async def test_what_a_channel_must_be(shop: Shop) -> None:
    for given, path, code in WRONG:
        with pytest.raises(InvalidInput) as refused:
            await open_channel(shop.db, shop.actor("owner"), **given)
        assert (refused.value.path, refused.value.code) == ((path,), code)
    assert len(await all_channels(shop.db)) == 3


async def test_several_mistakes_are_told_at_once(shop: Shop) -> None:
    with pytest.raises(Refusals) as refused:
        await open_channel(shop.db, shop.actor("owner"), country="??", cart_days=0)
    assert {one.path for one in refused.value.refusals} == {("country",), ("cartDays",)}


async def test_another_channel_becomes_the_default_and_the_old_one_is_it_no_more(shop: Shop) -> None:
    owner = shop.actor("owner")
    await change(shop, owner, "app", is_default=True)
    assert (await default_channel(shop.db)).code == "app"
    for _ in range(5):
        await asyncio.gather(*(change(shop, owner, code, is_default=True) for code in ("web", "pos", "app") * 3))
    assert await shop.db.value(select(func.count()).select_from(channel).where(channel.c.is_default)) == 1


async def test_the_default_channel_stays_open_and_the_default(shop: Shop) -> None:
    for given in ({"is_default": False}, {"active": False}):
        with pytest.raises(InvalidInput) as refused:
            await change(shop, shop.actor("owner"), "web", **given)
        assert refused.value.code == "DEFAULT_CHANNEL"


async def test_a_closed_channel_does_not_become_the_default(shop: Shop) -> None:
    owner = shop.actor("owner")
    await change(shop, owner, "app", active=False)
    with pytest.raises(InvalidInput):
        await change(shop, owner, "app", is_default=True)
    await change(shop, owner, "app", is_default=True, active=True)
    assert (await default_channel(shop.db)).code == "app"


async def test_a_channels_currency_is_for_ever() -> None:
    assert "currency" not in channels.ChannelFields.__annotations__
    assert "currency" not in channels.CHECKS


async def test_a_stale_version_is_refused(shop: Shop) -> None:
    owner = shop.actor("owner")
    await change(shop, owner, "web", 1, hold_minutes=45)
    with pytest.raises(VersionConflict):
        await change(shop, owner, "web", 1, hold_minutes=10)
    row = (await channels_by_codes(shop.db, ["web", "nowhere"]))["web"]
    assert (row.hold_minutes, row.version) == (45, 2)


async def test_who_works_in_some_channels_writes_those_and_opens_none(shop: Shop) -> None:
    local = shop.actor("owner", channel_ids=frozenset({shop.channels["app"]}))
    await change(shop, local, "app", hold_minutes=5)
    with pytest.raises(NotFound):
        await change(shop, local, "web", hold_minutes=5)
    with pytest.raises(BeyondReach):
        await change(shop, local, "app", is_default=True)
    with pytest.raises(BeyondReach):
        await open_channel(shop.db, local)


async def set_locations(shop: Shop, actor: Actor, *codes: str) -> None:
    location_ids = [shop.locations[code] for code in codes]
    channel_id = shop.channels["web"]
    await shop.db.run(lambda tx: channels.set_locations(tx, actor, channel_id=channel_id, location_ids=location_ids))


async def test_a_channel_sells_from_the_locations_set_in_their_order(shop: Shop) -> None:
    await set_locations(shop, shop.actor("owner"), "cd", "centro")
    found = await locations_of_channel(shop.db, shop.channels["web"])
    assert [(row.code, row.priority) for row in found] == [("cd", 0), ("centro", 1)]
    both = await locations_of_channels(shop.db, [shop.channels["web"], shop.channels["app"], new_id()])
    assert [len(rows) for rows in both.values()] == [2, 3, 0]


async def test_a_location_is_named_once_and_exists(shop: Shop) -> None:
    owner, channel_id = shop.actor("owner"), shop.channels["web"]
    with pytest.raises(InvalidInput):
        await set_locations(shop, owner, "cd", "cd")
    with pytest.raises(NotFound) as refused:
        await shop.db.run(lambda tx: channels.set_locations(tx, owner, channel_id=channel_id, location_ids=[new_id()]))
    assert refused.value.path == ("locationIds", "0")
    assert await shop.db.value(select(func.count()).select_from(channel_location)) == 9


async def test_nobody_adds_or_takes_away_a_location_that_is_not_theirs(shop: Shop) -> None:
    local = shop.actor("owner", location_ids=frozenset({shop.locations["centro"]}))
    with pytest.raises(BeyondReach):
        await set_locations(shop, local, "centro")
    await set_locations(shop, local, "praia", "cd")
    with pytest.raises(BeyondReach):
        await set_locations(shop, local, "praia")
    await set_locations(shop, shop.actor("owner"), "cd")
    with pytest.raises(NotFound):
        await set_locations(shop, local, "cd", "praia")


async def test_batches_answer_what_there_is(shop: Shop) -> None:
    unknown = new_id()
    assert set(await channels_by_ids(shop.db, [shop.channels["web"], unknown])) == {shop.channels["web"]}
    assert await channels_by_ids(shop.db, []) == {}
