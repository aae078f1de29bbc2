"""What tests of the orders' API share: orders that are there, how they are asked for, and that nothing was written."""

from typing import Any

from sqlalchemy import func, select

from app.carts.tables import cart as carts
from app.events.tables import outbox
from app.orders.tables import order as orders
from app.platform.tables import operation
from tests.api.server import Server
from tests.checkout.counter import ADDRESS
from tests.laws.buyers import check_out, open_cart
from tests.shop import Shop

JSON = {"content-type": "application/json"}
WHOLE = """{ __typename id number status paymentStatus fulfillmentStatus email receiptNumber version
  placedAt recordedAt updatedAt channel { code } location { code } customer { id } register { code } soldBy { name }
  lines { id name sku quantity fulfilled returned cancelled variant { sku } attributes { key value }
    unitPrice { net { amount } gross { amount } tax { amount } } subtotal { gross { amount } }
    total { gross { amount } } taxes { name rate base { amount } amount { amount } } discounts { label }
    priceOverride { was { amount } reason } }
  totals { subtotal { amount } discount { amount } delivery { amount } tax { amount } rounding { amount }
    total { amount currency } itemCount taxes { name rate amount { amount } } }
  deliveries { id method option price { gross { amount } } location { code } address { name city country } lineIds }
  payments { id method label status amount { amount } refunded { amount } received { amount } reference createdAt
    order { id } }
  refunds { id status method amount { amount } reason createdAt payment { id } order { id } }
  fulfillments { id method state carrier trackingNumber trackingUrl createdAt location { code } order { id }
    lines { quantity line { id name } } }
  journey { channel { code } at } }"""
ORDER = f"query Order($by: OrderBy!) {{ order(by: $by) {WHOLE} }}"


async def shipped(market: Server, quantity: int = 1) -> tuple[str, dict[str, Any]]:
    """A guest's order that is to be sent: the cart's id, and id and number."""
    cart = (await open_cart(market, "CANECA", who=None, quantity=quantity))["cart"]
    put = {"cartId": cart["id"], "method": "SHIP", "option": "sedex", "address": ADDRESS}
    done = await market.write("cartDeliverySet", put, "cart { id totals { total { amount } } }")
    return cart["id"], (await check_out(market, done["cart"], who=None))["order"]


async def picked_up(market: Server) -> tuple[str, dict[str, Any]]:
    """A guest's order that is to be picked up at centro."""
    cart = (await open_cart(market, "CANECA", who=None))["cart"]
    put = {"cartId": cart["id"], "method": "PICKUP", "locationId": market.location("centro")}
    assert (await market.write("cartDeliverySet", put))["userErrors"] == []
    return cart["id"], (await check_out(market, cart, who=None))["order"]


async def find(market: Server, by: dict[str, Any], who: str | None = None) -> Any:
    return (await market.ask(ORDER, {"by": by}, who=who))["order"]


async def state(shop: Shop) -> Any:
    counted = [await shop.db.value(select(func.count()).select_from(table)) for table in (outbox, operation, orders)]
    return *counted, await shop.db.value(select(func.sum(carts.c.version)))


async def refused(market: Server, mutation: str, given: dict[str, Any], who: str | None = "owner") -> Any:
    """(type, code, path) of what it was refused with, and nothing was written."""
    before = await state(market.shop)
    payload = await market.write(mutation, given, who=who)
    assert payload["userErrors"], given
    assert await state(market.shop) == before
    return [(each["__typename"], each["code"], each["path"]) for each in payload["userErrors"]]


def at(*path: str) -> list[str]:
    return ["input", *path]
