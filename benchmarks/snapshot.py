"""What a snapshot costs beside a plain COPY of the same JSON through the same compressor.

    python -m benchmarks.snapshot      (FEIRA_DATABASE_URL names the database)

In a process of its own, so that what it takes of memory is its own too. Prints one line of JSON.
"""

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from typing import Any, Final

import asyncpg
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.engine import make_url

from app.api.records import SOURCES
from app.api.snapshot import SHOPPERS, filling
from app.browse.records.record import FIRST
from app.browse.records.view import View, view_of
from app.browse.snapshot import LEVEL, PLAN
from app.catalog.tables import variant
from app.channels.queries import default_channel
from app.identity.principal import ANONYMOUS
from app.platform import clock
from app.platform.db import Database
from benchmarks.figures import Board, Figure
from benchmarks.measuring import ROOT
from benchmarks.stand import Stand

ROUNDS: Final = 3


class Packed:
    """The compressor that snapshots use, in a thread as theirs is."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)

    async def write(self, data: bytes) -> None:
        self.file.write(await asyncio.to_thread(self.compressor.compress, data))

    def end(self) -> None:
        self.file.write(self.compressor.flush())


async def copy(url: str, view: View) -> float:
    """Seconds that COPY takes for the records of the same topics, without order, hashes or ids."""
    connection = await asyncpg.connect(make_url(url).set(drivername="postgresql").render_as_string(False))
    began = time.perf_counter()
    try:
        with tempfile.TemporaryFile() as file:
            packed = Packed(file)
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                await connection.execute("SET LOCAL statement_timeout = 0")
                await connection.execute(str(PLAN))
                for topic in SHOPPERS:
                    statement = SOURCES[topic].page.order_by(None).limit(None).compile(dialect=dialect())  # type: ignore[no-untyped-call]
                    given = statement.construct_params(view.parameters | {"after": FIRST})
                    await connection.copy_from_query(
                        f"SELECT convert_from(record, 'UTF8') FROM ({statement}) AS records",
                        *(given[name] for name in statement.positiontup or ()),
                        output=packed.write,
                    )
            packed.end()
    finally:
        await connection.close()
    return time.perf_counter() - began


async def compare(url: str) -> dict[str, float]:
    """Both in turn, several times: the medians; and the megabytes that a snapshot takes above the process."""
    database = Database.open(url)
    try:
        channel = await default_channel(database)
        view = await view_of(database, ANONYMOUS, channel, clock.now())
        fill = filling(database, ANONYMOUS, channel.id, SHOPPERS)
        variants = await database.value(select(func.count()).select_from(variant))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        snapshots, memory = [await snapshot(fill)], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        copies = [await copy(url, view)]
        for _ in range(ROUNDS - 1):
            snapshots.append(await snapshot(fill))
            copies.append(await copy(url, view))
    finally:
        await database.close()
    return {
        "variants": variants,
        "copy": statistics.median(copies),
        "snapshot": statistics.median(snapshots),
        "megabytes": memory / 1024,
    }


async def snapshot(fill: Any) -> float:
    began = time.perf_counter()
    with tempfile.TemporaryFile() as file:
        await fill(file)
    return time.perf_counter() - began


def report(board: Board, at: Stand) -> None:
    """The figures, on the stand's shop: `python -m benchmarks 33334` has 100,000 variants."""
    environment = os.environ | {"FEIRA_DATABASE_URL": at.url}
    command = [sys.executable, "-m", "benchmarks.snapshot"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    name = f"snapshot of {told['variants']:,} variants"
    board.add(Figure(f"{name}: time", told["snapshot"], "s", f"median of {ROUNDS}; COPY {told['copy']:.2f} s"))
    of = "COPY of the same JSON through the same compressor, same run"
    board.add(Figure(f"{name}: speed over COPY's", told["copy"] / told["snapshot"], "×", of, ">= 0.5"))
    board.add(Figure(f"{name}: memory", told["megabytes"], "MB", "above the process, at its highest", "<= 150"))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(compare(os.environ["FEIRA_DATABASE_URL"]))))
