"""Named followers: what one tells, and what is shown of it."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.context import Context, Info
from app.api.engine.batch import Batch, batched
from app.api.errors import Payload, user_error
from app.api.events import digests
from app.api.events.digests import TopicDigestInput
from app.api.events.types import Topic
from app.api.nodes import Node, load_nodes, loads
from app.api.perform import Result, perform
from app.api.scalars import Position
from app.api.written import one
from app.events import followers
from app.identity import fields
from app.identity.principal import Actor
from app.platform import ids
from app.platform.db import Tx
from app.platform.errors import InvalidInput

if TYPE_CHECKING:
    from app.api.webhooks.types import Webhook

LONGEST_NAME: Final = 100
LARGEST_INT: Final = 2**31 - 1
CREDENTIALS: Final = {"device": "Device", "client": "ApiClient", "staff": "Staff"}
"""The types behind the kinds of `Principal.key`."""

field = strawberry.field
value = strawberry.enum_value


@strawberry.enum(description="How it is with a follower.")
class FollowerState(Enum):
    FOLLOWING = value("FOLLOWING", description="It has taken in all that is older than a minute.")
    BEHIND = value("BEHIND", description="It has not taken in a change that is older than a minute.")
    NEEDS_SNAPSHOT = value(
        "NEEDS_SNAPSHOT",
        description="What it lacks is no longer kept, or it follows an earlier epoch: it must take a snapshot.",
    )
    PAUSED = value("PAUSED", description="A webhook that somebody paused: nothing is sent, nothing is lost.")
    FAILING = value("FAILING", description="A webhook whose last attempt failed; it is tried again.")


@strawberry.type(description="How a follower's copy of a topic last compared with the shop's.")
class FollowerDigest:
    topic: Topic = field(description="Of what.")
    matches: bool = field(description="Whether it was the shop's.")
    position: Position = field(description="Where the follower was then.")
    compared_at: datetime = field(description="When.")


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
    last_seen_at: datetime = field(
        description="When it last told how far it is; a webhook: when something last arrived."
    )
    state: FollowerState = field(description="How it is with it.")
    key: strawberry.Private[UUID]
    principal: strawberry.Private[str]

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
            state=FollowerState(followers.state_of(row, context.now).value),
            key=row.id,
            principal=row.principal,
        )

    @batched(description="How its copy last compared with the shop's, topic by topic, in what it acknowledged.")
    @staticmethod
    async def digests(parents: Sequence["Follower"], batch: Batch[Context]) -> list[list[FollowerDigest]]:
        found = await followers.digests_of(batch.context.db, [parent.key for parent in parents])
        return [
            [
                FollowerDigest(
                    topic=Topic(row.topic),
                    matches=row.matches,
                    position=Position(row.position),
                    compared_at=row.compared_at,
                )
                for row in found[parent.key]
            ]
            for parent in parents
        ]

    @batched(description="Whose it is: a device, an API client, staff; null where the caller may not see it.")
    @staticmethod
    async def credential(parents: Sequence["Follower"], batch: Batch[Context]) -> list[Node | None]:
        return await load_nodes(batch.context, [_credential(parent) for parent in parents])

    @batched(description="The webhook that it is; null for all others, and where the caller may not see it.")
    @staticmethod
    async def webhook(
        parents: Sequence["Follower"], batch: Batch[Context]
    ) -> list[Annotated["Webhook", strawberry.lazy("app.api.webhooks.types")] | None]:
        wanted = [("Webhook", parent.key) if parent.kind == "webhook" else None for parent in parents]
        found: list[Any] = await load_nodes(batch.context, wanted)
        return found


def _credential(follower: Follower) -> tuple[str, UUID] | None:
    kind, _, key = follower.principal.partition(":")
    return (CREDENTIALS[kind], UUID(key)) if kind in CREDENTIALS and key else None


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
            compared = await _compare(info.context, input)
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
            await followers.note_digests(tx, follower_id, compared, position=int(input.position), now=actor.now)
            wrong = [topic for topic, matches in compared.items() if not matches]
            return {"follower": follower_id, "compared": list(compared), "mismatches": wrong}

        return await perform(info, FollowerAcknowledgePayload, input, command, harmless=True)


async def _compare(context: Context, given: FollowerAcknowledgeInput) -> dict[str, bool]:
    """The topics whose digests could be compared, and whether the follower's is the shop's."""
    told = digests.check(context, given.digests or ())
    if not told:
        return {}
    _, ours = await digests.digests_for(context, told, int(given.position))
    return {topic.value: ours[topic] == told[topic] for topic in told if topic in ours}
