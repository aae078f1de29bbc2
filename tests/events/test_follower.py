"""A process's follower: every row once and in order, whether it hears of them or not; who waits is woken."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import Executable, Row, text, update
from sqlalchemy.event import listens_for
from structlog.testing import capture_logs

from app.events import follower as module
from app.events.feed import FeedRow, rows_after
from app.events.follower import Follower
from app.events.outbox import Topic, emit
from app.events.sequencer import CHANNEL, sequence
from app.events.tables import feed_head
from app.platform.db import Database
from app.platform.ids import new_id
from tests.events.telling import change, number, sequencing, tell


@asynccontextmanager
async def following(database: Database, *, numbering: bool = False, kept: int = 100) -> AsyncIterator[Follower]:
    one = Follower(database, kept=kept)
    await one.begin()
    tasks = [asyncio.create_task(one.run())]
    if numbering:
        tasks.append(asyncio.create_task(sequence(database, one.poke, one.take, one.numbers)))
    try:
        yield one
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def caught_up(one: Follower, position: int) -> None:
    assert await one.reach(position, 10), (one.position, position)


@pytest.mark.postgres15
async def test_a_follower_begins_at_the_head_and_reads_every_row_once(database: Database):
    await tell(database, *(change() for _ in range(5)))
    await number(database)
    seen: list[FeedRow] = []
    async with following(database) as one:
        assert one.position == 5
        assert one.recent(0) is None
        one.on_rows(seen.extend)
        for _ in range(4):
            await tell(database, *(change() for _ in range(3)))
            await number(database)
        await caught_up(one, 17)
        assert one.recent(5) == seen
        assert one.recent(15) == seen[-2:]
        assert one.recent(17) == []
    assert [row.position for row in seen] == list(range(6, 18))


async def test_hints_may_be_missed(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "LOOKS_EVERY", 0.1)
    monkeypatch.setattr(Follower, "hint", lambda self, position: None)
    async with following(database) as one:
        await tell(database)
        await number(database)
        await caught_up(one, 1)


async def test_a_follower_survives_the_loss_of_all_its_connections(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "RETRIES_AFTER", 0.05)
    monkeypatch.setattr(module, "LOOKS_EVERY", 0.2)
    async with following(database) as one:
        await tell(database)
        await number(database)
        await caught_up(one, 1)
        async with database.apart() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await tell(database)
        await number(database)
        await caught_up(one, 2)


async def test_a_follower_goes_on_whatever_went_wrong(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "RETRIES_AFTER", 0.01)
    heard: list[int] = []

    def hear(rows: list[FeedRow]) -> None:
        heard.append(rows[-1].position)
        if len(heard) == 1:
            raise RuntimeError("a mistake of ours")

    with capture_logs() as told:
        async with following(database) as one:
            one.on_rows(hear)
            await tell(database)
            await number(database)
            await caught_up(one, 1)
    assert heard == [1, 1]
    assert "does not read the feed" in {each["event"] for each in told if each["log_level"] == "error"}


async def test_a_sequencer_of_the_same_process_may_overtake_a_look(database: Database, monkeypatch: pytest.MonkeyPatch):
    one, read = Follower(database), database.row
    await one.begin()

    async def overtaken(statement: Executable) -> Row[Any] | None:
        found = await read(statement)
        await tell(database)
        await number(database)
        one.take(1, list(await rows_after(database, 0)), 0)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(database, "row", overtaken)
        await one._look()
    # It neither goes back nor begins anew.
    assert (one.position, one.beginnings) == (1, 1)


async def test_only_the_newest_rows_are_kept(database: Database):
    async with following(database, kept=10) as one:
        for _ in range(30):
            await tell(database)
            await number(database)
        await caught_up(one, 30)
        assert one.recent(5) is None
        newest = one.recent(25)
        assert newest is not None
        assert [row.position for row in newest] == [26, 27, 28, 29, 30]
        assert len(one._rows) <= 20
        assert len(one._numbers) == len(one._rows)


async def test_a_write_learns_its_position(database: Database):
    async with following(database, numbering=True) as one:
        ids = [await tell(database, change(), change()) for _ in range(5)]
        assert [await one.numbered(each, 5.0) for each in ids] == [2, 4, 6, 8, 10]


async def test_who_numbers_reads_nothing_of_what_it_numbered(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "LOOKS_EVERY", 60.0)
    asked: list[str] = []
    async with following(database, numbering=True) as one:
        # What was heard of before it was elected is read.
        await one.numbered(await tell(database), 5.0)

        @listens_for(database.reads.sync_engine, "before_cursor_execute")
        def hear(_connection, _cursor, statement: str, *_) -> None:
            asked.append(statement)

        heard: list[int] = []
        async with database.apart() as connection:
            await connection.add_listener(CHANNEL, lambda *told: heard.append(int(told[-1])))
            for number_of in range(2, 22):
                assert await one.numbered(await tell(database), 5.0) == number_of
            async with asyncio.timeout(5):
                while 21 not in heard:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        assert one.position == 21
        assert asked == []


async def test_who_numbers_listens_again_when_somebody_else_does(database: Database, monkeypatch: pytest.MonkeyPatch):
    """It has nothing to hear as long as it numbers itself."""
    monkeypatch.setattr(module, "LOOKS_EVERY", 60.0)
    last = "SELECT query FROM pg_stat_activity WHERE query LIKE '%LISTEN%' AND query NOT LIKE '%activity%'"

    async def until(said: str) -> None:
        async with asyncio.timeout(5), database.apart() as connection:
            while said not in [row["query"].split()[0] for row in await connection.fetch(last)]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async with following(database) as one:
        await until("LISTEN")
        numbering = asyncio.create_task(sequence(database, one.poke, one.take, one.numbers))
        await until("UNLISTEN")
        assert await one.numbered(await tell(database), 5.0) == 1
        numbering.cancel()
        await until("LISTEN")
        await tell(database)
        await number(database)
        await caught_up(one, 2)


async def test_a_commit_is_numbered_before_anybody_asks_for_its_number(database: Database):
    async with following(database, numbering=True) as one:
        await one.numbered(await tell(database), 5.0)
        told = await tell(database)
        one.committed(told)
        await caught_up(one, 2)
        one.poke.clear()
        assert await one.numbered(told, 0.0) == 2
        assert not one.poke.is_set()


async def test_where_nobody_numbers_only_the_first_write_waits(database: Database):
    async with following(database) as one:
        first, second = await tell(database), await tell(database)
        assert await one.numbered(first, 0.01) is None
        async with asyncio.timeout(5):
            assert await one.numbered(second, 600) is None
        await number(database)
        await caught_up(one, 2)
        assert await one.numbered(second, 600) == 2


async def test_who_waits_is_woken_by_what_they_wait_for(database: Database):
    mine, others = new_id(), new_id()
    async with following(database, numbering=True) as one:
        by_key = one.watch([(Topic.CART, mine), (Topic.ORDER, mine)])
        by_topic = one.watch([Topic.CART])
        await tell(database, change(others, topic=Topic.CART), change(mine, topic=Topic.PRICE))
        assert await by_topic.wait(5) == {Topic.CART}
        assert await by_key.wait(0.05) == set()
        await tell(database, change(mine, topic=Topic.CART))
        assert await by_key.wait(5) == {(Topic.CART, mine)}
        by_key.close()
        by_topic.close()
        assert not one._watched


async def test_a_restored_database_is_followed_anew(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "LOOKS_EVERY", 0.05)
    async with following(database) as one:
        await tell(database, *(change() for _ in range(3)))
        await number(database)
        await caught_up(one, 3)
        watch = one.watch([Topic.CART])
        async with database.transaction() as tx:
            await tx.execute(text("DELETE FROM feed WHERE position > 1"))
            await tx.execute(update(feed_head).values(position=1, epoch="another"))
        assert await watch.wait(5) == {Topic.CART}
        assert (one.position, one.epoch, one.recent(0)) == (1, "another", None)


async def test_a_transaction_is_never_seen_before_it_is_over(database: Database):
    async with following(database) as one, sequencing(database) as numbers:
        async with database.transaction() as tx:
            await emit(tx, [change()])
            assert await numbers.number() == 0
        assert await numbers.number() == 1
        await caught_up(one, 1)
