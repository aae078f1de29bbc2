"""How the lines of a cart reach the shopper: carried out, shipped, picked up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.carts.basket import CARRY_OUT, PICKUP, SHIP, Basket, Delivery, Line
from app.carts.write import channel_of, finish, lock
from app.channels.addresses import address
from app.channels.queries import locations_of_channel
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound
from app.platform.ids import new_id


@dataclass(frozen=True, slots=True)
class Way:
    """A delivery to set. `option`: a delivery method's code; PICKUP names the location, SHIP the address."""

    method: str
    option: str | None = None
    location_id: UUID | None = None
    address: Mapping[str, Any] | None = None


async def set_delivery(
    tx: Tx,
    actor: Actor,
    *,
    cart_id: UUID | None,
    expected_version: int | None,
    way: Way,
    line_ids: Sequence[UUID] | None = None,
) -> UUID:
    """Say how these lines (None: all) reach the shopper, and move their holds to where that is.

    Raises NotFound, VersionConflict, InvalidInput (EMPTY, LOCATION_REQUIRED, NO_PICKUP, ADDRESS_REQUIRED,
    OPTION_NOT_OFFERED, METHOD_NOT_ALLOWED, NOT_FOR_METHOD), InsufficientStock where the goods are not there.
    """
    basket = await lock(tx, actor, cart_id, expected_version)
    lines = chosen_lines(basket, line_ids)
    if not lines:
        raise InvalidInput("There are no lines to deliver.", path=("lineIds",), code="EMPTY")
    channel = await channel_of(tx, basket)
    delivery = await _checked(tx, actor, basket, way, lines, channel)
    existing = next((each for each in basket.deliveries if _same(each, delivery)), None)
    if existing is None:
        basket.deliveries.append(delivery)
        existing = delivery
    path = ("locationId",) if way.location_id is not None else ("method",)
    for line in lines:
        line.delivery_id = existing.id
        line.touched, line.path = True, path
    await finish(tx, actor, basket, channel=channel)
    if way.option is not None and existing.option != way.option:
        raise _not_offered()
    return basket.id


def chosen_lines(basket: Basket, line_ids: Sequence[UUID] | None) -> list[Line]:
    """These lines of the cart, or all. Raises NotFound at `lineIds`."""
    if line_ids is None:
        return basket.lines
    by_id = {line.id: line for line in basket.lines}
    for index, line_id in enumerate(line_ids):
        if line_id not in by_id:
            raise NotFound("The cart has no such line.", path=("lineIds", str(index)))
    return [by_id[line_id] for line_id in dict.fromkeys(line_ids)]


def _same(one: Delivery, other: Delivery) -> bool:
    return (one.method, one.option, one.location_id, one.address) == (
        other.method,
        other.option,
        other.location_id,
        other.address,
    )


async def _checked(
    tx: Tx, actor: Actor, basket: Basket, way: Way, lines: Sequence[Line], channel: Row[Any]
) -> Delivery:
    delivery = Delivery(id=new_id(), method=way.method, option=way.option)
    if way.method == SHIP:
        if way.location_id is not None:
            raise InvalidInput("Shipping chooses its location itself.", path=("locationId",), code="NOT_FOR_METHOD")
        delivery.address = _address(basket, way, lines)
        return delivery
    if way.address is not None:
        raise InvalidInput("Only what is shipped has an address.", path=("address",), code="NOT_FOR_METHOD")
    if way.method == CARRY_OUT and not actor.principal.may("payments.settle"):
        raise InvalidInput("Only a till hands goods over.", path=("method",), code="METHOD_NOT_ALLOWED")
    if way.method == CARRY_OUT and way.option is not None:
        raise _not_offered()
    delivery.location_id = await _place(tx, actor, basket, way, channel)
    return delivery


def _address(basket: Basket, way: Way, lines: Sequence[Line]) -> dict[str, Any]:
    """The one given, else the one that the lines are shipped to already."""
    if way.address is not None:
        return address(way.address, ("address",))
    before = next((each for each in map(basket.delivery_of, lines) if each is not None and each.method == SHIP), None)
    if before is None or before.address is None:
        raise InvalidInput("Shipping needs an address.", path=("address",), code="ADDRESS_REQUIRED")
    return before.address


async def _place(tx: Tx, actor: Actor, basket: Basket, way: Way, channel: Row[Any]) -> UUID:
    """Where goods are picked up or carried out. Left out, they are carried out where the cart is, or the caller."""
    location_id = way.location_id
    if location_id is None and way.method == CARRY_OUT:
        own = actor.principal.location_ids or frozenset()
        location_id = basket.now_is("location_id") or (next(iter(own)) if len(own) == 1 else None)
    if location_id is None:
        raise InvalidInput("Name the location.", path=("locationId",), code="LOCATION_REQUIRED")
    places = {each.id: each for each in await locations_of_channel(tx, channel.id)}
    if location_id not in places:
        raise NotFound("This channel sells from no such location.", path=("locationId",))
    if way.method == CARRY_OUT and not actor.principal.works_at(location_id):
        raise NotFound("This location is not among yours.", path=("locationId",))
    if way.method == PICKUP and not places[location_id].offers_pickup:
        raise InvalidInput("Nothing can be picked up there.", path=("locationId",), code="NO_PICKUP")
    return location_id


def _not_offered() -> InvalidInput:
    return InvalidInput("This option is not offered.", path=("option",), code="OPTION_NOT_OFFERED")
