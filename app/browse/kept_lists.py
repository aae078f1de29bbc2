"""Lists that are kept: which products a page shows and what it was counted of, as long as no product changes.

What a list finds is the same until a product, a category or a collection is written, or a publication begins or ends;
what there is of it is not, and is asked for each time. So any row of the feed about one of these drops all lists, a row
about a price those that go by prices, and each says until when it holds. A shop whose products are written all the time
keeps none, and asks as if there were none; one that is written now and then answers most shoppers by the stock alone.

Why nothing stale is ever shown: whoever reads a list takes the `mark` before, and it is kept only where no such row was
heard since. What was committed before the read is in it; what was committed after it is heard after the mark. Kept it
is until the next row, which drops it before the follower's `position` says that it was read.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from sys import getsizeof
from typing import Final

from app.browse.facets import Field, Tally
from app.browse.hits import Matched
from app.browse.matching import Matching, OptionChoice
from app.browse.pages import Found
from app.events.feed import FeedRow
from app.events.outbox import Topic

TOPICS: Final = frozenset({Topic.PRODUCT, Topic.CATEGORY, Topic.COLLECTION})
"""What may change which products any list has, their order, and what facets count of them; `PRICE` for some lists."""
Mark = tuple[int, int]
"""How often all lists were dropped, and how often those that go by prices."""
LIVE: Final = frozenset({"in_stock", "statuses", "published"})
"""What a list may be asked for that no such row tells of, or that shoppers do not ask for."""
_ASKED: Final = (
    "search", "ids", "category_ids", "collection_ids", "brands", "tags", "price_min", "price_max", "options",
)  # fmt: skip
_LIST, _PRODUCT, _MATCHED, _TALLY = 2_000, 400, 200, 300
"""Bytes of what is kept, about: of any list, for each product of its page, of its matches, for each of its tallies.
What it was asked for by is measured: it is as long as a caller made it.
"""


Counting = Callable[[Collection[Field]], Awaitable[Sequence[Tally]]]


@dataclass(slots=True)
class KeptList:
    """`page` without its stock, None where it was not asked for. `loosely`: whether it was found by spelling too;
    `since`: as of when.

    `priced`: whether it goes by prices. `total`: once it was counted (None: too many); `tallies`: of facets that were
    counted.
    """

    priced: bool
    loosely: bool
    since: datetime
    page: Found | None
    matched: Matched | None = None
    total: int | None = None
    counted: bool = False
    tallies: dict[Field, Sequence[Tally]] = field(default_factory=dict)
    size: int = 0


class KeptLists:
    """What one process keeps, the least used goes first; `limit`: bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = self.hits = self.misses = self.drops = 0
        self.mark: Mark = (0, 0)
        self._lists: OrderedDict[Hashable, KeptList] = OrderedDict()
        self._priced: set[Hashable] = set()

    def __len__(self) -> int:
        return len(self._lists)

    def find(self, key: Hashable, moment: datetime) -> KeptList | None:
        """The list that is kept under this key, and holds at this moment."""
        found = self._lists.get(key)
        if found is None or not holds(found, moment):
            self.misses += 1
            return None
        self.hits += 1
        self._lists.move_to_end(key)
        return found

    def keep(self, mark: Mark, key: Hashable, found: KeptList) -> None:
        """Keep what was read after this `mark` was taken, unless something was written since."""
        of_all, of_priced = self.mark
        found.size = _size(key, found)
        if found.page is not None:
            # What there is of it is of this moment.
            found.page = replace(found.page, counted=[], stocked={})
        if mark[0] != of_all or (found.priced and mark[1] != of_priced) or found.size * 4 > self.limit:
            return
        self._drop(key)
        self._lists[key] = found
        if found.priced:
            self._priced.add(key)
        self.size += found.size
        self._shrink()

    async def total(self, found: KeptList, count: Callable[[], Awaitable[int | None]]) -> int | None:
        """How many the list has; None: too many to `count`."""
        if found.counted:
            return found.total
        found.total, found.counted = await count(), True
        return found.total

    async def tallies(
        self, key: Hashable, found: KeptList, count: Counting, fields: Collection[Field]
    ) -> Sequence[Tally]:
        """Of these fields, as `count` counts them: what is not kept yet, and what there is of stock."""
        new = [field for field in fields if field not in found.tallies]
        counted = await count(new) if new else ()
        told = [*counted, *chain.from_iterable(found.tallies[field] for field in fields if field in found.tallies)]
        if self._lists.get(key) is found:
            before = found.size
            for field in new:
                if field is not Field.IN_STOCK:
                    found.tallies[field] = [each for each in counted if each.field == field.value]
            found.size = _size(key, found)
            self.size += found.size - before
            self._shrink()
        return told

    def hear(self, rows: Sequence[FeedRow]) -> None:
        """Drop what one of these rows may concern."""
        topics = {row.topic for row in rows}
        if not topics.isdisjoint(TOPICS):
            self.clear()
        elif Topic.PRICE in topics:
            self.mark = self.mark[0], self.mark[1] + 1
            self.drops += len(self._priced)
            for key in list(self._priced):
                self._drop(key)

    def clear(self) -> None:
        """Drop all, and what is being read."""
        self.mark = self.mark[0] + 1, self.mark[1] + 1
        self.drops += len(self._lists)
        self._lists.clear()
        self._priced.clear()
        self.size = 0

    def _shrink(self) -> None:
        while self.size > self.limit:
            self._drop(next(iter(self._lists)))

    def _drop(self, key: Hashable) -> None:
        found = self._lists.pop(key, None)
        if found is not None:
            self.size -= found.size
            self._priced.discard(key)


def holds(found: KeptList, moment: datetime) -> bool:
    """Whether nothing begins or ends between what was read and this moment."""
    until = None if found.page is None else found.page.until
    return found.since <= moment and (until is None or moment < until)


def _size(key: Hashable, found: KeptList) -> int:
    products = len(found.page.ids) if found.page is not None else 0
    matched = len(found.matched.versions) if found.matched is not None else 0
    tallies = sum(map(len, found.tallies.values()))
    return _LIST + _bytes_of(key) + _PRODUCT * products + _MATCHED * matched + _TALLY * tallies


def _bytes_of(asked: object) -> int:
    """Of the texts and ids that a list was asked for by."""
    match asked:
        case str():
            return getsizeof(asked)
        case tuple():
            return 8 * len(asked) + sum(map(_bytes_of, asked))
        case OptionChoice():
            return _bytes_of((asked.name, asked.values))
    return 50


def key_of(matching: Matching, *how: Hashable) -> Hashable | None:
    """What a list is kept under that is asked for so, and `how` its page is; None for one that is always read."""
    if any(getattr(matching, name) is not None for name in LIVE):
        return None
    return matching.sight.channel_id, matching.locale, how, *(getattr(matching, name) for name in _ASKED)
