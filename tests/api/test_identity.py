"""Staff, devices, clients, tokens and the viewer through the API."""

from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import strawberry
from sqlalchemy import text

from app.api.channels.mutations import ChannelsMutations
from app.api.channels.queries import ChannelsQueries
from app.api.customers.mutations import CustomersMutations
from app.api.customers.queries import CustomersQueries
from app.api.identity.mutations import IdentityMutations
from app.api.identity.queries import IdentityQueries
from app.api.pos.mutations import PosMutations
from app.api.pos.queries import PosQueries
from app.identity import staff, tokens
from app.identity.tokens import Bearer
from app.platform import ids
from tests.api.counter import Counter, NodeQueries, counter
from tests.shop import Shop


@strawberry.type
class Query(ChannelsQueries, CustomersQueries, IdentityQueries, PosQueries, NodeQueries):
    pass


@strawberry.type
class Mutation(ChannelsMutations, CustomersMutations, IdentityMutations, PosMutations):
    pass


@pytest.fixture
async def desk(shop: Shop) -> Counter:
    """Tokens of an owner everywhere, `owner`, of one at `centro` in `pos`, `local`, and of a cashier, `cashier`."""
    made = counter(shop.watched, Query, Mutation)
    actor = shop.actor("owner")
    here: Any = {"location_ids": [shop.locations["centro"]], "channel_ids": [shop.channels["pos"]]}
    everywhere: Any = {"location_ids": None, "channel_ids": None}
    for name, role, places in (("owner", "owner", everywhere), ("local", "owner", here), ("cashier", "cashier", here)):
        given: Any = {"name": name, "email": f"{name}@feira.example", "role": role} | places
        staff_id = await shop.db.run(partial(staff.create, actor=actor, given=given))
        bearer = Bearer("staff", staff_id)
        made.tokens[name] = (await shop.db.run(partial(tokens.create, actor=actor, bearer=bearer))).secret
    return made


def location(shop: Shop, code: str) -> str:
    return ids.encode("Location", shop.locations[code])


def channel(shop: Shop, code: str) -> str:
    return ids.encode("Channel", shop.channels[code])


def register(shop: Shop, code: str) -> str:
    return ids.encode("Register", shop.registers[code])


VIEWER = """{ viewer { channel { code settings { holdMinutes cashRounding { amount currency } } }
  customer { id } staff { id name role locations { code } channels { code } } device { name register { code } }
  register { code location { code } channel { code } } locations { code } permissions } }"""


async def test_the_viewer_is_whom_the_credential_stands_for(shop: Shop, desk: Counter) -> None:
    nobody = (await desk.ask(VIEWER))["viewer"]
    assert (nobody["staff"], nobody["device"], nobody["register"], nobody["customer"]) == (None,) * 4
    assert (nobody["locations"], nobody["permissions"], nobody["channel"]["code"]) == ([], [], "web")
    cashier = (await desk.ask(VIEWER, token=desk.tokens["cashier"]))["viewer"]
    assert cashier["staff"]["name"] == "cashier"
    assert (cashier["locations"], cashier["channel"]["code"]) == ([{"code": "centro"}], "pos")
    assert "payments.settle" in cashier["permissions"]
    owner = (await desk.ask(VIEWER, token=desk.tokens["owner"]))["viewer"]
    assert [one["code"] for one in owner["locations"]] == ["cd", "centro", "praia"]
    assert owner["staff"]["locations"] is None


async def test_a_till_from_its_device_to_its_first_look(shop: Shop, desk: Counter) -> None:
    owner = desk.tokens["owner"]
    given = {"name": "Caixa", "registerId": register(shop, "centro-1")}
    device = (await desk.write("deviceCreate", given, token=owner, answer="device { id }"))["device"]
    made = await desk.write("tokenCreate", {"bearer": {"deviceId": device["id"]}}, token=owner, answer="secret")
    till = (await desk.ask(VIEWER, token=made["secret"]))["viewer"]
    assert till["device"] == {"name": "Caixa", "register": {"code": "centro-1"}}
    assert till["register"] == {"code": "centro-1", "location": {"code": "centro"}, "channel": {"code": "pos"}}
    assert (till["staff"], till["locations"]) == (None, [{"code": "centro"}])
    seen = await desk.ask("{ registers { code } devices { name } }", token=made["secret"])
    assert seen == {"registers": [{"code": "centro-1"}, {"code": "centro-2"}], "devices": [{"name": "Caixa"}]}


async def test_a_secret_is_answered_once_and_stored_nowhere(shop: Shop, desk: Counter) -> None:
    client = await desk.write(
        "apiClientCreate",
        {"name": "Site", "channelId": channel(shop, "web")},
        token=desk.tokens["owner"],
        answer="apiClient { id channel { code } }",
    )
    given = {"operationId": str(uuid4()), "bearer": {"apiClientId": client["apiClient"]["id"]}, "label": "CI"}
    answer = "secret token { id hint label apiClient { name } }"
    first = await desk.write("tokenCreate", given, token=desk.tokens["owner"], answer=answer)
    again = await desk.write("tokenCreate", given, token=desk.tokens["owner"], answer=answer)
    assert first["secret"].startswith("fcl_")
    assert (again["secret"], again["replayed"], again["token"]) == (None, True, first["token"])
    assert first["token"]["hint"] == first["secret"][:8]
    operations = await shop.db.rows(text("SELECT o::text AS row FROM operation o"))
    assert operations
    assert all(first["secret"][12:] not in one.row for one in operations)
    other = await desk.write("tokenCreate", given, token=desk.tokens["local"], answer="secret token { id }")
    assert (other["userErrors"][0]["code"], other["secret"], other["token"]) == ("OPERATION_ID_REUSED", None, None)


async def test_a_refused_token_has_no_secret(shop: Shop, desk: Counter) -> None:
    boss = (await desk.ask("{ viewer { staff { id } } }", token=desk.tokens["owner"]))["viewer"]["staff"]["id"]
    for bearer in ({"staffId": boss}, {"staffId": "staff_x"}, {"deviceId": boss}):
        made = await desk.write(
            "tokenCreate", {"bearer": bearer}, token=desk.tokens["local"], answer="secret token { id }"
        )
        assert made["secret"] is made["token"] is None
        assert made["userErrors"][0]["path"][:2] == ["input", "bearer"]


async def test_lists_hold_what_is_within_reach(shop: Shop, desk: Counter) -> None:
    lists = """{ staff(first: 10) { nodes { name } totalCount } devices { id } apiClients { id }
      tokens(first: 10) { nodes { staff { name } } totalCount } }"""
    all_of_it = await desk.ask(lists, token=desk.tokens["owner"])
    assert [one["name"] for one in all_of_it["staff"]["nodes"]] == ["cashier", "local", "owner"]
    assert (all_of_it["staff"]["totalCount"], all_of_it["tokens"]["totalCount"]) == (3, 3)
    near = await desk.ask(lists, token=desk.tokens["local"])
    assert [one["name"] for one in near["staff"]["nodes"]] == ["cashier", "local"]
    assert (near["staff"]["totalCount"], near["tokens"]["totalCount"]) == (2, 2)
    page = (
        "query($after: String) { staff(first: 1, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } } }"
    )
    names, after = [], None
    while True:
        found = (await desk.ask(page, token=desk.tokens["owner"], after=after))["staff"]
        names += [one["name"] for one in found["nodes"]]
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert names == ["cashier", "local", "owner"]


async def test_nodes_are_seen_by_those_who_may(shop: Shop, desk: Counter) -> None:
    owner = desk.tokens["owner"]
    listed = await desk.ask(
        "{ staff(first: 9) { nodes { id } } tokens(first: 9) { nodes { id staff { name } } } }", token=owner
    )
    given = {"name": "Site", "channelId": channel(shop, "web")}
    client = (await desk.write("apiClientCreate", given, token=owner, answer="apiClient { id }"))["apiClient"]["id"]
    given = {"firstName": "Ana"}
    customer = (await desk.write("customerCreate", given, token=owner, answer="customer { id }"))["customer"]["id"]
    boss_token = next(one["id"] for one in listed["tokens"]["nodes"] if one["staff"]["name"] == "owner")
    seen: dict[str, set[str | None]] = {
        listed["staff"]["nodes"][0]["id"]: {"owner", "local", "cashier"},
        boss_token: {"owner"},
        client: {"owner"},
        customer: {"owner", "local", "cashier"},
        register(shop, "praia-1"): {"owner"},
        register(shop, "centro-1"): {"owner", "local", "cashier"},
        location(shop, "praia"): {"owner", "local", "cashier", None},
        channel(shop, "app"): {"owner", "local", "cashier", None},
    }
    for key, expected in seen.items():
        for name in ("owner", "local", "cashier", None):
            token = desk.tokens[name] if name else None
            found = await desk.ask("query($id: ID!) { node(id: $id) { id } }", token=token, id=key)
            assert (found["node"] is not None) == (name in expected), (key, name)


async def test_staff_are_hired_moved_and_let_go(shop: Shop, desk: Counter) -> None:
    owner = desk.tokens["owner"]
    given = {"name": "Bia", "email": "bia@feira.example", "role": "MANAGER", "locationIds": [location(shop, "praia")]}
    answer = "staff { id role active version locations { code } channels { code } }"
    bia = (await desk.write("staffCreate", given, token=owner, answer=answer))["staff"]
    assert (bia["role"], bia["locations"], bia["channels"]) == ("MANAGER", [{"code": "praia"}], None)
    change = {"staffId": bia["id"], "expectedVersion": 1, "role": "CASHIER", "locationIds": None}
    moved = (await desk.write("staffUpdate", change, token=owner, answer=answer))["staff"]
    assert (moved["role"], moved["locations"], moved["version"]) == ("CASHIER", None, 2)
    stale = await desk.write(
        "staffUpdate",
        change | {"name": "B"},
        token=owner,
        answer="staff { id } errors: userErrors { ... on VersionConflict { currentVersion current { id } } }",
    )
    assert stale["errors"] == [{"currentVersion": 2, "current": {"id": bia["id"]}}]
    gone = await desk.write("staffUpdate", {"staffId": bia["id"], "active": False}, token=owner, answer=answer)
    assert gone["staff"]["active"] is False


async def test_a_local_owner_cannot_reach_beyond(shop: Shop, desk: Counter) -> None:
    local = desk.tokens["local"]
    refused: list[tuple[str, dict[str, Any], str]] = [
        ("staffCreate", {"name": "X", "email": "x@x.co", "role": "OWNER"}, "BEYOND_REACH"),
        ("channelCreate", {"code": "x", "name": "X", "kind": "WEB", "currency": "BRL", "country": "BR",
                           "pricesIncludeTax": True, "orderPrefix": "X"}, "BEYOND_REACH"),
        ("locationCreate", {"code": "x", "name": "X", "kind": "STORE", "country": "BR"}, "BEYOND_REACH"),
        ("channelUpdate", {"channelId": channel(shop, "web"), "name": "X"}, "NOT_FOUND"),
        ("locationUpdate", {"locationId": location(shop, "praia"), "name": "X"}, "NOT_FOUND"),
        ("registerUpdate", {"registerId": register(shop, "praia-1"), "name": "X"}, "NOT_FOUND"),
        ("registerCreate", {"code": "x", "name": "X", "locationId": location(shop, "praia"),
                            "channelId": channel(shop, "pos")}, "NOT_FOUND"),
        ("deviceCreate", {"name": "X", "registerId": register(shop, "praia-1")}, "NOT_FOUND"),
        ("apiClientCreate", {"name": "X", "channelId": channel(shop, "web")}, "NOT_FOUND"),
    ]  # fmt: skip
    for mutation, given, code in refused:
        payload = await desk.write(mutation, given, token=local)
        assert [one["code"] for one in payload["userErrors"]] == [code], mutation


async def test_ids_of_another_type_are_refused_where_they_stand(shop: Shop, desk: Counter) -> None:
    wrong = location(shop, "centro")
    for mutation, given, path in (
        ("staffUpdate", {"staffId": wrong}, ["input", "staffId"]),
        ("tokenRevoke", {"tokenId": "x"}, ["input", "tokenId"]),
        ("registerUpdate", {"registerId": register(shop, "centro-1"), "channelId": wrong}, ["input", "channelId"]),
        ("channelLocationsSet", {"channelId": channel(shop, "web"), "locationIds": [wrong, "x"]},
         ["input", "locationIds", "1"]),
        ("customerGroupsSet", {"customerId": wrong, "groupIds": []}, ["input", "customerId"]),
    ):  # fmt: skip
        payload = await desk.write(mutation, given, token=desk.tokens["owner"])
        assert [(one["code"], one["path"]) for one in payload["userErrors"]] == [("INVALID_ID", path)], mutation
