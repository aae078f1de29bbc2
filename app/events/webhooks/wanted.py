"""Which changes a webhook is sent: pure, over the scopes that a change names before and after.

A webhook is the shop's own: it is told what staff without bounds are told, and its filter narrows that down.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import Row

from app.events.feed import FeedRow
from app.events.outbox import Action, Topic
from app.events.scopes import PUBLIC, STAFF, channel_scope, closed_scope, location_scope, place_scope, sold_scope

_SHOP: Final = frozenset({STAFF, PUBLIC, closed_scope(None)})


@dataclass(frozen=True)
class Wanted:
    """None: all. `channels` and `locations` are scopes: a change passes with any of each."""

    topics: frozenset[Topic] | None = None
    actions: frozenset[Action] | None = None
    channels: frozenset[str] | None = None
    locations: frozenset[str] | None = None

    @classmethod
    def of(cls, webhook: Row[Any]) -> Self:
        """What this row of `webhook` asks for."""
        return cls(
            topics=None if webhook.topics is None else frozenset(map(Topic, webhook.topics)),
            actions=None if webhook.actions is None else frozenset(map(Action, webhook.actions)),
            channels=None if webhook.channel_ids is None else in_channels(webhook.channel_ids),
            locations=None if webhook.location_ids is None else at_locations(webhook.location_ids),
        )


ALL: Final = Wanted()


def in_channels(ids: Collection[UUID]) -> frozenset[str]:
    """The scopes of what is shown or sold in these channels, with what is the same in all of them."""
    return frozenset({PUBLIC, *map(sold_scope, ids), *map(channel_scope, ids)})


def at_locations(ids: Collection[UUID]) -> frozenset[str]:
    """The scopes of what is, is sold, or is served at these locations."""
    return frozenset({*map(location_scope, ids), *map(place_scope, ids), *map(closed_scope, ids)})


def told(row: FeedRow, wanted: Wanted) -> Action | None:
    """What the webhook is sent of a change; None: nothing. What leaves its channels or locations is DELETE to it."""
    if wanted.topics is not None and row.topic not in wanted.topics:
        return None
    if _within(row.after, wanted):
        action = row.action
    elif _within(row.before, wanted):
        action = Action.DELETE
    else:
        return None
    return action if wanted.actions is None or action in wanted.actions else None


def _within(scopes: frozenset[str], wanted: Wanted) -> bool:
    return (
        not _SHOP.isdisjoint(scopes)
        and (wanted.channels is None or not wanted.channels.isdisjoint(scopes))
        and (wanted.locations is None or not wanted.locations.isdisjoint(scopes))
    )
