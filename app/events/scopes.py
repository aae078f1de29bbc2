"""Scopes: who may be told of a change. A change names those that apply to it, a reader has those that open it.

`identity.following` says which ones a caller has, by topic. Every change names all scopes that can see its entity: what
one leaves out is taken from who has it. Staff without bounds have STAFF, which every change names but a closed
register's.
"""

from collections.abc import Iterable
from itertools import product
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast, column, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY, array

PUBLIC: Final = "public"
STAFF: Final = "staff"
_STAFF: Final = array([literal_column(f"'{STAFF}'", Text)])


def sold_scope(channel_id: UUID) -> str:
    """Whoever looks at the catalog through this channel. Nobody does while it is closed: its scope stays as it is."""
    return f"sold:{channel_id}"


def sight_scopes(channel_ids: Iterable[UUID]) -> list[str]:
    """Who sees a product, a variant, its price or its availability: staff, and these channels, which sell it now."""
    return [STAFF, *sorted(sold_scope(channel_id) for channel_id in channel_ids)]


def sight_scopes_in_sql(channel_ids: ColumnElement[list[UUID]]) -> ColumnElement[list[str]]:
    """`sight_scopes` of an array, for a statement that tells what it writes."""
    each = func.unnest(channel_ids).table_valued(column("id"), name="sold_there").render_derived()
    scopes = select(literal_column("'sold:'", Text) + cast(each.c.id, Text)).order_by(each.c.id)
    return func.array_cat(_STAFF, func.array(scopes.scalar_subquery(), type_=ARRAY(Text)), type_=ARRAY(Text))


def shelf_scopes(*, archived: bool) -> list[str]:
    """Who sees a category or a collection: everybody, and staff even when it is put away."""
    return [STAFF] if archived else [PUBLIC, STAFF]


def location_scope(location_id: UUID) -> str:
    """Who works at this location, in whatever channel."""
    return f"location:{location_id}"


def place_scopes(location_id: UUID) -> list[str]:
    """Who sees what stands at this location: its stock, an open register."""
    return [STAFF, location_scope(location_id)]


def place_scopes_in_sql(location_id: ColumnElement[UUID]) -> ColumnElement[list[str]]:
    """`place_scopes`, for a statement that tells what it writes."""
    own = literal_column("'location:'", Text) + cast(location_id, Text)
    return func.array_append(_STAFF, own, type_=ARRAY(Text))


def closed_scope(location_id: UUID | None) -> str:
    """Who may open again what is closed at this location; None: at any."""
    return "closed" if location_id is None else f"closed:{location_id}"


def register_scopes(location_id: UUID, *, active: bool) -> list[str]:
    """Who sees a register: who works where it stands; of a closed one, only who may open it again."""
    return place_scopes(location_id) if active else [closed_scope(None), closed_scope(location_id)]


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
