"""Registers: creating and changing a till's place."""

from typing import Final, TypedDict
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update

from app.channels.queries import channels_by_ids, locations_of_channel
from app.events.outbox import Change, Topic, emit
from app.events.scopes import register_scopes
from app.identity import fields
from app.identity.access import reaches
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, check_version
from app.platform.ids import new_id
from app.pos.tables import register

UNIQUE: Final = {"uq_register_code": "code"}

INSERT: Final = insert(register)
LOCK: Final = select(register).where(register.c.id == bindparam("register_id")).with_for_update()
UPDATE: Final = update(register).where(register.c.id == bindparam("register_id"))
CHECKS: Final[dict[str, tuple[str, fields.Check]]] = {
    "name": ("name", fields.text),
    "location_id": ("locationId", fields.given),
    "channel_id": ("channelId", fields.given),
    "active": ("active", fields.flag),
}


class RegisterFields(TypedDict, total=False):
    """What may be written of a register; what is left out stays."""

    name: str
    location_id: UUID
    channel_id: UUID
    active: bool


async def create(
    tx: Tx, actor: Actor, *, code: str, name: str, location_id: UUID, channel_id: UUID, active: bool = True
) -> UUID:
    """Put up a register. Its code is for ever: receipts begin with it.

    Raises NotFound for a place out of reach, InvalidInput (ALREADY_TAKEN, NOT_SOLD_FROM_HERE, …).
    """
    register_id = new_id()
    row = {"id": register_id, "code": fields.code(code, ("code",)), "active": active}
    row |= {"name": fields.text(name, ("name",)), "location_id": location_id, "channel_id": channel_id}
    await _check_place(tx, actor, location_id, channel_id)
    with fields.unique(UNIQUE):
        await tx.execute(INSERT, row | {"created_at": actor.now, "updated_at": actor.now})
    scopes = register_scopes(location_id, active=active)
    await emit(tx, [Change(Topic.REGISTER, register_id, 1, after=scopes, before=())])
    return register_id


async def update_register(
    tx: Tx, actor: Actor, *, register_id: UUID, given: RegisterFields, expected_version: int | None = None
) -> UUID:
    """Rename, move or close a register; its devices go with it.

    Raises NotFound, VersionConflict, InvalidInput.
    """
    found = await tx.row(LOCK, {"register_id": register_id})
    if found is None or not reaches(actor.principal, location_ids=[found.location_id], channel_ids=[found.channel_id]):
        raise NotFound("There is no such register.", path=("registerId",))
    check_version(expected_version, found.version, "Register", register_id)
    written = fields.checked(given, CHECKS)
    location_id = written.get("location_id", found.location_id)
    channel_id = written.get("channel_id", found.channel_id)
    if (location_id, channel_id) != (found.location_id, found.channel_id):
        await _check_place(tx, actor, location_id, channel_id)
    version = found.version + 1
    await tx.execute(UPDATE.values(**written, version=version, updated_at=actor.now), {"register_id": register_id})
    before = register_scopes(found.location_id, active=found.active)
    after = register_scopes(location_id, active=written.get("active", found.active))
    await emit(tx, [Change(Topic.REGISTER, register_id, version, before=before, after=after)])
    return register_id


async def _check_place(tx: Tx, actor: Actor, location_id: UUID, channel_id: UUID) -> None:
    if not actor.principal.works_at(location_id):
        raise NotFound("There is no such location.", path=("locationId",))
    if not actor.principal.works_in(channel_id) or channel_id not in await channels_by_ids(tx, [channel_id]):
        raise NotFound("There is no such channel.", path=("channelId",))
    if location_id not in {row.id for row in await locations_of_channel(tx, channel_id)}:
        raise InvalidInput(
            "The channel does not sell from this location: say so first, with channelLocationsSet.",
            path=("locationId",),
            code="NOT_SOLD_FROM_HERE",
        )
