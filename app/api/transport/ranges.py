"""A file sent over HTTP, whole or in part (RFC 9110, 13 and 14): ETag, If-Match, If-None-Match, If-Range, Range, HEAD.

One part a request: of several the file is sent whole, as the RFC allows, and where the header is malformed. A part
that lies beyond the file is a 416. A file has a tag and no date: If-Modified-Since and If-Unmodified-Since say nothing
of it.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import BinaryIO, Final, NamedTuple

from litestar.types import Send

from .cors import Header

CHUNK: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=([0-9]*)-([0-9]*)", re.IGNORECASE)
_LARGEST: Final = 2**63


class Part(NamedTuple):
    """Bytes from `start` to just before `end`."""

    start: int
    end: int


class Unsatisfiable(Exception):
    """There is no such part."""


def part_of(asked: str | None, size: int) -> Part | None:
    """The part that a Range header asks for; None: all of it. Raises Unsatisfiable."""
    found = _RANGE.fullmatch(asked.strip()) if asked is not None else None
    if found is None or found[1] == found[2] == "":
        return None
    if found[1] == "":
        # The last so many.
        start, end = max(0, size - _number(found[2])), size
    else:
        start, last = _number(found[1]), _LARGEST if found[2] == "" else _number(found[2])
        if last < start:
            return None
        end = min(size, last + 1)
    if start >= end:
        raise Unsatisfiable
    return Part(start, end)


def _number(digits: str) -> int:
    """What these digits say; of more than any file has bytes, more than any file has."""
    said = digits.lstrip("0")
    return int(said or "0") if len(said) < 19 else _LARGEST


def matches(named: str, tag: str, *, weakly: bool) -> bool:
    """Whether an If-Match or (compared `weakly`) If-None-Match header names this ETag, which is quoted."""
    tags = [each.strip() for each in named.split(",")]
    return "*" in tags or tag in tags or (weakly and f"W/{tag}" in tags)


async def send_file(
    send: Send,
    file: BinaryIO,
    size: int,
    *,
    method: str,
    asked: Mapping[str, str],
    tag: str,
    headers: Iterable[Header],
) -> None:
    """Answer a GET or HEAD with this file, or the part of it that the request's headers, `asked`, name.

    `tag`: its ETag, quoted. Nothing is read ahead of a client that is slow.
    """
    more: list[Header] = [*headers, (b"etag", tag.encode("ascii")), (b"accept-ranges", b"bytes")]
    if (named := asked.get("if-match")) is not None and not matches(named, tag, weakly=False):
        await _respond(send, 412, [*more, (b"content-length", b"0")])
        return
    if (named := asked.get("if-none-match")) is not None and matches(named, tag, weakly=True):
        await _respond(send, 304, more)
        return
    wanted = asked.get("range") if method == "GET" and asked.get("if-range", tag) == tag else None
    try:
        part = part_of(wanted, size)
    except Unsatisfiable:
        await _respond(send, 416, [*more, (b"content-range", b"bytes */%d" % size), (b"content-length", b"0")])
        return
    start, end = part or Part(0, size)
    more.append((b"content-length", b"%d" % (end - start)))
    if part is not None:
        more.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, size)))
    if method == "HEAD":
        await _respond(send, 200, more)
        return
    await send({"type": "http.response.start", "status": 200 if part is None else 206, "headers": more})
    await asyncio.to_thread(file.seek, start)
    while start < end:
        body = await asyncio.to_thread(file.read, min(CHUNK, end - start))
        if not body:
            raise EOFError("the file is shorter than it was")
        start += len(body)
        await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _respond(send: Send, status: int, headers: list[Header]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
