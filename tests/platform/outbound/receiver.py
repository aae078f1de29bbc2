"""Who receives webhooks: a real server on the loopback that behaves well, badly, or not at all, as it is told."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@dataclass
class Received:
    """One request, wholly read. `answered`: the status that it was answered with, 0 for none."""

    path: str
    headers: dict[str, str]
    body: bytes
    answered: int = 0

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def said(self) -> Any:
        return json.loads(self.body)

    @property
    def change(self) -> Any:
        return self.said["change"]


Act = Callable[[Received, "Answering"], Awaitable[None]]


def answer(status: int, *more: str, body: bytes = b"") -> Act:
    """Answer with this status and these headers."""

    async def act(_: Received, writer: "Answering") -> None:
        head = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", "Connection: close", *more]
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    return act


def raw(data: bytes) -> Act:
    """Write this and close."""

    async def act(_: Received, writer: "Answering") -> None:
        writer.write(data)

    return act


async def close_early(_: Received, _writer: "Answering") -> None:
    """Read all and close without a word."""


async def hang(_: Received, writer: "Answering") -> None:
    """Say nothing until the sender goes away."""
    await writer.gone()


async def flood(_: Received, writer: "Answering") -> None:
    """Answer 200 and then never end."""
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def drip_head(_: Received, writer: "Answering") -> None:
    """A head that never ends."""
    writer.write(b"HTTP/")
    writer.write(b"1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"x" * 4_096 + b"\r\n")
        await writer.drain()


@dataclass
class Receiver:
    """`act` decides what becomes of a request; `refuse` closes each connection before anything is read."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    act: Callable[[Received], Act] = lambda _: answer(200, body=b"ok")
    refuse: bool = False
    secure: bool = False

    def url(self, path: str = "/hook", *, host: str = "127.0.0.1") -> str:
        return f"http{'s' if self.secure else ''}://{host}:{self.port}{path}"

    @property
    def accepted(self) -> list[Received]:
        """Those that were answered with success: a receiver has taken these over."""
        return [each for each in self.received if 200 <= each.answered < 300]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if not self.refuse:
                request = await read(reader)
                self.received.append(request)
                await self.act(request)(request, Answering(request, reader, writer))
                await writer.drain()
        writer.close()


@dataclass
class Answering:
    """Writes an answer, and notes its status. A status written in pieces is not noted: nobody can count on it."""

    request: Received
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def write(self, data: bytes) -> None:
        if data.startswith(b"HTTP/1.1 ") and self.request.answered < 200:
            self.request.answered = int(data[9:12])
        self.writer.write(data)

    async def drain(self) -> None:
        await self.writer.drain()

    async def gone(self) -> None:
        """Wait until the sender has closed the connection."""
        await self.reader.read()


async def read(reader: asyncio.StreamReader) -> Received:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
    body = await reader.readexactly(int(headers["content-length"]))
    return Received(lines[0].split()[1], headers, body)


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver(secure=tls is not None)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver
