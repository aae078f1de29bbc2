"""GraphQL over HTTP: what each request gets, well formed or not."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from app.api.engine.limits import Budget, Limits
from app.api.transport import negotiation
from tests.api.transport.serving import Server, serving

JSON = {"content-type": "application/json"}


def code(response: httpx.Response) -> str:
    (error,) = response.json()["errors"]
    return str(error["extensions"]["code"])


async def test_a_query_is_answered_with_its_extensions_as_headers_too(client: httpx.AsyncClient) -> None:
    response = await client.post("", json={"query": "{ hello }"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
    assert response.json()["data"] == {"hello": "Hello, world!"}
    assert response.json()["extensions"]["asOf"] == "42"
    assert response.headers["feira-position"] == "42"
    assert response.headers["feira-cost"].startswith("1;limit=20000;left=")
    assert response.headers["cache-control"] == "no-store"


async def test_developers_are_told_which_executor_ran(client: httpx.AsyncClient) -> None:
    assert (await client.post("", json={"query": "{ hello }"})).headers["feira-executor"] == "plan"
    assert (await client.post("", json={"query": "{ __schema { __typename } }"})).headers["feira-executor"] == "core"


async def test_variables_keep_the_digits_of_the_json_text(client: httpx.AsyncClient) -> None:
    body = b'{"query": "query ($a: Exact!) { exact(amount: $a) }", "variables": {"a": 0.3500000000000000000001}}'
    response = await client.post("", content=body, headers=JSON)
    assert response.json()["data"] == {"exact": "0.3500000000000000000001"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"nonsense", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"query": "\\ud800"}', "not valid JSON"),
        (b'{"query": "{ hello }", "variables": {"a": 1e999999999}}', "out of range"),
        (b'{"query": "{ hello }", "variables": {"a": 0e9999999999999999999}}', "out of range"),
        (b'{"query": "{ hello }", "variables": {"a": ' + b"1" * 5000 + b"}}", "out of range"),
        (b'{"query": "{ hello }", "variables": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001, "not valid JSON"),
        (b'[{"query": "{ hello }"}]', "Batches of operations are not supported"),
        (b'"{ hello }"', "must be a JSON object"),
        (b"{}", "has no query"),
        (b'{"query": ""}', "has no query"),
        (b'{"query": 1}', "$.query"),
        (b'{"query": "{ hello }", "variables": []}', "$.variables"),
        (b'{"query": "{ hello }", "variables": "{}"}', "$.variables"),
        (b'{"query": "{ hello }", "operationName": 1}', "$.operationName"),
        (b'{"query": "{ hello }", "extensions": []}', "$.extensions"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_a_malformed_body_is_a_400(client: httpx.AsyncClient, body: bytes, message: str, accept: str) -> None:
    response = await client.post("", content=body, headers={**JSON, "accept": accept})
    assert response.status_code == 400
    assert code(response) == "BAD_REQUEST"
    assert message in response.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("query", "variables"),
    [("{", {}), ("{ nothing }", {}), ("query ($n: Int!) { intPlusOne(value: $n) }", {"n": "x"}), ("{ a } { b }", {})],
)
async def test_an_operation_that_does_not_run_is_a_400_and_with_the_old_media_type_a_200(
    client: httpx.AsyncClient, query: str, variables: dict[str, Any]
) -> None:
    body = {"query": query, "variables": variables}
    for accept, status in (("application/graphql-response+json", 400), ("application/json", 200)):
        response = await client.post("", json=body, headers={"accept": accept})
        assert response.status_code == status
        assert "data" not in response.json()
        assert {error["extensions"]["code"] for error in response.json()["errors"]} == {"BAD_REQUEST"}


async def test_a_field_s_error_is_a_200_with_data(client: httpx.AsyncClient) -> None:
    response = await client.post("", json={"query": "{ who broken }"})
    assert response.status_code == 200
    assert response.json()["data"] == {"who": "anyone", "broken": None}
    assert code(response) == "INTERNAL"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ('application/json; charset="UTF-8"', 200),
        ("application/graphql-response+json", 200),
        ("application/json; charset=iso-8859-1", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("text/plain", 415),
        ("application/graphql", 415),
        (None, 415),
    ],
)
async def test_only_json_is_taken(client: httpx.AsyncClient, content_type: str | None, status: int) -> None:
    headers = {"content-type": content_type} if content_type else {}
    response = await client.post("", content=b'{"query": "{ hello }"}', headers=headers)
    assert response.status_code == status


async def test_a_compressed_body_is_not_taken(client: httpx.AsyncClient) -> None:
    response = await client.post("", content=b"..", headers={**JSON, "content-encoding": "gzip"})
    assert response.status_code == 415


@pytest.mark.parametrize(
    ("accept", "status", "media_type"),
    [
        ("application/json", 200, "application/json"),
        ("*/*", 200, "application/json"),
        ("application/*", 200, "application/json"),
        ("", 200, "application/json"),
        ("application/graphql-response+json, application/json;q=0.9", 200, "application/graphql-response+json"),
        ("application/graphql-response+json;q=0.1, application/json", 200, "application/json"),
        ("application/graphql-response+json; charset=utf-8", 200, "application/graphql-response+json"),
        ("application/json; charset=latin-1", 406, "application/json"),
        ("image/png", 406, "application/json"),
        ("application/json;q=0", 406, "application/json"),
        ("text/html", 406, "application/json"),
    ],
)
async def test_the_answer_is_what_the_client_accepts(
    client: httpx.AsyncClient, accept: str, status: int, media_type: str
) -> None:
    response = await client.post("", json={"query": "{ hello }"}, headers={"accept": accept})
    assert response.status_code == status
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"


async def test_a_header_without_end_is_read_in_part_and_not_kept(client: httpx.AsyncClient) -> None:
    kept = negotiation._negotiated.cache_info
    before = kept().currsize
    for number in range(3):
        accept = "application/json, " + "x/y, " * 10_000 + str(number)
        response = await client.post("", json={"query": "{ hello }"}, headers={"accept": accept})
        assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert kept().currsize == before + 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_a_405(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "", headers={"accept": "application/json"})
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD, POST, OPTIONS"


async def test_a_body_too_large_is_refused_by_its_length_before_it_is_read(library: Server) -> None:
    host, port = library.url.split("/")[2].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10000000\r\n\r\n"
    writer.write(head)
    answer = await asyncio.wait_for(reader.read(), 10)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer
    assert b"LIMIT_EXCEEDED" in answer
    writer.close()


async def test_a_body_too_large_is_refused_while_it_streams(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        yield b'{"query": "'
        for _ in range(10_000):
            sent += 65_536
            yield b"x" * 65_536

    try:
        response = await client.post("", content=endless(), headers=JSON)
        assert response.status_code == 413
    except (httpx.WriteError, httpx.ReadError):
        # The server closed the connection while we were still writing.
        pass
    assert sent < 100_000_000


async def test_a_get_answers_queries_with_an_etag_over_its_data(client: httpx.AsyncClient) -> None:
    params = {"query": "query ($n: String) { hello(name: $n) }", "variables": json.dumps({"n": "Ana"})}
    first = await client.get("", params=params)
    assert first.status_code == 200
    assert first.json() == {"data": {"hello": "Hello, Ana!"}}
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["vary"] == "Origin, Accept, Authorization, Accept-Language"
    assert first.headers["feira-position"] == "42"
    tag = first.headers["etag"]
    for known in (tag, f'"other", W/{tag}', "*", f"W/{tag}", f'"a,b",{tag}', f'"",{tag}'):
        again = await client.get("", params=params, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    for other in ('"other"', tag.strip('"'), tag.upper(), f'"a, {tag[1:]}', '"*"', f"{tag[:-1]}", ""):
        assert (await client.get("", params=params, headers={"if-none-match": other})).status_code == 200, other
    different = await client.get("", params={"query": "{ hello }"})
    assert different.headers["etag"] != tag


async def test_a_get_with_errors_is_not_to_be_kept(client: httpx.AsyncClient) -> None:
    response = await client.get("", params={"query": "{ broken }"})
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert "etag" not in response.headers


@pytest.mark.parametrize(
    ("query_string", "status"),
    [
        ("query={hello}&query={who}", 400),
        ("variables={}", 400),
        ("query={hello}&variables=[]", 400),
        ("query={hello}&variables={", 400),
        ("query={hello}&extensions=1", 400),
        ("query=%FF", 400),
        ("&".join(f"a{n}=1" for n in range(50)), 400),
        ("query={hello}&variables=&operationName=", 200),
        ("query=mutation{order(input:{title:%22x%22})}", 405),
    ],
)
async def test_what_a_get_may_ask(client: httpx.AsyncClient, query_string: str, status: int) -> None:
    response = await client.get(f"?{query_string}")
    assert response.status_code == status
    if status == 405:
        assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"accept": "*/*"}, 200),
        ({"accept": "*/*", "sec-fetch-site": "same-origin"}, 200),
        ({"accept": "*/*", "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 400),
        ({"accept": "image/*,*/*;q=0.8", "sec-fetch-site": "same-site"}, 400),
        ({"accept": "*/*", "sec-fetch-site": "cross-site", "x-requested-with": "x"}, 200),
        ({"accept": "*/*", "sec-fetch-site": "cross-site", "content-type": "application/json"}, 200),
        ({"accept": "application/json", "sec-fetch-site": "cross-site"}, 200),
    ],
)
async def test_a_page_elsewhere_cannot_make_a_browser_ask(
    client: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    assert (await client.get("", params={"query": "{ hello }"}, headers=headers)).status_code == status


@pytest.mark.parametrize(
    ("token", "status", "expected"),
    [("bad", 401, "UNAUTHENTICATED"), ("banned", 403, "FORBIDDEN"), ("crash", 500, "INTERNAL")],
)
async def test_the_context_may_refuse_the_caller(
    client: httpx.AsyncClient, token: str, status: int, expected: str
) -> None:
    response = await client.post("", json={"query": "{ hello }"}, headers={"authorization": f"Bearer {token}"})
    assert response.status_code == status
    assert code(response) == expected
    assert ("www-authenticate" in response.headers) == (status == 401)
    assert "hunter2" not in response.text


async def test_an_answer_that_cannot_be_written_is_masked(client: httpx.AsyncClient) -> None:
    response = await client.post("", json={"query": "{ unwritable }"})
    assert response.status_code == 500
    assert code(response) == "INTERNAL"
    stream = await client.post("", json={"query": "{ unwritable }"}, headers={"accept": "text/event-stream"})
    assert "INTERNAL" in stream.text
    assert stream.text.endswith("event: complete\ndata:\n\n")


async def test_who_asks_too_much_waits() -> None:
    async with serving(Limits(budget=Budget(burst=10, per_second=0.5))) as server, httpx.AsyncClient() as client:
        ask = {"query": "{ books(first: 8) { id } }"}
        assert (await client.post(server.url, json=ask)).headers["feira-cost"] == "8;limit=20000;left=2"
        refused = await client.post(server.url, json=ask)
        assert refused.status_code == 429
        assert code(refused) == "LIMIT_EXCEEDED"
        assert 11 <= int(refused.headers["retry-after"]) <= 12
        other = await client.post(server.url, json=ask, headers={"authorization": "Bearer ana"})
        assert other.status_code == 200
        assert [(o.outcome, o.cost, o.codes) for o in server.observed] == [
            ("ok", 8, ()),
            ("refused", 0, ("LIMIT_EXCEEDED",)),
            ("ok", 8, ()),
        ]


async def test_production_shows_no_page_and_no_schema_and_has_no_budget_where_it_is_off() -> None:
    limits = Limits(budget=None)
    async with serving(limits, production=True, public_for=lambda *_: 60) as server, httpx.AsyncClient() as client:
        page = await client.get(server.url, headers={"accept": "text/html"})
        assert page.status_code in (400, 406)
        assert (await client.get(f"{server.url}/static/start.js")).status_code == 404
        schema = await client.post(server.url, json={"query": "{ __schema { __typename } }"})
        assert code(schema) == "BAD_REQUEST"
        answer = await client.get(server.url, params={"query": "{ hello }"})
        assert answer.headers["cache-control"] == "public, max-age=60, stale-while-revalidate=60"
        assert answer.headers["feira-cost"] == "1;limit=20000"
        assert "feira-executor" not in answer.headers


async def test_every_operation_is_observed(library: Server, client: httpx.AsyncClient) -> None:
    library.observed.clear()
    await client.post("", json={"query": "query Hi { hello }"})
    await client.post("", json={"query": "query Bad { broken }"})
    await client.post("", json={"query": "query No { nothing }", "operationName": "No"})
    await client.post("", json={"query": 'mutation M { order(input: { title: "x" }) }'})
    assert [(o.name, o.kind, o.transport, o.outcome, o.codes) for o in library.observed] == [
        ("Hi", "query", "http", "ok", ()),
        ("Bad", "query", "http", "errors", ("INTERNAL",)),
        (None, None, "http", "refused", ("BAD_REQUEST",)),
        ("M", "mutation", "http", "ok", ()),
    ]
    assert all(o.seconds >= 0 for o in library.observed)


async def test_what_is_kept_for_a_page_of_anywhere_may_be_handed_to_any_other() -> None:
    async with serving(origins=["*"]) as server, httpx.AsyncClient() as client:
        for headers in ({}, {"origin": "https://shop.example"}):
            answer = await client.get(server.url, params={"query": "{ hello }"}, headers=headers)
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "Origin" not in answer.headers["vary"]


async def test_cross_origin_requests(client: httpx.AsyncClient) -> None:
    preflight = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, feira-channel",
    }
    allowed = await client.options("", headers={"origin": "https://shop.example", **preflight})
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    assert allowed.headers["access-control-allow-headers"] == "content-type, feira-channel"
    assert "POST" in allowed.headers["access-control-allow-methods"]
    assert "Origin" in allowed.headers["vary"]
    refused = await client.options("", headers={"origin": "https://evil.example", **preflight})
    assert "access-control-allow-origin" not in refused.headers
    assert "access-control-allow-methods" not in refused.headers
    answer = await client.post("", json={"query": "{ hello }"}, headers={"origin": "https://shop.example"})
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert "Feira-Cost" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in answer.headers
