"""The work that nobody asks for, done every so often: inside `feira up`, or alone as `feira worker`.

Every job may run in many processes at once: each is a transaction that takes the rows it finds.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from app.inventory import sweeper
from app.platform import clock, operations
from app.platform.db import Database

log = structlog.get_logger("feira.worker")

LONGEST_PAUSE = 60.0  # seconds, after failures


@dataclass(frozen=True)
class Job:
    """`run` every `seconds`; it returns how many things it did, and is logged when it did any."""

    name: str
    seconds: float
    run: Callable[[Database], Awaitable[int]]


async def forget_operations(database: Database) -> int:
    """Operations are kept for 90 days; a repeat after that is a new operation."""
    before = clock.now() - timedelta(days=operations.KEPT_DAYS)
    return await database.run(lambda tx: operations.forget(tx, before))


async def sweep_holds(database: Database) -> int:
    """What expired is free for others within a second (DESIGN, law 1)."""
    return await sweeper.sweep(database, clock.now())


JOBS = (
    Job("sweep holds", 0.5, sweep_holds),
    Job("forget operations", 3600, forget_operations),
)


async def work(database: Database, jobs: tuple[Job, ...] = JOBS) -> None:
    """Do the jobs until cancelled; one that fails is logged, and tried again after a growing pause."""
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(_repeat(job, database), name=job.name)


async def _repeat(job: Job, database: Database) -> None:
    failures = 0
    while True:
        pause = job.seconds
        try:
            done = await job.run(database)
        except Exception:
            failures += 1
            pause = min(LONGEST_PAUSE, max(1.0, job.seconds) * 2 ** min(failures, 6))
            log.exception("job failed", job=job.name, failures=failures)
        else:
            failures = 0
            if done:
                log.info("job done", job=job.name, count=done)
        # Processes that started together do not stay in step.
        await asyncio.sleep(pause * random.uniform(0.9, 1.1))  # noqa: S311
