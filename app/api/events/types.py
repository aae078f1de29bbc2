"""A change as a caller is told it, and a page of them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import Enum
from uuid import UUID

import msgspec
import strawberry

from app.api.context import Context
from app.api.engine.batch import Batch, batched
from app.api.engine.errors import Code, RequestError
from app.api.nodes import Node, load_nodes
from app.api.records import SOURCES, records
from app.api.scalars import JSON, Position
from app.browse.records.record import Record
from app.browse.records.view import view_of
from app.events import feed, outbox
from app.identity.following import never_theirs
from app.identity.principal import Principal
from app.platform import clock, ids

value = strawberry.enum_value


@strawberry.enum(description="What kind of entity changed. Versions count per topic and entity.")
class Topic(Enum):
    PRODUCT = value("PRODUCT", description="A Product, with its variants, texts, media and publication.")
    CATEGORY = value("CATEGORY", description="A Category.")
    COLLECTION = value("COLLECTION", description="A Collection.")
    PRICE = value("PRICE", description="What a Variant costs: its prices, their lists, its taxes.")
    PROMOTION = value("PROMOTION", description="A Promotion.")
    AVAILABILITY = value(
        "AVAILABILITY", description="What of a Variant can be promised: STOCK, for who may not see levels."
    )
    STOCK = value("STOCK", description="A StockLevel.")
    CART = value("CART", description="A Cart with its lines and deliveries.")
    ORDER = value("ORDER", description="An Order, with its payments and fulfillments.")
    REGISTER = value("REGISTER", description="A Register.")
    CUSTOMER = value("CUSTOMER", description="A Customer, with groups and addresses.")
    CONFLICT = value("CONFLICT", description="A Conflict.")


@strawberry.enum(description="What became of an entity, for the caller.")
class ChangeAction(Enum):
    UPSERT = value("UPSERT", description="It is there, new or changed.")
    DELETE = value("DELETE", description="It is gone, or the caller may no longer see it.")


def topics_of(given: Sequence[Topic] | None, context: Context) -> list[outbox.Topic] | None:
    """The feed's names of these topics. Raises FORBIDDEN where nothing of one is ever the caller's."""
    if given is None:
        return None
    named = [outbox.Topic(str(each.value)) for each in given]
    require_theirs(named, context.principal)
    return named


def require_theirs(topics: Collection[outbox.Topic], principal: Principal) -> None:
    """Raises FORBIDDEN for topics of which this caller is never told anything: silence would say that nothing was."""
    if hidden := never_theirs(principal, topics):
        raise RequestError(Code.FORBIDDEN, f"The topic {hidden[0]} is not yours to follow.")


@strawberry.type(
    description="One change of one entity. What begins or ends by the clock (a scheduled price, a publication, a hold) "
    "is a change too, when it does."
)
class Change:
    told: strawberry.Private[feed.Told]

    @strawberry.field(description="Its place in the feed.")
    def position(self) -> Position:
        return Position(self.told.position)

    @strawberry.field(description="What kind of entity changed.")
    def topic(self) -> Topic:
        return Topic(self.told.topic.value)

    @strawberry.field(description="Whether the caller sees the entity after it.")
    def action(self) -> ChangeAction:
        return ChangeAction(self.told.action.value)

    @strawberry.field(description="The entity's id.")
    def entity_id(self) -> strawberry.ID:
        return strawberry.ID(ids.encode(outbox.ENTITIES[self.told.topic], self.told.entity_id))

    @strawberry.field(description="The entity's version, counted per topic.")
    def version(self) -> int:
        return self.told.version

    @strawberry.field(description="When it was written.")
    def occurred_at(self) -> datetime:
        return self.told.occurred_at

    @batched(
        description="The entity as the caller sees it now: at least as new as this change. Null on DELETE, and where "
        "the caller can see it no more by now: a later change says so."
    )
    @staticmethod
    async def entity(parents: Sequence["Change"], batch: Batch[Context]) -> list[Node | None]:
        wanted = [
            None
            if parent.told.action == outbox.Action.DELETE
            else (outbox.ENTITIES[parent.told.topic], parent.told.entity_id)
            for parent in parents
        ]
        return await load_nodes(batch.context, wanted)

    @batched(
        description="The record that `/snapshot` gives for this entity, in the form of its published JSON Schema, as "
        "the caller sees it now. Null where `entity` is."
    )
    @staticmethod
    async def data(parents: Sequence["Change"], batch: Batch[Context]) -> list[JSON | None]:
        wanted: dict[outbox.Topic, set[UUID]] = {}
        for parent in parents:
            if parent.told.action == outbox.Action.UPSERT and parent.told.topic in SOURCES:
                wanted.setdefault(parent.told.topic, set()).add(parent.told.entity_id)
        if not wanted:
            return [None] * len(parents)
        context = batch.context
        view = await view_of(context.db, context.principal, context.channel, clock.now())
        found = {topic: await records(context.db, topic, keys, view) for topic, keys in wanted.items()}
        return [_raw(found.get(parent.told.topic, {}).get(parent.told.entity_id)) for parent in parents]


def _raw(record: Record | None) -> JSON | None:
    """A record as it goes into the answer, byte for byte."""
    return None if record is None else JSON(msgspec.Raw(record.canonical))


@strawberry.type(
    description="Changes of the feed, in its order. `endPosition` is where to go on from, also when all between was "
    "not for this caller: positions have no gaps, a filtered answer has."
)
class ChangePage:
    page: strawberry.Private[feed.Page]

    @strawberry.field(description="What the caller is told.")
    def changes(self) -> list[Change]:
        return [Change(told=told) for told in self.page.changes]

    @strawberry.field(description="Go on from here, as `after`.")
    def end_position(self) -> Position:
        return Position(self.page.end)

    @strawberry.field(description="How far the feed was when the page was made.")
    def head(self) -> Position:
        return Position(self.page.head)

    @strawberry.field(description="Whether the feed goes on behind `endPosition`.")
    def has_more(self) -> bool:
        return self.page.has_more

    @strawberry.field(
        description="`after` is older than what is kept, ahead of the feed, or of another epoch than the one that the "
        "header `Feira-Epoch` names: no changes are given, take a snapshot."
    )
    def snapshot_required(self) -> bool:
        return self.page.snapshot_required
