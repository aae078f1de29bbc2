"""Whether every line of a cart can reach the shopper as was said."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row

from app.carts.basket import CARRY_OUT, PICKUP, SHIP, Basket, Delivery
from app.carts.ground import Case, Variants, ground_of
from app.carts.quote import offered
from app.channels.queries import locations_of_channel
from app.identity.principal import Actor, Principal
from app.platform.db import Tx
from app.platform.errors import InvalidInput, Refusal, collect

CART: Final = ("cartId",)


async def check_deliveries(tx: Tx, actor: Actor, basket: Basket, channel: Row[Any], variants: Variants) -> None:
    """Raises InvalidInput: DELIVERY_REQUIRED, OPTION_REQUIRED, METHOD_NOT_ALLOWED, LOCATION_CLOSED."""
    refusals: list[Refusal] = [
        _refused(f"Say how {line.sku or 'it'} reaches the shopper (cartDeliverySet).", "DELIVERY_REQUIRED")
        for line in basket.lines
        if variants[line.variant_id].requires_shipping and line.delivery_id is None
    ]
    pickups = [each for each in basket.deliveries if each.method == PICKUP]
    for delivery in basket.deliveries:
        if delivery.method == SHIP and delivery.option is None:
            refusals.append(_refused("Choose how it is shipped (cartDeliverySet).", "OPTION_REQUIRED"))
        if delivery.method == CARRY_OUT and not _hands_over(actor.principal, delivery):
            refusals.append(_refused("Only a till there hands goods over.", "METHOD_NOT_ALLOWED"))
    if pickups:
        refusals += await _check_pickups(tx, actor, basket, channel, pickups)
    collect(refusals)


def _hands_over(principal: Principal, delivery: Delivery) -> bool:
    return principal.may("payments.settle") and principal.works_at(delivery.location_id)


async def _check_pickups(
    tx: Tx, actor: Actor, basket: Basket, channel: Row[Any], pickups: Sequence[Delivery]
) -> list[Refusal]:
    places = {each.id: each for each in await locations_of_channel(tx, channel.id)}
    refusals: list[Refusal] = []
    if any(each.location_id not in places or not places[each.location_id].offers_pickup for each in pickups):
        refusals.append(_refused("Nothing can be picked up there any more.", "LOCATION_CLOSED"))
    if any(each.option is None for each in pickups):
        case = Case(basket, channel, anew=False)
        ground = await ground_of(tx, [case], actor.now)
        # One way is chosen by itself; what came after the quote does not undo it.
        if any(
            len(offered(ground, case, PICKUP, each, basket.lines_of(each))) > 1
            for each in pickups
            if each.option is None
        ):
            refusals.append(_refused("Choose how it is picked up (cartDeliverySet).", "OPTION_REQUIRED"))
    return refusals


def _refused(message: str, code: str) -> InvalidInput:
    return InvalidInput(message, path=CART, code=code)
