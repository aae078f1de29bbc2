"""Numbering: every committed change once, without a gap, each entity's in their order; whoever numbers, whenever."""

import asyncio
import random
import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from time import monotonic

import pytest
from sqlalchemy import func, select, text, update

from app.events import partitions, sequencer
from app.events.outbox import emit
from app.events.sequencer import Deposed, sequence
from app.events.tables import feed, feed_head, outbox
from app.platform import lease
from app.platform.db import Database
from app.platform.ids import new_id
from tests.events.telling import change, number, numbered, sequencing, tell, told_in_order

pytestmark = pytest.mark.postgres15


async def test_what_was_committed_is_numbered_once(database: Database):
    first = await tell(database)
    last = await tell(database, *(change() for _ in range(3)))
    async with sequencing(database) as one:
        assert await one.number() == 4
        assert await one.number() == 0
        assert one.position == 4
    assert await numbered(database) == [first, *range(last - 2, last + 1)]


async def test_what_was_rolled_back_leaves_no_gap(database: Database):
    async with sequencing(database) as one:
        async with database.transaction() as tx:
            await emit(tx, [change()])
            await tx.connection.rollback()
        kept = await tell(database)
        await one.number()
    assert await numbered(database) == [kept]


async def test_a_transaction_that_was_slow_to_commit_comes_later(database: Database):
    async with sequencing(database) as one, AsyncExitStack() as open_ones:
        slow = await open_ones.enter_async_context(database.transaction())
        await emit(slow, [change(), change()])
        quick = [await tell(database) for _ in range(3)]
        assert await one.number() == 3
        quick.append(await tell(database))
        assert await one.number() == 1
        await open_ones.aclose()
        assert await one.number() == 2
    assert await numbered(database) == [*quick, quick[0] - 2, quick[0] - 1]


async def test_a_younger_transaction_with_an_older_id_is_not_missed(database: Database):
    """It is not in the snapshot's list of those in progress: that ends at the newest transaction that is over."""
    async with sequencing(database) as one, AsyncExitStack() as old_one, AsyncExitStack() as young_one:
        old = await old_one.enter_async_context(database.transaction())
        await old.value(select(func.pg_current_xact_id()))
        young = await young_one.enter_async_context(database.transaction())
        await emit(young, [change()])
        await emit(old, [change()])
        assert young.told is not None
        assert old.told is not None
        assert young.told < old.told
        await old_one.aclose()
        assert await one.number() == 1
        # Not once more before that: the next snapshot would list it.
        await young_one.aclose()
        assert await one.number() == 1
    assert await numbered(database) == [old.told, young.told]


async def test_who_takes_over_finds_what_was_left_and_numbers_nothing_twice(database: Database):
    async with AsyncExitStack() as slow_one:
        slow = await slow_one.enter_async_context(database.transaction())
        await emit(slow, [change()])
        await tell(database, change(), change())
        assert await number(database) == 2
        await tell(database)
        assert await number(database) == 3
        # Nothing is left to number, and yet the slow one is still to come.
        async with sequencing(database) as one:
            assert await one.number() == 0
            await tell(database)
            assert await one.number() == 1
            await slow_one.aclose()
            assert await one.number() == 1
    assert len(set(await numbered(database))) == 5


async def test_the_floor_rises_only_above_what_is_numbered(database: Database):
    async with sequencing(database) as one, AsyncExitStack() as slow_one:
        slow = await slow_one.enter_async_context(database.transaction())
        await emit(slow, [change()])
        for _ in range(3):
            await tell(database)
            await one.number()
        assert one.floor == 0
        await slow_one.aclose()
        # Transactions of other databases on the same server keep it down as well.
        async with asyncio.timeout(30):
            while await database.value(select(feed_head.c.floor)) == 0:
                last = await tell(database)
                await one.number()
        assert one.floor < last
        below = select(func.count()).select_from(outbox).where(outbox.c.id <= one.floor)
        found = select(func.count()).select_from(feed).where(feed.c.outbox_id <= one.floor)
        assert await database.value(below) == await database.value(found)


async def test_who_was_deposed_numbers_nothing(database: Database):
    async with sequencing(database) as old, sequencing(database) as new:
        await tell(database)
        with pytest.raises(Deposed):
            await old.number()
        assert await new.number() == 1
        await tell(database)
        with pytest.raises(Deposed):
            await old.number()
    assert await number(database) == 2


@pytest.mark.parametrize("seed", range(3))
async def test_writers_of_any_speed_and_sequencers_of_any_number(database: Database, seed: int):
    chance = random.Random(seed)
    entities = [new_id() for _ in range(4)]
    for entity in entities:
        await tell(database, change(entity, 1))
    locks = {entity: asyncio.Lock() for entity in entities}
    versions = dict.fromkeys(entities, 1)
    done = asyncio.Event()

    async def write() -> None:
        for _ in range(12):
            entity = chance.choice(entities)
            async with locks[entity], database.transaction() as tx:
                await emit(tx, [change(entity, versions[entity] + 1)])
                await asyncio.sleep(chance.choice((0, 0, 0.002, 0.01)))
                if chance.random() < 0.2:
                    await tx.connection.rollback()
                else:
                    versions[entity] += 1

    async def sequencers() -> None:
        while not done.is_set():
            async with sequencing(database) as one:
                for _ in range(chance.randrange(1, 8)):
                    await one.number()
                    await asyncio.sleep(chance.choice((0, 0.001, 0.004)))

    rivals = [asyncio.create_task(_deposed_is_fine(sequencers)) for _ in range(2)]
    await asyncio.gather(*(write() for _ in range(8)))
    done.set()
    await asyncio.gather(*rivals)
    await number(database)
    found: dict[object, list[int]] = {}
    for _, entity, version in await told_in_order(database):
        found.setdefault(entity, []).append(version)
    assert found == {entity: list(range(1, versions[entity] + 1)) for entity in entities}


async def _deposed_is_fine(run):
    while True:
        try:
            await run()
        except Deposed:
            continue
        return


async def test_a_restored_database_has_an_epoch_of_its_own(database: Database):
    async with sequencing(database) as one:
        epoch = one.epoch
    async with sequencing(database) as again:
        assert again.epoch == epoch
    async with database.transaction() as tx:
        await tx.execute(update(feed_head).values(cluster="123/00000001"))
    async with sequencing(database) as restored:
        assert restored.epoch != epoch
        assert restored.position == one.position


async def test_the_feed_goes_on_from_partition_to_partition(database: Database):
    size = partitions.SIZE
    edge = 5 * size - 3
    async with database.transaction() as tx:
        await tx.execute(text(f"SELECT setval('outbox_id_seq', {3 * size - 3})"))
        await tx.execute(update(feed_head).values(position=edge, forgotten=edge, floor=3 * size - 3))
    assert await partitions.make_ahead(database) > 0
    assert await partitions.make_ahead(database) == 0
    ids = [await tell(database) for _ in range(6)]
    assert ids[0] < 3 * size < ids[-1]
    assert await number(database) == edge + 6
    rows = await database.rows(select(feed).order_by(feed.c.position))
    assert [(row.position, row.outbox_id) for row in rows] == list(zip(range(edge + 1, edge + 7), ids, strict=True))
    assert {2, 3, 4, 5} <= set(await partitions.numbers(database, "outbox"))


async def test_one_of_many_is_elected_and_another_takes_over_at_once(database: Database, monkeypatch):
    monkeypatch.setattr(lease, "ASKED_EVERY", 0.05)
    heads: dict[str, list[int]] = {"a": [], "b": []}

    def hear(name: str) -> Callable[[int, object, int], None]:
        def numbered(head: int, _rows: object, _by: int) -> None:
            heads[name].append(head)

        return numbered

    tasks = {name: asyncio.create_task(sequence(database, asyncio.Event(), hear(name))) for name in ("a", "b")}
    try:
        await _until(lambda: any(heads.values()), database)
        (first,) = [name for name, seen in heads.items() if seen]
        (second,) = set(heads) - {first}
        tasks[first].cancel()
        await _until(lambda: bool(heads[second]), database)
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    await number(database)
    await numbered(database)


async def _until(happened, database: Database) -> None:
    async with asyncio.timeout(10):
        while not happened():
            await tell(database)
            await asyncio.sleep(0.01)


async def test_a_transaction_has_its_number_before_it_draws_an_id(database: Database):
    """The sequencer goes by it: see the order of the outbox's columns."""
    columns = await database.rows(
        text("SELECT attname FROM pg_attribute WHERE attrelid = 'outbox'::regclass AND attnum > 0 ORDER BY attnum")
    )
    names = [row.attname for row in columns]
    assert names.index("xid") < names.index("id")
    assert [column.name for column in outbox.c][:2] == ["xid", "id"]


async def test_a_sequencer_whose_connection_is_cut_is_followed_by_another(database: Database, monkeypatch):
    monkeypatch.setattr(lease, "FAILED_PAUSE", 0.05)
    heads: list[int] = []
    task = asyncio.create_task(sequence(database, asyncio.Event(), lambda head, *_: heads.append(head)))
    try:
        await _until(lambda: bool(heads), database)
        cut = text(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND classid = :space "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        assert await database.value(cut, {"space": lease.SPACE}) == 1
        seen = len(heads)
        await _until(lambda: len(heads) > seen, database)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await number(database)
    await numbered(database)


@pytest.mark.parametrize("statement", [sequencer.NEXT, sequencer.MANY], ids=["few", "many"])
async def test_a_pass_is_planned_once_and_goes_by_the_index_of_transactions(database: Database, statement: str):
    async with sequencing(database) as one:
        await tell(database)
        await one.number()
        args = "1, 0, 10, ARRAY['5'], '6'"
        await one.connection.execute(f"PREPARE again (bigint, bigint, bigint, text[], text) AS {statement}")
        plan = "\n".join(row[0] for row in await one.connection.fetch(f"EXPLAIN EXECUTE again ({args})"))
    # Of the rows below the highest that was seen only those of the transactions that are asked for are looked at.
    assert "Index Cond: (xid = ANY" in plan
    assert "Index Cond: (xid >= " in plan
    assert "$2" in plan, "planned anew"
    assert not re.search(r"Seq Scan on (outbox|feed)", plan)


async def test_few_are_handed_on_and_many_are_left_to_be_read(database: Database):
    few = sequencer.FEW
    async with sequencing(database) as one:
        await one.number()
        await tell(database, *(change(version=number) for number in range(few)))
        assert await one.number() == few
        assert [(row.position, row.version) for row in one.told] == [(place + 1, place) for place in range(few)]
        async with AsyncExitStack() as slow_one:
            slow = await slow_one.enter_async_context(database.transaction())
            await emit(slow, [change() for _ in range(3 * few)])
            await tell(database, *(change() for _ in range(3 * few)))
            # No more than shows that they are many; then all that there are.
            assert [await one.number() for _ in range(3)] == [few + 1, 2 * few - 1, 0]
            assert one.told == []
            await slow_one.aclose()
        # What comes late comes as it was written, however many.
        assert await one.number() == 3 * few
        assert (one.told, one.shared) == ([], True)
        assert await one.number() == 0
    assert one.position == await database.value(select(feed_head.c.position)) == 7 * few
    await numbered(database)


async def test_a_sequencer_knows_whether_several_wrote_what_it_numbered(database: Database):
    async with sequencing(database) as one:
        for writers, changes, shared in ((1, 3, False), (2, 1, True), (1, sequencer.FEW + 1, True), (0, 0, False)):
            for _ in range(writers):
                await tell(database, *(change() for _ in range(changes)))
            assert await one.number() == writers * changes
            assert one.shared == shared


def test_a_snapshot_says_whom_it_could_not_see():
    read = sequencer.Snapshot.of("100:105:100,103")
    assert (read.oldest, read.end, read.in_progress) == (100, "105", ("100", "103"))
    assert sequencer.Snapshot.of("7:7:").in_progress == ()


async def test_who_share_a_pass_wait_for_those_that_are_writing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sequencer, "AT_MOST_SECONDS", 600.0)
    monkeypatch.setattr(sequencer, "TOGETHER_SECONDS", 0.0)
    poke, writing = asyncio.Event(), [True, True]
    waiting = asyncio.create_task(sequencer._together(monotonic(), poke, lambda: bool(writing)))
    for _ in range(2):
        await asyncio.sleep(0.05)
        assert not waiting.done()
        # One has committed.
        writing.pop()
        poke.set()
    await asyncio.wait_for(waiting, 5)
    assert poke.is_set(), "what was committed meanwhile is to be numbered at once"
    # Who writes for long holds up nobody for longer than that.
    monkeypatch.setattr(sequencer, "AT_MOST_SECONDS", 0.01)
    poke.clear()
    await asyncio.wait_for(sequencer._together(monotonic(), poke, lambda: True), 5)
    assert not poke.is_set()
