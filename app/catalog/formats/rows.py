"""Rows of a delimited file, one at a time: encodings, line ends, broken quotes, and sizes out of bounds."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, TextIO

import msgspec

from app.catalog.formats.records import Limits, Lost, RowError
from app.catalog.formats.values import shown

CHUNK = 65_536
MAX_HELD = 1_000
_OVERLONG = "\x00overlong"
_UNREADABLE = re.compile(r"[\x00\ud800-\udfff]")
_NO_UTF8 = re.compile(r"[\udc80-\udcff]")
_UTF8_LETTER = re.compile(r"[\x80-\ud7ff\ue000-\U0010ffff]")


class Row(msgspec.Struct, frozen=True):
    """Cells as wide as the header, of which the file has `given`. `unreadable`: some cell holds a NUL or bytes that the
    encoding does not know.
    """

    line: int
    last_line: int
    cells: list[str]
    given: int
    unreadable: bool


class Overlong(Exception):
    """A row longer than the limit, most likely behind a quote that was never closed."""


class _Bytes(io.RawIOBase):
    """A stream of which the first bytes were already read. Closing it leaves the caller's stream open."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


class LineFeed:
    """Physical lines, with their ends, for csv.reader; lines of a row that turns out broken can be given back.

    `number` is the 1-based number of the line given last. Bytes are UTF-8, or UTF-16 by its byte order mark, or
    Windows-1252 if the first line that is not ASCII is no UTF-8.
    """

    def __init__(self, stream: BinaryIO | TextIO, limits: Limits) -> None:
        self._limits = limits
        self._returned: deque[str] = deque()
        self._windows = False
        self._text, self._decided = _as_text(stream)
        self._taken: list[str] = []
        self._size = 0
        self._overlong_head = ""
        self.number = 0
        self.unreadable = False
        self._notice: RowError | None = None

    def begin_row(self) -> None:
        self._taken = []
        self._size = 0
        self.unreadable = False

    def give_back(self) -> None:
        """All lines of the row but its first are read anew."""
        self._returned.extendleft(reversed(self._taken[1:]))
        self.number -= len(self._taken) - 1
        del self._taken[1:]

    def notices(self) -> Iterator[RowError]:
        """What is to be told of the encoding, once."""
        if self._notice:
            yield self._notice
            self._notice = None

    @property
    def row_text(self) -> str:
        return "".join(self._overlong_head if line is _OVERLONG else line for line in self._taken)

    @property
    def row_ended(self) -> bool:
        """Whether the row's last line has its line end, which the last line of a file cut short has not."""
        return bool(self._taken) and self._taken[-1].endswith(("\n", "\r"))

    @property
    def row_lines(self) -> int:
        return len(self._taken)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else self._read()
        if not line:
            raise StopIteration
        self.number += 1
        self._taken.append(line)
        self._size += len(line)
        if line is _OVERLONG or self._size > self._limits.row:
            raise Overlong
        if "\x00" in line or not line.isascii():
            line = self._decoded(line)
        return line

    def _read(self) -> str:
        line = self._text.readline(self._limits.row)
        if len(line) < self._limits.row or line.endswith(("\n", "\r")):
            return line
        self._overlong_head = line[:CHUNK]
        while line and not line.endswith(("\n", "\r")):
            line = self._text.readline(CHUNK)
        return _OVERLONG

    def _decoded(self, line: str) -> str:
        if not self._decided and not line.isascii():
            self._decided = True
            # A line that holds letters in UTF-8 too is UTF-8 with a damaged byte.
            self._windows = bool(_NO_UTF8.search(line)) and not _UTF8_LETTER.search(line)
            if self._windows:
                self._notice = RowError(
                    line=self.number,
                    column="",
                    value="",
                    reason="the file is not UTF-8; it is read as Windows-1252: check accented letters",
                    lost=Lost.NOTHING,
                    last_line=self.number,
                )
        if self._windows:
            line = line.encode("utf-8", "surrogateescape").decode("cp1252", "surrogateescape")
        self.unreadable |= _UNREADABLE.search(line) is not None
        return line


def _as_text(stream: BinaryIO | TextIO) -> tuple[TextIO, bool]:
    head = stream.read(0)
    if isinstance(head, str):
        return stream, True  # type: ignore[return-value]
    start: bytes = stream.read(4)  # type: ignore[assignment]
    encoding, decided = "utf-8", False
    if start.startswith(codecs.BOM_UTF8):
        start, decided = start[3:], True
    elif start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding, decided = "utf-16", True
    # Bytes that are no UTF-8 pass as lone surrogates, so that they can be read anew or told with their cell.
    errors = "surrogateescape" if encoding == "utf-8" else "replace"
    raw = io.BufferedReader(_Bytes(start, stream), CHUNK)  # type: ignore[arg-type]
    return io.TextIOWrapper(raw, encoding=encoding, errors=errors, newline=""), decided


def read_rows(feed: LineFeed, names: tuple[str, ...], delimiter: str, limits: Limits) -> Iterator[Row | RowError]:
    """The rows after the header, padded to its width; blank ones are left out.

    A row with a broken quote, or longer than the limit, is lost alone: reading goes on at the first later line that
    makes a row of exactly the header's width, and the error names the lines between.
    """
    return _without_halves(_raw_rows(feed, names, delimiter, limits), len(names))


def _raw_rows(feed: LineFeed, names: tuple[str, ...], delimiter: str, limits: Limits) -> Iterator[Row | RowError]:
    # The module's own limit is one for the process and would refuse a long description; ours bounds the whole row.
    csv.field_size_limit(max(csv.field_size_limit(), limits.row + CHUNK))
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    width = len(names)
    broken: RowError | None = None
    while True:
        feed.begin_row()
        line = feed.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except (csv.Error, Overlong) as error:
            broken = broken or _broken_row(feed, line, names, delimiter, limits, error)
            feed.give_back()
            continue
        if len(cells) != width and (broken or feed.row_lines > 1):
            broken = broken or _wrong_width(line, feed.number, cells, width, "a quote may be open or missing")
            feed.give_back()
            continue
        if broken:
            yield msgspec.structs.replace(broken, last_line=line - 1)
            broken = None
        yield from feed.notices()
        if any(cell and not cell.isspace() for cell in cells):
            yield _fitted(feed, line, cells, width)
    yield from feed.notices()
    if broken:
        yield msgspec.structs.replace(broken, last_line=feed.number)


def _fitted(feed: LineFeed, line: int, cells: list[str], width: int) -> Row | RowError:
    if len(cells) > width and any(cell.strip() for cell in cells[width:]):
        return _wrong_width(line, feed.number, cells, width, "a cell with the delimiter inside may lack its quotes")
    # Spreadsheets leave out the empty cells at the end of a row, but a download cut short looks the same.
    if len(cells) < width and not feed.row_ended:
        return _wrong_width(line, feed.number, cells, width, "the file ends in the middle of this row")
    fitted = cells[:width] + [""] * (width - len(cells))
    return Row(line, feed.number, fitted, len(cells), feed.unreadable)


def _without_halves(entries: Iterator[Row | RowError], width: int) -> Iterator[Row | RowError]:
    """Short rows in a row that together make one of the header's width are one row, broken by a line break without
    quotes: it is refused. Rows of one length are not, because a spreadsheet leaves out the same empty cells of each.
    """
    held: list[Row] = []
    for entry in entries:
        if not isinstance(entry, Row) or entry.given >= width:
            yield from held
            held.clear()
            yield entry
            continue
        held.append(entry)
        while held and (_joined(held) > width or len(held) > MAX_HELD):
            yield held.pop(0)
        if _joined(held) == width and len({row.given for row in held}) > 1:
            reason = "together these lines make one row: a line break stands in a cell without quotes"
            yield RowError(
                line=held[0].line,
                column="",
                value=shown(held[0].cells[0]),
                reason=reason,
                lost=Lost.ROW,
                last_line=entry.last_line,
            )
            held.clear()
    yield from held


def _joined(parts: list[Row]) -> int:
    return sum(part.given for part in parts) - max(len(parts) - 1, 0)


def _wrong_width(line: int, last_line: int, cells: list[str], width: int, why: str) -> RowError:
    return RowError(
        line=line,
        column="",
        value=shown(cells[0]) if cells else "",
        reason=f"the row has {len(cells)} cells where the header has {width}: {why}",
        lost=Lost.ROW,
        last_line=last_line,
    )


def _broken_row(
    feed: LineFeed, line: int, names: tuple[str, ...], delimiter: str, limits: Limits, error: Exception
) -> RowError:
    index, value = _broken_cell(feed.row_text, delimiter)
    if isinstance(error, Overlong):
        reason = f"the row is longer than {limits.row} characters; a cell is too large, or its quote is never closed"
    else:
        reason = "a quote is not closed, or a quote inside the text is not doubled"
    column = names[index] if index < len(names) else ""
    return RowError(line=line, column=column, value=shown(value), reason=reason, lost=Lost.ROW, last_line=feed.number)


def _broken_cell(text: str, delimiter: str) -> tuple[int, str]:
    """Which cell of a row is the first that breaks the quoting rules, and how it begins."""
    whole = re.compile(rf'(?:"[^"]*+(?:""[^"]*+)*+"|[^"{delimiter}\r\n][^{delimiter}\r\n]*+)?{delimiter}')
    index, start = 0, 0
    while found := whole.match(text, start):
        index, start = index + 1, found.end()
    return index, text[start : start + 200]
