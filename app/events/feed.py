"""Reading the feed: rows by position, and a page of what a reader may be told."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from sqlalchemy import BigInteger, Row, bindparam, func, select

from app.events.outbox import Action, Topic
from app.events.tables import feed, feed_head, outbox
from app.platform.db import Reader

SCANNED_AT_ONCE: Final = 4_000
"""Rows of one statement at most. The first of a page reads about as many as the page has, each later one twice as many
as the one before: what is common is soon together, what is rare takes few statements.
"""
FEWEST: Final = 100
SCANNED: Final = 20_000
"""Rows that one page looks through at most: a page of what is rare may be empty, and go on from its end."""

_BETWEEN: Final = " "
_TOPICS: Final = {topic.value: topic for topic in Topic}
_ACTIONS: Final = {action.value: action for action in Action}

Scopes = Mapping[Topic, frozenset[str]]
"""What a reader may be told: by topic, the scopes that open a change to them."""

HEAD: Final = select(feed_head.c.position, feed_head.c.epoch, feed_head.c.forgotten)
RANGE: Final = (
    select(
        feed.c.position,
        outbox.c.id.label("outbox_id"),
        outbox.c.topic,
        outbox.c.action,
        outbox.c.entity_id,
        outbox.c.version,
        # As text: the same few come again and again, and are taken apart once.
        func.array_to_string(outbox.c.scopes_before, _BETWEEN).label("scopes_before"),
        func.array_to_string(outbox.c.scopes_after, _BETWEEN).label("scopes_after"),
        outbox.c.occurred_at,
    )
    .join(outbox, outbox.c.id == feed.c.outbox_id)
    .where(
        feed.c.position > bindparam("after", type_=BigInteger), feed.c.position <= bindparam("up_to", type_=BigInteger)
    )
    .order_by(feed.c.position)
)


class Head(Struct, frozen=True):
    """How far the feed is. `forgotten`: the position before the oldest one that is kept."""

    position: int
    epoch: str
    forgotten: int


class FeedRow(Struct, frozen=True, gc=False):
    """One change at its position. `before` and `after` are scopes (`events.scopes`)."""

    position: int
    outbox_id: int
    topic: Topic
    action: Action
    entity_id: UUID
    version: int
    before: frozenset[str]
    after: frozenset[str]
    occurred_at: datetime


class Told(Struct, frozen=True, gc=False):
    """One change as a reader is told it."""

    position: int
    topic: Topic
    action: Action
    entity_id: UUID
    version: int
    occurred_at: datetime


class Page(Struct, frozen=True):
    """`end` is where to go on from, also when all between was not for this reader."""

    changes: list[Told]
    end: int
    head: int
    has_more: bool
    snapshot_required: bool = False


async def head_of(db: Reader) -> Head:
    """The feed's head now."""
    row = await db.row(HEAD)
    assert row is not None, "the migration made it"
    return Head(row.position, row.epoch, row.forgotten)


async def rows_after(db: Reader, after: int, *, most: int = SCANNED_AT_ONCE) -> list[FeedRow]:
    """The next rows, without a gap; none at the head."""
    return [_row(row) for row in await db.rows(RANGE, {"after": after, "up_to": after + most})]


def told(row: FeedRow, scopes: Scopes) -> Action | None:
    """What a reader is told of a change: DELETE when they may no longer see the entity, None when they never did."""
    own = scopes.get(row.topic)
    if own is None:
        return None
    if not own.isdisjoint(row.after):
        return row.action
    return None if own.isdisjoint(row.before) else Action.DELETE


async def page(
    db: Reader,
    scopes: Scopes,
    *,
    after: int | None,
    first: int,
    topics: Collection[Topic] | None = None,
    compacted: bool = True,
    epoch: str | None = None,
) -> Page:
    """What a reader is told from after a position on, at most `first` changes.

    `compacted`: of each entity only its newest change within the page's range. `after` None: from the oldest kept.
    `epoch`: that of the position, where the reader says it. A reader who is behind what is kept, ahead of the head, or
    of another epoch needs a snapshot.
    """
    head = await head_of(db)
    start = head.forgotten if after is None else after
    if start < head.forgotten or start > head.position or epoch not in (None, head.epoch):
        return Page([], start, head.position, has_more=False, snapshot_required=True)
    collect = collecting(scopes, topics, first, compacted=compacted)
    end, up_to, some = start, min(head.position, start + SCANNED), max(FEWEST, first)
    while end < up_to:
        some = min(some, SCANNED_AT_ONCE)
        rows = await rows_after(db, end, most=min(up_to - end, some))
        some *= 2
        if not rows or rows[0].position != end + 1:
            # A partition was dropped since the head was read.
            return Page([], start, head.position, has_more=False, snapshot_required=True)
        end, full = fill(collect, rows, end)
        if full:
            break
    return Page(collect.changes(), end, head.position, has_more=end < head.position)


def page_of(
    rows: Sequence[FeedRow],
    scopes: Scopes,
    *,
    after: int,
    head: int,
    first: int,
    topics: Collection[Topic] | None = None,
    compacted: bool = True,
) -> Page:
    """`page` from rows that are at hand: all from `after` on."""
    collect = collecting(scopes, topics, first, compacted=compacted)
    end, _ = fill(collect, rows, after)
    return Page(collect.changes(), end, head, has_more=end < head)


def collecting(scopes: Scopes, topics: Collection[Topic] | None, first: int, *, compacted: bool) -> "Compacted | Every":
    """What gathers a page."""
    wanted = {topic: own for topic, own in scopes.items() if topics is None or topic in topics}
    return Compacted(wanted, first) if compacted else Every(wanted, first)


def fill(collect: "Compacted | Every", rows: Iterable[FeedRow], end: int) -> tuple[int, bool]:
    """Gather rows until the page is full: its end, and whether it is."""
    for row in rows:
        if not collect.take(row):
            return end, True
        end = row.position
    return end, False


class Every:
    """Each change that the reader is told."""

    def __init__(self, scopes: Scopes, most: int) -> None:
        self._scopes, self._most = scopes, most
        self._changes: list[Told] = []

    def take(self, row: FeedRow) -> bool:
        """False when the page is full and this row is one too many."""
        action = told(row, self._scopes)
        if action is None:
            return True
        if len(self._changes) == self._most:
            return False
        self._changes.append(_told(row, action))
        return True

    def changes(self) -> list[Told]:
        return self._changes


class Compacted:
    """The newest change of each entity. Who saw it at the beginning of the range and does not at its end: DELETE."""

    def __init__(self, scopes: Scopes, most: int) -> None:
        self._scopes, self._most = scopes, most
        self._newest: dict[tuple[Topic, UUID], Told] = {}

    def take(self, row: FeedRow) -> bool:
        """False when the page is full and this row is one too many."""
        own = self._scopes.get(row.topic)
        if own is None:
            return True
        key = (row.topic, row.entity_id)
        action = told(row, self._scopes)
        if action is None:
            if key not in self._newest:
                return True
            # Told of earlier in this range, when the reader could still see it, or could no longer.
            action = Action.DELETE
        elif key not in self._newest and len(self._newest) == self._most:
            return False
        # Those that changed last stand last.
        self._newest.pop(key, None)
        self._newest[key] = _told(row, action)
        return True

    def changes(self) -> list[Told]:
        return list(self._newest.values())


def _told(row: FeedRow, action: Action) -> Told:
    return Told(row.position, row.topic, action, row.entity_id, row.version, row.occurred_at)


def _row(row: Row[Any]) -> FeedRow:
    return FeedRow(
        row.position,
        row.outbox_id,
        _TOPICS[row.topic],
        _ACTIONS[row.action],
        row.entity_id,
        row.version,
        _scopes(row.scopes_before),
        _scopes(row.scopes_after),
        row.occurred_at,
    )


@lru_cache(maxsize=20_000)
def _scopes(text: str) -> frozenset[str]:
    return frozenset(text.split())
