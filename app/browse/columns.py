"""What facets count of products, by their numbers: of each dimension a column of places in a list of values, which many
products share. So all products of a large shop take what documents of some thousands do.
"""

from array import array
from asyncio import Lock, sleep
from collections import Counter
from collections.abc import Hashable, Iterable
from enum import IntEnum
from typing import Any, Final

from pyroaring import BitMap

from app.browse.changes import Changes
from app.browse.traits import NUMBERED, Traits, traits_of
from app.platform.db import Reader

READ_AT_ONCE: Final = 1_000
"""Products that one statement tells of."""
FILLED_AT_ONCE: Final = 200
"""So many are filled in, and then others in the process have their turn."""
PLACE: Final = 4
"""Bytes of a place in a column."""


class Dimension(IntEnum):
    """What a column is of. The values of OPTIONS are pairs: the product's options as JSON, and its choices of them."""

    CATEGORY = 0
    BRAND = 1
    TAGS = 2
    COLLECTIONS = 3
    OPTIONS = 4


class Columns:
    """What is known of products; `limit`: bytes. A shop with more products than fit has none.

    Of what is known all that the feed told of until `mark` was heeded.
    """

    def __init__(self, changes: Changes, limit: int) -> None:
        self.changes = changes
        self.limit = limit
        self.known = BitMap()
        self._columns = [array("I") for _ in Dimension]
        self._values: list[list[Any]] = [[] for _ in Dimension]
        self._places: list[dict[Hashable, int]] = [{} for _ in Dimension]
        self._held = 0
        self._mark = 0
        # Places that were taken before do not count after it.
        self._cleared = 0
        self._filling = Lock()

    @property
    def mark(self) -> int:
        """The place in what the feed tells of products that it is as new as."""
        return self._mark if self.known else self.changes.products.end

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        return self._held + PLACE * sum(map(len, self._columns))

    def clear(self) -> None:
        """Know nothing."""
        self._cleared += 1
        self.known = BitMap()
        for column, values, places in zip(self._columns, self._values, self._places, strict=True):
            del column[:]
            values.clear()
            places.clear()
        self._held = 0

    def drop(self, numbers: BitMap, mark: int) -> None:
        """These have changed; all that was told of until `mark` is among them."""
        self.known -= numbers
        self._mark = mark

    async def fill(self, db: Reader, numbers: BitMap) -> bool:
        """Read what is not known of these, so that it can be counted at once. False: it is too much, or was dropped.

        To be asked when the sets have been brought up to date.
        """
        if numbers and (numbers.max() + 1) * PLACE * len(Dimension) > self.limit:
            return False
        async with self._filling:
            if self.size > self.limit:
                self.clear()
            cleared, missing = self._cleared, (numbers - self.known).to_array()
            for start in range(0, len(missing), READ_AT_ONCE):
                mark = self.changes.products.end
                rows = await db.rows(NUMBERED, {"numbers": list(missing[start : start + READ_AT_ONCE])})
                for first in range(0, len(rows), FILLED_AT_ONCE):
                    if cleared != self._cleared:
                        return False
                    self._put(rows[first : first + FILLED_AT_ONCE], mark)
                    if first + FILLED_AT_ONCE < len(rows):
                        await sleep(0)
            return True

    def counted(self, dimension: Dimension, numbers: Iterable[int]) -> list[tuple[Any, int]]:
        """The values that these have, each with how many have it."""
        values = self._values[dimension]
        places = Counter(map(self._columns[dimension].__getitem__, numbers))
        return [(values[place], count) for place, count in places.items()]

    def _put(self, rows: Iterable[Any], mark: int) -> None:
        """What was read when all that had been told of until `mark` was committed."""
        told = self.changes.products
        # What was told of since may be as it was before: good for who asked for it, and for nobody else.
        since = told.since(mark)
        changed = None if since is None else set(since)
        if not self.known:
            self._mark = told.end
        fresh = BitMap()
        for row in rows:
            self._write(row.number, traits_of(row))
            if changed is not None and row.id not in changed:
                fresh.add(row.number)
        self.known |= fresh

    def _write(self, number: int, traits: Traits) -> None:
        if number >= len(self._columns[0]):
            more = bytes(PLACE * (number + 1 - len(self._columns[0])))
            for column in self._columns:
                column.frombytes(more)
        collections = tuple(sorted(traits.collection_ids))
        options = (traits.options, traits.choices)
        for dimension, value, size in (
            (Dimension.CATEGORY, traits.category_id, 150),
            (Dimension.BRAND, traits.brand, 250),
            (Dimension.TAGS, traits.tags, 200 + 100 * len(traits.tags)),
            (Dimension.COLLECTIONS, collections, 200 + 100 * len(collections)),
            (Dimension.OPTIONS, options, 300 + 3 * len(traits.options) + 150 * len(traits.choices)),
        ):
            places = self._places[dimension]
            place = places.get(value)
            if place is None:
                place = places[value] = len(places)
                self._values[dimension].append(value)
                self._held += size
            self._columns[dimension][number] = place
