"""Whether all have what there is: followers and their lag, and channels that show different things."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.context import Context, Info
from app.api.engine.batch import Batch, batched
from app.api.events.digests import TopicDigest, digests_for
from app.api.events.followers import Follower
from app.api.events.types import Topic
from app.api.paging import check_first, decode_cursor, encode_cursor
from app.api.records import SOURCES
from app.api.scalars import Position
from app.browse.convergence import RULES, Aspect, kept_divergences, last_sweep
from app.events.feed import Head, head_of
from app.events.followers import MOST_LISTED, all_followers
from app.events.unnumbered import unnumbered
from app.identity.following import scopes_of

if TYPE_CHECKING:
    from app.api.catalog.variants import Variant

argument = strawberry.argument
field = strawberry.field
value = strawberry.enum_value
DIVERGENCES = "divergences"


@strawberry.enum(description="What channels can be at odds about.")
class DivergenceAspect(Enum):
    PRICE_LISTED = value("PRICE_LISTED", description="The price that lists and product pages show.")
    PRICE_ASKED = value("PRICE_ASKED", description="The price that a cart would be asked.")
    AVAILABILITY = value("AVAILABILITY", description="What can be promised of it at a location.")


@strawberry.type(description="What one channel shows.")
class DivergentValue:
    channel: str = field(description="The channel's code.")
    value: str = field(description='In words: "49.90 BRL, tax 7.61", "8 of 9", "none".')


@strawberry.type(description="A variant that channels show differently, though no rule says so.")
class Divergence:
    variant_key: strawberry.Private[UUID]
    channels: list[str] = field(description="The codes of the channels that ought to agree.")
    what: str = field(description="What differs, and what each of them shows.")
    aspect: DivergenceAspect | None = field(
        description="What differs; null where an earlier version of Feira found it."
    )
    location: str | None = field(description="The code of the location that it differs at; null for prices.")
    values: list[DivergentValue] = field(description="What each channel shows, by code.")
    rule: str | None = field(description="The rule that would have explained it, and was looked for.")
    since: datetime = field(description="When a sweep first found it; each one since has found it again.")
    cursor: str = field(description="Its place in the list, for `after`.")

    @classmethod
    def of(cls, row: Row[Any]) -> "Divergence":
        shown: dict[str, str] = row.shown or {}
        return cls(
            variant_key=row.variant_id,
            channels=row.channels,
            what=row.what,
            aspect=None if row.aspect is None else DivergenceAspect(row.aspect),
            location=row.location,
            values=[DivergentValue(channel=code, value=shown[code]) for code in sorted(shown)],
            rule=None if row.aspect is None else RULES[Aspect(row.aspect)],
            since=row.since,
            cursor=encode_cursor(DIVERGENCES, row.variant_id, row.what),
        )

    @batched(description="Which one.")
    @staticmethod
    async def variant(
        parents: Sequence["Divergence"], batch: Batch[Context]
    ) -> list[Annotated["Variant", strawberry.lazy("app.api.catalog.variants")]]:
        from app.api.catalog.variants import any_variants

        keys = list({parent.variant_key for parent in parents})
        found: dict[UUID, Any] = dict(zip(keys, await any_variants(batch.context, keys), strict=True))
        return [found[parent.variant_key] for parent in parents]


@strawberry.type(description="How far behind the sequencer is, which gives committed changes their positions.")
class Numbering:
    waiting: int = field(description="Changes that were committed and have no position yet, about; at most 100,000.")
    seconds: float = field(description="How long ago the oldest of them was written; 0 when there is none.")


@strawberry.type(description="Whether everybody has what there is.")
class Convergence:
    sweep: strawberry.Private[Row[Any] | None]
    feed: strawberry.Private[Head]

    @strawberry.field(description="How far the feed is.")
    def head(self) -> Position:
        return Position(self.feed.position)

    @strawberry.field(description="The history that positions belong to; another one after a restore.")
    def epoch(self) -> str:
        return self.feed.epoch

    @strawberry.field(description="The oldest position that is kept: who is before it needs a snapshot.")
    def oldest_kept(self) -> Position:
        return Position(self.feed.forgotten + 1)

    @strawberry.field(description="How far behind the sequencer is.")
    async def numbering(self, info: Info) -> Numbering:
        found = await unnumbered(info.context.db)
        return Numbering(waiting=found.changes, seconds=round(found.seconds(info.context.now), 3))

    @strawberry.field(description="Who follows it under a name, those that are furthest behind first; at most 1,000.")
    async def followers(
        self, info: Info, first: Annotated[int, argument(description="How many, at most 1,000.")] = MOST_LISTED
    ) -> list[Follower]:
        rows = await all_followers(info.context.db, most=check_first(first, most=MOST_LISTED))
        return [Follower.of(row, info.context) for row in rows]

    @strawberry.field(
        description="Variants whose price or availability differs between channels without a rule that says so. "
        "Always empty, or a bug. Found by a sweep that ended at `checkedAt`; it keeps 1,000."
    )
    async def divergences(
        self,
        info: Info,
        first: Annotated[int, argument(description="How many, at most 100.")] = 50,
        after: Annotated[str | None, argument(description="Go on after this `cursor`.")] = None,
    ) -> list[Divergence]:
        size, place = check_first(first), decode_cursor(DIVERGENCES, after, UUID, str)
        found = await kept_divergences(
            info.context.db, most=size, after=None if place is None else (place[0], place[1])
        )
        return [Divergence.of(row) for row in found]

    @strawberry.field(description="How many the last sweep found, also those that it did not keep; 0 before the first.")
    def divergence_count(self) -> int:
        return 0 if self.sweep is None else int(self.sweep.divergent)

    @strawberry.field(description="How many variants the last sweep looked at; 0 before the first.")
    def checked_variants(self) -> int:
        return 0 if self.sweep is None else int(self.sweep.variants)

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
        return Convergence(sweep=await last_sweep(db), feed=await head_of(db))
