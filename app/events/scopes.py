"""Scopes: who may be told of a change. A change names those that apply to it, a reader has those that open it.

`identity.following` says which ones a caller has, by topic. Staff without bounds have STAFF, which every change names.
"""

from collections.abc import Iterable
from itertools import product
from typing import Final
from uuid import UUID

PUBLIC: Final = "public"
STAFF: Final = "staff"


def sold_scope(channel_id: UUID) -> str:
    """Whoever looks at the catalog through this channel."""
    return f"sold:{channel_id}"


def location_scope(location_id: UUID) -> str:
    """Who works at this location, in whatever channel."""
    return f"location:{location_id}"


def channel_scope(channel_id: UUID) -> str:
    """Who works in this channel, at whatever location."""
    return f"channel:{channel_id}"


def spot_scope(location_id: UUID, channel_id: UUID) -> str:
    """Who works at this location and in this channel, bound to both."""
    return f"spot:{location_id}:{channel_id}"


def place_scope(location_id: UUID) -> str:
    """Who is bound to this location, which serves an order that another channel may have sold."""
    return f"place:{location_id}"


def customer_scope(customer_id: UUID) -> str:
    """The customer."""
    return f"customer:{customer_id}"


def sales_scopes(
    location_id: UUID | None, channel_id: UUID, customer_id: UUID | None, served_from: Iterable[UUID] = ()
) -> list[str]:
    """Who may see a cart or an order: staff, who works where it was made, who serves it, its customer."""
    scopes = [STAFF, channel_scope(channel_id)]
    if location_id is not None:
        scopes += [location_scope(location_id), spot_scope(location_id, channel_id)]
    scopes += [place_scope(place) for place in sorted(set(served_from))]
    if customer_id is not None:
        scopes.append(customer_scope(customer_id))
    return scopes


def spots(location_ids: Iterable[UUID], channel_ids: Iterable[UUID]) -> list[str]:
    """The spot scopes of a reader who is bound to locations and to channels."""
    return [spot_scope(location, channel) for location, channel in product(location_ids, channel_ids)]
