"""What a hundred times the catalog costs: the same questions at 10,000 variants and at 1,000,000, in one run.

BENCH_ONLY=million python -m benchmarks
"""

import asyncio
import os
import random
from dataclasses import dataclass
from typing import Final

import asyncpg

from benchmarks import questions
from benchmarks.bulk import multiply
from benchmarks.figures import Board, Figure
from benchmarks.floor import plain
from benchmarks.machine import tree_megabytes
from benchmarks.measuring import Load, Request, Target, measure
from benchmarks.stand import Stand, served

PRODUCTS: Final = int(os.environ.get("BENCH_SMALL", "3334"))
"""Products of the smaller catalog; three variants each."""
COPIES: Final = int(os.environ.get("BENCH_COPIES", "99"))
CONCURRENCY: Final = 4
ANYWHERE: Final = 2_000
GOALS: Final = {"listing by name": "<= 1.3"}

FACETS: Final = """query Facets($filter: ProductFilter) { products(first: 1, filter: $filter) {
  totalCount facets { name label values { value label count } } } }"""


@dataclass(frozen=True)
class Asked:
    """A size, and what each question cost there."""

    variants: int
    loads: dict[str, Load]
    megabytes: float


def report(board: Board, at: Stand, seconds: float) -> None:
    """Measure, multiply, measure again, with a fresh server each time."""
    at.stop()
    small = ask(at, seconds)
    took = asyncio.run(multiply(at.url, COPIES, board.note))
    large = ask(at, seconds)
    rows = "with every index, a price, three public prices, three levels and three movements a variant"
    board.add(Figure(f"making {large.variants - small.variants:,} variants", took, "s", rows))
    for name, before in small.loads.items():
        after = large.loads[name]
        of = (
            f"{small.variants:,} variants: p50 {after.p50:.2f} over {before.p50:.2f} ms, {CONCURRENCY} clients; CPU "
            f"{after.cpu_us:,.0f} over {before.cpu_us:,.0f} µs"
        )
        goal = GOALS.get(name)
        board.add(Figure(f"{name}: p50 at {large.variants:,} variants", after.p50 / before.p50, "×", of, goal))
    of = f"after all this, {ANYWHERE:,} products' pages among it; {small.megabytes:.0f} MB at {small.variants:,}"
    name = f"memory of a serving process at {large.variants:,} variants"
    board.add(Figure(name, large.megabytes, "MB", of, "<= 400"))


def ask(at: Stand, seconds: float) -> Asked:
    """Every question of a fresh server: once through to warm it, then for a while."""
    variants, slugs = asyncio.run(_look(at.url))
    loads = {}
    with served(at.url, at.folder, at.postgres_pid) as (server, target):
        for name, requests in kinds(target, slugs).items():
            measure(target, requests, concurrency=CONCURRENCY, seconds=600, once=True)
            loads[name] = measure(target, requests, concurrency=CONCURRENCY, seconds=seconds)
        megabytes = tree_megabytes(server.pid)
    return Asked(variants, loads, megabytes)


def kinds(target: Target, slugs: list[str]) -> dict[str, list[Request]]:
    """The questions, by name."""
    pages = [target.request(questions.PRODUCT, {"slug": slug}) for slug in slugs]
    return {
        "listing by name": questions.listings(target, 1_000),
        "listing by price": questions.listings(target, 1_000, "PRICE"),
        "listing by newest": questions.listings(target, 1_000, "NEWEST"),
        "product page, the same 100": pages[:100],
        "product page, anywhere": pages,
        "search with facets": questions.searches(target),
        "search with facets, a rare word": [
            target.request(questions.SEARCH, {"term": f"{number:05d}"}) for number in range(0, 3_000, 100)
        ],
        "facets of a brand": [target.request(FACETS, {"filter": {"brands": ["Acme"]}})],
        "facets of everything": [target.request(FACETS)],
    }


async def _look(url: str) -> tuple[int, list[str]]:
    """How many variants there are, and slugs of products from all over the catalog."""
    connection = await asyncpg.connect(plain(url))
    try:
        variants = await connection.fetchval("SELECT count(*) FROM variant")
        slugs = [row["slug"] for row in await connection.fetch("SELECT slug FROM product WHERE status = 'ACTIVE'")]
    finally:
        await connection.close()
    slugs.sort()
    return int(variants), random.Random(7).sample(slugs, min(ANYWHERE, len(slugs)))
