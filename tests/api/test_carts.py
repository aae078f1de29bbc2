"""Carts through the API: how they are filled, changed and handed on."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from app.catalog.barcodes import check_digit
from app.customers import customers
from app.platform import ids
from tests.api.carting import ADDRESS, CODES, LINES, create, desk, line, read, refused
from tests.api.counter import Counter
from tests.carts.selling import person
from tests.shop import Shop

__all__ = ["desk"]


async def test_a_cart_from_the_site_in_whole(shop: Shop, desk: Counter) -> None:
    made = await create(desk, line(quantity=2, attributes=[{"key": "gravura", "value": "Ana"}]))
    way = {"cartId": made["id"], "method": "SHIP", "option": "sedex", "address": ADDRESS}
    done = await desk.write("cartDeliverySet", way, token=None)
    assert done["userErrors"] == []
    found = await read(desk, made["id"])
    (only,) = found["lines"]
    assert (only["name"], only["variant"]["sku"], only["quantity"]) == ("Caneca", "CANECA", 2)
    assert only["unitPrice"] == {
        "net": {"amount": "16.86"},
        "gross": {"amount": "19.90", "currency": "BRL"},
        "tax": {"amount": "3.04"},
    }
    assert only["attributes"] == [{"key": "gravura", "value": "Ana"}]
    assert only["heldUntil"] is not None
    assert (only["discounts"], only["priceOverride"]) == ([], None)
    assert found["totals"]["total"] == {"amount": "54.80", "currency": "BRL"}
    assert found["totals"]["itemCount"] == 2
    assert [(tax["name"], tax["rate"]) for tax in found["totals"]["taxes"]] == [("ICMS", "0.18")]
    (delivery,) = found["deliveries"]
    assert (delivery["method"], delivery["option"], delivery["lineIds"]) == ("SHIP", "sedex", [only["id"]])
    assert delivery["address"] == {"city": "São Paulo", "country": "BR"}
    (option,) = found["deliveryOptions"]
    assert (option["code"], option["price"]["gross"]["amount"]) == ("sedex", "15.00")
    assert option["earliest"] < option["latest"]
    assert (found["channel"]["code"], found["status"], found["version"]) == ("web", "ACTIVE", 2)
    assert [visit["channel"]["code"] for visit in found["journey"]] == ["web"]
    assert (found["notices"], found["coupons"], found["order"], found["mergedInto"]) == ([], [], None, None)
    assert found["pricesPromisedUntil"] is not None


async def test_a_cart_goes_from_the_site_to_the_till_and_on(shop: Shop, desk: Counter) -> None:
    made = await create(desk, line())
    till = desk.tokens["till"]
    await desk.write("cartLinesAdd", {"cartId": made["id"], "lines": [line()]}, token=till)
    await desk.write("cartLinesAdd", {"cartId": made["id"], "lines": [line()]}, token=till)
    found = await read(desk, made["id"], "{ version journey { channel { code } } lines { quantity } }", token=till)
    assert found == {
        "version": 3,
        "journey": [{"channel": {"code": "web"}}, {"channel": {"code": "pos"}}],
        "lines": [{"quantity": 3}],
    }


async def test_a_shopper_goes_on_after_the_till_had_their_cart(shop: Shop, desk: Counter) -> None:
    """There and back: what the till says of an account, it can take back; till then it goes on with the cart itself."""
    made = await create(desk, line())
    till, both = desk.tokens["till"], (None, desk.tokens["till"])
    who = ids.encode("Customer", await person(shop, "bia@feira.example"))
    named = await desk.write("cartCustomerSet", {"cartId": made["id"], "customerId": who}, token=till, answer=LINES)
    assert named["cart"]["id"] == made["id"], "the till goes on with the cart whose buyer it has named"
    add = {"cartId": made["id"], "lines": [line()]}
    assert (await desk.write("cartLinesAdd", add, token=till, answer=LINES))["cart"]["lines"][0]["quantity"] == 2
    assert await read(desk, made["id"], "{ id }") is None, "an account's cart is no guest's"
    assert await read(desk, made["id"], "{ id }", token=desk.tokens["cashier"]) is None
    await desk.write("cartCustomerSet", {"cartId": made["id"], "customerId": None}, token=till)
    for token in both:
        assert (await desk.write("cartLinesAdd", add, token=token, answer=LINES))["cart"] is not None
    paid = {"method": "CASH", "amount": {"amount": "79.60", "currency": "BRL"}}
    sold = await desk.write("checkoutComplete", {"cartId": made["id"], "tenders": [paid]}, token=till, answer=CODES)
    assert sold["userErrors"][0]["code"] == "DELIVERY_REQUIRED"
    await desk.write(
        "cartDeliverySet",
        {"cartId": made["id"], "method": "CARRY_OUT", "locationId": ids.encode("Location", shop.locations["centro"])},
        token=till,
    )
    sold = await desk.write("checkoutComplete", {"cartId": made["id"], "tenders": [paid]}, token=till, answer=CODES)
    order = "query($id: ID!) { order(by: {cartId: $id}) { number } }"
    for token in both:
        assert (await desk.ask(order, token=token, id=made["id"]))["order"] == {"number": sold["order"]["number"]}


async def test_a_tills_cart_is_carried_out_where_it_stands(shop: Shop, desk: Counter) -> None:
    made = await create(desk, line(), token=desk.tokens["till"])
    fields = "{ location { code } deliveries { method location { code } } }"
    found = await read(desk, made["id"], fields, token=desk.tokens["till"])
    assert found == {
        "location": {"code": "centro"},
        "deliveries": [{"method": "CARRY_OUT", "location": {"code": "centro"}}],
    }


async def test_a_repeat_adds_nothing_and_answers_the_cart_as_it_is(shop: Shop, desk: Counter) -> None:
    made = await create(desk, line())
    given = {"cartId": made["id"], "lines": [line(quantity=2)], "operationId": str(uuid4())}
    first = await desk.write("cartLinesAdd", given, token=None, answer=LINES)
    await desk.write("cartLinesAdd", {"cartId": made["id"], "lines": [line()]}, token=None)
    again = await desk.write("cartLinesAdd", given | {"expectedVersion": None}, token=None, answer=LINES)
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert [first["cart"]["version"], again["cart"]["version"]] == [2, 3]
    assert again["cart"]["lines"][0]["quantity"] == 4
    other = await desk.write("cartLinesAdd", given | {"lines": [line()]}, token=None)
    assert other["userErrors"][0]["code"] == "OPERATION_ID_REUSED"


async def test_lines_are_changed_and_removed(shop: Shop, desk: Counter) -> None:
    made = await create(desk, line(), line(attributes=[{"key": "a", "value": "b"}]))
    first, second = (each["id"] for each in made["lines"])
    changes = [{"lineId": first, "quantity": 0}, {"lineId": second, "quantity": 5, "attributes": []}]
    given = {"cartId": made["id"], "lines": changes, "expectedVersion": 1}
    done = await desk.write("cartLinesUpdate", given, token=None, answer=LINES)
    assert [(each["id"], each["quantity"]) for each in done["cart"]["lines"]] == [(second, 5)]
    stale = await desk.write("cartLinesUpdate", given, token=None)
    assert [(each["code"], each["__typename"]) for each in stale["userErrors"]] == [
        ("VERSION_CONFLICT", "VersionConflict")
    ]


async def test_a_stale_writer_is_shown_the_cart(shop: Shop, desk: Counter) -> None:
    made = await create(desk, line())
    document = """mutation($input: CartLinesAddInput!) { cartLinesAdd(input: $input) { userErrors {
      ... on VersionConflict { currentVersion current { ... on Cart { id lines { quantity } } } } } } }"""
    given = {"cartId": made["id"], "expectedVersion": 7, "lines": [line()]}
    (error,) = (await desk.ask(document, input=given))["cartLinesAdd"]["userErrors"]
    assert error == {"currentVersion": 1, "current": {"id": made["id"], "lines": [{"quantity": 1}]}}


async def test_staff_give_prices_with_a_reason(shop: Shop, desk: Counter) -> None:
    owner = desk.tokens["owner"]
    override = {"unitPrice": {"amount": "10.00", "currency": "BRL"}, "reason": "riscada"}
    made = await create(desk)
    given = {"cartId": made["id"], "lines": [line(priceOverride=override)]}
    await desk.write("cartLinesAdd", given, token=owner)
    found = await read(desk, made["id"], "{ lines { id priceOverride { was { amount } reason staff { name } } } }")
    (only,) = found["lines"]
    assert (only["priceOverride"]["was"]["amount"], only["priceOverride"]["reason"]) == ("19.90", "riscada")
    seen = await read(desk, made["id"], "{ lines { priceOverride { staff { name } } } }", token=owner)
    assert seen["lines"][0]["priceOverride"]["staff"] == {"name": "Owner"}
    drop = {"cartId": made["id"], "lines": [{"lineId": only["id"], "priceOverride": None}]}
    keep = {"cartId": made["id"], "lines": [{"lineId": only["id"], "quantity": 2}]}
    assert (await desk.write("cartLinesUpdate", keep, token=owner, answer=LINES))["cart"]["totals"]["total"][
        "amount"
    ] == "20.00"
    assert (await desk.write("cartLinesUpdate", drop, token=owner, answer=LINES))["cart"]["totals"]["total"][
        "amount"
    ] == "39.80"
    wrong = {"unitPrice": {"amount": "10.00", "currency": "USD"}, "reason": "x"}
    path = ["input", "lines", "0", "priceOverride", "unitPrice", "currency"]
    given = {"cartId": made["id"], "lines": [line(priceOverride=wrong)]}
    assert await refused(desk, "cartLinesAdd", given, token=owner) == [("WRONG_CURRENCY", path)]


async def test_a_shopper_who_names_a_price_is_forbidden(shop: Shop, desk: Counter) -> None:
    override = {"unitPrice": {"amount": "0.01", "currency": "BRL"}, "reason": "x"}
    document = "mutation($input: CartCreateInput!) { cartCreate(input: $input) { cart { id } } }"
    result = await desk.answer(document, input={"lines": [line(priceOverride=override)]})
    assert result.data == {"cartCreate": None}
    assert [each["extensions"]["code"] for each in result.errors] == ["FORBIDDEN"]


@pytest.mark.parametrize(
    ("scale_code", "quantity", "total"), [("01234", 1, "3.50"), ("51234", Decimal("0.35"), "20.97")]
)
async def test_scales_labels_are_read(
    shop: Shop, desk: Counter, scale_code: str, quantity: int | Decimal, total: str
) -> None:
    await shop.variant("QUEIJO", price=5990, unit="kg", quantity_step=1, scale_code=scale_code, stock={"centro": 9000})
    body = f"2{scale_code}000350"
    by = {"variant": {"barcode": body + check_digit(body)}}
    till = desk.tokens["till"]
    made = await create(desk, by, by, token=till)
    found = [(each["quantity"], each["total"]["gross"]["amount"]) for each in made["lines"]]
    if quantity == 1:
        assert found == [(1, total), (1, total)]
        assert (await create(desk, by | {"quantity": Decimal("0.06")}, token=till))["lines"][0]["total"] == {
            "gross": {"amount": total}
        }
    else:
        assert found == [(2 * quantity, "41.93")]
        assert await refused(desk, "cartCreate", {"lines": [by | {"quantity": 2}]}, token=till) == [
            ("CONTRADICTS_BARCODE", ["input", "lines", "0", "quantity"])
        ]
        assert (await create(desk, by | {"quantity": quantity}, token=till))["lines"][0]["total"] == {
            "gross": {"amount": total}
        }


async def test_bad_input_is_told_by_path(shop: Shop, desk: Counter) -> None:
    made = await create(desk, line())
    cart = made["id"]
    here, nowhere = made["lines"][0]["id"], ids.encode("Cart", uuid4())
    strange = ids.encode("CartLine", uuid4())
    quantity, line_id = ["lines", "0", "quantity"], ["lines", "0", "lineId"]
    tried: list[tuple[str, dict[str, Any], list[tuple[str, list[str]]]]] = [
        ("cartLinesAdd", {"cartId": "x", "lines": [line()]}, [("INVALID_ID", ["cartId"])]),
        ("cartLinesAdd", {"cartId": here, "lines": [line()]}, [("INVALID_ID", ["cartId"])]),
        ("cartLinesAdd", {"cartId": nowhere, "lines": [line()]}, [("NOT_FOUND", ["cartId"])]),
        ("cartLinesAdd", {"cartId": cart, "lines": []}, [("EMPTY", ["lines"])]),
        ("cartLinesAdd", {"cartId": cart, "lines": [line()] * 101}, [("TOO_MANY", ["lines"])]),
        (
            "cartLinesAdd",
            {"cartId": cart, "lines": [line("NADA"), {"variant": {"id": "x"}}, line(quantity=-1)]},
            [("INVALID_ID", ["lines", "1", "variant", "id"]), ("NOT_FOUND", ["lines", "0", "variant"])],
        ),
        ("cartLinesAdd", {"cartId": cart, "lines": [line(quantity=-1)]}, [("INVALID_QUANTITY", quantity)]),
        ("cartLinesAdd", {"cartId": cart, "lines": [line(quantity=Decimal("0.5"))]}, [("INVALID_QUANTITY", quantity)]),
        ("cartLinesAdd", {"cartId": cart, "lines": [line(quantity=99)]}, [("INSUFFICIENT_STOCK", ["lines", "0"])]),
        ("cartLinesUpdate", {"cartId": cart, "lines": [{"lineId": strange}]}, [("NOT_FOUND", line_id)]),
        ("cartLinesUpdate", {"cartId": cart, "lines": [{"lineId": cart}]}, [("INVALID_ID", line_id)]),
        ("cartCreate", {"locationId": here}, [("INVALID_ID", ["locationId"])]),
        ("cartCreate", {"locationId": ids.encode("Location", uuid4())}, [("NOT_FOUND", ["locationId"])]),
        ("cartCustomerSet", {"cartId": cart, "email": "nada"}, [("INVALID_EMAIL", ["email"])]),
        ("cartDeliverySet", {"cartId": cart, "method": "SHIP", "lineIds": ["x"]}, [("INVALID_ID", ["lineIds", "0"])]),
        ("cartDeliverySet", {"cartId": cart, "method": "SHIP"}, [("ADDRESS_REQUIRED", ["address"])]),
        ("cartDeliverySet", {"cartId": cart, "method": "CARRY_OUT"}, [("METHOD_NOT_ALLOWED", ["method"])]),
    ]  # fmt: skip
    for mutation, given, expected in tried:
        told = await refused(desk, mutation, given)
        assert told == [(code, ["input", *path]) for code, path in expected], (mutation, given)
    assert (await read(desk, cart, "{ version }"))["version"] == 1
    nothing = await desk.write("cartCustomerSet", {"cartId": cart}, token=None)
    assert [(each["code"], each["path"]) for each in nothing["userErrors"]] == [("EMPTY", None)]


async def test_what_is_short_is_told_with_what_there_is(shop: Shop, desk: Counter) -> None:
    document = """mutation($input: CartCreateInput!) { cartCreate(input: $input) { cart { id } userErrors { code
      ... on InsufficientStock { requested available variant { sku } location { code } } } } }"""
    given = {"lines": [line(quantity=20)]}
    (error,) = (await desk.ask(document, input=given))["cartCreate"]["userErrors"]
    assert error == {
        "code": "INSUFFICIENT_STOCK",
        "requested": 20,
        "available": 18,
        "variant": {"sku": "CANECA"},
        "location": None,
    }


async def test_whose_cart_it_is(shop: Shop, desk: Counter) -> None:
    made = await create(desk, line())
    till, cashier, owner = (desk.tokens[name] for name in ("till", "cashier", "owner"))
    actor = shop.actor()
    who = await shop.db.run(lambda tx: customers.create(tx, actor, {"email": "bia@feira.example"}))
    given = {"cartId": made["id"], "customerId": ids.encode("Customer", who)}
    document = "mutation($input: CartCustomerSetInput!) { cartCustomerSet(input: $input) { cart { id } } }"
    stranger = await desk.answer(document, input=given)
    assert [each["extensions"]["code"] for each in stranger.errors] == ["FORBIDDEN"]
    done = await desk.write("cartCustomerSet", given, token=owner, answer="cart { customer { email } }")
    assert done["cart"] == {"customer": {"email": "bia@feira.example"}}
    # A customer's cart is not opened by its id alone, nor by who works elsewhere.
    for token in (None, till, cashier):
        assert await read(desk, made["id"], "{ id }", token=token) is None
        told = await refused(desk, "cartLinesAdd", {"cartId": made["id"], "lines": [line()]}, token=token)
        assert told == [("NOT_FOUND", ["input", "cartId"])]
    assert await read(desk, made["id"], "{ customer { email } }", token=owner) is not None


async def test_nodes_are_found_by_who_may(shop: Shop, desk: Counter) -> None:
    made = await create(desk, line(), token=desk.tokens["till"])
    line_id = made["lines"][0]["id"]
    till = desk.tokens["till"]
    delivery_id = (await read(desk, made["id"], "{ deliveries { id } }", token=till))["deliveries"][0]["id"]
    document = "query($id: ID!) { node(id: $id) { __typename id } }"
    for key, name in ((made["id"], "Cart"), (line_id, "CartLine"), (delivery_id, "Delivery")):
        for token in (desk.tokens["owner"], desk.tokens["till"]):
            assert (await desk.ask(document, token=token, id=key))["node"] == {"__typename": name, "id": key}
    # A till's cart is its location's.
    for other in (None, desk.tokens["cashier"]):
        for key in (made["id"], line_id, delivery_id):
            assert (await desk.ask(document, token=other, id=key))["node"] is None
    # A guest's cart is a capability; its lines' ids are none.
    made = await create(desk, line())
    way = {"cartId": made["id"], "method": "SHIP", "option": "sedex", "address": ADDRESS}
    await desk.write("cartDeliverySet", way, token=None)
    assert (await desk.ask(document, id=made["id"]))["node"] is not None
    delivery_id = (await read(desk, made["id"], "{ deliveries { id } }"))["deliveries"][0]["id"]
    for key in (made["lines"][0]["id"], delivery_id):
        for other in (None, desk.tokens["cashier"]):
            assert (await desk.ask(document, token=other, id=key))["node"] is None
    assert await read(desk, ids.encode("Cart", uuid4()), "{ id }") is None
