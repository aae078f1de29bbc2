"""Writers that meet: looking again after another one took a name, and taking turns where there is no row to lock."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlalchemy import BigInteger, bindparam, func, select
from sqlalchemy.exc import IntegrityError

from app.events.outbox import savepoint
from app.platform.db import Tx, sqlstate

T = TypeVar("T")

TAKE_TURNS: Final = select(func.pg_advisory_xact_lock(bindparam("key", type_=BigInteger)))
"""Until the transaction ends, those who run it with one key come one after another."""
SHELVES_KEY: Final = 0x5E1F
"""For those who make categories and collections that they did not find: no row is there yet to lock."""

UNIQUE_VIOLATION: Final = "23505"
ATTEMPTS: Final = 20
"""Each time one of both writers has gone on, so that few are ever needed."""


class TakenMeanwhile(Exception):
    """Another writer put there what this one did not find when it looked for it."""


async def again_when_taken(tx: Tx, write: Callable[[], Awaitable[T]]) -> T:
    """Run `write` in a savepoint; once more, from its beginning, when a unique index or TakenMeanwhile stopped it."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with savepoint(tx):
                return await write()
        except (IntegrityError, TakenMeanwhile) as error:
            met = isinstance(error, TakenMeanwhile) or sqlstate(error) == UNIQUE_VIOLATION
            if not met or attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")
