"""What the followed catalog keeps, how each is read with the head of the feed, and which changes concern it."""

from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Select

from app.browse.documents import Document, read_documents
from app.browse.settings import read_settings
from app.browse.slugs import ids_of_slugs
from app.events.feed import head_of
from app.events.outbox import Topic
from app.platform.db import Database, Reader

REMEMBERED: Final = timedelta(minutes=10)
"""Prices that ended so long before a read are in its documents: for requests that began before it."""
GROWS: Final = 2
"""Bytes that a document takes for each byte of its JSON, about."""
ENTRY: Final = 450
"""Bytes that anything takes besides."""
ROW: Final = 2_000
"""Bytes of a row with its texts, about."""


class Entry:
    """One thing that is kept. `value` None: too large, to be read from the tables. `shown`: what was made of it, by
    whom it is for; it goes with it. A document's has `product_id`, and what else it is found by. `used`: since it was
    last passed over for something to drop. `is_kept`: by the catalog, from its read until it is dropped.
    """

    __slots__ = (
        "_ends",
        "is_kept",
        "key",
        "product_id",
        "shown",
        "since",
        "size",
        "slug",
        "used",
        "value",
        "variant_ids",
    )

    def __init__(self, key: Hashable, value: Any, size: int) -> None:
        self.key = key
        self.value = value
        self.size = size
        self.shown: dict[Hashable, Any] = {}
        self.used = False
        self.is_kept = False
        self._ends: list[Callable[[], None]] = []
        self.since: datetime | None = None
        self.product_id: UUID | None = None
        self.slug = ""
        self.variant_ids: Collection[UUID] = ()

    def at_end(self, call: Callable[[], None]) -> None:
        """Call this when it is kept no more: at once, where it is not."""
        if self.is_kept:
            self._ends.append(call)
        else:
            call()

    def end(self) -> None:
        """It is kept no more."""
        self.is_kept = False
        # What was made of it may lead back to it.
        self.shown.clear()
        for call in self._ends:
            call()
        self._ends.clear()


@dataclass(frozen=True, slots=True)
class Found:
    """What a read came to: each asked-for key's entry, those that are not there left out; the feed's head in it."""

    position: int
    epoch: str
    entries: Mapping[Any, Entry]


Read = Callable[[Database, Collection[Any], datetime], Awaitable[Found]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to ask. `read` finds what stands at these keys; changes of `topics` may bring what was not there."""

    name: str
    read: Read
    topics: frozenset[Topic]


def concerned(entry: Entry, changed: Collection[tuple[Topic, UUID]], topics: Collection[Topic]) -> bool:
    """Whether one of these changes, of these topics, is of what the entry holds."""
    if entry.product_id is not None:
        if (Topic.PRODUCT, entry.product_id) in changed:
            return True
        return Topic.PRICE in topics and any((Topic.PRICE, each) in changed for each in entry.variant_ids)
    match entry.key:
        case bytes() as raw:
            return (Topic.PRODUCT, UUID(bytes=raw)) in changed
        case ("category", key):
            return (Topic.CATEGORY, key) in changed
        case ("collection", key):
            return (Topic.COLLECTION, key) in changed
        case ("shelves", _):
            return not {Topic.CATEGORY, Topic.COLLECTION}.isdisjoint(topics)
    return Topic.SETTINGS in topics


def documents(statement: Select[Any], keys_of: Callable[[Document], Iterable[Any]]) -> Read:
    """Documents by what `keys_of` says that they are asked for by."""

    async def read(db: Database, keys: Collection[Any], moment: datetime) -> Found:
        since = moment - REMEMBERED
        came = await read_documents(db, statement, keys, since)
        entries: dict[Any, Entry] = {}
        for one, size in came.documents:
            entry = Entry(one.id, one, size * GROWS + ENTRY * (1 + len(one.variants)))
            entry.since, entry.product_id, entry.slug = since, one.id, one.slug
            entry.variant_ids = [each.id for each in one.variants]
            entries.update(dict.fromkeys(keys_of(one), entry))
        return Found(came.position, came.epoch, entries)

    return read


def rows_of(name: str, by_ids: Callable[[Reader, Collection[UUID]], Awaitable[Mapping[UUID, Row[Any]]]]) -> Read:
    """Rows by their ids."""

    async def read(db: Database, keys: Collection[Any], _: datetime) -> Found:
        # The head first: what is read after it is as new, at least.
        head = await head_of(db)
        rows = await by_ids(db, keys)
        return Found(
            head.position, head.epoch, {key: Entry((name, key), row, ENTRY + ROW) for key, row in rows.items()}
        )

    return read


async def shelves(db: Database, keys: Collection[Any], _: datetime) -> Found:
    """What pairs of slugs, of categories and of collections, stand for."""
    head = await head_of(db)
    entries = {}
    for key in keys:
        value = await ids_of_slugs(db, categories=key[0], collections=key[1])
        size = ENTRY + 100 * sum(len(part or ()) for part in value) + 2 * len(str(key))
        entries[key] = Entry(("shelves", key), value, size)
    return Found(head.position, head.epoch, entries)


async def settings(db: Database, _: Collection[Any], __: datetime) -> Found:
    """The settings, under the key None."""
    head, found = await read_settings(db)
    return Found(head.position, head.epoch, {None: Entry(("settings", None), found, ENTRY + ROW * found.rows)})
