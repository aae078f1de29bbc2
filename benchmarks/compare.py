"""Ours beside Vendure: the same catalog, the same questions, the same PostgreSQL server, a core each, in one run."""

import asyncio
from itertools import cycle
from typing import Any, Final

from benchmarks import questions as ours
from benchmarks.contention import BUYERS, UNITS, bought, few_units
from benchmarks.figures import Board, Figure
from benchmarks.floor import plain
from benchmarks.measuring import Load, Request, Target, measure
from benchmarks.peers.vendure import questions as theirs
from benchmarks.peers.vendure.shop import Missing, Peer, vendure
from benchmarks.stand import Stand
from benchmarks.statements import Counted, counting

CONCURRENCY: Final = 16
AT_ONCE: Final = 8
ADDS: Final = 600
WARMING: Final = 200
ORDERS: Final = {"feira": 240, "vendure": 40}
COUNTED: Final = 20
GOALS: Final = {
    "listing": ">= 200",
    "product page": ">= 60",
    "search with facets": ">= 100",
    "add to cart": ">= 40",
}

LEAVE_VARIANT: Final = """
UPDATE product_variant SET "trackInventory" = 'TRUE', "outOfStockThreshold" = 0, "useGlobalOutOfStockThreshold" = true
WHERE sku = $1 RETURNING id
"""
LEAVE_STOCK: Final = 'UPDATE stock_level SET "stockOnHand" = $2, "stockAllocated" = 0 WHERE "productVariantId" = $1'
SOLD: Final = """
SELECT coalesce(sum(l.quantity), 0)::int AS units FROM order_line l JOIN "order" o ON o.id = l."orderId"
WHERE l."productVariantId" = $1 AND o.state = 'PaymentSettled'
"""


def report(board: Board, at: Stand, products: int, seconds: float) -> None:
    """The issue's comparison. Without Node, npm or a registry ours is told alone, and what is left out."""
    try:
        with vendure(at, products) as peer:
            board.note(f"Vendure {peer.version}: {len(peer.variants)} variants")
            reads(board, at, peer, products, seconds)
            adding(board, at, peer, products)
            ordering(board, at, peer, products)
            statements(board, at, peer, products)
            few_units(board, at)
            their_few_units(board, peer)
    except Missing as missing:
        board.note(f"Vendure is left out: {missing}")
        mine = statements_of(at.target, "feira", plain(at.url), list(_skus(products)))
        tell_statements(board, mine, None)
        few_units(board, at)


def reads(board: Board, at: Stand, peer: Peer, products: int, seconds: float) -> None:
    """Listing, product page and search: CPU of server and PostgreSQL together."""
    kinds = {
        "listing": (ours.listings(at.target, products), theirs.listings(peer.target, products)),
        "product page": (ours.product_pages(at.target, products), theirs.product_pages(peer.target, products)),
        "search with facets": (ours.searches(at.target), theirs.searches(peer.target)),
    }
    for name, (mine, its) in kinds.items():
        measure(at.target, mine, concurrency=CONCURRENCY, seconds=2)
        measure(peer.target, its, concurrency=4, seconds=2)
        beside(
            board,
            name,
            measure(at.target, mine, concurrency=CONCURRENCY, seconds=seconds),
            measure(peer.target, its, concurrency=CONCURRENCY, seconds=seconds),
        )


def beside(board: Board, name: str, mine: Load, its: Load) -> None:
    """One question's figures."""
    board.add(Figure(f"{name}: CPU, ours", mine.cpu_us / 1000, "ms/request", f"{mine}; {mine.requests} requests"))
    board.add(Figure(f"{name}: CPU, Vendure's", its.cpu_us / 1000, "ms/request", f"{its}; {its.requests} requests"))
    of = f"server + PostgreSQL, {its.cpu_us / 1000:,.1f} over {mine.cpu_us / 1000:,.2f} ms a request, same run"
    board.add(Figure(f"{name}: CPU, Vendure's over ours", its.cpu_us / mine.cpu_us, "×", of, GOALS.get(name)))


def adding(board: Board, at: Stand, peer: Peer, products: int) -> None:
    """A first line, which makes the cart, and a second one into a cart that is there."""
    kinds: dict[str, list[tuple[Target, list[Request]]]] = {
        "add to cart": [
            (at.target, ours.first_adds(at.target, ours.skus(products), ADDS)),
            (peer.target, theirs.first_adds(peer.target, _ids(peer, products), ADDS)),
        ],
        "add to a cart that is there": [
            (at.target, ours.adds(at.target, ours.skus(products), ADDS)),
            (peer.target, theirs.adds(peer.target, _ids(peer, products), ADDS)),
        ],
    }
    # Both have been written to before, by as many at a time: nothing is compiled or planned for the first time.
    warming = [
        (at.target, ours.first_adds(at.target, ours.skus(products), WARMING)),
        (peer.target, theirs.first_adds(peer.target, _ids(peer, products), WARMING)),
    ]
    for target, requests in warming:
        measure(target, requests, concurrency=CONCURRENCY, seconds=300, once=True)
    for name, sides in kinds.items():
        mine, its = (measure(*side, concurrency=CONCURRENCY, seconds=300, once=True) for side in sides)
        beside(board, name, mine, its)


def ordering(board: Board, at: Stand, peer: Peer, products: int) -> None:
    """Whole checkouts, so many buyers at a time."""
    variants = {"feira": list(_skus(products)), "vendure": list(peer.variants.values())}
    loads = {}
    for shop, target in (("feira", at.target), ("vendure", peer.target)):
        bought(target, shop, variants[shop][-20:], 8, 4)
        loads[shop], told = bought(target, shop, variants[shop], ORDERS[shop], AT_ONCE)
        if told["confirmed"] != ORDERS[shop]:
            raise RuntimeError(f"{shop}: {told}")
    mine, its = loads["feira"], loads["vendure"]
    board.add(Figure("whole checkout: ours", mine.per_second, "orders/s", f"{mine}; p50 {mine.p50:.0f} ms"))
    board.add(Figure("whole checkout: Vendure's", its.per_second, "orders/s", f"{its}; p50 {its.p50:.0f} ms"))
    of = f"Vendure's: {mine.per_second:,.0f} over {its.per_second:,.1f} orders/s, {AT_ONCE} buyers at a time, same run"
    board.add(
        Figure("whole checkout: orders a second over Vendure's", mine.per_second / its.per_second, "×", of, ">= 30")
    )
    board.add(Figure("whole checkout: CPU, Vendure's over ours", its.cpu_us / mine.cpu_us, "×", "server + PostgreSQL"))


def statements(board: Board, at: Stand, peer: Peer, products: int) -> None:
    """What a whole checkout sends."""
    mine = statements_of(at.target, "feira", plain(at.url), list(_skus(products)))
    its = statements_of(peer.target, "vendure", peer.dsn, list(peer.variants.values()))
    tell_statements(board, mine, its)


def statements_of(target: Target, shop: str, dsn: str, variants: list[str]) -> Counted:
    """One buyer after another."""

    async def count() -> Counted:
        async with counting(dsn) as counted:
            _, told = await asyncio.to_thread(bought, target, shop, variants, COUNTED, 1)
        if told["confirmed"] != COUNTED:
            raise RuntimeError(f"{shop}: {told}")
        return counted

    bought(target, shop, variants[-20:], COUNTED, 1)
    return asyncio.run(count())


def tell_statements(board: Board, mine: Counted, its: Counted | None) -> None:
    how = f"BEGIN and COMMIT too, mean of {COUNTED} one after another, by pg_stat_statements"
    board.add(Figure("statements a whole checkout sends", mine.calls / COUNTED, "statements", how, "<= 24"))
    if its is not None:
        board.add(Figure("statements a whole checkout sends: Vendure", its.calls / COUNTED, "statements", how))


def their_few_units(board: Board, peer: Peer) -> None:
    """The same buyers at Vendure."""

    async def leave() -> Any:
        [row] = await peer.fetch(LEAVE_VARIANT, ours.WANTED)
        await peer.fetch(LEAVE_STOCK, row["id"], UNITS)
        return row["id"]

    variant = asyncio.run(leave())
    [before] = asyncio.run(peer.fetch(SOLD, variant))
    _, told = bought(peer.target, "vendure", [str(variant)], BUYERS, BUYERS)
    [after] = asyncio.run(peer.fetch(SOLD, variant))
    of = f"{BUYERS} buyers at once after {UNITS} units; {after['units'] - before['units']} units by its database"
    name = f"{BUYERS} buyers after {UNITS} units"
    board.add(Figure(f"{name}: orders Vendure confirmed", told["confirmed"], "orders", f"{of}; {told['others']}"))
    board.add(Figure(f"{name}: Vendure's time", told["seconds"], "s", "until all were answered"))


def _skus(products: int) -> Any:
    return (sku for sku, _ in zip(ours.skus(products), range(products * 2), strict=False))


def _ids(peer: Peer, products: int) -> Any:
    """Vendure's ids of the same variants, in the same order."""
    return (peer.variants[sku] for sku in cycle(_skus(products)))
