"""What a caller may follow in the feed: by topic, the scopes that open a change to it (DESIGN, law 7).

It says the same as the reads do: catalog as the request's channel shows it, or all of it for who may see drafts; stock
and registers of the caller's locations, closed registers for who may open them; carts and orders of the caller's
locations and channels, or orders that are served from there; customers for who may read them, all of them. A cart that
opens to a caller only because they hold its id, or made it, is not told to them.

Changes tell what entities become, not what callers become: whose own reach changes (another role, other locations or
channels, a device whose register moved) has other scopes from then on, and takes a snapshot to begin anew.
"""

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from app.events.outbox import Topic
from app.events.scopes import PUBLIC, STAFF, channel_scope, closed_scope, location_scope, place_scope, sold_scope, spots
from app.identity.principal import Principal

NEEDS: Final[Mapping[Topic, str]] = {
    Topic.STOCK: "stock.read",
    Topic.REGISTER: "registers.read",
    Topic.CART: "carts.read",
    Topic.ORDER: "orders.read",
    Topic.CUSTOMER: "customers.read",
}
"""The permission without which nothing of a topic is a caller's. Of the others everybody sees a part."""
_CATALOG = (Topic.PRODUCT, Topic.CATEGORY, Topic.COLLECTION, Topic.PRICE, Topic.AVAILABILITY)


def scopes_of(principal: Principal, channel_id: UUID) -> Mapping[Topic, frozenset[str]]:
    """By topic; a topic that is not there is not the caller's to follow. `channel_id`: the request's."""
    catalog = {PUBLIC, sold_scope(channel_id)}
    if principal.may("catalog.read"):
        catalog.add(STAFF)
    found = {topic: frozenset(catalog) for topic in _CATALOG}
    own = {
        Topic.STOCK: _at_locations(principal),
        Topic.REGISTER: _at_locations(principal) | _closed(principal),
        Topic.CART: _sales(principal),
        Topic.ORDER: _sales(principal) | _served(principal),
        Topic.CUSTOMER: frozenset({STAFF}),
    }
    return found | {topic: scopes for topic, scopes in own.items() if principal.may(NEEDS[topic])}


def never_theirs(principal: Principal, topics: Collection[Topic]) -> list[Topic]:
    """Those of the topics of which this caller is never told anything, in the order of their names."""
    return sorted(topic for topic in set(topics) if topic in NEEDS and not principal.may(NEEDS[topic]))


def _at_locations(principal: Principal) -> frozenset[str]:
    if principal.location_ids is None:
        return frozenset({STAFF})
    return frozenset(location_scope(each) for each in principal.location_ids)


def _closed(principal: Principal) -> frozenset[str]:
    if not principal.may("settings.write"):
        return frozenset()
    if principal.location_ids is None:
        return frozenset({closed_scope(None)})
    return frozenset(closed_scope(each) for each in principal.location_ids)


def _sales(principal: Principal) -> frozenset[str]:
    locations, channels = principal.location_ids, principal.channel_ids
    if locations is None and channels is None:
        return frozenset({STAFF})
    if channels is None:
        return frozenset(location_scope(each) for each in locations or ())
    if locations is None:
        return frozenset(channel_scope(each) for each in channels)
    return frozenset(spots(locations, channels))


def _served(principal: Principal) -> frozenset[str]:
    return frozenset(place_scope(each) for each in principal.location_ids or ())
