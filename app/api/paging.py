"""Relay connections over keyset cursors: pages that neither skip nor repeat while rows change."""

import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar, get_args, overload
from uuid import UUID

import msgspec
import strawberry

from app.api.engine.errors import RequestError
from app.catalog.fields import storable

MOST = 100
COUNTED_UP_TO = 10_000
_LONGEST_CURSOR = 65_536
_SHORT_CURSOR = 500
T = TypeVar("T")


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more follow.")
    has_previous_page: bool = strawberry.field(description="Whether some stand before.")
    start_cursor: str | None = strawberry.field(description="The first entry's cursor.")
    end_cursor: str | None = strawberry.field(description="The last entry's cursor: give it as `after` to go on.")


@strawberry.type(description="An entry of a list and where it stands.")
class Edge(Generic[T]):
    node: T = strawberry.field(description="The entry.")
    cursor: str = strawberry.field(description="Opaque place in the list, for `after`.")


@dataclass(slots=True)
class Page(Generic[T]):
    """One page: its entries, each one's cursor, and how to count all. `before`: whether it began after a cursor.

    `stopped`: the cursor of where it goes on, where that is not its last entry's.
    """

    nodes: Sequence[T]
    cursors: Sequence[str]
    more: bool
    before: bool
    # None beyond COUNTED_UP_TO.
    count: Callable[[], Awaitable[int | None]]
    stopped: str | None = None


@strawberry.type(description="A list in pages.")
class Connection(Generic[T]):
    page: strawberry.Private[Page[T]]

    @strawberry.field(description="The entries with their cursors.")
    def edges(self) -> list[Edge[T]]:
        return [Edge(node=node, cursor=cursor) for node, cursor in zip(self.page.nodes, self.page.cursors, strict=True)]

    @strawberry.field(description="The entries.")
    def nodes(self) -> list[T]:
        return list(self.page.nodes)

    @strawberry.field(description="Where this page stands.")
    def page_info(self) -> PageInfo:
        cursors = self.page.cursors
        return PageInfo(
            has_next_page=self.page.more,
            has_previous_page=self.page.before,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=self.page.stopped or (cursors[-1] if cursors else None),
        )

    @strawberry.field(description="How many there are in all: exact up to 10,000, else null.")
    async def total_count(self) -> int | None:
        return await self.page.count()


class Cursors(Sequence[str]):
    """The cursors of a list's entries, each written when it is asked for; `keys_of`: the keys of one."""

    __slots__ = ("_entries", "_keys_of", "_kind")

    def __init__(self, kind: str, entries: Sequence[Any], keys_of: Callable[[Any], Sequence[Any]]) -> None:
        self._kind, self._entries, self._keys_of = kind, entries, keys_of

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> "Cursors": ...
    def __getitem__(self, place: int | slice) -> "str | Cursors":
        if isinstance(place, slice):
            return Cursors(self._kind, self._entries[place], self._keys_of)
        return encode_cursor(self._kind, *self._keys_of(self._entries[place]))


def check_first(first: int, *, most: int = MOST) -> int:
    """Raises BAD_REQUEST for a page size outside 0..most."""
    if not 0 <= first <= most:
        raise RequestError("BAD_REQUEST", f"`first` must be from 0 to {most}, it is {first}.")
    return first


def encode_cursor(kind: str, *keys: Any) -> str:
    """A cursor over the values that the list is sorted by, the id last. `kind` names the list and its order."""
    body = msgspec.json.encode([kind, *map(_portable, keys)])
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def decode_cursor(kind: str, cursor: str | None, *types: Any) -> tuple[Any, ...] | None:
    """The values in a cursor of this list and order, None for none. Raises BAD_REQUEST for any other text.

    `types`: int, str, datetime or UUID; with `| None` where the list has entries without such a value.
    """
    if cursor is None:
        return None
    try:
        return (_decoded_again if len(cursor) <= _SHORT_CURSOR else _decoded)(kind, cursor, types)
    except (ValueError, ArithmeticError, RecursionError):
        raise RequestError("BAD_REQUEST", "`after` is not a cursor of this list in this order.") from None


def _decoded(kind: str, cursor: str, types: Sequence[Any]) -> tuple[Any, ...]:
    if len(cursor) <= _LONGEST_CURSOR:
        body = msgspec.json.decode(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        if isinstance(body, list) and len(body) == len(types) + 1 and body[0] == kind:
            return tuple(_restored(value, wanted) for value, wanted in zip(body[1:], types, strict=True))
    raise ValueError(cursor[:20])


_decoded_again = lru_cache(2_000)(_decoded)


def slice_page(rows: Sequence[Any], first: int) -> tuple[Sequence[Any], bool]:
    """Of one row more than asked: the page, and whether more follow."""
    return rows[:first], len(rows) > first


def _portable(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case UUID():
            return str(value)
    return value


def _restored(value: Any, wanted: Any) -> Any:
    """A value as the database can compare with it. Raises ValueError or OverflowError for what nobody gave out."""
    if value is None and type(None) in get_args(wanted):
        return None
    kind = next((each for each in get_args(wanted) if each is not type(None)), wanted)
    if kind is int and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
        return value
    if isinstance(value, str):
        if kind is str and storable(value):
            return value
        if kind is UUID:
            return UUID(value)
        if kind is datetime and (moment := datetime.fromisoformat(value)).tzinfo is not None:
            return moment.astimezone(UTC)
    raise ValueError(wanted)
