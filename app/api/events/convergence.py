"""Whether all have what there is: followers and their lag, and channels that show different things."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.context import Context, Info
from app.api.engine.batch import Batch, batched
from app.api.events.digests import TopicDigest, digests_for
from app.api.events.followers import Follower
from app.api.events.types import Topic
from app.api.paging import check_first
from app.api.records import SOURCES
from app.api.scalars import Position
from app.browse.convergence import kept_divergences, last_sweep
from app.events.feed import head_of
from app.events.followers import all_followers
from app.identity.following import scopes_of

if TYPE_CHECKING:
    from app.api.catalog.variants import Variant

argument = strawberry.argument
field = strawberry.field


@strawberry.type(description="A variant that channels show differently, though no rule says so.")
class Divergence:
    variant_key: strawberry.Private[UUID]
    channels: list[str] = field(description="The codes of the channels that ought to agree.")
    what: str = field(description="What differs, and what each of them shows.")

    @batched(description="Which one.")
    @staticmethod
    async def variant(
        parents: Sequence["Divergence"], batch: Batch[Context]
    ) -> list[Annotated["Variant", strawberry.lazy("app.api.catalog.variants")]]:
        from app.api.catalog.variants import any_variants

        keys = list({parent.variant_key for parent in parents})
        found: dict[UUID, Any] = dict(zip(keys, await any_variants(batch.context, keys), strict=True))
        return [found[parent.variant_key] for parent in parents]


@strawberry.type(description="Whether everybody has what there is.")
class Convergence:
    sweep: strawberry.Private[Row[Any] | None]
    head: Position = field(description="How far the feed is.")
    followers: list[Follower] = field(
        description="Who follows it under a name, those that are furthest behind first; at most 1,000."
    )

    @strawberry.field(
        description="Variants whose price or availability differs between channels without a rule that says so. "
        "Always empty, or a bug. Found by a sweep that ended at `checkedAt`."
    )
    async def divergences(
        self, info: Info, first: Annotated[int, argument(description="How many, at most 100.")] = 50
    ) -> list[Divergence]:
        return [
            Divergence(variant_key=row.variant_id, channels=row.channels, what=row.what)
            for row in await kept_divergences(info.context.db, most=check_first(first))
        ]

    @strawberry.field(
        description="What a copy of each topic comes to now, as the caller sees it. Topics that are changing at this "
        "moment are left out."
    )
    async def digests(self, info: Info) -> list[TopicDigest]:
        context = info.context
        topics = [topic for topic in scopes_of(context.principal, context.channel.id) if topic in SOURCES]
        head, found = await digests_for(context, topics)
        return [
            TopicDigest(topic=Topic(topic.value), position=Position(head), digest=digest)
            for topic, digest in found.items()
        ]

    @strawberry.field(description="When the last sweep over all variants ended; null before the first.")
    def checked_at(self) -> datetime | None:
        return None if self.sweep is None else self.sweep.checked_at


@strawberry.type
class ConvergenceQueries:
    @strawberry.field(description="How far the feed's followers are, and whether the shop's channels agree.")
    async def convergence(self, info: Info) -> Convergence | None:
        db = info.context.db
        followers = await all_followers(db)
        return Convergence(
            sweep=await last_sweep(db),
            head=Position((await head_of(db)).position),
            followers=[Follower.of(row, info.context) for row in followers],
        )
