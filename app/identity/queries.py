"""Reading staff, devices, API clients and tokens."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.identity.principal import Principal
from app.identity.tables import api_client, device, register_place, staff, token
from app.platform.db import Reader

IDS = bindparam("ids", type_=ARRAY(Uuid))
DEVICES = select(device, register_place.c.location_id, register_place.c.channel_id).join(
    register_place, register_place.c.id == device.c.register_id
)
# Never the hash: nothing that reads a list of tokens has a use for it.
TOKENS = (
    select(*(column for column in token.c if column is not token.c.hash))
    .outerjoin(staff, staff.c.id == token.c.staff_id)
    .outerjoin(device, device.c.id == token.c.device_id)
    .outerjoin(register_place, register_place.c.id == device.c.register_id)
    .outerjoin(api_client, api_client.c.id == token.c.api_client_id)
)

STAFF_BY_IDS = select(staff).where(staff.c.id == any_(IDS))
DEVICES_BY_IDS = DEVICES.where(device.c.id == any_(IDS))
CLIENTS_BY_IDS = select(api_client).where(api_client.c.id == any_(IDS))

LOCATIONS = bindparam("location_ids", type_=ARRAY(Uuid))
CHANNELS = bindparam("channel_ids", type_=ARRAY(Uuid))
AFTER = bindparam("after", type_=Uuid)


def _within(limit: Any, held: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether all of these places are among the caller's; no limit: everywhere. Null places are everywhere, too."""
    return or_(limit.is_(None), held.op("<@", is_comparison=True)(limit))


def _among(limit: Any, held: ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(limit.is_(None), held == any_(limit))


STAFF_IN_REACH = and_(_within(LOCATIONS, staff.c.location_ids), _within(CHANNELS, staff.c.channel_ids))
DEVICE_IN_REACH = and_(_among(LOCATIONS, register_place.c.location_id), _among(CHANNELS, register_place.c.channel_id))
CLIENT_IN_REACH = _among(CHANNELS, api_client.c.channel_id)
TOKEN_IN_REACH = case(
    (token.c.staff_id.is_not(None), STAFF_IN_REACH),
    (token.c.device_id.is_not(None), DEVICE_IN_REACH),
    else_=CLIENT_IN_REACH,
)


def _newest_first(statement: Select[Any], id_column: ColumnElement[Any], reach: ColumnElement[bool]) -> Select[Any]:
    """A page: ids sort by the time they were made."""
    after = or_(AFTER.is_(None), id_column < AFTER)
    return statement.where(reach, after).order_by(id_column.desc()).limit(bindparam("size"))


def _counted(statement: Select[Any], reach: ColumnElement[bool]) -> Select[Any]:
    some = statement.with_only_columns(literal_column("1")).where(reach).limit(bindparam("most")).subquery()
    return select(func.count()).select_from(some)


TOKENS_BY_IDS = TOKENS.where(token.c.id == any_(IDS), TOKEN_IN_REACH)
STAFF_PAGE = _newest_first(select(staff), staff.c.id, STAFF_IN_REACH)
STAFF_COUNT = _counted(select(staff), STAFF_IN_REACH)
TOKEN_PAGE = _newest_first(TOKENS, token.c.id, TOKEN_IN_REACH)
TOKEN_COUNT = _counted(TOKENS, TOKEN_IN_REACH)
ALL_DEVICES = DEVICES.where(DEVICE_IN_REACH).order_by(device.c.name, device.c.id)
ALL_CLIENTS = select(api_client).where(CLIENT_IN_REACH).order_by(api_client.c.name, api_client.c.id)


async def staff_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Staff by id, inactive ones too."""
    return {row.id: row for row in await db.rows(STAFF_BY_IDS, {"ids": list(ids)})} if ids else {}


async def devices_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Devices by id, inactive ones too, with their register's `location_id` and `channel_id`."""
    return {row.id: row for row in await db.rows(DEVICES_BY_IDS, {"ids": list(ids)})} if ids else {}


async def api_clients_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """API clients by id, inactive ones too."""
    return {row.id: row for row in await db.rows(CLIENTS_BY_IDS, {"ids": list(ids)})} if ids else {}


async def tokens_by_ids(db: Reader, ids: Collection[UUID], principal: Principal) -> dict[UUID, Row[Any]]:
    """Tokens within the caller's reach by id, without their hash, revoked and expired ones too."""
    found = await db.rows(TOKENS_BY_IDS, _reach(principal) | {"ids": list(ids)}) if ids else ()
    return {row.id: row for row in found}


async def staff_page(db: Reader, principal: Principal, *, size: int, after: UUID | None) -> list[Row[Any]]:
    """Staff within the caller's reach, newest first, after this one."""
    return list(await db.rows(STAFF_PAGE, _reach(principal) | {"size": size, "after": after}))


async def staff_count(db: Reader, principal: Principal, *, most: int) -> int:
    """How many staff are within the caller's reach; counts no further than `most`."""
    return int(await db.value(STAFF_COUNT, _reach(principal) | {"most": most}))


async def token_page(db: Reader, principal: Principal, *, size: int, after: UUID | None) -> list[Row[Any]]:
    """Tokens whose bearers are within the caller's reach, newest first, after this one."""
    return list(await db.rows(TOKEN_PAGE, _reach(principal) | {"size": size, "after": after}))


async def token_count(db: Reader, principal: Principal, *, most: int) -> int:
    """How many such tokens there are; counts no further than `most`."""
    return int(await db.value(TOKEN_COUNT, _reach(principal) | {"most": most}))


async def all_devices(db: Reader, principal: Principal) -> list[Row[Any]]:
    """Devices at the caller's locations, by name, inactive ones too."""
    return list(await db.rows(ALL_DEVICES, _reach(principal)))


async def all_api_clients(db: Reader, principal: Principal) -> list[Row[Any]]:
    """API clients of the caller's channels, by name, inactive ones too."""
    return list(await db.rows(ALL_CLIENTS, _reach(principal)))


def _reach(principal: Principal) -> dict[str, Any]:
    return {
        "location_ids": None if principal.location_ids is None else list(principal.location_ids),
        "channel_ids": None if principal.channel_ids is None else list(principal.channel_ids),
    }
