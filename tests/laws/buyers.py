"""Many buyers at once over HTTP: what each was told."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tests.api.server import Server, money

CREATE = """mutation Create($input: CartCreateInput!) { cartCreate(input: $input) {
  cart { id version totals { total { amount } } } userErrors { __typename code } } }"""
CHECK_OUT = """mutation CheckOut($input: CheckoutCompleteInput!) { checkoutComplete(input: $input) {
  order { id number } change { amount } replayed userErrors { __typename code } } }"""

OK = "ok"


def told(payload: dict[str, Any]) -> str:
    """`OK`, or the codes of what it was refused with."""
    return ",".join(sorted({error["code"] for error in payload["userErrors"]})) or OK


async def open_cart(market: Server, *skus: str, who: str | None = "till", quantity: int = 1) -> dict[str, Any]:
    """What `cartCreate` says."""
    lines = [{"variant": {"sku": sku}, "quantity": quantity} for sku in skus]
    payload: dict[str, Any] = (await market.ask(CREATE, {"input": {"lines": lines}}, who=who))["cartCreate"]
    return payload


async def check_out(market: Server, cart: dict[str, Any], *, who: str | None = "till", **more: Any) -> dict[str, Any]:
    """What `checkoutComplete` says, paid in cash."""
    amount = round(float(cart["totals"]["total"]["amount"]) * 100)
    given = {"cartId": cart["id"], "tenders": [{"method": "CASH", "amount": money(amount)}], **more}
    payload: dict[str, Any] = (await market.ask(CHECK_OUT, {"input": given}, who=who))["checkoutComplete"]
    return payload


async def buy(market: Server, *skus: str) -> str:
    """Cart and checkout; what the first refusal was, if any."""
    opened = await open_cart(market, *skus)
    if opened["userErrors"]:
        return told(opened)
    return told(await check_out(market, opened["cart"]))


async def all_at_once(call: Callable[[int], Awaitable[str]], numbers: Sequence[int]) -> Counter[str]:
    """What the calls were told, counted. Anything but a payload raises here."""
    return Counter(await asyncio.gather(*(call(number) for number in numbers)))
