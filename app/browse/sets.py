"""The sets of products that this process keeps, of which it makes what a list is of, in place of looking each up.

Why they are right: what is kept was read when all that the feed has told of until its `mark` was committed. Before it
is used, the products that were told of since are looked at again, and those that the clock has begun or ended to sell;
so a list is as new as the process's position was when it was asked for. Where the feed has told of too many, or what it
told is no longer remembered, all is read anew. Ask `Catalog.reaches` before, as for all that is kept.

The prices of a channel are followed in the same way, by what the feed tells of prices and of products. Of a large shop
they take seconds to be read: who would wait for that asks the tables.

What has a word hangs on the names of categories and collections too: when one of these may have changed, it is read
anew.
"""

from asyncio import Future, ensure_future, shield, wait
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from operator import and_, or_
from typing import Final
from uuid import UUID

from pyroaring import BitMap

from app.browse.atoms import Atom, Key, code_key, field_keys, keys_of, part_key, sold_key
from app.browse.changes import Changes
from app.browse.columns import Columns
from app.browse.matching import Matching, Shape, asks_stock, is_priced, is_wide
from app.browse.priced import Priced, prices_key
from app.browse.readings import Again, is_due, look_again, read_atoms
from app.browse.search import FEW, PEEKED, Search
from app.browse.stocked import Stocked
from app.events.feed import FeedRow
from app.events.follower import Follower
from app.platform.texts import LOCALES

ATTEMPTS: Final = 6
"""Reads that are waited for while what is kept goes on changing; after these the tables are asked."""
MOST_CHANGED: Final = 5_000
"""Of more products that have changed, what is kept is rather read anew."""
MOST_COMPARED: Final = 200_000
"""So many texts are compared with parts of searches when products have changed; rather than more, these are dropped."""
PATIENCE: Final = 0.3
"""Seconds that the prices of a channel are waited for."""
COLUMNS: Final = 5 / 16
"""Which part of all is for `columns`."""
PRICES: Final = 7 / 8
"""Which part of the rest prices may take; of more channels they are left to the tables."""
NAMED: Final = 1_000
"""No more products without a price are named to who looks for them."""
MUCH: Final = 200
"""A search that finds more is worth that its words are kept: to rank all that it finds by its texts costs more."""


@dataclass(frozen=True, slots=True)
class Members:
    """The products of a list. `by_words`: of those that the channel sells, how many the words of its search find.

    `newest`: those among which `listing` takes the newest, where only some are ranked. `partly`: those of which only
    some variants have a price within the bounds that are asked for.
    """

    numbers: BitMap
    newest: BitMap
    by_words: int
    partly: BitMap = field(default_factory=BitMap)


def is_kept(shape: Shape) -> bool:
    """Whether a list can be put together of sets: it is what the channel sells, and asks nothing of variants but what
    they cost.
    """
    unkept = {"ids", "statuses", "published", "not published"}
    return not (shape.options or asks_stock(shape) or shape.loosely) and shape.asked.isdisjoint(unkept)


class Sets:
    """What one process keeps; `limit`: bytes."""

    def __init__(self, follower: Follower, limit: int) -> None:
        self.follower = follower
        self.limit = limit - int(limit * COLUMNS)
        self.changes = Changes()
        self.columns = Columns(self.changes, limit - self.limit)
        self.stocked = Stocked(self.changes)
        self.hits = self.misses = 0
        self._size = 0
        self._beginnings = follower.beginnings
        self._atoms: OrderedDict[Key, Atom] = OrderedDict()
        self._too_large: set[Key] = set()
        self._asked: dict[Key, Future[None]] = {}
        self._looking: Future[None] | None = None
        follower.on_rows(self._hear)

    def __len__(self) -> int:
        return len(self._atoms)

    @property
    def size(self) -> int:
        """Bytes that all of it takes, about."""
        return self._size + self.columns.size + self.stocked.size

    async def members(self, matching: Matching, *, kept: bool = False) -> Members | None:
        """The products of a list; None where the tables are to be asked. `kept`: reading no set for it."""
        if not is_kept(matching.shape):
            return None
        keys = keys_of(matching)
        if is_priced(matching.shape):
            keys.append(prices_key(matching.sight.channel_id))
        there = await self._current(keys, matching.sight.moment, kept)
        return None if there is None else _members(matching, there)

    async def unpriced(self, matching: Matching) -> list[int] | None:
        """Products among which all of a list are that have no price; None: it is not known, or there are many."""
        wide = replace(matching, search=None, loosely=False, ids=None, options=(), in_stock=None)
        if not is_kept(wide.shape):
            return None
        key = prices_key(matching.sight.channel_id)
        there = await self._current([*keys_of(wide), key], matching.sight.moment, False)
        members = None if there is None else _members(wide, there)
        if there is None or members is None:
            return None
        found = members.numbers - there[key].numbers
        return list(found) if len(found) <= NAMED else None

    async def know(self, matching: Matching) -> bool:
        """Whether it is known what a search finds, reading no set for it, and that it is not too little for its words
        (`search.is_loose`).
        """
        members = await self.members(matching, kept=True) if matching.search is not None else None
        return members is not None and members.by_words >= FEW

    async def heed(self, matching: Matching, total: int) -> None:
        """A search has found so many: keep what it is put together of, if that is much."""
        if total > MUCH:
            await self.members(matching)

    def clear(self) -> None:
        """Drop all."""
        self._atoms.clear()
        self._too_large.clear()
        self._size = 0
        self.columns.clear()
        self.stocked.clear()

    async def _current(self, keys: Collection[Key], moment: datetime, kept: bool) -> Mapping[Key, Atom] | None:
        """These sets, as new as the feed was read by now."""
        self._begin_anew()
        beginnings, wanted = self._beginnings, (self.changes.products.end, self.changes.prices.end)
        for _ in range(ATTEMPTS):
            missing = [key for key in keys if not self._has(key, moment)]
            if missing and (kept or not self._too_large.isdisjoint(missing)):
                return None
            if missing:
                self.misses += len(missing)
                if not await self._share(missing, moment):
                    return None
            elif self._is_new(keys, moment, wanted):
                there = {key: self._atoms[key] for key in keys}
                if any(each.since is not None and moment < each.since for each in there.values()):
                    # Others have come who ask of a later moment.
                    return None
                self.hits += len(there)
                for key in keys:
                    self._atoms.move_to_end(key)
                return there
            else:
                await self._look(moment)
            self._begin_anew()
            if beginnings != self._beginnings:
                return None
        return None

    def _has(self, key: Key, moment: datetime) -> bool:
        atom = self._atoms.get(key)
        if atom is not None and atom.until is not None and moment >= atom.until:
            self._drop(key)
            return False
        return atom is not None

    def _is_new(self, keys: Iterable[Key], moment: datetime, wanted: tuple[int, int]) -> bool:
        there = [self._atoms[key] for key in keys]
        marks = [self.columns.mark, *(each.mark for each in there)]
        if min(marks) < wanted[0] or any(is_due(each, moment) for each in there):
            return False
        return all(each.price_mark >= wanted[1] for each in there if isinstance(each, Priced))

    async def _share(self, missing: Collection[Key], moment: datetime) -> bool:
        """Read what is missing, or wait for who reads it; False: it takes too long."""
        # Nobody else waits for prices.
        for prices in (False, True):
            new = [key for key in missing if key not in self._asked and (key[0] == "prices") is prices]
            if new:
                reading = ensure_future(self._read(new, moment))
                self._asked.update(dict.fromkeys(new, reading))
                reading.add_done_callback(_looked_at)
        readings = {self._asked[key]: key[0] == "prices" for key in missing}
        # Who leaves takes nothing from the others.
        done, _ = await wait(readings, timeout=PATIENCE if any(readings.values()) else None)
        for each in done:
            each.result()
        return len(done) == len(readings)

    async def _read(self, keys: Sequence[Key], moment: datetime) -> None:
        beginnings, shelves = self.follower.beginnings, self.changes.shelves
        ends = self.changes.products.end, self.changes.prices.end
        try:
            read = await read_atoms(self.follower.database, keys, moment, *ends)
        finally:
            for key in keys:
                del self._asked[key]
        if beginnings == self.follower.beginnings:
            for atom in read:
                if shelves == self.changes.shelves or atom.key[0] != "part":
                    self._keep(atom)

    async def _look(self, moment: datetime) -> None:
        """Look again at what has changed, or wait for who does."""
        if self._looking is None:
            self._looking = ensure_future(self._look_again(moment))
            self._looking.add_done_callback(_looked_at)
        await shield(self._looking)

    async def _look_again(self, moment: datetime) -> None:
        try:
            told = self.changes.products
            end, low = told.end, min([self.columns.mark, *(each.mark for each in self._atoms.values())])
            ids = told.since(low)
            if ids is None or len(ids) > MOST_CHANGED:
                self.clear()
                return
            self._drop_searches(len(ids))
            price_end, variant_ids = self.changes.prices.end, self._repriced()
            kept = list(self._atoms.values())
            again = await look_again(self.follower.database, kept, ids, variant_ids, moment)
            self._apply(again, kept, end, price_end)
        finally:
            self._looking = None

    def _repriced(self) -> Sequence[UUID]:
        """The variants of which prices were told since some were read; where these are too many, no prices are kept."""
        priced = [each for each in self._atoms.values() if isinstance(each, Priced)]
        told = self.changes.prices
        ids = told.since(min([told.end, *(each.price_mark for each in priced)]))
        if ids is not None and len(ids) <= MOST_CHANGED and not any(each.is_worn for each in priced):
            return ids
        self._drop_all([each.key for each in priced])
        return ()

    def _drop_searches(self, changed: int) -> None:
        parts = [key for key in self._atoms if key[0] == "part"]
        if changed * len(parts) > MOST_COMPARED:
            self._drop_all(parts)
        if changed:
            # To read them again costs no more than to look.
            self._drop_all([key for key in self._atoms if key[0] == "code"])

    def _apply(self, again: Again, kept: Iterable[Atom], end: int, price_end: int) -> None:
        for atom in kept:
            again.apply(atom)
            # What was read meanwhile is not among these, and newer or not, has a mark of its own.
            atom.mark = end
            if isinstance(atom, Priced):
                atom.price_mark = price_end
            if self._atoms.get(atom.key) is atom:
                self._size -= atom.size
                self._size += atom.measure()
        self.columns.drop(again.looked, end)
        self._shrink()

    def _keep(self, atom: Atom) -> None:
        self._drop(atom.key)
        if isinstance(atom, Priced):
            # They are not dropped for each other: to read them again costs most.
            others = sum(each.size for each in self._atoms.values() if isinstance(each, Priced))
            if others + atom.measure() > self.limit * PRICES:
                self._too_large.add(atom.key)
                return
        self._atoms[atom.key] = atom
        self._size += atom.measure()
        self._shrink()

    def _shrink(self) -> None:
        while self._size > self.limit and len(self._atoms) > 1:
            self._drop(next(iter(self._atoms)))

    def _drop(self, key: Key) -> None:
        atom = self._atoms.pop(key, None)
        if atom is not None:
            self._size -= atom.size

    def _drop_all(self, keys: Iterable[Key]) -> None:
        for key in list(keys):
            self._drop(key)

    def _begin_anew(self) -> None:
        if self.follower.beginnings != self._beginnings:
            self._beginnings = self.follower.beginnings
            self.changes.forget()
            self.clear()

    def _hear(self, rows: Sequence[FeedRow]) -> None:
        shelves = self.changes.shelves
        self.changes.hear(rows)
        if self.changes.shelves != shelves:
            self._drop_all([key for key in self._atoms if key[0] == "part"])


def _members(matching: Matching, there: Mapping[Key, Atom]) -> Members | None:
    sold = there[sold_key(matching.sight.channel_id)].numbers
    numbers = sold.copy()
    for keys in field_keys(matching).values():
        numbers &= reduce(or_, [there[key].numbers for key in keys], BitMap())
    partly = BitMap()
    if is_priced(matching.shape):
        priced = there[prices_key(matching.sight.channel_id)]
        assert isinstance(priced, Priced), "read as such"
        within, partly = priced.within(matching.price_min, matching.price_max)
        numbers &= within
    search = matching.search
    if search is None:
        return Members(numbers, numbers, 0, numbers & partly)
    words = _words(search, there)
    if words is None:
        return None
    found = words | there[code_key(matching)].numbers
    # Where much is found, and nothing else may leave but few, what is named by a code is not among the newest for that.
    newest = words if is_wide(matching.shape) and len(found) >= PEEKED else found
    by_words = sold.intersection_cardinality(words)
    return Members(numbers & found, numbers & newest, by_words, numbers & found & partly)


def _words(search: Search, there: Mapping[Key, Atom]) -> BitMap | None:
    """What one language's text finds by all parts; None where one would have to find all that has no such word."""
    found = BitMap()
    for locale in LOCALES:
        parts = [(part.startswith("!"), there[part_key(locale, part)]) for part in search.parts]
        wanted = [atom.numbers for absent, atom in parts if not absent and not atom.ignored]
        unwanted = [atom.numbers for absent, atom in parts if absent and not atom.ignored]
        if wanted:
            found |= reduce(and_, wanted) - reduce(or_, unwanted, BitMap())
        elif unwanted:
            return None
    return found


def _looked_at(done: "Future[None]") -> None:
    """In case all who asked have left."""
    if not done.cancelled():
        done.exception()
