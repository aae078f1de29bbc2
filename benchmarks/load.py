"""A load generator in a process of its own: keep-alive HTTP/1.1 connections that ask one after another, for a while.

    python -m benchmarks.load HOST PORT CONCURRENCY SECONDS [--once] < requests.jsonl

Standard input holds the bodies to send, one JSON object a line, gone through in turn; a line's `body` is sent to its
`path` with its `headers`. Prints one JSON line: requests, seconds, p50 and p99 in milliseconds, failures. It shares a
core with PostgreSQL, so it takes as little of it as Python can: one protocol a connection, no streams.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from typing import cast

import uvloop

REFUSED = (b'"errors":[', b'"userErrors":[{', b'"errorCode":')


class Connection(asyncio.Protocol):
    """One connection: a request's bytes in, its answer's status, head and body out."""

    def __init__(self) -> None:
        self.received = b""
        self.whole = -1
        self.body_at = 0
        self.waiting: asyncio.Future[tuple[int, bytes, bytes]] | None = None
        self.transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, host: str, port: int) -> "Connection":
        _, made = await asyncio.get_running_loop().create_connection(cls, host, port)
        return made

    def ask(self, request: bytes) -> "asyncio.Future[tuple[int, bytes, bytes]]":
        """The answer to come."""
        assert self.transport is not None
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.waiting

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one in all but its class.
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(exc or ConnectionResetError("closed before the answer was whole"))

    def data_received(self, data: bytes) -> None:
        self.received = self.received + data if self.received else data
        if self.whole < 0:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.received[:end].lower()
            at = head.find(b"\r\ncontent-length:")
            if at < 0:
                raise ConnectionError("an answer without its length")
            line_end = head.find(b"\r\n", at + 2)
            self.body_at = end + 4
            self.whole = self.body_at + int(head[at + 17 : line_end if line_end > 0 else end])
        if len(self.received) >= self.whole and self.waiting is not None:
            answer, at = self.received, self.body_at
            self.received, self.whole = b"", -1
            self.waiting.set_result((int(answer[9:12]), answer[:at], answer[at:]))

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()


def encode(host: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A request's bytes."""
    given = {"host": host, "content-type": "application/json", "accept": "application/json"} | headers
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"POST {path} HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body


def read_line(host: str, line: str) -> bytes:
    """The bytes of a line of standard input."""
    wanted = json.loads(line)
    return encode(host, wanted["path"], wanted["body"].encode(), wanted["headers"])


async def client(
    host: str, port: int, requests: Iterator[bytes], until: float, times: list[float], failures: list[str]
) -> None:
    """One client."""
    connection = await Connection.open(host, port)
    while time.perf_counter() < until:
        request = next(requests, None)
        if request is None:
            break
        began = time.perf_counter()
        status, _, body = await connection.ask(request)
        times.append(time.perf_counter() - began)
        if status != 200 or any(sign in body for sign in REFUSED):
            failures.append(body[:300].decode(errors="replace"))
    connection.close()


async def run(host: str, port: int, concurrency: int, seconds: float, lines: list[str], *, once: bool) -> None:
    """Ask, and print what it came to."""
    encoded = [read_line(f"{host}:{port}", line) for line in lines]
    requests = iter(encoded) if once else itertools.cycle(encoded)
    times: list[float] = []
    failures: list[str] = []
    began = time.perf_counter()
    until = began + seconds
    await asyncio.gather(*(client(host, port, requests, until, times, failures) for _ in range(concurrency)))
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
    wanted = run(
        host, int(port), int(concurrency), float(seconds), sys.stdin.read().splitlines(), once="--once" in sys.argv
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(wanted)
