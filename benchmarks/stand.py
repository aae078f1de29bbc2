"""The stand that things are measured on: a PostgreSQL, a shop with a catalog, a server, in processes apart."""

import asyncio
import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.identity import devices, tokens
from app.identity.principal import system_actor
from app.identity.tokens import Bearer
from app.platform import clock, migrate
from app.platform.db import Database
from app.platform.postgres import EmbeddedPostgres
from benchmarks.cpu import tree_seconds

ROOT = Path(__file__).parents[1]
READY_WITHIN = 60.0


@dataclass
class Load:
    """What a run of the load generator came to."""

    requests: int
    seconds: float
    p50: float
    p99: float
    server_us: float
    postgres_us: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_us(self) -> float:
        return self.server_us + self.postgres_us


@dataclass
class Stand:
    """`url`: the database. `port`: the server's."""

    url: str
    folder: Path
    postgres_pid: int
    server: subprocess.Popen[bytes]
    port: int

    def load(self, requests: list[dict[str, Any]], *, concurrency: int, seconds: float, once: bool = False) -> Load:
        """Ask from another process, and attribute the CPU that it cost."""
        return measure(self.port, self.server.pid, self.postgres_pid, requests, concurrency, seconds, once=once)


def measure(
    port: int,
    server_pid: int,
    postgres_pid: int,
    requests: list[dict[str, Any]],
    concurrency: int,
    seconds: float,
    *,
    once: bool = False,
) -> Load:
    """Run the load generator against a server. Raises RuntimeError when an answer was not what it should be."""
    lines = "\n".join(json.dumps({"path": "/graphql", "headers": {}} | request) for request in requests)
    command = [sys.executable, "-m", "benchmarks.load", "127.0.0.1", str(port), str(concurrency), str(seconds)]
    before = tree_seconds([server_pid]), tree_seconds([postgres_pid])
    done = subprocess.run(
        [*command, *(["--once"] if once else [])], input=lines, capture_output=True, text=True, cwd=ROOT, check=True
    )
    after = tree_seconds([server_pid]), tree_seconds([postgres_pid])
    told = json.loads(done.stdout)
    if told["failures"] or not told["requests"]:
        raise RuntimeError(f"{told['failures']} of {told['requests']} answers failed: {told['sample']}")
    each = 1_000_000 / told["requests"]
    return Load(
        requests=told["requests"],
        seconds=told["seconds"],
        p50=told["p50"],
        p99=told["p99"],
        server_us=(after[0] - before[0]) * each,
        postgres_us=(after[1] - before[1]) * each,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def stand(products: int) -> Iterator[Stand]:
    """A shop with the demo data and so many products of three variants more, served until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="feira-bench-"))
    postgres = EmbeddedPostgres(folder / "data")
    server = None
    try:
        url = postgres.start(lambda _: None)
        asyncio.run(_fill(url, folder, products))
        port = free_port()
        environment = os.environ | {
            "FEIRA_DATABASE_URL": url,
            "FEIRA_DATA_DIR": str(folder),
            "FEIRA_PORT": str(port),
            "FEIRA_BUDGET": "off",
            "FEIRA_LOG_FORMAT": "json",
            "FEIRA_COST_PER_SECOND": "0",
        }
        with (folder / "server.log").open("wb") as log:
            server = subprocess.Popen(
                [str(Path(sys.executable).parent / "feira"), "serve"], env=environment, cwd=ROOT, stdout=log, stderr=log
            )
        _wait(port, server, folder / "server.log")
        pid = int(next(folder.rglob("postmaster.pid")).read_text().splitlines()[0])
        yield Stand(url=url, folder=folder, postgres_pid=pid, server=server, port=port)
    finally:
        if server is not None:
            server.terminate()
            server.wait(30)
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")


async def _fill(url: str, folder: Path, products: int) -> None:
    from app.platform.config import Settings
    from benchmarks.catalog import add_products
    from seed import demo

    await migrate.upgrade(url, lambda _: None)
    database = Database.open(url)
    try:
        await demo.load(database, Settings(database_url=url, data_dir=folder), lambda *_: None)
        await add_products(database, products, random.Random(7))
        async with database.reads.connect() as connection:
            await connection.execute(text("ANALYZE"))
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
