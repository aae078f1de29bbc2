"""A memory bounded in entries and weight, in which what is used again outlasts what was asked for once."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Shelves(Generic[V]):
    """Values by keys. One that is new waits on probation, so that many distinct ones drive out each other and not those
    in use; one that is asked for again is kept until the least recently used must go. A fifth of all is probation's.
    What a value weighs is asked each time that it is.
    """

    def __init__(self, entries: int, weight: int, weigh: Callable[[V], int]) -> None:
        self._weigh = weigh
        fifth = max(1, entries // 5)
        self._new: Recent[V] = Recent(fifth, weight // 5)
        self._kept: Recent[V] = Recent(max(1, entries - fifth), weight - weight // 5)

    def get(self, key: Hashable) -> V | None:
        """The value, which is kept from now on."""
        value = self._kept.take(key)
        if value is None:
            value = self._new.take(key)
        if value is not None:
            self._kept.put(key, value, self._weigh(value))
        return value

    def put(self, key: Hashable, value: V) -> None:
        """A value that was not there."""
        self._new.put(key, value, self._weigh(value))

    def take(self, key: Hashable) -> None:
        """Hold it no more."""
        self._new.take(key)
        self._kept.take(key)

    def __len__(self) -> int:
        return len(self._new.entries) + len(self._kept.entries)

    @property
    def weight(self) -> int:
        return self._new.weight + self._kept.weight


class Recent(Generic[V]):
    """Values in the order of their last use, the one used last is kept longest; what weighs more than all may is not
    taken.
    """

    def __init__(self, entries: int, weight: int) -> None:
        self.entries: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self.weight = 0
        self._most_entries = entries
        self._most_weight = weight

    def take(self, key: Hashable) -> V | None:
        value, weight = self.entries.pop(key, (None, 0))
        self.weight -= weight
        return value

    def put(self, key: Hashable, value: V, weight: int) -> None:
        if weight > self._most_weight:
            return
        self.entries[key] = value, weight
        self.weight += weight
        while len(self.entries) > self._most_entries or self.weight > self._most_weight:
            _, (_, gone) = self.entries.popitem(last=False)
            self.weight -= gone
