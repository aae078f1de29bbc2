"""Writing channels and locations."""

from typing import Any

import strawberry
from strawberry import UNSET

from app.api.channels.inputs import (
    ChannelCreateInput,
    ChannelCreatePayload,
    ChannelLocationsSetInput,
    ChannelLocationsSetPayload,
    ChannelUpdateInput,
    ChannelUpdatePayload,
    LocationCreateInput,
    LocationCreatePayload,
    LocationUpdateInput,
    LocationUpdatePayload,
)
from app.api.context import Info
from app.api.money import minor_of
from app.api.perform import Result, perform
from app.api.written import written
from app.channels import channels, locations
from app.channels.queries import channels_by_ids
from app.identity import fields
from app.identity.principal import Actor
from app.platform import ids
from app.platform.db import Tx
from app.pricing.listing import change_frame, refresh

CHANNEL = (
    "name", "kind", "country", "region", "locale", "prices_include_tax", "order_prefix", "hold_minutes",
    "price_promise_minutes", "cart_days", "ignores_safety_stock", "shows_quantities", "low_stock", "is_default",
)  # fmt: skip
LOCATION = ("name", "kind", "country", "region", "offers_pickup", "ships")


def _channel(given: Any, currency: str | None, *names: str) -> Any:
    found = written(given, *CHANNEL, *names)
    if given.cash_rounding is not UNSET:
        rounding = fields.given(given.cash_rounding, ("cashRounding",))
        found["cash_rounding"] = minor_of(rounding, currency or rounding.currency, ("cashRounding",))
    return found


def _location(given: Any, *names: str) -> Any:
    found = written(given, *LOCATION, *names)
    if given.address is not UNSET:
        found["address"] = given.address.as_kept() if given.address else None
    return found


@strawberry.type
class ChannelsMutations:
    @strawberry.mutation(description="Open a channel.")
    async def channel_create(self, info: Info, input: ChannelCreateInput) -> ChannelCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            given = _channel(input, input.currency)
            # Before the channel's row is locked: whoever writes prices waits the other way round.
            await change_frame(tx)
            channel_id = await channels.create(tx, actor, code=input.code, currency=input.currency, given=given)
            await refresh(tx, None, [channel_id], actor.now)
            return {"channel": channel_id}

        return await perform(info, ChannelCreatePayload, input, command)

    @strawberry.mutation(description="Change, close or reopen a channel.")
    async def channel_update(self, info: Info, input: ChannelUpdateInput) -> ChannelUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            channel_id = ids.require("Channel", input.channel_id, ("channelId",))
            found = (await channels_by_ids(tx, [channel_id])).get(channel_id)
            await change_frame(tx)
            await channels.update_channel(
                tx,
                actor,
                channel_id=channel_id,
                given=_channel(input, found.currency if found else None, "active"),
                expected_version=input.expected_version,
            )
            await refresh(tx, None, [channel_id], actor.now)
            return {"channel": channel_id}

        return await perform(info, ChannelUpdatePayload, input, command)

    @strawberry.mutation(description="Say which locations a channel sells from, the preferred one first.")
    async def channel_locations_set(
        self, info: Info, input: ChannelLocationsSetInput
    ) -> ChannelLocationsSetPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            fields.at_most(input.location_ids, channels.MOST_LOCATIONS, ("locationIds",))
            channel_id = await channels.set_locations(
                tx,
                actor,
                channel_id=ids.require("Channel", input.channel_id, ("channelId",)),
                location_ids=[
                    ids.require("Location", key, ("locationIds", str(index)))
                    for index, key in enumerate(input.location_ids)
                ],
                expected_version=input.expected_version,
            )
            return {"channel": channel_id}

        return await perform(info, ChannelLocationsSetPayload, input, command)

    @strawberry.mutation(description="Open a location.")
    async def location_create(self, info: Info, input: LocationCreateInput) -> LocationCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            return {"location": await locations.create(tx, actor, code=input.code, given=_location(input))}

        return await perform(info, LocationCreatePayload, input, command)

    @strawberry.mutation(description="Change, close or reopen a location.")
    async def location_update(self, info: Info, input: LocationUpdateInput) -> LocationUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            location_id = await locations.update_location(
                tx,
                actor,
                location_id=ids.require("Location", input.location_id, ("locationId",)),
                given=_location(input, "active"),
                expected_version=input.expected_version,
            )
            return {"location": location_id}

        return await perform(info, LocationUpdatePayload, input, command)
