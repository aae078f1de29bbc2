"""The feed's figures: how soon a change is told, what telling costs, how fast it is numbered and caught up with."""

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import select, text
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from app.catalog.tables import variant
from app.channels.queries import all_locations, default_channel
from app.events import partitions
from app.events.outbox import Change, Topic, emit
from app.events.scopes import PUBLIC
from app.events.sequencer import Sequencer
from app.events.tables import feed_head
from app.identity.principal import system_actor
from app.inventory.levels import StockChange, adjust
from app.platform import clock, ids
from app.platform.db import Database
from benchmarks.figures import Board, Figure
from benchmarks.measuring import ROOT, Request, Target, measure
from benchmarks.stand import SERVE, Stand, served

IDLE: Final = float(os.environ.get("BENCH_IDLE_SECONDS", "60"))
SUBSCRIBERS: Final = 2_000
QUEUED: Final = 500_000
BEHIND: Final = 100_000
DEEP: Final = 1_000_000
WRITERS: Final = 16
ROUNDS: Final = 5
CHANGES: Final = """query Changes($after: Position, $first: Int!) {
  changes(after: $after, first: $first) {
    changes { position topic action entityId version } endPosition hasMore } }"""
CATCH_UP: Final = """query CatchUp($after: Position) {
  changes(after: $after, first: 1000) {
    changes { position topic action entityId version data } endPosition hasMore } }"""
FOLLOW: Final = "subscription { changes(topics: [AVAILABILITY]) { changes { position entityId } endPosition } }"


Checkouts = Callable[[Target, int], list[Request]]
"""Makes so many requests that were never sent."""


def median(values: list[float]) -> float:
    return statistics.median(values)


def p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


class Shelf:
    """Variants of the stand's shop to receive stock of."""

    def __init__(self, database: Database, channel_id: Any, place: Any, variants: list[Any]) -> None:
        self.database = database
        self.channel_id = channel_id
        self.place = place
        self.variants = variants

    @classmethod
    async def of(cls, database: Database, most: int = 1_000) -> "Shelf":
        channel = await default_channel(database)
        place = (await all_locations(database))[0].id
        rows = await database.rows(select(variant.c.id).where(variant.c.sku.like("SYN-%")).limit(most))
        return cls(database, channel.id, place, [row.id for row in rows])

    async def receive(self, variant_id: Any) -> float:
        """Receive one; when it was committed."""
        actor = system_actor(self.channel_id, clock.now())
        change = StockChange(variant_id=variant_id, location_id=self.place, delta=1000)
        await self.database.run(lambda tx: adjust(tx, actor, changes=[change], kind="RECEIPT"))
        return time.monotonic()


async def latency(board: Board, at: Stand, shelf: Shelf) -> None:
    """From commit here to a subscriber of the server, which is another process."""
    address = f"ws://127.0.0.1:{at.port}/graphql"
    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as connection:
        await connection.send('{"type": "connection_init"}')
        await connection.recv()
        await connection.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": FOLLOW}}))
        heard: dict[str, asyncio.Future[float]] = {}

        async def listen() -> None:
            async for message in connection:
                now = time.monotonic()
                for change in json.loads(message)["payload"]["data"]["changes"]["changes"]:
                    waiting = heard.get(change["entityId"])
                    if waiting is not None and not waiting.done():
                        waiting.set_result(now)

        listening = asyncio.ensure_future(listen())
        await asyncio.sleep(0.5)

        async def one(place: int) -> float:
            key = ids.encode("Variant", shelf.variants[place])
            heard[key] = asyncio.get_running_loop().create_future()
            committed = await shelf.receive(shelf.variants[place])
            return max(0.0, await asyncio.wait_for(heard[key], 10) - committed) * 1000

        async def busy(start: int) -> list[float]:
            return [await one((start * 100 + number) % len(shelf.variants)) for number in range(100)]

        found = [each for some in await asyncio.gather(*(busy(number) for number in range(4))) for each in some]
        await asyncio.sleep(IDLE)
        quiet = [await one(0)]
        for number in range(1, 20):
            await asyncio.sleep(0.6)
            quiet.append(await one(number))
        listening.cancel()
    of = "commit to a WebSocket subscriber of another process"
    board.add(Figure("change told, busy: p50", median(found), "ms", f"{of}; 4 writers without pause", "<= 15"))
    board.add(Figure("change told, busy: p99", p99(found), "ms", f"{of}; 4 writers without pause", "<= 50"))
    board.add(Figure("change told, idle: p50", median(quiet), "ms", f"{of}; after {IDLE:.0f} s of silence", "<= 15"))
    board.add(Figure("change told, idle: worst", max(quiet), "ms", f"{of}; after {IDLE:.0f} s of silence", "<= 50"))


async def fan_out(board: Board, at: Stand, shelf: Shelf) -> None:
    """One change of availability to many subscribers of one process."""
    key = ids.encode("Variant", shelf.variants[-1])
    command = [sys.executable, "-m", "benchmarks.subscribers", "127.0.0.1", str(at.port), str(SUBSCRIBERS), key]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert (await process.stdout.readline()) == b"ready\n"
    last = []
    for _ in range(7):
        await asyncio.sleep(1)
        process.stdin.write(b"\n")
        committed = await shelf.receive(shelf.variants[-1])
        _, latest = json.loads(await process.stdout.readline())
        last.append((latest - committed) * 1000)
    process.stdin.close()
    await process.wait()
    of = f"commit to the last of {SUBSCRIBERS:,} WebSockets, the clients on the same two cores; median of 7"
    board.add(Figure(f"availability to {SUBSCRIBERS:,} subscribers", median(last), "ms", of, "<= 500"))


async def numbering(board: Board, url: str) -> None:
    """How fast a queue is numbered, over how fast writers make one. No server runs meanwhile."""
    database = Database.open(url)
    written = await _write_for(database, 5.0)
    async with database.apart() as connection:
        sequencer = await Sequencer.begin(connection)
        while await sequencer.number():
            pass
        await partitions.make_ahead(database)
        for _ in range(QUEUED // 10_000):
            await database.run(lambda tx: emit(tx, [_change() for _ in range(10_000)]))
        began, numbered = time.monotonic(), 0
        while rows := await sequencer.number():
            numbered += rows
        drained = numbered / (time.monotonic() - began)
    await database.close()
    board.add(Figure("writers: rows", written, "rows/s", f"{WRITERS} writers, two changes a transaction"))
    board.add(Figure("sequencer: rows", drained, "rows/s", f"draining {numbered:,} queued rows"))
    board.add(Figure("sequencer over writers", drained / written, "×", "rows a second, same run", ">= 5"))


def _change() -> Change:
    return Change(Topic.PRICE, ids.new_id(), 1, after=(PUBLIC,))


async def _write_for(database: Database, seconds: float) -> float:
    until, rows = time.monotonic() + seconds, 0

    async def write() -> None:
        nonlocal rows
        while time.monotonic() < until:
            await database.run(lambda tx: emit(tx, [_change(), _change()]))
            rows += 2

    await asyncio.gather(*(write() for _ in range(WRITERS)))
    return rows / seconds


async def fill(url: str, shelf_size: int) -> int:
    """A history of a million changes and a bit, by PostgreSQL alone: a follower is later so far behind. The head."""
    database = Database.open(url)
    rows = await database.rows(select(variant.c.id).limit(shelf_size))
    async with database.transaction() as tx:
        await tx.execute(text("SET LOCAL statement_timeout = 0"))
        head = await tx.value(select(feed_head.c.position).with_for_update())
        drawn = await tx.value(text("SELECT pg_sequence_last_value('outbox_id_seq')"))
        wanted = DEEP + BEHIND - head
        await tx.execute(text(f"SELECT setval('outbox_id_seq', {drawn + wanted})"))
        await tx.execute(
            text(
                "INSERT INTO outbox (id, topic, action, entity_id, version, scopes_before, scopes_after) "
                "SELECT :drawn + n, 'PRICE', 'UPSERT', (:ids ::uuid[])[1 + n % :many], n, '{public}', '{public}' "
                "FROM generate_series(1, :wanted) AS n"
            ),
            {"drawn": drawn, "ids": [row.id for row in rows], "many": len(rows), "wanted": wanted},
        )
        await tx.execute(
            text("INSERT INTO feed (position, outbox_id) SELECT :head + n, :drawn + n FROM generate_series(1, :n) n"),
            {"head": head, "drawn": drawn, "n": wanted},
        )
        await tx.execute(
            text("UPDATE feed_head SET position = position + :n, floor = :floor"),
            {"n": wanted, "floor": drawn + wanted},
        )
    async with database.reads.connect() as connection:
        await connection.execute(text("ANALYZE outbox"))
        await connection.execute(text("ANALYZE feed"))
    await database.close()
    return DEEP + BEHIND


def depth(board: Board, target: Target) -> None:
    """A page of the beginning and one of a million changes later, in turn."""
    places = {"first": "1", "deep": str(DEEP)}
    requests = {name: [target.request(CHANGES, {"after": after, "first": 100})] for name, after in places.items()}
    times: dict[str, list[float]] = {"first": [], "deep": []}
    for _ in range(3):
        for name in places:
            times[name].append(measure(target, requests[name], concurrency=1, seconds=2.0).p50)
    first, deep = median(times["first"]), median(times["deep"])
    board.add(Figure("changes, page of 100 at position 1: p50", first, "ms", "one client"))
    board.add(Figure("changes, page of 100 at position 1,000,000: p50", deep, "ms", "one client"))
    board.add(Figure("changes: a million later over at the beginning", deep / first, "×", "p50, in turn", "<= 1.2"))


def catch_up(board: Board, target: Target) -> None:
    """A follower who was away, over HTTP, with the records of what it missed."""
    began, after, pages, changes = time.monotonic(), str(DEEP), 0, 0
    while True:
        page = target.ask(CATCH_UP, {"after": after})["changes"]
        after, pages, changes = page["endPosition"], pages + 1, changes + len(page["changes"])
        if not page["hasMore"]:
            break
    seconds = time.monotonic() - began
    of = f"compacted, with records: {pages} pages, {changes:,} changes"
    board.add(Figure(f"catch-up of {BEHIND:,} changes", seconds, "s", of, "<= 5"))


def emitting(board: Board, at: Stand, checkouts: Checkouts) -> None:
    """A checkout's CPU with and without the outbox, in turn; no other server runs."""
    cost: dict[bool, list[float]] = {True: [], False: []}
    servers = {
        True: SERVE,
        False: (sys.executable, "-m", "benchmarks.unemitting"),
    }
    for _ in range(ROUNDS):
        for tells, command in servers.items():
            with served(at.url, at.folder, at.postgres_pid, command) as (_, target):
                measure(target, checkouts(target, 100), concurrency=8, seconds=120, once=True)
                load = measure(target, checkouts(target, 800), concurrency=8, seconds=120, once=True)
            cost[tells].append(load.cpu_us)
    with_it, without = median(cost[True]), median(cost[False])
    of = (
        f"a checkout's CPU, numbering and following included: {with_it:.0f} µs over {without:.0f} µs without the outbox"
    )
    board.add(Figure("cost of emitting", with_it / without, "×", of, "<= 1.05"))


def report(board: Board, at: Stand, checkouts: Checkouts) -> None:
    """All of them. The stand's server is stopped for what is measured without one."""

    async def live() -> None:
        database = Database.open(at.url)
        shelf = await Shelf.of(database)
        await latency(board, at, shelf)
        await fan_out(board, at, shelf)
        await database.close()

    asyncio.run(live())
    # No sequencer may run while a history is put there.
    at.stop()
    asyncio.run(fill(at.url, 5_000))
    with served(at.url, at.folder, at.postgres_pid) as (_, target):
        depth(board, target)
        catch_up(board, target)
    emitting(board, at, checkouts)
    asyncio.run(numbering(board, at.url))
