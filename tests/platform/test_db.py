"""The database when it is busy, and when it was away."""

import asyncio

import pytest
from sqlalchemy import text

from app.platform.db import Database, Tx
from app.platform.errors import Busy

KILL_OTHERS = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
ONE = text("SELECT 1")


async def test_connections_that_postgresql_closed_are_replaced(database: Database, database_url: str) -> None:
    async def write(tx: Tx) -> int:
        value: int = await tx.value(ONE)
        return value

    await asyncio.gather(*(database.value(ONE) for _ in range(4)), *(database.run(write) for _ in range(4)))
    other = Database.open(database_url, reads=1, writes=1)
    assert await other.value(KILL_OTHERS) >= 4
    await other.close()

    assert await database.value(ONE) == 1
    assert await database.run(write) == 1


async def test_a_write_whose_commit_was_cut_off_runs_again_only_if_it_may(
    database: Database, database_url: str
) -> None:
    runs = 0
    other = Database.open(database_url, reads=1, writes=1)

    async def cut_off(tx: Tx) -> None:
        nonlocal runs
        runs += 1
        await tx.execute(ONE)
        if runs == 1:
            await other.value(KILL_OTHERS)
            await asyncio.sleep(0.1)

    with pytest.raises(Exception, match=r"(?i)connection|terminat"):
        await database.run(cut_off)
    assert runs == 1

    runs = 0
    await database.run(cut_off, repeatable=True)
    assert runs == 2
    await other.close()


async def test_a_statement_that_takes_too_long_is_told_as_busy(database: Database) -> None:
    async def sleep(tx: Tx) -> None:
        await tx.execute(text("SET LOCAL statement_timeout = '50ms'"))
        await tx.execute(text("SELECT pg_sleep(5)"))

    with pytest.raises(Busy):
        await database.run(sleep)


async def test_a_lock_that_is_not_to_be_had_is_told_as_busy(database: Database) -> None:
    holding, release = asyncio.Event(), asyncio.Event()

    async def hold(tx: Tx) -> None:
        await tx.execute(text("SELECT pg_advisory_xact_lock(4711)"))
        holding.set()
        await release.wait()

    async def want(tx: Tx) -> None:
        await tx.execute(text("SET LOCAL lock_timeout = '50ms'"))
        await tx.execute(text("SELECT pg_advisory_xact_lock(4711)"))

    holder = asyncio.create_task(database.run(hold))
    await holding.wait()
    with pytest.raises(Busy):
        await database.run(want)
    release.set()
    await holder
