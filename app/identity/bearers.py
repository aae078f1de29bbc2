"""Whom a token is to stand for, by the names that people know: found, or made. For an operator's terminal.

Each takes the shop as it is: what is there already keeps its name, its role and its places. The one thing that may
change is which documents an API client may send.
"""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import TableClause, bindparam, func, select

from app.identity import clients, devices
from app.identity import staff as staff_commands
from app.identity.principal import Actor
from app.identity.tables import api_client, channel_state, device, register_place, staff
from app.identity.tokens import Bearer
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound

# No mail ever goes to a name under `invalid`.
NO_MAIL: Final = "feira.invalid"

BY_EMAIL: Final = select(staff.c.id, staff.c.role).where(func.lower(staff.c.email) == func.lower(bindparam("email")))
DEVICE: Final = (
    select(device.c.id)
    .where(device.c.register_id == bindparam("place_id"), device.c.name == bindparam("name"), device.c.active)
    .order_by(device.c.id)
)
CLIENT: Final = (
    select(api_client.c.id)
    .where(
        api_client.c.channel_id == bindparam("place_id"), api_client.c.name == bindparam("name"), api_client.c.active
    )
    .order_by(api_client.c.id)
)


def _by_code(place: TableClause) -> Any:
    return select(place.c.id).where(place.c.code == bindparam("code"))


REGISTER: Final = _by_code(register_place)
CHANNEL: Final = _by_code(channel_state)


async def staff_bearer(tx: Tx, actor: Actor, *, role: str, email: str | None = None, name: str | None = None) -> Bearer:
    """The staff of this e-mail address, who must have this role, or new staff who have it everywhere.

    Without an address, those that an earlier call made for the role. Raises InvalidInput (ANOTHER_ROLE, …).
    """
    address = email or f"{role}@{NO_MAIL}"
    found = await tx.row(BY_EMAIL, {"email": address})
    if found is None:
        given: staff_commands.StaffFields = {"name": name or email or role.title(), "email": address, "role": role}
        given |= {"location_ids": None, "channel_ids": None}
        return Bearer("staff", await staff_commands.create(tx, actor, given))
    if found.role != role:
        raise InvalidInput(f"{address} has the role {found.role}, not {role}.", path=("role",), code="ANOTHER_ROLE")
    return Bearer("staff", found.id)


async def device_bearer(tx: Tx, actor: Actor, *, register_code: str, name: str | None = None) -> Bearer:
    """The active device of this name (left out: the register's code) at a register, or a new one. Raises NotFound."""
    register_id = await _place(tx, REGISTER, register_code, "register")
    name = name or register_code
    found: UUID | None = await tx.value(DEVICE, {"place_id": register_id, "name": name})
    if found is None:
        found = await devices.create(tx, actor, {"name": name, "register_id": register_id})
    return Bearer("device", found)


async def client_bearer(
    tx: Tx, actor: Actor, *, channel_code: str, name: str | None = None, trusted_documents_only: bool | None = None
) -> Bearer:
    """The active API client of this name (left out: the channel's code) of a channel, or a new one.

    `trusted_documents_only` holds for it from now on, where it is said. Raises NotFound.
    """
    channel_id = await _place(tx, CHANNEL, channel_code, "channel")
    name = name or channel_code
    found: UUID | None = await tx.value(CLIENT, {"place_id": channel_id, "name": name})
    if found is None:
        only = trusted_documents_only or False
        found = await clients.create(tx, actor, name=name, channel_id=channel_id, trusted_documents_only=only)
    elif trusted_documents_only is not None:
        given: clients.ClientFields = {"trusted_documents_only": trusted_documents_only}
        await clients.update_client(tx, actor, client_id=found, given=given)
    return Bearer("client", found)


async def _place(tx: Tx, statement: Any, code: str, what: str) -> UUID:
    found: UUID | None = await tx.value(statement, {"code": code})
    if found is None:
        raise NotFound(f"There is no {what} {code!r}.", path=(what,))
    return found
