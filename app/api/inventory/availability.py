"""What a channel can promise of variants and products. `app.api.catalog` asks here."""

from asyncio import ensure_future, shield
from collections.abc import Sequence
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.channels.types import Location
from app.api.context import Context
from app.api.engine.sheets import again
from app.api.scalars import Quantity
from app.channels.queries import locations_of_channel
from app.inventory.availability import Stock, available, is_unbounded, obtainable, stock_of

value = strawberry.enum_value


@strawberry.enum(description="Whether something can be promised.")
class AvailabilityStatus(Enum):
    IN_STOCK = value("IN_STOCK", description="There is enough.")
    LOW_STOCK = value("LOW_STOCK", description="There is little left, by the channel's setting.")
    BACKORDER = value("BACKORDER", description="There is none, but it may be ordered all the same.")
    OUT_OF_STOCK = value("OUT_OF_STOCK", description="There is none.")


@strawberry.type(description="What can be promised at one location.")
class LocationAvailability:
    location: Location = strawberry.field(description="Where.")
    status: AvailabilityStatus = strawberry.field(description="Whether it can be promised there.")
    available: Quantity | None = strawberry.field(description="How many; null as in `Availability`.")
    offers_pickup: bool = strawberry.field(description="Whether shoppers may pick up there.")


@strawberry.type(
    description="`available` is null where stock is not tracked, backorder is unbounded, "
    "or the channel shows the status only."
)
class Availability:
    status: AvailabilityStatus = strawberry.field(description="Whether it can be promised.")
    available: Quantity | None = strawberry.field(description="How many are there to promise, without backorders.")
    by_location: list[LocationAvailability] = strawberry.field(description="Each of the locations asked about.")


async def availability_of(
    context: Context,
    variants: Sequence[tuple[UUID, bool]],
    location_id: UUID | None,
    parents: Sequence[Any] = (),
) -> list[Availability]:
    """For each (variant, whether its stock is tracked): what this request's channel can promise of it.

    In all the channel's locations together, or in one of them; a location that the channel does not sell from has
    nothing. Staff and devices see quantities where the channel hides them from shoppers. `parents`: the variants, as
    the engine gave them.
    """
    places = [place for place in await places_of(context) if location_id in (None, place.id)]
    tracked = {variant_id for variant_id, is_tracked in variants if is_tracked}
    stock = await stock_of(context.db, tracked, [place.id for place in places])

    def promises() -> list[Availability]:
        shown = [Location.of(place, context) for place in places]
        nowhere: dict[UUID, Stock] = {place.id: Stock() for place in places}
        return [
            _promise(context, places, shown, stock.get(variant_id, nowhere)) if is_tracked else _always(places, shown)
            for variant_id, is_tracked in variants
        ]

    channel = context.channel
    return again(
        parents, (stock, places, tells_quantities(context), channel.ignores_safety_stock, channel.low_stock), promises
    )


async def places_of(context: Context) -> Sequence[Row[Any]]:
    """The channel's locations in its order, read once in a request, however many fields ask at a time."""
    if (catalog := context.followed) is not None:
        settings = catalog.settings_kept() or await catalog.settings(context.now)
        return settings.places.get(context.channel.id, ())
    key = ("locations_of_channel", context.channel.id)
    reading = context.memory.get(key)
    if reading is None:
        reading = context.memory[key] = ensure_future(locations_of_channel(context.db, context.channel.id))
    places: Sequence[Row[Any]] = await shield(reading)
    return places


def _promise(
    context: Context, places: Sequence[Row[Any]], shown: Sequence[Location], stock: dict[UUID, Stock]
) -> Availability:
    channel = context.channel
    ignores = channel.ignores_safety_stock
    tells = tells_quantities(context)
    by_location = []
    total, unbounded, backorder = 0, False, False
    for place, location in zip(places, shown, strict=True):
        here = stock[place.id]
        quantity = available(here, ignores_safety_stock=ignores)
        more = obtainable(here, ignores_safety_stock=ignores) > 0
        total += quantity
        unbounded |= is_unbounded(here)
        backorder |= more
        by_location.append(
            LocationAvailability(
                location=location,
                status=status_of(quantity, more, channel.low_stock),
                available=Quantity(quantity) if tells and not is_unbounded(here) else None,
                offers_pickup=place.offers_pickup,
            )
        )
    return Availability(
        status=status_of(total, backorder, channel.low_stock),
        available=Quantity(total) if tells and not unbounded else None,
        by_location=by_location,
    )


def tells_quantities(context: Context) -> bool:
    """Whether the caller sees quantities."""
    return context.channel.shows_quantities or context.principal.kind in ("staff", "device")


def status_of(quantity: int, backorder: bool, low: int) -> AvailabilityStatus:
    """Of so many thousandths, `backorder`: or some that may be owed; `low` and fewer are little."""
    if quantity > 0:
        return AvailabilityStatus.LOW_STOCK if quantity <= low else AvailabilityStatus.IN_STOCK
    return AvailabilityStatus.BACKORDER if backorder else AvailabilityStatus.OUT_OF_STOCK


def _always(places: Sequence[Row[Any]], shown: Sequence[Location]) -> Availability:
    """What is not counted is always there."""
    status = AvailabilityStatus.IN_STOCK
    by_location = [
        LocationAvailability(location=location, status=status, available=None, offers_pickup=place.offers_pickup)
        for place, location in zip(places, shown, strict=True)
    ]
    return Availability(status=status, available=None, by_location=by_location)
