"""The price that a cart is sold at: what was promised, else what the shopper has agreed to."""

from typing import Any

from sqlalchemy import Row

from app.carts.basket import Basket, Line
from app.carts.quote import Quoted, quote
from app.checkout.errors import PriceChanged
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import Path, Refusal, collect


async def settled_quote(tx: Tx, actor: Actor, basket: Basket, channel: Row[Any], *, agreed: bool) -> Quoted | None:
    """Put today's prices into the cart once its promise is over; None while it lasts, and the stored prices stand.

    `agreed`: the shopper names the total, which `check_expected` compares. Else today's total must be the stored one:
    raises PriceChanged, one for each line that moved, or one for the cart where none did.
    """
    if basket.promised(actor.now):
        return None
    before = {line.id: line.total(basket.row.shows_tax) for line in basket.lines}
    stored = basket.row.total - basket.row.rounding
    quoted = await quote(tx, basket, channel=channel, now=actor.now, anew=True)
    fresh = basket.changes["total"]
    if not agreed and fresh != stored:
        now = {line.id: line.total(channel.prices_include_tax) for line in basket.lines}
        moved: list[Refusal] = [
            _changed(basket, before[line.id], now[line.id], line)
            for line in basket.lines
            if now[line.id] != before[line.id]
        ]
        collect(moved or [_changed(basket, stored, fresh, None)])
    return quoted


def check_expected(basket: Basket, expected: int | None, total: int) -> None:
    """Raises PriceChanged unless the shopper agreed to this total, before or after cash rounding. None: not said."""
    if expected is not None and expected not in (total, total - basket.now_is("rounding")):
        raise _changed(basket, expected, total, None, ("expectedTotal",))


def _changed(basket: Basket, was: int, now: int, line: Line | None, path: Path = ()) -> PriceChanged:
    return PriceChanged(
        "The price has changed: show the shopper the cart, and try again.",
        cart_id=basket.id,
        was=was,
        now=now,
        currency=basket.row.currency,
        line_id=line.id if line is not None else None,
        path=path,
    )
