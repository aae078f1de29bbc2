"""Customers: creating and changing what the shop knows of those who buy."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypedDict
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, insert, select, update

from app.channels.addresses import address
from app.channels.queries import channels_by_ids
from app.customers.contact import phone, tax_id
from app.customers.queries import customer_groups_by_ids
from app.customers.tables import customer, customer_address, customer_group_member
from app.events.outbox import Change, Topic, emit
from app.events.scopes import STAFF, customer_scope
from app.identity import fields
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, Path, check_version
from app.platform.ids import new_id
from app.platform.texts import key_of

MOST_ADDRESSES: Final = 50
MOST_GROUPS: Final = 50
UNIQUE: Final = {"uq_customer_email": "email"}
SEARCHED: Final = ("first_name", "last_name", "email", "phone", "tax_id")

INSERT: Final = insert(customer)
LOCK: Final = select(customer).where(customer.c.id == bindparam("customer_id")).with_for_update()
UPDATE: Final = update(customer).where(customer.c.id == bindparam("customer_id"))
FORGET_ADDRESSES: Final = delete(customer_address).where(customer_address.c.customer_id == bindparam("customer_id"))
INSERT_ADDRESS: Final = insert(customer_address)
LEAVE_GROUPS: Final = delete(customer_group_member).where(
    customer_group_member.c.customer_id == bindparam("customer_id")
)
JOIN_GROUP: Final = insert(customer_group_member)


class CustomerFields(TypedDict, total=False):
    """What may be written of a customer; what is left out stays. `addresses` replaces all, the preferred one first."""

    email: str | None
    first_name: str | None
    last_name: str | None
    phone: str | None
    tax_id: str | None
    note: str | None
    active: bool
    addresses: Sequence[Mapping[str, Any]]


async def create(tx: Tx, actor: Actor, given: CustomerFields, *, group_ids: Collection[UUID] = ()) -> UUID:
    """Make a customer known. A phone number without "+", and a tax number, are of the actor's channel's country.

    Raises NotFound for a group, InvalidInput (ALREADY_TAKEN for another's e-mail address, INVALID_PHONE, …).
    """
    customer_id = new_id()
    row = fields.checked({"active": True, "addresses": ()} | given, await _checks(tx, actor), required=SEARCHED)
    addresses = row.pop("addresses")
    row["search_key"] = _search_key(row)
    with fields.unique(UNIQUE):
        await tx.execute(INSERT, row | {"id": customer_id, "created_at": actor.now, "updated_at": actor.now})
    await _write_addresses(tx, actor, customer_id, addresses)
    await _join(tx, customer_id, group_ids)
    await emit(tx, [_change(customer_id, 1, before=())])
    return customer_id


async def update_customer(
    tx: Tx, actor: Actor, *, customer_id: UUID, given: CustomerFields, expected_version: int | None = None
) -> UUID:
    """Change a customer. Raises NotFound, VersionConflict, InvalidInput."""
    found = await _lock(tx, customer_id, expected_version)
    written = fields.checked(given, await _checks(tx, actor))
    addresses = written.pop("addresses", None)
    written["search_key"] = _search_key({name: written.get(name, getattr(found, name)) for name in SEARCHED})
    with fields.unique(UNIQUE):
        await tx.execute(
            UPDATE.values(**written, version=found.version + 1, updated_at=actor.now), {"customer_id": customer_id}
        )
    if addresses is not None:
        await tx.execute(FORGET_ADDRESSES, {"customer_id": customer_id})
        await _write_addresses(tx, actor, customer_id, addresses)
    await emit(tx, [_change(customer_id, found.version + 1)])
    return customer_id


async def set_groups(
    tx: Tx, actor: Actor, *, customer_id: UUID, group_ids: Collection[UUID], expected_version: int | None = None
) -> UUID:
    """Put a customer into these groups and no others. Raises NotFound, VersionConflict, InvalidInput (TOO_MANY)."""
    found = await _lock(tx, customer_id, expected_version)
    await tx.execute(LEAVE_GROUPS, {"customer_id": customer_id})
    await _join(tx, customer_id, group_ids)
    await tx.execute(UPDATE.values(version=found.version + 1, updated_at=actor.now), {"customer_id": customer_id})
    await emit(tx, [_change(customer_id, found.version + 1)])
    return customer_id


async def _lock(tx: Tx, customer_id: UUID, expected_version: int | None) -> Row[Any]:
    found = await tx.row(LOCK, {"customer_id": customer_id})
    if found is None:
        raise NotFound("There is no such customer.", path=("customerId",))
    check_version(expected_version, found.version, "Customer", customer_id)
    return found


def _change(customer_id: UUID, version: int, *, before: Sequence[str] | None = None) -> Change:
    return Change(Topic.CUSTOMER, customer_id, version, after=(STAFF, customer_scope(customer_id)), before=before)


def _search_key(row: Mapping[str, Any]) -> str:
    """What staff search in. Raises InvalidInput (REQUIRED) for somebody nobody could find again."""
    known = [row[name] for name in SEARCHED if row[name]]
    if not known:
        raise InvalidInput("A name, e-mail address, phone or tax number is needed.", code="REQUIRED")
    return key_of(" ".join(known))


async def _checks(tx: Tx, actor: Actor) -> dict[str, tuple[str, fields.Check]]:
    channel = (await channels_by_ids(tx, [actor.channel_id])).get(actor.channel_id)
    country = channel.country if channel is not None else ""
    return {
        "email": ("email", fields.email),
        "first_name": ("firstName", fields.optional_text),
        "last_name": ("lastName", fields.optional_text),
        "phone": ("phone", partial(phone, country=country)),
        "tax_id": ("taxId", partial(tax_id, country=country)),
        "note": ("note", partial(fields.optional_text, most=2_000, lines=True)),
        "active": ("active", fields.flag),
        "addresses": ("addresses", _addresses),
    }


def _addresses(given: Any, path: Path) -> list[dict[str, Any]]:
    given = given or ()
    fields.at_most(given, MOST_ADDRESSES, path)
    return [address(one, (*path, str(index))) for index, one in enumerate(given)]


async def _write_addresses(tx: Tx, actor: Actor, customer_id: UUID, addresses: Sequence[Mapping[str, Any]]) -> None:
    rows = [
        {name: value for name, value in one.items() if name != "postalCode"}
        | {
            "id": new_id(),
            "customer_id": customer_id,
            "postal_code": one["postalCode"],
            "position": position,
            "created_at": actor.now,
        }
        for position, one in enumerate(addresses)
    ]
    await tx.many(INSERT_ADDRESS, rows)


async def _join(tx: Tx, customer_id: UUID, group_ids: Collection[UUID]) -> None:
    fields.at_most(group_ids, MOST_GROUPS, ("groupIds",))
    known = await customer_groups_by_ids(tx, group_ids)
    for index, group_id in enumerate(group_ids):
        if group_id not in known:
            raise NotFound("There is no such group.", path=("groupIds", str(index)))
    await tx.many(JOIN_GROUP, [{"customer_id": customer_id, "customer_group_id": group_id} for group_id in known])
