"""From a request to its context: who calls, in which channel and language.

The channel is the credential's own, else the one that the header `Feira-Channel` names, else the shop's default, or for
staff who may not work in that one the first of theirs. Nobody names a till's channel without a token. A WebSocket may
say in `connection_init` what others say in headers: `Authorization`, `Feira-Channel`, `Accept-Language`,
`Feira-Min-Position`, `Feira-Epoch`.
"""

import re
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Any, Final
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy import Row

from app.api.context import Context
from app.api.engine.errors import Code, RequestError
from app.api.freshness import wait_for
from app.api.transport.request import Request
from app.browse.followed import Catalog
from app.carts.lines import AT_TILLS
from app.channels.queries import NoChannel, all_channels, channels_by_codes, channels_by_ids, default_channel
from app.events.follower import Follower
from app.identity.authentication import authenticate
from app.identity.fields import code as check_code
from app.identity.principal import ANONYMOUS, Principal
from app.identity.recent import Recent
from app.platform import clock, texts
from app.platform.db import Database
from app.platform.errors import InvalidInput
from app.platform.outbound.address import NOTHING, Allowed

FRESH_SECONDS: Final = 1.5
"""A change of a channel's settings is noticed within this time in every process."""
MOST_KEPT: Final = 1_000
_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:]{2,45}\](:\d{1,5})?")

Key = str | UUID | None
_channels: WeakKeyDictionary[Database, Recent[Key, Row[Any]]] = WeakKeyDictionary()


def contexts(
    db: Database,
    *,
    production: bool = False,
    base_url: str = "",
    feed: Follower | None = None,
    catalog: Catalog | None = None,
    webhook_allow: Allowed = NOTHING,
) -> Callable[[Request], Awaitable[Context]]:
    """What makes the context of each request. A shop in production takes no demo tokens.

    It raises RequestError: UNAUTHENTICATED for a token that is malformed, unknown, expired or revoked (no token at all
    is an anonymous shopper), BAD_REQUEST for a channel that is unknown, closed or not the credential's, and for a
    `Feira-Min-Position` that is none.
    """

    async def context_for(request: Request) -> Context:
        least = 0
        if feed is not None and (asked := _said(request, "Feira-Min-Position")) is not None:
            least = await wait_for(feed, asked)
        now, as_of = clock.now(), feed.position if feed is not None else 0
        principal = ANONYMOUS
        if (given := request.authorization) is not None:
            found = await authenticate(db, _bearer(given), now, demo_tokens=not production)
            if found is None:
                raise RequestError(Code.UNAUTHENTICATED, "This token is unknown, expired or revoked.")
            principal = found
        return Context(
            db=db,
            principal=principal,
            channel=await _channel(db, principal, _said(request, "Feira-Channel")),
            locale=texts.negotiate(_said(request, "Accept-Language")),
            now=now,
            request_id=str(structlog.contextvars.get_contextvars().get("request_id") or ""),
            base_url=base_url or _own_address(request),
            feed=feed,
            as_of=as_of,
            catalog=catalog,
            least=least,
            epoch=_said(request, "Feira-Epoch"),
            again=partial(context_for, request),
            webhook_allow=webhook_allow,
        )

    return context_for


def payer(context: Context, request: Request) -> Hashable:
    """Whose budget pays: that of whom the credential stands for, however it is written; a shopper's address."""
    return request.address if context.principal.id is None else context.principal.key


def _own_address(request: Request) -> str:
    """Where this request was sent to, so that the shop's own pictures can be found; empty for a host that is none."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        return ""
    secure = request.scope.get("scheme") in ("https", "wss") or request.headers.get("x-forwarded-proto") == "https"
    return f"{'https' if secure else 'http'}://{host}"


def _bearer(authorization: str) -> str:
    scheme, _, secret = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise RequestError(Code.UNAUTHENTICATED, "Say who you are as `Authorization: Bearer <token>`.")
    return secret.strip()


def _said(request: Request, name: str) -> str | None:
    for key in (name, name.lower()):
        given = request.params.get(key)
        if isinstance(given, str):
            return given
    return request.headers.get(name.lower())


async def _channel(db: Database, principal: Principal, named: str | None) -> Row[Any]:
    """The request's channel. Raises RequestError."""
    named = named.strip() if named else None
    if principal.channel_id is not None:
        channel = await _by_id(db, principal.channel_id)
        if named and named != channel.code:
            raise RequestError(Code.BAD_REQUEST, f"This token is bound to the channel {channel.code!r}.")
        return channel
    if named:
        channel = await _by_code(db, named)
        if channel.kind in AT_TILLS and principal.kind == "anonymous":
            # Its prices and its safety stock are for who stands at the counter.
            raise RequestError(Code.BAD_REQUEST, f"The channel {named!r} is the tills': it takes a token.")
        if not principal.works_in(channel.id):
            raise RequestError(Code.BAD_REQUEST, f"This token does not reach the channel {named!r}.")
        return channel
    channel = await _default(db)
    if principal.works_in(channel.id):
        return channel
    for other in await all_channels(db):
        if other.active and principal.works_in(other.id):
            return other
    raise RequestError(Code.BAD_REQUEST, "None of the channels that this token reaches is open.")


async def _by_id(db: Database, channel_id: UUID) -> Row[Any]:
    async def find() -> Row[Any] | None:
        return (await channels_by_ids(db, [channel_id])).get(channel_id)

    return _open(await _remembered(db, channel_id, find), "of this token")


async def _by_code(db: Database, named: str) -> Row[Any]:
    try:
        code = check_code(named, ())
    except InvalidInput:
        raise RequestError(Code.BAD_REQUEST, "There is no channel of the name in `Feira-Channel`.") from None

    async def find() -> Row[Any] | None:
        return (await channels_by_codes(db, [code])).get(code)

    return _open(await _remembered(db, code, find), repr(code))


async def _default(db: Database) -> Row[Any]:
    async def find() -> Row[Any] | None:
        try:
            return await default_channel(db)
        except NoChannel:
            raise RequestError(Code.BAD_REQUEST, "This shop has no channel yet.") from None

    return _open(await _remembered(db, None, find), "of the shop")


def _open(channel: Row[Any] | None, which: str) -> Row[Any]:
    if channel is None or not channel.active:
        raise RequestError(Code.BAD_REQUEST, f"There is no open channel {which}.")
    return channel


async def _remembered(db: Database, key: Key, find: Callable[[], Awaitable[Row[Any] | None]]) -> Row[Any] | None:
    recent = _channels.setdefault(db, Recent(seconds=FRESH_SECONDS, most=MOST_KEPT))
    return await recent.get_or(key, find)
