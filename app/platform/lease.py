"""One process at a time: work that an advisory lock of PostgreSQL elects somebody for.

The lock lives as long as its connection. It elects, no more: work that must never be done by two fences itself.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError

from app.platform.db import Database
from app.platform.statements import DRIVERS_OWN

log = structlog.get_logger("feira.lease")

ASKED_EVERY: Final = 0.4
"""Seconds between two attempts to be elected: who takes over does so well within two seconds."""
FAILED_PAUSE: Final = 1.0

TRY: Final = "SELECT pg_try_advisory_lock($1, $2)"
SPACE: Final = 0x66656972  # "feir"

LOST = (*DRIVERS_OWN, DBAPIError, TimeoutError)
"""What ends an office: the connection, or the server, is gone."""


async def hold_office(
    database: Database, name: str, key: int, work: Callable[["asyncpg.Connection[Any]"], Awaitable[None]]
) -> None:
    """Do `work` while elected to the office of this name and number; stand for election whenever not. Never returns.

    `work` gets the connection that holds the lock, goes on for ever, and must fail soon after the connection does.
    """
    while True:
        try:
            async with database.apart() as connection:
                while not await connection.fetchval(TRY, SPACE, key):  # noqa: ASYNC110
                    await asyncio.sleep(ASKED_EVERY * random.uniform(0.8, 1.2))  # noqa: S311
                log.info("elected", office=name)
                await work(connection)
        except LOST as error:
            log.warning("office lost", office=name, reason=type(error).__name__)
        except Exception:
            log.exception("office failed", office=name)
        await asyncio.sleep(FAILED_PAUSE * random.uniform(0.2, 0.4))  # noqa: S311
