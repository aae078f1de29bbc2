"""Values of facets counted in the process: of the kept traits of all products that match, and of their live stock."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from operator import ge
from typing import Final
from uuid import UUID

from app.browse.facets import Field, Tally
from app.browse.facts import Entry
from app.browse.followed import CATEGORIES, COLLECTIONS, TRAITS, Catalog
from app.browse.hits import Matched
from app.browse.traits import Traits, options_told, read_traits


@dataclass(frozen=True, slots=True)
class Tallying:
    """Counts what `matched` names, by what the `catalog` keeps."""

    catalog: Catalog
    moment: datetime
    matched: Matched

    async def __call__(self, fields: Collection[Field]) -> Sequence[Tally]:
        """As many as have it, for each value of these fields that one of them has."""
        some = await self._traits()
        shelves = await self._shelved(some) if not SHELVED.isdisjoint(fields) else {}
        tallies: list[Tally] = []
        for field in fields:
            if field is Field.IN_STOCK:
                tallies += self._in_stock()
            elif (counted := shelves.get(field)) is not None:
                tallies += counted
            elif field in _OWN:
                tallies += _OWN[field](some)
        return tallies

    async def _traits(self) -> list[Traits]:
        """Of each that matched, as new as it was found to be."""
        versions = self.matched.versions
        kept = self.catalog.kept(TRAITS, versions, self.moment) or await self.catalog.traits(versions, self.moment)
        if len(kept) == len(versions):
            some = [entry.value for entry in kept.values()]
            if all(map(ge, [one.version for one in some], [versions[key] for key in kept])):
                return some
        entries = dict(kept)
        old = [key for key, at in versions.items() if key not in entries or entries[key].value.version < at]
        # The feed has not told of them yet: nobody else is to be told of it.
        entries.update((await read_traits(self.catalog.follower.database, old, self.moment)).entries)
        return [entries[key].value for key in versions if key in entries]

    def _in_stock(self) -> Iterator[Tally]:
        return in_stock(len(self.matched.versions), self.matched.sold_out)

    async def _shelved(self, some: Sequence[Traits]) -> dict[Field, Iterable[Tally]]:
        filed = Counter([each.category_id for each in some])
        held = Counter(chain.from_iterable([each.collection_ids for each in some]))
        return await shelved(self.catalog, self.moment, filed, held)


async def shelved(
    catalog: Catalog, moment: datetime, filed: Mapping[UUID | None, int], held: Mapping[UUID, int]
) -> dict[Field, Iterable[Tally]]:
    """What is counted of categories and collections that are not put away, where so many are `filed` in a category
    itself, and `held` by a collection.
    """
    own = [key for key in filed if key is not None]
    rows = catalog.kept(CATEGORIES, own, moment) or await catalog.categories(own, moment)
    above = {key for row in rows.values() for key in row.value.lineage}
    rows = catalog.kept(CATEGORIES, above, moment) or await catalog.categories(above, moment)
    categories: Counter[UUID] = Counter()
    for key, matches in filed.items():
        if key is not None and key in rows:
            categories.update(dict.fromkeys(rows[key].value.lineage, matches))
    shelves = catalog.kept(COLLECTIONS, held, moment) or await catalog.collections(held, moment)
    return {
        Field.CATEGORIES: _places(Field.CATEGORIES, categories, rows),
        Field.COLLECTIONS: _places(Field.COLLECTIONS, held, shelves),
    }


def in_stock(total: int, out: int) -> Iterator[Tally]:
    """Of so many products so many are sold out."""
    for value, matches in ("true", total - out), ("false", out):
        if matches:
            yield Tally(Field.IN_STOCK.value, None, value, None, matches)


SHELVED: Final = frozenset({Field.CATEGORIES, Field.COLLECTIONS})


def _places(field: Field, counted: Mapping[UUID, int], rows: Mapping[UUID, Entry]) -> Iterator[Tally]:
    for key, matches in counted.items():
        row = rows[key].value if key in rows else None
        if row is not None and not row.archived:
            yield Tally(field.value, None, row.slug, row.name, matches)


def _brands(some: Sequence[Traits]) -> Iterator[Tally]:
    for brand, matches in Counter([each.brand for each in some]).items():
        if brand is not None:
            yield Tally(Field.BRANDS.value, None, brand, None, matches)


def _tags(some: Sequence[Traits]) -> Iterator[Tally]:
    for tag, matches in Counter(chain.from_iterable([each.tags for each in some])).items():
        yield Tally(Field.TAGS.value, None, tag, None, matches)


def _options(some: Sequence[Traits]) -> Iterator[Tally]:
    # Most products of a kind share theirs.
    alike = {(each.options, id(each.choices)): each.choices for each in some}
    told = options_told((options, choices) for (options, _), choices in alike.items())
    for choice, matches in Counter(chain.from_iterable([each.choices for each in some])).items():
        yield Tally(Field.OPTIONS.value, *choice, told[choice], matches)


_OWN: Final[Mapping[Field, Callable[[Sequence[Traits]], Iterator[Tally]]]] = {
    Field.BRANDS: _brands,
    Field.TAGS: _tags,
    Field.OPTIONS: _options,
}
