"""Who sends what next, and what became of it.

A delivery that is due is claimed before it is sent, and the attempt is in the log from then on. A claim ends with its
result, or after a while: whoever had it is thought dead, and the delivery is sent once more. Any number of processes
share the work.
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import DateTime, Integer, Row, Text, Uuid, all_, any_, bindparam, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from app.events.webhooks.tables import webhook, webhook_attempt, webhook_delivery
from app.platform.db import Database, Reader, Tx
from app.platform.ids import new_id

ALARMS_AFTER: Final = 5
"""Attempts in a row that failed, after which it is logged as a warning."""


@dataclass(frozen=True)
class Pace:
    """How hard is tried, in seconds. The pause after a failure is drawn below a bound that doubles up to `longest`."""

    first: float = 10.0
    longest: float = 7_200.0
    given_up_after: float = 3 * 24 * 3_600.0
    # Longer than an attempt may take.
    claimed_for: float = 60.0
    looks_every: float = 0.5
    # A receiver that has failed again and again is left alone for so long at most, whatever waits for it.
    rests_at_most: float = 60.0
    # How long those under way may take to end when the process does.
    ends_within: float = 3.0
    at_once: int = 32
    at_once_per_host: int = 4


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt. `retry_after`: the pause that the receiver asked for."""

    milliseconds: int
    status_code: int | None = None
    error: str | None = None
    answer: str | None = None
    document_error: str | None = None
    retry_after: float | None = None

    @property
    def delivered(self) -> bool:
        return self.error is None


@dataclass(frozen=True)
class Due:
    """What could be sent now. `failing`: whether its webhook fails just now."""

    id: UUID
    webhook_id: UUID
    url: str
    failing: bool


_now = bindparam("now", type_=DateTime(timezone=True))
_pending = webhook_delivery.c.status == "PENDING"
_delivery_id = bindparam("one", type_=Uuid)

_first_due = (
    select(webhook_delivery.c.id, webhook_delivery.c.due_at)
    .where(
        webhook_delivery.c.webhook_id == webhook.c.id,
        _pending,
        webhook_delivery.c.due_at <= _now,
        or_(webhook.c.status == "ACTIVE", webhook_delivery.c.kind == "TEST"),
    )
    .order_by(webhook_delivery.c.due_at)
    .limit(bindparam("each", type_=Integer))
    .lateral("due")
)
DUE: Final = (
    select(_first_due.c.id, webhook.c.id.label("webhook_id"), webhook.c.url, webhook.c.failing_since)
    .select_from(webhook.join(_first_due, webhook.c.id.is_not(None)))
    .where(webhook.c.deleted_at.is_(None), webhook.c.id != all_(bindparam("full", type_=ARRAY(Uuid))))
    .order_by(_first_due.c.due_at)
)
_free = (
    select(webhook_delivery.c.id)
    .where(
        webhook_delivery.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))),
        _pending,
        webhook_delivery.c.due_at <= _now,
    )
    .order_by(webhook_delivery.c.id)
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
CLAIM: Final = (
    update(webhook_delivery)
    .where(webhook_delivery.c.id.in_(_free))
    .values(
        claim=bindparam("new_claim", type_=Uuid),
        due_at=bindparam("until", type_=DateTime(timezone=True)),
        attempts=webhook_delivery.c.attempts + 1,
        first_tried_at=func.coalesce(webhook_delivery.c.first_tried_at, _now),
    )
    .returning(*webhook_delivery.c)
)
WEBHOOKS: Final = select(webhook).where(webhook.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
BEGIN: Final = insert(webhook_attempt)
LOCK_WEBHOOK: Final = (
    select(webhook.c.failures).where(webhook.c.id == bindparam("hook", type_=Uuid)).with_for_update(key_share=True)
)
LOCK_DELIVERY: Final = select(webhook_delivery).where(webhook_delivery.c.id == _delivery_id).with_for_update()
END: Final = (
    update(webhook_attempt)
    .where(webhook_attempt.c.delivery_id == _delivery_id, webhook_attempt.c.number == bindparam("attempt"))
    .values(
        milliseconds=bindparam("took", type_=Integer),
        status_code=bindparam("status", type_=Integer),
        error=bindparam("failure", type_=Text),
        answer=bindparam("answered", type_=Text),
        document_error=bindparam("unshaped", type_=Text),
    )
)
FINISH: Final = (
    update(webhook_delivery)
    .where(webhook_delivery.c.id == _delivery_id)
    .values(status=bindparam("outcome", type_=Text), finished_at=_now, due_at=None, claim=None)
)
POSTPONE: Final = (
    update(webhook_delivery)
    .where(webhook_delivery.c.id == _delivery_id)
    .values(
        due_at=bindparam("until", type_=DateTime(timezone=True)),
        claim=None,
        failures=webhook_delivery.c.failures + 1,
    )
)
_next = (
    select(webhook_delivery.c.id)
    .where(
        webhook_delivery.c.webhook_id == bindparam("hook", type_=Uuid),
        webhook_delivery.c.topic == bindparam("of_topic", type_=Text),
        webhook_delivery.c.entity_id == bindparam("of_entity", type_=Uuid),
        _pending,
    )
    .order_by(webhook_delivery.c.position)
    .limit(1)
    .scalar_subquery()
)
GO_ON: Final = (
    update(webhook_delivery)
    .where(webhook_delivery.c.id == _next, webhook_delivery.c.due_at.is_(None))
    .values(due_at=_now)
)
_this_webhook = webhook.c.id == bindparam("hook", type_=Uuid)
WORKS: Final = (
    update(webhook).where(_this_webhook).values(failing_since=None, failures=0, last_error=None, last_delivered_at=_now)
)
FAILS: Final = (
    update(webhook)
    .where(_this_webhook)
    .values(
        failing_since=func.coalesce(webhook.c.failing_since, _now),
        failures=webhook.c.failures + 1,
        last_error=bindparam("failure", type_=Text),
    )
)
WAITING: Final = select(func.count()).select_from(webhook_delivery).where(_pending)


async def due(db: Reader, now: datetime, *, each: int, full: Collection[UUID] = ()) -> list[Due]:
    """What is due, the longest first, at most `each` of a webhook; nothing of those that are `full`."""
    rows = await db.rows(DUE, {"now": now, "each": each, "full": list(full)})
    return [Due(row.id, row.webhook_id, row.url, row.failing_since is not None) for row in rows]


async def claim(db: Database, ids: Sequence[UUID], now: datetime, pace: Pace) -> list[tuple[Row[Any], Row[Any]]]:
    """Those of these deliveries that nobody else took, each with its webhook; an attempt of each is begun."""

    async def take(tx: Tx) -> list[tuple[Row[Any], Row[Any]]]:
        until = now + timedelta(seconds=pace.claimed_for)
        taken = await tx.rows(CLAIM, {"ids": list(ids), "now": now, "new_claim": new_id(), "until": until})
        begun = [{"delivery_id": row.id, "number": row.attempts, "started_at": now} for row in taken]
        await tx.many(BEGIN, begun)
        wanted = {row.webhook_id for row in taken}
        webhooks = {row.id: row for row in await tx.rows(WEBHOOKS, {"ids": list(wanted)})} if wanted else {}
        return [(row, webhooks[row.webhook_id]) for row in taken]

    return await db.run(take) if ids else []


async def record(tx: Tx, sent: Row[Any], outcome: Outcome, now: datetime, pace: Pace) -> bool | None:
    """Store what became of an attempt. Whether its webhook works, when that is worth telling an operator; else None."""
    found = await tx.row(LOCK_WEBHOOK, {"hook": sent.webhook_id})
    current = await tx.row(LOCK_DELIVERY, {"one": sent.id})
    if found is None or current is None:
        return None
    await tx.execute(
        END,
        {
            "one": sent.id,
            "attempt": sent.attempts,
            "took": outcome.milliseconds,
            "status": outcome.status_code,
            "failure": outcome.error,
            "answered": outcome.answer,
            "unshaped": outcome.document_error,
        },
    )
    await _move(tx, current, outcome, now, pace, mine=current.claim == sent.claim)
    if sent.kind == "TEST":
        return None
    if outcome.delivered:
        await tx.execute(WORKS, {"hook": sent.webhook_id, "now": now})
        return True if found.failures >= ALARMS_AFTER else None
    await tx.execute(FAILS, {"hook": sent.webhook_id, "now": now, "failure": outcome.error})
    return False if found.failures + 1 == ALARMS_AFTER else None


async def _move(tx: Tx, current: Row[Any], outcome: Outcome, now: datetime, pace: Pace, *, mine: bool) -> None:
    if current.status != "PENDING":
        return
    if outcome.delivered:
        status = "DELIVERED"
    elif not mine:
        # Whoever took it over says what comes next.
        return
    elif current.kind == "TEST" or now >= (last := _last(current, pace)):
        status = "FAILED"
    else:
        until = min(last, now + timedelta(seconds=pause(current.failures, outcome.retry_after, pace)))
        await tx.execute(POSTPONE, {"one": current.id, "until": until})
        return
    await tx.execute(FINISH, {"one": current.id, "outcome": status, "now": now})
    if current.kind != "TEST":
        following = {"hook": current.webhook_id, "of_topic": current.topic, "of_entity": current.entity_id}
        await tx.execute(GO_ON, {**following, "now": now})


def _last(current: Row[Any], pace: Pace) -> datetime:
    first: datetime = current.first_tried_at
    return first + timedelta(seconds=pace.given_up_after)


def pause(failures: int, asked: float | None, pace: Pace) -> float:
    """Seconds until the next attempt after so many failures and one more: full jitter, but not before what is asked."""
    bound = min(pace.longest, pace.first * 2 ** min(failures, 40))
    return max(random.uniform(0, bound), min(asked or 0.0, pace.longest))  # noqa: S311


async def waiting(db: Reader) -> int:
    """How many deliveries wait or are under way."""
    return int(await db.value(WAITING))
