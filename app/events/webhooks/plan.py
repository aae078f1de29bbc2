"""Planning: what of the feed each webhook is to be sent becomes a row of its own, in the feed's order.

Of one entity's rows only the first is due; the next becomes so when that one is over (`events.webhooks.queue`). Both
are done under the webhook's lock. A webhook with enough waiting is planned no further: the feed keeps the rest.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import BigInteger, DateTime, Row, Text, Uuid, any_, bindparam, case, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from app.events.feed import FeedRow, head_of, rows_after
from app.events.tables import feed_head
from app.events.webhooks.tables import webhook, webhook_delivery
from app.events.webhooks.wanted import Wanted, told
from app.platform.db import Database, Reader, Tx
from app.platform.ids import new_id

log = structlog.get_logger("feira.webhooks")

AT_ONCE: Final = 2_000
"""Rows of the feed in one transaction."""
MOST_WAITING: Final = 10_000
"""Deliveries of one webhook that are planned ahead."""

_id = bindparam("hook", type_=Uuid)
_waits = webhook_delivery.c.status == "PENDING"
_now = bindparam("now", type_=DateTime(timezone=True))

ACTIVE: Final = (
    select(webhook.c.id, (webhook.c.planned < select(feed_head.c.position).scalar_subquery()).label("behind"))
    .where(webhook.c.status == "ACTIVE", webhook.c.deleted_at.is_(None))
    .order_by(webhook.c.planned, webhook.c.id)
)
# Whoever else plans this webhook does it as well.
LOCK: Final = (
    select(webhook)
    .where(webhook.c.id == _id, webhook.c.status == "ACTIVE", webhook.c.deleted_at.is_(None))
    .with_for_update(key_share=True, skip_locked=True)
)
WAITING: Final = select(func.count()).select_from(
    select(webhook_delivery.c.id).where(webhook_delivery.c.webhook_id == _id, _waits).limit(MOST_WAITING).subquery()
)
INSERT: Final = insert(webhook_delivery)
ADVANCE: Final = update(webhook).where(webhook.c.id == _id).values(planned=bindparam("reached", type_=BigInteger))
MISS: Final = (
    update(webhook)
    .where(webhook.c.id == _id)
    .values(
        planned=bindparam("reached", type_=BigInteger),
        missed_after=webhook.c.planned,
        missed_up_to=bindparam("reached", type_=BigInteger),
    )
)
_ranked = (
    select(
        webhook_delivery.c.id,
        func.row_number()
        .over(
            partition_by=(webhook_delivery.c.topic, webhook_delivery.c.entity_id), order_by=webhook_delivery.c.position
        )
        .label("place"),
    )
    .where(
        webhook_delivery.c.webhook_id == _id,
        _waits,
        webhook_delivery.c.topic == any_(bindparam("topics", type_=ARRAY(Text))),
        webhook_delivery.c.entity_id == any_(bindparam("entity_ids", type_=ARRAY(Uuid))),
    )
    .subquery("ranked")
)
# Whatever is being sent is left alone.
ORDER: Final = (
    update(webhook_delivery)
    .where(
        webhook_delivery.c.id == _ranked.c.id,
        webhook_delivery.c.claim.is_(None),
        (_ranked.c.place == 1) == webhook_delivery.c.due_at.is_(None),
    )
    .values(due_at=case((_ranked.c.place == 1, _now)))
)
LEAST_PLANNED: Final = select(func.min(webhook.c.planned)).where(webhook.c.deleted_at.is_(None))


async def plan(db: Database, now: datetime, *, most: int = MOST_WAITING) -> tuple[int, bool]:
    """Plan what can be planned now; how many rows of the feed that took, and whether any webhook follows it."""
    taken = 0
    active = await db.rows(ACTIVE)
    for row in active:
        if row.behind:
            taken += await db.run(partial(_plan, webhook_id=row.id, now=now, most=most))
    return taken, bool(active)


async def _plan(tx: Tx, *, webhook_id: UUID, now: datetime, most: int) -> int:
    found = await tx.row(LOCK, {"hook": webhook_id})
    if found is None:
        return 0
    room = most - int(await tx.value(WAITING, {"hook": webhook_id}))
    if room <= 0:
        return 0
    after = found.planned
    head = await head_of(tx)
    if after < head.forgotten:
        # Behind what is kept. It goes on with what there is, and its owner sees what it missed.
        log.warning("webhook missed changes", webhook=str(webhook_id), after=after, up_to=head.forgotten)
        await tx.execute(MISS, {"hook": webhook_id, "reached": head.forgotten})
        after = head.forgotten
    rows = await rows_after(tx, after, most=min(AT_ONCE, room))
    if not rows or rows[0].position != after + 1:
        # Forgotten since the head was read.
        return 0
    await add(tx, found, rows, now)
    await tx.execute(ADVANCE, {"hook": webhook_id, "reached": rows[-1].position})
    return len(rows)


async def add(tx: Tx, found: Row[Any], rows: Sequence[FeedRow], now: datetime) -> None:
    """Plan those of these rows that a webhook, which is locked, is to be sent."""
    wanted = Wanted.of(found)
    planned = [
        {
            "id": new_id(),
            "webhook_id": found.id,
            "kind": "CHANGE",
            "position": row.position,
            "topic": row.topic.value,
            "action": action.value,
            "entity_id": row.entity_id,
            "version": row.version,
            "occurred_at": row.occurred_at,
            "created_at": now,
        }
        for row in rows
        if (action := told(row, wanted)) is not None
    ]
    await tx.many(INSERT, planned)
    await put_in_order(tx, found.id, [(row["topic"], row["entity_id"]) for row in planned], now)


async def put_in_order(tx: Tx, webhook_id: UUID, entities: Sequence[tuple[str, UUID]], now: datetime) -> None:
    """Make the first that waits of each of these entities due, and no other. The webhook is locked."""
    if entities:
        topics, ids = {topic for topic, _ in entities}, {entity for _, entity in entities}
        given = {"hook": webhook_id, "topics": sorted(topics), "entity_ids": sorted(ids), "now": now}
        await tx.execute(ORDER, given)


async def least_planned(db: Reader) -> int | None:
    """What of the feed webhooks still need: all after this position. None without webhooks."""
    found: int | None = await db.value(LEAST_PLANNED)
    return found
