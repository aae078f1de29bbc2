"""Stories of a till: it finds out who it is, sells the last mug, weighs cheese, and looks at its day."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from app.catalog.barcodes import check_digit
from app.platform import clock
from tests.api.server import Server, money, tender
from tests.checkout.counter import UNIT, assert_books

TILL = "till"


async def status_on_site(market: Server, slug: str = "caneca") -> Any:
    """Whether the shop window has it, and how many of its one variant can be bought."""
    page = await market.run("storefront/productPage", slug=slug)
    [variant] = page["variants"]["nodes"]
    return variant["availability"]["status"], variant["availability"]["available"]


async def test_the_last_mug_is_sold_at_the_till_and_gone_from_the_site(market: Server):
    me = await market.run("pos/whoAmI", who=TILL)
    assert (me["register"]["code"], me["register"]["location"]["code"], me["staff"]) == ("centro-1", "centro", None)
    assert (me["channel"]["code"], "payments.settle" in me["permissions"]) == ("pos", True)
    assert await status_on_site(market) == ("LOW_STOCK", 1)

    sale = (await market.done("pos/startSale", who=TILL, lines=[{"variant": {"sku": "CANECA"}}]))["cart"]
    assert (sale["location"]["code"], sale["totals"]["total"]) == ("centro", {"amount": "49.90", "currency": "BRL"})
    # The till holds it: nobody else can have it now.
    assert await status_on_site(market) == ("OUT_OF_STOCK", 0)
    refused = await market.run(
        "storefront/createCart", input={"lines": [{"variant": {"sku": "CANECA"}, "quantity": 1}]}
    )
    [short] = refused["userErrors"]
    assert (short["__typename"], short["available"], refused["cart"]) == ("InsufficientStock", 0, None)

    given = {
        "operationId": str(uuid4()),
        "cartId": sale["id"],
        "expectedVersion": sale["version"],
        "expectedTotal": money(4990),
        "tenders": [tender(4990, received=money(5000))],
        "receiptNumber": "centro-1-0001",
    }
    sold = await market.done("pos/sell", who=TILL, **given)
    order = sold["order"]
    assert sold["change"] == {"amount": "0.10", "currency": "BRL"}
    assert (order["status"], order["paymentStatus"], order["fulfillmentStatus"]) == ("COMPLETED", "PAID", "FULFILLED")
    assert (order["register"]["code"], order["payments"][0]["status"]) == ("centro-1", "CAPTURED")
    assert order["lines"][0]["taxes"][0]["amount"]["amount"] == order["totals"]["tax"]["amount"] == "7.61"

    # The answer was lost: the till asks again, and is told the same.
    again = await market.done("pos/sell", who=TILL, **given)
    assert (again["replayed"], sold["replayed"]) == (True, False)
    assert again["order"] == order
    assert again["change"] == sold["change"]

    assert await status_on_site(market) == ("OUT_OF_STOCK", 0)
    window = await market.run("storefront/listProducts", first=10, filter={"inStock": True})
    assert [each["slug"] for each in window["nodes"]] == ["cafe"]
    level = await market.shop.level("CANECA", "centro")
    assert (level.on_hand, level.reserved) == (0, 0)
    await assert_books(market.shop)


async def test_a_weighed_label_is_charged_as_it_says(market: Server):
    await market.shop.variant(
        "QUEIJO", price=5990, unit="kg", quantity_step=1, scale_code="51234", stock={"centro": 9 * UNIT}
    )
    label = "251234000350"
    code = label + check_digit(label)
    scan = await market.run("pos/scan", who=TILL, code=code)
    assert (scan["variant"]["sku"], scan["variant"]["unit"], scan["quantity"]) == ("QUEIJO", "kg", 0.35)

    sale = (await market.done("pos/startSale", who=TILL))["cart"]
    line = {"variant": {"barcode": code}}
    sale = (await market.done("pos/addLine", who=TILL, cartId=sale["id"], expectedVersion=1, lines=[line]))["cart"]
    assert (sale["lines"][0]["quantity"], sale["totals"]["total"]["amount"]) == (0.35, "20.97")
    change = [{"lineId": sale["lines"][0]["id"], "quantity": 0.5}]
    sale = (await market.done("pos/changeLine", who=TILL, cartId=sale["id"], lines=change))["cart"]
    assert sale["totals"]["total"]["amount"] == "29.95"
    tenders = [tender(2000), tender(995, "CARD_TERMINAL", reference="NSU 42")]
    order = (await market.done("pos/sell", who=TILL, cartId=sale["id"], tenders=tenders))["order"]
    assert [each["reference"] for each in order["payments"]] == [None, "NSU 42"]
    assert order["totals"]["itemCount"] == 1
    [level] = [
        each
        for each in (await market.run("pos/stockHere", who=TILL, first=10, locationId=market.location("centro")))[
            "nodes"
        ]
        if each["variant"]["sku"] == "QUEIJO"
    ]
    assert (level["onHand"], level["reserved"]) == (8.5, 0)
    await assert_books(market.shop)


async def test_the_day_of_a_till(market: Server):
    numbers = []
    for place, who in (("centro", TILL), ("praia", "praia"), ("centro", TILL)):
        sale = (await market.done("pos/startSale", who=who, lines=[{"variant": {"sku": "CAFE"}, "quantity": 2}]))[
            "cart"
        ]
        assert sale["location"]["code"] == place
        order = (await market.done("pos/sell", who=who, cartId=sale["id"], tenders=[tender(6500)]))["order"]
        numbers.append(order["number"])
    day = {"from": (clock.now() - timedelta(hours=1)).isoformat(), "to": (clock.now() + timedelta(hours=1)).isoformat()}
    here = await market.run("pos/dayOrders", who=TILL, first=1, **day)
    assert (here["totalCount"], [each["number"] for each in here["nodes"]]) == (2, [numbers[2]])
    assert here["pageInfo"]["hasNextPage"]
    rest = await market.run("pos/dayOrders", who=TILL, first=5, after=here["pageInfo"]["endCursor"], **day)
    assert ([each["number"] for each in rest["nodes"]], rest["pageInfo"]["hasNextPage"]) == ([numbers[0]], False)
    assert rest["nodes"][0]["totals"] == {"total": {"amount": "65.00", "currency": "BRL"}, "itemCount": 2}
    tomorrow = day | {"from": day["to"]}
    assert (await market.run("pos/dayOrders", who=TILL, first=5, **tomorrow))["nodes"] == []
