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
from app.catalog.watching import keep_sight
from app.channels import channels, locations
from app.channels.queries import channels_by_ids, channels_of_location, locations_by_ids, locations_of_channel
from app.identity import fields
from app.identity.principal import Actor
from app.inventory.sight import tell_channels
from app.platform import ids
from app.platform.db import Tx
from app.pricing.listing import change_frame, refresh

CHANNEL = (
    "name", "kind", "country", "region", "locale", "prices_include_tax", "order_prefix", "hold_minutes",
    "price_promise_minutes", "cart_days", "ignores_safety_stock", "shows_quantities", "low_stock", "is_default",
)  # fmt: skip
LOCATION = ("name", "kind", "country", "region", "offers_pickup", "ships")
# What of a channel, and of the locations that it sells from, says how much it promises of everything.
PROMISING = ("ignores_safety_stock", "shows_quantities", "low_stock")
PROMISING_THERE = ("active", "offers_pickup")


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
            # Before the channel's row is locked: whoever publishes or writes prices waits the other way round.
            await keep_sight(tx)
            await change_frame(tx)
            channel_id = await channels.create(tx, actor, code=input.code, currency=input.currency, given=given)
            await refresh(tx, None, [channel_id], actor.now)
            return {"channel": channel_id}

        return await perform(info, ChannelCreatePayload, input, command)

    @strawberry.mutation(description="Change, close or reopen a channel.")
    async def channel_update(self, info: Info, input: ChannelUpdateInput) -> ChannelUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            channel_id = ids.require("Channel", input.channel_id, ("channelId",))
            await keep_sight(tx)
            await change_frame(tx)
            found = (await channels_by_ids(tx, [channel_id])).get(channel_id)
            given = _channel(input, found.currency if found else None, "active")
            await channels.update_channel(
                tx, actor, channel_id=channel_id, given=given, expected_version=input.expected_version
            )
            await refresh(tx, None, [channel_id], actor.now)
            if any(given.get(name, getattr(found, name)) != getattr(found, name) for name in PROMISING):
                await tell_channels(tx, [channel_id])
            return {"channel": channel_id}

        return await perform(info, ChannelUpdatePayload, input, command)

    @strawberry.mutation(description="Say which locations a channel sells from, the preferred one first.")
    async def channel_locations_set(
        self, info: Info, input: ChannelLocationsSetInput
    ) -> ChannelLocationsSetPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            fields.at_most(input.location_ids, channels.MOST_LOCATIONS, ("locationIds",))
            channel_id = ids.require("Channel", input.channel_id, ("channelId",))
            await keep_sight(tx)
            before = await locations_of_channel(tx, channel_id)
            await channels.set_locations(
                tx,
                actor,
                channel_id=channel_id,
                location_ids=[
                    ids.require("Location", key, ("locationIds", str(index)))
                    for index, key in enumerate(input.location_ids)
                ],
                expected_version=input.expected_version,
            )
            after = await locations_of_channel(tx, channel_id)
            if [row.id for row in before] != [row.id for row in after]:
                await tell_channels(tx, [channel_id])
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
            location_id = ids.require("Location", input.location_id, ("locationId",))
            given = _location(input, "active")
            await keep_sight(tx)
            found = (await locations_by_ids(tx, [location_id])).get(location_id)
            await locations.update_location(
                tx, actor, location_id=location_id, given=given, expected_version=input.expected_version
            )
            if any(given.get(name, getattr(found, name)) != getattr(found, name) for name in PROMISING_THERE):
                await tell_channels(tx, await channels_of_location(tx, location_id))
            return {"location": location_id}

        return await perform(info, LocationUpdatePayload, input, command)
