"""What is sent: the change, and under `data` what the webhook's document makes of it.

{"type": "order.upserted", "timestamp": …, "change": {…}, "data": {…}}
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row

from app.events.outbox import ENTITIES, Action, Topic
from app.platform import ids

MOST_BYTES: Final = 262_144
"""The largest body; data that would make it larger is left out."""
_PAST: Final = {Action.UPSERT: "upserted", Action.DELETE: "deleted"}
TEST: Final = "webhook.tested"


@dataclass(frozen=True)
class Happened:
    """One change, as a webhook is told it. `entity_id` is the public one."""

    position: int
    topic: Topic
    action: Action
    entity_id: str
    version: int
    occurred_at: datetime

    @classmethod
    def of(cls, delivery: Row[Any]) -> "Happened":
        """The change of a row of `webhook_delivery` that has one."""
        topic = Topic(delivery.topic)
        return cls(
            position=delivery.position,
            topic=topic,
            action=Action(delivery.action),
            entity_id=ids.encode(ENTITIES[topic], delivery.entity_id),
            version=delivery.version,
            occurred_at=delivery.occurred_at,
        )

    def plain(self) -> dict[str, Any]:
        """As the API would show it: a position is text, for it has 64 bits."""
        return {
            "position": str(self.position),
            "topic": self.topic.value,
            "action": self.action.value,
            "entityId": self.entity_id,
            "version": self.version,
            "occurredAt": _moment(self.occurred_at),
        }


@dataclass(frozen=True)
class Shaped:
    """What a document answered, as JSON; `error` when it did not, or not wholly."""

    data: bytes | None
    error: str | None = None


Shape = Callable[[str, Happened, Sequence[UUID] | None], Awaitable[Shaped]]
"""Runs a webhook's document for a change. Third: the channels of its filter. It never raises."""


@dataclass(frozen=True)
class Message:
    """A body, and why it has no data where it should have."""

    body: bytes
    error: str | None = None


def event_type(topic: str, action: str) -> str:
    """`order.upserted`, `order.deleted`. The feed tells states, so nothing finer would be true of each change."""
    return f"{topic.lower()}.{_PAST[Action(action)]}"


def trial_message(webhook_id: UUID, name: str, now: datetime) -> Message:
    """What a webhook is sent to try it."""
    about = {"webhookId": ids.encode("Webhook", webhook_id), "name": name}
    return Message(msgspec.json.encode({"type": TEST, "timestamp": _moment(now), "data": about}))


async def message(
    delivery: Row[Any], document: str | None, channel_ids: Sequence[UUID] | None, shape: Shape
) -> Message:
    """The body for a change, as things are now; without a document `data` is the change once more."""
    happened = Happened.of(delivery)
    change = happened.plain()
    if document is None:
        return _message(happened, change, msgspec.json.encode(change), None)
    shaped = await shape(document, happened, channel_ids)
    made = _message(happened, change, shaped.data, shaped.error)
    if len(made.body) <= MOST_BYTES:
        return made
    return _message(
        happened, change, None, f"the data would make {len(made.body)} bytes, at most {MOST_BYTES} are sent"
    )


def _message(happened: Happened, change: dict[str, Any], data: bytes | None, error: str | None) -> Message:
    body = {
        "type": event_type(happened.topic, happened.action),
        "timestamp": change["occurredAt"],
        "change": change,
        "data": None if data is None else msgspec.Raw(data),
    }
    return Message(msgspec.json.encode(body), error)


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
