"""How values are written: cells of a CSV that no spreadsheet runs, and lines of JSON.

Text that begins with = + - @, a tab or a carriage return would be a formula: it gets an apostrophe in front, which the
import takes off again (`catalog.formats.cells`). Numbers are no text and stay what they are.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from app.platform.money import from_minor
from app.platform.quantities import format_quantity

Record = dict[str, Any]
Cell = str | int | Decimal | bool | None

RUNS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes the beginning of a formula for."""
_json: Final = msgspec.json.Encoder(decimal_format="number")


def amount(minor: int | None, currency: str) -> str | None:
    """An amount as the API writes it: "19.90"."""
    return None if minor is None else f"{from_minor(minor, currency):f}"


def quantity(milli: int | None) -> int | Decimal | None:
    """A number with at most three decimals."""
    return None if milli is None else format_quantity(milli)


def moment(value: datetime | None) -> str | None:
    """RFC 3339, to the millisecond."""
    return None if value is None else value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def number(text: str | None) -> Decimal | None:
    """An amount as a number, which needs no apostrophe."""
    return None if text is None else Decimal(text)


def csv_lines(rows: Iterable[Sequence[Cell]]) -> bytes:
    """RFC 4180, in UTF-8."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([_written(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def json_lines(records: Iterable[Record]) -> bytes:
    """One object a line."""
    return b"".join(_json.encode(record) + b"\n" for record in records)


def _written(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "TRUE" if cell else "FALSE"
        case str():
            return f"'{cell}" if cell.startswith(RUNS) else cell
        case Decimal():
            return f"{cell:f}"
    return str(cell)
