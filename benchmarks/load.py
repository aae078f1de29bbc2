"""A load generator in a process of its own: keep-alive HTTP/1.1 connections that ask one after another, for a while.

    python -m benchmarks.load HOST PORT CONCURRENCY SECONDS < requests.jsonl

Standard input holds the bodies to send, one JSON object a line, gone through in turn; a line's `body` is sent to its
`path` with its `headers`. Prints one JSON line: requests, seconds, p50 and p99 in milliseconds, failures.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator

READ_AT_ONCE = 1 << 16


def encode(host: str, line: str) -> bytes:
    """The request's bytes."""
    wanted = json.loads(line)
    body: bytes = wanted["body"].encode()
    headers = {"host": host, "content-type": "application/json", "accept": "application/json"} | wanted["headers"]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {wanted['path']} HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of one answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), None)
    if length is None:
        raise ConnectionError("an answer without its length")
    return status, await reader.readexactly(length)


async def connection(
    host: str, port: int, requests: Iterator[bytes], until: float, times: list[float], failures: list[str]
) -> None:
    """One client."""
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 22)
    while time.perf_counter() < until:
        request = next(requests, None)
        if request is None:
            break
        began = time.perf_counter()
        writer.write(request)
        status, body = await read_answer(reader)
        times.append(time.perf_counter() - began)
        if status != 200 or b'"errors"' in body[:12] or (b'"userErrors":[{' in body):
            failures.append(body[:300].decode(errors="replace"))
    writer.close()


async def run(host: str, port: int, concurrency: int, seconds: float, lines: list[str], *, once: bool) -> None:
    """Ask, and print what it came to."""
    encoded = [encode(f"{host}:{port}", line) for line in lines]
    requests = iter(encoded) if once else itertools.cycle(encoded)
    times: list[float] = []
    failures: list[str] = []
    began = time.perf_counter()
    until = began + seconds
    await asyncio.gather(*(connection(host, port, requests, until, times, failures) for _ in range(concurrency)))
    elapsed = time.perf_counter() - began
    times.sort()
    result = {
        "requests": len(times),
        "seconds": elapsed,
        "p50": times[len(times) // 2] * 1000,
        "p99": times[int(len(times) * 0.99)] * 1000,
        "failures": len(failures),
        "sample": failures[:1],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    host, port, concurrency, seconds = sys.argv[1:5]
    asyncio.run(
        run(host, int(port), int(concurrency), float(seconds), sys.stdin.read().splitlines(), once="--once" in sys.argv)
    )
