"""Forgetting: whole partitions, when they are old and nobody needs them, and never without telling who reads there."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from app.customers import customers
from app.customers.tables import customer
from app.events import partitions, retention
from app.events.audit import violations
from app.events.feed import head_of, page
from app.events.follower import Follower
from app.events.followers import acknowledge
from app.events.outbox import Topic
from app.events.partitions import SIZE
from app.events.retention import HELD_BACK, KEPT, forget
from app.events.scopes import PUBLIC
from app.events.tables import feed, feed_head, outbox
from app.platform import clock
from app.platform.db import Database
from tests.events.telling import number, sequencing, tell

pytestmark = pytest.mark.postgres15

SHOPPER = {Topic.PRICE: frozenset({PUBLIC})}
HOUR = timedelta(hours=1)
# Positions and ids of the outbox begin so far before the end of the first partition.
ROOM = 3


async def at_the_edge(database: Database, *, changes: int = 6) -> list[int]:
    """A feed that goes on from its first partition into the second, and so does the outbox; the outbox's ids."""
    start = SIZE - 1 - ROOM
    async with database.transaction() as tx:
        await tx.execute(text(f"SELECT setval('outbox_id_seq', {start})"))
        await tx.execute(update(feed_head).values(position=start, floor=start))
    told = [await tell(database) for _ in range(changes)]
    assert await number(database) == start + changes
    await floor(database, told[-1])
    return told


async def floor(database: Database, to: int) -> None:
    """The sequencer raises it in its own time, which transactions of other tests hold up."""
    await database.run(lambda tx: tx.execute(update(feed_head).values(floor=to)))


async def later(database: Database, *, by: timedelta) -> datetime:
    """A moment so long after the newest change that the first partition holds."""
    newest = (
        select(outbox.c.occurred_at)
        .join(feed, feed.c.outbox_id == outbox.c.id)
        .where(feed.c.position < SIZE)
        .order_by(feed.c.position.desc())
    )
    return (await database.value(newest)) + by  # type: ignore[no-any-return]


async def follow(database: Database, position: int, seen_at: datetime, name: str = "till") -> None:
    who: dict[str, Any] = {"principal": "device:1", "kind": "device", "name": name}
    await database.run(lambda tx: acknowledge(tx, **who, position=position, now=seen_at))


async def kept(database: Database) -> tuple[list[int], list[int]]:
    return await partitions.numbers(database, "feed"), await partitions.numbers(database, "outbox")


async def test_what_is_old_is_forgotten_whole(database: Database):
    await at_the_edge(database)
    before = await kept(database)
    assert await forget(database, await later(database, by=KEPT - HOUR)) == 0
    assert await kept(database) == before
    assert await forget(database, await later(database, by=KEPT + HOUR)) == 2
    assert (await head_of(database)).forgotten == SIZE - 1
    assert await kept(database) == (before[0][1:], before[1][1:])
    assert await forget(database, clock.now() + KEPT - HOUR) == 0
    rows = await database.rows(select(feed).order_by(feed.c.position))
    assert [row.position for row in rows] == [SIZE, SIZE + 1, SIZE + 2]
    found = await page(database, SHOPPER, after=SIZE - 1, first=10)
    assert (len(found.changes), found.end, found.snapshot_required) == (3, SIZE + 2, False)


async def test_the_partition_that_is_being_filled_stays(database: Database):
    await at_the_edge(database, changes=ROOM - 1)
    assert await forget(database, clock.now() + 2 * HELD_BACK) == 0
    assert (await head_of(database)).forgotten == 0


async def test_a_follower_holds_the_feed_back_and_not_for_ever(database: Database):
    await at_the_edge(database)
    now = await later(database, by=HELD_BACK - HOUR)
    await follow(database, SIZE - 2, now - HOUR)
    assert await forget(database, now) == 0
    await follow(database, SIZE - 1, now - HOUR)
    assert await forget(database, now) == 2


async def test_a_change_is_kept_for_no_follower_longer_than_a_week(database: Database):
    await at_the_edge(database)
    now = await later(database, by=HELD_BACK + HOUR)
    await follow(database, SIZE - 2, now - HOUR)
    assert await forget(database, now) == 2


async def test_who_was_silent_for_a_week_holds_nothing_back(database: Database):
    await at_the_edge(database)
    now = await later(database, by=KEPT + HOUR)
    await follow(database, SIZE - 2, now - HELD_BACK - HOUR)
    assert await forget(database, now) == 2


async def test_who_follows_another_epoch_holds_nothing_back(database: Database):
    await at_the_edge(database)
    now = await later(database, by=KEPT + HOUR)
    await follow(database, SIZE - 2, now - HOUR)
    await database.run(lambda tx: tx.execute(update(feed_head).values(epoch="another")))
    assert await forget(database, now) == 2


async def test_nothing_above_the_floor_is_forgotten_and_numbered_again(database: Database):
    told = await at_the_edge(database)
    now = await later(database, by=KEPT + HOUR)
    await floor(database, told[0])
    assert await forget(database, now) == 0
    async with sequencing(database) as one:
        assert await one.number() == 0
    await floor(database, told[ROOM - 1])
    assert await forget(database, now) == 2
    async with sequencing(database) as one:
        assert await one.number() == 0


async def test_the_outbox_keeps_what_the_feed_points_into(database: Database):
    """Ids and positions do not keep step: those of the feed's second partition have ids of the outbox's first."""
    start = SIZE - 1 - ROOM
    async with database.transaction() as tx:
        await tx.execute(text(f"SELECT setval('outbox_id_seq', {start - 2})"))
        await tx.execute(update(feed_head).values(position=start, floor=start - 2))
    for _ in range(ROOM + 2):
        await tell(database)
    await number(database)
    await floor(database, await database.value(select(func.max(outbox.c.id))))
    before = await kept(database)
    assert await forget(database, await later(database, by=KEPT + HOUR)) == 1
    assert await kept(database) == (before[0][1:], before[1])
    found = await page(database, SHOPPER, after=SIZE - 1, first=10, compacted=False)
    assert (len(found.changes), found.end) == (2, SIZE + 1)


class Interrupted:
    """Reads, and lets something happen after the first so many statements."""

    def __init__(self, database: Database, after: int, happening: Any) -> None:
        self.database, self.left, self.happening = database, after, happening

    async def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            await self.happening()

    async def rows(self, *given: Any) -> Any:
        found = await self.database.rows(*given)
        await self._count()
        return found

    async def row(self, *given: Any) -> Any:
        found = await self.database.row(*given)
        await self._count()
        return found

    async def value(self, *given: Any) -> Any:
        return await self.database.value(*given)


@pytest.mark.parametrize("statements", [1, 2])
async def test_a_reader_whose_partition_is_dropped_is_told_and_skips_nothing(
    database: Database, statements: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.events.feed.SCANNED_AT_ONCE", 1)
    await at_the_edge(database)
    now = await later(database, by=KEPT + HOUR)

    async def drop() -> None:
        assert await forget(database, now) == 2

    reader = Interrupted(database, statements, drop)
    found = await page(reader, SHOPPER, after=SIZE - 1 - ROOM, first=10, compacted=False)
    assert found.snapshot_required
    assert found.changes == []
    again = await page(database, SHOPPER, after=found.end, first=10)
    assert again.snapshot_required


async def test_a_process_that_was_behind_begins_anew(database: Database):
    follower = Follower(database)
    await follower.begin()
    told: list[int] = []
    follower.on_rows(lambda rows: told.extend(row.position for row in rows))
    await at_the_edge(database)
    await forget(database, await later(database, by=KEPT + HOUR))
    follower.hint(SIZE + 2)
    running = asyncio.create_task(follower.run())
    try:
        assert await follower.reach(SIZE + 2, 20)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert told == []


async def test_what_was_cut_short_is_taken_up_again(database: Database):
    await at_the_edge(database)
    now = await later(database, by=KEPT + HOUR)
    before = await kept(database)
    await database.run(lambda tx: tx.execute(update(feed_head).values(forgotten=SIZE - 1)))
    async with database.reads.connect() as connection:
        await connection.execute(text("ALTER TABLE feed DETACH PARTITION feed_p0 CONCURRENTLY"))
    assert [each.attached for each in await partitions.listed(database, "feed")][:2] == [False, True]
    assert await forget(database, now) == 2
    assert await kept(database) == (before[0][1:], before[1][1:])
    assert await database.value(text("SELECT to_regclass('feed_p0')")) is None


async def test_a_long_transaction_keeps_a_partition_until_it_ends(database: Database):
    await at_the_edge(database)
    now = await later(database, by=KEPT + HOUR)
    impatient = Database.open(database.reads.url.render_as_string(hide_password=False), reads=1)
    try:
        await impatient.value(select(func.set_config("lock_timeout", "200ms", False)))
        async with database.transaction() as tx:
            await tx.rows(select(func.count()).select_from(feed))
            assert await forget(impatient, now) == 0
            assert (await head_of(database)).forgotten == SIZE - 1
            assert (await partitions.listed(database, "feed"))[0].pending
            found = await page(database, SHOPPER, after=SIZE - 1, first=10)
            assert len(found.changes) == 3
        assert await forget(impatient, now) == 2
        assert 0 not in await partitions.numbers(database, "feed")
    finally:
        await impatient.close()


async def test_partitions_are_made_ahead_by_the_same_job(database: Database):
    async with database.transaction() as tx:
        await tx.execute(update(feed_head).values(position=2 * SIZE))
    made = await retention.keep(database, clock.now())
    assert made > 0
    assert max(await partitions.numbers(database, "feed")) == 2 + partitions.AHEAD


async def test_the_audit_does_not_miss_what_was_forgotten(shop):
    actor = shop.actor()

    async def write(tx):
        return await customers.create(tx, actor, {"first_name": "Ana"})

    await shop.db.run(write)
    followed = {Topic.CUSTOMER: select(customer.c.id, customer.c.version)}
    await at_the_edge(shop.db)
    assert await violations(shop.db, followed) == []
    assert await forget(shop.db, await later(shop.db, by=KEPT + HOUR)) == 2
    assert await violations(shop.db, followed) == []
    await shop.db.run(lambda tx: write(tx))
    await shop.db.run(lambda tx: tx.execute(update(customer).values(version=7)))
    assert [line.rpartition(" has ")[2] for line in await violations(shop.db, followed)] == [
        "version 7: version 1 was told last"
    ]
