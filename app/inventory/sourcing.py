"""Which location serves a shipped line. One function decides; a shop with other wishes puts its own in its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Row

from app.inventory.availability import Stock, obtainable, stock_of
from app.platform.db import Reader


@dataclass(frozen=True, slots=True)
class Place:
    """A location that may ship, in the channel's order: those of lower `priority` first."""

    location_id: UUID
    priority: int
    # Whether it is the cart's own.
    own: bool = False


class Ranking(Protocol):
    """Orders places that may serve lines to be shipped, the preferred first; those that must not are left out.

    `wanted`: thousandths by variant. `stock`: what the cart could have of each variant at each place.
    """

    def __call__(
        self,
        wanted: Mapping[UUID, int],
        stock: Mapping[UUID, Mapping[UUID, Stock]],
        places: Sequence[Place],
        *,
        ignores_safety_stock: bool,
    ) -> Sequence[Place]: ...


def own_then_one_parcel(
    wanted: Mapping[UUID, int],
    stock: Mapping[UUID, Mapping[UUID, Stock]],
    places: Sequence[Place],
    *,
    ignores_safety_stock: bool,
) -> list[Place]:
    """The cart's own location, then those that can serve all lines, then the channel's priority."""

    def serves_all(place: Place) -> bool:
        return all(
            obtainable(stock[variant_id][place.location_id], ignores_safety_stock=ignores_safety_stock) >= quantity
            for variant_id, quantity in wanted.items()
            if variant_id in stock
        )

    return sorted(places, key=lambda place: (not place.own, not serves_all(place), place.priority))


_ranking: Ranking = own_then_one_parcel


def rank_by(ranking: Ranking) -> None:
    """Put another ranking in place, for the whole process; called when the application is composed."""
    global _ranking
    _ranking = ranking


async def rank_locations(
    db: Reader,
    *,
    locations: Sequence[Row[Any]],
    own_location_id: UUID | None,
    demands: Sequence[tuple[UUID, int]],
    cart_id: UUID | None = None,
    ignores_safety_stock: bool = False,
) -> tuple[UUID, ...]:
    """The locations that may serve lines to be shipped, the preferred first.

    `locations`: the channel's, in its order; those that do not ship are left out. `demands`: variants and thousandths,
    of tracked variants only. What `cart_id` holds already counts as free to it.
    """
    places = [
        Place(location.id, priority, own=location.id == own_location_id)
        for priority, location in enumerate(locations)
        if location.ships
    ]
    if len(places) < 2:
        return tuple(place.location_id for place in places)
    wanted: dict[UUID, int] = {}
    for variant_id, quantity in demands:
        wanted[variant_id] = wanted.get(variant_id, 0) + quantity
    stock = await stock_of(db, wanted, [place.location_id for place in places], cart_id=cart_id)
    ranked = _ranking(wanted, stock, places, ignores_safety_stock=ignores_safety_stock)
    return tuple(place.location_id for place in ranked)
