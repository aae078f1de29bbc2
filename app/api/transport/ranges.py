"""A file sent over HTTP, whole or in part (RFC 9110, 13 and 14): ETag, If-None-Match, If-Range, Range, HEAD.

One part a request: of several the file is sent whole, as the RFC allows. A part that cannot be is a 416.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import BinaryIO, Final, NamedTuple

from litestar.types import Send

from .cors import Header

CHUNK: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})")


class Part(NamedTuple):
    """Bytes from `start` to just before `end`."""

    start: int
    end: int


class Unsatisfiable(Exception):
    """There is no such part."""


def part_of(asked: str | None, size: int) -> Part | None:
    """The part that a Range header asks for; None: all of it. Raises Unsatisfiable."""
    if asked is None or not asked.strip().lower().startswith("bytes") or "," in asked:
        return None
    found = _RANGE.fullmatch(asked.strip().lower())
    if found is None or found[1] == found[2] == "":
        raise Unsatisfiable
    if found[1] == "":
        # The last so many.
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), size if found[2] == "" else min(size, int(found[2]) + 1)
    if start >= end:
        raise Unsatisfiable
    return Part(start, end)


def matches(named: str | None, tag: str) -> bool:
    """Whether an If-None-Match header names this ETag, which is quoted."""
    if named is None:
        return False
    tags = [each.strip().removeprefix("W/") for each in named.split(",")]
    return tag in tags or "*" in tags


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
    if matches(asked.get("if-none-match"), tag):
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
