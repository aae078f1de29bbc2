"""What is forgotten of the feed, and when: whole partitions, the oldest first.

A change is kept for 48 hours, and longer while a named follower has not taken it in, or a webhook has not planned it: 7
days at most, and not for a follower that has been silent for so long. A shop with few changes keeps them until a
partition is full.

`feed_head.forgotten` rises first, so that who reads from there is told to take a snapshot; then the feed's partitions
are dropped; then the outbox's that no row of the feed points into any more. Whatever is cut short is taken up again.
"""

from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import BigInteger, DateTime, bindparam, func, select, update

from app.events import partitions
from app.events.followers import QUIET, forget_silent
from app.events.partitions import Partition
from app.events.tables import feed, feed_head, follower, outbox
from app.events.webhooks.plan import least_planned
from app.platform.db import Database, Tx

log = structlog.get_logger("feira.retention")

KEPT: Final = timedelta(hours=48)
HELD_BACK: Final = QUIET
"""The longest that followers keep a change."""

_up_to = bindparam("up_to", type_=BigInteger)
# Under the head's lock nobody numbers, and another who forgets waits.
HEAD: Final = select(feed_head).with_for_update()
NEWEST: Final = (
    select(outbox.c.occurred_at)
    .join(feed, feed.c.outbox_id == outbox.c.id)
    .where(feed.c.position <= _up_to)
    .order_by(feed.c.position.desc())
    .limit(1)
)
HIGHEST: Final = select(func.max(feed.c.outbox_id)).where(feed.c.position <= _up_to)
WAITED_FOR: Final = select(
    select(follower.c.id)
    .where(
        follower.c.position < _up_to,
        follower.c.epoch == bindparam("epoch"),
        follower.c.last_seen_at > bindparam("heard_since", type_=DateTime(timezone=True)),
    )
    .exists()
)
RAISE: Final = (
    update(feed_head)
    .where(feed_head.c.forgotten < bindparam("to", type_=BigInteger))
    .values(forgotten=bindparam("to", type_=BigInteger))
)
# What a sequencer that takes over looks through lies above the floor.
NEEDED: Final = select(func.least(select(func.min(feed.c.outbox_id)).scalar_subquery(), feed_head.c.floor + 1))


async def keep(db: Database, now: datetime) -> int:
    """Make the partitions that are soon needed, forget those that are not any more; how many of both."""
    made = await partitions.make_ahead(db)
    return made + await forget(db, now)


async def forget(db: Database, now: datetime) -> int:
    """Forget what is old enough and needed by nobody; how many partitions. One at a time may do so."""
    await db.run(lambda tx: forget_silent(tx, now))
    there = await partitions.listed(db, feed.name)
    forgotten: int = await db.run(lambda tx: _raise(tx, there, now))
    gone = [each for each in there if not each.attached or each.last <= forgotten]
    dropped = 0
    for each in gone:
        # Never one behind another that is still there: what a reader finds has no gap.
        if not await partitions.drop(db, feed.name, each):
            return dropped
        dropped += 1
    return dropped + await _forget_outbox(db)


async def _raise(tx: Tx, there: list[Partition], now: datetime) -> int:
    """Raise `forgotten` as far as whole partitions may go; where it is then."""
    head = await tx.row(HEAD)
    assert head is not None, "the migration made it"
    to = head.forgotten
    for each in there:
        if not each.attached or each.last <= to:
            continue
        if each.last > head.position or not await _may_go(tx, each.last, now, epoch=head.epoch, floor=head.floor):
            break
        to = each.last
    if to > head.forgotten:
        await tx.execute(RAISE, {"to": to})
        log.info("feed forgotten", up_to=to, head=head.position)
    return int(to)


async def _may_go(tx: Tx, up_to: int, now: datetime, *, epoch: str, floor: int) -> bool:
    newest = await tx.value(NEWEST, {"up_to": up_to})
    if newest is not None and newest > now - KEPT:
        return False
    # A row of the outbox above the floor, without its number, would be numbered once more.
    if (await tx.value(HIGHEST, {"up_to": up_to}) or 0) > floor:
        return False
    if newest is None or newest <= now - HELD_BACK:
        return True
    planned = await least_planned(tx)
    if planned is not None and planned < up_to:
        return False
    waiting = {"up_to": up_to, "epoch": epoch, "heard_since": now - QUIET}
    return not await tx.value(WAITED_FOR, waiting)


async def _forget_outbox(db: Database) -> int:
    needed = int(await db.value(NEEDED))
    gone = [each for each in await partitions.listed(db, outbox.name) if not each.attached or each.last < needed]
    dropped = 0
    for each in gone:
        dropped += await partitions.drop(db, outbox.name, each)
    return dropped
