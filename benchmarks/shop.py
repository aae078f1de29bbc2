"""What clients ask of our server: the listing beside the floor, then the storefront's own documents and a till's."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from app.api.documents import document
from benchmarks import questions
from benchmarks.figures import Board, Figure
from benchmarks.floor import places
from benchmarks.machine import SERVER_CORE, pinned
from benchmarks.measuring import ROOT, Load, Meter, Request, Target, free_port, measure
from benchmarks.stand import Stand, served, till_token

CONCURRENCY: Final = 16
CARTS: Final = 400


def report(board: Board, at: Stand, products: int, seconds: float) -> None:
    """Listing beside the floor; then what else shoppers and tills do."""
    listings = questions.listings(at.target, products)
    with floor(at, len(listings)) as (ground, pages):
        compare_answers(at.target, listings, ground, pages)
        for target, requests in ((ground, pages), (at.target, listings)):
            measure(target, requests, concurrency=CONCURRENCY, seconds=1)
        beneath = measure(ground, pages, concurrency=CONCURRENCY, seconds=seconds)
        listing = at.load(listings, concurrency=CONCURRENCY, seconds=seconds)
        new = at.load(questions.listings_once(at.target, products), concurrency=CONCURRENCY, seconds=60, once=True)
    server, postgres = (1000 * rate for rate in Meter.idle[at.target.pid])
    of = f"with all background work; PostgreSQL {postgres:.0f}; taken off every figure of CPU"
    board.add(Figure("our server when nobody asks: CPU", server, "ms/s", of))
    tell(board, "floor (listing as JSON by PostgreSQL)", beneath)
    tell(board, "listing", listing)
    tell(board, "listing, pages that were not asked for before", new)
    ratio = listing.per_second / beneath.per_second
    of = f"the floor's, {listing.per_second:,.0f}/s over {beneath.per_second:,.0f}/s, {CONCURRENCY} clients, same run"
    board.add(Figure("listing: throughput over the floor's", ratio, "×", of, ">= 3"))
    ratio = beneath.cpu_us / listing.cpu_us
    board.add(Figure("listing: the floor's CPU over ours", ratio, "×", f"floor {beneath}; ours {listing}"))
    for name, requests in storefront(at.target, products).items():
        at.load(requests, concurrency=CONCURRENCY, seconds=1)
        tell(board, name, at.load(requests, concurrency=CONCURRENCY, seconds=seconds))
    writes(board, at, products)


def tell(board: Board, name: str, load: Load) -> None:
    """CPU, latency and throughput of one kind of request."""
    how = f"{CONCURRENCY} clients, {load.requests} requests"
    board.add(Figure(f"{name}: CPU", load.cpu_us, "µs/request", f"{load}; {how}"))
    board.add(Figure(f"{name}: p50", load.p50, "ms", how))
    board.add(Figure(f"{name}: p99", load.p99, "ms", how))
    board.add(Figure(f"{name}: throughput", load.per_second, "requests/s", how))


@contextlib.contextmanager
def floor(at: Stand, pages: int) -> Iterator[tuple[Target, list[Request]]]:
    """A plain handler on the same database, and its requests: the same pages."""
    port = free_port()
    command = pinned(SERVER_CORE, [sys.executable, "-m", "benchmarks.floor", str(port)])
    server = subprocess.Popen(command, env=os.environ | {"FEIRA_DATABASE_URL": at.url}, cwd=ROOT)
    target = Target(port=port, pid=server.pid, postgres_pid=at.postgres_pid, path="/")
    found = asyncio.run(places(at.url, pages))
    requests: list[Request] = [{"path": "/", "body": json.dumps({"after": each}), "headers": {}} for each in found]
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                target.answer(requests[0])
                break
            time.sleep(0.1)
        yield target, requests
    finally:
        server.terminate()
        server.wait(10)


def compare_answers(ours: Target, listings: list[Request], ground: Target, pages: list[Request]) -> None:
    """Raises RuntimeError where the floor's pages are not what ours are."""
    for number in (0, len(pages) // 2, len(pages) - 1):
        mine = ours.answer(listings[number])[0]["products"]["nodes"]
        its = ground.answer(pages[number])[0]["products"]["nodes"]
        for our_product, its_product in zip(mine, its, strict=True):
            said = [
                (variant["sku"], variant["price"], variant["available"]) for variant in its_product["variants"] or []
            ]
            same = all(our_product[name] == its_product[name] for name in ("slug", "name"))
            if not same or _plain(our_product) != said[:3]:
                raise RuntimeError(f"page {number}: the floor says {its_product}, we say {our_product}")


def _plain(product: dict[str, Any]) -> list[tuple[str, int | None, int | None]]:
    """Variants as the floor tells them: minor units, thousandths."""
    found: list[tuple[str, int | None, int | None]] = []
    for each in product["variants"]["nodes"]:
        price, available = each["price"], each["availability"]["available"]
        amount = None if price is None else int(Decimal(price["unitPrice"]["amount"]) * 100)
        found.append((each["sku"], amount, None if available is None else int(Decimal(str(available)) * 1000)))
    return found


def storefront(target: Target, products: int) -> dict[str, list[Request]]:
    """The storefront's own pages."""
    page, search = document("storefront", "productPage"), document("storefront", "searchProducts")
    slugs = [json.loads(each["body"])["variables"]["slug"] for each in questions.product_pages(target, products)]
    return {
        "storefront's product page": [target.request(page, {"slug": slug}) for slug in slugs],
        "storefront's search": [
            target.request(search, {"search": word, "first": 20}) for word in (*questions.SEARCHED, "cafe", "chiar")
        ],
    }


def writes(board: Board, at: Stand, products: int) -> None:
    """What tills do. Each cart is written once, so that every request is a first one."""
    till = till_of(at)
    selling = checkouts(at.target, till, products)
    tell(board, "a till's checkout", at.load(selling, concurrency=CONCURRENCY, seconds=120, once=True))


def till_of(at: Stand) -> dict[str, str]:
    """The headers of a till."""
    return {"Authorization": f"Bearer {asyncio.run(till_token(at.url))}"}


def checkouts(target: Target, till: dict[str, str], products: int, count: int = CARTS) -> list[Request]:
    """So many sales at a till, each of a cart of its own that was made for it."""
    start, sell = document("pos", "startSale"), document("pos", "sell")
    selling = []
    for _, sku in zip(range(count), questions.skus(products), strict=False):
        cart = target.ask(start, {"input": {"lines": [{"variant": {"sku": sku}}]}}, **till)["cartCreate"]["cart"]
        tender = {"method": "CASH", "amount": cart["totals"]["total"]}
        body = {"input": {"cartId": cart["id"], "operationId": str(uuid4()), "tenders": [tender]}}
        selling.append(target.request(sell, body, **till))
    return selling


def planned(board: Board, at: Stand, products: int, seconds: float) -> None:
    """The same resolvers under our executor and under graphql-core, in turn, each in a process of its own."""
    kinds = {
        "listing": questions.listings(at.target, products),
        "product page": questions.product_pages(at.target, min(products, 200)),
        "search with facets": questions.searches(at.target),
    }
    # Neither has the offices that the stand's server has.
    with (
        served(at.url, at.folder, at.postgres_pid, FEIRA_ENGINE="core") as (_, core),
        served(at.url, at.folder, at.postgres_pid, FEIRA_ENGINE="plan") as (_, plan),
    ):
        for name, requests in kinds.items():
            loads = {}
            for engine, target in (("unplanned", core), ("planned", plan)):
                measure(target, requests, concurrency=8, seconds=1)
                loads[engine] = measure(target, requests, concurrency=8, seconds=seconds)
            mine, its = loads["planned"], loads["unplanned"]
            of = f"server CPU under graphql-core: {mine.server_us:,.0f} over {its.server_us:,.0f} µs, same run"
            goal = "<= 0.2" if name == "listing" else None
            board.add(Figure(f"planned over unplanned: {name}", mine.server_us / its.server_us, "×", of, goal))
