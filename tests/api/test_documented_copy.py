"""The copy that `docs/records` gives to begin with: it follows, is cut off, catches up, and is right."""

import asyncio
import re
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest_asyncio
from sqlalchemy import update

from app.events.tables import feed_head
from app.platform.migrate import ROOT
from tests.api.server import Server, serving, tender
from tests.checkout.counter import UNIT
from tests.shop import Shop

TEXT = (ROOT / "docs" / "records" / "README.md").read_text(encoding="utf-8")


@pytest_asyncio.fixture
async def server(shop: Shop, database_url: str) -> AsyncIterator[Server]:
    await shop.variant("CANECA", price=4990, name="Caneca «São João»", stock={"centro": 20 * UNIT})
    async with serving(shop, database_url) as server:
        yield server


class Line:
    """The line to a server, which can be cut."""

    def __init__(self, url: str) -> None:
        self.to = urlsplit(url)
        self.writers: list[StreamWriter] = []
        self.is_cut = False

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        if self.is_cut:
            writer.close()
            return
        there, back = await asyncio.open_connection(self.to.hostname, self.to.port)
        self.writers += [writer, back]
        await asyncio.gather(pipe(reader, back), pipe(there, writer))

    def cut(self) -> None:
        self.is_cut = True
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()


async def pipe(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def line_to(url: str) -> AsyncIterator[tuple[str, Line]]:
    line = Line(url)
    listener = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", line
    finally:
        line.cut()
        listener.close()


@asynccontextmanager
async def copy(folder, url: str, token: str) -> AsyncIterator[Process]:
    """The documented program, which acknowledges all the time."""
    [program] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert program.count("EVERY = 10") == 1
    (folder / "till.py").write_text(program.replace("EVERY = 10", "EVERY = 0"), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(sys.executable, str(folder / "till.py"), url, token, stdout=PIPE)
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def until(process: Process, pattern: str) -> str:
    """The next line that it prints of this pattern."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while True:
            line = (await process.stdout.readline()).decode()
            assert line, "it has ended"
            if re.search(pattern, line):
                return line


async def sale(server: Server, *, ended: bool = True) -> None:
    cart = (await server.done("pos/startSale", who="till", lines=[{"variant": {"sku": "CANECA"}}]))["cart"]
    if ended:
        await server.done("pos/sell", who="till", cartId=cart["id"], tenders=[tender(4990)])


async def test_it_is_right_at_the_beginning_live_after_a_cut_and_in_another_epoch(server: Server, tmp_path) -> None:
    right = r"^at \d+ compared 9, wrong: \[\]"
    async with line_to(server.url) as (url, line), copy(tmp_path, url, server.tokens["till"]) as process:
        await until(process, r"^\d+ records at \d+")
        await until(process, right)
        await sale(server)
        await until(process, "UPSERT ORDER")
        await sale(server, ended=False)
        await until(process, right)
        line.cut()
        await until(process, "^cut off")
        await sale(server)
        line.is_cut = False
        await until(process, "UPSERT ORDER")
        await until(process, right)
        query = "{ convergence { followers { name lag digests { matches } } } }"
        [follower] = (await server.ask(query, who="owner"))["convergence"]["followers"]
        assert (follower["name"], follower["digests"]) == ("copy", [{"matches": True}] * 9)
        # A database that was restored tells another history.
        await server.shop.db.run(lambda tx: tx.execute(update(feed_head).values(epoch="another")))
        line.cut()
        line.is_cut = False
        await until(process, r"^\d+ records at \d+")
        await until(process, right)
