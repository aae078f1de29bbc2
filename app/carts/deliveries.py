"""How the lines of a cart reach the shopper: carried out, shipped, picked up; which options there are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.carts.basket import CARRY_OUT, PICKUP, SHIP, Basket, Delivery, Line
from app.carts.quote import parcel_of, quote
from app.carts.write import finish, lock
from app.channels.queries import channels_by_ids, locations_of_channel
from app.delivery import options
from app.delivery.options import Option, Parcel
from app.identity.principal import Actor
from app.inventory.availability import available, stock_of
from app.inventory.reservations import held_by
from app.platform.db import Reader, Tx
from app.platform.errors import InvalidInput, NotFound, Refusal
from app.platform.ids import new_id


@dataclass(frozen=True, slots=True)
class Way:
    """A delivery to set. `option`: a delivery method's code; PICKUP names the location, SHIP the address."""

    method: str
    option: str | None = None
    location_id: UUID | None = None
    address: dict[str, Any] | None = None


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
    OPTION_NOT_OFFERED, METHOD_NOT_ALLOWED), InsufficientStock where the goods are not there.
    """
    basket = await lock(tx, actor, cart_id, expected_version)
    lines = chosen_lines(basket, line_ids)
    if not lines:
        raise InvalidInput("The cart has no lines.", path=("lineIds",), code="EMPTY")
    channel = (await channels_by_ids(tx, [basket.row.channel_id]))[basket.row.channel_id]
    delivery = await _checked(tx, actor, basket, way, lines, channel)
    existing = next((each for each in basket.deliveries if _same(each, delivery)), None)
    if existing is None:
        basket.deliveries.append(delivery)
        existing = delivery
    for line in lines:
        line.delivery_id = existing.id
        line.path = ()
    await finish(tx, actor, basket)
    if way.option is not None and existing.option is None:
        raise InvalidInput("This option is not offered.", path=("option",), code="OPTION_NOT_OFFERED")
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
    return replace(one, id=other.id, net=None, gross=None, taxes=[]) == other


async def _checked(
    tx: Tx, actor: Actor, basket: Basket, way: Way, lines: Sequence[Line], channel: Row[Any]
) -> Delivery:
    delivery = Delivery(id=new_id(), method=way.method, option=way.option)
    if way.method == SHIP:
        return _shipped(basket, delivery, way, lines)
    if way.method == CARRY_OUT and not actor.principal.may("payments.settle"):
        raise InvalidInput("Only a till hands goods over.", path=("method",), code="METHOD_NOT_ALLOWED")
    if way.method == CARRY_OUT and way.option is not None:
        raise InvalidInput("Carrying out has no options.", path=("option",), code="OPTION_NOT_OFFERED")
    delivery.location_id = await _place(tx, basket, way, channel)
    if way.method == PICKUP and delivery.option is None:
        delivery.option = await _only_pickup(tx, channel, actor.now)
    return delivery


def _shipped(basket: Basket, delivery: Delivery, way: Way, lines: Sequence[Line]) -> Delivery:
    before = next((each for each in map(basket.delivery_of, lines) if each and each.method == SHIP), None)
    delivery.address = way.address or (before.address if before else None)
    if delivery.address is None:
        raise InvalidInput("Shipping needs an address.", path=("address",), code="ADDRESS_REQUIRED")
    if way.location_id is not None:
        raise InvalidInput("Shipping chooses its location itself.", path=("locationId",), code="NOT_FOR_METHOD")
    return delivery


async def _place(tx: Tx, basket: Basket, way: Way, channel: Row[Any]) -> UUID:
    """Where goods are picked up or carried out."""
    location_id: UUID | None = way.location_id
    if location_id is None and way.method == CARRY_OUT:
        location_id = basket.now_is("location_id")
    if location_id is None:
        raise InvalidInput("Name the location.", path=("locationId",), code="LOCATION_REQUIRED")
    places = {each.id: each for each in await locations_of_channel(tx, channel.id)}
    if location_id not in places:
        raise NotFound("This channel sells from no such location.", path=("locationId",))
    if way.method == PICKUP and not places[location_id].offers_pickup:
        raise InvalidInput("Nothing can be picked up there.", path=("locationId",), code="NO_PICKUP")
    return location_id


async def _only_pickup(tx: Tx, channel: Row[Any], now: datetime) -> str | None:
    """Where there is one way to pick up, it need not be named."""
    parcel = Parcel(weight_grams=0, goods_total=0)
    place = (channel.country, channel.region)
    offered = await options.options_for(tx, channel=channel, method=PICKUP, parcel=parcel, place=place, moment=now)
    return offered[0].code if len(offered) == 1 else None


@dataclass(frozen=True, slots=True)
class Offer:
    """A delivery option for some lines; `location_id` where they would be picked up or carried out."""

    option: Option
    location_id: UUID | None


async def offers(
    db: Reader,
    basket: Basket,
    *,
    now: datetime,
    line_ids: Sequence[UUID] | None = None,
    address: dict[str, Any] | None = None,
) -> list[Offer]:
    """What can be chosen for these lines (None: all): shipping to the address, and pickup where all of it is there."""
    channel = (await channels_by_ids(db, [basket.row.channel_id]))[basket.row.channel_id]
    lines = chosen_lines(basket, line_ids)
    if not lines:
        return []
    try:
        quoted = await quote(db, basket, channel=channel, now=now, anew=not basket.promised(now))
    except Refusal:
        return []
    by_line = {line.id: line for line in quoted.totals.lines}
    parcel = parcel_of(lines, by_line, quoted.variants, channel.prices_include_tax)
    if address is None:
        address = next((each.address for each in map(basket.delivery_of, lines) if each and each.address), None)
    place = (address["country"], address.get("region")) if address else (channel.country, channel.region)
    found = [
        Offer(option, None)
        for option in await options.options_for(
            db, channel=channel, method=SHIP, parcel=parcel, place=place, moment=now
        )
    ]
    pickups = await options.options_for(db, channel=channel, method=PICKUP, parcel=parcel, place=place, moment=now)
    tracked = [line for line in lines if (v := quoted.variants.get(line.variant_id)) is not None and v.track_stock]
    for location in await _with_all(db, basket, tracked, channel):
        found += [Offer(option, location.id) for option in pickups]
    return found


async def _with_all(db: Reader, basket: Basket, lines: Sequence[Line], channel: Row[Any]) -> list[Row[Any]]:
    """Locations that offer pickup and have all of these lines, what the cart itself holds there included."""
    places = [each for each in await locations_of_channel(db, channel.id) if each.offers_pickup]
    stock = await stock_of(db, [line.variant_id for line in lines], [each.id for each in places])
    held = await held_by(db, basket.id)
    need: dict[UUID, int] = {}
    for line in lines:
        need[line.variant_id] = need.get(line.variant_id, 0) + line.quantity

    def has(location_id: UUID, variant_id: UUID, quantity: int) -> bool:
        level = stock.get(variant_id, {}).get(location_id)
        there = available(level, ignores_safety_stock=channel.ignores_safety_stock) if level else 0
        return there + held.get((variant_id, location_id), 0) >= quantity

    return [each for each in places if all(has(each.id, key, quantity) for key, quantity in need.items())]
