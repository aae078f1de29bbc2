"""Law 5 under fire: writers from three processes, sequencers killed again and again, PostgreSQL restarted in between.

Afterwards positions run 1..N, each entity's changes are in their order, nothing that was committed is missing, and a
copy that was begun from a snapshot in the middle is what the database is, by comparison and by digest.
`make proof` runs it for longer.
"""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from itertools import groupby
from pathlib import Path
from time import monotonic
from typing import Final

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from app.events import audit as events_audit
from app.events.outbox import Topic
from app.events.tables import feed_head, outbox
from app.inventory.tables import stock_level
from app.platform.db import Database
from app.platform.lease import LOST
from app.platform.migrate import ROOT, upgrade
from app.platform.postgres import EmbeddedPostgres
from app.platform.postgres.processes import is_postmaster, read_pid_file, send
from app.platform.postgres.server import free_port
from app.pricing.tables import priced_variant
from app.worker import FOLLOWED, audit
from tests.events.telling import number, told_in_order
from tests.laws.copies import Copy
from tests.shop import Shop

SECONDS: Final = float(os.environ.get("FEIRA_PROOF_SECONDS", "8"))
WRITERS: Final = 3


class Server:
    """A PostgreSQL of its own, durable, that can be killed and comes back where it was."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.postgres = EmbeddedPostgres(folder, options={"port": str(self.port)}, ephemeral=True)
        self.url = ""

    async def start(self) -> None:
        url = await asyncio.to_thread(self.postgres.start)
        self.url = make_url(url).set(port=self.port).render_as_string(hide_password=False)

    async def crash(self) -> None:
        """As if its machine had been cut off: no checkpoint, recovery when it starts again."""
        found = read_pid_file(self.postgres.data)
        assert found is not None
        send(found.pid, signal.SIGQUIT)
        while is_postmaster(found.pid, self.postgres.data):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await self.start()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path / "data")
    await server.start()
    try:
        await upgrade(server.url)
        yield server
    finally:
        await asyncio.to_thread(server.postgres.stop)


async def process(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.laws.feed_worker",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def kill_and_replace(
    database: Database, url: str, running: list[asyncio.subprocess.Process], until: float, kills: list[int]
) -> None:
    """Each time that the feed goes on, one of the sequencers is killed, and another started."""
    chance = random.Random(7)
    try:
        while monotonic() < until:
            await asyncio.sleep(chance.uniform(0.2, 1.0))
            if not await goes_on(database, until):
                continue
            victim = running.pop(chance.randrange(2))
            victim.send_signal(signal.SIGKILL)
            await victim.wait()
            kills.append(victim.pid)
            running.append(await process("sequencer", url))
    finally:
        for each in running:
            each.kill()
            await each.wait()


async def goes_on(database: Database, until: float) -> bool:
    """Wait until somebody numbers; whether somebody does in time."""
    began = None
    while monotonic() < until:
        try:
            head = await database.value(select(feed_head.c.position))
        except LOST:
            head = None
        if began is not None and head is not None and head > began:
            return True
        began = head if began is None else began
        await asyncio.sleep(0.02)
    return False


async def test_whoever_dies_every_change_is_numbered_once_and_in_order(server: Server) -> None:
    database = Database.open(server.url)
    shop = await Shop(database).open()
    for place in range(12):
        await shop.variant(f"V{place}", price=None)
    watching = Database.open(server.url, reads=1, writes=1)
    sequencers = [await process("sequencer", server.url) for _ in range(2)]
    async with asyncio.timeout(60):
        while not await watching.value(select(feed_head.c.token)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    writers = [await process("writer", server.url, str(seed), str(SECONDS)) for seed in range(WRITERS)]
    for writer in writers:
        assert writer.stdout is not None
        assert await writer.stdout.readline() == b"ready\n"
    kills: list[int] = []
    killing = asyncio.create_task(kill_and_replace(watching, server.url, sequencers, monotonic() + SECONDS, kills))
    await asyncio.sleep(SECONDS / 3)
    copy = await Copy(watching, shop.actor().principal).begin()
    assert copy.told == copy.digests()
    await server.crash()
    told = [int((await writer.communicate())[0]) for writer in writers]
    await killing
    await watching.close()
    assert all(told)
    assert kills

    await database.close()
    database = Database.open(server.url)
    before = await database.value(select(feed_head.c.position))
    assert before > 0, "nobody numbered meanwhile"
    await number(database)
    copy.database = database
    assert await copy.catch_up() > 0
    whole = await Copy(database, copy.principal).begin()
    assert copy.kept == whole.kept
    assert copy.digests() == whole.told
    rows = await told_in_order(database)
    assert len(rows) == await database.value(select(func.count()).select_from(outbox))
    by_entity = sorted(enumerate(rows), key=lambda one: (one[1][0], one[1][1], one[0]))
    for (topic, entity), changes in groupby(by_entity, key=lambda one: one[1][:2]):
        versions = [version for _, (_, _, version) in changes]
        # Of a variant's availability two changes may carry one version: writers of two levels do not wait.
        if topic != "AVAILABILITY":
            assert versions == list(range(versions[0], versions[0] + len(versions))), (topic, entity)
    async with database.transaction() as tx:
        assert (
            await events_audit.violations(tx, {Topic.STOCK: FOLLOWED[Topic.STOCK], Topic.PRICE: FOLLOWED[Topic.PRICE]})
            == []
        )
    assert (await audit(database))["stock"] == []
    assert await database.value(select(func.sum(stock_level.c.version))) > sum(told) / 2
    assert await database.value(select(func.max(priced_variant.c.version))) > 1
    await database.close()
