"""What was read a moment ago: so that a burst of requests with one credential asks the database once."""

from asyncio import Future, ensure_future, shield
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most `most` values, the least used dropped first, none used later than `seconds` after it began to be read."""

    def __init__(self, *, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._values: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._asked: dict[K, Future[V | None]] = {}

    def get(self, key: K) -> V | None:
        """The value, unless it is unknown or too old."""
        kept = self._values.get(key)
        if kept is None:
            return None
        if kept[0] < monotonic() - self._seconds:
            del self._values[key]
            return None
        self._values.move_to_end(key)
        return kept[1]

    async def get_or(self, key: K, read: Callable[[], Awaitable[V | None]]) -> V | None:
        """The value, or what `read` finds, which is kept. Who asks meanwhile waits for the same answer."""
        known = self.get(key)
        if known is not None:
            return known
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = ensure_future(self._read(key, read))
            asked.add_done_callback(lambda done: self._answered(key, done))
        # Who leaves takes nothing from the others.
        return await shield(asked)

    async def _read(self, key: K, read: Callable[[], Awaitable[V | None]]) -> V | None:
        since = monotonic()
        found = await read()
        if found is not None:
            self.keep(key, found, since=since)
        return found

    def _answered(self, key: K, done: "Future[V | None]") -> None:
        del self._asked[key]
        if not done.cancelled():
            # Looked at, in case all who asked have left.
            done.exception()

    def keep(self, key: K, value: V, *, since: float) -> None:
        """`since`: `monotonic()` before the value was asked for, as a write may have overtaken the answer."""
        self._values[key] = (since, value)
        self._values.move_to_end(key)
        while len(self._values) > self._most:
            self._values.popitem(last=False)

    def __len__(self) -> int:
        return len(self._values)
