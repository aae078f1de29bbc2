"""Staff: who works at a till or in the back office, in which role, and where it holds."""

from collections.abc import Collection
from functools import partial
from typing import Any, Final, TypedDict
from uuid import UUID

from sqlalchemy import Row, Uuid, any_, bindparam, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from app.identity import fields
from app.identity.access import reaches
from app.identity.errors import BeyondReach, LastOwner
from app.identity.permissions import ROLES
from app.identity.principal import Actor, Principal
from app.identity.tables import channel_state, location_state, staff
from app.identity.tokens import Bearer, revoke_all
from app.platform.db import Tx
from app.platform.errors import NotFound, Path, check_version
from app.platform.ids import new_id

STAFF_ROLES: Final = frozenset({"owner", "manager", "cashier", "catalog", "service", "readonly"})
MOST_PLACES: Final = 1_000
UNIQUE: Final = {"uq_staff_email": "email"}

_RULES_THE_SHOP = (
    (staff.c.role == "owner") & staff.c.active & staff.c.location_ids.is_(None) & staff.c.channel_ids.is_(None)
)
IDS: Final = bindparam("ids", type_=ARRAY(Uuid))
LOCATIONS: Final = select(location_state.c.id).where(location_state.c.id == any_(IDS))
CHANNELS: Final = select(channel_state.c.id).where(channel_state.c.id == any_(IDS))
INSERT: Final = insert(staff)
# With those who rule the shop, so that two of them cannot depose one another at the same time.
LOCK: Final = (
    select(staff)
    .where(or_(staff.c.id == bindparam("staff_id"), _RULES_THE_SHOP))
    .order_by(staff.c.id)
    .with_for_update()
)
OTHER_RULERS: Final = (
    select(func.count()).select_from(staff).where(_RULES_THE_SHOP, staff.c.id != bindparam("staff_id"))
)
UPDATE: Final = update(staff).where(staff.c.id == bindparam("staff_id"))


class StaffFields(TypedDict, total=False):
    """What may be written of staff; what is left out stays. Places of None: everywhere."""

    name: str
    email: str
    role: str
    location_ids: Collection[UUID] | None
    channel_ids: Collection[UUID] | None
    active: bool


async def create(tx: Tx, actor: Actor, given: StaffFields) -> UUID:
    """Raises InvalidInput (ALREADY_TAKEN for an e-mail address of other staff, …), BeyondReach."""
    written = fields.checked({"active": True} | given, CHECKS, required=CHECKS)
    _check_reach(actor.principal, written)
    await _check_places(tx, written)
    staff_id = new_id()
    with fields.unique(UNIQUE):
        await tx.execute(INSERT, written | {"id": staff_id, "created_at": actor.now, "updated_at": actor.now})
    return staff_id


async def update_staff(
    tx: Tx, actor: Actor, *, staff_id: UUID, given: StaffFields, expected_version: int | None = None
) -> UUID:
    """Change or deactivate staff; deactivating revokes their tokens.

    Raises NotFound, VersionConflict, InvalidInput, BeyondReach, LastOwner.
    """
    found = {row.id: row for row in await tx.rows(LOCK, {"staff_id": staff_id})}.get(staff_id)
    principal = actor.principal
    if found is None or not reaches(principal, location_ids=found.location_ids, channel_ids=found.channel_ids):
        raise NotFound("There is no such staff.", path=("staffId",))
    check_version(expected_version, found.version, "Staff", staff_id)
    written = fields.checked(given, CHECKS)
    if not ROLES[found.role] <= principal.permissions:
        raise BeyondReach("a role with permissions", path=("staffId",))
    kept = {name: getattr(found, name) for name in ("role", "location_ids", "channel_ids", "active")}
    _check_reach(principal, kept | written)
    await _check_places(tx, written)
    await _keep_a_ruler(tx, found, kept | written)
    with fields.unique(UNIQUE):
        await tx.execute(
            UPDATE.values(**written, version=staff.c.version + 1, updated_at=actor.now), {"staff_id": staff_id}
        )
    if found.active and not (kept | written)["active"]:
        await revoke_all(tx, Bearer("staff", staff_id), actor.now)
    return staff_id


def _places(value: Any, path: Path) -> list[UUID] | None:
    fields.at_most(value or (), MOST_PLACES, path)
    return None if value is None else list(dict.fromkeys(value))


CHECKS: Final[dict[str, tuple[str, fields.Check]]] = {
    "name": ("name", fields.text),
    "email": ("email", fields.required_email),
    "role": ("role", partial(fields.one_of, choices=STAFF_ROLES)),
    "location_ids": ("locationIds", _places),
    "channel_ids": ("channelIds", _places),
    "active": ("active", fields.flag),
}


def _check_reach(principal: Principal, wanted: dict[str, Any]) -> None:
    """Nobody gives more than they have."""
    if not ROLES[wanted["role"]] <= principal.permissions:
        raise BeyondReach("a role with permissions", path=("role",))
    if not reaches(principal, location_ids=wanted["location_ids"], channel_ids=principal.channel_ids):
        raise BeyondReach("locations", path=("locationIds",))
    if not reaches(principal, location_ids=principal.location_ids, channel_ids=wanted["channel_ids"]):
        raise BeyondReach("channels", path=("channelIds",))


async def _check_places(tx: Tx, written: dict[str, Any]) -> None:
    for name, path, known in (("location_ids", "locationIds", LOCATIONS), ("channel_ids", "channelIds", CHANNELS)):
        wanted = written.get(name) or ()
        missing = set(wanted) - {row.id for row in await tx.rows(known, {"ids": wanted})} if wanted else ()
        if missing:
            raise NotFound("There is no such place.", path=(path, str(min(wanted.index(place) for place in missing))))


async def _keep_a_ruler(tx: Tx, found: Row[Any], wanted: dict[str, Any]) -> None:
    everywhere = wanted["location_ids"] is None and wanted["channel_ids"] is None
    if wanted["role"] == "owner" and wanted["active"] and everywhere:
        return
    ruled = found.role == "owner" and found.active and found.location_ids is None and found.channel_ids is None
    if ruled and not await tx.value(OTHER_RULERS, {"staff_id": found.id}):
        raise LastOwner(path=("role",) if wanted["role"] != "owner" else ())
