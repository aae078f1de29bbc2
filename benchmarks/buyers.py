"""Buyers in a process of their own: each goes through a whole checkout, so many at a time.

    python -m benchmarks.buyers SHOP HOST PORT COUNT AT_ONCE < variants

SHOP is feira or vendure; standard input has a variant a line (a SKU, or Vendure's id), taken in turn. Prints one JSON
line: confirmed, what became of the others, seconds, p50 and p99 of a confirmed checkout in milliseconds.
"""

import asyncio
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import uvloop

from benchmarks import questions as ours
from benchmarks.load import Connection, encode
from benchmarks.peers.vendure import questions as theirs

Ask = Callable[..., Awaitable[tuple[Any, bytes]]]
CONFIRMED = "confirmed"


@asynccontextmanager
async def asking(host: str, port: int, path: str) -> AsyncIterator[Ask]:
    """A buyer's own connection."""
    connection = await Connection.open(host, port)

    async def ask(document: str, variables: dict[str, Any], **headers: str) -> tuple[Any, bytes]:
        body = json.dumps({"query": document, "variables": variables}).encode()
        status, head, answer = await connection.ask(encode(f"{host}:{port}", path, body, headers))
        told = json.loads(answer)
        if status != 200 or told.get("errors"):
            raise RuntimeError(f"HTTP {status}: {str(told)[:200]}")
        return next(iter(told["data"].values())), head

    try:
        yield ask
    finally:
        connection.close()


async def buy_ours(ask: Ask, sku: str, number: int) -> str:
    """Cart with a line, delivery, payment and order."""
    steps: list[tuple[str, dict[str, Any]]] = [(ours.CREATE, {"lines": [{"variant": {"sku": sku}, "quantity": 1}]})]
    told: Any = None
    cart: Any = None
    for document, given in steps:
        told, _ = await ask(document, {"input": given})
        if told["userErrors"]:
            return str(told["userErrors"][0]["code"])
        if document == ours.CREATE:
            cart = told["cart"]
            steps.append(
                (ours.DELIVER, {"cartId": cart["id"], "method": "SHIP", "option": "standard", "address": ours.HOME})
            )
        elif document == ours.DELIVER:
            total = told["cart"]["totals"]["total"]
            tenders = [{"method": "OTHER", "label": "bench", "amount": total}]
            sold = {"cartId": cart["id"], "tenders": tenders, "expectedTotal": total, "operationId": str(uuid4())}
            steps.append((ours.COMPLETE, sold | {"email": f"buyer-{number}@example.com"}))
    return CONFIRMED if told["order"]["payments"] else "no payment"


async def buy_theirs(ask: Ask, variant: str, number: int) -> str:
    """Order with a line, customer, address, shipping, payment."""
    customer = {"firstName": "Bench", "lastName": "Buyer", "emailAddress": f"buyer-{uuid4()}-{number}@example.com"}
    steps: list[tuple[str, dict[str, Any]]] = [
        (theirs.ADD, {"variant": variant}),
        (theirs.CUSTOMER, {"input": customer}),
        (theirs.ADDRESS, {"input": theirs.HOME}),
        (theirs.SHIPPING, {"method": ["1"]}),
        (theirs.ARRANGE, {}),
        (theirs.PAY, {}),
    ]
    session: dict[str, str] = {}
    told: Any = None
    for document, variables in steps:
        told, head = await ask(document, variables, **session)
        if told["__typename"] != "Order":
            return str(told["errorCode"])
        if not session:
            lines = (line.split(b": ", 1) for line in head.split(b"\r\n") if b": " in line)
            token = next(value for name, value in lines if name.lower() == theirs.TOKEN.encode())
            session = {"Authorization": f"Bearer {token.decode()}"}
    return CONFIRMED if told["state"] == "PaymentSettled" else f"it is {told['state']}"


SHOPS = {"feira": ("/graphql", buy_ours), "vendure": ("/shop-api", buy_theirs)}


async def run(shop: str, host: str, port: int, count: int, at_once: int, variants: list[str]) -> None:
    """Let them buy, and print what it came to."""
    path, buy = SHOPS[shop]
    numbers = iter(range(count))
    source: Iterator[str] = itertools.cycle(variants)
    outcomes: Counter[str] = Counter()
    times: list[float] = []

    async def till_done() -> None:
        async with asking(host, port, path) as ask:
            for number in numbers:
                began = time.perf_counter()
                try:
                    outcome = await buy(ask, next(source), number)
                except RuntimeError as error:
                    outcome = str(error)
                outcomes[outcome] += 1
                if outcome == CONFIRMED:
                    times.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(till_done() for _ in range(at_once)))
    seconds = time.perf_counter() - began
    times.sort()
    result = {
        "confirmed": outcomes.pop(CONFIRMED, 0),
        "others": outcomes,
        "seconds": seconds,
        "p50": times[len(times) // 2] * 1000 if times else 0,
        "p99": times[int(len(times) * 0.99)] * 1000 if times else 0,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    shop, host, port, count, at_once = sys.argv[1:6]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(shop, host, int(port), int(count), int(at_once), sys.stdin.read().split()))
