"""Writing registers."""

import strawberry

from app.api.context import Info
from app.api.perform import Result, perform
from app.api.pos.inputs import (
    RegisterCreateInput,
    RegisterCreatePayload,
    RegisterUpdateInput,
    RegisterUpdatePayload,
)
from app.api.written import written
from app.identity.principal import Actor
from app.platform import ids
from app.platform.db import Tx
from app.pos import registers


@strawberry.type
class PosMutations:
    @strawberry.mutation(description="Put up a register.")
    async def register_create(self, info: Info, input: RegisterCreateInput) -> RegisterCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            register_id = await registers.create(
                tx,
                actor,
                code=input.code,
                name=input.name,
                location_id=ids.require("Location", input.location_id, ("locationId",)),
                channel_id=ids.require("Channel", input.channel_id, ("channelId",)),
            )
            return {"register": register_id}

        return await perform(info, RegisterCreatePayload, input, command)

    @strawberry.mutation(description="Rename, move or close a register.")
    async def register_update(self, info: Info, input: RegisterUpdateInput) -> RegisterUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            given = written(input, "name", "active", "location_id", "channel_id")
            if given.get("location_id") is not None:
                given["location_id"] = ids.require("Location", given["location_id"], ("locationId",))
            if given.get("channel_id") is not None:
                given["channel_id"] = ids.require("Channel", given["channel_id"], ("channelId",))
            register_id = await registers.update_register(
                tx,
                actor,
                register_id=ids.require("Register", input.register_id, ("registerId",)),
                given=given,
                expected_version=input.expected_version,
            )
            return {"register": register_id}

        return await perform(info, RegisterUpdatePayload, input, command)
