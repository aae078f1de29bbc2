"""Many who want the same: holds on one hot variant beside random ones, and more buyers than there are units."""

import asyncio
import json
import subprocess
import sys
from itertools import repeat
from typing import Any, Final

from sqlalchemy import func, select

from app.catalog.tables import variant
from app.channels.queries import all_locations, default_channel
from app.identity.principal import system_actor
from app.inventory.levels import StockChange, adjust
from app.inventory.tables import stock_level
from app.orders.tables import order_line
from app.platform import clock
from app.platform.db import Database
from benchmarks import questions
from benchmarks.figures import Board, Figure
from benchmarks.machine import DATABASE_CORE, pinned
from benchmarks.measuring import ROOT, Load, Meter, Target
from benchmarks.questions import WANTED
from benchmarks.stand import Stand

HOLDERS: Final = 64
HOLDS: Final = 1_500
BUYERS: Final = 200
UNITS: Final = 50


def bought(target: Target, shop: str, variants: list[str], count: int, at_once: int) -> tuple[Load, dict[str, Any]]:
    """Whole checkouts from another process, and what they came to."""
    command = [sys.executable, "-m", "benchmarks.buyers", shop, "127.0.0.1", str(target.port), str(count), str(at_once)]
    meter = Meter(target)
    done = subprocess.run(
        pinned(DATABASE_CORE, command),
        input="\n".join(variants),
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    confirmed = max(1, told["confirmed"])
    return meter.over(confirmed, told["seconds"], told["p50"], told["p99"]), told


def hot(board: Board, at: Stand, products: int) -> None:
    """Holds a second: carts that are made with a line, all of one variant and then each of another, twice in turn."""
    best: dict[str, float] = {}
    for _ in range(2):
        for name, skus in (("hot", repeat("SYN-00000-M")), ("random", questions.skus(products))):
            requests = questions.first_adds(at.target, skus, HOLDS)
            load = at.load(requests, concurrency=HOLDERS, seconds=300, once=True)
            best[name] = max(best.get(name, 0.0), load.per_second)
    of = f"random variants, {HOLDERS} buyers: {best['hot']:,.0f} over {best['random']:,.0f} holds/s, better of 2"
    board.add(Figure("one hot variant: holds a second", best["hot"] / best["random"], "×", of, ">= 0.5"))


def few_units(board: Board, at: Stand) -> None:
    """200 buyers, each with a connection of their own, go through the whole checkout at once; there are 50 units."""
    sold = asyncio.run(_sold(at.url, None))
    asyncio.run(_leave(at.url))
    _, told = bought(at.target, "feira", [WANTED], BUYERS, BUYERS)
    units = asyncio.run(_sold(at.url, sold))
    if units != told["confirmed"]:
        raise RuntimeError(f"the buyers were told of {told['confirmed']} orders, the database has {units}")
    of = f"{BUYERS} buyers at once after {UNITS} units; the others: {told['others']}"
    board.add(Figure(f"{BUYERS} buyers after {UNITS} units: orders confirmed", told["confirmed"], "orders", of, "= 50"))
    board.add(Figure(f"{BUYERS} buyers after {UNITS} units: time", told["seconds"], "s", "until all were answered"))


async def _leave(url: str) -> None:
    """Count fifty at one location, and none elsewhere, beside what is promised already."""
    database = Database.open(url)
    try:
        sought = select(variant.c.id).where(variant.c.sku == WANTED).scalar_subquery()
        levels = await database.rows(select(stock_level).where(stock_level.c.variant_id == sought))
        locations = {row.id: row.code for row in await all_locations(database)}
        actor = system_actor((await default_channel(database)).id, clock.now())
        changes = [
            StockChange(
                row.variant_id,
                row.location_id,
                on_hand=row.reserved + (UNITS * 1000 if locations[row.location_id] == "cd" else 0),
            )
            for row in levels
        ]
        await database.run(lambda tx: adjust(tx, actor, changes=changes, kind="COUNT", reason="bench"))
    finally:
        await database.close()


async def _sold(url: str, before: int | None) -> int:
    """Units of it that orders have, less those before."""
    database = Database.open(url)
    try:
        wanted = order_line.join(variant, variant.c.id == order_line.c.variant_id)
        statement = select(func.coalesce(func.sum(order_line.c.quantity), 0)).select_from(wanted)
        milli = await database.value(statement.where(variant.c.sku == WANTED))
    finally:
        await database.close()
    return int(milli) // 1000 - (before or 0)
