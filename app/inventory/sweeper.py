"""Releasing what expired, within a second of its time, by as many processes as like to."""

from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Uuid, bindparam, select, tuple_

from app.inventory.guard import ASKED, MOMENT, Levels, keys_of, lock, locking
from app.inventory.releases import released_by, releasing
from app.inventory.tables import hold
from app.platform.db import Database, Tx

LEVELS_AT_ONCE: Final = 100
HOLDS_AT_ONCE: Final = 1_000
"""Bounds of one transaction, so that a level is never locked for long."""

NOWHERE: Final = UUID(int=0)

_moment = bindparam("now", type_=DateTime(timezone=True))
# By the caller's clock and by the database's: only the latter gives the right to release.
_expired = (hold.c.expires_at <= _moment, hold.c.expires_at <= MOMENT)
_level = tuple_(hold.c.variant_id, hold.c.location_id)
_most = bindparam("most", type_=BigInteger)

DUE = (
    select(hold.c.variant_id, hold.c.location_id)
    .distinct()
    .where(*_expired, _level > tuple_(bindparam("after_variant", type_=Uuid), bindparam("after_location", type_=Uuid)))
    .order_by(hold.c.variant_id, hold.c.location_id)
    .limit(_most)
)
# What another process has locked is in good hands.
LOCK_FREE = locking(ASKED, skip_locked=True)
RELEASE = releasing(
    hold,
    hold.c.id.in_(select(hold.c.id).where(_level.in_(ASKED), *_expired).limit(_most)),
)


async def sweep(db: Database, now: datetime) -> int:
    """Release the holds of all levels that have expired by `now`; how many.

    Works through the levels once, in batches of their own transactions; a level that somebody works on is left to them.
    """
    after = (NOWHERE, NOWHERE)
    total = 0
    while True:
        due = await db.rows(
            DUE, {"now": now, "after_variant": after[0], "after_location": after[1], "most": LEVELS_AT_ONCE}
        )
        if not due:
            return total
        keys = [(row.variant_id, row.location_id) for row in due]
        while True:
            released = await db.run(partial(_release, keys=keys, now=now))
            total += released
            if released < HOLDS_AT_ONCE:
                break
        after = keys[-1]


async def _release(tx: Tx, *, keys: list[tuple[UUID, UUID]], now: datetime) -> int:
    levels: Levels = await lock(tx, LOCK_FREE, keys_of(keys))
    if not levels:
        return 0
    parameters: dict[str, Any] = {**keys_of(levels), "now": now, "most": HOLDS_AT_ONCE}
    return await released_by(tx, RELEASE, parameters)
