"""One row's cells by field, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from app.catalog.formats.columns import Columns
from app.catalog.formats.records import Limits, Lost, RowError
from app.catalog.formats.rows import Row
from app.catalog.formats.values import BadValue, shown

T = TypeVar("T")

MAX_EXTRA = 65_536
_RUNS = frozenset("=+-@\t\r")


class Cells:
    """A row read field by field. Each cell at fault adds one error to `problems`."""

    __slots__ = ("_columns", "_limits", "_row", "handle", "problems")

    def __init__(self, row: Row, columns: Columns, limits: Limits) -> None:
        self._row = row
        self._columns = columns
        self._limits = limits
        self.handle = ""
        self.problems: list[RowError] = []

    @property
    def line(self) -> int:
        return self._row.line

    @property
    def last_line(self) -> int:
        return self._row.last_line

    def raw(self, field: str) -> str:
        """The cell without the spaces around it; "" where it is blank or the file has no such column.

        An apostrophe before what a spreadsheet would take for a formula is no part of it: exports put it there, ours
        too.
        """
        index = self._columns.at.get(field)
        return "" if index is None else _unguarded(self._row.cells[index].strip())

    def any_of(self, *fields: str) -> bool:
        return any(self.raw(field) for field in fields)

    def take(self, field: str, read: Callable[[str], T], blank: T, lost: Lost) -> T:
        """What `read` makes of the cell. Where it refuses, `blank`, and an error that loses `lost`."""
        value = self.raw(field)
        if not value:
            return blank
        try:
            return read(self._readable(value, self._limits.cell))
        except BadValue as bad:
            self.fault(field, str(bad), lost)
            return blank

    def kept(self, columns: tuple[tuple[int, str], ...]) -> dict[str, str]:
        """The cells that are not blank among `columns`, by the columns' names."""
        found: dict[str, str] = {}
        for index, name in columns:
            if value := _unguarded(self._row.cells[index].strip()):
                try:
                    found[name] = self._readable(value, MAX_EXTRA)
                except BadValue as bad:
                    self._add(name, value, str(bad), Lost.VALUE)
        return found

    def fault(self, field: str, reason: str, lost: Lost) -> None:
        self._add(self._columns.name(field), self.raw(field), reason, lost)

    def loses(self, lost: Lost) -> bool:
        return any(problem.lost is lost for problem in self.problems)

    def _add(self, column: str, value: str, reason: str, lost: Lost) -> None:
        self.problems.append(
            RowError(
                line=self.line,
                column=column,
                value=shown(value),
                reason=reason,
                lost=lost,
                handle=self.handle,
                last_line=self.last_line,
            )
        )

    def _readable(self, value: str, limit: int) -> str:
        if len(value) > limit:
            raise BadValue(f"has {len(value)} characters; at most {limit} are allowed")
        if self._row.unreadable:
            if "\x00" in value:
                raise BadValue("holds a NUL byte")
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise BadValue("holds bytes that are not text in the file's encoding")
        return value


def _unguarded(value: str) -> str:
    return value[1:] if value.startswith("'") and value[1:2] in _RUNS else value
