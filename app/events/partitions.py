"""The partitions of outbox and feed: made before they are needed, dropped whole when all in them is forgotten.

A partition is attached, not created in place, so that no writer waits for it.
"""

import re
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from app.events.tables import feed, feed_head, outbox
from app.platform.db import Database, sqlstate

log = structlog.get_logger("feira.partitions")

SIZE: Final = 1_000_000
"""Rows of one partition. The first migration of the feed says so too."""
AHEAD: Final = 3
"""How many are kept ready beyond the one that is being written."""

PARTITION: Final = re.compile(r"(outbox|feed)_p(\d+)")

DRAWN: Final = select(func.coalesce(func.pg_sequence_last_value(text("'outbox_id_seq'")), 0))
REACHED: Final = select(feed_head.c.position)
# With those that were detached and not dropped any more: whoever did so was cut off between the two.
LISTED: Final = text("""
    SELECT child.relname, inhrelid IS NOT NULL AS attached, coalesce(inhdetachpending, false) AS pending,
        pg_get_expr(child.relpartbound, child.oid) AS bounds
    FROM pg_class parent
    JOIN pg_class child ON child.relnamespace = parent.relnamespace AND child.relkind = 'r'
    LEFT JOIN pg_inherits ON inhrelid = child.oid AND inhparent = parent.oid
    WHERE parent.oid = to_regclass(:parent) AND child.relname LIKE parent.relname || '\\_p%'
""")
_END: Final = re.compile(r"TO \('?(\d+)'?\)")
# What waited too long; what was waited for too long.
WAITED: Final = frozenset({"55P03", "57014"})


@dataclass(frozen=True, slots=True)
class Partition:
    """`last`: the highest key that it may hold. `pending`: it was about to be detached when that was cut off."""

    number: int
    last: int
    attached: bool
    pending: bool


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
    return [each.number for each in await listed(db, table) if each.attached]


async def listed(db: Database, table: str) -> list[Partition]:
    """A table's partitions in their order, and what is left of those that were."""
    found = []
    for row in await db.rows(LISTED, {"parent": table}):
        if name := PARTITION.fullmatch(row.relname):
            number, end = int(name[2]), _END.search(row.bounds or "")
            last = int(end[1]) - 1 if end else (number + 1) * SIZE - 1
            found.append(Partition(number, last, row.attached, row.pending))
    return sorted(found, key=lambda each: each.number)


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


async def drop(db: Database, table: str, partition: Partition) -> bool:
    """Forget all rows of a partition; whether that was possible now. Readers and writers of the others do not wait.

    It waits for transactions that may still look at it, and gives up after a while: call it again later.
    """
    name = f"{table}_p{partition.number}"
    how = "FINALIZE" if partition.pending else "CONCURRENTLY"
    try:
        async with db.reads.connect() as connection:
            if partition.attached:
                await connection.execute(text(f"ALTER TABLE {table} DETACH PARTITION {name} {how}"))
            await connection.execute(text(f"DROP TABLE {name}"))
    except DBAPIError as error:
        if sqlstate(error) not in WAITED:
            raise
        log.warning("a long transaction keeps a partition", partition=name)
        return False
    return True
