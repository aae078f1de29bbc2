"""Which location serves a shipped line. One function decides; a shop with other wishes puts its own in its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from app.inventory.availability import Stock, obtainable


@dataclass(frozen=True, slots=True)
class Place:
    """A location that a channel sells from; those of lower `priority` ship first."""

    location_id: UUID
    ships: bool
    priority: int


class Ranking(Protocol):
    """Orders the locations that may serve lines to be shipped, the preferred first; those that must not are left out.

    `wanted`: thousandths by variant. `stock`: as `stock_of` gives it; a variant that is not in it is always there.
    """

    def __call__(
        self,
        wanted: Mapping[UUID, int],
        stock: Mapping[UUID, Mapping[UUID, Stock]],
        places: Sequence[Place],
        *,
        own: UUID | None,
        ignores_safety_stock: bool,
    ) -> tuple[UUID, ...]: ...


def nearest_whole_parcel(
    wanted: Mapping[UUID, int],
    stock: Mapping[UUID, Mapping[UUID, Stock]],
    places: Sequence[Place],
    *,
    own: UUID | None,
    ignores_safety_stock: bool,
) -> tuple[UUID, ...]:
    """The cart's own location if it ships, then locations that can serve all lines, then the channel's priority."""

    def serves_all(place: Place) -> bool:
        return all(
            obtainable(at[place.location_id], ignores_safety_stock=ignores_safety_stock) >= quantity
            for variant_id, quantity in wanted.items()
            if (at := stock.get(variant_id)) is not None
        )

    ranked = sorted(
        (place for place in places if place.ships),
        key=lambda place: (place.location_id != own, not serves_all(place), place.priority),
    )
    return tuple(place.location_id for place in ranked)


_ranking: Ranking = nearest_whole_parcel


def rank_by(ranking: Ranking) -> None:
    """Put another ranking in place, for the whole process; called when the application is composed."""
    global _ranking
    _ranking = ranking


def rank_locations(
    wanted: Mapping[UUID, int],
    stock: Mapping[UUID, Mapping[UUID, Stock]],
    places: Sequence[Place],
    *,
    own: UUID | None = None,
    ignores_safety_stock: bool = False,
) -> tuple[UUID, ...]:
    """The locations that may serve lines to be shipped, the preferred first. As `Ranking` says."""
    return _ranking(wanted, stock, places, own=own, ignores_safety_stock=ignores_safety_stock)
