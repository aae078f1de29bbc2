"""Reading customers, their addresses and their groups."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.customers.tables import customer, customer_address, customer_group, customer_group_member
from app.platform.db import Reader

IDS = bindparam("ids", type_=ARRAY(Uuid))
BY_IDS = select(customer).where(customer.c.id == any_(IDS))
MEMBERSHIPS = select(customer_group_member).where(customer_group_member.c.customer_id == any_(IDS))
GROUPS_BY_IDS = select(customer_group).where(customer_group.c.id == any_(IDS))
ALL_GROUPS = select(customer_group).order_by(customer_group.c.code)
ADDRESSES = (
    select(customer_address)
    .where(customer_address.c.customer_id == any_(IDS))
    .order_by(customer_address.c.position, customer_address.c.id)
)


async def customers_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Customers by id, inactive ones too."""
    return {row.id: row for row in await db.rows(BY_IDS, {"ids": list(ids)})} if ids else {}


async def groups_of(db: Reader, customer_ids: Collection[UUID]) -> dict[UUID, frozenset[UUID]]:
    """The ids of each customer's groups; each customer asked for has a set."""
    found: dict[UUID, set[UUID]] = {customer_id: set() for customer_id in customer_ids}
    for row in await db.rows(MEMBERSHIPS, {"ids": list(found)}) if found else ():
        found[row.customer_id].add(row.customer_group_id)
    return {customer_id: frozenset(groups) for customer_id, groups in found.items()}


async def customer_groups_by_ids(db: Reader, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Customer groups by id."""
    return {row.id: row for row in await db.rows(GROUPS_BY_IDS, {"ids": list(ids)})} if ids else {}


async def all_customer_groups(db: Reader) -> list[Row[Any]]:
    """Every customer group by code."""
    return list(await db.rows(ALL_GROUPS))


async def addresses_of(db: Reader, customer_ids: Collection[UUID]) -> dict[UUID, list[Row[Any]]]:
    """Each customer's addresses, the one to use unless told otherwise first; each customer asked for has a list."""
    found: dict[UUID, list[Row[Any]]] = {customer_id: [] for customer_id in customer_ids}
    for row in await db.rows(ADDRESSES, {"ids": list(found)}) if found else ():
        found[row.customer_id].append(row)
    return found
