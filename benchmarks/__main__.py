"""`make bench`: what clients ask, beside the floor; snapshots beside COPY; the feed. `python -m benchmarks [PRODUCTS]`.

`BENCH_ONLY` names one of shop, snapshot, feed.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from typing import Any
from uuid import uuid4

from app.api.documents import document
from benchmarks import feed, snapshot
from benchmarks.figures import Board, Figure
from benchmarks.stand import ROOT, Load, Stand, free_port, measure, stand, till_token

SECONDS = float(os.environ.get("BENCH_SECONDS", "8"))
CONCURRENCY = 16
CARTS = 400

LISTING = """query Listing { products(first: 20, filter: {categories: ["casa-e-cozinha"]}, sort: {key: NAME}) {
  nodes { id slug name variants(first: 3) { nodes {
    id sku price { unitPrice { amount } } availability { available }
  } } }
} }"""


def query(text: str, variables: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
    """A request as the load generator takes it."""
    body = json.dumps({"query": text, "variables": variables or {}})
    return {"body": body, "headers": headers}


def ask(port: int, request: dict[str, Any]) -> Any:
    """One request's data, which must have come without errors."""
    sent = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        data=request["body"].encode(),
        headers={"content-type": "application/json", "accept": "application/json"} | request["headers"],
    )
    with urllib.request.urlopen(sent, timeout=30) as answer:
        told = json.load(answer)
    if told.get("errors"):
        raise RuntimeError(str(told["errors"])[:500])
    return told["data"]


def report(board: Board, name: str, load: Load) -> None:
    """CPU, latency and throughput of one kind of request."""
    how = f"{CONCURRENCY} clients, {load.requests} requests"
    board.add(Figure(f"{name}: CPU", load.cpu_us, "µs/request", f"server {load.server_us:.0f} + PostgreSQL; {how}"))
    board.add(Figure(f"{name}: p50", load.p50, "ms", how))
    board.add(Figure(f"{name}: p99", load.p99, "ms", how))
    board.add(Figure(f"{name}: throughput", load.per_second, "requests/s", how))


def floor(at: Stand) -> Load:
    """A plain handler on the same database."""
    port = free_port()
    environment = os.environ | {"FEIRA_DATABASE_URL": at.url}
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.floor", str(port)], env=environment, cwd=ROOT)
    try:
        request = {"body": "{}", "headers": {}}
        for _ in range(100):
            try:
                ask(port, request)
                break
            except OSError:
                time.sleep(0.1)
        return measure(port, server.pid, at.postgres_pid, [request], CONCURRENCY, SECONDS)
    finally:
        server.terminate()
        server.wait(10)


def reads(board: Board, at: Stand, products: int) -> None:
    """What shoppers look at."""
    page = document("storefront", "productPage")
    skus = [f"SYN-{number:05d}" for number in range(min(100, products))]
    slugs = [
        ask(at.port, query("query($s: String!) { variant(by: {sku: $s}) { product { slug } } }", {"s": f"{sku}-M"}))[
            "variant"
        ]["product"]["slug"]
        for sku in skus
    ]
    search = document("storefront", "searchProducts")
    words = ("camera", "lamp", "tent", "cafe", "solar speaker", "chiar")
    kinds = {
        "listing": [query(LISTING)],
        "product page": [query(page, {"slug": slug}) for slug in slugs],
        "search with facets": [query(search, {"search": word, "first": 20}) for word in words],
    }
    ground = floor(at)
    report(board, "floor (listing as JSON by PostgreSQL)", ground)
    for name, requests in kinds.items():
        at.load(requests, concurrency=CONCURRENCY, seconds=1)
        load = at.load(requests, concurrency=CONCURRENCY, seconds=SECONDS)
        report(board, name, load)
        if name == "listing":
            ratio = load.per_second / ground.per_second
            board.add(Figure("listing: throughput over the floor's", ratio, "×", "the floor, same run"))


def till_of(at: Stand) -> dict[str, str]:
    """The headers of a till."""
    return {"Authorization": f"Bearer {asyncio.run(till_token(at.url))}"}


def writes(board: Board, at: Stand, products: int) -> None:
    """What shoppers and tills do. Each cart is written once, so that every request is a first one."""
    till = till_of(at)
    create = "mutation { cartCreate(input: {}) { cart { id } } }"
    carts = [ask(at.port, query(create))["cartCreate"]["cart"]["id"] for _ in range(CARTS)]
    add = document("storefront", "addToCart")
    adding = [
        query(add, {"input": {"cartId": cart, "lines": [{"variant": {"sku": f"SYN-{number % products:05d}-M"}}]}})
        for number, cart in enumerate(carts)
    ]
    report(board, "add to cart", at.load(adding, concurrency=CONCURRENCY, seconds=120, once=True))

    report(
        board, "checkout", at.load(checkouts(at.port, till, products), concurrency=CONCURRENCY, seconds=120, once=True)
    )


def checkouts(port: int, till: dict[str, str], products: int, count: int = CARTS) -> list[dict[str, Any]]:
    """So many sales at a till, each of a cart of its own that was made for it."""
    start = document("pos", "startSale")
    sell = document("pos", "sell")
    selling = []
    for number in range(count):
        lines = [{"variant": {"sku": f"SYN-{number % products:05d}-G"}}]
        cart = ask(port, query(start, {"input": {"lines": lines}}, **till))["cartCreate"]["cart"]
        amount = cart["totals"]["total"]
        tender = {"method": "CASH", "amount": amount}
        body = {"input": {"cartId": cart["id"], "operationId": str(uuid4()), "tenders": [tender]}}
        selling.append(query(sell, body, **till))
    return selling


def main() -> None:
    products = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    only = os.environ.get("BENCH_ONLY")
    board = Board()
    with stand(products) as at:
        if only in (None, "shop"):
            reads(board, at, products)
            writes(board, at, products)
        if only in (None, "snapshot"):
            snapshot.report(board, at)
        if only in (None, "feed"):
            till = till_of(at)
            feed.report(board, at, lambda port, count: checkouts(port, till, products, count))
    print("\n" + board.table())


if __name__ == "__main__":
    main()
