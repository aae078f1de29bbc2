"""Devices: machines that sell at one register."""

from collections.abc import Collection
from typing import Any, Final, TypedDict
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update

from app.identity import fields
from app.identity.access import reaches
from app.identity.principal import Actor
from app.identity.tables import device, register_place
from app.identity.tokens import Bearer, revoke_all
from app.platform.db import Tx
from app.platform.errors import NotFound, check_version
from app.platform.ids import new_id

INSERT: Final = insert(device)
LOCK: Final = select(device).where(device.c.id == bindparam("device_id")).with_for_update()
PLACE: Final = select(register_place).where(register_place.c.id == bindparam("register_id"))
UPDATE: Final = update(device).where(device.c.id == bindparam("device_id"))


class DeviceFields(TypedDict, total=False):
    """What may be written of a device; what is left out stays."""

    name: str
    register_id: UUID
    active: bool


async def create(tx: Tx, actor: Actor, given: DeviceFields) -> UUID:
    """Bind a new device to a register. Raises NotFound for a register out of reach, InvalidInput."""
    device_id = new_id()
    row = await _checked(tx, actor, given, required=("name", "register_id"))
    await tx.execute(INSERT, row | {"id": device_id, "created_at": actor.now, "updated_at": actor.now})
    return device_id


async def update_device(
    tx: Tx, actor: Actor, *, device_id: UUID, given: DeviceFields, expected_version: int | None = None
) -> UUID:
    """Change, move or deactivate a device; deactivating revokes its tokens.

    Moving it to another register moves what its tokens stand for. Raises NotFound, VersionConflict, InvalidInput.
    """
    found = await tx.row(LOCK, {"device_id": device_id})
    if found is None or not await _in_reach(tx, actor, found.register_id):
        raise NotFound("There is no such device.", path=("deviceId",))
    check_version(expected_version, found.version, "Device", device_id)
    written = await _checked(tx, actor, given)
    await tx.execute(
        UPDATE.values(**written, version=device.c.version + 1, updated_at=actor.now), {"device_id": device_id}
    )
    if found.active and not written.get("active", True):
        await revoke_all(tx, Bearer("device", device_id), actor.now)
    return device_id


CHECKS: Final[dict[str, tuple[str, fields.Check]]] = {
    "name": ("name", fields.text),
    "register_id": ("registerId", fields.given),
    "active": ("active", fields.flag),
}


async def _checked(tx: Tx, actor: Actor, given: DeviceFields, *, required: Collection[str] = ()) -> dict[str, Any]:
    written = fields.checked(given, CHECKS, required=required)
    if "register_id" in written and not await _in_reach(tx, actor, written["register_id"]):
        raise NotFound("There is no such register.", path=("registerId",))
    return written


async def _in_reach(tx: Tx, actor: Actor, register_id: UUID) -> bool:
    place = await tx.row(PLACE, {"register_id": register_id})
    return place is not None and reaches(
        actor.principal, location_ids=[place.location_id], channel_ids=[place.channel_id]
    )
