"""What the request's channel can promise of variants, its locations together: told by the page that they came with,
else read in one small statement for all who ask.

Always of the levels, whatever else is kept. Fields that ask for the same at a time, or one after the other, are told
the same; after a write it is read anew.
"""

from asyncio import Future, ensure_future, shield
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Protocol, TypeAlias, TypeVar
from uuid import UUID

from sqlalchemy import Row

from app.api.context import Context
from app.api.inventory.availability import Availability, AvailabilityStatus, places_of, status_of
from app.api.inventory.counted import Counted as Known
from app.api.inventory.counted import counted, counted_so_far
from app.api.scalars import Quantity
from app.inventory.availability import NOWHERE, Stocked, promise_of, read_stocked


class Counted(Protocol):
    """A variant. `raw`: its id's bytes. `allowance`: how far below nothing new levels of it may be sold; None: without
    bound.
    """

    @property
    def id(self) -> str: ...
    @property
    def key(self) -> UUID: ...
    @property
    def raw(self) -> bytes: ...
    @property
    def track_stock(self) -> bool: ...
    @property
    def allowance(self) -> int | None: ...


T = TypeVar("T")
Told: TypeAlias = Callable[[Mapping[bytes, Stocked], int], T]
"""Tells of variants by what there is of each, at so many locations."""

_BEST_FIRST: Final = {status: place for place, status in enumerate(AvailabilityStatus)}
_ALWAYS: Final = Availability(status=AvailabilityStatus.IN_STOCK, available=None, by_location=[])
"""Of what is not counted."""


def promised(context: Context, variants: Sequence[Counted]) -> list[Availability] | Awaitable[list[Availability]]:
    """Each variant's availability, without its locations. Staff and devices see quantities where shoppers do not."""
    channel = context.channel
    tells, low = channel.shows_quantities or context.principal.kind in ("staff", "device"), channel.low_stock

    def told(stocked: Mapping[bytes, Stocked], places: int) -> list[Availability]:
        return [
            _told(stocked.get(each.raw, NOWHERE), each.allowance, places, tells, low) if each.track_stock else _ALWAYS
            for each in variants
        ]

    return _counted(context, variants, told)


def promised_statuses(
    context: Context, products: Sequence[Sequence[Counted]]
) -> list[AvailabilityStatus] | Awaitable[list[AvailabilityStatus]]:
    """For each product's variants the best status."""
    low = context.channel.low_stock

    def told(stocked: Mapping[bytes, Stocked], places: int) -> list[AvailabilityStatus]:
        def status(each: Counted) -> AvailabilityStatus:
            of = _told(stocked.get(each.raw, NOWHERE), each.allowance, places, True, low)
            return (of if each.track_stock else _ALWAYS).status

        return [_best(map(status, variants)) for variants in products]

    return _counted(context, [each for variants in products for each in variants], told)


@lru_cache(10_000)
def _told(stocked: Stocked, allowance: int | None, places: int, tells: bool, low: int) -> Availability:
    promise = promise_of(stocked, allowance, places)
    status = status_of(promise.available, promise.obtainable, low)
    quantity = Quantity(promise.available) if tells and not promise.unbounded else None
    return Availability(status=status, available=quantity, by_location=[])


def _best(statuses: Iterable[AvailabilityStatus]) -> AvailabilityStatus:
    return min(statuses, key=_BEST_FIRST.__getitem__, default=AvailabilityStatus.OUT_OF_STOCK)


def _counted(context: Context, variants: Sequence[Counted], told: Told[T]) -> T | Awaitable[T]:
    """What is told: at once, where it is known of all that are counted."""
    known = counted_so_far(context)
    if known is None or not known.variants.issuperset([each.raw for each in variants if each.track_stock]):
        return _later(context, variants, told)
    return told(known.stocked, known.places)


async def _later(context: Context, variants: Sequence[Counted], told: Told[T]) -> T:
    places = await places_of(context)
    known = counted(context, len(places))
    # What a request read before it wrote is of another moment.
    reads: dict[bytes, Future[None]] = context.memory.setdefault(("counting", context.channel.id, context.wrote), {})
    missing = {each.raw: each.key for each in variants if each.track_stock and each.raw not in known.variants}
    new = {raw: key for raw, key in missing.items() if raw not in reads} if reads else missing
    if new:
        reading = ensure_future(_read(context, places, known, new))
        reads.update(dict.fromkeys(new, reading))
    for each in {reads[raw] for raw in missing}:
        # Who leaves takes nothing from the others.
        await shield(each)
    return told(known.stocked, known.places)


async def _read(context: Context, places: Sequence[Row[Any]], known: Known, new: Mapping[bytes, UUID]) -> None:
    found = await read_stocked(
        context.db,
        list(new.values()),
        [place.id for place in places],
        ignores_safety_stock=context.channel.ignores_safety_stock,
    )
    known.stocked.update(found)
    known.variants.update(new)
