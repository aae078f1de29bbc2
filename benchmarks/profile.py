"""Where the time goes: for each question the functions of our server and the statements that it sends.

    python -m benchmarks.profile [FOLDER] [PRODUCTS]

Writes a text file a question into the folder (`.feira/profiles`).
"""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks import questions
from benchmarks.catalog import add_products
from benchmarks.contention import bought
from benchmarks.floor import plain
from benchmarks.measuring import ROOT, Request, Target, measure
from benchmarks.stand import served, stand
from benchmarks.statements import Counted, counting

SECONDS: Final = 4.0
ORDERS: Final = 100


def run(target: Target, requests: list[Request] | None, products: int) -> int:
    """Ask for a while; without requests, whole checkouts. How many times it was asked."""
    if requests is None:
        skus = [sku for sku, _ in zip(questions.skus(products), range(products), strict=False)]
        bought(target, "feira", skus, ORDERS, 4)
        return ORDERS
    once = "cart" in requests[0]["body"]
    return measure(target, requests, concurrency=4, seconds=600 if once else SECONDS, once=once).requests


def kinds(target: Target, products: int) -> dict[str, list[Request] | None]:
    """The questions; adds can be asked once only, and are made anew each time."""
    return {
        "listing": questions.listings(target, products),
        "product-page": questions.product_pages(target, products),
        "search": questions.searches(target),
        "add-to-cart": questions.first_adds(target, questions.skus(products), 300),
        "checkout": None,
    }


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".feira" / "profiles"
    products = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / "told.txt"
    with stand(lambda database: add_products(database, products)) as at:
        at.stop()
        command = (sys.executable, "-m", "benchmarks.profiled")
        with served(at.url, at.folder, at.postgres_pid, command, BENCH_PROFILE=str(told)) as (server, target):
            for name, requests in kinds(target, products).items():
                run(target, requests, products)
                statements, times = asyncio.run(_count(plain(at.url), target, requests, products))
                os.kill(server.pid, signal.SIGUSR1)
                run(target, requests, products)
                told.unlink(missing_ok=True)
                os.kill(server.pid, signal.SIGUSR2)
                while not told.exists():
                    time.sleep(0.1)
                time.sleep(0.5)
                path = folder / f"{name}.txt"
                path.write_text(f"{name}: statements each time\n{statements.table(times)}\n\n{told.read_text()}")
                print(path)
    told.unlink(missing_ok=True)


async def _count(dsn: str, target: Target, requests: list[Request] | None, products: int) -> tuple[Counted, int]:
    async with counting(dsn) as counted:
        times = await asyncio.to_thread(run, target, requests, products)
    return counted, times


if __name__ == "__main__":
    main()
