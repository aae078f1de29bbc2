"""Sheets: rows that are told together again and again, as they were filled last.

A form (`forms`) leaves holes for what is live, and what is live changes seldom beside how often it is asked for. So of
forms that were told together a sheet keeps what each live column was answered, and the rows that were made of that. The
columns are asked in every request as ever. Where they answer the very objects that they answered before, which do not
change, the rows are what they were, and are told again; where one answers another, even an equal one, they are made
anew.

A batch function is given `Parents`: the same list in every request as long as the same forms are told together. It may
leave with it what it made of them, and answer its last list once it knows that nothing changed. Who does not is right
all the same.

A sheet holds the objects of its rows. It ends with the first of their forms that does, so that it keeps no object alive
that was dropped.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import ref

from .shelves import Recent

if TYPE_CHECKING:
    from .columns import Values
    from .forms import Form

P = TypeVar("P")
T = TypeVar("T")

_ENTRIES: Final = 10_000
_MEGABYTES: Final = 32
_SHEET, _ROW, _VALUE = 500, 100, 600
"""Bytes of a sheet, about: of any, for each row beside its JSON, for each value, with what is left with it."""


class Parents(list[P]):
    """Whose values one live column of a sheet is asked for. `known`: what its batch function left; None at first.

    Arguments, callers and moments differ from request to request: what it leaves must say what it is true of.
    """

    __slots__ = ("known",)

    def __init__(self, parents: Sequence[P]) -> None:
        super().__init__(parents)
        self.known: Any = None


@dataclass(frozen=True, slots=True)
class _Made:
    """A list that was made of some parents, and of what was `said` besides."""

    said: Any
    values: list[Any]


def again(parents: Sequence[Any], said: Any, make: Callable[[], list[T]]) -> list[T]:
    """What `make` makes of these parents: the very list that it made before, where they are those of a sheet and
    `said`, all that it depends on beside them, equals what it was.
    """
    if not isinstance(parents, Parents):
        return make()
    known = parents.known
    if not isinstance(known, _Made) or known.said != said:
        known = parents.known = _Made(said, make())
    return known.values


@dataclass(slots=True, weakref_slot=True, eq=False)
class Sheet:
    """Forms that were told together: the `parents` of each live column; what the columns `answered` last, and the
    `rows` made of that. `home`: where it is kept.
    """

    forms: "tuple[Form, ...]"
    parents: "list[Parents[Any]]"
    size: int
    home: "Sheets | None" = None
    answered: "list[Values] | None" = None
    rows: "Values | None" = None

    def again(self, answers: "list[Values]") -> "Values | None":
        """The rows for these answers, where they are those of the last time."""
        if self.answered is None or self.rows is None:
            return None
        for answer, before in zip(answers, self.answered, strict=True):
            if answer is not before and not _are_the_same(answer, before):
                return None
        return list(self.rows)

    def filled(self, answers: "list[Values]", rows: "Values") -> None:
        """These rows were made of these answers, which nobody may change."""
        self.answered, self.rows = answers, rows

    def end(self) -> None:
        """It is told no more."""
        if self.home is not None:
            self.home.drop(self)


class Sheets:
    """Those that one process keeps, bounded; the least used goes first."""

    def __init__(self, megabytes: float = _MEGABYTES) -> None:
        self._recent: Recent[Sheet] = Recent(_ENTRIES, int(megabytes * (1 << 20)))

    def __len__(self) -> int:
        return len(self._recent.entries)

    @property
    def size(self) -> int:
        """In bytes, about."""
        return self._recent.weight

    def of(self, forms: "Sequence[Form]", columns: int) -> Sheet:
        """The sheet of these forms, a new one where there is none."""
        found = self._recent.take(tuple(forms)) or self._made(forms, columns)
        if found.home is not None:
            self._recent.put(found.forms, found, found.size)
        return found

    def drop(self, sheet: Sheet) -> None:
        """Keep it no more."""
        self._recent.take(sheet.forms)

    def _made(self, forms: "Sequence[Form]", columns: int) -> Sheet:
        made = sheet_of(forms, columns)
        # Some may have ended since they were looked up.
        if not any(form.has_ended for form in forms):
            made.home, here = self, ref(made)
            for form in forms:
                form.told_in(here)
        return made


def _are_the_same(some: "Values", others: "Values") -> bool:
    """Whether these are the same objects, or lists of the same."""
    if len(some) != len(others):
        return False
    for one, other in zip(some, others, strict=True):
        if one is not other and not (one.__class__ is other.__class__ is list and _are_the_same(one, other)):
            return False
    return True


def sheet_of(forms: "Sequence[Form]", columns: int) -> Sheet:
    """A new one; of each form so many live columns."""
    parents = [Parents([each for form in forms for each in form.parents[place]]) for place in range(columns)]
    rows = sum([_ROW + len(form.format) for form in forms])
    return Sheet(tuple(forms), parents, _SHEET + rows + _VALUE * sum(map(len, parents)))
