"""Writing to the outbox in a test, and numbering it by hand."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.events.outbox import Change, Topic, emit
from app.events.scopes import PUBLIC
from app.events.sequencer import Sequencer
from app.events.tables import feed, outbox
from app.platform.db import Database, Tx
from app.platform.ids import new_id


def change(
    entity_id: UUID | None = None,
    version: int = 1,
    *,
    topic: Topic = Topic.PRICE,
    after: Sequence[str] = (PUBLIC,),
    before: Sequence[str] | None = None,
) -> Change:
    return Change(topic, entity_id or new_id(), version, after=after, before=before)


async def tell(database: Database, *changes: Change) -> int:
    """Commit these changes, or one of no particular entity; the outbox's id of the last."""

    async def write(tx: Tx) -> int:
        await emit(tx, changes or [change()])
        assert tx.told is not None
        return tx.told

    return await database.run(write)


@asynccontextmanager
async def sequencing(database: Database) -> AsyncIterator[Sequencer]:
    """A sequencer that has begun, on a connection of its own; it numbers when it is told to."""
    async with database.apart() as connection:
        yield await Sequencer.begin(connection)


async def number(database: Database) -> int:
    """Number all that is there; the head."""
    async with sequencing(database) as sequencer:
        while await sequencer.number():
            pass
        return sequencer.position


async def numbered(database: Database) -> list[int]:
    """The outbox's ids in the order of their positions, which must be 1, 2, 3 …"""
    rows = await database.rows(select(feed).order_by(feed.c.position))
    assert [row.position for row in rows] == list(range(1, len(rows) + 1))
    return [row.outbox_id for row in rows]


async def told_in_order(database: Database) -> list[Any]:
    """Topic, entity and version of every change, by position."""
    rows = await database.rows(
        select(feed.c.position, outbox.c.topic, outbox.c.entity_id, outbox.c.version)
        .join(outbox, outbox.c.id == feed.c.outbox_id)
        .order_by(feed.c.position)
    )
    assert [row.position for row in rows] == list(range(1, len(rows) + 1))
    return [(row.topic, row.entity_id, row.version) for row in rows]
