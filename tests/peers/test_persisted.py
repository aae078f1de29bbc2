"""Other people's clients that send hashes: Apollo's persisted queries and urql's, automatic and registered."""

import json
from pathlib import Path
from typing import Any

from tests.api.market import open_market
from tests.peers.npm import node

CODES = {"centro", "praia", "cd"}


def codes(told: Any) -> set[str]:
    assert told["error"] is None, told
    return {location["code"] for location in told["data"]["locations"]}


async def test_apollo_and_urql_send_a_text_once_and_its_hash_from_then_on(database_url: str) -> None:
    async with open_market(database_url) as market:
        told: Any = await node("persisted.mjs", "automatic", f"{market.url}/graphql")
    for name, resent in (("apollo", "POST text 200"), ("urql", "GET text 200")):
        found = told[name]
        assert codes(found["first"]) == codes(found["again"]) == CODES, name
        assert found["first"]["requests"] == ["GET hash 200", resent], name
        assert found["again"]["requests"] == ["GET hash 200"], name
        assert found["write"]["requests"] == ["POST hash 200", "POST text 200"], name
        assert found["write"]["data"]["cartCreate"]["userErrors"] == [], name
        assert found["other"]["data"]["channel"]["code"] == "web", name
    # urql's documents by id are registered ones, which there are none of here.
    assert "No trusted document has the id" in told["urql"]["byId"]["error"]


async def test_apollo_and_urql_send_what_they_registered_by_its_hash_alone(database_url: str, tmp_path: Path) -> None:
    manifests = await node("persisted.mjs", "manifest")
    (tmp_path / "persisted-query-manifest.json").write_text(json.dumps(manifests["apollo"]))
    (tmp_path / "persisted-documents.json").write_text(json.dumps(manifests["urql"]))
    async with open_market(database_url, documents=(tmp_path,)) as market:
        given = {"apiClientId": market.of["ApiClient client"], "trustedDocumentsOnly": True}
        await market.done("apiClientUpdate", given)
        told: Any = await node("persisted.mjs", "trusted", f"{market.url}/graphql", market.tokens["client"])
    for name in ("apollo", "urql"):
        found = told[name]
        assert codes(found["first"]) == codes(found["again"]) == CODES, name
        assert found["first"]["requests"] == found["again"]["requests"] == ["GET hash 200"], name
        assert found["write"]["data"]["cartCreate"]["userErrors"] == [], name
        assert found["write"]["requests"] == ["POST hash 200"], name
        # What was not registered is refused once, and the client does not try again by its text.
        assert found["other"]["data"] is None, name
        assert found["other"]["requests"] == ["GET hash 403"], name
    assert "trusted documents only" in told["urql"]["other"]["error"]
    assert codes(told["urql"]["byId"]) == CODES
    assert told["urql"]["byId"]["requests"] == ["POST hash 200"]
