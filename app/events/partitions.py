"""The partitions of outbox and feed: made before they are needed, dropped whole when all in them is forgotten.

A partition is attached, not created in place, so that no writer waits for it.
"""

import re
from typing import Final

from sqlalchemy import func, select, text

from app.events.tables import feed, feed_head, outbox
from app.platform.db import Database

SIZE: Final = 1_000_000
"""Rows of one partition. The first migration of the feed says so too."""
AHEAD: Final = 3
"""How many are kept ready beyond the one that is being written."""

PARTITION: Final = re.compile(r"(outbox|feed)_p(\d+)")

DRAWN: Final = select(func.coalesce(func.pg_sequence_last_value(text("'outbox_id_seq'")), 0))
REACHED: Final = select(feed_head.c.position)
LISTED: Final = text(
    "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid "
    "WHERE inhparent = to_regclass(:parent)"
)


async def make_ahead(db: Database) -> int:
    """Make the partitions that are soon needed; how many. Safe in many processes at once."""
    made = 0
    for table, reached in ((outbox, DRAWN), (feed, REACHED)):
        there = await numbers(db, table.name)
        current = int(await db.value(reached)) // SIZE
        for number in range(current, current + AHEAD + 1):
            if number not in there and number > min(there, default=-1):
                await _attach(db, table.name, number)
                made += 1
    return made


async def numbers(db: Database, table: str) -> list[int]:
    """The numbers of a table's partitions, in their order."""
    names = [row.relname for row in await db.rows(LISTED, {"parent": table})]
    return sorted(int(found[2]) for name in names if (found := PARTITION.fullmatch(name)))


async def _attach(db: Database, table: str, number: int) -> None:
    name = f"{table}_p{number}"
    async with db.transaction() as tx:
        # One maker at a time: who waited finds it made.
        await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('feira partitions'))"))
        if await tx.value(text("SELECT to_regclass(:name)"), {"name": name}) is not None:
            return
        await tx.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"))
        await tx.execute(
            text(
                f"ALTER TABLE {table} ATTACH PARTITION {name} "
                f"FOR VALUES FROM ({number * SIZE}) TO ({(number + 1) * SIZE})"
            )
        )


async def drop(db: Database, table: str, number: int) -> None:
    """Forget all rows of a partition. Readers of the others do not wait."""
    name = f"{table}_p{number}"
    async with db.reads.connect() as connection:
        await connection.execute(text(f"ALTER TABLE {table} DETACH PARTITION {name} CONCURRENTLY"))
        await connection.execute(text(f"DROP TABLE {name}"))
