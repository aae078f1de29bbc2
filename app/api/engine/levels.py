"""Where the values of one level stand in the answer, and what went wrong there.

A plan works on all values of a field at once. Only when something goes wrong does it matter which of them it was: its
path is found then, from the lengths of the lists that its level was spread from.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final

from graphql import FieldNode, GraphQLError, located_error

Path = list[str | int]


class _Bubble:
    """Stands where a null is not allowed, until it has reached a place where it is."""

    def __repr__(self) -> str:
        return "BUBBLE"


BUBBLE: Final = _Bubble()


class Level:
    """The objects of one field of the plan, all lists laid end to end.

    `lengths`: of the lists, from the outermost to the innermost, of each value of the field above. `present`: the
    places of those that are there, where some are null or of other types; None when all are.
    """

    __slots__ = ("_ends", "key", "lengths", "present", "up")

    def __init__(
        self,
        up: "Level | None" = None,
        key: str = "",
        lengths: Sequence[Sequence[int]] = (),
        present: Sequence[int] | None = None,
    ) -> None:
        self.up = up
        self.key = key
        self.lengths = lengths
        self.present = present
        self._ends: list[list[int]] | None = None

    def path(self, place: int) -> Path:
        """The way to the object at this place."""
        if self.up is None:
            return []
        if self.present is not None:
            place = self.present[place]
        if self._ends is None:
            self._ends = [list(accumulate(lengths)) for lengths in self.lengths]
        indices: Path = []
        for ends in reversed(self._ends):
            # Empty lists end where they begin, and are passed over.
            within = bisect_right(ends, place)
            indices.append(place - (ends[within - 1] if within else 0))
            place = within
        return [*self.up.path(place), self.key, *reversed(indices)]


class Faults:
    """The errors of one run. `bubbling`: a null has gone up somewhere, so that rows must be looked through for it."""

    __slots__ = ("_absorbed", "_found", "bubbling")

    def __init__(self) -> None:
        self._found: list[tuple[Path, GraphQLError]] = []
        self._absorbed: list[Path] = []
        self.bubbling = False

    def add(self, error: Exception, nodes: Sequence[FieldNode], path: Path, *, nullable: bool) -> Any:
        """Notes an error; what stands in its place: None, or BUBBLE where null is not allowed."""
        self._found.append((path, located_error(error, nodes, path)))
        return None if nullable else self.bubble()

    def bubble(self) -> Any:
        """BUBBLE, which the rows above must look for."""
        self.bubbling = True
        return BUBBLE

    def absorbed(self, path: Path) -> None:
        """A null that was not allowed below has become one here."""
        self._absorbed.append(path)

    def errors(self) -> list[GraphQLError]:
        """In the order in which they were found; the first alone of all below a place that became null for them."""
        if not self._absorbed:
            return [error for _, error in self._found]
        told: set[tuple[str | int, ...]] = set()
        nulled = {tuple(path) for path in self._absorbed}
        kept: list[GraphQLError] = []
        for path, error in self._found:
            above = next((tuple(path[:n]) for n in range(len(path) + 1) if tuple(path[:n]) in nulled), None)
            if above is None:
                kept.append(error)
            elif above not in told:
                told.add(above)
                kept.append(error)
        return kept

    def __len__(self) -> int:
        return len(self._found)
