"""Stories of many channels that see the same: live, and after having been away."""

from tests.api.live import followed
from tests.api.server import Server, money, tender

TILL = "till"


async def head(market: Server) -> str:
    """How far the feed is."""
    data = await market.ask("{ changes(first: 0) { head } }")
    found: str = data["changes"]["head"]
    return found


async def reprice(market: Server, amount: int) -> None:
    lists = await market.ask("{ priceLists { id } }", who="owner")
    change = {"variant": {"sku": "CAFE"}, "amount": money(amount)}
    given = {"priceListId": lists["priceLists"][0]["id"], "changes": [change]}
    payload = await market.write("pricesSet", given, who="owner")
    assert payload["userErrors"] == []


async def test_a_till_that_was_off_learns_the_new_price(market: Server):
    position = await head(market)
    await reprice(market, 2990)
    await reprice(market, 3990)

    page = await market.run("pos/catchUp", who=TILL, after=position)
    [told] = [one for one in page["changes"] if one["topic"] == "PRICE"]
    assert told["entity"]["sku"] == "CAFE"
    assert told["entity"]["price"]["unitPrice"] == {"amount": "39.90", "currency": "BRL"}
    assert (page["hasMore"], page["snapshotRequired"]) == (False, False)

    async with followed(market, "pos/follow", TILL, after=page["endPosition"]) as live:
        await reprice(market, 4190)
        event = await live.until(lambda page: page["changes"])
        [told] = event["changes"]
        assert told["entity"]["price"]["unitPrice"]["amount"] == "41.90"

    # The storefront and the app are told of the same, as the same entity.
    entity = told["entityId"]
    shop_window = await market.run("storefront/refreshCatalog", after=position)
    assert [one["entityId"] for one in shop_window["changes"]] == [entity]
    assert shop_window["changes"][0]["entity"]["product"]["slug"] == "cafe"
    phone = await market.run("mobile/catchUp", after=position)
    assert [(one["topic"], one["entityId"]) for one in phone["changes"]] == [("PRICE", entity)]


async def test_what_the_till_sells_is_gone_from_the_page_that_is_open(market: Server):
    async with followed(market, "storefront/liveStock", variants=[{"sku": "CANECA"}]) as page:
        assert (await page.next())["availability"] == {"status": "LOW_STOCK", "available": 1}
        sale = (await market.done("pos/startSale", who=TILL, lines=[{"variant": {"sku": "CANECA"}}]))["cart"]
        assert (await page.next())["availability"] == {"status": "OUT_OF_STOCK", "available": 0}
        await market.done("pos/sell", who=TILL, cartId=sale["id"], tenders=[tender(4990)])


async def test_a_cart_and_its_order_are_followed_on_another_screen(market: Server):
    made = await market.done("storefront/createCart", lines=[{"variant": {"sku": "CAFE"}, "quantity": 1}])
    cart = made["cart"]
    async with (
        followed(market, "mobile/followCart", id=cart["id"]) as phone,
        followed(market, "storefront/followOrder", cartId=cart["id"]) as page,
    ):
        assert (await phone.next())["totals"]["itemCount"] == 1
        assert await page.next() is None
        change = {"lineId": cart["lines"][0]["id"], "quantity": 2}
        await market.done("storefront/updateCart", cartId=cart["id"], lines=[change])
        assert (await phone.next())["lines"][0]["quantity"] == 2
        at = market.location("centro")
        await market.done("storefront/setDelivery", cartId=cart["id"], method="PICKUP", locationId=at)
        sold = await market.done("storefront/completeCheckout", cartId=cart["id"], tenders=[tender(6500)])
        number = sold["order"]["number"]
        assert (await phone.until(lambda cart: cart["status"] == "ORDERED"))["order"] == {"number": number}
        assert (await page.until(bool))["number"] == number
        await market.done("pos/handOver", who=TILL, orderId=sold["order"]["id"], locationId=at)
        assert (await page.until(lambda order: order["fulfillmentStatus"] == "FULFILLED"))["number"] == number


async def test_who_runs_the_shop_sees_that_all_have_caught_up(market: Server):
    await reprice(market, 2990)
    page = await market.run("pos/catchUp", who=TILL, after="0")
    query = "mutation($input: FollowerAcknowledgeInput!) { followerAcknowledge(input: $input) { userErrors { code } } }"
    for position in ("0", page["endPosition"]):
        await market.ask(query, {"input": {"name": "till", "position": position}}, who=TILL)
        seen = await market.run("backoffice/convergence", who="owner", followers=10, divergences=10)
        [till] = seen["followers"]
        assert (till["name"], till["credential"]["register"]["code"]) == ("till", "centro-1")
        assert (till["lag"] == 0) == (position == page["endPosition"])
    assert till["state"] == "FOLLOWING"
