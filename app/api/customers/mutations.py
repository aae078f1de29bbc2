"""Writing customers and groups."""

from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from app.api.context import Info
from app.api.customers.inputs import (
    CustomerCreateInput,
    CustomerCreatePayload,
    CustomerGroupCreateInput,
    CustomerGroupCreatePayload,
    CustomerGroupsSetInput,
    CustomerGroupsSetPayload,
    CustomerGroupUpdateInput,
    CustomerGroupUpdatePayload,
    CustomerUpdateInput,
    CustomerUpdatePayload,
)
from app.api.perform import Result, perform
from app.api.written import written
from app.customers import customers, groups
from app.identity import fields
from app.identity.principal import Actor
from app.platform import ids
from app.platform.db import Tx

NAMES = ("email", "first_name", "last_name", "phone", "tax_id", "note")


def _fields(given: Any, *names: str) -> Any:
    found = written(given, *names)
    if given.addresses is not UNSET:
        fields.at_most(given.addresses or (), customers.MOST_ADDRESSES, ("addresses",))
        found["addresses"] = [one.as_kept() for one in given.addresses or ()]
    return found


def _groups(given: list[strawberry.ID] | None) -> list[UUID]:
    fields.at_most(given or (), customers.MOST_GROUPS, ("groupIds",))
    return [ids.require("CustomerGroup", key, ("groupIds", str(index))) for index, key in enumerate(given or ())]


@strawberry.type
class CustomersMutations:
    @strawberry.mutation(description="Make a customer known.")
    async def customer_create(self, info: Info, input: CustomerCreateInput) -> CustomerCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            given = _fields(input, *NAMES)
            return {"customer": await customers.create(tx, actor, given, group_ids=_groups(input.group_ids))}

        return await perform(info, CustomerCreatePayload, input, command)

    @strawberry.mutation(description="Change a customer.")
    async def customer_update(self, info: Info, input: CustomerUpdateInput) -> CustomerUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            customer_id = await customers.update_customer(
                tx,
                actor,
                customer_id=ids.require("Customer", input.customer_id, ("customerId",)),
                given=_fields(input, *NAMES, "active"),
                expected_version=input.expected_version,
            )
            return {"customer": customer_id}

        return await perform(info, CustomerUpdatePayload, input, command)

    @strawberry.mutation(description="Put a customer into these groups and no others.")
    async def customer_groups_set(self, info: Info, input: CustomerGroupsSetInput) -> CustomerGroupsSetPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            customer_id = await customers.set_groups(
                tx,
                actor,
                customer_id=ids.require("Customer", input.customer_id, ("customerId",)),
                group_ids=_groups(input.group_ids),
                expected_version=input.expected_version,
            )
            return {"customer": customer_id}

        return await perform(info, CustomerGroupsSetPayload, input, command)

    @strawberry.mutation(description="Make a customer group, for price lists to name.")
    async def customer_group_create(
        self, info: Info, input: CustomerGroupCreateInput
    ) -> CustomerGroupCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            return {"customerGroup": await groups.create(tx, actor, code=input.code, name=input.name)}

        return await perform(info, CustomerGroupCreatePayload, input, command)

    @strawberry.mutation(description="Rename a customer group.")
    async def customer_group_update(
        self, info: Info, input: CustomerGroupUpdateInput
    ) -> CustomerGroupUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            group_id = await groups.rename(
                tx,
                actor,
                group_id=ids.require("CustomerGroup", input.customer_group_id, ("customerGroupId",)),
                name=input.name,
                expected_version=input.expected_version,
            )
            return {"customerGroup": group_id}

        return await perform(info, CustomerGroupUpdatePayload, input, command)
