"""Connections that are lent: never more than there may be, none lost, none that PostgreSQL has closed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Executable, Text, bindparam, func, select, text
from sqlalchemy.exc import DBAPIError

from app.platform.db import Database, Tx

MOST = 2
SLEEP = select(func.pg_sleep(bindparam("seconds")).cast(Text))
WHO = select(func.pg_backend_pid())
XID = select(func.pg_current_xact_id().cast(Text))
NO_XID = select(func.pg_current_xact_id_if_assigned().cast(Text))
MISTAKE = select(1 / func.length(bindparam("given", type_=Text)))


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = Database.open(database_url, reads=MOST, writes=MOST)
    yield database
    await database.close()


async def sleep(db: Database, seconds: float) -> None:
    await db.rows(SLEEP, {"seconds": seconds})


async def test_more_readers_than_lines_wait_for_their_turn(db: Database) -> None:
    pids = await asyncio.gather(*(db.value(WHO) for _ in range(40)))
    assert len(set(pids)) <= MOST
    assert (db.lines.in_use, db.lines.idle) == (0, len(set(pids)))


async def test_who_leaves_takes_no_line_and_no_turn_along(db: Database) -> None:
    held = [asyncio.create_task(sleep(db, 0.4)) for _ in range(MOST)]
    waiting = [asyncio.create_task(db.value(WHO)) for _ in range(6)]
    await asyncio.sleep(0.1)
    assert db.lines.in_use == MOST
    # One that waits, and one in the middle of its statement, whose connection cannot be used again.
    for task in (*waiting[:3], held[0]):
        task.cancel()
    done = await asyncio.gather(*held, *waiting, return_exceptions=True)
    assert [isinstance(each, asyncio.CancelledError) for each in done] == [True, False, True, True, True, *[False] * 3]
    assert db.lines.in_use == 0
    assert await asyncio.gather(*(db.value(WHO) for _ in range(10)))
    assert db.lines.idle <= MOST


async def test_what_postgresql_has_closed_is_replaced(db: Database) -> None:
    await asyncio.gather(*(sleep(db, 0.1) for _ in range(MOST)))
    before = await db.value(WHO)
    async with db.apart() as other:
        await other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )
    assert await db.value(WHO) != before
    assert (db.lines.in_use, db.lines.idle) == (0, 1)


ENDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"


def tell_that_it_ends(driver: Any) -> None:
    """What PostgreSQL says to an idle connection when it is restarted, a moment before it closes it."""
    driver._protocol.data_received(b"E" + (len(ENDS) + 4).to_bytes(4, "big") + ENDS)
    assert not driver.is_closed()


@pytest.mark.parametrize("statement", [WHO, text("SELECT pg_backend_pid()")], ids=["plain", "SQLAlchemy's"])
async def test_what_postgresql_has_said_that_it_ends_is_replaced(db: Database, statement: Executable) -> None:
    for _ in range(2):
        await asyncio.gather(*(sleep(db, 0.1) for _ in range(MOST)))
        before = await db.value(statement)
        for line in db.lines._idle:
            tell_that_it_ends(line.driver)
        assert await db.value(statement) != before
        assert (db.lines.in_use, db.lines.idle) == (0, 1)
        before = await db.run(lambda tx: tx.value(statement))
        for line in db.write_lines._idle:
            tell_that_it_ends(line.driver)
        assert await db.run(lambda tx: tx.value(statement)) != before
        assert (db.write_lines.in_use, db.write_lines.idle) == (0, 1)


async def test_a_snapshot_begins_on_a_connection_that_is_there(db: Database) -> None:
    async def who() -> int:
        async with db.snapshot() as tx:
            pid: int = await tx.value(WHO)
            return pid

    before = await who()
    assert await who() == before
    async with db.writes.connect() as connection:
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        assert raw.driver_connection.get_server_pid() == before
        tell_that_it_ends(raw.driver_connection)
    assert await who() != before
    async with db.apart() as other:
        await other.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid = $1", await who())
    assert await who()


async def test_a_mistake_costs_no_line(db: Database) -> None:
    for _ in range(3 * MOST):
        with pytest.raises(DBAPIError, match="division by zero"):
            await db.rows(MISTAKE, {"given": ""})
    assert await db.value(MISTAKE, {"given": "a"}) == 1
    assert (db.lines.in_use, db.lines.idle) == (0, 1)


async def test_what_is_not_for_the_driver_leaves_no_transaction(db: Database) -> None:
    """Built for one use, so run by SQLAlchemy: on the same connections."""
    assert (await db.rows(text("SELECT 1 AS one")))[0].one == 1
    assert (await db.rows(text("SELECT pg_current_xact_id_if_assigned() AS xact")))[0].xact is None
    assert (db.lines.in_use, db.lines.idle) == (0, 1)


async def test_lines_that_come_back_after_the_end_are_closed(database_url: str) -> None:
    database = Database.open(database_url, reads=MOST, writes=MOST)
    reading = asyncio.create_task(sleep(database, 0.3))
    await asyncio.sleep(0.1)
    await database.lines.close()
    await reading
    assert (database.lines.in_use, database.lines.idle) == (0, 0)
    await database.close()


async def test_more_writers_than_lines_wait_for_their_turn(db: Database) -> None:
    pids = await asyncio.gather(*(db.run(lambda tx: tx.value(WHO)) for _ in range(20)))
    assert len(set(pids)) <= MOST
    assert (db.write_lines.in_use, db.write_lines.idle) == (0, len(set(pids)))


async def test_who_writes_next_finds_no_transaction_of_who_failed_or_left(db: Database) -> None:
    begun = asyncio.Event()

    async def write(tx: Tx) -> None:
        await tx.value(XID)
        begun.set()
        await tx.value(SLEEP, {"seconds": 5})

    async def fail(tx: Tx) -> None:
        await tx.value(XID)
        await tx.value(MISTAKE, {"given": ""})

    for _ in range(2 * MOST):
        with pytest.raises(DBAPIError):
            await db.run(fail)
        begun.clear()
        leaving = asyncio.create_task(db.run(write))
        await begun.wait()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
    assert db.write_lines.in_use == 0
    assert await asyncio.gather(*(db.run(lambda tx: tx.value(NO_XID)) for _ in range(10))) == [None] * 10


async def test_who_reads_one_moment_takes_no_line_from_writers(db: Database) -> None:
    async with db.snapshot() as one, db.snapshot() as other:
        assert await one.value(WHO) != await other.value(WHO)
        assert len(await asyncio.gather(*(db.run(lambda tx: tx.value(WHO)) for _ in range(4)))) == 4
