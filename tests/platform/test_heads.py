"""The head of a request is bounded: what has no end is cut off, and what ends in time is served."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from app.platform import heads
from app.platform.heads import LONGEST, MOST_LINES, TOO_LATE, TOO_LONG, BoundedHeads


async def application(scope: Any, receive: Any, send: Any) -> None:
    """How many headers there were, and how much of a body."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    told = b"%d %d" % (len(scope["headers"]), len(body))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(told))]})
    await send({"type": "http.response.body", "body": told})


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, uvicorn.Server]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        free.listen(8)
        config = uvicorn.Config(application, log_level="error", http=BoundedHeads, lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.ensure_future(server.serve(sockets=[free]))
        reader, writer = await asyncio.open_connection(*free.getsockname())
        try:
            yield reader, writer, server
        finally:
            writer.close()
            server.should_exit = True
            await task


async def told(reader: asyncio.StreamReader) -> bytes:
    """All that is said until the other side hangs up."""
    async with asyncio.timeout(20):
        return await reader.read()


async def test_a_header_without_end_is_cut_off() -> None:
    async with connected() as (reader, writer, _):
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nx-long: " + b"x" * LONGEST)
        assert TOO_LONG.encode() in await told(reader)


async def test_too_many_headers_are_refused_and_those_of_a_browser_are_not() -> None:
    async with connected() as (reader, writer, _):
        few = b"".join(b"x-%d: y\r\n" % number for number in range(MOST_LINES - 2))
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n" + few + b"\r\n")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(5) == b"499 0"
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n" + few + b"a: b\r\nc: d\r\n\r\n")
        assert (await told(reader)).startswith(b"HTTP/1.1 400 ")


async def test_bodies_and_many_requests_on_a_connection_do_not_count() -> None:
    async with connected() as (reader, writer, _):
        for _ in range(3):
            writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n\r\n")
            for _ in range(20):
                writer.write(b"x" * 10_000)
                await writer.drain()
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(8) == b"2 200000"


@pytest.mark.parametrize(("begun", "answer"), [(b"", b""), (b"GET / HTTP/1.1\r\nhost: x\r\n", TOO_LATE.encode())])
async def test_a_head_that_does_not_come_is_waited_for_so_long(
    begun: bytes, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "SECONDS", 1.0)
    async with connected() as (reader, writer, _):
        writer.write(begun)
        said = await told(reader)
        assert said.endswith(answer)
        assert bool(said) is bool(answer)


async def test_a_head_that_came_is_not_waited_for() -> None:
    async with connected() as (reader, writer, server):
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\nx")
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(3) == b"2 1"
            [connection] = server.server_state.connections
            assert isinstance(connection, BoundedHeads)
            assert connection._late is None
