"""Who may send trusted documents only: an API client of which that was said, and all others where the shop says so."""

from functools import partial

import pytest

from app.api.documents import document
from app.api.transport.trusted import digest
from app.identity import authentication, bearers
from app.identity.tables import api_client
from tests.api.market import GRAPHQL, Market, open_market
from tests.databases import Servers

STORES = document("mobile", "stores")
CHANNEL = "{ channel { code } }"
ANSWER = "apiClient { id trustedDocumentsOnly version }"


async def statuses(market: Market, who: str) -> tuple[int, int, int, int]:
    """Of a trusted document by its id, its text, another text, and another by its hash."""
    headers = {"accept": GRAPHQL} | ({"authorization": f"Bearer {market.tokens[who]}"} if who in market.tokens else {})
    bodies = (
        {"documentId": f"sha256:{digest(STORES)}"},
        {"query": STORES},
        {"query": CHANNEL},
        {"query": CHANNEL, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest(CHANNEL)}}},
    )
    found = [await market.client.post("/graphql", json=body, headers=headers) for body in bodies]
    assert all(response.status_code in (200, 403) for response in found)
    return tuple(response.status_code for response in found)  # type: ignore[return-value]


ANY, ONLY = (200, 200, 200, 200), (200, 200, 403, 403)


async def test_an_api_client_may_be_held_to_trusted_documents(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "FRESH_SECONDS", 0.0)
    async with open_market(database_url) as market:
        assert await statuses(market, "client") == ANY
        # An operator sees beforehand who would be refused.
        told = (await market.client.get("/metrics")).text
        for source, count in (("trusted", 2), ("text", 1), ("automatic", 1)):
            assert f'feira_documents_total{{source="{source}"}} {count}.0' in told
        given = {"apiClientId": market.of["ApiClient client"], "trustedDocumentsOnly": True}
        written = await market.done("apiClientUpdate", given, answer=ANSWER)
        assert written["apiClient"]["trustedDocumentsOnly"] is True
        assert await statuses(market, "client") == ONLY
        # Others are not concerned.
        assert [await statuses(market, who) for who in ("anonymous", "owner", "device")] == [ANY] * 3
        await market.done("apiClientUpdate", {**given, "trustedDocumentsOnly": False})
        assert await statuses(market, "client") == ANY
        refused = await market.write("apiClientUpdate", {**given, "trustedDocumentsOnly": None})
        assert refused["userErrors"][0]["path"] == ["input", "trustedDocumentsOnly"]


async def test_an_api_client_is_made_so(database_url: str) -> None:
    async with open_market(database_url) as market:
        given = {"name": "site", "channelId": market.channel("web"), "trustedDocumentsOnly": True}
        made = (await market.done("apiClientCreate", given, answer=ANSWER))["apiClient"]
        assert made["trustedDocumentsOnly"] is True
        token = await market.done("tokenCreate", {"bearer": {"apiClientId": made["id"]}}, answer="secret")
        market.tokens["site"] = token["secret"]
        assert await statuses(market, "site") == ONLY
        del given["trustedDocumentsOnly"]
        plain = (await market.done("apiClientCreate", given, answer=ANSWER))["apiClient"]
        assert plain["trustedDocumentsOnly"] is False
        listed = (await market.ask("{ apiClients { name trustedDocumentsOnly } }", "owner"))["apiClients"]
        assert sorted(each["trustedDocumentsOnly"] for each in listed) == [False, False, True]


async def test_a_shop_may_hold_all_to_trusted_documents_who_are_no_api_client(postgres_servers: Servers) -> None:
    with postgres_servers.fresh_database("embedded") as url:
        async with open_market(url, trusted_documents="only") as market:
            for who in ("anonymous", "owner", "readonly", "device"):
                assert await statuses(market, who) == ONLY, who
            assert await statuses(market, "client") == ANY
            introspection = await market.send("{ __schema { queryType { name } } }")
            assert introspection.status_code == 403


async def test_an_operator_says_it_of_a_client_that_is_there(database_url: str) -> None:
    async with open_market(database_url) as market:
        actor, db = market.shop.actor("owner"), market.shop.db
        find = partial(bearers.client_bearer, actor=actor, channel_code="web", name="client")
        for said, expected in ((None, False), (True, True), (None, True), (False, False)):
            bearer = await db.run(partial(find, trusted_documents_only=said))
            row = await db.row(api_client.select().where(api_client.c.id == bearer.id))
            assert row is not None
            assert row.trusted_documents_only is expected
        made = await db.run(partial(find, name="new", trusted_documents_only=True))
        row = await db.row(api_client.select().where(api_client.c.id == made.id))
        assert row is not None
        assert row.trusted_documents_only is True
