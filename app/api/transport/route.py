"""`GraphQLRoute`: the ASGI app behind `/graphql`, for HTTP and WebSocket."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import strawberry
from litestar.enums import ScopeType
from litestar.types import HTTPScope, Message, Receive, Scope, Send

from app.api.engine.budget import Purse
from app.api.engine.documents import Operation
from app.api.engine.errors import Refused, internal_error
from app.api.engine.execute import Engine, Guard, Sight
from app.api.engine.kept import Lasting
from app.api.engine.limits import Limits

from .cors import Cors, Header
from .desk import Answer, CallerOf, ContextFor, Desk, ExtensionsFor, Observe, Prepared, TrustedOnly
from .explorer import Example, Explorer
from .http import (
    Answers,
    check_get,
    check_method,
    read_body,
    respond,
    respond_malformed,
    respond_refused,
)
from .multipart import Multipart
from .negotiation import EVENT_STREAM, Accepted, check_content_type, negotiate, not_acceptable
from .parameters import Malformed, Parameters, from_json, from_query_string
from .persisted import Persisted
from .request import Request, read_headers
from .sse import EventStream
from .streams import send_stream
from .trusted import Trusted
from .websocket import refuse_websocket, serve_websocket

_READING = frozenset({"GET", "HEAD"})
_ALLOW = (b"allow", b"GET, HEAD, POST, OPTIONS")

PublicFor: TypeAlias = Callable[[Any, Operation], int | None]
"""For how many seconds anyone may keep the answer to this operation in this context; None: only its caller may."""


class GraphQLRoute:
    """Serves one schema. Mount it with `litestar.asgi("/graphql", is_mount=True, copy_scope=False)`.

    `context_for` makes the context of each operation from its `Request`, and of each event of a subscription anew; it
    may raise RequestError. `guard` gives fields their permission checks. `sight` says who sees the same: their
    events may be worked out once. `lasting` says what all that lasts depends on (`engine.kept`). `observe` hears of
    every operation.
    `extensions_for` adds to a response's `extensions`, and `extension_headers` names the headers they have as well.
    `caller_of` names whose budget pays; by default the credential, else the address. `public_for` answers for how many
    seconds a GET's answer may be kept by anyone. `trusted` documents may be asked for by id, and a caller of whom
    `trusted_only` holds may ask for nothing else. `origins` may call from a browser. `production` hides introspection,
    suggestions and GraphiQL, which else shows `examples` to a browser at `path`. `planned` False leaves every operation
    to graphql-core.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        *,
        context_for: ContextFor,
        limits: Limits | None = None,
        production: bool = False,
        examples: Sequence[Example] = (),
        path: str = "/graphql",
        observe: Observe | None = None,
        guard: Guard | None = None,
        sight: Sight | None = None,
        lasting: Lasting | None = None,
        extensions_for: ExtensionsFor | None = None,
        extension_headers: Mapping[str, str] | None = None,
        caller_of: CallerOf | None = None,
        public_for: PublicFor | None = None,
        trusted: Trusted | None = None,
        trusted_only: TrustedOnly | None = None,
        vary: Iterable[str] = (),
        origins: Iterable[str] = (),
        planned: bool = True,
    ) -> None:
        self.limits = limits or Limits()
        self.engine = Engine(
            schema,
            limits=self.limits,
            production=production,
            guard=guard,
            sight=sight,
            planned=planned,
            lasting=lasting,
        )
        purse = Purse(self.limits.budget) if self.limits.budget is not None else None
        self.desk = Desk(self.engine, context_for, purse, extensions_for=extensions_for, observe=observe)
        self.desk.persisted = Persisted(trusted)
        if caller_of is not None:
            self.desk.caller_of = caller_of
        if trusted_only is not None:
            self.desk.trusted_only = trusted_only
        self._cors = Cors(origins)
        self._path = path.rstrip("/")
        self._answers = Answers(dict(extension_headers or {}), vary, debugging=not production)
        self._public_for = public_for
        self._explorer = None if production else Explorer(examples, path)

    async def settle(self) -> None:
        """Make the trusted documents ready to run; till then each is made when it is first asked for."""
        await self.desk.persisted.trusted.settle(self.engine.documents.keep)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = read_headers(scope)
        if scope["type"] == ScopeType.HTTP:
            await self._http(scope, receive, send, headers)
        elif self._cors.allows(headers):
            await serve_websocket(self.desk, scope, receive, send)
        else:
            await refuse_websocket(receive, send)

    async def _http(self, scope: HTTPScope, receive: Receive, send: Send, headers: dict[str, str]) -> None:
        more = self._cors.headers(headers)
        if scope["method"] == "OPTIONS":
            await respond(send, 204, b"", "text/plain", [_ALLOW, *self._cors.preflight(headers)])
            return
        if scope["method"] == "HEAD":
            send = _without_body(send)
        accepted = negotiate(headers.get("accept"))
        explorer = self._explorer if scope["method"] in _READING else None
        if explorer is not None and await explorer.answers(scope, send, accepted):
            return
        if scope["path"].rstrip("/") not in ("", self._path):
            await respond(send, 404, b"Nothing is here.", "text/plain", more)
            return
        try:
            await self._serve(scope, receive, send, headers, accepted, more)
        except Malformed as error:
            await respond_malformed(send, error, accepted, more)
        except Refused as refused:
            await respond_refused(send, refused, accepted, more)
        except Exception as error:
            # An answer that cannot be written, say. Streams tell of theirs themselves.
            await respond_refused(send, Refused([internal_error(error, where="http")]), accepted, more)

    async def _serve(
        self,
        scope: HTTPScope,
        receive: Receive,
        send: Send,
        headers: dict[str, str],
        accepted: Accepted,
        more: list[Header],
    ) -> None:
        method = scope["method"]
        parameters = await self._parameters(scope, receive, headers, accepted)
        if not accepted.is_acceptable:
            raise not_acceptable()
        arrived = await self.desk.arrive(Request(scope, headers))
        try:
            prepared = self.desk.prepare(parameters, arrived)
        except Refused as refused:
            if accepted.json is None and accepted.stream == EVENT_STREAM:
                # Its clients read errors from the stream alone.
                await send_stream(_nothing_but(refused), EventStream(), receive, send, self.limits, more)
                return
            raise
        operation = prepared.operation
        check_method(method, operation)
        if operation.is_subscription or accepted.json is None:
            await self._stream(method, receive, send, prepared, accepted, more)
            return
        admitted = self.desk.admit(prepared)
        answer = await self.desk.run(admitted)
        if method == "POST":
            await self._answers.post(send, answer, accepted, more)
            return
        public = self._public_for(admitted.context, operation) if self._public_for is not None else None
        known = headers.get("if-none-match")
        await self._answers.get(send, answer, accepted, more, known=known, public_seconds=public)

    async def _parameters(
        self, scope: HTTPScope, receive: Receive, headers: dict[str, str], accepted: Accepted
    ) -> Parameters:
        if scope["method"] in _READING:
            check_get(headers, accepted)
            return from_query_string(scope["query_string"])
        if scope["method"] != "POST":
            raise Malformed("Send a query by GET or HEAD, anything by POST.", 405, (_ALLOW,))
        check_content_type(headers.get("content-type"), headers.get("content-encoding"))
        return from_json(await read_body(scope, receive, self.limits.body_bytes))

    async def _stream(
        self, method: str, receive: Receive, send: Send, prepared: Prepared, accepted: Accepted, more: list[Header]
    ) -> None:
        if method == "HEAD":
            raise Malformed("A stream has no end to tell of: use GET or POST.", 405, ((b"allow", b"GET, POST"),))
        if accepted.stream is None:
            raise Malformed(
                f"A subscription is answered as {EVENT_STREAM} or multipart/mixed, or on a WebSocket: accept one.", 406
            )
        sse = accepted.stream == EVENT_STREAM
        framing = EventStream() if sse else Multipart(subscription=prepared.operation.is_subscription)
        prepared.arrived.request.transport = "sse" if sse else "multipart"
        admitted = self.desk.admit(prepared)
        await send_stream(self.desk.stream(admitted), framing, receive, send, self.limits, more)


def _without_body(send: Send) -> Send:
    """For a HEAD, which is answered by the headers of a GET."""

    async def send_headers(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_headers


async def _nothing_but(refused: Refused) -> AsyncGenerator[Answer, None]:
    raise refused
    yield


__all__ = ["Example", "GraphQLRoute"]
