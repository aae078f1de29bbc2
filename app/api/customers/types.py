"""Customers, their addresses and groups, as the API shows them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.context import Context
from app.api.engine.batch import Batch, batched
from app.api.nodes import Node, loads
from app.api.paging import Connection
from app.api.scalars import CountryCode
from app.customers import queries
from app.platform import ids

if TYPE_CHECKING:
    from app.api.orders.types import Order


@strawberry.type(description="A postal address.")
class Address:
    name: str = strawberry.field(description="Who receives there.")
    line1: str = strawberry.field(description="Street and number.")
    line2: str | None = strawberry.field(description="Flat, floor, district.")
    city: str = strawberry.field(description="City.")
    region: str | None = strawberry.field(
        description="State or province, as its ISO 3166-2 part where there is one: SP."
    )
    postal_code: str | None = strawberry.field(description="Postal code.")
    country: CountryCode = strawberry.field(description="Country.")
    phone: str | None = strawberry.field(description="Phone number for the delivery.")

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> "Address":
        """From the mapping that `app.channels.addresses.address` answers, as carts, orders and locations keep it."""
        return cls(
            name=value["name"],
            line1=value["line1"],
            line2=value.get("line2"),
            city=value["city"],
            region=value.get("region"),
            postal_code=value.get("postalCode"),
            country=CountryCode(value["country"]),
            phone=value.get("phone"),
        )

    @classmethod
    def of_row(cls, row: Row[Any]) -> "Address":
        """From a row of `customer_address`."""
        return cls(
            name=row.name,
            line1=row.line1,
            line2=row.line2,
            city=row.city,
            region=row.region,
            postal_code=row.postal_code,
            country=CountryCode(row.country),
            phone=row.phone,
        )


@strawberry.type(description="Customers that a price list or promotion may name: wholesale, members.")
class CustomerGroup(Node):
    code: str = strawberry.field(description="Its name for programs, unique.")
    name: str = strawberry.field(description="Its name for people.")
    version: int = strawberry.field(description="Counts its writes; for `expectedVersion`.")

    @classmethod
    def of(cls, row: Row[Any], _: Context) -> "CustomerGroup":
        return cls(
            id=strawberry.ID(ids.encode("CustomerGroup", row.id)), code=row.code, name=row.name, version=row.version
        )


@strawberry.type(description="Somebody who buys: one person, one history, whichever channel they come through.")
class Customer(Node):
    key: strawberry.Private[UUID]
    version: int = strawberry.field(description="Counts its writes; for `expectedVersion`.")
    email: str | None = strawberry.field(description="E-mail address, unique among customers.")
    first_name: str | None = strawberry.field(description="First name.")
    last_name: str | None = strawberry.field(description="Last name.")
    phone: str | None = strawberry.field(description="Phone number, as +5511987654321.")
    tax_id: str | None = strawberry.field(description="Tax number (CPF or CNPJ in Brazil), without punctuation.")
    note: str | None = strawberry.field(description="What staff should know.")
    active: bool | None = strawberry.field(description="Whether they may still be chosen for a sale.")
    created_at: datetime = strawberry.field(description="When the shop first knew them.")
    updated_at: datetime = strawberry.field(description="When this was last written.")

    @classmethod
    def of(cls, row: Row[Any], _: Context) -> "Customer":
        return cls(
            id=strawberry.ID(ids.encode("Customer", row.id)),
            key=row.id,
            version=row.version,
            email=row.email,
            first_name=row.first_name,
            last_name=row.last_name,
            phone=row.phone,
            tax_id=row.tax_id,
            note=row.note,
            active=row.active,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    @batched(description="Where they receive; the first is used unless told otherwise.")
    @staticmethod
    async def addresses(parents: Sequence["Customer"], batch: Batch[Context]) -> list[list[Address]]:
        found = await queries.addresses_of(batch.context.db, {parent.key for parent in parents})
        return [[Address.of_row(row) for row in found[parent.key]] for parent in parents]

    @batched(description="Their orders that the caller may see, newest first, whichever channel they came through.")
    @staticmethod
    async def orders(
        parents: Sequence["Customer"],
        batch: Batch[Context],
        first: Annotated[int, strawberry.argument(description="How many, at most 100.")],
        after: Annotated[str | None, strawberry.argument(description="Go on behind this cursor.")] = None,
    ) -> list[Connection[Annotated["Order", strawberry.lazy("app.api.orders.types")]] | None]:
        from app.api.orders.pages import pages_of_customers

        return await pages_of_customers(batch.context, [parent.key for parent in parents], first=first, after=after)

    @batched(description="The groups they are in, by code.")
    @staticmethod
    async def groups(parents: Sequence["Customer"], batch: Batch[Context]) -> list[list[CustomerGroup] | None]:
        db = batch.context.db
        members = await queries.groups_of(db, {parent.key for parent in parents})
        rows = await queries.customer_groups_by_ids(db, frozenset().union(*members.values()))
        ordered = sorted(rows.values(), key=lambda row: row.code)
        return [
            [CustomerGroup.of(row, batch.context) for row in ordered if row.id in members[parent.key]]
            for parent in parents
        ]


@loads("Customer")
async def load_customers(context: Context, keys: Sequence[UUID]) -> list[Customer | None]:
    """Customers are seen by who may read customers; every other caller finds none."""
    if not context.may("customers.read"):
        return [None] * len(keys)
    rows = await queries.customers_by_ids(context.db, keys)
    return [Customer.of(rows[key], context) if key in rows else None for key in keys]


@loads("CustomerGroup")
async def load_customer_groups(context: Context, keys: Sequence[UUID]) -> list[CustomerGroup | None]:
    """Groups are seen by who may read customers, or the price lists that name them."""
    if not (context.may("customers.read") or context.may("prices.read")):
        return [None] * len(keys)
    rows = await queries.customer_groups_by_ids(context.db, keys)
    return [CustomerGroup.of(rows[key], context) if key in rows else None for key in keys]
