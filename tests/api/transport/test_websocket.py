"""graphql-transport-ws: the protocol's messages and the codes that it closes with."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from app.api.engine.limits import Limits
from tests.api.engine import library as books
from tests.api.transport.serving import Server, serving
from tests.api.transport.test_streams import closed

PROTOCOLS = [Subprotocol("graphql-transport-ws")]


class Peer:
    """A client that speaks the protocol by hand."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def subscribe(self, id: str, query: str, **payload: Any) -> None:
        await self.send(id=id, type="subscribe", payload={"query": query, **payload})

    async def receive(self) -> Any:
        return json.loads(await asyncio.wait_for(self.socket.recv(), 5))

    async def until_complete(self, id: str) -> list[Any]:
        found: list[Any] = []
        while True:
            message = await self.receive()
            assert message["id"] == id
            if message["type"] != "next":
                assert message == {"id": id, "type": "complete"}
                return found
            found.append(message["payload"])

    async def closed_with(self) -> tuple[int, str]:
        with suppress(ConnectionClosed):
            async for _ in self.socket:
                pass
        await asyncio.wait_for(self.socket.wait_closed(), 5)
        assert self.socket.close_code is not None
        return self.socket.close_code, self.socket.close_reason or ""


@asynccontextmanager
async def peer(server: Server, *, init: Any = None, **settings: Any) -> AsyncIterator[Peer]:
    """A connection, initialised unless `init` is False."""
    async with connect(server.ws_url, subprotocols=PROTOCOLS, max_size=None, **settings) as socket:
        peer = Peer(socket)
        if init is not False:
            await peer.send(type="connection_init", **({"payload": init} if init is not None else {}))
            assert await peer.receive() == {"type": "connection_ack"}
        yield peer


async def test_queries_mutations_and_subscriptions_on_one_connection(library: Server) -> None:
    async with peer(library) as client:
        await client.subscribe(
            "1", "query Q($n: String!) { hello(name: $n) }", variables={"n": "Ana"}, operationName="Q"
        )
        (answer,) = await client.until_complete("1")
        assert answer["data"] == {"hello": "Hello, Ana!"}
        assert answer["extensions"]["asOf"] == "42"
        await client.subscribe("1", 'mutation { order(input: { title: "x", copies: 1.50 }) }')
        assert (await client.until_complete("1"))[0]["data"] == {"order": "1.50 x x"}
        await client.subscribe("2", "subscription { count(to: 3) }")
        assert [answer["data"]["count"] for answer in await client.until_complete("2")] == [0, 1, 2]


async def test_exact_numbers_in_variables(library: Server) -> None:
    async with peer(library) as client:
        payload = '{"query": "query ($a: Exact!) { exact(amount: $a) }", "variables": {"a": 0.3500}}'
        await client.socket.send(f'{{"id": "1", "type": "subscribe", "payload": {payload}}}')
        assert (await client.until_complete("1"))[0]["data"] == {"exact": "0.3500"}


async def test_the_credential_comes_with_connection_init(library: Server) -> None:
    async with peer(library, init={"Authorization": "Bearer ana"}) as client:
        await client.subscribe("1", "{ who }")
        assert (await client.until_complete("1"))[0]["data"] == {"who": "ana"}


@pytest.mark.parametrize(("token", "code"), [("bad", 4401), ("banned", 4403), ("crash", 4500)])
async def test_a_refused_credential_closes_the_connection(library: Server, token: str, code: int) -> None:
    async with peer(library, init=False) as client:
        await client.send(type="connection_init", payload={"authorization": f"Bearer {token}"})
        found, reason = await client.closed_with()
        assert found == code
        assert "hunter2" not in reason


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "[]",
        "{}",
        '{"type": 1}',
        '{"type": "nonsense"}',
        '{"type": "subscribe", "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 1}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "variables": []}}',
        '{"type": "complete"}',
        b"\x00",
    ],
)
async def test_a_message_that_is_none_closes_the_connection(library: Server, message: str | bytes) -> None:
    async with peer(library) as client:
        await client.socket.send(message)
        assert (await client.closed_with())[0] == 4400


async def test_a_message_too_large_closes_the_connection(library: Server) -> None:
    async with peer(library) as client:
        await client.send(type="ping", payload={"a": "x" * 1_100_000})
        assert (await client.closed_with())[0] == 1009


async def test_the_rules_of_initialisation(library: Server) -> None:
    async with peer(library, init=False) as client:
        await client.subscribe("1", "{ hello }")
        assert await client.closed_with() == (4401, "Unauthorized")
    async with peer(library) as client:
        await client.send(type="connection_init")
        assert await client.closed_with() == (4429, "Too many initialisation requests")
    async with peer(library, init=False) as client:
        await client.send(type="connection_init", payload=[])
        assert (await client.closed_with())[0] == 4400
    async with connect(library.ws_url) as socket:
        assert (await Peer(socket).closed_with())[0] == 4406


async def test_a_client_that_never_initialises_is_closed() -> None:
    async with serving(Limits(connection_init_seconds=0.1)) as server:
        async with peer(server, init=False) as client:
            assert await client.closed_with() == (4408, "Connection initialisation timeout")
        async with peer(server) as client:
            await asyncio.sleep(0.2)
            await client.send(type="ping")
            assert await client.receive() == {"type": "pong"}


async def test_ping_and_pong(library: Server) -> None:
    async with peer(library, init=False) as client:
        await client.send(type="ping", payload={"a": 1})
        assert await client.receive() == {"type": "pong"}
        await client.send(type="pong")
        await client.send(type="connection_init")
        assert await client.receive() == {"type": "connection_ack"}


async def test_an_id_in_use_closes_the_connection(library: Server) -> None:
    async with peer(library) as client:
        await client.subscribe("1", "subscription { count(to: 9, pause: 1) }")
        await client.subscribe("1", "{ hello }")
        assert await client.closed_with() == (4409, "Subscriber for 1 already exists")


async def test_errors_end_the_operation_and_not_the_connection(library: Server) -> None:
    async with peer(library) as client:
        for query, expected in (
            ("{ nothing }", "BAD_REQUEST"),
            ("{", "BAD_REQUEST"),
            ("", "BAD_REQUEST"),
            ("query ($n: Int!) { intPlusOne(value: $n) }", "BAD_REQUEST"),
            ("subscription { refuses }", "FORBIDDEN"),
            ("{ books(first: 100000) { id } }", "LIMIT_EXCEEDED"),
        ):
            await client.subscribe("1", query)
            message = await client.receive()
            assert (message["id"], message["type"]) == ("1", "error")
            assert message["payload"][0]["extensions"]["code"] == expected
        await client.subscribe("1", "subscription { breaks(after: 1) }")
        assert (await client.receive())["payload"]["data"] == {"breaks": 0}
        message = await client.receive()
        assert message["type"] == "error"
        assert "hunter2" not in str(message)


async def test_complete_ends_the_source_and_frees_the_id(library: Server) -> None:
    async with peer(library, init={"Authorization": "Bearer completer"}) as client:
        await client.subscribe("1", "subscription { count(to: 100000, pause: 0.01) }")
        assert (await client.receive())["type"] == "next"
        await client.send(id="1", type="complete")
        await closed("completer")
        await client.send(id="unknown", type="complete")
        await client.subscribe("1", "{ hello }")
        while (message := await client.receive())["payload"]["data"] != {"hello": "Hello, world!"}:
            assert "count" in message["payload"]["data"]


async def test_a_client_that_leaves_ends_all_sources(library: Server) -> None:
    async with peer(library, init={"Authorization": "Bearer goer"}) as client:
        for number in "123":
            await client.subscribe(number, "subscription { count(to: 100000, pause: 0.05) }")
        for _ in range(3):
            await client.receive()
    await closed("goer", 3)


async def test_a_connection_has_so_many_operations_at_a_time() -> None:
    async with serving(Limits(operations_per_connection=2)) as server, peer(server) as client:
        for number in "12":
            await client.subscribe(number, "subscription { count(to: 9, pause: 5) }")
        await client.subscribe("3", "{ hello }")
        message = await client.receive()
        assert (message["id"], message["type"]) == ("3", "error")
        assert message["payload"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
        await client.send(id="1", type="complete")
        await client.subscribe("3", "{ hello }")
        assert len(await client.until_complete("3")) == 1


async def test_a_client_that_does_not_read_holds_its_sources_back_and_is_cut_off() -> None:
    init = {"Authorization": "Bearer jam"}
    settings: dict[str, Any] = {"max_queue": 1, "close_timeout": 0.1, "compression": None}
    async with serving(Limits(send_seconds=0.3)) as server, peer(server, init=init, **settings) as client:
        await client.subscribe("1", "subscription { big }")
        await closed("jam")
        assert books.produced["jam"] < 500


async def test_only_allowed_origins_may_connect(library: Server) -> None:
    async with peer(library, origin="https://shop.example"):
        pass
    host = library.url.removesuffix("/graphql")
    async with peer(library, origin=host):
        pass
    with pytest.raises(InvalidStatus):
        async with peer(library, origin="https://evil.example"):
            pass
