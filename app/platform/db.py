"""The database: table metadata, read connections, write transactions, and the column types that every domain shares.

A command gets a `Tx`, a query gets a `Reader`; both take statements that were built once: at import, or for a list
by its shape (`statements.built`).
"""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from typing import Any, Protocol, TypeVar
from uuid import UUID

import asyncpg
from sqlalchemy import BigInteger, Column, DateTime, Executable, MetaData, Row, Text, UpdateBase, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.platform.ahead import Answer, Questions
from app.platform.engines import APART, open_engine
from app.platform.errors import Busy
from app.platform.lines import Lines
from app.platform.standing import Kept
from app.platform.statements import Line, Parameters, Plain, Root, is_outdated, is_read, plain

type_names = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=type_names)

T = TypeVar("T")

# SQLSTATEs after which running the same command again is right: deadlock and serialization failure.
RETRIABLE = frozenset({"40P01", "40001"})
ATTEMPTS = 6
# Too many connections; a lock that was not to be had in time; a statement that took too long.
OTHERS_HAVE_IT = frozenset({"53300", "55P03", "57014"})

APART_FROM_LINES = 4
"""Connections beside those that are lent to writes: for what reads one moment for long."""
FOR_LONG = text("SELECT set_config('statement_timeout', '0', true), set_config('plan_cache_mode', 'auto', true)")
"""For the reads of a snapshot: each takes what it takes, and is planned for what it asks."""


def id_column() -> Column[Any]:
    """The primary key `id`: a UUID made in Python."""
    return Column("id", Uuid, primary_key=True)


def moment(name: str, *, nullable: bool = False) -> Column[Any]:
    """A time with its zone, read and written in UTC."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def minor(name: str, *, nullable: bool = False, default: int | None = None) -> Column[Any]:
    """An amount of money in minor units of the row's currency."""
    return Column(name, BigInteger, nullable=nullable, server_default=None if default is None else text(str(default)))


def milli(name: str, *, nullable: bool = False, default: int | None = None) -> Column[Any]:
    """A quantity in thousandths of the variant's unit."""
    return Column(name, BigInteger, nullable=nullable, server_default=None if default is None else text(str(default)))


def version_column() -> Column[Any]:
    """Counts the writes of an entity, from 1."""
    return Column("version", BigInteger, nullable=False, server_default=text("1"))


def sort_key(name: str, *, nullable: bool = False) -> Column[Any]:
    """Text that is compared byte by byte, whatever the database's locale."""
    return Column(name, Text(collation="C"), nullable=nullable)


def localized(name: str, *, nullable: bool = False) -> Column[Any]:
    """Texts by language tag: {"pt-BR": "Arroz", "en": "Rice"}."""
    return Column(name, JSONB, nullable=nullable)


class Reader(Protocol):
    """Runs queries; `Database` (outside a transaction) and `Tx` (inside one) both do."""

    @abstractmethod
    async def rows(self, statement: Executable, parameters: Parameters | None = None) -> Sequence[Row[Any]]:
        """All rows."""

    async def row(self, statement: Executable, parameters: Parameters | None = None) -> Row[Any] | None:
        """The first row, or None."""
        found = await self.rows(statement, parameters)
        return found[0] if found else None

    async def value(self, statement: Executable, parameters: Parameters | None = None) -> Any:
        """The first column of the first row, or None."""
        found = await self.rows(statement, parameters)
        return found[0][0] if found else None


class Tx(Reader):
    """One write transaction. Commands never commit; whoever opened it does."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        # How many changes were emitted, and the outbox's id of the last one.
        self.emitted = 0
        self.told: int | None = None
        # What was told and is not written yet (`events.outbox`); None where it is written at once.
        self.gathered: list[Any] | None = None
        # What the command leaves for its answer, by the name of what it is: true once all is committed.
        self.remembered: dict[Any, Any] = {}
        # The operation that this write claims (`platform.operations`), and what it led to, once that is kept; and a
        # claim that was put off, which is made before anything else is asked.
        self.operation_id: UUID | None = None
        self.outcome: Any = None
        self.claimed: Mapping[str, Any] = {}
        self.opening: Callable[[], Awaitable[None]] | None = None
        # Whether what is only read comes before that, and before the transaction begins (`operations.read_first`); and
        # the root that is locked together with the claim.
        self.reads_first = False
        self.root: Root | None = None
        # With what parameters something was read ahead before it was known that these are right (`carts.ahead`).
        self.foreseen: dict[str, Any] | None = None
        self._ahead: dict[Executable, Answer | Kept] = {}
        # What `together` puts off; None outside of it.
        self._later: list[tuple[Plain, Parameters]] | None = None

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """A block in which `later` waits for the statement of `along`, or for the block's end.

        Nothing in it may read or change what was put off.
        """
        self._later = []
        try:
            yield
            await self.settle()
        finally:
            self._later = None

    async def settle(self) -> None:
        """Write what was put off now."""
        if self._later:
            await self._open()
            put_off, self._later = self._later, []
            await self._line.together(put_off)

    async def later(self, statement: UpdateBase, parameters: Parameters) -> None:
        """Write it, in a block of `together` when the others are; what it answers is lost."""
        if self._later is None:
            await self.execute(statement, parameters)
        elif (known := plain(self.connection, statement, parameters, at_once=True)) is not None:
            self._ahead.clear()
            self._later.append((known, parameters))
        else:
            raise TypeError("what is put off is built at import, of Core alone")

    async def along(self, statement: Executable, parameters: Parameters) -> Sequence[Row[Any]]:
        """The rows of a statement that writes, which takes along what was put off: all of it is one statement."""
        await self._open()
        known = plain(self.connection, statement, parameters, at_once=True) if self._later else None
        self._ahead.clear()
        if not self._later or known is None:
            return await self.rows(statement, parameters)
        taken, self._later = [*self._later, (known, parameters)], []
        return await self._line.together(taken)

    @property
    def is_early(self) -> bool:
        """Whether nothing is claimed or locked yet, and what is read is read without a transaction."""
        return self.reads_first and self.opening is not None

    async def _open(self) -> None:
        if self.opening is not None:
            opening, self.opening = self.opening, None
            await opening()

    @cached_property
    def _line(self) -> Line:
        return Line(self.connection)

    async def read_ahead(self, questions: Questions, parameters: Parameters) -> None:
        """Read these in one statement. What was read ahead before is forgotten, and all is once anything is written."""
        self._ahead.clear()
        row = await self.row(questions.statement, parameters)
        assert row is not None
        for question, records in zip(questions.all, row, strict=False):
            rows = question.read(records, self.connection.dialect)
            self._ahead[question.asked] = Answer(question, parameters, rows)
        if questions.standing is not None:
            self._ahead |= await questions.standing.answers(self, row.state)

    async def rows(self, statement: Executable, parameters: Parameters | None = None) -> Sequence[Row[Any]]:
        if self._ahead:
            answer = self._ahead.get(statement)
            if answer is not None and (found := answer.to(parameters or {})) is not None:
                if not answer.lasting:
                    del self._ahead[statement]
                return found
        early = self.is_early and is_read(statement)
        if not early:
            await self._open()
        if isinstance(statement, UpdateBase):
            self._ahead.clear()
        if (known := plain(self.connection, statement, parameters)) is not None:
            return await self._line.fetch(known, parameters, begins=not early)
        return (await self.connection.execute(statement, parameters)).all()

    async def execute(self, statement: Executable, parameters: Parameters | None = None) -> int:
        """How many rows it changed."""
        await self._open()
        self._ahead.clear()
        if (known := plain(self.connection, statement, parameters)) is not None:
            return await self._line.execute(known, parameters)
        return (await self.connection.execute(statement, parameters)).rowcount

    async def many(self, statement: Executable, parameters: Sequence[Parameters]) -> None:
        """The same statement for each set of parameters, in their order; nothing for none."""
        if not parameters:
            return
        await self._open()
        self._ahead.clear()
        if (known := plain(self.connection, statement, parameters[0])) is not None:
            await self._line.many(known, parameters)
        else:
            await self.connection.execute(statement, parameters)


class Database(Reader):
    """Two pools on one PostgreSQL: read connections in AUTOCOMMIT, write connections for transactions."""

    def __init__(self, reads: AsyncEngine, writes: AsyncEngine, *, most_reads: int = 10, most_writes: int = 16) -> None:
        self.reads = reads
        self.writes = writes
        self.lines = Lines(reads, most_reads)
        self.write_lines = Lines(writes, most_writes)

    @classmethod
    def open(cls, url: str, *, reads: int = 10, writes: int = 16) -> "Database":
        """`url`: any postgres:// or postgresql:// address. Connects on first use."""
        return cls(
            # One more than is lent for reads, for who needs the connection itself.
            open_engine(url, size=reads + 1, isolation_level="AUTOCOMMIT", pool_reset_on_return=None),
            # A command names what it reads and writes by keys: one plan does for any value, and to make it anew each
            # time costs twice what the statement does.
            open_engine(url, size=writes + APART_FROM_LINES, settings={"plan_cache_mode": "force_generic_plan"}),
            most_reads=reads,
            most_writes=writes,
        )

    async def close(self) -> None:
        await self.lines.close()
        await self.write_lines.close()
        await self.reads.dispose()
        await self.writes.dispose()

    @asynccontextmanager
    async def apart(self) -> AsyncIterator["asyncpg.Connection[Any]"]:
        """A connection of asyncpg's own, outside the pools: to hold a lock, or to listen, as long as the block lasts.

        PostgreSQL ends it within seconds when this process's machine is gone.
        """
        engine = open_engine(self.writes.url.render_as_string(hide_password=False), size=1, settings=APART)
        try:
            async with engine.connect() as connection:
                raw = await connection.get_raw_connection()
                assert raw.driver_connection is not None
                yield raw.driver_connection
        finally:
            await engine.dispose()

    async def rows(self, statement: Executable, parameters: Parameters | None = None) -> Sequence[Row[Any]]:
        """Raises Busy. A connection that PostgreSQL has closed since its last use is replaced, once."""
        try:
            return await self._read_once(statement, parameters)
        except DBAPIError as error:
            if not (error.connection_invalidated or is_outdated(error)):
                raise
        return await self._read_once(statement, parameters)

    async def _read_once(self, statement: Executable, parameters: Parameters | None) -> Sequence[Row[Any]]:
        with busy_or_not():
            return await self.lines.rows(statement, parameters)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Commits at the end of the block, rolls back when it raises."""
        async with self.write_lines.lend() as connection, connection.begin():
            yield Tx(connection)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Tx]:
        """Reads of one moment: that of the first statement. Nothing can be written; a statement takes what it takes.

        A connection that PostgreSQL has closed since its last use is replaced, once.
        """
        try:
            connection = await self._begun()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            connection = await self._begun()
        try:
            yield Tx(connection)
        finally:
            await connection.close()

    async def _begun(self) -> AsyncConnection:
        """A connection for a snapshot, in its transaction."""
        opened = await self.writes.connect()
        try:
            connection = await opened.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            await connection.execute(FOR_LONG)
        except BaseException:
            await opened.close()
            raise
        return connection

    async def run(self, command: Callable[[Tx], Awaitable[T]], *, repeatable: bool = False) -> T:
        """Run `command` in a transaction of its own; again, a bounded number of times, after a deadlock.

        Again too when PostgreSQL has closed the connection; but where that happens at the commit, which may have been
        carried out, only if the command is `repeatable`: one that claims its operation id. Raises Busy.
        """
        for attempt in range(1, ATTEMPTS + 1):
            done = False
            try:
                with busy_or_not():
                    async with self.transaction() as tx:
                        result = await command(tx)
                        done = True
                    return result
            except DBAPIError as error:
                cut_off = error.connection_invalidated and (repeatable or not done)
                if attempt == ATTEMPTS or not (cut_off or is_outdated(error) or sqlstate(error) in RETRIABLE):
                    raise
                await asyncio.sleep(0.005 * 2**attempt)
        raise AssertionError("unreachable")


@contextmanager
def busy_or_not() -> Iterator[None]:
    """Raises Busy for what failed because others had what it needed for too long."""
    try:
        yield
    except PoolTimeout as error:
        raise Busy("no connection was free in time") from error
    except DBAPIError as error:
        if sqlstate(error) in OTHERS_HAVE_IT:
            raise Busy("what it needed was taken for too long") from error
        raise


def sqlstate(error: DBAPIError) -> str | None:
    """PostgreSQL's error code of a failed statement."""
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
