"""Webhooks, what they were sent, and each attempt at it, as the API shows them."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.channels.types import Channel, Location
from app.api.context import Context
from app.api.engine.batch import Batch, batched
from app.api.events.types import ChangeAction, Topic
from app.api.nodes import Node, loads
from app.api.paging import COUNTED_UP_TO, Connection, Page, check_first, decode_cursor, encode_cursor, slice_page
from app.api.scalars import Position
from app.channels.queries import channels_by_ids, locations_by_ids
from app.events import outbox
from app.events.webhooks import queries
from app.events.webhooks.message import TEST, event_type
from app.identity.access import works_everywhere
from app.platform import ids

value = strawberry.enum_value
DELIVERIES = "deliveries"


@strawberry.enum(description="Whether a webhook is sent anything.")
class WebhookStatus(Enum):
    ACTIVE = value("ACTIVE", description="It is sent what changes.")
    PAUSED = value("PAUSED", description="Somebody paused it: nothing is sent, and nothing is lost.")


@strawberry.enum(description="What became of a delivery.")
class WebhookDeliveryStatus(Enum):
    PENDING = value("PENDING", description="It is sent, or waits for that.")
    DELIVERED = value("DELIVERED", description="The receiver answered with success.")
    FAILED = value("FAILED", description="Given up after three days; a test after its one attempt.")
    REPLACED = value("REPLACED", description="A replay sends the same change anew.")


@strawberry.type(description="One attempt at a delivery.")
class WebhookAttempt:
    number: int = strawberry.field(description="1 for the first.")
    started_at: datetime = strawberry.field(description="When it began.")
    milliseconds: int | None = strawberry.field(
        description="How long it took. Null while it is under way, and for ever when the server died in its middle: "
        "whether it arrived nobody knows, and it was sent again."
    )
    status_code: int | None = strawberry.field(description="The answer's status; null without an answer.")
    error: str | None = strawberry.field(description="Why it did not succeed.")
    answer: str | None = strawberry.field(description="The first KB of the answer's body.")
    document_error: str | None = strawberry.field(description="Why the document's data was left out, or parts of it.")


@strawberry.type(description="Changes that a webhook was never sent: it was behind what the feed keeps.")
class WebhookGap:
    after: Position = strawberry.field(description="Everything up to here was planned for it.")
    up_to: Position = strawberry.field(description="From behind here it went on.")


@strawberry.type(description="A change on its way to a webhook, or arrived there.")
class WebhookDelivery(Node):
    key: strawberry.Private[UUID]
    webhook_key: strawberry.Private[UUID]
    type: str = strawberry.field(description="What it is called: order.upserted, product.deleted, webhook.tested.")
    status: WebhookDeliveryStatus = strawberry.field(description="What became of it.")
    position: Position | None = strawberry.field(description="The change's place in the feed; null for a test.")
    topic: Topic | None = strawberry.field(description="What kind of entity changed.")
    action: ChangeAction | None = strawberry.field(description="As the webhook is told it.")
    entity_id: strawberry.ID | None = strawberry.field(description="The entity's id.")
    version: int | None = strawberry.field(description="The entity's version, counted per topic.")
    attempt_count: int = strawberry.field(description="How often it was tried.")
    next_attempt_at: datetime | None = strawberry.field(
        description="When it is tried next; null when it is over, under way, or waits for an earlier one of its entity."
    )
    created_at: datetime = strawberry.field(description="When it was planned.")
    finished_at: datetime | None = strawberry.field(description="When it was delivered, given up or replaced.")

    @classmethod
    def of(cls, row: Row[Any], _: Context) -> "WebhookDelivery":
        topic = None if row.topic is None else outbox.Topic(row.topic)
        return cls(
            id=strawberry.ID(ids.encode("WebhookDelivery", row.id)),
            key=row.id,
            webhook_key=row.webhook_id,
            type=TEST if topic is None else event_type(topic, row.action),
            status=WebhookDeliveryStatus(row.status),
            position=row.position,
            topic=None if topic is None else Topic(topic),
            action=None if row.action is None else ChangeAction(row.action),
            entity_id=None if topic is None else strawberry.ID(ids.encode(outbox.ENTITIES[topic], row.entity_id)),
            version=row.version,
            attempt_count=row.attempts,
            next_attempt_at=row.due_at if row.claim is None else None,
            created_at=row.created_at,
            finished_at=row.finished_at,
        )

    @batched(description="The webhook.")
    @staticmethod
    async def webhook(parents: Sequence["WebhookDelivery"], batch: Batch[Context]) -> list["Webhook | None"]:
        keys = list({parent.webhook_key for parent in parents})
        found = dict(zip(keys, await load_webhooks(batch.context, keys), strict=True))
        return [found[parent.webhook_key] for parent in parents]

    @batched(description="The attempts, the newest first, at most 100.")
    @staticmethod
    async def attempts(parents: Sequence["WebhookDelivery"], batch: Batch[Context]) -> list[list[WebhookAttempt]]:
        found = await queries.attempts_of(batch.context.db, [parent.key for parent in parents])
        return [
            [
                WebhookAttempt(
                    number=row.number,
                    started_at=row.started_at,
                    milliseconds=row.milliseconds,
                    status_code=row.status_code,
                    error=row.error,
                    answer=row.answer,
                    document_error=row.document_error,
                )
                for row in found[parent.key]
            ]
            for parent in parents
        ]


@strawberry.type(
    description="Who outside is sent what changes, signed as Standard Webhooks has it, in the feed's order per entity."
)
class Webhook(Node):
    row: strawberry.Private[Row[Any]]
    name: str = strawberry.field(description="Its name.")
    url: str = strawberry.field(description="Where it is sent to.")
    topics: list[Topic] | None = strawberry.field(description="The topics that it is sent; null: all.")
    actions: list[ChangeAction] | None = strawberry.field(description="The actions that it is sent; null: all.")
    document: str | None = strawberry.field(description="The query whose answer is sent as `data`.")
    status: WebhookStatus = strawberry.field(description="Whether it is sent anything.")
    failing_since: datetime | None = strawberry.field(
        description="Since when no attempt has succeeded; null when the last one did."
    )
    consecutive_failures: int = strawberry.field(description="Attempts that failed since the last success.")
    last_error: str | None = strawberry.field(description="Why the last one failed; null when it succeeded.")
    last_delivered_at: datetime | None = strawberry.field(description="When something last arrived.")
    missed: WebhookGap | None = strawberry.field(
        description="The last gap in what it was sent; whoever follows it needs a snapshot."
    )
    previous_secret_until: datetime | None = strawberry.field(
        description="Until when the secret before this one signs as well; null: it no longer does."
    )
    created_at: datetime = strawberry.field(description="When it was made.")
    version: int = strawberry.field(description="Counts its writes; for `expectedVersion`.")

    @classmethod
    def of(cls, row: Row[Any], context: Context) -> "Webhook":
        live = row.previous_until is not None and row.previous_until > context.now
        return cls(
            id=strawberry.ID(ids.encode("Webhook", row.id)),
            row=row,
            name=row.name,
            url=row.url,
            topics=None if row.topics is None else [Topic(each) for each in row.topics],
            actions=None if row.actions is None else [ChangeAction(each) for each in row.actions],
            document=row.document,
            status=WebhookStatus(row.status),
            failing_since=row.failing_since,
            consecutive_failures=row.failures,
            last_error=row.last_error,
            last_delivered_at=row.last_delivered_at,
            missed=None if row.missed_up_to is None else WebhookGap(after=row.missed_after, up_to=row.missed_up_to),
            previous_secret_until=row.previous_until if live else None,
            created_at=row.created_at,
            version=row.version,
        )

    @batched(description="The channels whose changes it is sent; null: all.")
    @staticmethod
    async def channels(parents: Sequence["Webhook"], batch: Batch[Context]) -> list[list[Channel] | None]:
        rows = await channels_by_ids(batch.context.db, _keys(parent.row.channel_ids for parent in parents))
        return [_named(Channel, rows, parent.row.channel_ids, batch.context) for parent in parents]

    @batched(description="The locations whose changes it is sent; null: all.")
    @staticmethod
    async def locations(parents: Sequence["Webhook"], batch: Batch[Context]) -> list[list[Location] | None]:
        rows = await locations_by_ids(batch.context.db, _keys(parent.row.location_ids for parent in parents))
        return [_named(Location, rows, parent.row.location_ids, batch.context) for parent in parents]

    @batched(description="Every change up to this position has arrived, was given up, or is not for it.")
    @staticmethod
    async def position(parents: Sequence["Webhook"], batch: Batch[Context]) -> list[Position]:
        found = await queries.progress(batch.context.db, [parent.row.id for parent in parents])
        oldest = {key: row.oldest for key, row in found.items() if row.oldest is not None}
        planned = [(parent.row.planned, oldest.get(parent.row.id)) for parent in parents]
        return [Position(reached if first is None else min(reached, first - 1)) for reached, first in planned]

    @batched(description="Deliveries that are planned and not over. Planned are at most 10,000 ahead.")
    @staticmethod
    async def waiting(parents: Sequence["Webhook"], batch: Batch[Context]) -> list[int]:
        found = await queries.progress(batch.context.db, [parent.row.id for parent in parents])
        return [found[parent.row.id].waiting if parent.row.id in found else 0 for parent in parents]

    @batched(description="What it was sent and is to be sent, the newest first: for a week, what was given up a month.")
    @staticmethod
    async def deliveries(
        parents: Sequence["Webhook"],
        batch: Batch[Context],
        first: Annotated[int, strawberry.argument(description="How many, at most 100.")],
        after: Annotated[str | None, strawberry.argument(description="Go on after this cursor.")] = None,
        status: Annotated[
            WebhookDeliveryStatus | None, strawberry.argument(description="Only those of this status.")
        ] = None,
    ) -> list[Connection[WebhookDelivery]]:
        context, size, place = batch.context, check_first(first), decode_cursor(DELIVERIES, after, UUID)
        wanted = None if status is None else str(status.value)
        pages = await queries.delivery_pages(
            context.db,
            [parent.row.id for parent in parents],
            size=size + 1,
            after=place[0] if place else None,
            status=wanted,
        )
        return [
            _deliveries(context, pages[parent.row.id], size, place is not None, _counting(context, parent, wanted))
            for parent in parents
        ]


def _counting(context: Context, parent: Webhook, status: str | None) -> Callable[[], Awaitable[int | None]]:
    async def count() -> int | None:
        found = await queries.delivery_count(context.db, parent.row.id, status, most=COUNTED_UP_TO + 1)
        return found if found <= COUNTED_UP_TO else None

    return count


def _deliveries(
    context: Context, rows: Sequence[Row[Any]], size: int, before: bool, count: Callable[[], Awaitable[int | None]]
) -> Connection[WebhookDelivery]:
    shown, more = slice_page(rows, size)
    return Connection(
        page=Page(
            nodes=[WebhookDelivery.of(row, context) for row in shown],
            cursors=[encode_cursor(DELIVERIES, row.id) for row in shown],
            more=more,
            before=before,
            count=count,
        )
    )


def _keys(some: Any) -> set[UUID]:
    return {key for keys in some for key in keys or ()}


def _named(kind: Any, rows: dict[UUID, Row[Any]], keys: Sequence[UUID] | None, context: Context) -> list[Any] | None:
    if keys is None:
        return None
    found = sorted((rows[key] for key in keys if key in rows), key=lambda row: row.code)
    return [kind.of(row, context) for row in found]


def sees_webhooks(context: Context) -> bool:
    """Whoever keeps the shop's settings, everywhere: a webhook is told of all of it."""
    return context.may("settings.write") and works_everywhere(context.principal)


@loads("Webhook")
async def load_webhooks(context: Context, keys: Sequence[UUID]) -> list[Webhook | None]:
    """Webhooks are seen by who may write them."""
    if not sees_webhooks(context):
        return [None] * len(keys)
    rows = await queries.webhooks_by_ids(context.db, keys)
    return [Webhook.of(rows[key], context) if key in rows else None for key in keys]


@loads("WebhookDelivery")
async def load_deliveries(context: Context, keys: Sequence[UUID]) -> list[WebhookDelivery | None]:
    """Deliveries are seen by who sees their webhook."""
    if not sees_webhooks(context):
        return [None] * len(keys)
    rows = await queries.deliveries_by_ids(context.db, keys)
    return [WebhookDelivery.of(rows[key], context) if key in rows else None for key in keys]
