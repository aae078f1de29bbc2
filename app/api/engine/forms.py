"""Forms: one object's row as JSON with holes for what is live, and where an object keeps those that were made of it."""

import re
import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from weakref import ReferenceType

import msgspec

from .columns import Values

if TYPE_CHECKING:
    from .sheets import Sheet

_MANY: Final = 64
"""Sheets of one form, some of which may have gone."""
MOST_FORMS: Final = 8
"""Of one object; the one made first goes first."""
_MARK: Final = secrets.token_hex(16)
_HOLE: Final = re.compile(f'"{_MARK}:([0-9]+)"'.encode())

Window: TypeAlias = tuple[Any, Any]
"""From which moment, and until just before which one; None: always."""


class Form:
    """One object's row. `format`: its JSON as a bytes format. `parents`: of each live column. `order`: the columns of
    the holes as they follow each other. `raw`: the row, where it has no holes. `sheets`: that it is told in (`sheets`).
    """

    __slots__ = ("format", "has_ended", "order", "parents", "raw", "sheets", "since", "until")

    def __init__(self, parts: Sequence[bytes], parents: Sequence[list[Any]], order: list[int], window: Window) -> None:
        self.format = b"%b".join(part.replace(b"%", b"%%") for part in parts)
        self.raw = None if order else msgspec.Raw(parts[0])
        self.parents = parents
        self.order = order
        self.since, self.until = window
        self.has_ended = False
        self.sheets: list[ReferenceType[Sheet]] = []

    def told_in(self, sheet: "ReferenceType[Sheet]") -> None:
        """Note a sheet that ends with this form."""
        if len(self.sheets) >= _MANY:
            self.sheets = [each for each in self.sheets if each() is not None]
        self.sheets.append(sheet)

    def end(self) -> None:
        """It is used no more, and neither is what it is told in."""
        self.has_ended = True
        for each in self.sheets:
            if (sheet := each()) is not None:
                sheet.end()

    def holds_at(self, moment: Any) -> bool:
        """Whether all that it shows still does."""
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)

    @property
    def size(self) -> int:
        """In bytes, about."""
        return 300 + len(self.format) + 16 * sum(map(len, self.parents))


class Shelf:
    """The forms of one object. `grow` is told of bytes that come and go. Whoever keeps the object closes it in the end:
    else sheets would hold on to the object.
    """

    __slots__ = ("_forms", "_grow", "_is_closed")

    def __init__(self, grow: Callable[[int], None]) -> None:
        self._forms: dict[int, Form] = {}
        self._grow = grow
        self._is_closed = False

    def get(self, key: int) -> Form | None:
        return self._forms.get(key)

    def put(self, key: int, form: Form) -> None:
        if self._is_closed:
            return
        gone = self._forms.pop(key, None)
        if gone is None and len(self._forms) >= MOST_FORMS:
            gone = self._forms.pop(next(iter(self._forms)))
        if gone is not None:
            gone.end()
        self._forms[key] = form
        self._grow(form.size - (gone.size if gone is not None else 0))

    def close(self) -> None:
        """End all, for good."""
        self._is_closed = True
        for form in self._forms.values():
            form.end()
        self._forms.clear()


def told(forms: Sequence[Form], filled: Sequence[Values], encode: Callable[[Any], bytes]) -> Values:
    """The rows of these forms; `filled`: each live column's values for all of them, as the answer shows them."""
    raw = msgspec.Raw
    rows: Values = []
    if len(filled) == 1:
        values, begin = list(map(encode, filled[0])), 0
        for form in forms:
            end = begin + len(form.parents[0])
            rows.append(form.raw or raw(form.format % tuple(values[begin:end])))
            begin = end
        return rows
    columns = [iter(list(map(encode, values))) for values in filled]
    for form in forms:
        if form.raw is not None:
            rows.append(form.raw)
        else:
            rows.append(raw(form.format % tuple([next(columns[place]) for place in form.order])))
    return rows


def written_down(
    row: Any,
    holes: Sequence[Sequence[tuple[Any, ...]]],
    parents: Sequence[list[Any]],
    window: Window,
    encode: Callable[[Any], bytes],
) -> Form | None:
    """This row's form; None where its holes do not follow each other as the values will.

    `holes`: where each live column's values stand, by the steps that lead there; `parents`: whose they are.
    """
    marked, columns = _copied(row), list[int]()
    for column, paths in enumerate(holes):
        for *way, last in paths:
            place = marked
            for step in way:
                place = place[step]
            place[last] = f"{_MARK}:{len(columns)}"
            columns.append(column)
    pieces = _HOLE.split(encode(marked))
    found = [int(each) for each in pieces[1::2]]
    for column in range(len(holes)):
        own = [each for each in found if columns[each] == column]
        if len(own) != len(holes[column]) or own != sorted(own):
            return None
    return Form(pieces[::2], parents, [columns[each] for each in found], window)


def _copied(value: Any) -> Any:
    if type(value) is dict:
        return {key: _copied(each) for key, each in value.items()}
    if type(value) is list:
        return [_copied(each) for each in value]
    return value
