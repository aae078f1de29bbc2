"""Digests of what a caller follows, by topic: whether a copy is the same as the shop, without sending it.

A digest speaks of a position. It is worked out from the records as they are in one snapshot of the database, so it
holds for the snapshot's head, and for every position before it since which the caller was told nothing of the topic:
that is what makes it comparable with a copy that is a little behind. Of a topic in which something has happened since,
nothing is said.
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, Text, any_, bindparam, exists, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.browse.records.pieces import published
from app.browse.records.record import FIRST, Source, digest_text, hash_of, marked
from app.browse.records.view import View
from app.browse.snapshot import PLAN, Look
from app.events.feed import SCANNED, Scopes, head_of, rows_after, told
from app.events.outbox import Topic
from app.events.tables import feed, feed_head, outbox
from app.platform import clock
from app.platform.db import Database, Tx

AT_ONCE: Final = 1_000
"""Records of one statement."""

FLOOR: Final = select(feed_head.c.floor)
UNNUMBERED: Final = (
    select(outbox.c.topic)
    .distinct()
    .where(
        outbox.c.id > bindparam("floor", type_=BigInteger),
        outbox.c.topic == any_(bindparam("topics", type_=ARRAY(Text))),
        ~exists().where(feed.c.outbox_id == outbox.c.id),
    )
)

Known = dict[tuple[str, Topic], tuple[int, str]]
"""Digests worked out before: by what is seen and topic, the position that each holds for, and the digest."""


async def digests(
    db: Database,
    sources: Collection[Source],
    scopes: Scopes,
    look: Look,
    *,
    key: str,
    position: int | None,
    known: Known,
) -> tuple[int, dict[Topic, str]]:
    """The feed's head, and the digests that hold both for it and for `position` (None: the head), by topic.

    `key`: what decides what the caller sees. `known` is read and written.
    """
    async with db.snapshot() as tx:
        head = (await head_of(tx)).position
        since = head if position is None else position
        wanted = {source.topic: source for source in sources}
        earliest = min([since, *(known[key, topic][0] for topic in wanted if (key, topic) in known)])
        last = await _last_told(tx, scopes, earliest, head)
        if last is None and earliest < since:
            # Too long ago: what was worked out then says nothing any more.
            for topic in wanted:
                known.pop((key, topic), None)
            last = await _last_told(tx, scopes, since, head)
        if last is None or since > head:
            return head, {}
        busy = await _unnumbered(tx, wanted)
        quiet = [topic for topic in wanted if topic not in busy and last.get(topic, 0) <= since]
        await tx.execute(PLAN)
        view: View | None = None
        found: dict[Topic, str] = {}
        for topic in quiet:
            at, digest = known.get((key, topic), (-1, ""))
            if at < last.get(topic, 0):
                view = view or await look(tx, clock.now())
                digest = await _digest(tx, wanted[topic], view)
            known[key, topic] = (head, digest)
            found[topic] = digest
        return head, found


async def _last_told(tx: Tx, scopes: Scopes, after: int, head: int) -> Mapping[Topic, int] | None:
    """Where the reader was last told of each topic, from after a position on; None when that is too far to look."""
    if head - after > SCANNED:
        return None
    found: dict[Topic, int] = {}
    while after < head:
        rows = await rows_after(tx, after, most=head - after)
        if not rows or rows[0].position != after + 1:
            return None
        found |= {row.topic: row.position for row in rows if told(row, scopes) is not None}
        after = rows[-1].position
    return found


async def _unnumbered(tx: Tx, topics: Collection[Topic]) -> set[str]:
    """Topics of which something is committed that has no position yet: the records have it already."""
    floor = await tx.value(FLOOR)
    rows = await tx.rows(UNNUMBERED, {"floor": floor, "topics": [topic.value for topic in topics]})
    return {row.topic for row in rows}


def _sum(page: list[bytes]) -> int:
    return sum(hash_of(each) for each in published(page))


async def _digest(tx: Tx, source: Source, view: View) -> str:
    total, after = 0, FIRST
    while True:
        rows = await tx.rows(source.page, view.parameters | {"after": after, "most": AT_ONCE})
        total += await asyncio.to_thread(_sum, await marked(tx, source, rows, view))
        if len(rows) < AT_ONCE:
            return digest_text(total)
        last: UUID = rows[-1].id
        after = last
