"""Connections that stay open, each lent for one statement or one transaction: SQLAlchemy's pool is passed by, which
costs more than most reads do. They are SQLAlchemy's all the same: what is not for the driver runs on them as it would
anywhere.
"""

from asyncio import Future, get_running_loop, timeout
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import Executable, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.platform.statements import Line, Parameters, plain

PATIENCE: Final = 30.0
"""Seconds that a read or a write waits for a line."""


class _Open:
    """One connection, and the way to its driver."""

    __slots__ = ("connection", "driver", "line")

    def __init__(self, connection: AsyncConnection, driver: Any) -> None:
        self.connection = connection
        self.driver = driver
        self.line = Line(connection, begins=False)


class Lines:
    """At most `most` connections of an engine, opened when they are needed. The last used goes first."""

    def __init__(self, engine: AsyncEngine, most: int) -> None:
        self._engine = engine
        self._most = most
        self._open = 0
        self._idle: list[_Open] = []
        self._waiting: deque[Future[None]] = deque()
        self._closed = False

    @property
    def idle(self) -> int:
        """How many are open, and not in use."""
        return len(self._idle)

    @property
    def in_use(self) -> int:
        """How many are lent."""
        return self._open - len(self._idle)

    async def rows(self, statement: Executable, parameters: Parameters | None) -> Sequence[Row[Any]]:
        """All rows, of an engine in AUTOCOMMIT. Raises DBAPIError, and SQLAlchemy's TimeoutError where no line was free
        in time.
        """
        lent = self._at_once() or await self._take()
        connection = lent.connection
        try:
            if (known := plain(connection, statement, parameters)) is not None:
                return await lent.line.fetch(known, parameters)
            found = (await connection.execute(statement, parameters)).all()
            await connection.rollback()
            return found
        except DBAPIError as error:
            await self._failed(error)
            raise
        finally:
            await self._come_back(lent)

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[AsyncConnection]:
        """A connection for a block that leaves no transaction behind. Raises SQLAlchemy's TimeoutError."""
        lent = self._at_once() or await self._take()
        try:
            yield lent.connection
        except DBAPIError as error:
            await self._failed(error)
            raise
        finally:
            await self._come_back(lent)

    async def close(self) -> None:
        """Close all that are idle now, and each other when it comes back."""
        self._closed = True
        await self._drop_idle()

    async def _failed(self, error: DBAPIError) -> None:
        if error.connection_invalidated:
            # What cut off one has cut off the others.
            await self._drop_idle()

    async def _come_back(self, lent: _Open) -> None:
        if lent.connection.invalidated or self._closed or lent.connection.in_transaction():
            await self._drop(lent)
        else:
            self._idle.append(lent)
            self._wake()

    def _at_once(self) -> _Open | None:
        # Who waits already goes first.
        if not self._idle or self._waiting or self._idle[-1].driver.is_closed():
            return None
        return self._idle.pop()

    async def _take(self) -> _Open:
        while True:
            while self._idle:
                lent = self._idle.pop()
                if not lent.driver.is_closed():
                    return lent
                await self._drop(lent)
            if self._open < self._most:
                return await self._opened()
            await self._wait()

    async def _opened(self) -> _Open:
        self._open += 1
        connection = None
        try:
            connection = await self._engine.connect()
            raw = await connection.get_raw_connection()
            return _Open(connection, raw.driver_connection)
        except BaseException:
            self._open -= 1
            self._wake()
            if connection is not None:
                await connection.close()
            raise

    async def _wait(self) -> None:
        turn: Future[None] = get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with timeout(PATIENCE):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # Our turn came, and we left: it is somebody else's.
                self._wake()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise PoolTimeout(f"none of {self._most} connections was free within {PATIENCE:.0f} s") from error
            raise

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def _drop_idle(self) -> None:
        while self._idle:
            await self._drop(self._idle.pop())

    async def _drop(self, lent: _Open) -> None:
        self._open -= 1
        self._wake()
        await lent.connection.close()
