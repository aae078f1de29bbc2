"""Changes to send, numbered as the sequencer does it, and what sends them at a pace that a test can wait for."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, text

from app.events.feed import head_of
from app.events.outbox import Change, Topic, emit
from app.events.scopes import STAFF
from app.events.webhooks import webhooks
from app.events.webhooks.fields import Fields
from app.events.webhooks.message import Happened, Shaped
from app.events.webhooks.queue import Pace
from app.events.webhooks.send import Sending
from app.events.webhooks.tables import webhook, webhook_attempt, webhook_delivery
from app.events.webhooks.webhooks import NewSecret
from app.platform import clock
from app.platform.db import Database
from app.platform.ids import new_id
from app.platform.outbound.address import Allowed
from app.platform.outbound.post import Bounds

HERE: Final = Allowed.parse("127.0.0.1")
LOOPBACK: Final = Allowed.parse("localhost,127.0.0.1,::1")
QUICK: Final = Pace(
    first=0.01, longest=0.05, given_up_after=60, claimed_for=5, looks_every=0.02, ends_within=0, at_once=16
)
BOUNDS: Final = Bounds(connect=1, read=0.3, whole=2, rest=0.1)

NUMBER: Final = text("""
    WITH fresh AS (
        SELECT outbox.id, row_number() OVER (ORDER BY outbox.id) AS place FROM outbox, feed_head
        WHERE outbox.id > feed_head.floor
    ), advanced AS (
        UPDATE feed_head SET position = position + (SELECT count(*) FROM fresh),
            floor = coalesce((SELECT max(id) FROM fresh), floor)
        RETURNING position
    )
    INSERT INTO feed SELECT advanced.position - (SELECT count(*) FROM fresh) + fresh.place, fresh.id
    FROM fresh, advanced
""")


# Whether a server numbers them itself: the office that `platform.lease` elects it to.
NUMBERED: Final = text("""
    SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND classid = 1717922162 AND objid = 1 AND datname = current_database()
""")
REST: Final = text("SELECT count(*) FROM outbox WHERE NOT EXISTS (SELECT FROM feed WHERE outbox_id = outbox.id)")


async def number(db: Database) -> None:
    """Number what was emitted, or wait until a server that runs has done it."""
    if await db.value(NUMBERED) is None:
        async with db.transaction() as tx:
            await tx.execute(text("SELECT 1 FROM feed_head FOR UPDATE"))
            await tx.execute(NUMBER)
    else:
        await until(lambda: all_numbered(db))


async def all_numbered(db: Database) -> bool:
    return bool(await db.value(REST) == 0)


async def tell(db: Database, *changes: Change) -> int:
    """Emit these changes and number them; the feed's head then."""
    async with db.transaction() as tx:
        await emit(tx, changes)
    await number(db)
    return (await head_of(db)).position


def change(entity_id: UUID, version: int, topic: Topic = Topic.PRODUCT, *after: str, **more: Any) -> Change:
    return Change(topic, entity_id, version, after=(STAFF, *after), **more)


def no_document(_: str) -> str | None:
    return None


async def shape_nothing(document: str, happened: Happened, channel_ids: Sequence[UUID] | None) -> Shaped:
    return Shaped(b'{"shaped":"' + document.encode() + b'"}')


async def subscribe(db: Database, url: str, *, allowed: Allowed = HERE, **given: Any) -> NewSecret:
    """A webhook that is sent what changes from now on."""
    fields: Fields = {"name": "ERP", "url": url, **given}  # type: ignore[typeddict-item]
    return await db.run(
        partial(webhooks.create, given=fields, now=clock.now(), by="test", allowed=allowed, check=no_document)
    )


@asynccontextmanager
async def sending(db: Database, *, pace: Pace = QUICK, bounds: Bounds = BOUNDS, **more: Any) -> AsyncIterator[Sending]:
    """What sends, running; stopped in the middle of whatever it does when the block ends."""
    given: Any = {"shape": shape_nothing, "allowed": HERE, "pace": pace, "bounds": bounds}
    made = Sending(db, **given | more)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def quick(**more: Any) -> Pace:
    return replace(QUICK, **more)


async def until(met: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait until it is so. Fails when it is not in time."""
    async with asyncio.timeout(seconds):
        while True:
            found = met()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.01)


async def log(db: Database, webhook_id: UUID) -> list[Row[Any]]:
    """All deliveries of a webhook, in the order in which they were planned."""
    return list(
        await db.rows(
            select(webhook_delivery).where(webhook_delivery.c.webhook_id == webhook_id).order_by(webhook_delivery.c.id)
        )
    )


async def attempts(db: Database, delivery_id: UUID) -> list[Row[Any]]:
    """All attempts at a delivery."""
    return list(
        await db.rows(
            select(webhook_attempt)
            .where(webhook_attempt.c.delivery_id == delivery_id)
            .order_by(webhook_attempt.c.number)
        )
    )


async def state(db: Database, webhook_id: UUID) -> Row[Any]:
    found = await db.row(select(webhook).where(webhook.c.id == webhook_id))
    assert found is not None
    return found


async def all_done(db: Database, webhook_id: UUID, number: int) -> bool:
    """Whether so many deliveries were planned and none waits."""
    rows = await log(db, webhook_id)
    return len(rows) >= number and all(row.status != "PENDING" for row in rows)


def products(number: int) -> list[UUID]:
    return [new_id() for _ in range(number)]
