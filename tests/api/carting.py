"""A counter at which carts are filled through the API, and what is asked of them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from app.api.engine.execute import Engine
from app.api.schema import schema
from app.identity import devices, staff, tokens
from app.identity.tokens import Bearer
from tests.api.counter import Counter
from tests.carts.selling import ship_method
from tests.shop import Shop

ADDRESS = {"name": "Ana", "line1": "Rua Um, 1", "city": "São Paulo", "region": "SP", "country": "BR"}
LINES = """cart { id version status
  lines { id name sku quantity variant { sku } unitPrice { gross { amount } } total { gross { amount } } heldUntil }
  totals { subtotal { amount } delivery { amount } total { amount currency } itemCount } }"""
CODES = "order { number }"
WHOLE = """{ __typename id version status channel { code } location { code } customer { email } note email coupons
  createdAt updatedAt expiresAt pricesPromisedUntil
  lines { __typename id name sku quantity heldUntil variant { id sku name }
    unitPrice { net { amount } gross { amount currency } tax { amount } } subtotal { gross { amount } }
    total { gross { amount } } taxes { name rate base { amount } amount { amount } }
    attributes { key value } discounts { label promotionId coupon reason amount { amount } }
    priceOverride { was { amount } reason staff { name } } }
  totals { subtotal { amount } discount { amount } delivery { amount } tax { amount } rounding { amount }
    total { amount currency } itemCount taxes { name rate base { amount } amount { amount } } }
  deliveries { id method option lineIds price { gross { amount } } location { code } address { city country } }
  deliveryOptions { code name method price { net { amount } gross { amount } } location { code } earliest latest }
  notices { code message lineId was { amount } now { amount } available }
  journey { channel { code } at } order { number } mergedInto { id } }"""


@pytest.fixture
async def desk(shop: Shop) -> Counter:
    """Tokens of an owner, of a cashier who works at praia, and of the till centro-1."""
    made = Counter(shop.db, Engine(schema))
    actor = shop.actor()
    for role, places in (("owner", None), ("cashier", [shop.locations["praia"]])):
        given: Any = {"name": role.title(), "email": f"{role}@feira.example", "role": role}
        given |= {"location_ids": places, "channel_ids": None}
        staff_id = await shop.db.run(partial(staff.create, actor=actor, given=given))
        bearer = Bearer("staff", staff_id)
        made.tokens[role] = (await shop.db.run(partial(tokens.create, actor=actor, bearer=bearer))).secret
    till: Any = {"name": "till", "register_id": shop.registers["centro-1"]}
    device_id = await shop.db.run(partial(devices.create, actor=actor, given=till))
    bearer = Bearer("device", device_id)
    made.tokens["till"] = (await shop.db.run(partial(tokens.create, actor=actor, bearer=bearer))).secret
    await shop.variant("CANECA", price=1990, name="Caneca", stock={"centro": 9000, "cd": 9000})
    await ship_method(shop, min_days=2, max_days=5)
    return made


def line(sku: str = "CANECA", **more: Any) -> dict[str, Any]:
    return {"variant": {"sku": sku}, **more}


async def create(desk: Counter, *lines: Mapping[str, Any], token: str | None = None, **more: Any) -> Any:
    payload = await desk.write("cartCreate", {"lines": list(lines), **more}, token=token, answer=LINES)
    assert payload["userErrors"] == []
    return payload["cart"]


async def refused(desk: Counter, mutation: str, given: Mapping[str, Any], *, token: str | None = None) -> Any:
    payload = await desk.write(mutation, given, token=token, answer="cart { id }")
    assert payload["cart"] is None
    return [(each["code"], each["path"]) for each in payload["userErrors"]]


async def read(desk: Counter, cart_id: str, fields: str = WHOLE, *, token: str | None = None, **more: Any) -> Any:
    document = f"query($id: ID!) {{ cart(id: $id) {fields} }}"
    return (await desk.ask(document, token=token, id=cart_id, **more))["cart"]
