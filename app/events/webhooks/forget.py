"""What of webhooks is not kept for ever: finished deliveries, secrets that were replaced, all of a deleted webhook."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import DateTime, and_, bindparam, delete, exists, or_, select, update

from app.events.webhooks.tables import webhook, webhook_delivery
from app.platform.db import Database

DELIVERED_DAYS: Final = 7
GIVEN_UP_DAYS: Final = 30
AT_ONCE: Final = 5_000

_finished = webhook_delivery.c.finished_at
_old = (
    select(webhook_delivery.c.id)
    .where(
        webhook_delivery.c.status != "PENDING",
        or_(
            _finished < bindparam("given_up_before", type_=DateTime(timezone=True)),
            and_(
                webhook_delivery.c.status != "FAILED",
                _finished < bindparam("delivered_before", type_=DateTime(timezone=True)),
            ),
        ),
    )
    .limit(AT_ONCE)
)
_orphans = (
    select(webhook_delivery.c.id)
    .where(webhook_delivery.c.webhook_id.in_(select(webhook.c.id).where(webhook.c.deleted_at.is_not(None))))
    .limit(AT_ONCE)
)
# Attempts go with their delivery.
FORGET: Final = delete(webhook_delivery).where(webhook_delivery.c.id.in_(_old))
PURGE: Final = delete(webhook_delivery).where(webhook_delivery.c.id.in_(_orphans))
REMOVE: Final = delete(webhook).where(
    webhook.c.deleted_at.is_not(None), ~exists().where(webhook_delivery.c.webhook_id == webhook.c.id)
)
EXPIRE: Final = (
    update(webhook)
    .where(webhook.c.previous_until <= bindparam("now", type_=DateTime(timezone=True)))
    .values(previous_secret=None, previous_until=None)
)


async def forget(db: Database, now: datetime) -> int:
    """Forget what is due to be forgotten, in small transactions; how many rows."""
    before = {
        "delivered_before": now - timedelta(days=DELIVERED_DAYS),
        "given_up_before": now - timedelta(days=GIVEN_UP_DAYS),
    }
    done = 0
    for statement, given in ((FORGET, before), (PURGE, {})):
        while True:
            count = await db.run(lambda tx, statement=statement, given=given: tx.execute(statement, given))  # type: ignore[misc]
            done += count
            if count < AT_ONCE:
                break
    done += await db.run(lambda tx: tx.execute(REMOVE))
    done += await db.run(lambda tx: tx.execute(EXPIRE, {"now": now}))
    return done
