"""Following over WebSocket and server-sent events, as a client does, in a test."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from app.api.documents import document
from tests.api.server import Server

WAIT = 15.0


class Socket:
    """One connection of graphql-transport-ws, and the messages of each of its operations."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self._ids = count(1)
        self._messages: dict[str, asyncio.Queue[dict[str, Any]]] = {}

    async def subscribe(self, query: str, **variables: Any) -> str:
        """Start an operation; its id."""
        key = str(next(self._ids))
        self._messages[key] = asyncio.Queue()
        payload = {"query": query, "variables": variables}
        await self.connection.send(json.dumps({"id": key, "type": "subscribe", "payload": payload}))
        return key

    async def next(self, key: str, seconds: float = WAIT) -> dict[str, Any]:
        """Its next message, which must come in time."""
        async with asyncio.timeout(seconds):
            return await self._messages[key].get()

    async def data(self, key: str, seconds: float = WAIT) -> Any:
        """The value of its next result's only field."""
        message = await self.next(key, seconds)
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        (value,) = message["payload"]["data"].values()
        return value

    async def quiet(self, key: str, seconds: float = 0.3) -> bool:
        """Whether nothing comes."""
        try:
            await self.next(key, seconds)
        except TimeoutError:
            return True
        return False

    async def complete(self, key: str) -> None:
        await self.connection.send(json.dumps({"id": key, "type": "complete"}))

    async def read(self) -> None:
        async for message in self.connection:
            body = json.loads(message)
            if (queue := self._messages.get(body.get("id"))) is not None:
                queue.put_nowait(body)


@asynccontextmanager
async def socket(url: str, token: str | None = None, **params: str) -> AsyncIterator[Socket]:
    """A connection that was acknowledged. `params` go into `connection_init`, `_` for `-`."""
    address = url.replace("http", "ws", 1) + "/graphql"
    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as connection:
        said = {name.replace("_", "-"): value for name, value in params.items()}
        if token is not None:
            said["Authorization"] = f"Bearer {token}"
        await connection.send(json.dumps({"type": "connection_init", "payload": said}))
        acknowledged = json.loads(await connection.recv())
        assert acknowledged["type"] == "connection_ack", acknowledged
        one = Socket(connection)
        reading = asyncio.create_task(one.read())
        try:
            yield one
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


class Stream:
    """One subscription, by a document of graphql/."""

    def __init__(self, socket: Socket, key: str) -> None:
        self.socket = socket
        self.key = key

    async def next(self) -> Any:
        """The value of its next event."""
        return await self.socket.data(self.key)

    async def until(self, fits: Callable[[Any], bool]) -> Any:
        """The next event that fits."""
        while not fits(value := await self.next()):
            pass
        return value


@asynccontextmanager
async def followed(server: Server, name: str, who: str | None = None, **variables: Any) -> AsyncIterator[Stream]:
    """Subscribe with a document such as "pos/follow", as its client would."""
    async with socket(server.url, server.tokens.get(who or "")) as one:
        key = await one.subscribe(document(*name.split("/")), **variables)
        server.executed.add(name)
        yield Stream(one, key)


async def events(
    client: httpx.AsyncClient, query: str, headers: Mapping[str, str], **variables: Any
) -> AsyncIterator[dict[str, Any]]:
    """The results of a subscription over server-sent events."""
    sent = {**headers, "accept": "text/event-stream"}
    body = {"query": query, "variables": variables}
    async with client.stream("POST", "/graphql", json=body, headers=sent, timeout=WAIT) as response:
        kind = ""
        async for line in response.aiter_lines():
            if line.startswith("event:"):
                kind = line.removeprefix("event:").strip()
            elif line.startswith("data:") and kind == "next":
                yield json.loads(line.removeprefix("data:"))
            elif kind == "complete" and line == "":
                return
