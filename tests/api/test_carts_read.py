"""Carts through the API: names, delivery options, lists, and what reading them costs."""

from uuid import uuid4

from sqlalchemy import update

from app.carts.tables import cart as carts
from app.catalog.tables import product, product_text
from app.platform import ids
from tests.api.carting import ADDRESS, create, desk, line, read, refused
from tests.api.counter import Counter
from tests.carts.selling import Statements, held_at
from tests.shop import Shop

__all__ = ["desk"]


async def test_names_follow_the_callers_language_and_outlive_the_catalog(shop: Shop, desk: Counter) -> None:
    made = await create(desk, line())
    async with shop.db.transaction() as tx:
        await tx.execute(update(product_text).where(product_text.c.locale == "en").values(name="Mug"))
        await tx.execute(update(product).values(status="DRAFT"))
    found = await read(desk, made["id"], "{ lines { name variant { sku } } notices { code message } }")
    assert found["lines"] == [{"name": "Caneca", "variant": None}]
    assert found["notices"] == [{"code": "WITHDRAWN", "message": "Este item não está mais à venda."}]
    english = await read(desk, made["id"], "{ lines { name } notices { message } }", headers={"Accept-Language": "en"})
    assert english == {"lines": [{"name": "Mug"}], "notices": [{"message": "This item is not for sale any more."}]}


async def test_delivery_options_for_some_lines_and_an_address(shop: Shop, desk: Counter) -> None:
    made = await create(desk, line(quantity=2))
    document = """query($id: ID!, $lines: [ID!], $address: AddressInput) { cart(id: $id) { deliveryOptions(
      lineIds: $lines, address: $address) { code price { gross { amount } } location { code } } } }"""
    found = await desk.ask(document, id=made["id"], lines=[made["lines"][0]["id"]], address=ADDRESS)
    assert found["cart"]["deliveryOptions"] == [
        {"code": "sedex", "price": {"gross": {"amount": "15.00"}}, "location": None}
    ]
    for wrong in (
        {"lines": ["x"]},
        {"lines": [ids.encode("CartLine", uuid4())]},
        {"address": ADDRESS | {"city": " "}},
    ):
        result = await desk.answer(document, id=made["id"], **wrong)
        assert [each["extensions"]["code"] for each in result.errors] == ["BAD_REQUEST"], wrong


async def test_lists_in_pages(shop: Shop, desk: Counter) -> None:
    made = [(await create(desk, line()))["id"] for _ in range(5)]
    counter_cart = (await create(desk, line(), token=desk.tokens["till"]))["id"]
    document = """query($after: String, $filter: CartFilter) { carts(first: 4, after: $after, filter: $filter) {
      nodes { id totals { total { amount } } } edges { cursor } totalCount pageInfo { hasNextPage endCursor } } }"""
    owner = desk.tokens["owner"]
    first = (await desk.ask(document, token=owner))["carts"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (6, True)
    second = (await desk.ask(document, token=owner, after=first["pageInfo"]["endCursor"]))["carts"]
    assert [each["id"] for each in first["nodes"] + second["nodes"]] == [counter_cart, *made[::-1]]
    own = (await desk.ask(document, token=desk.tokens["till"]))["carts"]
    assert [each["id"] for each in own["nodes"]] == [counter_cart]
    parked = (await desk.ask(document, token=owner, filter={"statuses": ["PARKED"]}))["carts"]
    assert parked["nodes"] == []
    for wrong in ({"after": "x"}, {"filter": {"customerId": "x"}}):
        result = await desk.answer(document, token=owner, **wrong)
        assert [each["extensions"]["code"] for each in result.errors] == ["BAD_REQUEST"], wrong


async def test_a_closed_cart_is_still_read(shop: Shop, desk: Counter) -> None:
    made = await create(desk, line())
    async with shop.db.transaction() as tx:
        await tx.execute(update(carts).values(status="EXPIRED"))
    assert (await read(desk, made["id"], "{ status totals { total { amount } } }"))["status"] == "EXPIRED"
    given = {"cartId": made["id"], "lines": [line()]}
    assert await refused(desk, "cartLinesAdd", given) == [("CART_EXPIRED", ["input", "cartId"])]


async def test_what_is_held_is_not_to_be_had_elsewhere(shop: Shop, desk: Counter) -> None:
    made = await create(desk, line(quantity=9), token=desk.tokens["till"])
    decoded = ids.decode("Cart", made["id"])
    assert decoded is not None
    assert await held_at(shop, decoded) == {"centro": 9000}
    found = await desk.ask('{ variant(by: {sku: "CANECA"}) { availability { available } } }')
    assert found["variant"]["availability"]["available"] == 9


async def test_few_statements_are_sent(shop: Shop, desk: Counter) -> None:
    made = await create(desk, line())
    with Statements(shop) as sent:
        await desk.write("cartLinesAdd", {"cartId": made["id"], "lines": [line()]}, token=None)
    assert len(sent.sent) <= 24, sent
    with Statements(shop) as sent:
        await read(desk, made["id"], "{ lines { id } totals { total { amount } } deliveries { id } }")
    assert len(sent.sent) <= 8, sent
