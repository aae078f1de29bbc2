"""Bringing a database to the schema that this version of Feira works with; alembic does it, one process at a time."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from asyncpg import PostgresError as ServerError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.platform.reach import plain_engine, reason

ROOT = Path(__file__).resolve().parents[2]

LOCK_KEY = 0x66656972  # "feir"
LOCK_WAIT = 600.0  # seconds that another process may take to migrate
# A statement that waits for a table makes every later reader of that table wait behind it: better to give up and retry.
STATEMENT_LOCK_WAIT = "5s"

ATTEMPTS = 5
LOCK_NOT_AVAILABLE = "55P03"

_try_lock = text("SELECT pg_try_advisory_lock(:key)")
_set_lock_wait = text("SELECT set_config('lock_timeout', :wait, false)")


# Made and dropped by `events.partitions` while the shop runs.
PARTITION = re.compile(r"(outbox|feed)_p\d+")


def compared(name: str | None, kind: str, _parents: object) -> bool:
    """What of a database is compared with the tables of `app/*/tables.py`: all but the partitions of the feed."""
    return kind != "table" or name is None or PARTITION.fullmatch(name) is None


class MigrationError(Exception):
    """The database cannot be brought to this schema; the message is one line for the operator."""


async def upgrade(url: str, report: Callable[[str], None] = lambda _: None) -> bool:
    """Migrate to the newest revision; False when the database is there already. Raises MigrationError."""
    if await is_current(url):
        return False
    report("migrating the database")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with alone(url) as connection:
                await connection.run_sync(_upgrade)
            return True
        except CommandError as error:
            raise MigrationError(str(error)) from error
        except (DBAPIError, ServerError, OSError) as error:
            sqlstate = getattr(getattr(error, "orig", error), "sqlstate", None)
            if sqlstate != LOCK_NOT_AVAILABLE or attempt == ATTEMPTS:
                raise MigrationError(f"the migration failed: {reason(error)}") from error
            await asyncio.sleep(attempt)
    raise AssertionError("unreachable")


async def is_current(url: str) -> bool:
    """Whether the database is at the newest revision. Raises MigrationError when it is at one unknown here."""
    engine = plain_engine(url)
    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_heads())
    except (DBAPIError, ServerError, OSError) as error:
        raise MigrationError(f"the database's revision cannot be read: {reason(error)}") from error
    finally:
        await engine.dispose()
    scripts = ScriptDirectory.from_config(configuration())
    known = {script.revision for script in scripts.walk_revisions()}
    if unknown := set(found) - known:
        raise MigrationError(f"the database is at revision {min(unknown)}, which this version of Feira does not know")
    return set(found) == set(scripts.get_heads())


@asynccontextmanager
async def alone(url: str) -> AsyncIterator[AsyncConnection]:
    """A connection that no other migrating process has at the same time. Raises MigrationError after ten minutes."""
    engine = plain_engine(url)
    try:
        async with engine.connect() as connection:
            waited = 0.0
            # Tried again and again, never waited for: a waiting statement holds a snapshot, and
            # CREATE INDEX CONCURRENTLY in the process that has the lock would wait for that snapshot for ever.
            while not (await connection.execute(_try_lock, {"key": LOCK_KEY})).scalar():
                await connection.rollback()
                if waited > LOCK_WAIT:
                    raise MigrationError(f"another process has been migrating this database for {LOCK_WAIT:g} s")
                await asyncio.sleep(0.2)
                waited += 0.2
            await connection.execute(_set_lock_wait, {"wait": STATEMENT_LOCK_WAIT})
            await connection.commit()
            yield connection
    finally:
        await engine.dispose()


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's settings, with the connection that `migrations/env.py` is to use."""
    return Config(ROOT / "alembic.ini", attributes={"connection": connection})


def _upgrade(connection: Connection) -> None:
    command.upgrade(configuration(connection), "head")
