"""What the request's channel can promise of variants, its locations together: one small statement for all who ask.

Always read from the levels, whatever else is kept. Fields that ask for the same at a time, or one after the other, are
told the same; after a write it is read anew.
"""

from asyncio import Future, ensure_future, shield
from collections.abc import Iterable, Sequence
from typing import Final, Protocol
from uuid import UUID

from app.api.context import Context
from app.api.inventory.availability import Availability, AvailabilityStatus, places_of, status_of
from app.api.scalars import Quantity
from app.inventory.availability import Promise, promises_of


class Counted(Protocol):
    """A variant. `allowance`: how far below nothing new levels of it may be sold; None: without bound."""

    @property
    def id(self) -> str: ...
    @property
    def key(self) -> UUID: ...
    @property
    def track_stock(self) -> bool: ...
    @property
    def allowance(self) -> int | None: ...


_BEST_FIRST: Final = {status: place for place, status in enumerate(AvailabilityStatus)}


async def promised(context: Context, variants: Sequence[Counted]) -> list[Availability]:
    """Each variant's availability, without its locations. Staff and devices see quantities where shoppers do not."""
    found = await _promises(context, variants)
    channel = context.channel
    tells, low = channel.shows_quantities or context.principal.kind in ("staff", "device"), channel.low_stock
    answers = []
    for variant in variants:
        promise = found.get(variant.id)
        if promise is None:
            # What is not counted is always there.
            answers.append(Availability(status=AvailabilityStatus.IN_STOCK, available=None, by_location=[]))
            continue
        quantity = promise.available
        answers.append(
            Availability(
                status=status_of(quantity, promise.obtainable, low),
                available=Quantity(quantity) if tells and not promise.unbounded else None,
                by_location=[],
            )
        )
    return answers


async def promised_statuses(context: Context, products: Sequence[Sequence[Counted]]) -> list[AvailabilityStatus]:
    """For each product's variants the best status."""
    found = await _promises(context, [each for variants in products for each in variants])
    low = context.channel.low_stock
    return [_best(_status(found.get(each.id), low) for each in variants) for variants in products]


def _status(promise: Promise | None, low: int) -> AvailabilityStatus:
    return AvailabilityStatus.IN_STOCK if promise is None else status_of(promise.available, promise.obtainable, low)


def _best(statuses: Iterable[AvailabilityStatus]) -> AvailabilityStatus:
    return min(statuses, key=_BEST_FIRST.__getitem__, default=AvailabilityStatus.OUT_OF_STOCK)


async def _promises(context: Context, variants: Sequence[Counted]) -> dict[str, Promise]:
    """By the variants' public ids, those whose stock is counted."""
    # What a request read before it wrote is of another moment.
    name = ("promises", context.channel.id, context.wrote)
    known: dict[str, Future[dict[str, Promise]]] = context.memory.setdefault(name, {})
    missing = {each.id: each for each in variants if each.track_stock and each.id not in known}
    if missing:
        reading = ensure_future(_read(context, missing))
        known.update(dict.fromkeys(missing, reading))
        if len(known) == len(missing):
            return await shield(reading)
    found: dict[str, Promise] = {}
    readings = [known[each.id] for each in variants if each.track_stock]
    for each in {id(one): one for one in readings}.values():
        found |= await shield(each)
    return found


async def _read(context: Context, variants: dict[str, Counted]) -> dict[str, Promise]:
    places = await places_of(context)
    promises = await promises_of(
        context.db,
        [(each.key, each.allowance) for each in variants.values()],
        [place.id for place in places],
        ignores_safety_stock=context.channel.ignores_safety_stock,
    )
    return dict(zip(variants, promises, strict=True))
