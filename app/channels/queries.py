"""Reading channels and locations."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.channels.tables import channel, channel_location, location
from app.platform.db import Reader

CHANNELS_BY_IDS = select(channel).where(channel.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
CHANNELS_BY_CODES = select(channel).where(channel.c.code == any_(bindparam("codes", type_=ARRAY(Text))))
DEFAULT_CHANNEL = select(channel).where(channel.c.is_default)
ALL_CHANNELS = select(channel).order_by(channel.c.code)
LOCATIONS_BY_IDS = select(location).where(location.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
LOCATIONS_BY_CODES = select(location).where(location.c.code == any_(bindparam("codes", type_=ARRAY(Text))))
ALL_LOCATIONS = select(location).order_by(location.c.code)
LOCATIONS_OF_ALL_CHANNELS = (
    select(location, channel_location.c.channel_id, channel_location.c.priority)
    .join(channel_location, channel_location.c.location_id == location.c.id)
    .where(location.c.active)
    .order_by(channel_location.c.priority, location.c.code)
)
LOCATIONS_OF_CHANNELS = LOCATIONS_OF_ALL_CHANNELS.where(
    channel_location.c.channel_id == any_(bindparam("channel_ids", type_=ARRAY(Uuid)))
)

CHANNELS_OF_LOCATION = select(channel_location.c.channel_id).where(
    channel_location.c.location_id == bindparam("location_id", type_=Uuid)
)


class NoChannel(LookupError):
    """The shop has no default channel: nothing can be asked of it yet."""

    def __init__(self) -> None:
        super().__init__("the shop has no default channel")


async def channels_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Channels by id, inactive ones too."""
    return {row.id: row for row in await db.rows(CHANNELS_BY_IDS, {"ids": list(ids)})} if ids else {}


async def channels_by_codes(db: Reader, codes: Collection[str]) -> dict[str, Row[Any]]:
    """Channels by code, inactive ones too."""
    return {row.code: row for row in await db.rows(CHANNELS_BY_CODES, {"codes": list(codes)})} if codes else {}


async def default_channel(db: Reader) -> Row[Any]:
    """The channel of a request that names none. Raises NoChannel in a shop that has no channel yet."""
    found = await db.row(DEFAULT_CHANNEL)
    if found is None:
        raise NoChannel
    return found


async def all_channels(db: Reader) -> list[Row[Any]]:
    """Every channel by code, inactive ones too."""
    return list(await db.rows(ALL_CHANNELS))


async def locations_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Locations by id, inactive ones too."""
    return {row.id: row for row in await db.rows(LOCATIONS_BY_IDS, {"ids": list(ids)})} if ids else {}


async def locations_by_codes(db: Reader, codes: Collection[str]) -> dict[str, Row[Any]]:
    """Locations by code, inactive ones too."""
    return {row.code: row for row in await db.rows(LOCATIONS_BY_CODES, {"codes": list(codes)})} if codes else {}


async def all_locations(db: Reader) -> list[Row[Any]]:
    """Every location by code, inactive ones too."""
    return list(await db.rows(ALL_LOCATIONS))


async def locations_of_channel(db: Reader, channel_id: UUID) -> list[Row[Any]]:
    """The active locations that a channel sells from, with its `priority` of each: lower first, then by code."""
    return (await locations_of_channels(db, [channel_id]))[channel_id]


async def locations_of_channels(db: Reader, channel_ids: Collection[UUID]) -> dict[UUID, list[Row[Any]]]:
    """`locations_of_channel` for many channels; each channel asked for has a list."""
    found: dict[UUID, list[Row[Any]]] = {channel_id: [] for channel_id in channel_ids}
    for row in await db.rows(LOCATIONS_OF_CHANNELS, {"channel_ids": list(found)}) if found else ():
        found[row.channel_id].append(row)
    return found


async def channels_of_location(db: Reader, location_id: UUID) -> list[UUID]:
    """The channels that sell from a location, whether it is open or not."""
    return [row.channel_id for row in await db.rows(CHANNELS_OF_LOCATION, {"location_id": location_id})]
