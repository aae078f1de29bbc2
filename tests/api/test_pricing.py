"""Prices, price lists, taxes and delivery methods through the API."""

from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from sqlalchemy import delete

from app.api.schema import Mutation, Query
from app.identity import devices, staff, tokens
from app.identity.tokens import Bearer
from app.platform import clock, ids
from app.pricing.prices import PriceChange
from app.pricing.tables import tax_class, tax_rate
from app.pricing.taxes import RateChange, set_tax_rate
from tests.api.counter import Counter, counter
from tests.pricing.pricing import add_list, history, put
from tests.shop import Shop

BRL = "BRL"


@pytest.fixture
async def desk(shop: Shop) -> Counter:
    """Tokens of an owner, a catalog editor and a till (`centro-1`)."""
    made = counter(shop.watched, Query, Mutation)
    actor = shop.actor()
    for role in ("owner", "catalog"):
        given: Any = {"name": role, "email": f"{role}@feira.example", "role": role}
        given |= {"location_ids": None, "channel_ids": None}
        staff_id = await shop.db.run(partial(staff.create, actor=actor, given=given))
        made.tokens[role] = (
            await shop.db.run(partial(tokens.create, actor=actor, bearer=Bearer("staff", staff_id)))
        ).secret
    till: Any = {"name": "till", "register_id": shop.registers["centro-1"]}
    device_id = await shop.db.run(partial(devices.create, actor=actor, given=till))
    bearer = Bearer("device", device_id)
    made.tokens["till"] = (await shop.db.run(partial(tokens.create, actor=actor, bearer=bearer))).secret
    return made


def money(amount: str, currency: str = BRL) -> dict[str, str]:
    return {"amount": amount, "currency": currency}


def base(shop: Shop) -> str:
    return ids.encode("PriceList", shop.price_list_id)


PRICE = """query($by: VariantBy!, $quantity: Quantity) { variant(by: $by) { price(quantity: $quantity) {
  unitPrice { amount currency } taxed { net { amount } gross { amount } tax { amount } } compareAt { amount } validUntil
} } }"""


async def price_of(desk: Counter, sku: str, *, code: str = "web", token: str | None = None, **more: Any) -> Any:
    found = await desk.ask(PRICE, token=token, headers={"Feira-Channel": code}, by={"sku": sku}, **more)
    return found["variant"]["price"]


async def test_a_price_that_is_set_is_what_everybody_pays(shop: Shop, desk: Counter) -> None:
    await shop.variant("A", price=None)
    assert await price_of(desk, "A") is None
    change = {"variant": {"sku": "A"}, "amount": money("19.90"), "compareAt": money("24.90")}
    given = {"priceListId": base(shop), "changes": [change], "operationId": "0198c9a0-3b1e-7cc0-a7a4-5f0e1d2c3b4a"}
    answer = """changedVariants prices { id amount { amount } compareAt { amount } minQuantity endsAt
      variant { sku } priceList { code } }"""
    done = await desk.write("pricesSet", given, token=desk.tokens["catalog"], answer=answer)
    assert (done["userErrors"], done["changedVariants"], done["replayed"]) == ([], 1, False)
    (row,) = done["prices"]
    assert (row["amount"], row["variant"], row["priceList"]) == (
        {"amount": "19.90"},
        {"sku": "A"},
        {"code": "base-brl"},
    )
    again = await desk.write("pricesSet", given, token=desk.tokens["catalog"], answer=answer)
    assert (again["replayed"], again["prices"]) == (True, done["prices"])
    for code, token in (("web", None), ("app", None), ("pos", desk.tokens["till"])):
        found = await price_of(desk, "A", code=code, token=token)
        assert found == {
            "unitPrice": money("19.90"),
            "taxed": {"net": {"amount": "16.86"}, "gross": {"amount": "19.90"}, "tax": {"amount": "3.04"}},
            "compareAt": {"amount": "24.90"},
            "validUntil": None,
        }


async def test_every_wrong_change_is_told_with_its_path(shop: Shop, desk: Counter) -> None:
    await shop.variant("A", price=1000)
    owner, past = desk.tokens["owner"], (clock.now() - timedelta(hours=1)).isoformat()

    async def errors(*changes: dict[str, Any], **more: Any) -> list[Any]:
        given = {"priceListId": base(shop), "changes": list(changes)} | more
        done = await desk.write("pricesSet", given, token=owner, answer="prices { id }")
        return [(each["path"], each["code"]) for each in done["userErrors"]]

    a = {"variant": {"sku": "A"}}
    unknown = {"variant": {"sku": "NO"}, "amount": money("1")}
    prefix = ["input", "changes"]
    assert await errors(a | {"amount": money("1.999")}, a | {"amount": money("1", "USD")}) == [
        ([*prefix, "0", "amount", "amount"], "TOO_MANY_DECIMALS"),
        ([*prefix, "1", "amount", "currency"], "WRONG_CURRENCY"),
    ]
    assert await errors(a | {"amount": money("1")}, unknown) == [([*prefix, "1", "variant"], "NOT_FOUND")]
    assert await errors({"variant": {"id": "nonsense"}}) == [([*prefix, "0", "variant", "id"], "INVALID_ID")]
    assert await errors(a | {"amount": money("-1")}, a | {"amount": money("1"), "startsAt": past}) == [
        ([*prefix, "0", "amount"], "NEGATIVE_AMOUNT"),
        ([*prefix, "1", "startsAt"], "IN_THE_PAST"),
    ]
    assert await errors(*[a] * 1001) == [(prefix, "TOO_MANY")]
    assert await errors(a, priceListId="nonsense") == [(["input", "priceListId"], "INVALID_ID")]
    assert len(await history(shop, "A")) == 1


async def test_lists_scheduled_prices_and_their_explanation(shop: Shop, desk: Counter) -> None:
    await shop.variant("A", price=2000)
    token = desk.tokens["catalog"]
    made = await desk.write(
        "priceListCreate",
        {
            "code": "app-club", "names": [{"locale": "pt-BR", "text": "Clube"}], "currency": BRL, "includesTax": True,
            "channelIds": [ids.encode("Channel", shop.channels["app"])], "priority": 3,
        },
        token=token,
        answer="priceList { id version name priority isBase channels { code } locations { code } active }",
    )  # fmt: skip
    price_list = made["priceList"]
    assert price_list == {
        "id": price_list["id"], "version": 1, "name": "Clube", "priority": 3, "isBase": False,
        "channels": [{"code": "app"}], "locations": None, "active": True,
    }  # fmt: skip
    ends = clock.now() + timedelta(hours=2)
    change = {"variant": {"sku": "A"}, "amount": money("15"), "endsAt": ends.isoformat()}
    given = {"priceListId": price_list["id"], "changes": [change]}
    assert (await desk.write("pricesSet", given, token=token))["userErrors"] == []
    in_app, on_web = await price_of(desk, "A", code="app"), await price_of(desk, "A")
    assert (in_app["unitPrice"]["amount"], in_app["compareAt"]["amount"]) == ("15.00", "20.00")
    assert in_app["validUntil"][:19] == ends.isoformat()[:19]
    assert (on_web["unitPrice"]["amount"], on_web["validUntil"]) == ("20.00", None)
    document = (
        """{ variant(by: {sku: "A"}) { price { explanation { rule applied reason code amount { amount } } } } }"""
    )
    found = await desk.ask(document, token=token, headers={"Accept-Language": "pt-BR"})
    assert found["variant"]["price"]["explanation"] == [
        {
            "rule": "price-list:app-club", "applied": False, "reason": "A tabela de preços é de outros canais.",
            "code": "OTHER_CHANNEL", "amount": None,
        },
        {
            "rule": "price-list:base-brl", "applied": True, "reason": "Vale o preço desta tabela.",
            "code": "LIST_PRICE", "amount": {"amount": "20.00"},
        },
    ]  # fmt: skip
    off = {"priceListId": price_list["id"], "expectedVersion": 1, "active": False}
    changed = await desk.write("priceListUpdate", off, token=token, answer="priceList { version active }")
    assert changed["priceList"] == {"version": 2, "active": False}
    assert (await price_of(desk, "A", code="app"))["unitPrice"]["amount"] == "20.00"
    stale = await desk.write("priceListUpdate", off, token=token, answer="priceList { id }")
    assert [each["code"] for each in stale["userErrors"]] == ["VERSION_CONFLICT"]
    lists = await desk.ask(
        "query($id: ID!) { priceLists { code } priceList(id: $id) { code } }", token=token, id=off["priceListId"]
    )
    assert lists == {"priceLists": [{"code": "app-club"}, {"code": "base-brl"}], "priceList": {"code": "app-club"}}


async def test_a_quantity_has_its_price_and_a_product_its_range(shop: Shop, desk: Counter) -> None:
    await shop.variant("A", price=2000)
    change = {"variant": {"sku": "A"}, "amount": money("18"), "minQuantity": 6}
    given = {"priceListId": base(shop), "changes": [change]}
    await desk.write("pricesSet", given, token=desk.tokens["owner"])
    units = [
        (await price_of(desk, "A", quantity=quantity))["unitPrice"]["amount"]
        for quantity in (None, Decimal("5.999"), 6)
    ]
    assert units == ["20.00", "20.00", "18.00"]
    found = await desk.ask('{ product(by: {slug: "a"}) { priceRange { min { amount } max { amount } } } }')
    assert found["product"]["priceRange"] == {"min": {"amount": "20.00"}, "max": {"amount": "20.00"}}


async def test_a_till_asks_for_the_prices_and_taxes_of_its_location(shop: Shop, desk: Counter) -> None:
    a = await shop.variant("A", price=2000)
    centro = await add_list(shop, "centro", location_ids=[shop.locations["centro"]])
    await put(shop, clock.now(), PriceChange(a, 1800), price_list_id=centro)
    rate: Any = RateChange(shop.tax_class_id, "BR", "SP", {"en": "City"}, 20_000)
    await shop.db.run(lambda tx: set_tax_rate(tx, shop.actor(), rate))
    at_till = await price_of(desk, "A", code="pos", token=desk.tokens["till"])
    on_web = await price_of(desk, "A")
    assert (at_till["unitPrice"]["amount"], at_till["taxed"]["tax"]["amount"]) == ("18.00", "3.00")
    assert (on_web["unitPrice"]["amount"], on_web["taxed"]["tax"]["amount"]) == ("20.00", "3.05")


async def test_the_history_of_prices_comes_in_pages(shop: Shop, desk: Counter) -> None:
    a, b = await shop.variant("A", price=None), await shop.variant("B", price=None)
    now = clock.now()
    for number in range(5):
        await put(shop, now + timedelta(seconds=number), PriceChange(a, 100 + number), PriceChange(b, 900 + number))
    document = """query($first: Int!, $after: String, $variant: VariantBy) {
      prices(first: $first, after: $after, variant: $variant) {
        nodes { amount { amount } } pageInfo { hasNextPage endCursor } totalCount } }"""
    seen, after = [], None
    while True:
        page = (await desk.ask(document, token=desk.tokens["owner"], first=2, after=after, variant={"sku": "A"}))[
            "prices"
        ]
        seen += [node["amount"]["amount"] for node in page["nodes"]]
        assert page["totalCount"] == 5
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == ["1.04", "1.03", "1.02", "1.01", "1.00"]
    nothing = await desk.ask(document, token=desk.tokens["owner"], first=2, variant={"sku": "NO"})
    assert (nothing["prices"]["nodes"], nothing["prices"]["totalCount"]) == ([], 0)
    wrong = await desk.answer(document, token=desk.tokens["owner"], first=2, after="nonsense")
    assert wrong.errors[0]["extensions"]["code"] == "BAD_REQUEST"


async def test_taxes_are_set_and_seen(shop: Shop, desk: Counter) -> None:
    async with shop.db.transaction() as tx:
        await tx.execute(delete(tax_rate))
        await tx.execute(delete(tax_class))
    token = desk.tokens["catalog"]
    names = [{"locale": "pt-BR", "text": "Padrão"}, {"locale": "en", "text": "Standard"}]
    answer = "taxClass { id code name isDefault version rates { name rate country region startsAt endsAt } }"
    made = await desk.write("taxClassCreate", {"code": "standard", "names": names}, token=token, answer=answer)
    assert (made["taxClass"]["isDefault"], made["taxClass"]["rates"]) == (True, [])
    given: dict[str, Any] = {
        "taxClassId": made["taxClass"]["id"], "country": "BR", "rate": "0.18",
        "names": [{"locale": "pt-BR", "text": "ICMS"}],
    }  # fmt: skip
    done = await desk.write("taxRateSet", given, token=token, answer=answer + " taxRate { rate name }")
    assert done["taxRate"] == {"rate": "0.18", "name": "ICMS"}
    await shop.variant("A", price=1180, tax_class_id=None)
    assert (await price_of(desk, "A"))["taxed"]["tax"]["amount"] == "0.00"
    new = await desk.write("taxRateSet", given | {"rate": "0.12"}, token=token, answer=answer)
    assert [rate["rate"] for rate in new["taxClass"]["rates"]] == ["0.18", "0.12"]
    bad = await desk.write("taxRateSet", given | {"rate": "0.1234567"}, token=token, answer=answer)
    assert [(each["path"], each["code"]) for each in bad["userErrors"]] == [(["input", "rate"], "INVALID_RATE")]
    renamed = {"taxClassId": made["taxClass"]["id"], "names": names[1:], "expectedVersion": 1}
    changed = await desk.write("taxClassUpdate", renamed, token=token, answer=answer)
    assert (changed["taxClass"]["name"], changed["taxClass"]["version"]) == ("Standard", 2)
    classes = await desk.ask("{ taxClasses { code rates { rate } } }", token=token)
    assert classes == {"taxClasses": [{"code": "standard", "rates": [{"rate": "0.18"}, {"rate": "0.12"}]}]}


async def test_delivery_methods_are_set_and_seen(shop: Shop, desk: Counter) -> None:
    owner = desk.tokens["owner"]
    answer = """deliveryMethod { id code name method ratedBy includesTax countries regions version active
      tiers { fromGrams fromTotal { amount } price { amount } }
      freeFrom { amount } channels { code } taxClass { code } }"""
    given: dict[str, Any] = {
        "code": "standard", "names": [{"locale": "en", "text": "Standard"}], "method": "SHIP", "currency": BRL,
        "ratedBy": "WEIGHT", "countries": ["BR"], "regions": ["SP"], "freeFrom": money("200"),
        "tiers": [{"fromGrams": 0, "price": money("12.90")}, {"fromGrams": 3000, "price": money("19.90")}],
        "channelIds": [ids.encode("Channel", shop.channels["web"])],
        "taxClassId": ids.encode("TaxClass", shop.tax_class_id),
    }  # fmt: skip
    made = (await desk.write("deliveryMethodCreate", given, token=owner, answer=answer))["deliveryMethod"]
    assert made == {
        "id": made["id"], "code": "standard", "name": "Standard", "method": "SHIP", "ratedBy": "WEIGHT",
        "includesTax": True, "countries": ["BR"], "regions": ["SP"], "version": 1, "active": True,
        "tiers": [
            {"fromGrams": 0, "fromTotal": None, "price": {"amount": "12.90"}},
            {"fromGrams": 3000, "fromTotal": None, "price": {"amount": "19.90"}},
        ],
        "freeFrom": {"amount": "200.00"}, "channels": [{"code": "web"}], "taxClass": {"code": "standard"},
    }  # fmt: skip
    tiers = [{"fromTotal": money("0"), "price": money("9")}]
    change = {"deliveryMethodId": made["id"], "ratedBy": "TOTAL", "tiers": tiers, "expectedVersion": 1}
    changed = (await desk.write("deliveryMethodUpdate", change, token=owner, answer=answer))["deliveryMethod"]
    assert (changed["ratedBy"], changed["tiers"][0]["fromTotal"], changed["version"]) == (
        "TOTAL",
        {"amount": "0.00"},
        2,
    )
    for wrong, path in (
        ({"tiers": [{"fromGrams": 0, "price": money("1")}]}, ["input", "tiers", "0", "fromTotal"]),
        (
            {"tiers": [{"fromTotal": money("0"), "price": money("1", "USD")}]},
            ["input", "tiers", "0", "price", "currency"],
        ),
        ({"deliveryMethodId": "nonsense"}, ["input", "deliveryMethodId"]),
    ):
        given = {"deliveryMethodId": made["id"]} | wrong
        refused = await desk.write("deliveryMethodUpdate", given, token=owner, answer=answer)
        assert [each["path"] for each in refused["userErrors"]] == [path]
    everything = "{ deliveryMethods { code } }"
    assert await desk.ask(everything, token=owner) == {"deliveryMethods": [{"code": "standard"}]}
    node = "query($id: ID!) { node(id: $id) { id ... on DeliveryMethod { code } } }"
    assert (await desk.ask(node, token=owner, id=made["id"]))["node"]["code"] == "standard"
    assert (await desk.ask(node, id=made["id"]))["node"] is None


async def test_a_shopper_finds_no_price_list_by_its_id(shop: Shop, desk: Counter) -> None:
    await shop.variant("A", price=2000)
    (row,) = await history(shop, "A")
    keys = [
        base(shop),
        ids.encode("TaxClass", shop.tax_class_id),
        ids.encode("Price", row.id),
    ]
    document = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert await desk.ask(document, ids=keys) == {"nodes": [None, None, None]}
    seen = await desk.ask(document, token=desk.tokens["catalog"], ids=keys)
    assert [each["id"] for each in seen["nodes"]] == keys
