"""Stories of the app: which store has it, a cart in the pocket, picked up around the corner."""

from app.platform.ids import encode
from tests.api.server import Server, tender
from tests.checkout.counter import assert_books

APP = "app"


async def test_the_apps_shopper_finds_the_store_that_has_it(market: Server):
    stores = await market.run("mobile/stores", channel=APP)
    assert {each["code"]: each["offersPickup"] for each in stores} == {"centro": True, "praia": True, "cd": False}
    page = await market.run("mobile/browse", channel=APP, first=10)
    assert {each["slug"] for each in page["nodes"]} == {"caneca", "cafe"}
    mug = market.variant("CANECA")
    for code, left in (("centro", 1), ("praia", 0)):
        found = await market.run("mobile/storeStock", channel=APP, variantId=mug, locationId=market.location(code))
        assert (found["everywhere"]["available"], found["here"]["available"]) == (1, left)
        assert found["price"]["unitPrice"] == {"amount": "49.90", "currency": "BRL"}

    line = {"variant": {"id": mug}, "quantity": 1}
    cart = (await market.done("mobile/startCart", channel=APP, lines=[line]))["cart"]
    refused = await market.run(
        "mobile/pickUpAt",
        channel=APP,
        input={"cartId": cart["id"], "method": "PICKUP", "locationId": market.location("praia")},
    )
    [short] = refused["userErrors"]
    assert (short["__typename"], short["lineId"]) == ("InsufficientStock", cart["lines"][0]["id"])
    given = {"cartId": cart["id"], "method": "PICKUP", "locationId": market.location("centro")}
    cart = (await market.done("mobile/pickUpAt", channel=APP, **given))["cart"]
    assert cart["deliveries"] == [{"method": "PICKUP", "location": {"name": "Centro"}}]
    payload = await market.write(
        "checkoutComplete", {"cartId": cart["id"], "tenders": [tender(4990)]}, "order { number channel { code } }"
    )
    assert (payload["order"]["channel"]["code"], payload["order"]["number"][0]) == ("app", "A")
    await assert_books(market.shop)


async def test_a_cart_in_the_pocket_is_emptied_again(market: Server):
    lines = [{"variant": {"sku": "CAFE"}, "quantity": 3}, {"variant": {"sku": "CANECA"}, "quantity": 1}]
    cart = (await market.done("mobile/startCart", channel=APP, lines=lines))["cart"]
    assert cart["totals"] == {"total": {"amount": "147.40", "currency": "BRL"}, "itemCount": 4}
    change = [{"lineId": cart["lines"][0]["id"], "quantity": 1}, {"lineId": cart["lines"][1]["id"], "quantity": 0}]
    cart = (await market.done("mobile/changeCart", channel=APP, cartId=cart["id"], lines=change))["cart"]
    assert [(each["name"], each["quantity"]) for each in cart["lines"]] == [("Café da Serra", 1)]
    assert (await market.shop.level("CANECA", "centro")).reserved == 0
    assert cart["lines"][0]["variant"]["id"] == encode("Variant", market.shop.variants["CAFE"])
    await assert_books(market.shop)
