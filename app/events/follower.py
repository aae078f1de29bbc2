"""How a process follows the feed: it reads every row once, in order, keeps the newest for a while, and tells who waits.

Notifications are hints. A follower that hears none reads the head once a second.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import monotonic
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import func, select

from app.events.feed import HEAD, SCANNED_AT_ONCE, FeedRow, Head, head_of, rows_after
from app.events.outbox import Topic
from app.events.sequencer import CHANNEL
from app.events.tables import feed, outbox
from app.platform.db import Database
from app.platform.lease import LOST

log = structlog.get_logger("feira.follower")

KEPT: Final = 20_000
"""Rows kept in memory, for readers who are nearly there."""
LOOKS_EVERY: Final = 1.0
"""Seconds after which the head is read without a hint."""
RETRIES_AFTER: Final = 0.5
WAITS_FOR_NUMBERS: Final = 0.1
"""Seconds that a write waits for its position."""
TRUSTED_FOR: Final = 2.0
"""Seconds for which what was read of the feed holds as its head."""
# The head, what is committed, and how much of that has a number.
LOOK: Final = HEAD.add_columns(
    select(func.coalesce(func.max(outbox.c.id), 0)).scalar_subquery().label("written"),
    select(func.coalesce(func.max(feed.c.outbox_id), 0)).scalar_subquery().label("numbered"),
)

Key = tuple[Topic, UUID]


class Watch:
    """What somebody waits for: changes of these entities, or of these topics. Close it when done."""

    def __init__(self, follower: "Follower", keys: Iterable[Key | Topic]) -> None:
        self._follower = follower
        self._keys = frozenset(keys)
        self._changed: set[Key | Topic] = set()
        self._happened = asyncio.Event()
        for key in self._keys:
            follower._watched.setdefault(key, set()).add(self)

    def tell(self, key: Key | Topic) -> None:
        """Wake who waits: this has changed."""
        self._changed.add(key)
        self._happened.set()

    def tell_all(self) -> None:
        """Wake who waits: anything may have changed."""
        self._changed |= self._keys
        self._happened.set()

    async def wait(self, seconds: float | None = None) -> set[Key | Topic]:
        """What has changed since the last call; waits for it, or so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._happened.wait()
        self._happened.clear()
        changed, self._changed = self._changed, set()
        return changed

    def close(self) -> None:
        """Wait no more."""
        for key in self._keys:
            watches = self._follower._watched.get(key)
            if watches is not None:
                watches.discard(self)
                if not watches:
                    del self._follower._watched[key]


class Follower:
    """One process's place in the feed. `position`: all rows up to there were read. `epoch`: empty until it began."""

    def __init__(self, database: Database, *, kept: int = KEPT) -> None:
        self.database = database
        self.position = 0
        self.epoch = ""
        self.beginnings = 0
        """How often it began, at a head without reading what led there: what was dropped by rows is to be dropped."""
        self.owed: set[int] = set()
        """Rows that this process has committed and waited for in vain: until they are read it knows itself behind."""
        self.poke = asyncio.Event()
        """Set by writers when they have committed: a sequencer in this process need not look for their rows."""
        self._hint = asyncio.Event()
        self._hinted = 0
        self._kept = kept
        self._rows: list[FeedRow] = []
        self._numbers: dict[int, int] = {}
        self._watched: dict[Key | Topic, set[Watch]] = {}
        self._advanced = asyncio.Event()
        # When the feed was read to its head, by `monotonic`; what was committed and had no number at the last look.
        self._confirmed = float("-inf")
        self._unread = 0
        self._committed = 0
        # The backend that a sequencer of this process last numbered by; whether it does so now, and that this changed.
        self._ours: int | None = None
        self._numbers_itself = False
        self._turned = asyncio.Event()
        # Whether the last write that waited for its number did so in vain: then the next ones do not wait.
        self._unnumbered = False
        self._listeners: list[Callable[[list[FeedRow]], None]] = []

    def hint(self, position: int) -> None:
        """The feed has come this far."""
        if position > self._hinted:
            self._hinted = position
        # What a sequencer of this process numbered was taken from it before it is heard of.
        if position > self.position:
            self._hint.set()

    def take(self, position: int, rows: list[FeedRow], by: int) -> None:
        """The feed has come this far, and these are its last rows, if few: from a sequencer in this process, whose
        backend is `by`.
        """
        self._hinted = max(self._hinted, position)
        self._ours = by
        if rows and rows[0].position == self.position + 1:
            self._accept(rows)
        if self.position < position:
            self._hint.set()

    def numbers(self, itself: bool) -> None:
        """Whether a sequencer of this process numbers from now on: then there is nothing to hear from PostgreSQL, and
        to be told of each batch would cost a round through two processes more.
        """
        self._numbers_itself = itself
        self._turned.set()

    def on_rows(self, listener: Callable[[list[FeedRow]], None]) -> None:
        """Let `listener` see all rows, before `position` says that they were read: what drops cached things."""
        self._listeners.append(listener)

    def watch(self, keys: Iterable[Key | Topic]) -> Watch:
        """Be told of changes of these entities and topics."""
        return Watch(self, keys)

    @property
    def is_current(self) -> bool:
        """Whether all that was committed a moment ago has been read, as far as can be known without asking."""
        return not self.owed and monotonic() - self._confirmed < TRUSTED_FOR

    @property
    def is_at_head(self) -> bool:
        """Whether it has read all that it has heard of."""
        return self.position >= self._hinted

    async def begin(self) -> None:
        """Start from the feed's head."""
        since = monotonic()
        self._begin(await head_of(self.database))
        self._confirmed = since

    def _begin(self, head: Head) -> None:
        self._rows.clear()
        self._numbers.clear()
        self.owed.clear()
        self.beginnings += 1
        self.position, self.epoch, self._hinted = head.position, head.epoch, head.position

    async def run(self) -> None:
        """Follow, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="listen to the feed")
            group.create_task(self._follow(), name="follow the feed")

    def committed(self, outbox_id: int) -> None:
        """This process has committed this row: it is to be numbered while the answer is made."""
        self._committed = max(self._committed, outbox_id)
        self.poke.set()

    async def numbered(self, outbox_id: int, seconds: float = WAITS_FOR_NUMBERS) -> int | None:
        """The position of a row that this process has committed; None when it has none in time."""
        if outbox_id > self._committed:
            self.committed(outbox_id)
        position = await self.number_of(outbox_id, 0.0 if self._unnumbered else seconds)
        self._unnumbered = position is None
        if position is None:
            self.owed.add(outbox_id)
        return position

    async def number_of(self, outbox_id: int, seconds: float) -> int | None:
        """The position of a row that some process has committed, if this one reads it in time or has kept it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while outbox_id not in self._numbers:
                    await self._advanced.wait()
        return self._numbers.get(outbox_id)

    async def reach(self, position: int, seconds: float) -> bool:
        """Wait until all up to this position was read; whether it was in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.position < position:
                    await self._advanced.wait()
        return self.position >= position

    def recent(self, after: int) -> list[FeedRow] | None:
        """The rows after this position as far as read; None when they are no longer kept."""
        if after >= self.position:
            return []
        if not self._rows or after < self._rows[0].position - 1:
            return None
        return self._rows[after + 1 - self._rows[0].position :]

    async def _listen(self) -> None:
        def hear(_connection: Any, pid: int, _channel: str, payload: Any) -> None:
            # What is numbered here is taken from the sequencer, which the news of it may overtake.
            if pid != self._ours:
                self.hint(int(payload))

        while True:
            try:
                async with self.database.apart() as connection:
                    listens = False
                    while not connection.is_closed():
                        self._turned.clear()
                        if listens == self._numbers_itself:
                            await (connection.remove_listener if listens else connection.add_listener)(CHANNEL, hear)
                            listens = not listens
                        with suppress(TimeoutError):
                            async with asyncio.timeout(LOOKS_EVERY):
                                await self._turned.wait()
                        # A connection that is gone without a word shows here.
                        await connection.execute("SELECT 1", timeout=5)
            except LOST as error:
                log.warning("does not hear of the feed", reason=type(error).__name__)
            except Exception:
                log.exception("does not hear of the feed")
            await asyncio.sleep(RETRIES_AFTER)

    async def _follow(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOKS_EVERY):
                    await self._hint.wait()
            hinted = self._hint.is_set()
            self._hint.clear()
            try:
                if not hinted:
                    await self._look()
                while self.position < self._hinted and await self._read():
                    pass
            except LOST as error:
                log.warning("does not read the feed", reason=type(error).__name__)
                await asyncio.sleep(RETRIES_AFTER)
            except Exception:
                # Nobody would begin it again: the process would tell nothing new for ever.
                log.exception("does not read the feed")
                await asyncio.sleep(RETRIES_AFTER)

    async def _look(self) -> None:
        """Read the head: whether hints were missed, and whether this is still the history that was followed."""
        # A sequencer of this process may be heard of more meanwhile.
        was, since = self.position, monotonic()
        row = await self.database.row(LOOK)
        assert row is not None, "the migration made it"
        head = Head(row.position, row.epoch, row.forgotten)
        if head.epoch != self.epoch or head.position < was or was < head.forgotten:
            log.warning("begins anew", epoch=head.epoch, position=head.position, was=was)
            self._begin(head)
            for watch in {watch for watches in self._watched.values() for watch in watches}:
                watch.tell_all()
        self._hinted = max(self._hinted, head.position)
        # What was there at the last look and still has no number waits for a sequencer that may never come.
        waits, self._unread = self._unread > row.numbered, row.written if row.written > row.numbered else 0
        if head.position <= self.position and not waits:
            self._confirmed = since

    async def _read(self) -> bool:
        was, since = self.position, monotonic()
        rows = await rows_after(self.database, was)
        if self.position != was:
            # A sequencer of this process was quicker.
            return True
        if not rows or rows[0].position != was + 1:
            await self._look()
            return False
        self._accept(rows)
        if len(rows) < SCANNED_AT_ONCE:
            self._confirmed = since
        return True

    def _accept(self, rows: list[FeedRow]) -> None:
        """These follow on what was read."""
        for listener in self._listeners:
            listener(rows)
        self._keep(rows)
        self.position = rows[-1].position
        self._unnumbered = False
        advanced, self._advanced = self._advanced, asyncio.Event()
        advanced.set()
        self._tell(rows)

    def _keep(self, rows: list[FeedRow]) -> None:
        self._rows += rows
        self._numbers.update((row.outbox_id, row.position) for row in rows)
        if self.owed:
            self.owed.difference_update(row.outbox_id for row in rows)
        # Not row by row: a list is cut at its beginning by moving all the rest.
        if len(self._rows) > 2 * self._kept:
            for row in self._rows[: -self._kept]:
                del self._numbers[row.outbox_id]
            del self._rows[: -self._kept]

    def _tell(self, rows: list[FeedRow]) -> None:
        happened: set[Key | Topic] = {(row.topic, row.entity_id) for row in rows}
        happened |= {row.topic for row in rows}
        for key in happened:
            for watch in self._watched.get(key, ()):
                watch.tell(key)
