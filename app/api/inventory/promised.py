"""What the request's channel can promise of variants, its locations together: told by the page that they came with,
else read in one small statement for all who ask.

Always of the levels, whatever else is kept; what was made of the same numbers for the same variants is told again.
Fields that ask for the same at a time, or one after the other, are told the same; after a write it is read anew.
"""

from asyncio import Future, create_task, shield
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Final, Protocol, TypeAlias, TypeVar
from uuid import UUID

from sqlalchemy import Row

from app.api.context import Context
from app.api.engine.sheets import Parents
from app.api.inventory.availability import Availability, AvailabilityStatus, places_of, status_of, tells_quantities
from app.api.inventory.counted import Counted as Known
from app.api.inventory.counted import counted, counted_so_far
from app.api.scalars import Quantity
from app.inventory.availability import NOWHERE, Read, Stocked, promise_of, read_stocked


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
How: TypeAlias = tuple[bool, int]
"""Whether quantities are told, and how many are few."""
Told: TypeAlias = Callable[[Mapping[bytes, Stocked], int], list[T]]
"""Tells of variants by what there is of each, at so many locations."""

_BEST_FIRST: Final = {status: place for place, status in enumerate(AvailabilityStatus)}
_ALWAYS: Final = Availability(status=AvailabilityStatus.IN_STOCK, available=None, by_location=[])
"""Of what is not counted."""


@dataclass(slots=True)
class _Before:
    """What was told of the same variants before. `keys`: of those that are counted, by their ids' bytes; `read`: what
    was read of all these; `told` is of what `stocked` says, in the way `how` at so many `places`.
    """

    keys: Mapping[bytes, UUID]
    read: Read | None = None
    stocked: Mapping[bytes, Stocked] | None = None
    how: How | None = None
    places: int = 0
    told: list[Any] | None = None

    @classmethod
    def of(cls, variants: Iterable[Counted], parents: Sequence[Any]) -> "_Before":
        """What is kept with these parents (`engine.sheets`), whose variants they are."""
        known = parents.known if isinstance(parents, Parents) else None
        if not isinstance(known, cls):
            known = cls({each.raw: each.key for each in variants if each.track_stock})
            if isinstance(parents, Parents):
                parents.known = known
        return known

    def tell(self, known: Known, how: How, told: Told[T]) -> list[T]:
        """What is told: the very list that was told last, where it is of the same."""
        last = self.told
        if last is not None and known.stocked is self.stocked and (how, known.places) == (self.how, self.places):
            return last
        found = told(known.stocked, known.places)
        self.stocked, self.how, self.places, self.told = known.stocked, how, known.places, found
        return found


def promised(context: Context, variants: Sequence[Counted]) -> list[Availability] | Awaitable[list[Availability]]:
    """Each variant's availability, without its locations. Staff and devices see quantities where shoppers do not."""
    tells, low = tells_quantities(context), context.channel.low_stock

    def told(stocked: Mapping[bytes, Stocked], places: int) -> list[Availability]:
        return [
            _told(stocked.get(each.raw, NOWHERE), each.allowance, places, tells, low) if each.track_stock else _ALWAYS
            for each in variants
        ]

    return _counted(context, _Before.of(variants, variants), (tells, low), told)


def promised_statuses(
    context: Context, products: Sequence[Sequence[Counted]], parents: Sequence[Any] = ()
) -> list[AvailabilityStatus] | Awaitable[list[AvailabilityStatus]]:
    """For each product's variants the best status. `parents`: the products, as the engine gave them."""
    low = context.channel.low_stock

    def told(stocked: Mapping[bytes, Stocked], places: int) -> list[AvailabilityStatus]:
        def status(each: Counted) -> AvailabilityStatus:
            of = _told(stocked.get(each.raw, NOWHERE), each.allowance, places, True, low)
            return (of if each.track_stock else _ALWAYS).status

        return [_best(map(status, variants)) for variants in products]

    return _counted(context, _Before.of(chain.from_iterable(products), parents), (True, low), told)


# The same object for the same numbers: rows that show it are told again (`engine.sheets`).
@lru_cache(10_000)
def _told(stocked: Stocked, allowance: int | None, places: int, tells: bool, low: int) -> Availability:
    promise = promise_of(stocked, allowance, places)
    status = status_of(promise.available, promise.obtainable, low)
    quantity = Quantity(promise.available) if tells and not promise.unbounded else None
    return Availability(status=status, available=quantity, by_location=[])


def _best(statuses: Iterable[AvailabilityStatus]) -> AvailabilityStatus:
    return min(statuses, key=_BEST_FIRST.__getitem__, default=AvailabilityStatus.OUT_OF_STOCK)


def _counted(context: Context, before: _Before, how: How, told: Told[T]) -> list[T] | Awaitable[list[T]]:
    """What is told: at once, where it is known of all that are counted."""
    known = counted_so_far(context)
    if known is None or not before.keys.keys() <= known.variants:
        return _later(context, before, how, told)
    return before.tell(known, how, told)


async def _later(context: Context, before: _Before, how: How, told: Told[T]) -> list[T]:
    places = await places_of(context)
    known = counted(context, len(places))
    # What a request read before it wrote is of another moment.
    reads: dict[bytes, Future[None]] = context.memory.setdefault(("counting", context.channel.id, context.wrote), {})
    if not known.variants and not reads:
        reading = create_task(_read(context, places, known, before.keys, before))
        reads.update(dict.fromkeys(before.keys, reading))
        # Who leaves takes nothing from the others.
        await shield(reading)
    else:
        missing = {raw: key for raw, key in before.keys.items() if raw not in known.variants}
        new = {raw: key for raw, key in missing.items() if raw not in reads}
        if new:
            reading = create_task(_read(context, places, known, new, None))
            reads.update(dict.fromkeys(new, reading))
        for each in {reads[raw] for raw in missing}:
            await shield(each)
    return before.tell(known, how, told)


async def _read(
    context: Context, places: Sequence[Row[Any]], known: Known, keys: Mapping[bytes, UUID], before: _Before | None
) -> None:
    """Read what there is of these. `before`: whose are all of them."""
    found = await read_stocked(
        context.db,
        list(keys.values()),
        [place.id for place in places],
        ignores_safety_stock=context.channel.ignores_safety_stock,
        before=None if before is None else before.read,
    )
    if before is not None:
        before.read = found
    known.add(keys.keys(), found.stocked)
