"""Subscribers in a process of their own: so many WebSockets that each follow the availability of one variant.

    python -m benchmarks.subscribers HOST PORT COUNT VARIANT_ID

Says "ready" when each has its first answer; then, for each line of standard input, waits until each has one more, and
prints when the first and the last one came, as seconds of the machine's monotonic clock.
"""

import asyncio
import json
import sys
import time

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

QUERY = """subscription Live($variants: [VariantBy!]!) {
  availability(variants: $variants) { id availability { status available } } }"""
AT_ONCE = 100


async def subscribe(host: str, port: int, variant: str) -> ClientConnection:
    """A connection that has had its first answer."""
    connection = await connect(
        f"ws://{host}:{port}/graphql", subprotocols=[Subprotocol("graphql-transport-ws")], compression=None
    )
    await connection.send('{"type": "connection_init"}')
    await connection.recv()
    payload = {"query": QUERY, "variables": {"variants": [{"id": variant}]}}
    await connection.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
    first = json.loads(await connection.recv())
    assert first["type"] == "next", first
    return connection


async def next_answer(connection: ClientConnection) -> float:
    """When the next one came."""
    await connection.recv()
    return time.monotonic()


async def main(host: str, port: int, count: int, variant: str) -> None:
    connections: list[ClientConnection] = []
    for start in range(0, count, AT_ONCE):
        wanted = min(AT_ONCE, count - start)
        connections += await asyncio.gather(*(subscribe(host, port, variant) for _ in range(wanted)))
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while True:
        waiting = [asyncio.ensure_future(next_answer(each)) for each in connections]
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            break
        came = await asyncio.gather(*waiting)
        print(json.dumps([min(came), max(came)]), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
