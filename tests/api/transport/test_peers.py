"""Other people's clients and auditors, from npm, against our route. They run under Node."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.api.transport.serving import Server, serving
from tests.api.transport.test_streams import closed
from tests.peers.npm import node


@pytest_asyncio.fixture(scope="session")
async def audited() -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


async def test_all_audits_of_graphql_over_http_pass(audited: Server) -> None:
    report = await node("audit.mjs", audited.url)
    assert report == {"total": 61, "failed": []}


async def test_graphql_ws_and_graphql_sse_understand_us(audited: Server) -> None:
    answer = await node("clients.mjs", audited.url, audited.ws_url)
    for protocol in ("sse", "ws"):
        found = answer[protocol]
        assert found["query"] == {"found": [{"hello": "Hello, Ana!"}]}
        assert found["mutation"] == {"found": [{"order": "1 x x"}]}
        assert found["subscription"] == {"found": [{"count": 0}, {"count": 1}, {"count": 2}]}
        assert [len(one["found"]) for one in found["together"]] == [2, 1]
    # One protocol tells of an invalid document in a result, the other in a message of its own.
    assert "Cannot query field" in answer["sse"]["invalid"]["found"][0][0]["message"]
    assert "Cannot query field" in answer["ws"]["invalid"]["error"][0]["message"]
    # Three that ran to their end, and one that its client left.
    await closed("sse-peer", 4)
    await closed("ws-peer", 4)
