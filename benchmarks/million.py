"""What a hundred times the catalog costs: the same questions at 10,000 variants and at 1,000,000, in turn.

BENCH_ONLY=million python -m benchmarks
"""

import asyncio
import contextlib
import os
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import asyncpg
from sqlalchemy.engine import make_url

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
ROUNDS: Final = 2
ANYWHERE: Final = 2_000
NEW: Final = "listing by name, pages that were not asked for before"
GOALS: Final = {"listing by name": "<= 1.3", NEW: "<= 1.3"}

FOUND: Final = """query Found($search: String, $filter: ProductFilter, $sort: ProductSort) {
  products(first: 20, search: $search, filter: $filter, sort: $sort) { nodes { slug availability } } }"""
MISSPELLED: Final = ("laptpo", "camrea", "speeker", "bottel", "chiar", "wireles monitro")
FACETS: Final = """query Facets($filter: ProductFilter) { products(first: 1, filter: $filter) {
  totalCount facets { name label values { value label count } } } }"""


@dataclass(frozen=True)
class Size:
    """A catalog and its fresh server: how many variants, what is asked, and what came of it, round by round."""

    variants: int
    server: "subprocess.Popen[bytes]"
    target: Target
    kinds: dict[str, list[Request]]
    loads: dict[str, list[Load]]

    def best(self, name: str) -> Load:
        """The round that others disturbed least."""
        return min(self.loads[name], key=lambda load: load.p50)


def report(board: Board, at: Stand, seconds: float) -> None:
    """Keep the small catalog beside the large one, and ask both in turn."""
    at.stop()
    kept = asyncio.run(_keep(at.url))
    took = asyncio.run(multiply(at.url, COPIES, board.note))
    with sized(kept, at) as small, sized(at.url, at) as large:
        rows = "with every index, a price, three public prices, three levels and three movements a variant"
        board.add(Figure(f"making {large.variants - small.variants:,} variants", took, "s", rows))
        for name in small.kinds:
            for size in (small, large):
                measure(size.target, size.kinds[name], concurrency=CONCURRENCY, seconds=600, once=True)
            for size in (small, large) * ROUNDS:
                load = measure(size.target, size.kinds[name], concurrency=CONCURRENCY, seconds=seconds)
                size.loads.setdefault(name, []).append(load)
            tell(board, name, small, large)
        for size in (small, large):
            new = questions.listings_once(size.target, 1_000)
            size.loads[NEW] = [measure(size.target, new, concurrency=CONCURRENCY, seconds=600, once=True)]
        tell(board, NEW, small, large)
        megabytes, before = tree_megabytes(large.server.pid), tree_megabytes(small.server.pid)
    of = f"after all this, {ANYWHERE:,} products' pages among it; {before:.0f} MB at {small.variants:,}"
    name = f"memory of a serving process at {large.variants:,} variants"
    board.add(Figure(name, megabytes, "MB", of, "<= 400"))


def tell(board: Board, name: str, small: Size, large: Size) -> None:
    before, after = small.best(name), large.best(name)
    of = (
        f"{small.variants:,} variants: p50 {after.p50:.2f} over {before.p50:.2f} ms, {CONCURRENCY} clients; CPU "
        f"{after.cpu_us:,.0f} over {before.cpu_us:,.0f} µs; in turn, better of {len(small.loads[name])}"
    )
    board.add(Figure(f"{name}: p50 at {large.variants:,} variants", after.p50 / before.p50, "×", of, GOALS.get(name)))


@contextlib.contextmanager
def sized(url: str, at: Stand) -> Iterator[Size]:
    """A fresh server on one of the two."""
    variants, slugs = asyncio.run(_look(url))
    with served(url, at.folder, at.postgres_pid) as (server, target):
        yield Size(variants, server, target, kinds(target, slugs), {})


def kinds(target: Target, slugs: list[str]) -> dict[str, list[Request]]:
    """The questions, by name."""
    pages = [target.request(questions.PRODUCT, {"slug": slug}) for slug in slugs]
    return {
        # First what takes least of PostgreSQL: a server that has just begun compares its channels for a while.
        "product page, the same 100": pages[:100],
        "product page, anywhere": pages,
        "listing by newest": questions.listings(target, 1_000, "NEWEST"),
        "listing by price": questions.listings(target, 1_000, "PRICE"),
        "listing by name": questions.listings(target, 1_000),
        "search with facets": questions.searches(target),
        "search with facets, a rare word": [
            target.request(questions.SEARCH, {"term": f"{number:05d}"}) for number in range(0, 3_000, 100)
        ],
        "search, spelled wrong": [target.request(questions.SEARCH, {"term": word}) for word in MISSPELLED],
        "a common word, by name": [
            target.request(FOUND, {"search": word, "sort": {"key": "NAME"}}) for word in questions.SEARCHED
        ],
        "in stock, by name": [target.request(FOUND, {"filter": {"inStock": True}, "sort": {"key": "NAME"}})],
        "facets of a brand": [target.request(FACETS, {"filter": {"brands": ["Acme"]}})],
        "facets of everything": [target.request(FACETS)],
    }


async def _keep(url: str) -> str:
    """The address of a copy of the catalog as it is."""
    other = make_url(url).set(database="kept")
    connection = await asyncpg.connect(plain(make_url(url).set(database="postgres").render_as_string(False)))
    try:
        await connection.execute(f"CREATE DATABASE kept TEMPLATE {make_url(url).database}")
    finally:
        await connection.close()
    connection = await asyncpg.connect(plain(other.render_as_string(False)))
    try:
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()
    return other.render_as_string(False)


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
