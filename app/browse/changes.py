"""Which products and variants the feed has told of, in its order: so that what is kept of many of them can be brought
up to date by looking at these again.

Who reads remembers the `end` before it reads: what was told until then is committed, and so in what it reads. What is
told later is looked at again, whether it was in it or not.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from app.events.feed import FeedRow
from app.events.outbox import Topic

REMEMBERED: Final = 20_000
"""Ids that are remembered; up to twice as many for a while."""


class Told:
    """Ids, the last so many. Their places are counted from the process's beginning on."""

    def __init__(self) -> None:
        self._ids: list[UUID] = []
        self._cut = 0

    @property
    def end(self) -> int:
        """The place behind the last."""
        return self._cut + len(self._ids)

    def add(self, key: UUID) -> None:
        """The next one."""
        self._ids.append(key)
        # Not one by one: a list is cut at its beginning by moving all the rest.
        if len(self._ids) >= 2 * REMEMBERED:
            del self._ids[:REMEMBERED]
            self._cut += REMEMBERED

    def since(self, place: int) -> list[UUID] | None:
        """Each once that was told from this place on; None where that is no longer remembered."""
        if place < self._cut:
            return None
        return list(dict.fromkeys(self._ids[place - self._cut :]))

    def forget(self) -> None:
        """From here on nothing is known of what was before."""
        self._cut = self.end + 1
        self._ids.clear()


class Changes:
    """What the feed has told of: `products`, `variants` of which another amount can be promised, those of which
    `prices` changed, and how often a name or a place of `shelves` may have changed, by which all that is on them is
    found.
    """

    def __init__(self) -> None:
        self.products = Told()
        self.variants = Told()
        self.prices = Told()
        self.shelves = 0

    def hear(self, rows: Sequence[FeedRow]) -> None:
        """Remember what these rows tell."""
        for row in rows:
            match row.topic:
                case Topic.PRODUCT:
                    self.products.add(row.entity_id)
                case Topic.PRICE:
                    self.prices.add(row.entity_id)
                case Topic.AVAILABILITY:
                    self.variants.add(row.entity_id)
                case Topic.CATEGORY | Topic.COLLECTION if row.version > 1:
                    # On a new one nothing is yet; what is put there is told of itself.
                    self.shelves += 1

    def forget(self) -> None:
        """The feed is followed from elsewhere."""
        self.products.forget()
        self.variants.forget()
        self.prices.forget()
        self.shelves += 1
