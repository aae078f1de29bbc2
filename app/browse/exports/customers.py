"""Customers, with their addresses and groups."""

from collections.abc import AsyncIterator, Sequence
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Select, Uuid, any_, bindparam, exists, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.browse.exports.asking import Asked
from app.browse.exports.cells import Cell, Record, moment
from app.customers.queries import addresses_of, all_customer_groups, groups_of
from app.customers.tables import customer, customer_group_member
from app.platform import ids
from app.platform.db import Reader

BATCH: Final = 1_000
_MOMENT: Final = DateTime(timezone=True)
_FIRST: Final = UUID(int=0)
_ADDRESS: Final = ("name", "line1", "line2", "city", "region", "postalCode", "country", "phone")
COLUMNS: Final = (
    *("Id", "E-mail", "First name", "Last name", "Phone", "Tax id", "Note", "Groups", "Active", "Created at"),
    *("Updated at", "Address name", "Address line 1", "Address line 2", "City", "Region", "Postal code", "Country"),
    "Address phone",
)


@cache
def _page(wanted: frozenset[str]) -> Select[Any]:
    conditions: dict[str, Any] = {
        "updated_from": customer.c.updated_at >= bindparam("updated_from", type_=_MOMENT),
        "updated_to": customer.c.updated_at < bindparam("updated_to", type_=_MOMENT),
        "group_ids": exists().where(
            customer_group_member.c.customer_id == customer.c.id,
            customer_group_member.c.customer_group_id == any_(bindparam("group_ids", type_=ARRAY(Uuid))),
        ),
    }
    return (
        select(customer)
        .where(customer.c.id > bindparam("after", type_=Uuid), *(conditions[name] for name in sorted(wanted)))
        .order_by(customer.c.id)
        .limit(bindparam("most", type_=BigInteger))
    )


async def batches(db: Reader, asked: Asked) -> AsyncIterator[list[Record]]:
    """In the order in which they came."""
    codes = {row.id: row.code for row in await all_customer_groups(db)}
    given = {"updated_from": asked.updated_from, "updated_to": asked.updated_to, "group_ids": asked.group_ids}
    wanted = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items() if value}
    after = _FIRST
    while found := await db.rows(_page(frozenset(wanted)), wanted | {"after": after, "most": BATCH}):
        keys = [row.id for row in found]
        groups, addresses = await groups_of(db, keys), await addresses_of(db, keys)
        yield [_record(row, sorted(codes[key] for key in groups[row.id]), addresses[row.id]) for row in found]
        after = keys[-1]


def _record(row: Any, groups: list[str], addresses: Sequence[Any]) -> Record:
    return {
        "id": ids.encode("Customer", row.id),
        "email": row.email,
        "firstName": row.first_name,
        "lastName": row.last_name,
        "phone": row.phone,
        "taxId": row.tax_id,
        "note": row.note,
        "groups": groups,
        "active": row.active,
        "createdAt": moment(row.created_at),
        "updatedAt": moment(row.updated_at),
        "addresses": [
            {name: getattr(each, "postal_code" if name == "postalCode" else name) for name in _ADDRESS}
            for each in addresses
        ],
    }


def rows(record: Record) -> Sequence[Sequence[Cell]]:
    """The record's line of a CSV, with the address that is used unless told otherwise."""
    plain = {name: value for name, value in record.items() if name != "addresses"}
    address = record["addresses"][0] if record["addresses"] else dict.fromkeys(_ADDRESS)
    return [(*(plain | {"groups": ", ".join(record["groups"])}).values(), *address.values())]
