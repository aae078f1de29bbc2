"""The sequencer: numbers what was committed to the outbox, in the order of the outbox's ids. 1, 2, 3 … without a gap.

One process is elected (`platform.lease`); what keeps two from numbering at once is the token in `feed_head`, which each
raises when it begins and every pass must find unchanged.

A row becomes visible when its transaction commits, which may be after rows with higher ids did. So a pass takes what is
above the highest id seen before, and below it what belongs to transactions that the pass before could not see. That is
exact: a transaction has its number before it draws an id (the order of the outbox's columns), so an id at or below the
highest that was visible belongs to a transaction that had begun by then: it was visible, or is in that snapshot's list
of those in progress, or at or above its end.
"""

import asyncio
from asyncio import Event
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, Self
from uuid import uuid4

import asyncpg
import msgspec
import structlog

from app.events.feed import FeedRow
from app.platform.db import Database
from app.platform.lease import hold_office

log = structlog.get_logger("feira.sequencer")
OFFICE: Final = 1
CHANNEL: Final = "feira_feed"
"""Listeners are told the new head; they read the rows."""
MOST: Final = 20_000
"""New rows of one pass, of those that number many."""
FEW: Final = 100
"""So many numbered rows are handed to this process's own follower; more are left to it to read."""
BUSY_SECONDS, IDLE_SECONDS, STAYS_BUSY_SECONDS = 0.005, 0.020, 0.25
"""How often is looked for what writers of other processes have committed: in short steps while there is some."""
ALONE_SECONDS, TOGETHER_SECONDS, AT_MOST_SECONDS = 0.002, 0.005, 0.015
"""At least so long from pass to pass. Once several had their numbers from one pass, they share the next ones too: it
waits for those of this process that are still writing, but not longer than the last of these. Who writes alone waits
for nobody.
"""

BEGIN: Final = """
    UPDATE feed_head SET token = token + 1, cluster = CASE WHEN $1 = '' THEN cluster ELSE $1 END,
        epoch = CASE WHEN $1 = '' OR cluster IN ('', $1) THEN epoch ELSE $2 END
    WHERE id = 1 RETURNING token, position, floor, epoch
"""
CLUSTER: Final = """
    SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
"""

# $1 token, $2 floor. All that is not numbered yet, whoever should have done it.
CATCH_UP: Final = """
    SELECT id FROM outbox
    WHERE id > $2 AND NOT EXISTS (SELECT FROM feed WHERE feed.outbox_id = outbox.id AND feed.outbox_id > $2)
"""
# $1 token, $2 floor, $3 the highest id seen, $4 transactions in progress then, $5 the end of that snapshot.
GO_ON: Final = """
    SELECT {columns} FROM outbox WHERE id + 0 > $2 AND id + 0 <= $3 AND xid = ANY($4::text[]::xid8[])
    UNION ALL SELECT {columns} FROM outbox WHERE id + 0 > $2 AND id + 0 <= $3 AND xid >= $5::text::xid8
    UNION ALL (SELECT {columns} FROM outbox WHERE id > $3 ORDER BY id LIMIT {most})
"""
# That is planned once: planning took longer than the pass. Such a plan knows nothing of how many rows there will be: it
# must go by indexes, and where `id + 0` stands by that of `xid`, however far back the floor lies.
PLANNED_ONCE: Final = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off"

_NUMBERING: Final = """
    WITH fresh AS MATERIALIZED ({fresh}),
    counted AS MATERIALIZED (SELECT count(*) AS rows, max(id) AS highest FROM fresh),
    advanced AS (
        UPDATE feed_head SET position = position + counted.rows, floor = $2 FROM counted
        WHERE feed_head.id = 1 AND feed_head.token = $1 AND counted.rows > 0
        RETURNING feed_head.position, pg_current_xact_id()::text AS xid
    ),
    placed AS (
        SELECT advanced.position - counted.rows + row_number() OVER (ORDER BY fresh.id) AS position,
            fresh.id AS outbox_id, fresh.*
        FROM fresh, counted, advanced
    ),
    numbered AS (INSERT INTO feed (position, outbox_id) SELECT position, outbox_id FROM placed)
    SELECT pg_current_snapshot()::text AS snapshot, counted.rows, {highest} AS highest, advanced.position, advanced.xid,
        CASE WHEN advanced.position IS NOT NULL THEN pg_notify('{channel}', advanced.position::text) END,
        {told} AS told
    FROM counted LEFT JOIN advanced ON true
"""
_COLUMNS: Final = (
    "id, xid, topic, action, entity_id, version, scopes_before AS before, scopes_after AS after, occurred_at"
)
_TOLD: Final = f"""
    CASE WHEN counted.rows BETWEEN 1 AND {FEW} THEN (
        SELECT json_build_object('rows', json_agg(placed ORDER BY position), 'writers', count(DISTINCT xid))::text
        FROM placed
    ) END
"""


def _statement(fresh: str, *, highest: str = "counted.highest", told: str = "NULL::text") -> str:
    return _NUMBERING.format(fresh=fresh, highest=highest, told=told, channel=CHANNEL)


FIRST: Final = _statement(CATCH_UP, highest="(SELECT max(id) FROM outbox)")
# As long as there is little to number it is handed on as it was read.
NEXT: Final = _statement(GO_ON.format(columns=_COLUMNS, most=FEW + 1), told=_TOLD)
MANY: Final = _statement(GO_ON.format(columns="id", most=MOST))


class Deposed(Exception):
    """Another sequencer has begun: this one can number nothing any more."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Which transactions a statement could not see: those listed, and all from `end` on."""

    oldest: int
    end: str
    in_progress: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        """PostgreSQL's form: "oldest:end:one,another"."""
        oldest, end, listed = text.split(":")
        return cls(int(oldest), end, tuple(filter(None, listed.split(","))))


class Few(msgspec.Struct):
    """What a pass numbered, and how many transactions wrote it."""

    rows: list[FeedRow]
    writers: int


_few = msgspec.json.Decoder(Few).decode


class Sequencer:
    """One term of office."""

    def __init__(
        self, connection: "asyncpg.Connection[Any]", *, token: int, position: int, floor: int, epoch: str
    ) -> None:
        self.connection = connection
        self.token = token
        self.position = position
        self.epoch = epoch
        # Every row up to here is numbered, or never will be.
        self.floor = floor
        self._seen = floor
        self._snapshot: Snapshot | None = None
        # An id, and the transaction by whose end all rows up to that id are there to be seen.
        self._next_floor: tuple[int, int] | None = None
        self.told: list[FeedRow] = []
        """The rows that were numbered last, if they were few."""
        self.shared = False
        """Whether they were of several writers."""
        self._many = False

    @classmethod
    async def begin(cls, connection: "asyncpg.Connection[Any]") -> Self:
        """Take over from whoever numbered before. A database that was restored, or promoted, gets a new epoch."""
        row = await connection.fetchrow(BEGIN, await _cluster(connection), str(uuid4()))
        assert row is not None, "the migration made it"
        return cls(connection, token=row["token"], position=row["position"], floor=row["floor"], epoch=row["epoch"])

    async def number(self) -> int:
        """Number what can be seen now; how many rows. Raises Deposed."""
        if self._snapshot is None:
            row = await self.connection.fetchrow(FIRST, self.token, self.floor)
            await self.connection.execute(PLANNED_ONCE)
        else:
            last = self._snapshot
            statement = MANY if self._many else NEXT
            row = await self.connection.fetchrow(
                statement, self.token, self.floor, self._seen, list(last.in_progress), last.end
            )
        assert row is not None
        if row["rows"] and row["position"] is None:
            raise Deposed
        few = None if row["told"] is None else _few(row["told"])
        self.told = few.rows if few else []
        self._many = row["rows"] > FEW
        self.shared = self._many or (few is not None and few.writers > 1)
        snapshot = Snapshot.of(row["snapshot"])
        self._raise_floor(snapshot)
        if row["rows"]:
            self.position = row["position"]
        self._seen = max(self._seen, row["highest"] or 0)
        if row["rows"] and self._next_floor is None:
            self._next_floor = (self._seen, int(row["xid"]))
        self._snapshot = snapshot
        return int(row["rows"])

    def _raise_floor(self, snapshot: Snapshot) -> None:
        # Our own transaction was numbered after all that had drawn ids up to there.
        if self._next_floor is not None and snapshot.oldest > self._next_floor[1]:
            self.floor = self._next_floor[0]
            self._next_floor = None


Numbered = Callable[[int, list[FeedRow], int], None]
InOffice = Callable[[bool], None]


async def sequence(
    database: Database, poke: Event, numbered: Numbered = lambda *_: None, in_office: InOffice = lambda _: None
) -> None:
    """Stand for election, and number while elected. Never returns.

    `poke` is set by writers of this process when they have committed; `numbered` hears of each new head, of the rows up
    to it where they are few, and of the backend that all others hear of it from; `in_office` when a term begins and
    ends: in between nobody else numbers.
    """

    async def work(connection: "asyncpg.Connection[Any]") -> None:
        sequencer = await Sequencer.begin(connection)
        log.info("numbering", position=sequencer.position, epoch=sequencer.epoch)
        in_office(True)
        try:
            await _number(sequencer, poke, numbered, lambda: database.write_lines.in_use > 0)
        except Deposed:
            log.warning("deposed", position=sequencer.position)
        finally:
            in_office(False)

    await hold_office(database, "sequencer", OFFICE, work)


async def _number(sequencer: Sequencer, poke: Event, numbered: Numbered, writing: Callable[[], bool]) -> None:
    """Number what there is, again and again. Raises Deposed."""
    backend = sequencer.connection.get_server_pid()
    busy_until = 0.0
    while True:
        poked = poke.is_set()
        poke.clear()
        began = monotonic()
        rows = await sequencer.number()
        if rows:
            numbered(sequencer.position, sequencer.told, backend)
            if not poked:
                busy_until = began + STAYS_BUSY_SECONDS
            if rows > FEW:
                continue
            if sequencer.shared:
                await _together(began, poke, writing)
            else:
                await asyncio.sleep(max(0.0, began + ALONE_SECONDS - monotonic()))
        looks = began + (BUSY_SECONDS if began < busy_until else IDLE_SECONDS)
        await _poked(poke, max(0.0, looks - monotonic()))


async def _together(began: float, poke: Event, writing: Callable[[], bool]) -> None:
    """Wait for who is still writing."""
    await asyncio.sleep(max(0.0, began + TOGETHER_SECONDS - monotonic()))
    while writing() and (left := began + AT_MOST_SECONDS - monotonic()) > 0:
        told = poke.is_set()
        poke.clear()
        await _poked(poke, left)
        if told:
            poke.set()


async def _poked(poke: Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await poke.wait()


async def _cluster(connection: "asyncpg.Connection[Any]") -> str:
    """The server and its timeline; empty where that may not be asked."""
    try:
        return str(await connection.fetchval(CLUSTER))
    except asyncpg.InsufficientPrivilegeError:
        return ""
