"""A snapshot: all that a caller may follow, as it is at one position of the feed, in lines of JSON, compressed.

The first line says what it is, the last one how much there is of each topic and its digest: a file that was cut off has
no last line. Between them stands a record a line.

It is read in one REPEATABLE READ transaction, whose first statement reads the feed's head. All changes up to that
position are in it, as the sequencer numbers what is committed already. A change that is committed and not yet numbered
is in it too, and comes again in the feed, above the position: a record is a state, and taking it twice changes nothing.
"""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Final
from uuid import UUID

import msgspec
from sqlalchemy import DateTime, Row, Uuid, bindparam, func, select, text

from app.browse.records.pieces import published
from app.browse.records.prices import written_moment
from app.browse.records.record import FIRST, Source, digest_text, hash_of, marked
from app.browse.records.view import View
from app.catalog.tables import publication
from app.events.feed import Head, head_of
from app.events.outbox import Topic
from app.platform import clock
from app.platform.db import Database, Reader, Tx
from app.pricing.tables import priced_variant

FORMAT: Final = 1
"""The version of the form of snapshots and records."""
LEVEL: Final = 4
"""Of compression: a shop's lines are alike, and what more would save costs as much time as reading them."""
GZIP: Final = 16
AT_FIRST: Final = 500
FEWEST: Final = 50
MOST: Final = 16_000
"""Rows of one statement: as many as make a page of about this size."""
PAGE_BYTES: Final = 2 << 20

# Each page is planned for what it is: a plan for any number of rows may sort the whole table for a thousand of them.
PLAN: Final = text("SET LOCAL plan_cache_mode = force_custom_plan")
_MOMENT: Final = bindparam("moment", type_=DateTime(timezone=True))
_here = publication.c.channel_id == bindparam("channel_id", type_=Uuid)
CHANGES_NEXT: Final = select(
    func.least(
        select(func.min(priced_variant.c.next_at)).where(priced_variant.c.next_at > _MOMENT).scalar_subquery(),
        select(func.min(publication.c.starts_at)).where(_here, publication.c.starts_at > _MOMENT).scalar_subquery(),
        select(func.min(publication.c.ends_at)).where(_here, publication.c.ends_at > _MOMENT).scalar_subquery(),
    )
)

Look = Callable[[Reader, datetime], Awaitable[View]]


@dataclass(frozen=True, slots=True)
class Made:
    """A snapshot that was written. Until `valid_until` (None: as far as is known) time alone changes nothing in it."""

    position: int
    made_at: datetime
    valid_until: datetime | None
    records: int


@dataclass(slots=True)
class Lines:
    """The file, and what was written of each topic: how many records, and the sum of their hashes."""

    file: BinaryIO
    counts: dict[Topic, int]
    sums: dict[Topic, int]
    compressor: Any = field(default_factory=lambda: zlib.compressobj(LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | GZIP))

    def write(self, line: bytes) -> None:
        self.file.write(self.compressor.compress(line + b"\n"))

    def write_page(self, topic: Topic, page: Sequence[bytes]) -> int:
        """Write the records of which this is to be hashed, marked; how many bytes they were."""
        lines, total = [], 0
        for each in published(page):
            total += hash_of(each)
            lines.append(each.split(b"\n", 2)[2])
        lines.append(b"")
        written = b"\n".join(lines)
        self.counts[topic] += len(page)
        self.sums[topic] += total
        self.file.write(self.compressor.compress(written))
        return len(written)

    def end(self, position: int) -> None:
        """Say how much there was, and close the compressed stream; the file stays open."""
        topics = {
            topic.value: {"count": count, "digest": digest_text(self.sums[topic])}
            for topic, count in self.counts.items()
        }
        self.write(msgspec.json.encode({"end": {"position": str(position), "topics": topics}}))
        self.file.write(self.compressor.flush())


async def write_snapshot(db: Database, sources: Sequence[Source], look: Look, file: BinaryIO) -> Made:
    """Write the snapshot of these topics as `look` sees them. Memory for two pages, whatever the size of the shop.

    `look` is asked inside the transaction, with a moment after all that has been told by the clock.
    """
    lines = Lines(file, {source.topic: 0 for source in sources}, {source.topic: 0 for source in sources})
    async with db.snapshot() as tx:
        head = await head_of(tx)
        now = clock.now()
        await tx.execute(PLAN)
        view = await look(tx, now)
        valid_until = await tx.value(CHANGES_NEXT, {"moment": now, "channel_id": view.channel.id})
        lines.write(_heading(head, now, valid_until, sources, view))
        for source in sources:
            await _write_topic(tx, source, view, lines)
    await asyncio.to_thread(lines.end, head.position)
    return Made(head.position, now, valid_until, sum(lines.counts.values()))


async def _write_topic(tx: Tx, source: Source, view: View, lines: Lines) -> None:
    """While a page is packed in a thread, PostgreSQL makes the next one."""
    most = asked = AT_FIRST
    following = asyncio.create_task(_page(tx, source, view, FIRST, asked))
    try:
        while True:
            rows = await following
            page = await marked(tx, source, rows, view)
            more = len(rows) == asked
            if more:
                asked = most
                following = asyncio.create_task(_page(tx, source, view, rows[-1].id, asked))
            size = await asyncio.to_thread(lines.write_page, source.topic, page)
            if not more:
                return
            most = min(MOST, max(FEWEST, len(rows) * PAGE_BYTES // max(size, 1)))
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _page(tx: Tx, source: Source, view: View, after: UUID, most: int) -> Sequence[Row[Any]]:
    return await tx.rows(source.page, view.parameters | {"after": after, "most": most})


def _heading(
    head: Head, made_at: datetime, valid_until: datetime | None, sources: Sequence[Source], view: View
) -> bytes:
    heading = {
        "format": FORMAT,
        "position": str(head.position),
        "epoch": head.epoch,
        "channel": view.channel.code,
        "location": view.till.code if view.till is not None else None,
        "topics": [source.topic.value for source in sources],
        "madeAt": written_moment(made_at),
        "validUntil": None if valid_until is None else written_moment(valid_until),
    }
    return msgspec.json.encode({"snapshot": heading})
