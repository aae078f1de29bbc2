"""The stand that things are measured on: a PostgreSQL, a shop with a catalog, a server, in processes apart."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text

from app.identity import devices, tokens
from app.identity.principal import system_actor
from app.identity.tokens import Bearer
from app.platform import clock, migrate
from app.platform.db import Database
from app.platform.postgres import EmbeddedPostgres
from benchmarks import statements
from benchmarks.machine import DATABASE_CORE, SERVER_CORE, pin_tree, pinned
from benchmarks.measuring import ROOT, Load, Request, Target, free_port, measure

READY_WITHIN: Final = 60.0
FEIRA: Final = str(Path(sys.executable).parent / "feira")
SERVE: Final = (FEIRA, "serve")
# Counts statements when it is told to (`benchmarks.statements`); until then it costs nothing.
POSTGRES: Final = {"shared_preload_libraries": "pg_stat_statements"}
Fill = Callable[[Database], Awaitable[None]]


@dataclass
class Stand:
    """`url`: the database. `target`: the server."""

    url: str
    folder: Path
    server: subprocess.Popen[bytes]
    target: Target

    @property
    def port(self) -> int:
        return self.target.port

    @property
    def postgres_pid(self) -> int:
        return self.target.postgres_pid

    def load(self, requests: list[Request], *, concurrency: int, seconds: float, once: bool = False) -> Load:
        """Ask from another process, and attribute the CPU that it cost."""
        return measure(self.target, requests, concurrency=concurrency, seconds=seconds, once=once)

    def stop(self) -> None:
        """End the stand's own server, for what is measured with another or without one."""
        self.server.terminate()
        self.server.wait(30)


@contextlib.contextmanager
def stand(fill: Fill) -> Iterator[Stand]:
    """A shop with the demo data and what `fill` adds to it, served until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="feira-bench-"))
    postgres = EmbeddedPostgres(folder / "data", options=POSTGRES)
    try:
        url = postgres.start(lambda _: None)
        pid = int(next(folder.rglob("postmaster.pid")).read_text().splitlines()[0])
        pin_tree(pid, DATABASE_CORE)
        asyncio.run(_fill(url, folder, fill))
        with served(url, folder, pid) as (server, target):
            yield Stand(url=url, folder=folder, server=server, target=target)
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def served(
    url: str, folder: Path, postgres_pid: int, command: Sequence[str] = SERVE, **environment: str
) -> Iterator[tuple["subprocess.Popen[bytes]", Target]]:
    """A server on this database, ready, until the block ends. The caller's budget is off."""
    port = free_port()
    given = os.environ | {
        "FEIRA_DATABASE_URL": url,
        "FEIRA_DATA_DIR": str(folder),
        "FEIRA_PORT": str(port),
        "FEIRA_LOG_FORMAT": "json",
        "FEIRA_COST_PER_SECOND": "0",
        **environment,
    }
    path = folder / f"server-{port}.log"
    with path.open("wb") as log:
        server = subprocess.Popen(pinned(SERVER_CORE, command), env=given, cwd=ROOT, stdout=log, stderr=log)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}/health/ready", server, path)
        yield server, Target(port=port, pid=server.pid, postgres_pid=postgres_pid)
    finally:
        server.terminate()
        server.wait(30)


def wait_until_ready(url: str, server: "subprocess.Popen[bytes]", log: Path, seconds: float = READY_WITHIN) -> None:
    """Until it answers. Raises RuntimeError with the end of its log when it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")


async def _fill(url: str, folder: Path, fill: Fill) -> None:
    from app.platform.config import Settings
    from seed import demo

    await migrate.upgrade(url, lambda _: None)
    database = Database.open(url)
    try:
        await demo.load(database, Settings(database_url=url, data_dir=folder), lambda *_: None)
        await fill(database)
        async with database.reads.connect() as connection:
            await connection.execute(text("VACUUM (ANALYZE)"))
        async with database.apart() as connection:
            await statements.prepare(connection)
    finally:
        await database.close()


async def till_token(url: str, register_code: str = "centro-1") -> str:
    """A token of a new device at this register."""
    from app.pos.queries import registers_by_codes

    database = Database.open(url)
    try:
        register = (await registers_by_codes(database, [register_code]))[register_code]
        now = clock.now()
        actor = system_actor(register.channel_id, now)

        async def make(tx: Any) -> str:
            device_id = await devices.create(tx, actor, given={"name": "bench", "register_id": register.id})
            made = await tokens.create(tx, actor, bearer=Bearer("device", device_id))
            return made.secret

        return await database.run(make)
    finally:
        await database.close()
