"""Locations: creating and changing where stock is."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, TypedDict
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update

from app.channels.addresses import address
from app.channels.tables import location
from app.events.outbox import emit_settings
from app.identity import fields
from app.identity.access import reaches
from app.identity.errors import BeyondReach
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import NotFound, Path, check_version
from app.platform.ids import new_id

KINDS: Final = frozenset({"STORE", "WAREHOUSE"})
UNIQUE: Final = {"uq_location_code": "code"}

INSERT: Final = insert(location)
LOCK: Final = select(location).where(location.c.id == bindparam("location_id")).with_for_update()
UPDATE: Final = update(location).where(location.c.id == bindparam("location_id"))


class LocationFields(TypedDict, total=False):
    """What may be written of a location; what is left out stays, or gets the table's default."""

    name: str
    kind: str
    offers_pickup: bool
    ships: bool
    country: str
    region: str | None
    address: Mapping[str, Any] | None
    active: bool


async def create(tx: Tx, actor: Actor, *, code: str, given: LocationFields) -> UUID:
    """Open a location; no channel sells from it before it is told to. Its code is for ever.

    Raises InvalidInput, BeyondReach for a caller who does not work everywhere.
    """
    if not reaches(actor.principal, location_ids=None, channel_ids=actor.principal.channel_ids):
        raise BeyondReach("locations")
    location_id = new_id()
    row = {"id": location_id, "code": fields.code(code, ("code",))}
    row |= fields.checked(given, CHECKS, required=("name", "kind", "country"))
    with fields.unique(UNIQUE):
        await tx.execute(INSERT, row | {"created_at": actor.now, "updated_at": actor.now})
    await emit_settings(tx, [(location_id, 1)])
    return location_id


async def update_location(
    tx: Tx, actor: Actor, *, location_id: UUID, given: LocationFields, expected_version: int | None = None
) -> UUID:
    """Change, close or reopen a location. A closed one sells nothing more; its stock stays where it is.

    Raises NotFound, VersionConflict, InvalidInput.
    """
    found = await tx.row(LOCK, {"location_id": location_id})
    if found is None or not actor.principal.works_at(location_id):
        raise NotFound("There is no such location.", path=("locationId",))
    check_version(expected_version, found.version, "Location", location_id)
    await tx.execute(
        UPDATE.values(**fields.checked(given, CHECKS), version=location.c.version + 1, updated_at=actor.now),
        {"location_id": location_id},
    )
    await emit_settings(tx, [(location_id, found.version + 1)])
    return location_id


def _address(value: Any, path: Path) -> dict[str, Any] | None:
    return None if value is None else address(value, path)


CHECKS: Final[dict[str, tuple[str, fields.Check]]] = {
    "name": ("name", fields.text),
    "kind": ("kind", partial(fields.one_of, choices=KINDS)),
    "country": ("country", fields.country),
    "region": ("region", fields.region),
    "address": ("address", _address),
    "offers_pickup": ("offersPickup", fields.flag),
    "ships": ("ships", fields.flag),
    "active": ("active", fields.flag),
}
