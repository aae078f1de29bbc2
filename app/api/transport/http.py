"""GraphQL over HTTP: one request, one answer, with the status codes and headers of its specification."""

import re
from asyncio import timeout
from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b
from math import ceil
from typing import Any

from litestar.types import Receive, Scope, Send

from app.api.engine.documents import Operation
from app.api.engine.errors import Code, Refused

from .cors import Header
from .desk import Answer
from .negotiation import GRAPHQL_JSON, Accepted
from .parameters import Malformed, encode_json
from .persisted import NOT_FOUND

# A browser sends these to another origin only after asking it by a preflight.
_PREFLIGHTED = ("authorization", "x-requested-with", "apollo-require-preflight", "graphql-require-preflight")
THROWN_AWAY_BYTES = 16 * 1_048_576
THROWN_AWAY_SECONDS = 1.0
_JSON_TYPES = ("application/json", GRAPHQL_JSON)
_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")', re.ASCII)


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The request's body. Malformed 413 as soon as it is known to be larger than `limit` bytes."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > limit:
            await _throw_away(receive)
            raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Malformed("The body was cut off.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            if message.get("more_body", False):
                await _throw_away(receive)
            raise _too_large(limit)
        if not message.get("more_body", False):
            return b"".join([*chunks, chunk]) if chunks else chunk
        chunks.append(chunk)


async def _throw_away(receive: Receive) -> None:
    """Let a client that is still sending come to its end, within bounds: else it sees a broken connection, not why."""
    with suppress(TimeoutError):
        async with timeout(THROWN_AWAY_SECONDS):
            size = 0
            while size < THROWN_AWAY_BYTES:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                size += len(message.get("body", b""))


def _too_large(limit: int) -> Malformed:
    return Malformed(f"The body is too large: the limit is {limit} bytes.", 413, ((b"connection", b"close"),))


def check_get(headers: dict[str, str], accepted: Accepted) -> None:
    """Malformed 400 for a GET that a page of another site makes a browser send without asking: by a link, an image, a
    script. One that names a media type of ours, or carries a header that needs a preflight, was meant.
    """
    if headers.get("sec-fetch-site", "none") in ("same-origin", "none") or accepted.by_name:
        return
    if headers.get("content-type", "").partition(";")[0].strip().lower() in _JSON_TYPES:
        return
    if not any(name in headers for name in _PREFLIGHTED):
        raise Malformed(
            f"A GET from another site must name the media type that it accepts, such as `Accept: {GRAPHQL_JSON}`, "
            "or carry a header that needs a preflight, such as `X-Requested-With`."
        )


def check_method(method: str, operation: Operation) -> None:
    """Malformed 405 for a GET or HEAD that would write."""
    if method != "POST" and operation.is_mutation:
        raise Malformed("A mutation cannot be sent by GET: use POST.", 405, ((b"allow", b"POST"),))


async def respond(
    send: Send, status: int, body: bytes, media_type: str, headers: Iterable[Header] = (), *, charset: bool = True
) -> None:
    """Sends one whole response."""
    content_type = f"{media_type}; charset=utf-8" if charset else media_type
    start: Any = {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"content-type", content_type.encode("latin-1")),
            (b"content-length", b"%d" % len(body)),
            (b"x-content-type-options", b"nosniff"),
            *headers,
        ],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": False})


def status_of(refused: Refused, accepted: Accepted) -> int:
    """What HTTP says of an operation that did not run. With `application/json` a GraphQL error is a 200."""
    match refused.code:
        case Code.UNAUTHENTICATED:
            return 401
        case Code.FORBIDDEN:
            return 403
        case Code.INTERNAL:
            # To come again soon makes sense where it is said when.
            return 500 if refused.retry_after is None else 503
        case _ if refused.code == NOT_FOUND:
            # As Apollo's server has it: it is a step of its protocol and no failure.
            return 200
        case Code.LIMIT_EXCEEDED if refused.retry_after is not None:
            return 429
    return 400 if accepted.is_strict else 200


async def respond_refused(send: Send, refused: Refused, accepted: Accepted, headers: Iterable[Header] = ()) -> None:
    """Sends the errors of an operation that did not run."""
    more: list[Header] = [*headers, (b"cache-control", b"no-store")]
    if refused.code == Code.UNAUTHENTICATED:
        more.append((b"www-authenticate", b"Bearer"))
    if refused.retry_after is not None:
        more.append((b"retry-after", b"%d" % max(1, ceil(refused.retry_after))))
    body = encode_json({"errors": refused.errors})
    await respond(send, status_of(refused, accepted), body, accepted.media_type, more)


async def respond_malformed(send: Send, error: Malformed, accepted: Accepted, headers: Iterable[Header] = ()) -> None:
    """Sends what was wrong with a request that is not one of GraphQL."""
    code = Code.LIMIT_EXCEEDED if error.status == 413 else Code.BAD_REQUEST
    body = encode_json({"errors": [{"message": error.message, "extensions": {"code": code.value}}]})
    await respond(
        send, error.status, body, accepted.media_type, (*headers, *error.headers, (b"cache-control", b"no-store"))
    )


class Answers:
    """How an answer goes out: its extensions as headers, and for a GET its ETag.

    `header_names` maps extensions to headers of theirs; `vary` names what answers depend on besides the query. One that
    anyone may keep is told without what was left of its first caller's budget. `debugging`: tells which executor ran.
    """

    def __init__(self, header_names: dict[str, str], vary: Iterable[str], *, debugging: bool = False) -> None:
        self._debugging = debugging
        self._names = {name: header.lower().encode("latin-1") for name, header in header_names.items()}
        self._vary = ", ".join(dict.fromkeys(("Accept", "Authorization", *vary))).encode("latin-1")

    def headers(self, answer: Answer, *, public: bool = False) -> list[Header]:
        """`Feira-Cost`, the headers of the app's extensions, and for developers `Feira-Executor`: plan or core."""
        found: list[Header] = []
        if self._debugging and answer.executor is not None:
            found.append((b"feira-executor", answer.executor.encode()))
        for name, value in answer.extensions.items():
            if name == "cost":
                cost = {part: number for part, number in value.items() if part != "left"} if public else value
                found.append((b"feira-cost", cost_header(cost)))
            elif name in self._names and value is not None:
                found.append((self._names[name], str(value).encode("latin-1", "replace")))
        return found

    async def post(self, send: Send, answer: Answer, accepted: Accepted, headers: list[Header]) -> None:
        """Answers a POST: never to be kept."""
        more = [*headers, *self.headers(answer), (b"cache-control", b"no-store")]
        await respond(send, 200, answer.encoded(), accepted.media_type, more)

    async def get(
        self,
        send: Send,
        answer: Answer,
        accepted: Accepted,
        headers: list[Header],
        *,
        known: str | None,
        public_seconds: int | None,
    ) -> None:
        """Answers a GET with an ETag over what it says; `known` is the client's If-None-Match. A 304 has no body.

        Errors are not to be kept. `public_seconds`: how long anyone may keep it, and as long again while they ask for
        another; None: the caller alone, asking each time whether it still holds.
        """
        body = answer.encoded(extensions=False)
        public = public_seconds is not None and not answer.errors
        more = [*headers, *self.headers(answer, public=public), (b"vary", self._vary)]
        if answer.errors:
            await respond(send, 200, body, accepted.media_type, [*more, (b"cache-control", b"no-store")])
            return
        tag = f'"{blake2b(body, digest_size=15).hexdigest()}"'
        kept = "private, no-cache"
        if public:
            kept = f"public, max-age={public_seconds}, stale-while-revalidate={public_seconds}"
        more += [(b"etag", tag.encode()), (b"cache-control", kept.encode())]
        if known is not None and _matches(known, tag):
            await send({"type": "http.response.start", "status": 304, "headers": more})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await respond(send, 200, body, accepted.media_type, more)


def cost_header(cost: Any) -> bytes:
    """`12;limit=20000;left=99988`."""
    requested, *rest = cost.items()
    return ";".join([str(requested[1]), *(f"{name}={value}" for name, value in rest)]).encode()


def _matches(known: str, tag: str) -> bool:
    """Whether an If-None-Match names this tag, by the weak comparison of RFC 9110 (13.1.2): a proxy that compresses an
    answer makes its tag weak. A tag may hold commas.
    """
    return known.strip() == "*" or tag in _TAG.findall(known)
