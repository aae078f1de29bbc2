"""The followed catalog: what this process keeps of the catalog, and drops when the feed says that it changed.

Kept are facts, not answers: product documents, what facets count of products (`browse.traits`), categories,
collections, and the settings that prices and promises stand in (`browse.facts`). Why nothing stale is ever used:

- A read says how far the feed was in its snapshot. When it is back, the rows that the follower has read since are gone
  through: one that concerns what was read, and it is not kept. After that, such a row drops it before the follower's
  `position` says that the row was read (`Follower.on_rows`). So whatever is kept is as new as `position`, at least.
- It is used only while the follower is up to date (`Follower.is_current`), and has read the position that the request
  asks for; else the request reads past it. When the follower begins anew, all is dropped.
- Nothing in a document ends by the clock: it holds what begins and ends, with the times.

And nothing wrong: keys are ids and slugs that the database knew, values are what it said about them; nothing that a
caller sent, is or may see goes into them. What is kept is bounded in bytes; what was not used of late goes first.
"""

from asyncio import Future, ensure_future, shield
from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.browse.documents import BY_IDS, BY_SLUGS, BY_VARIANTS
from app.browse.facts import ENTRY, Entry, Kind, concerned, documents, rows_of, settings, shelves
from app.browse.kept_lists import KeptLists
from app.browse.sets import Sets
from app.browse.settings import Settings
from app.browse.traits import read_traits
from app.catalog.queries import categories_by_ids, collections_by_ids
from app.events.feed import FeedRow
from app.events.follower import Follower
from app.events.outbox import Topic

ATTEMPTS: Final = 3
"""Shared reads that a caller waits for while what it asks for goes on changing; after these it reads for itself."""
LISTS: Final = 8
"""Which part of all may be lists, besides."""
LARGEST: Final = 16
"""Of a document that is larger than this part of all that may be kept, only that is kept."""

ForIds = tuple[UUID, ...] | None
Answer = tuple[Mapping[Any, Entry], Collection[Any]]
"""Entries by the key asked for, and the keys of what changed while it was read."""

IDS: Final = Kind("id", documents(BY_IDS, lambda one: (one.id,)), frozenset({Topic.PRODUCT}))
SLUGS: Final = Kind("slug", documents(BY_SLUGS, lambda one: (one.slug,)), frozenset({Topic.PRODUCT}))
VARIANTS: Final = Kind(
    "variant", documents(BY_VARIANTS, lambda one: [each.id for each in one.variants]), frozenset({Topic.PRODUCT})
)
TRAITS: Final = Kind("traits", read_traits, frozenset({Topic.PRODUCT}))
CATEGORIES: Final = Kind("category", rows_of("category", categories_by_ids), frozenset({Topic.CATEGORY}))
COLLECTIONS: Final = Kind("collection", rows_of("collection", collections_by_ids), frozenset({Topic.COLLECTION}))
SHELVES: Final = Kind("shelves", shelves, frozenset({Topic.CATEGORY, Topic.COLLECTION}))
SETTINGS: Final = Kind("settings", settings, frozenset({Topic.SETTINGS}))
_SETTINGS_KEY: Final = ("settings", None)


class Catalog:
    """What one process keeps. Its methods answer entries; `limit`: bytes, half as much again for `sets`, an eighth for
    `lists`. Ask `reaches` before.
    """

    def __init__(self, follower: Follower, limit: int) -> None:
        self.follower = follower
        self.limit = limit
        self.size = self.hits = self.misses = self.drops = self.spoiled = 0
        self._beginnings = follower.beginnings
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self._slugs: dict[str, UUID] = {}
        self._variants: dict[UUID, UUID] = {}
        self._asked: dict[tuple[str, Any], Future[Answer]] = {}
        self.lists = KeptLists(limit // LISTS)
        follower.on_rows(self._hear)
        self.sets = Sets(follower, limit // 2)

    def __len__(self) -> int:
        return len(self._entries)

    def reaches(self, position: int) -> bool:
        """Whether what is kept is at least as new as this position, and as the last seconds."""
        follower = self.follower
        if follower.beginnings != self._beginnings:
            self.clear()
            self._beginnings = follower.beginnings
        return follower.position >= position and follower.is_current

    def kept(self, kind: Kind, keys: Iterable[Any], moment: datetime) -> Mapping[Any, Entry] | None:
        """The entry at each of these keys, where all of them are kept."""
        found = {}
        for key in keys:
            entry = self._find(kind, key, moment)
            if entry is None:
                return None
            found[key] = entry
        self.hits += len(found)
        return found

    def documents_kept(self, ids: Sequence[UUID], moment: datetime) -> list[Entry] | None:
        """The documents of these products in their order, where all of them are kept."""
        entries = self._entries
        found = []
        for key in ids:
            entry = entries.get(key)
            if entry is None or (entry.since is not None and moment < entry.since):
                return None
            entry.used = True
            found.append(entry)
        self.hits += len(found)
        return found

    async def documents(self, ids: Iterable[UUID], moment: datetime) -> Mapping[UUID, Entry]:
        """The documents of these products that are there, by id."""
        return await self._all(IDS, ids, moment)

    async def document_at(self, slug: str, moment: datetime) -> Entry | None:
        """The document of the product with this slug."""
        return (await self._all(SLUGS, (slug,), moment)).get(slug)

    async def documents_of(self, variant_ids: Iterable[UUID], moment: datetime) -> Mapping[UUID, Entry]:
        """The documents that hold these variants, by the variant's id; a variant that is archived is in none."""
        return await self._all(VARIANTS, variant_ids, moment)

    async def traits(self, ids: Iterable[bytes], moment: datetime) -> Mapping[bytes, Entry]:
        """What facets count of these products, by the bytes of their ids."""
        return await self._all(TRAITS, ids, moment)

    async def categories(self, ids: Iterable[UUID], moment: datetime) -> Mapping[UUID, Entry]:
        """Rows of these categories by id."""
        return await self._all(CATEGORIES, ids, moment)

    async def collections(self, ids: Iterable[UUID], moment: datetime) -> Mapping[UUID, Entry]:
        """Rows of these collections by id."""
        return await self._all(COLLECTIONS, ids, moment)

    async def shelves(
        self, categories: Sequence[str] | None, collections: Sequence[str] | None, moment: datetime
    ) -> tuple[ForIds, ForIds]:
        """As `slugs.ids_of_slugs`."""
        key = (None if categories is None else tuple(categories), None if collections is None else tuple(collections))
        value: tuple[ForIds, ForIds] = (await self._all(SHELVES, (key,), moment))[key].value
        return value

    def settings_kept(self) -> Settings | None:
        """The settings, unless they must be read."""
        entry = self._entries.get(_SETTINGS_KEY)
        if entry is None:
            return None
        value: Settings = entry.value
        return value

    async def settings(self, moment: datetime) -> Settings:
        """What prices and promises stand in."""
        value: Settings = (await self._all(SETTINGS, (None,), moment))[None].value
        return value

    def grow(self, entry: Entry, size: int) -> None:
        """Count what was made of an entry."""
        if self._entries.get(entry.key) is entry:
            entry.size += size
            self.size += size
            self._shrink()

    def clear(self) -> None:
        """Drop all."""
        self.lists.clear()
        self.drops += len(self._entries)
        while self._entries:
            self._drop(next(iter(self._entries)))

    def _find(self, kind: Kind, key: Any, moment: datetime) -> Entry | None:
        match kind.name:
            case "traits" | "id":
                # Traits by the id's bytes.
                place: Hashable = key
            case "slug":
                place = self._slugs.get(key)
            case "variant":
                place = self._variants.get(key)
            case _:
                place = (kind.name, key)
        entry = self._entries.get(place)
        if entry is None or (entry.since is not None and moment < entry.since):
            return None
        entry.used = True
        return entry

    async def _all(self, kind: Kind, keys: Iterable[Any], moment: datetime) -> Mapping[Any, Entry]:
        """The entry at each of these keys. What is missing is read in one statement; who else asks for it shares it."""
        found: dict[Any, Entry] = {}
        missing: list[Any] = []
        for key in keys:
            entry = self._find(kind, key, moment)
            if entry is None:
                missing.append(key)
            else:
                found[key] = entry
        self.hits += len(found)
        self.misses += len(missing)
        for _ in range(ATTEMPTS):
            if not missing:
                return found
            missing = await self._share(kind, missing, moment, found)
        if missing:
            found.update((await kind.read(self.follower.database, missing, moment)).entries)
        return found

    async def _share(
        self, kind: Kind, missing: Collection[Any], moment: datetime, found: dict[Any, Entry]
    ) -> list[Any]:
        """Add to `found` what a read brings, one of our own or one under way; those that changed meanwhile."""
        new = [key for key in dict.fromkeys(missing) if (kind.name, key) not in self._asked]
        if new:
            reading = ensure_future(self._fill(kind, new, moment))
            for key in new:
                self._asked[kind.name, key] = reading
            reading.add_done_callback(_looked_at)
        again: list[Any] = []
        readings = {id(each): each for each in (self._asked[kind.name, key] for key in missing)}
        for each in readings.values():
            # Who leaves takes nothing from the others.
            entries, spoiled = await shield(each)
            for key in missing:
                if key in spoiled:
                    again.append(key)
                elif key in entries:
                    entry = entries[key]
                    if entry.since is not None and moment < entry.since:
                        again.append(key)
                    else:
                        found[key] = entry
        return again

    async def _fill(self, kind: Kind, keys: Collection[Any], moment: datetime) -> Answer:
        """Read, and keep what did not change meanwhile: the entries, and the keys of what did."""
        follower, beginnings = self.follower, self.follower.beginnings
        try:
            read = await kind.read(follower.database, keys, moment)
        finally:
            # From here on nobody joins: what is looked through below is what was read of the feed until now.
            for key in keys:
                del self._asked[kind.name, key]
        since = follower.recent(read.position)
        if since is None or beginnings != follower.beginnings or read.epoch != follower.epoch:
            self.spoiled += len(keys)
            return {}, set(keys)
        changed = {(row.topic, row.entity_id) for row in since}
        topics = {row.topic for row in since}
        kept: dict[Any, Entry] = {}
        spoiled: set[Any] = set()
        for key in keys:
            entry = read.entries.get(key)
            if entry is None:
                if not topics.isdisjoint(kind.topics):
                    spoiled.add(key)
            elif concerned(entry, changed, topics):
                spoiled.add(key)
            else:
                kept[key] = entry
        self.spoiled += len(spoiled)
        for entry in {id(entry): entry for entry in kept.values()}.values():
            self._keep(entry)
        return kept, spoiled

    def _keep(self, entry: Entry) -> None:
        if entry.product_id is not None and entry.size * LARGEST > self.limit:
            entry.value, entry.size = None, ENTRY * (1 + len(entry.variant_ids))
        self._drop(entry.key)
        self._entries[entry.key] = entry
        entry.is_kept = True
        self.size += entry.size
        if entry.product_id is not None:
            self._slugs[entry.slug] = entry.product_id
            self._variants.update(dict.fromkeys(entry.variant_ids, entry.product_id))
        self._shrink()

    def _shrink(self) -> None:
        while self.size > self.limit and len(self._entries) > 1:
            key, entry = next(iter(self._entries.items()))
            # Every request needs the settings.
            if entry.used or key == _SETTINGS_KEY:
                # A flag costs who finds it less than a place in a row would.
                entry.used = False
                self._entries.move_to_end(key)
            else:
                self._drop(key)

    def _drop(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self.size -= entry.size
        entry.end()
        if entry.product_id is not None:
            if self._slugs.get(entry.slug) == entry.product_id:
                del self._slugs[entry.slug]
            for each in entry.variant_ids:
                self._variants.pop(each, None)

    def _hear(self, rows: Sequence[FeedRow]) -> None:
        """Drop what these rows say has changed."""
        self.lists.hear(rows)
        before = len(self._entries)
        settings, kinds = False, set[str]()
        for row in rows:
            match row.topic:
                case Topic.PRODUCT:
                    self._drop(row.entity_id)
                    self._drop(row.entity_id.bytes)
                case Topic.PRICE:
                    self._drop(self._variants.get(row.entity_id))
                case Topic.CATEGORY:
                    # What is told of one tells of those above it.
                    kinds |= {"category", "shelves"}
                case Topic.COLLECTION:
                    self._drop(("collection", row.entity_id))
                    kinds.add("shelves")
                case Topic.SETTINGS:
                    settings = True
        if kinds:
            for key in [key for key in self._entries if isinstance(key, tuple) and key[0] in kinds]:
                self._drop(key)
        if settings:
            self._drop(_SETTINGS_KEY)
        self.drops += before - len(self._entries)


def _looked_at(done: "Future[Answer]") -> None:
    """In case all who asked have left."""
    if not done.cancelled():
        done.exception()
