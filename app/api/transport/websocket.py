"""WebSocket, by the graphql-transport-ws protocol: queries, mutations and subscriptions on one connection."""

import asyncio
from contextlib import aclosing, suppress
from typing import Any

import msgspec
from litestar.types import Receive, Send, WebSocketScope

from app.api.engine.errors import Code, Refused, RequestError, internal_error
from app.api.engine.limits import Limits
from app.api.engine.numbers import exact_number

from .desk import Desk
from .parameters import Malformed, Parameters, encode_json
from .request import Request, read_headers
from .streams import stop

PROTOCOL = "graphql-transport-ws"

_INTERNAL, _INVALID, _UNAUTHORIZED, _FORBIDDEN = 4500, 4400, 4401, 4403
_SUBPROTOCOL, _INIT_TIMEOUT, _DUPLICATE, _TOO_MANY_INITS, _TOO_BIG = 4406, 4408, 4409, 4429, 1009
_LONGEST_REASON = 120
_CLOSE_SECONDS = 1.0
_UNREAD = "Messages are not being read"


class _Message(msgspec.Struct, frozen=True):
    """`payload` stays JSON until the type says what it must be."""

    type: str
    id: str | None = None
    payload: msgspec.Raw = msgspec.Raw(b"null")


_message = msgspec.json.Decoder(_Message)
_parameters = msgspec.json.Decoder(Parameters, float_hook=exact_number)
_object = msgspec.json.Decoder(dict[str, Any] | None)


class _Close(Exception):
    """The connection must be closed with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


async def serve_websocket(desk: Desk, scope: WebSocketScope, receive: Receive, send: Send) -> None:
    """Serves one connection until either side closes it; then all its operations are cancelled."""
    await receive()
    offered = scope["subprotocols"] or []
    accept: Any = {"type": "websocket.accept", "subprotocol": PROTOCOL if PROTOCOL in offered else None, "headers": []}
    await send(accept)
    if PROTOCOL not in offered:
        await send({"type": "websocket.close", "code": _SUBPROTOCOL, "reason": "Subprotocol not acceptable"})
        return
    await _Connection(desk, scope, receive, send).serve()


async def refuse_websocket(receive: Receive, send: Send) -> None:
    """Refuses the handshake, which HTTP answers with 403."""
    await receive()
    await send({"type": "websocket.close", "code": 1008, "reason": "Origin not allowed"})


class _Connection:
    def __init__(self, desk: Desk, scope: WebSocketScope, receive: Receive, send: Send) -> None:
        self.desk = desk
        self.limits: Limits = desk.engine.limits
        self.request = Request(scope, read_headers(scope), "websocket")
        self.receive = receive
        self.raw_send = send
        # One message at a time: while it does not go out, no operation makes another.
        self.sending = asyncio.Lock()
        self.initialised = False
        self.acknowledged = False
        self.operations: dict[str, asyncio.Task[None]] = {}
        self.stuck = asyncio.Event()
        self.closed = False

    async def serve(self) -> None:
        reading = asyncio.ensure_future(self._read())
        stuck = asyncio.ensure_future(self.stuck.wait())
        try:
            await asyncio.wait((reading, stuck), return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                raise _Close(_INTERNAL, _UNREAD)
            await reading
        except _Close as close:
            await self._close(close)
        finally:
            self.closed = True
            for task in (reading, stuck, *self.operations.values()):
                await stop(task)

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(self.limits.connection_init_seconds) as deadline:
                await self._read_until_closed(deadline)
        except TimeoutError:
            if self.acknowledged:
                raise _Close(_INTERNAL, _UNREAD) from None
            raise _Close(_INIT_TIMEOUT, "Connection initialisation timeout") from None

    async def _read_until_closed(self, deadline: asyncio.Timeout) -> None:
        while True:
            message: Any = await self.receive()
            if message["type"] != "websocket.receive":
                return
            await self._handle(self._decoded(message), deadline)

    def _decoded(self, message: Any) -> _Message:
        text = message.get("text")
        if text is None:
            raise _Close(_INVALID, "Messages must be text")
        if len(text) > self.limits.body_bytes:
            raise _Close(_TOO_BIG, f"A message may have {self.limits.body_bytes} characters")
        try:
            return _message.decode(text)
        except (ValueError, RecursionError) as error:
            raise _Close(_INVALID, f"Invalid message: {error}") from None

    async def _handle(self, message: _Message, deadline: asyncio.Timeout) -> None:
        match message.type:
            case "connection_init":
                await self._initialise(message)
                deadline.reschedule(None)
            case "ping":
                await self._send({"type": "pong"})
            case "pong":
                pass
            case "subscribe":
                await self._subscribe(message)
            case "complete":
                task = self.operations.pop(_id(message), None)
                if task is not None:
                    await stop(task)
            case _:
                raise _Close(_INVALID, "Unknown message type")

    async def _initialise(self, message: _Message) -> None:
        if self.initialised:
            raise _Close(_TOO_MANY_INITS, "Too many initialisation requests")
        self.initialised = True
        try:
            params = _object.decode(message.payload)
        except (ValueError, RecursionError):
            raise _Close(_INVALID, "The payload of connection_init must be an object") from None
        self.request.params = params or {}
        try:
            await self.desk.context(self.request)
        except Refused as refused:
            codes = {Code.UNAUTHENTICATED: _UNAUTHORIZED, Code.FORBIDDEN: _FORBIDDEN, Code.INTERNAL: _INTERNAL}
            raise _Close(codes.get(Code(refused.code), _INVALID), str(refused)) from None
        await self._send({"type": "connection_ack"})
        self.acknowledged = True

    async def _subscribe(self, message: _Message) -> None:
        if not self.acknowledged:
            raise _Close(_UNAUTHORIZED, "Unauthorized")
        id_ = _id(message)
        if id_ in self.operations:
            raise _Close(_DUPLICATE, f"Subscriber for {id_} already exists")
        try:
            parameters = _parameters.decode(message.payload)
        except (ValueError, RecursionError) as error:
            raise _Close(_INVALID, f"Invalid payload of subscribe: {error}") from None
        most = self.limits.operations_per_connection
        if len(self.operations) >= most:
            full = RequestError(Code.LIMIT_EXCEEDED, f"Operations on this connection: the limit is {most} at a time.")
            await self._send(_error(id_, [full.formatted()]))
            return
        self.operations[id_] = asyncio.ensure_future(self._run(id_, parameters))

    async def _run(self, id_: str, parameters: Parameters) -> None:
        last: dict[str, Any] = {"id": id_, "type": "complete"}
        try:
            prepared = self.desk.prepare(parameters, await self.desk.arrive(self.request))
            admitted = self.desk.admit(prepared)
            async with aclosing(self.desk.stream(admitted)) as answers:
                async for answer in answers:
                    await self._send({"id": id_, "type": "next", "payload": answer.body()})
        except Malformed as malformed:
            last = _error(id_, [RequestError(Code.BAD_REQUEST, malformed.message).formatted()])
        except Refused as refused:
            last = _error(id_, refused.errors)
        except TimeoutError:
            self.stuck.set()
            return
        except OSError:
            # The client is gone: the reader learns of it too.
            return
        except Exception as error:
            last = _error(id_, [internal_error(error, where="websocket")])
        finally:
            # Free before its last message goes out: the client may use the id again as soon as it sees it.
            if self.operations.get(id_) is asyncio.current_task():
                del self.operations[id_]
        try:
            await self._send(last)
        except TimeoutError:
            self.stuck.set()
        except OSError:
            return

    async def _send(self, message: dict[str, Any]) -> None:
        text = encode_json(message).decode()
        async with self.sending:
            if self.closed:
                return
            async with asyncio.timeout(self.limits.send_seconds):
                await self.raw_send({"type": "websocket.send", "text": text, "bytes": None})

    async def _close(self, close: _Close) -> None:
        if self.closed:
            return
        self.closed = True
        reason = close.reason[:_LONGEST_REASON]
        with suppress(Exception):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self.raw_send({"type": "websocket.close", "code": close.code, "reason": reason})


def _id(message: _Message) -> str:
    if not message.id:
        raise _Close(_INVALID, f"A message of type {message.type} must have an id")
    return message.id


def _error(id_: str, errors: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": id_, "type": "error", "payload": errors}
