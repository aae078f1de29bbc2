"""Which products have nothing that can be bought at some places, as far as that lasts until somebody writes.

A product of which something is left, all holds kept back, has it until one of its variants is told of; one that would
have nothing even if no hold kept anything back has nothing until then. Of what lies between, the clock decides, and it
is asked each time. All that is written of levels and holds is told, as AVAILABILITY of the variant.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from pyroaring import BitMap
from sqlalchemy import (
    ColumnElement,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    exists,
    false,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.browse.atoms import AMONG, bytes_of, packed, unpacked
from app.browse.changes import Changes
from app.browse.matching import Matching, buyable
from app.catalog.tables import product, variant
from app.platform.db import Reader

ATTEMPTS: Final = 4
MOST_CHANGED: Final = 5_000
MOST_PLACES: Final = 64
"""Sets of locations for which it is known."""
SURELY, NEVER, NOW, NOT_NOW = range(4)


def state_of(product_id: ColumnElement[Any]) -> ColumnElement[int]:
    """Which of these a product is, at the places that are asked about."""

    def some(bought: ColumnElement[bool]) -> ColumnElement[bool]:
        own = and_(variant.c.product_id == product_id, ~variant.c.archived, bought)
        return exists(literal_column("1")).where(own).correlate(product_id.table)

    # CASE asks the next only where the one before does not tell.
    return case(
        (some(buyable(false())), SURELY), (~some(buyable(true())), NEVER), (some(buyable()), NOW), else_=NOT_NOW
    )


_each = select(product.c.number, state_of(product.c.id).label("state")).where(AMONG).subquery("each_state")
STATES: Final = select(_each.c.state, packed(_each.c.number).label("numbers")).group_by(_each.c.state)
_ids, _variant_ids = (bindparam(name, type_=ARRAY(Uuid)) for name in ("ids", "variant_ids"))
_of_variants = select(variant.c.product_id).where(variant.c.id == any_(_variant_ids))
CHANGED: Final = select(packed(product.c.number)).where(or_(product.c.id == any_(_ids), product.c.id.in_(_of_variants)))

Places = tuple[tuple[UUID, ...], bool]
Marks = tuple[int, int]


@dataclass(slots=True)
class Known:
    """The products of which it is known, and those of them that have nothing."""

    all: BitMap = field(default_factory=BitMap)
    out: BitMap = field(default_factory=BitMap)


class Stocked:
    """What is known, by places and whether safety stock is ignored there; as new as `_marks` in what the feed tells of
    products and of variants.
    """

    def __init__(self, changes: Changes) -> None:
        self.changes = changes
        self._known: OrderedDict[Places, Known] = OrderedDict()
        self._marks = self.ends

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        return sum(500 + bytes_of(each.all) + bytes_of(each.out) for each in self._known.values())

    @property
    def ends(self) -> Marks:
        """How far what the feed tells was heard: to be taken before what is to be learned is read."""
        return self.changes.products.end, self.changes.variants.end

    def clear(self) -> None:
        """Know nothing."""
        self._known.clear()

    async def count_out(self, db: Reader, numbers: BitMap, places: Places) -> int:
        """How many of these have nothing that can be bought at these places now."""
        here, out = await self._known_of(db, numbers, places)
        missing = numbers - here
        if not missing:
            return len(out)
        marks = self.ends
        location_ids, ignores = places
        given = {"numbers": list(missing), "location_ids": list(location_ids), "ignores_safety_stock": ignores}
        found = {row.state: unpacked(row.numbers) for row in await db.rows(STATES, given)}
        return len(out) + self.learn(found, places, marks)

    def learn(self, states: Mapping[int, BitMap], places: Places, marks: Marks) -> int:
        """Keep what lasts of the states that products had at these places; how many of them have nothing now. `marks`:
        `ends` before they were read.
        """
        surely, never, not_now = (states.get(state, BitMap()) for state in (SURELY, NEVER, NOT_NOW))
        self._put(places, Known(surely | never, never), marks)
        return len(never) + len(not_now)

    async def _known_of(self, db: Reader, numbers: BitMap, places: Places) -> tuple[BitMap, BitMap]:
        """Those of these of which it is known, as new as the feed was read by now; and of them those that are out."""
        wanted = self.ends
        for _ in range(ATTEMPTS):
            known = self._known.get(places)
            if known is None:
                break
            if all(mark >= least for mark, least in zip(self._marks, wanted, strict=True)):
                self._known.move_to_end(places)
                here = numbers & known.all
                return here, here & known.out
            await self._follow(db)
        return BitMap(), BitMap()

    async def _follow(self, db: Reader) -> None:
        """Forget what has changed."""
        low, ends = self._marks, self.ends
        ids, variant_ids = self.changes.products.since(low[0]), self.changes.variants.since(low[1])
        if ids is None or variant_ids is None or len(ids) + len(variant_ids) > MOST_CHANGED:
            self.clear()
            return
        changed = unpacked(await db.value(CHANGED, {"ids": ids, "variant_ids": variant_ids}))
        for each in self._known.values():
            each.all -= changed
            each.out -= changed
        # What was put in meanwhile may be older than what was gone through.
        was = zip(self._marks, low, ends, strict=True)
        products, variants = (end if mark >= begun else mark for mark, begun, end in was)
        self._marks = products, variants

    def _put(self, places: Places, read: Known, marks: Marks) -> None:
        """What was read when all that had been told of until these marks was committed."""
        self._marks = marks if not self._known else (min(self._marks[0], marks[0]), min(self._marks[1], marks[1]))
        known = self._known.setdefault(places, Known())
        known.all |= read.all
        known.out -= read.all
        known.out |= read.out
        while len(self._known) > MOST_PLACES:
            self._known.popitem(last=False)


def places_of(matching: Matching) -> Places:
    """Where a list's stock is looked at."""
    return matching.location_ids, matching.ignores_safety_stock
