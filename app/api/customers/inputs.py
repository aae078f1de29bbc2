"""What is written of customers and groups, and what is answered."""

from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from app.api.context import Info
from app.api.customers.types import Customer, CustomerGroup
from app.api.errors import Payload
from app.api.scalars import CountryCode
from app.api.written import one, written

field = strawberry.field
OPERATION = "A UUID made by the client: the same again does nothing twice."
EXPECTED = "Refuse unless it stands at this version."


@strawberry.input(description="A postal address.")
class AddressInput:
    name: str = field(description="Who receives there.")
    line1: str = field(description="Street and number.")
    line2: str | None = field(default=None, description="Flat, floor, district.")
    city: str = field(description="City.")
    region: str | None = field(default=None, description="State or province, as its ISO 3166-2 part: SP.")
    postal_code: str | None = field(default=None, description="Postal code.")
    country: CountryCode = field(description="Country.")
    phone: str | None = field(default=None, description="Phone number for the delivery.")

    def as_kept(self) -> dict[str, Any]:
        """Under the names that `app.channels.addresses.address` takes."""
        kept: dict[str, Any] = written(self, "name", "line1", "line2", "city", "region", "country", "phone")
        return kept | {"postalCode": self.postal_code}


@strawberry.input(description="A new customer. At least one of name, e-mail, phone and tax number is needed.")
class CustomerCreateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    email: str | None = field(default=None, description="E-mail address, unique among customers.")
    first_name: str | None = field(default=None, description="First name.")
    last_name: str | None = field(default=None, description="Last name.")
    phone: str | None = field(default=None, description="Phone; without + it is of the channel's country.")
    tax_id: str | None = field(default=None, description="Tax number; in Brazil CPF or CNPJ.")
    note: str | None = field(default=None, description="What staff should know.")
    addresses: list[AddressInput] | None = field(default=None, description="At most 50, the preferred one first.")
    group_ids: list[strawberry.ID] | None = field(default=None, description="Groups to be in, at most 50.")


@strawberry.input(description="Changes to a customer. What is left out stays; null empties.")
class CustomerUpdateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    customer_id: strawberry.ID = field(description="The customer.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    email: str | None = field(default=UNSET, description="E-mail address, unique among customers.")
    first_name: str | None = field(default=UNSET, description="First name.")
    last_name: str | None = field(default=UNSET, description="Last name.")
    phone: str | None = field(default=UNSET, description="Phone; without + it is of the channel's country.")
    tax_id: str | None = field(default=UNSET, description="Tax number; in Brazil CPF or CNPJ.")
    note: str | None = field(default=UNSET, description="What staff should know.")
    active: bool | None = field(default=UNSET, description="Whether they may still be chosen for a sale.")
    addresses: list[AddressInput] | None = field(default=UNSET, description="All of them, the preferred one first.")


@strawberry.input(description="The groups that a customer is in.")
class CustomerGroupsSetInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    customer_id: strawberry.ID = field(description="The customer.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    group_ids: list[strawberry.ID] = field(description="All of them, at most 50.")


@strawberry.input(description="A new group.")
class CustomerGroupCreateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    code: str = field(description="Its name for programs, unique, for ever: 1 to 40 of a-z, 0-9 and -.")
    name: str = field(description="Its name for people.")


@strawberry.input(description="Another name for a group.")
class CustomerGroupUpdateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    customer_group_id: strawberry.ID = field(description="The group.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    name: str = field(description="Its name for people.")


@strawberry.type(description="The customer as written.")
class CustomerCreatePayload(Payload):
    @strawberry.field(description="The new customer; null when refused.")
    async def customer(self, info: Info) -> Customer | None:
        return await one(Customer, info.context, self.key("customer"))


@strawberry.type(description="The customer as written.")
class CustomerUpdatePayload(Payload):
    @strawberry.field(description="The customer; null when refused.")
    async def customer(self, info: Info) -> Customer | None:
        return await one(Customer, info.context, self.key("customer"))


@strawberry.type(description="The customer with their groups.")
class CustomerGroupsSetPayload(Payload):
    @strawberry.field(description="The customer; null when refused.")
    async def customer(self, info: Info) -> Customer | None:
        return await one(Customer, info.context, self.key("customer"))


@strawberry.type(description="The group as written.")
class CustomerGroupCreatePayload(Payload):
    @strawberry.field(description="The new group; null when refused.")
    async def customer_group(self, info: Info) -> CustomerGroup | None:
        return await one(CustomerGroup, info.context, self.key("customerGroup"))


@strawberry.type(description="The group as written.")
class CustomerGroupUpdatePayload(Payload):
    @strawberry.field(description="The group; null when refused.")
    async def customer_group(self, info: Info) -> CustomerGroup | None:
        return await one(CustomerGroup, info.context, self.key("customerGroup"))
