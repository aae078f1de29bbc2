"""Named followers: what one tells, and what is shown of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.context import Context, Info
from app.api.errors import Payload, user_error
from app.api.events import digests
from app.api.events.digests import TopicDigestInput
from app.api.events.types import Topic
from app.api.nodes import Node, loads
from app.api.perform import Result, perform
from app.api.scalars import Position
from app.api.written import one
from app.events import followers
from app.identity import fields
from app.identity.principal import Actor
from app.platform import ids
from app.platform.db import Tx
from app.platform.errors import InvalidInput

LONGEST_NAME: Final = 100
LARGEST_INT: Final = 2**31 - 1

field = strawberry.field


@strawberry.type(description="A device, webhook or subscriber that follows the feed and tells how far it is.")
class Follower(Node):
    name: str = field(description="What it calls itself; unique among its credential's.")
    kind: str = field(description="What it is: device, client, staff, webhook.")
    position: Position = field(description="It has taken in all up to there.")
    lag: int = field(
        description="How many positions it is behind the feed. All of them, for one that follows an earlier epoch."
    )
    lag_seconds: float = field(
        description="How long ago the oldest change was made that it has not taken in; 0 for one that has all."
    )
    last_seen_at: datetime = field(description="When it last told how far it is.")

    @classmethod
    def of(cls, row: Row[Any], context: Context) -> "Follower":
        return cls(
            id=strawberry.ID(ids.encode("Follower", row.id)),
            name=row.name,
            kind=row.kind,
            position=Position(row.position),
            lag=min(row.lag, LARGEST_INT),
            lag_seconds=round(followers.lag_seconds(row, context.now), 3),
            last_seen_at=row.last_seen_at,
        )


@loads("Follower")
async def load_followers(context: Context, keys: Sequence[UUID]) -> list[Follower | None]:
    """A follower is seen by its own credential, and by who may see how far the feed's followers are."""
    rows = await followers.followers_by_ids(context.db, keys)
    mine = context.principal.key
    return [
        Follower.of(rows[key], context)
        if key in rows and (rows[key].principal == mine or context.may("feed.read"))
        else None
        for key in keys
    ]


@strawberry.input(
    description="A follower tells how far it is; what it has not taken in is kept for it, as far as the retention goes."
)
class FollowerAcknowledgeInput:
    operation_id: UUID | None = field(
        default=None, description="Needed by nobody: the same word twice does no harm. Given, it is carried out once."
    )
    name: str = field(
        description="What the follower calls itself: 1 to 100 characters. A credential has at most 20 such names."
    )
    position: Position = field(
        description="It has taken in all up to there. May be less than before: a copy that was restored."
    )
    digests: list[TopicDigestInput] | None = field(
        default=None, description="Of its copy at that position, to be compared with the shop; each topic once."
    )


@strawberry.type(description="The follower as it is now, and whether its copy is the shop's.")
class FollowerAcknowledgePayload(Payload):
    @strawberry.field(description="Topics of which the follower's copy is not what the shop has: take a snapshot.")
    def mismatches(self) -> list[Topic]:
        return [Topic(name) for name in self.result.get("mismatches", ())]

    @strawberry.field(
        description="Topics that could be compared. The others have changed since the position, or are changing: "
        "catch up, and ask again."
    )
    def compared(self) -> list[Topic]:
        return [Topic(name) for name in self.result.get("compared", ())]

    @strawberry.field(description="The follower; null when refused.")
    async def follower(self, info: Info) -> Follower | None:
        return await one(Follower, info.context, self.key("follower"))


@strawberry.type
class FollowerMutations:
    @strawberry.mutation(
        description="Tell how far a follower is: any credential may, under names of its own. The last word counts."
    )
    async def follower_acknowledge(
        self, info: Info, input: Annotated[FollowerAcknowledgeInput, strawberry.argument(description="How far.")]
    ) -> FollowerAcknowledgePayload | None:
        try:
            compared, mismatches = await _compare(info.context, input)
        except InvalidInput as refused:
            return FollowerAcknowledgePayload(result={}, user_errors=[user_error(refused)], replayed=False)

        async def command(tx: Tx, actor: Actor) -> Result:
            follower_id = await followers.acknowledge(
                tx,
                principal=actor.key,
                kind=actor.principal.kind,
                name=fields.text(input.name, ("name",), most=LONGEST_NAME),
                position=int(input.position),
                now=actor.now,
            )
            return {"follower": follower_id, "compared": compared, "mismatches": mismatches}

        return await perform(info, FollowerAcknowledgePayload, input, command, harmless=True)


async def _compare(context: Context, given: FollowerAcknowledgeInput) -> tuple[list[str], list[str]]:
    """The topics whose digests could be compared, and those of them that differ."""
    told = digests.check(context, given.digests or ())
    if not told:
        return [], []
    _, ours = await digests.digests_for(context, told, int(given.position))
    compared = [topic for topic in told if topic in ours]
    return [topic.value for topic in compared], [topic.value for topic in compared if ours[topic] != told[topic]]
