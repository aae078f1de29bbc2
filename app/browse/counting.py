"""How many products a list is of, and what it could be narrowed by: of the sets that are kept, where it can be put
together of them, else by the tables.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from app.browse.columns import Columns, Dimension
from app.browse.facets import Facet, Field, Tally, counts, facets_of
from app.browse.followed import Catalog
from app.browse.matching import COUNTED, Matching, count
from app.browse.partly import Partly, read_partly
from app.browse.sets import Members
from app.browse.stocked import places_of
from app.browse.tallies import SHELVED, in_stock, shelved
from app.browse.traits import Choice, options_told
from app.platform.db import Reader

OF_VARIANTS: Final = frozenset({Field.OPTIONS, Field.IN_STOCK})
"""Facets of which only those variants count that have a price within the bounds."""


async def total_of(db: Reader, catalog: Catalog | None, matching: Matching) -> int | None:
    """As `matching.count`."""
    members = await catalog.sets.members(matching) if catalog is not None else None
    if members is None:
        return await count(db, matching)
    return len(members.numbers) if len(members.numbers) <= COUNTED else None


async def narrowed_by(
    db: Reader,
    catalog: Catalog | None,
    matching: Matching,
    fields: Collection[Field] = tuple(Field),
    tallied: Callable[[Collection[Field]], Awaitable[Sequence[Tally]]] | None = None,
) -> list[Facet] | None:
    """As `facets.facets_of`."""
    counted = None if catalog is None else partial(_counted, catalog)
    return await facets_of(db, matching, fields, tallied, counted=counted)


async def _counted(
    catalog: Catalog, db: Reader, matching: Matching, fields: frozenset[Field]
) -> Sequence[Tally] | None:
    members = await catalog.sets.members(matching)
    if members is None:
        return await counts(db, matching, fields)
    if len(members.numbers) > COUNTED:
        return None
    if not await catalog.sets.columns.fill(catalog.follower.database, members.numbers):
        return await counts(db, matching, fields)
    return await _tallies(catalog, db, matching, members, fields)


async def _tallies(
    catalog: Catalog, db: Reader, matching: Matching, members: Members, fields: frozenset[Field]
) -> list[Tally]:
    # All that is counted of columns is counted before anything is waited for.
    columns, each = catalog.sets.columns, members.numbers.to_array()
    whole = members.numbers - members.partly
    tallies = [tally for field in fields if field in _OWN for tally in _OWN[field](columns, each)]
    chosen = columns.counted(Dimension.OPTIONS, whole.to_array()) if Field.OPTIONS in fields else []
    filed = dict(columns.counted(Dimension.CATEGORY, each) if Field.CATEGORIES in fields else ())
    held: Counter[UUID] = Counter()
    for keys, matches in columns.counted(Dimension.COLLECTIONS, each) if Field.COLLECTIONS in fields else ():
        held.update(dict.fromkeys(keys, matches))
    if not SHELVED.isdisjoint(fields):
        places = await shelved(catalog, matching.sight.moment, filed, held)
        tallies += [tally for field, counted in places.items() if field in fields for tally in counted]
    partly = Partly([], 0)
    if not OF_VARIANTS.isdisjoint(fields):
        partly = await read_partly(db, matching, members.partly, stock=Field.IN_STOCK in fields)
    if Field.OPTIONS in fields:
        tallies += _options([*chosen, *partly.options])
    if Field.IN_STOCK in fields:
        out = partly.out + await catalog.sets.stocked.count_out(db, whole, places_of(matching))
        tallies += in_stock(len(members.numbers), out)
    return tallies


def _brands(columns: Columns, numbers: Sequence[int]) -> list[Tally]:
    counted = columns.counted(Dimension.BRAND, numbers)
    return [Tally(Field.BRANDS.value, None, brand, None, matches) for brand, matches in counted if brand is not None]


def _tags(columns: Columns, numbers: Sequence[int]) -> list[Tally]:
    tags: Counter[str] = Counter()
    for some, matches in columns.counted(Dimension.TAGS, numbers):
        tags.update(dict.fromkeys(some, matches))
    return [Tally(Field.TAGS.value, None, tag, None, matches) for tag, matches in tags.items()]


def _options(counted: Sequence[tuple[Any, int]]) -> list[Tally]:
    chosen: Counter[Choice] = Counter()
    for (_, choices), matches in counted:
        for choice in choices:
            chosen[choice] += matches
    told = options_told(each for each, _ in counted)
    return [Tally(Field.OPTIONS.value, *choice, told[choice], matches) for choice, matches in chosen.items()]


_OWN: Final[Mapping[Field, Callable[[Columns, Sequence[int]], list[Tally]]]] = {
    Field.BRANDS: _brands,
    Field.TAGS: _tags,
}
