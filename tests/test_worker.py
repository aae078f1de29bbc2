"""The background work."""

import asyncio

from app.platform.db import Database
from app.worker import JOBS, Job, work

NOTHING = Database.open("postgresql://127.0.0.1:1/nowhere")


async def test_every_job_runs_on_an_empty_shop(database):
    for job in JOBS:
        assert await job.run(database) == 0


async def test_a_job_is_done_again_and_again_and_one_that_fails_hinders_none():
    done = asyncio.Event()
    times = 0
    failures = 0

    async def count(_):
        nonlocal times
        times += 1
        if times == 5:
            done.set()
        return 1

    async def fail(_):
        nonlocal failures
        failures += 1
        raise RuntimeError("not today")

    running = asyncio.create_task(work(NOTHING, (Job("count", 0.01, count), Job("fail", 0.01, fail))))
    async with asyncio.timeout(10):
        await done.wait()
    assert not running.done()
    assert failures == 1
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
