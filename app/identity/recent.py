"""What was read a moment ago: so that a burst of requests with one credential asks the database once."""

from collections import OrderedDict
from collections.abc import Hashable
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

    def keep(self, key: K, value: V, *, since: float) -> None:
        """`since`: `monotonic()` before the value was asked for, as a write may have overtaken the answer."""
        self._values[key] = (since, value)
        self._values.move_to_end(key)
        while len(self._values) > self._most:
            self._values.popitem(last=False)

    def __len__(self) -> int:
        return len(self._values)
