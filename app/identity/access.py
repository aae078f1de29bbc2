"""Whose carts and orders a caller may open (DESIGN, law 7). Resolvers and commands ask here and nowhere else.

Holding an id gives nobody anything, but for a guest's cart: its id holds 128 random bits, and opens the cart and the
order that it became.
"""

from collections.abc import Collection
from uuid import UUID

from app.identity.principal import Principal


def may_open_cart(
    principal: Principal, *, customer_id: UUID | None, location_id: UUID | None, channel_id: UUID, created_by: str
) -> bool:
    """Whether the caller may read and write this cart, holding its id."""
    if customer_id is None or (created_by == principal.key and principal.id is not None):
        return True
    return principal.may("carts.read") and works_with(principal, location_id, channel_id)


def may_list_carts(principal: Principal) -> bool:
    return principal.may("carts.read")


def may_open_order(
    principal: Principal, *, location_id: UUID | None, channel_id: UUID, served_from: Collection[UUID] = ()
) -> bool:
    """Whether the caller may read this order by its own id. A guest comes by the cart's id instead.

    `served_from`: where parts of it are picked up, and where its goods lie or have left from. Who works there looks
    after it, whichever channel sold it.
    """
    if not principal.may("orders.read"):
        return False
    return works_with(principal, location_id, channel_id) or any(
        principal.location_ids is not None and place in principal.location_ids for place in served_from
    )


def works_with(principal: Principal, location_id: UUID | None, channel_id: UUID) -> bool:
    """Whether something of this location and channel is in the caller's reach."""
    return principal.works_at(location_id) and principal.works_in(channel_id)


def works_here(principal: Principal) -> bool:
    """Whether the caller is of the shop: staff, or a till."""
    return principal.kind in ("staff", "device")


def works_everywhere(principal: Principal) -> bool:
    """Whether the caller is bound to no place. What tells of all places is theirs alone."""
    return principal.location_ids is None and principal.channel_ids is None


def reaches(
    principal: Principal, *, location_ids: Collection[UUID] | None, channel_ids: Collection[UUID] | None
) -> bool:
    """Whether all of these places are the caller's. None stands for everywhere."""
    return _holds(principal.location_ids, location_ids) and _holds(principal.channel_ids, channel_ids)


def _holds(own: frozenset[UUID] | None, asked: Collection[UUID] | None) -> bool:
    return own is None or (asked is not None and own.issuperset(asked))
