"""Reading channels and locations."""

import strawberry

from app.api.channels.types import Channel, Location
from app.api.context import Info
from app.channels.queries import all_channels, all_locations


@strawberry.type
class ChannelsQueries:
    @strawberry.field(description="The request's sales channel.")
    def channel(self, info: Info) -> Channel | None:
        return Channel.of(info.context.channel, info.context)

    @strawberry.field(description="The shop's channels by code; closed ones are seen by who may write them.")
    async def channels(self, info: Info) -> list[Channel] | None:
        context = info.context
        rows = await all_channels(context.db)
        return [Channel.of(row, context) for row in rows if row.active or context.may("settings.write")]

    @strawberry.field(description="The shop's locations by code; closed ones are seen by who may write them.")
    async def locations(self, info: Info) -> list[Location] | None:
        context = info.context
        rows = await all_locations(context.db)
        return [Location.of(row, context) for row in rows if row.active or context.may("settings.write")]
