"""Whose carts and orders a caller may open (DESIGN, law 7). Resolvers and commands ask here and nowhere else.

Holding an id gives nobody anything, but for a guest's cart: its id holds 128 random bits, and opens the cart and the
order that it became, at whichever till or site it is held. A cart is a guest's when a shopper began it, by themselves
or through a storefront, and no account is named as its buyer. One that a till or staff began is never.
"""

from collections.abc import Collection
from uuid import UUID

from app.identity.principal import Principal


def may_open_cart(
    principal: Principal,
    *,
    customer_id: UUID | None,
    location_id: UUID | None,
    channel_id: UUID,
    created_by: str,
    served_by: str | None,
) -> bool:
    """Whether the caller may read and write this cart, holding its id.

    `created_by`, `served_by`: keys of who began it, and of who of the shop said that `customer_id` buys.
    """
    if customer_id is None and not is_shops(created_by):
        return True
    return may_find_cart(
        principal, location_id=location_id, channel_id=channel_id, created_by=created_by, served_by=served_by
    )


def may_find_cart(
    principal: Principal, *, location_id: UUID | None, channel_id: UUID, created_by: str, served_by: str | None
) -> bool:
    """Whether the caller may come to this cart otherwise than by its id: by a line's, or in a list."""
    if principal.id is not None and principal.key in (created_by, served_by):
        return True
    return principal.may("carts.read") and works_with(principal, location_id, channel_id)


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
    return is_shops(principal.key)


def is_shops(key: str) -> bool:
    """Whether this is the key of staff or of a till, and not of a shopper."""
    return key.partition(":")[0] in ("staff", "device")


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
