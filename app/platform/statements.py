"""Statements as the driver takes them: Core compiled once, run as prepared statements without SQLAlchemy's execution.

A statement that was built at import is compiled when it is run a second time (one that is built for a single use never
is) and sent straight to asyncpg from then on: a seventh of the CPU. Rows, types and errors are the same in both ways.
"""

import gc
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, NoReturn, ParamSpec, Protocol, cast
from weakref import WeakKeyDictionary, WeakSet

import asyncpg
from sqlalchemy import CompoundSelect, Executable, FromClause, Insert, Row, Select, UpdateBase
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import greenlet_spawn

from app.platform.prepared import Prepared

Parameters = Mapping[str, Any]
Processor = Callable[[Any], Any]
P = ParamSpec("P")

PREPARED: Final = "feira.prepared"
DRIVERS_OWN: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""What the driver raises; InternalClientError where an idle connection was told that it ends, and is not closed yet."""

_seen: WeakSet[Executable] = WeakSet()
# By the names of the parameters: they say which columns an INSERT without values has. None: not for the driver.
_known: WeakKeyDictionary[Executable, dict[frozenset[str], "Plain | None"]] = WeakKeyDictionary()
_PLACE: Final = re.compile(r"\$(\d+)\b")
_NOTHING: Final[Parameters] = {}


@dataclass(frozen=True, slots=True)
class Root:
    """The row that a write locks first, as it was read: `lock` finds it no more once it was written since."""

    lock: Select[Any]
    of: FromClause
    parameters: Parameters


def is_read(statement: Executable) -> bool:
    """Whether it reads and no more: nothing is locked or written."""
    return isinstance(statement, Built) or (isinstance(statement, Select) and statement._for_update_arg is None)


class Plain:
    """A statement's SQL, how its arguments are made of parameters, and its rows of records."""

    __slots__ = ("_arguments", "_columns", "_keys", "_processors", "sql")

    def __init__(self, compiled: SQLCompiler, dialect: PGDialect_asyncpg, *, by_columns: bool = True) -> None:
        """`by_columns`: a row is asked for values by columns too, not by their names and places alone."""
        self.sql: Final = compiled.string
        self._arguments: Final = [_argument(compiled, name) for name in compiled.positiontup or ()]
        columns = compiled._result_columns
        processors = [each.type._cached_result_processor(dialect, None) for each in columns]
        self._processors: Final = processors if any(processors) else None
        # A column leads to all of the statement.
        extra = [each.objects for each in columns] if by_columns else None
        self._columns: Final = SimpleResultMetaData([each.keyname for each in columns], extra=extra)
        self._keys: Final = self._columns._key_to_index

    def arguments(self, given: Parameters) -> list[Any]:
        """Raises InvalidRequestError where a parameter that is needed was not given."""
        made = []
        for key, name, required, default, processor in self._arguments:
            if key in given:
                value = given[key]
            elif name in given:
                value = given[name]
            elif required:
                raise InvalidRequestError(f"A value is required for bind parameter {key!r}")
            else:
                value = default
            made.append(value if processor is None else processor(value))
        return made

    def rows(self, records: Iterable[Any]) -> list[Row[Any]]:
        """Records as SQLAlchemy's rows."""
        columns, processors, keys = self._columns, self._processors, self._keys
        return [Row(columns, processors, keys, record) for record in records]


def _argument(compiled: SQLCompiler, name: str) -> tuple[str, str, bool, Any, Processor | None]:
    bind = compiled.binds[name]
    processor: Any = compiled._bind_processors.get(name)
    if isinstance(bind.type, ARRAY) and bind.type.item_type._cached_bind_processor(compiled.dialect) is None:
        # It would copy the list, item by item, as it is.
        processor = None
    return bind.key, name, bind.required, bind.value, processor


class Built(Executable):
    """A SELECT that is built when it is first run, and of which no more is kept than the driver needs.

    For what is asked in any number of shapes: the expressions of one are up to a megabyte. `build` builds it anew.
    """

    __slots__ = ("_plain", "build")

    def __init__(self, build: Callable[[], Select[Any] | CompoundSelect[Any]]) -> None:
        self.build: Final = build
        self._plain: Plain | None = None

    def plain(self, connection: AsyncConnection) -> Plain:
        """Raises TypeError where SQLAlchemy would have to run it."""
        if self._plain is None:
            with _uncollected():
                self._plain = _compiled(connection, self.build(), frozenset(), by_columns=False)
        if self._plain is None:
            raise TypeError("what is built when it is asked for is of Core alone, with values known when it is sent")
        return self._plain


@contextmanager
def _uncollected() -> Iterator[None]:
    """For who makes much that refers to one another and is soon dropped: the collector of cycles, where it comes in
    between, takes all of it for old, and does not look at it again for long.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


class _ByArguments(Protocol[P]):
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Built: ...

    def cache_clear(self) -> None: ...


def built(most: int) -> Callable[[Callable[P, Select[Any] | CompoundSelect[Any]]], _ByArguments[P]]:
    """For a function that builds a SELECT of arguments that can be hashed: the `most` used last are kept as `Built`."""

    def decorate(build: Callable[P, Select[Any] | CompoundSelect[Any]]) -> _ByArguments[P]:
        def of(*args: P.args, **kwargs: P.kwargs) -> Built:
            return Built(partial(build, *args, **kwargs))

        return cast("_ByArguments[P]", lru_cache(most)(of))

    return decorate


def plain(
    connection: AsyncConnection, statement: Executable, parameters: Parameters | None, *, at_once: bool = False
) -> Plain | None:
    """The statement for the driver; None where SQLAlchemy must run it.

    `at_once`: it was built at import for certain, and need not be seen twice.
    """
    if isinstance(statement, Built):
        return statement.plain(connection)
    known = _known.get(statement)
    if known is None:
        if not at_once and statement not in _seen:
            _seen.add(statement)
            return None
        known = _known[statement] = {}
    names = frozenset(parameters or _NOTHING)
    if names not in known:
        known[names] = _compiled(connection, statement, names)
    return known[names]


def _compiled(
    connection: AsyncConnection, statement: Executable, names: frozenset[str], *, by_columns: bool = True
) -> Plain | None:
    dialect: Any = connection.dialect
    inserts = isinstance(statement, Insert)
    returns = isinstance(statement, UpdateBase) and bool(statement._returning)
    compiled: Any = statement.compile(  # type: ignore[attr-defined]
        dialect=dialect,
        # The names that are columns are what an INSERT or UPDATE without values sets.
        column_keys=sorted(names),
        # Else SQLAlchemy adds a RETURNING of its own.
        for_executemany=inserts and not returns,
    )
    if not isinstance(compiled, SQLCompiler):
        return None
    not_plain = (
        compiled.post_compile_params
        or compiled.literal_execute_params
        or compiled.escaped_bind_names
        or getattr(compiled, "insert_prefetch", None)
        or getattr(compiled, "update_prefetch", None)
        or any(bind.callable for bind in compiled.binds.values())
        # Text does not say of which types its columns are.
        or (not compiled._result_columns and not isinstance(statement, UpdateBase))
    )
    return None if not_plain else Plain(compiled, dialect, by_columns=by_columns)


@lru_cache(maxsize=500)
def _together(parts: tuple[str, ...]) -> str:
    """One statement of many that write: the last with the others before it, as what SQL calls WITH."""
    count, numbered = 0, []
    for sql in parts:
        numbered.append(_PLACE.sub(lambda found, first=count: f"${int(found[1]) + first}", sql))  # type: ignore[misc]
        count += len(set(_PLACE.findall(sql)))
    *others, last = numbered
    before = ", ".join(f"along_{place} AS ({sql})" for place, sql in enumerate(others))
    if not before:
        return last
    return f"WITH {before}, {last[5:]}" if last.startswith("WITH ") else f"WITH {before} {last}"


class Line:
    """A connection's way to the driver. It shares the transaction that SQLAlchemy begins and ends on it.

    `begins` False: it is in AUTOCOMMIT, where there are no transactions.
    """

    __slots__ = ("_adapted", "_begins", "_prepared", "_sync")

    def __init__(self, connection: AsyncConnection, *, begins: bool = True) -> None:
        sync: Any = connection.sync_connection
        self._sync = sync
        # SQLAlchemy's adapter of asyncpg's connection: it begins a transaction at the first statement, not before.
        held = sync.connection
        self._adapted: Any = held.dbapi_connection
        if PREPARED not in held.info:
            held.info[PREPARED] = Prepared()
        self._prepared: Prepared = held.info[PREPARED]
        self._begins = begins

    async def fetch(self, statement: Plain, parameters: Parameters | None, *, begins: bool = True) -> list[Row[Any]]:
        """Run it; its rows. `begins` False: it needs no transaction, and begins none. Raises DBAPIError."""
        arguments = statement.arguments(parameters or _NOTHING)
        try:
            prepared = await self._ready(statement.sql, arguments, begins=begins)
            return statement.rows(await prepared.fetch(*arguments))
        except BaseException as error:
            await self._fail(error, statement.sql, arguments)

    async def execute(self, statement: Plain, parameters: Parameters | None) -> int:
        """Run it; how many rows it changed, or found. Raises DBAPIError."""
        arguments = statement.arguments(parameters or _NOTHING)
        try:
            prepared = await self._ready(statement.sql, arguments)
            await prepared.fetch(*arguments)
        except BaseException as error:
            await self._fail(error, statement.sql, arguments)
        count = prepared.get_statusmsg().rpartition(" ")[2]
        return int(count) if count.isdigit() else -1

    async def many(self, statement: Plain, parameters: Sequence[Parameters]) -> None:
        """Run it for each set of parameters, sent together. Raises DBAPIError."""
        arguments = [statement.arguments(each) for each in parameters]
        try:
            prepared = await self._ready(statement.sql, arguments)
            await prepared.executemany(arguments)
        except BaseException as error:
            await self._fail(error, statement.sql, arguments)

    async def together(self, writes: Sequence[tuple[Plain, Parameters]]) -> list[Row[Any]]:
        """Run these as one statement; the last one's rows. None sees what another writes. Raises DBAPIError."""
        sql = _together(tuple(statement.sql for statement, _ in writes))
        arguments = [value for statement, parameters in writes for value in statement.arguments(parameters)]
        try:
            prepared = await self._ready(sql, arguments)
            return writes[-1][0].rows(await prepared.fetch(*arguments))
        except BaseException as error:
            await self._fail(error, sql, arguments)

    async def _ready(self, sql: str, arguments: Sequence[Any], *, begins: bool = True) -> Any:
        """The statement, prepared on this connection, in a transaction that has begun, unless none is needed."""
        if self._sync._has_events or self._sync.engine._has_events:
            self._sync.dispatch.before_cursor_execute(self._sync, None, sql, arguments, None, False)
        if begins and self._begins and self._adapted._transaction is None:
            await self._adapted._start_transaction()
        prepared = self._prepared.get(sql)
        if prepared is None:
            prepared = await self._adapted.driver_connection.prepare(sql)
            self._prepared.keep(sql, prepared)
        return prepared

    async def _fail(self, error: BaseException, sql: str, arguments: Sequence[Any]) -> NoReturn:
        """Raise what SQLAlchemy would, and let go of the connection as it does: when lost, or its task cancelled."""
        if not isinstance(error, Exception):
            await greenlet_spawn(self._handle, error, sql, arguments)
            raise error
        if isinstance(error, asyncpg.InvalidCachedStatementError):
            # The schema has changed since: nothing that was prepared before is to be trusted.
            self._prepared.clear()
        if not isinstance(error, (*DRIVERS_OWN, self._errors)):
            raise error
        try:
            if isinstance(error, self._errors):
                raise error
            self._adapted._handle_exception(error)
        except self._errors as adapted:
            await greenlet_spawn(self._handle, adapted, sql, arguments)
        raise error

    def _handle(self, error: BaseException, sql: str, arguments: Sequence[Any]) -> None:
        try:
            # SQLAlchemy looks for what is being handled, which a greenlet of its own does not know.
            raise error
        except BaseException:
            self._sync._handle_dbapi_exception(error, sql, tuple(arguments), None, None)

    @property
    def _errors(self) -> type[Exception]:
        """The adapter's errors."""
        kind: type[Exception] = self._sync.dialect.dbapi.Error
        return kind


def is_outdated(error: DBAPIError) -> bool:
    """Whether the statement was prepared before the schema changed: it may be run again."""
    return error.orig is not None and isinstance(error.orig.__cause__, asyncpg.InvalidCachedStatementError)
