"""What the request's channel can promise of variants, its locations together: told by the page that they came with,
else read in one small statement for all who ask.

Always of the levels, whatever else is kept. Fields that ask for the same at a time, or one after the other, are told
the same; after a write it is read anew.
"""

from asyncio import Future, ensure_future, shield
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final, Protocol, TypeAlias, TypeVar
from uuid import UUID

from app.api.context import Context
from app.api.inventory.availability import Availability, AvailabilityStatus, places_of, status_of
from app.api.inventory.counted import counted
from app.api.scalars import Quantity
from app.inventory.availability import NOWHERE, Promise, promise_of, promises_of


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
Told: TypeAlias = Callable[[Callable[[Counted], Promise | None]], T]
"""Tells of variants by their promises; None: what is not counted."""

_BEST_FIRST: Final = {status: place for place, status in enumerate(AvailabilityStatus)}


def promised(context: Context, variants: Sequence[Counted]) -> list[Availability] | Awaitable[list[Availability]]:
    """Each variant's availability, without its locations. Staff and devices see quantities where shoppers do not."""
    channel = context.channel
    tells, low = channel.shows_quantities or context.principal.kind in ("staff", "device"), channel.low_stock

    def told(promise: Callable[[Counted], Promise | None]) -> list[Availability]:
        return [_told(promise(variant), tells, low) for variant in variants]

    return _with_promises(context, variants, told)


def promised_statuses(
    context: Context, products: Sequence[Sequence[Counted]]
) -> list[AvailabilityStatus] | Awaitable[list[AvailabilityStatus]]:
    """For each product's variants the best status."""
    low = context.channel.low_stock

    def told(promise: Callable[[Counted], Promise | None]) -> list[AvailabilityStatus]:
        return [_best([_status(promise(each), low) for each in variants]) for variants in products]

    return _with_promises(context, [each for variants in products for each in variants], told)


def _told(promise: Promise | None, tells: bool, low: int) -> Availability:
    if promise is None:
        # What is not counted is always there.
        return _availability(AvailabilityStatus.IN_STOCK, None)
    status = status_of(promise.available, promise.obtainable, low)
    return _availability(status, promise.available if tells and not promise.unbounded else None)


@lru_cache(10_000)
def _availability(status: AvailabilityStatus, quantity: int | None) -> Availability:
    return Availability(status=status, available=None if quantity is None else Quantity(quantity), by_location=[])


def _status(promise: Promise | None, low: int) -> AvailabilityStatus:
    return AvailabilityStatus.IN_STOCK if promise is None else status_of(promise.available, promise.obtainable, low)


def _best(statuses: Iterable[AvailabilityStatus]) -> AvailabilityStatus:
    return min(statuses, key=_BEST_FIRST.__getitem__, default=AvailabilityStatus.OUT_OF_STOCK)


def _with_promises(context: Context, variants: Sequence[Counted], told: Told[T]) -> T | Awaitable[T]:
    """What is told: at once, where pages told of all that are counted."""
    known = counted(context)
    if known is None or not known.variants.issuperset([each.raw for each in variants if each.track_stock]):
        return _later(context, variants, told)
    stocked, places = known.stocked, known.places

    def promise(variant: Counted) -> Promise | None:
        if not variant.track_stock:
            return None
        return promise_of(stocked.get(variant.raw, NOWHERE), variant.allowance, places)

    return told(promise)


async def _later(context: Context, variants: Sequence[Counted], told: Told[T]) -> T:
    found = await _promises(context, variants)
    return told(lambda each: found.get(each.key) if each.track_stock else None)


async def _promises(context: Context, variants: Sequence[Counted]) -> dict[UUID, Promise]:
    # What a request read before it wrote is of another moment.
    name = ("promises", context.channel.id, context.wrote)
    known: dict[UUID, Future[dict[UUID, Promise]]] = context.memory.setdefault(name, {})
    missing = {each.key: each.allowance for each in variants if each.track_stock and each.key not in known}
    if missing:
        reading = ensure_future(_read(context, missing))
        known.update(dict.fromkeys(missing, reading))
        if len(known) == len(missing):
            return await shield(reading)
    found: dict[UUID, Promise] = {}
    readings = [known[each.key] for each in variants if each.track_stock]
    for each in {id(one): one for one in readings}.values():
        found |= await shield(each)
    return found


async def _read(context: Context, allowances: dict[UUID, int | None]) -> dict[UUID, Promise]:
    places = await places_of(context)
    promises = await promises_of(
        context.db,
        list(allowances.items()),
        [place.id for place in places],
        ignores_safety_stock=context.channel.ignores_safety_stock,
    )
    return dict(zip(allowances, promises, strict=True))
