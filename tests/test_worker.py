"""The background work."""

import asyncio
from contextlib import suppress

from sqlalchemy import text

from app.platform import lease
from app.platform.db import Database
from app.worker import JOBS, OFFICE, Job, work

CUT = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND classid = :space "
    "AND objid = :office AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


async def test_every_job_runs_on_an_empty_shop(database):
    for job in JOBS:
        assert await job.run(database) == 0


async def test_a_job_is_done_again_and_again_and_one_that_fails_hinders_none(database):
    done = asyncio.Event()
    times = 0
    failures = 0

    async def count(_):
        nonlocal times
        times += 1
        if times == 5:
            done.set()
        return 1

    async def fail(_):
        nonlocal failures
        failures += 1
        raise RuntimeError("not today")

    running = asyncio.create_task(work(database, (Job("count", 0.01, count), Job("fail", 0.01, fail))))
    async with asyncio.timeout(10):
        await done.wait()
    assert not running.done()
    assert failures == 1
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()


class Worker:
    """One of many: how often it worked."""

    def __init__(self, database: Database, busy: set["Worker"]) -> None:
        self.times = 0
        self.busy = busy
        self.together = 0
        self.task = asyncio.create_task(work(database, (Job("count", 0.01, self.count),)))

    async def count(self, _: Database) -> int:
        self.busy.add(self)
        self.together = max(self.together, len(self.busy))
        try:
            await asyncio.sleep(0.005)
        finally:
            # Who is stopped in the middle works no more either.
            self.busy.discard(self)
        self.times += 1
        return 0

    async def end(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


async def works(worker: Worker) -> None:
    seen = worker.times
    async with asyncio.timeout(10):
        while worker.times < seen + 5:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_one_of_many_works_and_another_takes_over_from_who_stops(database):
    busy: set[Worker] = set()
    first = Worker(database, busy)
    await works(first)
    second = Worker(database, busy)
    await works(first)
    await works(first)
    assert second.times == 0
    await first.end()
    await works(second)
    assert first.together == second.together == 1
    await second.end()


async def test_who_loses_its_connection_stops_and_another_takes_over(database, monkeypatch):
    # Who lost it may be elected again, and would be, were it quicker than who has been asking.
    monkeypatch.setattr(lease, "FAILED_PAUSE", 5.0)
    busy: set[Worker] = set()
    first = Worker(database, busy)
    await works(first)
    second = Worker(database, busy)
    await asyncio.sleep(2 * lease.ASKED_EVERY)
    assert await database.value(CUT, {"space": lease.SPACE, "office": OFFICE}) == 1
    await works(second)
    # It notices within a moment, and stands for election again.
    async with asyncio.timeout(10):
        seen = -1
        while first.times != seen:
            seen = first.times
            await asyncio.sleep(0.1)
    assert not first.task.done()
    await second.end()
    await works(first)
    await first.end()


async def test_who_cannot_reach_the_database_goes_on_trying(database, monkeypatch):
    monkeypatch.setattr(lease, "FAILED_PAUSE", 0.05)
    nowhere = Worker(Database.open("postgresql://127.0.0.1:1/nowhere"), set())
    await asyncio.sleep(0.5)
    assert nowhere.times == 0
    assert not nowhere.task.done()
    await nowhere.end()
