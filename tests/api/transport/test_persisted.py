"""Documents by id and by hash, on each transport; those who lie about them, and those who may send no others."""

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import httpx
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from app.api.engine.limits import Limits
from app.api.transport.persisted import Texts
from app.api.transport.trusted import Trusted, TrustedDocument, digest
from tests.api.transport.serving import Server, serving
from tests.api.transport.test_streams import events
from tests.api.transport.test_websocket import peer

HELLO = "query Hello($name: String) { hello(name: $name) }"
COUNT = "subscription Count { count(to: 2) }"
ORDER = 'mutation Order { order(input: { title: "x" }) }'
STALE = "query Stale { nothingOfTheKind }"
MD5 = "0cc175b9c0f1b6a831c399e269772661"
DOCUMENTS = [
    TrustedDocument("hello", HELLO, frozenset({MD5, "x-app:hello"})),
    TrustedDocument("count", COUNT),
    TrustedDocument("order", ORDER),
    TrustedDocument("stale", STALE),
]
NOT_FOUND = [{"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}]


def apq(hash_: Any, version: Any = 1) -> dict[str, Any]:
    return {"persistedQuery": {"version": version, "sha256Hash": hash_}}


def code(response: httpx.Response) -> str:
    (error,) = response.json()["errors"]
    return str(error["extensions"]["code"])


@pytest_asyncio.fixture(scope="session")
async def shop() -> AsyncIterator[Server]:
    """Trusts four documents; the caller named "locked" may send no others."""
    async with serving(trusted=Trusted(DOCUMENTS), trusted_only=lambda context: context.name == "locked") as server:
        await server.route.settle()
        yield server


@pytest_asyncio.fixture
async def client(shop: Server) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"accept": "application/graphql-response+json"}
    async with httpx.AsyncClient(base_url=shop.url, headers=headers, timeout=10) as client:
        yield client


@pytest_asyncio.fixture
async def locked(shop: Server) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"accept": "application/graphql-response+json", "authorization": "Bearer locked"}
    async with httpx.AsyncClient(base_url=shop.url, headers=headers, timeout=10) as client:
        yield client


@pytest.mark.parametrize(
    "named",
    [
        {"documentId": f"sha256:{digest(HELLO)}"},
        {"documentId": digest(HELLO)},
        {"documentId": MD5},
        {"documentId": "x-app:hello"},
        {"id": digest(HELLO)},
        {"doc_id": digest(HELLO)},
        {"id": digest(HELLO), "doc_id": f"sha256:{digest(HELLO)}"},
        {"doc_id": MD5, "query": ""},
        {"extensions": apq(digest(HELLO))},
        {"extensions": apq(digest(HELLO)), "query": HELLO},
        {"extensions": apq(digest(HELLO)), "documentId": f"sha256:{digest(HELLO)}"},
        {"query": HELLO},
        {"query": f" {HELLO}\n"},
    ],
)
@pytest.mark.parametrize("who", ["anyone", "locked"])
async def test_a_trusted_document_is_known_by_each_convention(shop: Server, named: dict[str, Any], who: str) -> None:
    headers = {"accept": "application/json", "authorization": f"Bearer {who}"}
    body = {"variables": {"name": "Ana"}, **named}
    params = {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
    shop.observed.clear()
    async with httpx.AsyncClient(headers=headers) as client:
        posted = await client.post(shop.url, json=body)
        got = await client.get(shop.url, params=params)
    assert posted.json()["data"] == got.json()["data"] == {"hello": "Hello, Ana!"}
    assert [(seen.name, seen.document) for seen in shop.observed] == [("Hello", "trusted")] * 2


async def test_a_trusted_document_on_a_websocket_and_as_a_stream(shop: Server, locked: httpx.AsyncClient) -> None:
    async with peer(shop, init={"authorization": "Bearer locked"}) as socket:
        await socket.send(id="1", type="subscribe", payload={"documentId": f"sha256:{digest(COUNT)}"})
        assert [answer["data"]["count"] for answer in await socket.until_complete("1")] == [0, 1]
        await socket.send(id="2", type="subscribe", payload={"query": "", "extensions": apq(digest(HELLO))})
        assert [answer["data"]["hello"] for answer in await socket.until_complete("2")] == ["Hello, world!"]
        await socket.send(id="3", type="subscribe", payload={"query": "{ hello }"})
        refused = await socket.receive()
        assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")
        await socket.send(id="4", type="subscribe", payload={"documentId": "sha256:beef"})
        refused = await socket.receive()
        assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "BAD_REQUEST")
    stream = {"accept": "text/event-stream"}
    for told in (
        await locked.post("", json={"doc_id": digest(COUNT)}, headers=stream),
        await locked.get("", params={"documentId": f"sha256:{digest(COUNT)}"}, headers=stream),
    ):
        assert [body and body["data"] for _, body in events(told.text)] == [{"count": 0}, {"count": 1}, None]
    refused = await locked.post("", json={"query": COUNT + " # again"}, headers=stream)
    assert events(refused.text)[0][1]["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_trusted_mutation_is_not_run_by_get(client: httpx.AsyncClient) -> None:
    for method in ("GET", "HEAD"):
        response = await client.request(method, "", params={"documentId": digest(ORDER)})
        assert response.status_code == 405
        assert response.headers["allow"] == "POST"
    assert (await client.post("", json={"id": digest(ORDER)})).json()["data"] == {"order": "1 x x"}


async def test_a_document_that_no_longer_fits_is_left_out_and_told_in_the_log(client: httpx.AsyncClient) -> None:
    response = await client.post("", json={"documentId": digest(STALE)})
    assert response.status_code == 400
    assert "No trusted document has the id" in response.json()["errors"][0]["message"]
    with capture_logs() as told:
        async with serving(trusted=Trusted(DOCUMENTS)) as server:
            # Asked before its turn, it says what is wrong with it.
            async with httpx.AsyncClient(base_url=server.url) as early:
                response = await early.post("", json={"documentId": digest(STALE)})
                assert "Cannot query field 'nothingOfTheKind'" in response.json()["errors"][0]["message"]
            await server.route.settle()
            assert len(server.route.desk.persisted.trusted) == 3
    (warning,) = (line for line in told if line["event"] == "document.left_out")
    assert (warning["log_level"], warning["document"]) == ("warning", "stale")
    assert "Cannot query field" in warning["reason"]


async def test_trusted_documents_stay_prepared_whatever_else_is_asked() -> None:
    async with serving(Limits(cached_documents=10), trusted=Trusted(DOCUMENTS)) as server:
        await server.route.settle()
        documents = server.route.engine.documents
        kept = documents.get(HELLO)
        for number in range(100):
            for name in (f"Once{number}", f"Twice{number}", f"Twice{number}"):
                documents.get(f"query {name} {{ hello }}")
        assert documents.get(HELLO) is kept


async def test_an_id_that_two_documents_claim_is_the_first_ones() -> None:
    with capture_logs() as told:
        trusted = Trusted(
            [TrustedDocument("a", "{ a }", frozenset({"x"})), TrustedDocument("b", "{ b }", frozenset("x"))]
        )
    assert trusted.by_id("x") == "{ a }"
    assert trusted.by_id(digest("{ b }")) == "{ b }"
    assert [line["event"] for line in told] == ["document.id_taken"]


# --- automatic persisted queries


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_a_hash_is_unknown_until_its_text_was_sent_with_it(
    shop: Server, client: httpx.AsyncClient, accept: str
) -> None:
    text = f'query New($name: String) {{ hello(name: $name) }} # "{accept}"'
    hash_, headers = sha256(text.encode()).hexdigest(), {"accept": accept}
    variables = {"name": "Ana"}
    shop.observed.clear()
    first = await client.post("", json={"extensions": apq(hash_), "variables": variables}, headers=headers)
    assert first.status_code == 200
    assert first.json() == {"errors": NOT_FOUND}
    assert first.headers["cache-control"] == "no-store"
    body = {"query": text, "extensions": apq(hash_), "variables": variables}
    second = await client.post("", json=body, headers=headers)
    third = await client.post("", json={"extensions": apq(hash_), "variables": variables}, headers=headers)
    params = {"extensions": json.dumps(apq(hash_)), "variables": json.dumps(variables)}
    by_get = await client.get("", params=params, headers=headers)
    for response in (second, third, by_get):
        assert response.json()["data"] == {"hello": "Hello, Ana!"}
    assert [(seen.outcome, seen.document, seen.codes) for seen in shop.observed] == [
        ("refused", None, ("PERSISTED_QUERY_NOT_FOUND",)),
        *[("ok", "automatic", ())] * 3,
    ]


async def test_a_hash_of_something_else_is_refused_and_not_remembered(client: httpx.AsyncClient) -> None:
    hash_ = digest("{ hello who }")
    response = await client.post("", json={"query": "{ who }", "extensions": apq(hash_)})
    assert response.status_code == 400
    assert code(response) == "BAD_REQUEST"
    assert response.json()["errors"][0]["message"] == "provided sha does not match query"
    assert (await client.post("", json={"extensions": apq(hash_)})).json() == {"errors": NOT_FOUND}
    # Nor does a trusted document's hash make another one trusted.
    response = await client.post("", json={"query": "{ who }", "extensions": apq(digest(HELLO))})
    assert response.status_code == 400


async def test_a_document_that_does_not_fit_is_not_remembered(client: httpx.AsyncClient) -> None:
    for text in ("{ nothing }", "{", "query A { who } query B { who }"):
        response = await client.post("", json={"query": text, "extensions": apq(digest(text))})
        assert code(response) == "BAD_REQUEST"
        assert (await client.post("", json={"extensions": apq(digest(text))})).json() == {"errors": NOT_FOUND}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"documentId": f"sha256:{digest(HELLO)}", "query": HELLO}, "not both"),
        ({"documentId": f"sha256:{digest(HELLO).upper()}"}, "in lower case"),
        ({"documentId": f"SHA256:{digest(HELLO)}"}, "No trusted document has the id"),
        ({"documentId": digest(HELLO).upper()}, "No trusted document has the id"),
        ({"documentId": f"sha256:{digest(HELLO)[:-1]}"}, "in lower case"),
        ({"documentId": "sha256:" + "a" * 64}, "No trusted document has the id"),
        ({"documentId": "a" * 100_000}, "must be a document's id"),
        ({"documentId": ""}, "must be a document's id"),
        ({"documentId": "../../etc/passwd"}, "must be a document's id"),
        ({"documentId": "sha256:" + "\u0661" * 64}, "must be a document's id"),
        (
            {"documentId": "\ud800".encode("utf-16", "surrogatepass").decode("utf-16", "replace")},
            "must be a document's",
        ),
        ({"documentId": 5}, "$.documentId"),
        ({"documentId": [digest(HELLO)]}, "$.documentId"),
        ({"documentId": {"sha256": digest(HELLO)}}, "$.documentId"),
        ({"documentId": digest(HELLO), "extensions": apq(digest(COUNT))}, "name two documents"),
        ({"id": digest(HELLO), "doc_id": digest(COUNT)}, "name two documents"),
        ({"id": 5}, "`id` must be a document's id"),
        ({"doc_id": {}}, "`doc_id` must be a document's id"),
        ({"doc_id": "a" * 64}, "No trusted document has the id"),
        ({"extensions": {"persistedQuery": "x"}}, "must be an object"),
        ({"extensions": {"persistedQuery": []}}, "must be an object"),
        ({"extensions": {"persistedQuery": {}}}, "Unsupported persisted query version"),
        ({"extensions": apq(digest(HELLO), 2)}, "Unsupported persisted query version"),
        ({"extensions": apq(digest(HELLO), True)}, "Unsupported persisted query version"),
        ({"extensions": apq(digest(HELLO), "1")}, "Unsupported persisted query version"),
        ({"extensions": apq(digest(HELLO).upper())}, "64 hexadecimal digits in lower case"),
        ({"extensions": apq("a" * 1_000_000)}, "64 hexadecimal digits in lower case"),
        ({"extensions": apq(None)}, "64 hexadecimal digits in lower case"),
        ({"extensions": apq(5)}, "64 hexadecimal digits in lower case"),
        ({"extensions": apq(digest(HELLO).upper()), "query": HELLO}, "64 hexadecimal digits in lower case"),
        ({"extensions": {"persistedQuery": None}}, "has no query"),
        ({"extensions": {}}, "has no query"),
    ],
)
async def test_what_names_no_document_is_a_400_that_says_why(
    client: httpx.AsyncClient, body: dict[str, Any], message: str
) -> None:
    response = await client.post("", json=body)
    assert response.status_code == 400
    assert code(response) == "BAD_REQUEST"
    assert message in response.json()["errors"][0]["message"]
    assert len(response.text) < 500
    assert response.headers["cache-control"] == "no-store"


async def test_a_field_named_id_means_nothing_beside_a_query(client: httpx.AsyncClient) -> None:
    given: list[Any] = [5, "1", digest(COUNT), None, {}]
    for id_ in given:
        assert (await client.post("", json={"query": "{ who }", "id": id_})).json()["data"] == {"who": "anyone"}


def test_many_distinct_texts_drive_out_each_other_and_not_those_in_use() -> None:
    texts = Texts(entries=50, size=10_000)
    for number in range(10):
        texts.put(str(number), f"text {number}")
        assert texts.get(str(number)) == f"text {number}"
    for number in range(1_000, 5_000):
        texts.put(str(number), "x" * (number % 300))
        assert len(texts) <= 50
        assert texts.size <= 10_000
    assert [texts.get(str(number)) for number in range(10)] == [f"text {number}" for number in range(10)]
    texts.put("huge", "x" * 10_001)
    assert texts.get("huge") is None


# --- who may send trusted documents only


@pytest.mark.parametrize(
    "body",
    [
        {"query": "{ hello }"},
        {"query": HELLO + " # again"},
        {"query": "{ __schema { types { name } } }"},
        {"query": "{"},
        {"query": "{ hello }", "extensions": apq(digest("{ hello }"))},
        {"extensions": apq(digest("{ hello }"))},
        {"documentId": "sha256:" + "a" * 64},
        {"doc_id": "a" * 32},
        {"query": "{ hello }", "id": digest(HELLO)},
        {"query": ORDER.replace("x", "y")},
    ],
)
async def test_a_locked_caller_is_told_to_register_the_document(
    shop: Server, locked: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    params = {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
    made = len(shop.route.engine.documents)
    for accept in ("application/json", "application/graphql-response+json"):
        posted = await locked.post("", json=body, headers={"accept": accept})
        got = await locked.get("", params=params, headers={"accept": accept})
        for response in (posted, got):
            assert (response.status_code, code(response)) == (403, "FORBIDDEN")
            assert "trusted documents only" in response.json()["errors"][0]["message"]
            assert "register it" in response.json()["errors"][0]["message"]
            assert "data" not in response.json()
    # Nothing of it was looked at.
    assert len(shop.route.engine.documents) == made


async def test_what_another_sent_by_its_hash_is_not_for_a_locked_caller(
    client: httpx.AsyncClient, locked: httpx.AsyncClient
) -> None:
    text = "{ who shared: hello }"
    body = {"query": text, "extensions": apq(digest(text))}
    assert "errors" not in (await client.post("", json=body)).json()
    assert "errors" not in (await client.post("", json={"extensions": apq(digest(text))})).json()
    assert (await locked.post("", json={"extensions": apq(digest(text))})).status_code == 403


async def test_a_locked_caller_gains_nothing_by_a_batch_or_the_explorer(locked: httpx.AsyncClient) -> None:
    for batch in ([{"query": "{ hello }"}], [{"documentId": digest(HELLO)}, {"query": "{ hello }"}]):
        response = await locked.post("", json=batch)
        assert (response.status_code, code(response)) == (400, "BAD_REQUEST")
    page = await locked.get("", headers={"accept": "text/html"})
    assert page.status_code == 200
    # What the page itself asks first.
    assert (
        await locked.post("", json={"query": "query IntrospectionQuery { __schema { queryType { name } } }"})
    ).status_code == 403


async def test_who_calls_is_asked_before_what_they_ask(client: httpx.AsyncClient) -> None:
    response = await client.post("", json={"query": "{"}, headers={"authorization": "Bearer bad"})
    assert (response.status_code, code(response)) == (401, "UNAUTHENTICATED")
