"""Stories of the site: a guest looks around, buys, and has it sent, or picks it up."""

from typing import Any

from app.platform.ids import encode, new_id
from tests.api.server import Server, money, tender
from tests.checkout.counter import ADDRESS, assert_books

HOME = {**ADDRESS, "postalCode": "01000-000"}


async def dress(market: Server) -> None:
    """Put the coffee into a category and give it a picture, as the back office does."""
    parent: str | None = None
    for name in ("Bebidas", "Cafés"):
        given = {"names": [{"locale": "pt-BR", "text": name}], "parentId": parent}
        made = await market.write("categoryCreate", given, "category { id }", who="owner")
        parent = made["category"]["id"]
    coffee = (await market.ask('{ product(by: { slug: "cafe" }) { id } }'))["product"]
    given = {
        "productId": coffee["id"],
        "categoryId": parent,
        "texts": [{"locale": "pt-BR", "name": "Café da Serra"}, {"locale": "en", "name": "Mountain coffee"}],
        "media": [{"url": "https://feira.example/cafe.jpg"}],
    }
    assert (await market.write("productUpdate", given, who="owner"))["userErrors"] == []


async def owner_ships(market: Server, order_id: str, at: str = "cd") -> Any:
    given = {
        "orderId": order_id,
        "locationId": market.location(at),
        "carrier": "Correios",
        "trackingNumber": "BR123",
    }
    answer = "fulfillment { state trackingNumber location { code } lines { quantity line { name } } } order { version }"
    payload = await market.write("fulfillmentCreate", given, answer, who="owner")
    assert payload["userErrors"] == []
    return payload


async def test_a_guest_looks_around_and_finds_coffee(market: Server):
    await dress(market)
    menu = await market.run("storefront/categoryTree")
    assert [(each["slug"], [child["slug"] for child in each["children"]]) for each in menu if each["children"]] == [
        ("bebidas", ["cafes"])
    ]
    window = await market.run("storefront/listProducts", first=10, filter={"categories": ["bebidas"]})
    assert (window["totalCount"], window["nodes"][0]["priceRange"]["min"]["amount"]) == (1, "32.50")
    found = await market.run("storefront/searchProducts", search="cafe", first=5)
    assert [each["slug"] for each in found["nodes"]] == ["cafe"]
    page = await market.run("storefront/productPage", slug=found["nodes"][0]["slug"])
    [coffee] = page["variants"]["nodes"]
    assert (coffee["availability"]["available"], page["category"]["parent"]["slug"]) == (60, "bebidas")


async def test_a_guest_has_coffee_sent_and_pays_at_the_door(market: Server):
    lines = [{"variant": {"id": market.variant("CAFE")}, "quantity": 1}]
    cart = (await market.done("storefront/createCart", lines=lines))["cart"]
    more = [{"variant": {"sku": "CAFE"}, "quantity": 2}]
    cart = (await market.done("storefront/addToCart", cartId=cart["id"], expectedVersion=cart["version"], lines=more))[
        "cart"
    ]
    [line] = cart["lines"]
    change = [{"lineId": line["id"], "quantity": 2}]
    cart = (await market.done("storefront/updateCart", cartId=cart["id"], lines=change))["cart"]
    assert (cart["lines"][0]["quantity"], cart["totals"]["total"]["amount"]) == (2, "65.00")
    contact = {"email": "ana@feira.example", "phone": "+55 11 98765-4321"}
    cart = (await market.done("storefront/setContact", cartId=cart["id"], **contact))["cart"]
    offered = await market.run("storefront/deliveryOptions", cartId=cart["id"], address=HOME)
    [sedex] = [each for each in offered["deliveryOptions"] if each["method"] == "SHIP"]
    assert (sedex["price"]["gross"]["amount"], sedex["earliest"] is not None) == ("15.00", True)
    cart = (
        await market.done(
            "storefront/setDelivery", cartId=cart["id"], method="SHIP", option=sedex["code"], address=HOME
        )
    )["cart"]
    shown = await market.run("storefront/showCart", id=cart["id"])
    assert (shown["totals"]["total"]["amount"], shown["email"], shown["order"]) == ("80.00", "ana@feira.example", None)
    assert shown["notices"] == []

    bought = await market.done(
        "storefront/completeCheckout",
        cartId=cart["id"],
        expectedVersion=shown["version"],
        expectedTotal=money(8000),
        tenders=[tender(8000, "OTHER", label="Na entrega")],
    )
    order = bought["order"]
    assert (order["status"], order["paymentStatus"], order["payments"][0]["status"]) == ("OPEN", "PENDING", "PENDING")
    assert (await market.run("storefront/showCart", id=cart["id"]))["order"]["number"] == order["number"]

    sent = await owner_ships(market, order["id"])
    assert sent["fulfillment"]["state"] == "IN_TRANSIT"
    seen = await market.run("storefront/guestOrder", cartId=cart["id"])
    assert seen["fulfillments"][0]["trackingNumber"] == "BR123"
    assert (seen["fulfillmentStatus"], seen["deliveries"][0]["address"]["city"]) == ("FULFILLED", "São Paulo")
    given = {"orderId": order["id"], "paymentId": order["payments"][0]["id"]}
    paid = await market.write("paymentSettle", given, "order { status paymentStatus }", who="owner")
    assert paid["order"] == {"status": "COMPLETED", "paymentStatus": "PAID"}
    assert (await market.run("storefront/guestOrder", cartId=cart["id"]))["status"] == "COMPLETED"
    assert (await market.shop.level("CAFE", "cd")).on_hand + (
        await market.shop.level("CAFE", "centro")
    ).on_hand == 38_000
    await assert_books(market.shop)


async def test_a_guest_picks_up_at_centro(market: Server):
    cart = (await market.done("storefront/createCart", lines=[{"variant": {"sku": "CANECA"}, "quantity": 1}]))["cart"]
    given = {"cartId": cart["id"], "method": "PICKUP", "locationId": market.location("centro")}
    cart = (await market.done("storefront/setDelivery", **given))["cart"]
    assert cart["deliveries"][0]["location"]["code"] == "centro"
    order = (await market.done("storefront/completeCheckout", cartId=cart["id"], tenders=[tender(4990)]))["order"]

    # The other shop's till knows nothing of it.
    line = {"orderId": order["id"], "locationId": market.location("praia")}
    refused = await market.run("pos/handOver", who="praia", input=line)
    assert [(each["__typename"], each["path"]) for each in refused["userErrors"]] == [
        ("NotFound", ["input", "orderId"])
    ]

    at_till = {"orderId": order["id"], "locationId": market.location("centro")}
    handed = await market.done("pos/handOver", who="till", **at_till)
    assert (handed["fulfillment"]["state"], handed["order"]["status"]) == ("COMPLETED", "OPEN")
    payment = {"paymentId": order["payments"][0]["id"], "expectedVersion": handed["order"]["version"]}
    paid = await market.done("pos/settlePayment", who="till", orderId=order["id"], **payment)
    assert (paid["order"]["status"], paid["order"]["payments"][0]["status"]) == ("COMPLETED", "CAPTURED")
    assert (await market.shop.level("CANECA", "centro")).on_hand == 0
    seen = await market.run("storefront/guestOrder", cartId=cart["id"])
    assert (seen["status"], seen["fulfillments"][0]["state"]) == ("COMPLETED", "COMPLETED")
    await assert_books(market.shop)


async def test_a_cart_belongs_to_who_has_its_id(market: Server):
    cart = (await market.done("storefront/createCart", lines=[{"variant": {"sku": "CANECA"}, "quantity": 1}]))["cart"]
    assert await market.run("storefront/guestOrder", cartId=cart["id"]) is None
    assert await market.run("storefront/showCart", id=encode("Cart", new_id())) is None
