"""`GET /snapshot`: all that the caller may follow, at one position of the feed, as a file; and its lines' schemas.

    curl -OJ -H "Authorization: Bearer $TOKEN" "$SHOP/snapshot?topics=PRODUCT,PRICE"

It is sent as what it is, a gzip file of JSON lines (`application/gzip`), and not as JSON lines in a Content-Encoding:
a client may then ask for the rest of it by Range and put the parts together, which none can do with an encoding that
its library undoes, and nothing on the way packs it anew. It is made once for all callers who see the same.
"""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any, BinaryIO, Final
from urllib.parse import parse_qs, unquote
from uuid import UUID

import msgspec
from litestar.enums import ScopeType
from litestar.types import HTTPScope, Receive, Scope, Send

from app.api.context import Context
from app.api.engine.errors import Code, RequestError, internal_error, translated
from app.api.events.types import require_theirs
from app.api.records import SOURCES, schema_of
from app.api.transport.cors import Header
from app.api.transport.http import respond
from app.api.transport.negotiation import JSON
from app.api.transport.ranges import send_file
from app.api.transport.request import Request, read_headers
from app.api.transport.websocket import refuse_websocket
from app.browse.records.view import View, view_of
from app.browse.snapshot import FORMAT, write_snapshot
from app.channels.queries import channels_by_ids
from app.events.feed import Head, head_of
from app.events.outbox import Topic
from app.identity.following import scopes_of
from app.identity.principal import Principal
from app.platform.db import Database, Reader
from app.platform.spool import Fill, Filled, Spool, Spooled

PATH: Final = "/snapshot"
SHOPPERS: Final = (Topic.CATEGORY, Topic.COLLECTION, Topic.PRODUCT, Topic.PRICE, Topic.AVAILABILITY)
"""What a snapshot holds where no topics are named."""
TILLS: Final = (Topic.STOCK, Topic.REGISTER, Topic.CART, Topic.ORDER)
"""What it holds at a till besides, as far as the device may follow it."""
REACHED: Final = frozenset(TILLS)
"""Topics of which a caller sees what is at their locations and in their channels."""
MEDIA_TYPE: Final = "application/gzip"
_ALLOW: Final = (b"allow", b"GET, HEAD")
_STATUS: Final = {
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.BAD_REQUEST: 400,
    Code.LIMIT_EXCEEDED: 429,
    Code.INTERNAL: 500,
}

ContextFor = Callable[[Request], Awaitable[Context]]


class SnapshotRoute:
    """The ASGI app behind `/snapshot`. Mount it with `litestar.asgi(PATH, is_mount=True, copy_scope=False)`.

    `context_for` makes a request's context, as it does for GraphQL.
    """

    def __init__(self, db: Database, spool: Spool, context_for: ContextFor) -> None:
        self._db = db
        self._spool = spool
        self._context_for = context_for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await refuse_websocket(receive, send)
            return
        try:
            await self._serve(scope, Request(scope, read_headers(scope)), send)
        except Exception as error:
            known = translated(error)
            if isinstance(known, RequestError):
                await _refuse(send, known.code, known.formatted(), known.retry_after)
            else:
                await _refuse(send, Code.INTERNAL, internal_error(error, where="snapshot"))

    async def _serve(self, scope: HTTPScope, request: Request, send: Send) -> None:
        method, path = scope["method"], _below(scope)
        if method not in ("GET", "HEAD"):
            await respond(send, 405, b"A snapshot is got by GET.", "text/plain", [_ALLOW])
        elif path in ("", "/"):
            await self._snapshot(request, method, send)
        elif path is not None and (schema := SCHEMAS.get(path)) is not None:
            kept: Header = (b"cache-control", b"public, max-age=3600")
            await respond(send, 200, schema if method == "GET" else b"", "application/schema+json", [kept])
        else:
            await respond(send, 404, b"Nothing is here.", "text/plain")

    async def _snapshot(self, request: Request, method: str, send: Send) -> None:
        context = await self._context_for(request)
        topics = topics_for(context.principal, context.channel.id, named_topics(request.scope["query_string"]))
        head = await head_of(self._db)
        key = scope_key(head, context, topics)
        known = request.headers.get("if-range") or request.headers.get("if-match") or ""
        named = await self._spool.named(key, known.strip('"'))
        fill = filling(self._db, context.principal, context.channel.id, topics)
        spooled = named or await self._spool.get(key, fill, least=head.forgotten)
        with spooled.path.open("rb") as file:
            size = file.seek(0, 2)
            headers = _headers(context, head, spooled)
            await send_file(
                send, file, size, method=method, asked=request.headers, tag=f'"{spooled.tag}"', headers=headers
            )


def _below(scope: HTTPScope) -> str | None:
    """What an address says behind `/snapshot`, as it was sent: routing makes one of several slashes. None: not ours."""
    sent = unquote((scope.get("raw_path") or scope["path"].encode()).decode("latin-1"))
    path = sent.removeprefix(scope.get("root_path", ""))
    return path.removeprefix(PATH) if path.startswith(PATH) else None


def named_topics(query_string: bytes) -> set[str] | None:
    """The topics that a request names; None: it leaves them to us. Raises RequestError for other parameters."""
    given = parse_qs(query_string.decode("latin-1"), keep_blank_values=True)
    if unknown := sorted(set(given) - {"topics"}):
        raise RequestError(Code.BAD_REQUEST, f"{unknown[0]!r:.60} is not a parameter of a snapshot: `topics` is.")
    named = given.get("topics")
    return None if named is None else {name.strip() for value in named for name in value.split(",")}


def topics_for(principal: Principal, channel_id: UUID, named: Collection[str] | None) -> tuple[Topic, ...]:
    """These topics, or those that such a caller is given, in the order in which a snapshot holds them.

    Raises RequestError: BAD_REQUEST for what is no topic, FORBIDDEN for one that the caller may not follow.
    """
    followed = scopes_of(principal, channel_id).keys()
    if named is None:
        wanted = {*SHOPPERS, *(TILLS if principal.register_id is not None else ())} & followed
        return tuple(topic for topic in SOURCES if topic in wanted)
    if unknown := sorted(set(named) - {topic.value for topic in SOURCES}):
        known = ", ".join(topic.value for topic in SOURCES)
        raise RequestError(Code.BAD_REQUEST, f"A snapshot has no {unknown[0]!r:.60}. It has {known}.")
    require_theirs([topic for topic in SOURCES if topic.value in named], principal)
    return tuple(topic for topic in SOURCES if topic.value in named)


def scope_key(head: Head, context: Context, topics: tuple[Topic, ...]) -> str:
    """What a snapshot depends on, as 32 digits: callers with the same are given the same file."""
    principal, channel = context.principal, context.channel
    locations = None if principal.location_ids is None else sorted(map(str, principal.location_ids))
    channels = None if principal.channel_ids is None else sorted(map(str, principal.channel_ids))
    parts = (
        FORMAT,
        head.epoch,
        topics,
        str(channel.id),
        channel.version,
        principal.may("catalog.read"),
        channel.shows_quantities or principal.kind in ("staff", "device"),
        # Prices and taxes of a till are those of where it stands.
        locations if principal.register_id is not None else (),
        (locations, channels) if any(topic in REACHED for topic in topics) else (),
    )
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]


def filling(db: Database, principal: Principal, channel_id: UUID, topics: Sequence[Topic]) -> Fill:
    """What writes the snapshot of these topics as this caller sees them through this channel."""

    async def look(reader: Reader, moment: datetime) -> View:
        # As it is in the snapshot; what the request knows may be a moment older.
        channel = (await channels_by_ids(reader, [channel_id]))[channel_id]
        return await view_of(reader, principal, channel, moment)

    async def fill(file: BinaryIO) -> Filled:
        made = await write_snapshot(db, [SOURCES[topic] for topic in topics], look, file)
        return Filled(made.position, made.valid_until)

    return fill


async def _refuse(send: Send, code: Code, error: Mapping[str, Any], retry_after: float | None = None) -> None:
    """Say why there is no snapshot, in the words of GraphQL's errors."""
    more: list[Header] = [(b"cache-control", b"no-store")]
    if code is Code.UNAUTHENTICATED:
        more.append((b"www-authenticate", b"Bearer"))
    if retry_after is not None:
        more.append((b"retry-after", b"%d" % max(1, ceil(retry_after))))
    await respond(send, _STATUS[code], msgspec.json.encode({"errors": [error]}), JSON, more)


def _headers(context: Context, head: Head, spooled: Spooled) -> list[Header]:
    name = f"feira-{context.channel.code}-{spooled.position}.jsonl.gz"
    return [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-disposition", f'attachment; filename="{name}"'.encode("latin-1")),
        (b"cache-control", b"private, no-cache, no-transform"),
        (b"vary", b"Authorization, Feira-Channel"),
        (b"feira-position", b"%d" % spooled.position),
        (b"feira-epoch", head.epoch.encode("latin-1")),
    ]


SCHEMAS: Final[Mapping[str, bytes]] = {
    f"/schemas/{topic.value}.json": msgspec.json.encode(schema_of(topic)) for topic in SOURCES
}
