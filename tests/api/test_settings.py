"""Channels, locations, registers and customers through the API."""

from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from app.events.scopes import sight_scopes
from app.events.tables import outbox
from tests.api.counter import Counter
from tests.api.test_identity import channel, desk, location, register
from tests.shop import Shop

__all__ = ["desk"]


async def test_a_channel_is_opened_and_set(shop: Shop, desk: Counter) -> None:
    owner = desk.tokens["owner"]
    given: dict[str, Any] = {
        "code": "kiosk", "name": "Quiosque", "kind": "KIOSK", "currency": "BRL", "country": "BR", "orderPrefix": "K",
        "pricesIncludeTax": True, "lowStock": Decimal("2.5"), "cashRounding": {"amount": "0.05", "currency": "BRL"},
    }  # fmt: skip
    answer = """channel { id code kind isDefault locale version
      settings { holdMinutes lowStock cashRounding { amount } orderPrefix } locations { code } }"""
    made = (await desk.write("channelCreate", given, token=owner, answer=answer))["channel"]
    assert made["settings"] == {
        "holdMinutes": 30, "lowStock": 2.5, "cashRounding": {"amount": "0.05"}, "orderPrefix": "K",
    }  # fmt: skip
    assert (made["locale"], made["locations"], made["isDefault"]) == ("pt-BR", [], False)
    where = {"channelId": made["id"], "locationIds": [location(shop, "praia"), location(shop, "cd")]}
    placed = (await desk.write("channelLocationsSet", where, token=owner, answer=answer))["channel"]
    assert placed["locations"] == [{"code": "praia"}, {"code": "cd"}]
    change = {"channelId": made["id"], "expectedVersion": 2, "holdMinutes": 5, "kind": "CHAT"}
    changed = (await desk.write("channelUpdate", change, token=owner, answer=answer))["channel"]
    assert (changed["kind"], changed["settings"]["holdMinutes"], changed["version"]) == ("CHAT", 5, 3)
    wrong = {"channelId": made["id"], "cashRounding": {"amount": "0.05", "currency": "EUR"}, "name": "X"}
    refused = await desk.write("channelUpdate", wrong, token=owner, answer=answer)
    assert refused["userErrors"][0]["path"] == ["input", "cashRounding", "currency"]


async def test_closed_channels_and_registers_are_seen_by_those_who_set_them(shop: Shop, desk: Counter) -> None:
    owner = desk.tokens["owner"]
    await desk.write("channelUpdate", {"channelId": channel(shop, "app"), "active": False}, token=owner)
    await desk.write("locationUpdate", {"locationId": location(shop, "cd"), "active": False}, token=owner)
    await desk.write("registerUpdate", {"registerId": register(shop, "centro-2"), "active": False}, token=owner)
    everything = "{ channel { code } channels { code } locations { code } }"
    shopper = await desk.ask(everything)
    assert [one["code"] for one in shopper["channels"]] == ["pos", "web"]
    assert [one["code"] for one in shopper["locations"]] == ["centro", "praia"]
    assert len((await desk.ask(everything, token=owner))["channels"]) == 3
    registers = "{ registers { code active } }"
    assert await desk.ask(registers, token=desk.tokens["cashier"]) == {
        "registers": [{"code": "centro-1", "active": True}]
    }
    assert len((await desk.ask(registers, token=owner))["registers"]) == 3
    node = "query($id: ID!) { node(id: $id) { id } }"
    for who, code, seen in (("cashier", "centro-1", True), ("cashier", "centro-2", False), ("owner", "centro-2", True)):
        found = (await desk.ask(node, token=desk.tokens[who], id=register(shop, code)))["node"]
        assert (found is not None) == seen, (who, code)


async def test_settings_that_change_what_is_promised_tell_of_all_that_is_sold(shop: Shop, desk: Counter) -> None:
    owner = desk.tokens["owner"]
    mug = await shop.variant("CANECA", stock={"centro": 1000, "cd": 2000})
    gift = await shop.variant("VALE", channels=("app",), track_stock=False)
    await shop.variant("VELHO", archived=True)
    web, app = {"channelId": channel(shop, "web")}, {"channelId": channel(shop, "app")}
    cd, centro = {"locationId": location(shop, "cd")}, location(shop, "centro")
    told: int | None = 0

    async def changes(mutation: str, **given: Any) -> set[tuple[Any, int]]:
        nonlocal told
        assert not (await desk.write(mutation, given, token=owner))["userErrors"]
        rows = await shop.db.rows(select(outbox).where(outbox.c.id > told, outbox.c.topic == "AVAILABILITY"))
        told = await shop.db.value(select(func.coalesce(func.max(outbox.c.id), 0)))
        assert all(row.scopes_before == row.scopes_after for row in rows)
        for row in rows:
            sold_in = shop.channels.values() if row.entity_id == mug else [shop.channels["app"]]
            assert row.scopes_after == sight_scopes(sold_in)
        return {(row.entity_id, row.version) for row in rows}

    # A level that was put there as a row has version 1.
    assert await changes("channelLocationsSet", **web, locationIds=[centro]) == {(mug, 2)}
    assert await changes("channelLocationsSet", **web, locationIds=[centro]) == set()
    assert await changes("channelUpdate", **app, lowStock=Decimal(9)) == {(mug, 2), (gift, 0)}
    assert await changes("channelUpdate", **app, lowStock=Decimal(9), holdMinutes=7) == set()
    assert await changes("channelUpdate", **app, ignoresSafetyStock=True) == {(mug, 2), (gift, 0)}
    assert await changes("channelUpdate", **web, showsQuantities=False) == {(mug, 2)}
    assert await changes("locationUpdate", **cd, name="Centro de distribuição") == set()
    assert await changes("locationUpdate", **cd, active=False) == {(mug, 2), (gift, 0)}


async def test_a_register_is_put_up_and_moved(shop: Shop, desk: Counter) -> None:
    answer = "register { id code version lastSequence location { code } channel { code } }"
    given = {"code": "praia-2", "name": "2", "locationId": location(shop, "praia"), "channelId": channel(shop, "pos")}
    made = (await desk.write("registerCreate", given, token=desk.tokens["owner"], answer=answer))["register"]
    assert (made["lastSequence"], made["location"], made["channel"]) == (0, {"code": "praia"}, {"code": "pos"})
    move = {"registerId": made["id"], "locationId": location(shop, "centro")}
    moved = (await desk.write("registerUpdate", move, token=desk.tokens["owner"], answer=answer))["register"]
    assert (moved["location"], moved["channel"], moved["version"]) == ({"code": "centro"}, {"code": "pos"}, 2)
    nulled = await desk.write("registerUpdate", move | {"locationId": None}, token=desk.tokens["owner"])
    assert [(one["code"], one["path"]) for one in nulled["userErrors"]] == [("REQUIRED", ["input", "locationId"])]


async def test_a_customer_is_made_found_grouped_and_changed(shop: Shop, desk: Counter) -> None:
    cashier = desk.tokens["cashier"]
    group = await desk.write(
        "customerGroupCreate", {"code": "clube", "name": "Clube"}, token=cashier, answer="customerGroup { id }"
    )
    home = {"name": "Ana", "line1": "Rua A, 1", "city": "São Paulo", "postalCode": "01000-000", "country": "BR"}
    given: dict[str, Any] = {
        "firstName": "Ana", "lastName": "Lima", "phone": "11 98765-4321", "taxId": "529.982.247-25",
        "addresses": [home], "groupIds": [group["customerGroup"]["id"]],
    }  # fmt: skip
    answer = """customer { id version firstName phone taxId note groups { code }
      addresses { name line1 postalCode country line2 } }"""
    ana = (await desk.write("customerCreate", given, token=cashier, answer=answer))["customer"]
    assert (ana["phone"], ana["taxId"], ana["groups"]) == ("+5511987654321", "52998224725", [{"code": "clube"}])
    assert ana["addresses"] == [
        {"name": "Ana", "line1": "Rua A, 1", "postalCode": "01000-000", "country": "BR", "line2": None}
    ]
    change = {"customerId": ana["id"], "expectedVersion": 1, "phone": None, "note": "VIP", "addresses": []}
    changed = (await desk.write("customerUpdate", change, token=cashier, answer=answer))["customer"]
    assert (changed["phone"], changed["note"], changed["addresses"], changed["firstName"]) == (None, "VIP", [], "Ana")
    await desk.write("customerGroupsSet", {"customerId": ana["id"], "groupIds": []}, token=cashier)
    await desk.write("customerCreate", {"firstName": "Anabela"}, token=cashier)
    found = await desk.ask(
        """query($id: ID!) {
          customers(first: 1, search: "ana") { nodes { id } totalCount pageInfo { endCursor hasNextPage } }
          customer(id: $id) { version groups { code } } customerGroups { code name version } }""",
        token=cashier,
        id=ana["id"],
    )
    assert (found["customers"]["totalCount"], found["customers"]["pageInfo"]["hasNextPage"]) == (2, True)
    assert found["customer"] == {"version": 3, "groups": []}
    assert found["customerGroups"] == [{"code": "clube", "name": "Clube", "version": 1}]
    after = found["customers"]["pageInfo"]["endCursor"]
    rest = await desk.ask(
        'query($after: String) { customers(first: 9, search: "ana", after: $after) { nodes { firstName } } }',
        token=cashier,
        after=after,
    )
    assert len(rest["customers"]["nodes"]) == 1


async def test_bad_pages_and_ids_are_bad_requests(shop: Shop, desk: Counter) -> None:
    for document in (
        "{ customers(first: 101) { nodes { id } } }",
        "{ customers(first: -1) { nodes { id } } }",
        '{ customers(first: 1, after: "x") { nodes { id } } }',
        '{ staff(first: 1, after: "WyJUb2tlbiIsIngiXQ") { nodes { id } } }',
        '{ customer(id: "order_x") { id } }',
        "{ customers(first: 1, search: \"" + "x" * 101 + "\") { nodes { id } } }",
    ):  # fmt: skip
        result = await desk.answer(document, token=desk.tokens["owner"])
        assert [one["extensions"]["code"] for one in result.errors] == ["BAD_REQUEST"], document
