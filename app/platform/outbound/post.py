"""One POST over HTTP/1.1 to an address that was checked: no redirects, no proxies, little of the answer is read."""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import httptools

from app.platform.outbound.address import Allowed, Target, Unfit, resolve

USER_AGENT: Final = "Feira"


@dataclass(frozen=True)
class Bounds:
    """Times in seconds, sizes in bytes. `whole` bounds all of it: a receiver that drips gets no more than that."""

    connect: float = 10.0
    read: float = 10.0
    whole: float = 20.0
    # After the answer's head, which says all that matters.
    rest: float = 1.0
    head_bytes: int = 32_768
    kept_bytes: int = 1_024


@dataclass
class Answer:
    """What came back: the status, and as much of the body as is kept."""

    status: int = 0
    body: bytes = b""
    retry_after: str | None = None


class Unanswered(Exception):
    """There was no answer; the message says why in words for whoever set it up."""


async def post(
    target: Target,
    headers: Mapping[str, str],
    body: bytes,
    *,
    allowed: Allowed,
    bounds: Bounds,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Send `body` and wait for the answer's status. Raises Unanswered."""
    try:
        async with asyncio.timeout(bounds.whole):
            reader, writer = await _connect(target, allowed, bounds, tls)
            try:
                return await _talk(reader, writer, _request(target, headers, body), bounds)
            finally:
                # Closed without ceremony: a receiver that does not close its side holds nobody here.
                writer.transport.abort()
    except TimeoutError as error:
        raise Unanswered(f"it took longer than {bounds.whole:g} s") from error
    except Unfit as error:
        raise Unanswered(f"refused: {error}") from error
    except ssl.SSLError as error:
        raise Unanswered(f"no secure connection: {getattr(error, 'verify_message', '') or error.reason}") from error
    except OSError as error:
        raise Unanswered(f"the connection broke: {error.strerror or type(error).__name__}") from error


async def _connect(
    target: Target, allowed: Allowed, bounds: Bounds, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    secure: dict[str, Any] = {"ssl": tls or trusting(), "server_hostname": target.host} if target.secure else {}
    try:
        async with asyncio.timeout(bounds.connect):
            addresses = await resolve(target, allowed)
            failure: OSError | None = None
            for address in addresses[:4]:
                try:
                    return await asyncio.open_connection(address, target.port, limit=bounds.head_bytes, **secure)
                except ssl.SSLError:
                    raise
                except OSError as error:
                    failure = error
    except TimeoutError as error:
        raise Unanswered(f"no connection within {bounds.connect:g} s") from error
    raise Unanswered(f"no connection: {_reason(failure)}") from failure


def _reason(error: OSError | None) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "it was refused"
    return (error.strerror if error else None) or type(error).__name__


@cache
def trusting() -> ssl.SSLContext:
    """The certificates that this machine trusts; the server's name is checked."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        f"User-Agent: {USER_AGENT}",
        "Accept: */*",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, bounds: Bounds) -> Answer:
    seen = _Seen(bounds)
    try:
        async with asyncio.timeout(bounds.read):
            writer.write(request)
            # A receiver may answer, and close, before it has read all: what it said counts, and is read below.
            with suppress(ConnectionError):
                await writer.drain()
            while not seen.headed:
                await _read(reader, seen)
    except TimeoutError as error:
        raise Unanswered(f"no answer within {bounds.read:g} s") from error
    # The status is known. Of what follows, as much as comes soon.
    with suppress(TimeoutError, Unanswered, OSError):
        async with asyncio.timeout(bounds.rest):
            while not seen.over:
                await _read(reader, seen)
    return seen.answer


async def _read(reader: asyncio.StreamReader, seen: "_Seen") -> None:
    data = await reader.read(16_384)
    if not data:
        if not seen.headed:
            raise Unanswered("it closed the connection before it answered")
        seen.over = True
        return
    seen.feed(data)


@dataclass
class _Seen:
    """What of an answer has been read so far. Its `on_…` are called by the parser."""

    bounds: Bounds
    answer: Answer = field(default_factory=Answer)
    headed: bool = False
    over: bool = False
    _before_head: int = 0

    def __post_init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise Unanswered("it wants another protocol than HTTP") from None
        except httptools.HttpParserError as error:
            if not self.headed:
                raise Unanswered("it did not answer as HTTP does") from error
            # The status stands, whatever comes after it.
            self.over = True
        if not self.headed:
            self._before_head += len(data)
            if self._before_head > self.bounds.head_bytes:
                raise Unanswered(f"the head of its answer is larger than {self.bounds.head_bytes} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self.answer.retry_after = value.decode("latin-1").strip()

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        # 100 to 199 announce the answer.
        if status >= 200 and not self.headed:
            self.answer.status = status
            self.headed = True

    def on_body(self, data: bytes) -> None:
        room = self.bounds.kept_bytes - len(self.answer.body)
        self.answer.body += data[:room]
        if len(data) >= room:
            self.over = True

    def on_message_complete(self) -> None:
        if self.headed:
            self.over = True
