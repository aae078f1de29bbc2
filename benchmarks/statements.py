"""What a server sends to PostgreSQL, as pg_stat_statements counts it: ours and a peer's by the same rule.

Every statement counts that the server sent meanwhile to its own database, BEGIN and COMMIT too. What ours sends whether
it is asked or not (it numbers and follows the feed, looks for what the clock begins or ends) is taken off: the
statements of an idle time before, and those that name the tables of that work, which are sent for any number of writes
at once.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg

IDLE_SECONDS: Final = 3.0
READ: Final = """
SELECT query, sum(calls)::bigint AS calls, sum(total_exec_time) AS milliseconds, sum(total_plan_time) AS planning
FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND query NOT LIKE '%pg_stat_statements%'
GROUP BY query
"""
BACKGROUND: Final = re.compile(
    r"\b(feed|feed_head|follower|webhook|webhook_delivery|pg_snapshot_xmin|pg_sequence_last_value|pg_try_advisory\w*|pg_class)\b"
)


@dataclass(frozen=True)
class Sent:
    """One statement: how often it was sent, how long PostgreSQL took to plan and run all of them, in milliseconds."""

    query: str
    calls: float
    milliseconds: float
    planning: float

    def row(self, times: int) -> str:
        """For a person: each of so many times."""
        run, planned = (taken * 1000 / times for taken in (self.milliseconds, self.planning))
        return f"{self.calls / times:8.2f} {run:8.0f} {planned:8.0f}  {' '.join(self.query.split())[:240]}"


@dataclass
class Counted:
    """What was sent, most time first; filled when the block has ended."""

    sent: list[Sent] = field(default_factory=list)

    @property
    def calls(self) -> float:
        return sum(each.calls for each in self.sent)

    def table(self, times: int) -> str:
        """For a person: calls and microseconds for each of so many times, then the statement."""
        rows = [each.row(times) for each in self.sent if each.calls / times >= 0.01]
        run, planned = (
            sum(getattr(each, name) for each in self.sent) * 1000 / times for name in ("milliseconds", "planning")
        )
        head = ["   calls   run µs  plan µs  each time", f"{self.calls / times:8.2f} {run:8.0f} {planned:8.0f}  in all"]
        return "\n".join([*head, *rows])


async def prepare(connection: "asyncpg.Connection[Any]") -> None:
    """Count nothing until told to."""
    await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    await connection.execute("ALTER SYSTEM SET pg_stat_statements.track = 'none'")
    await connection.execute("SELECT pg_reload_conf()")


@contextlib.asynccontextmanager
async def counting(dsn: str) -> AsyncIterator[Counted]:
    """Count what is sent to this database while the block lasts, less what is sent in idle times."""
    connection = await asyncpg.connect(dsn)
    counted = Counted()
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        await connection.execute("ALTER SYSTEM SET pg_stat_statements.track = 'top'")
        await connection.execute("ALTER SYSTEM SET pg_stat_statements.track_planning = 'on'")
        await connection.execute("SELECT pg_reload_conf()")
        await asyncio.sleep(0.5)
        idle = await _over(connection, asyncio.sleep(IDLE_SECONDS))
        await connection.execute("SELECT pg_stat_statements_reset()")
        began = time.monotonic()
        yield counted
        lasted = time.monotonic() - began
        for row in await connection.fetch(READ):
            usual = idle.get(row["query"], 0.0) * lasted / IDLE_SECONDS
            calls = max(0.0, row["calls"] - usual)
            if calls >= 0.5 and not BACKGROUND.search(row["query"]):
                part = calls / row["calls"]
                counted.sent.append(Sent(row["query"], calls, row["milliseconds"] * part, row["planning"] * part))
        counted.sent.sort(key=lambda each: -each.milliseconds - each.planning)
    finally:
        await prepare(connection)
        await connection.close()


async def _over(connection: "asyncpg.Connection[Any]", waiting: Any) -> dict[str, float]:
    """How often each statement was sent while this was waited for."""
    await connection.execute("SELECT pg_stat_statements_reset()")
    await waiting
    return {row["query"]: float(row["calls"]) for row in await connection.fetch(READ)}
