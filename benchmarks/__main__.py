"""`make bench`: what things cost, beside the floor and beside Vendure. `python -m benchmarks [PRODUCTS]`.

`BENCH_ONLY` names parts, with commas between them: shop, engine, contention, peer, start, snapshot, feed; million runs
only when it is named, on a stand of its own. `BENCH_SECONDS`: how long each load lasts.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Final

from benchmarks import compare, contention, feed, million, shop, snapshot, starting
from benchmarks.catalog import add_products
from benchmarks.figures import Board
from benchmarks.machine import describe
from benchmarks.measuring import Meter
from benchmarks.stand import Stand, stand

SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "8"))
USUAL: Final = ("shop", "engine", "contention", "peer", "start", "snapshot", "feed")


def main() -> None:
    products = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    wanted = os.environ["BENCH_ONLY"].split(",") if os.environ.get("BENCH_ONLY") else list(USUAL)
    if unknown := set(wanted) - {*USUAL, "million"}:
        sys.exit(f"BENCH_ONLY: there is no {unknown.pop()}; there are {', '.join(USUAL)}, million")
    # Told to end, it stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    board = Board()
    board.note(describe())
    on_stand: dict[str, Callable[[Stand], None]] = {
        "shop": lambda at: shop.report(board, at, products, SECONDS),
        "engine": lambda at: shop.planned(board, at, products, SECONDS),
        "contention": lambda at: contention.hot(board, at, products),
        "peer": lambda at: compare.report(board, at, products, SECONDS),
        "snapshot": lambda at: snapshot.report(board, at),
        # It stops the stand's server: the last.
        "feed": lambda at: feed.report(board, at, _checkouts(at, products)),
    }
    if parts := [part for name, part in on_stand.items() if name in wanted]:
        with stand(lambda database: add_products(database, products)) as at:
            for part in parts:
                # What is left to do in the background depends on what was done before.
                Meter.idle.clear()
                part(at)
    if "start" in wanted:
        starting.report(board)
    if "million" in wanted:
        with stand(lambda database: add_products(database, million.PRODUCTS)) as at:
            million.report(board, at, SECONDS)
    print("\n" + board.table())


def _checkouts(at: Stand, products: int) -> feed.Checkouts:
    till = shop.till_of(at)
    return lambda target, count: shop.checkouts(target, till, products, count)


if __name__ == "__main__":
    main()
