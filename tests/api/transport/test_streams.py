"""Server-sent events and multipart: one operation, its answers as they come, and a clean end."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from app.api.engine.limits import Limits
from tests.api.engine import library as books
from tests.api.transport.serving import Server, serving

SSE = {"accept": "text/event-stream"}
MULTIPART = {"accept": "multipart/mixed;boundary=graphql;subscriptionSpec=1.0, application/json"}


def events(text: str) -> list[tuple[str, Any]]:
    found = []
    for block in text.split("\n\n"):
        lines = [line.partition(":") for line in block.split("\n")]
        event = {name: value.strip() for name, _, value in lines if name}
        if event:
            found.append((event["event"], json.loads(event["data"]) if event["data"] else None))
    return found


def parts(text: str) -> list[Any]:
    assert text.startswith("--graphql\r\n")
    assert text.endswith("--graphql--\r\n")
    return [json.loads(part.split("\r\n\r\n", 1)[1]) for part in text.split("--graphql")[1:-1]]


async def closed(name: str, times: int = 1) -> None:
    async with asyncio.timeout(5):
        while books.closed.count(name) < times:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_subscription_by_server_sent_events(client: httpx.AsyncClient) -> None:
    response = await client.post("", json={"query": "subscription { count(to: 2) }"}, headers=SSE)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    found = events(response.text)
    assert [(name, body and body["data"]) for name, body in found] == [
        ("next", {"count": 0}),
        ("next", {"count": 1}),
        ("complete", None),
    ]
    assert found[0][1]["extensions"]["asOf"] == "42"


@pytest.mark.parametrize("query", ["{ hello }", 'mutation { order(input: { title: "x" }) }'])
async def test_queries_and_mutations_by_server_sent_events(client: httpx.AsyncClient, query: str) -> None:
    response = await client.post("", json={"query": query}, headers=SSE)
    assert [name for name, _ in events(response.text)] == ["next", "complete"]
    plain = await client.post("", json={"query": query})
    assert events(response.text)[0][1]["data"] == plain.json()["data"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ nothing }", "BAD_REQUEST"),
        ("subscription ($n: Int!) { count(to: $n) }", "BAD_REQUEST"),
        ("subscription { refuses }", "FORBIDDEN"),
        ("subscription { breaks(after: 0) }", "INTERNAL"),
    ],
)
async def test_an_operation_that_cannot_run_says_so_in_its_stream(
    client: httpx.AsyncClient, query: str, expected: str
) -> None:
    response = await client.post("", json={"query": query}, headers=SSE)
    (name, body), (last, _) = events(response.text)
    assert (name, last) == ("next", "complete")
    assert "data" not in body
    assert {error["extensions"]["code"] for error in body["errors"]} == {expected}


async def test_an_event_source_can_subscribe_by_get_but_not_write(client: httpx.AsyncClient) -> None:
    response = await client.get("", params={"query": "subscription { count(to: 1) }"}, headers=SSE)
    assert [name for name, _ in events(response.text)] == ["next", "complete"]
    written = await client.get("", params={"query": 'mutation { order(input: { title: "x" }) }'}, headers=SSE)
    assert written.status_code == 405


async def test_a_subscription_by_multipart(client: httpx.AsyncClient) -> None:
    response = await client.post("", json={"query": "subscription { count(to: 2) }"}, headers=MULTIPART)
    assert response.headers["content-type"] == "multipart/mixed;boundary=graphql;subscriptionSpec=1.0"
    first, *rest = parts(response.text)
    assert first == {}
    assert [part["payload"]["data"] for part in rest] == [{"count": 0}, {"count": 1}]


async def test_a_multipart_stream_that_breaks_says_why(client: httpx.AsyncClient) -> None:
    response = await client.post("", json={"query": "subscription { breaks(after: 1) }"}, headers=MULTIPART)
    *_, last = parts(response.text)
    assert last["payload"] is None
    assert last["errors"][0]["extensions"]["code"] == "INTERNAL"


async def test_a_query_whose_client_takes_json_too_gets_json(client: httpx.AsyncClient) -> None:
    response = await client.post("", json={"query": "{ hello }"}, headers=MULTIPART)
    assert response.json()["data"] == {"hello": "Hello, world!"}
    alone = await client.post("", json={"query": "{ hello }"}, headers={"accept": "multipart/mixed"})
    (part,) = parts(alone.text)
    assert part["data"] == {"hello": "Hello, world!"}


async def test_a_subscription_needs_a_stream(client: httpx.AsyncClient) -> None:
    response = await client.post("", json={"query": "subscription { count }"})
    assert response.status_code == 406


async def test_a_caller_is_refused_before_the_stream_begins(client: httpx.AsyncClient) -> None:
    headers = {**SSE, "authorization": "Bearer bad"}
    response = await client.post("", json={"query": "subscription { count }"}, headers=headers)
    assert response.status_code == 401


async def test_a_client_that_leaves_ends_the_source(library: Server, client: httpx.AsyncClient) -> None:
    library.observed.clear()
    headers = {**SSE, "authorization": "Bearer leaver"}
    body = {"query": "subscription Long { count(to: 100000, pause: 0.01) }"}
    async with client.stream("POST", "", json=body, headers=headers) as response:
        async for line in response.aiter_lines():
            if line.startswith("data:"):
                break
    await closed("leaver")
    assert ("Long", "sse") in [(o.name, o.transport) for o in library.observed]


async def test_a_quiet_stream_gives_signs_of_life() -> None:
    body = {"query": "subscription { count(to: 1, pause: 0.3) }"}
    async with serving(Limits(keep_alive_seconds=0.05)) as server, httpx.AsyncClient() as client:
        by_events = await client.post(server.url, json=body, headers=SSE)
        assert by_events.text.count(":\n\n") >= 3
        assert [name for name, _ in events(by_events.text)] == ["next", "complete"]
        by_parts = await client.post(server.url, json=body, headers=MULTIPART)
        assert parts(by_parts.text).count({}) >= 3


async def test_a_client_that_does_not_read_holds_the_source_back_and_is_cut_off() -> None:
    async with serving(Limits(send_seconds=0.3)) as server:
        host, port = server.url.split("/")[2].split(":")
        _, writer = await asyncio.open_connection(host, int(port), limit=1024)
        body = json.dumps({"query": "subscription { big }"}).encode()
        writer.write(
            b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\naccept: text/event-stream\r\n"
            b"authorization: Bearer stuck\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await closed("stuck")
        # What fits into the buffers of two sockets, not what thirty seconds could make.
        assert books.produced["stuck"] < 500
        writer.close()
