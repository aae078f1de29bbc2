"""Catching up with the feed."""

from typing import Annotated, Final

import strawberry

from app.api.context import Info
from app.api.events.types import ChangePage, Topic, topics_of
from app.api.paging import check_first
from app.api.scalars import Position
from app.events.feed import page
from app.identity.following import scopes_of

MOST_CHANGES: Final = 1_000

argument = strawberry.argument


@strawberry.type
class EventQueries:
    @strawberry.field(
        description="What has changed since a position, as far as the caller may see it: the catalog, prices and "
        "availability for everybody, stock, carts, orders, registers and customers for who may read these."
    )
    async def changes(
        self,
        info: Info,
        first: Annotated[int, argument(description="How many, at most 1,000.")],
        after: Annotated[
            Position | None, argument(description="The position that is known. Left out: from the oldest kept.")
        ] = None,
        topics: Annotated[
            list[Topic] | None,
            argument(
                description="Only of these kinds; all that the caller may see when left out. FORBIDDEN for one that is "
                "never theirs."
            ),
        ] = None,
        compacted: Annotated[
            bool, argument(description="Of each entity only its newest change within the page's range.")
        ] = True,
    ) -> ChangePage | None:
        context, wanted = info.context, topics_of(topics, info.context)
        found = await page(
            context.db,
            scopes_of(context.principal, context.channel.id),
            after=after,
            first=check_first(first, most=MOST_CHANGES),
            topics=wanted,
            compacted=compacted,
            epoch=context.epoch,
        )
        # Entities are shown as new as their changes, also where this process has not read these yet.
        context.least = max(context.least, found.head)
        return ChangePage(page=found)
