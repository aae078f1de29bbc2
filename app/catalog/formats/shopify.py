"""Shopify's product CSV, read as a stream: one product in memory at a time, and for each handle that was seen about 150
bytes, so that a handle that comes again further down is recognised.

Source: Shopify's help page «Using CSV files to import and export products», its exports, and its templates of before
and after 2025, whose columns have other names. What it leaves open is decided so:

- Rows belong to a product by handle. Its own fields are those of its first row; on later rows they are ignored.
- A handle that comes again after other products only adds variants and images (`ProductRecord.continues`), as Shopify
  merges rows; under another title it is refused, naming the line where the handle stood first.
- A blank status is active; blank «Published», «Charge tax» and «Requires shipping» are true. A blank price is no price:
  Shopify would make it 0.00 and sell for nothing.
- Stock is tracked unless the tracker is blank and the quantity blank or 0. «continue» is backorder without bound.
- Text that looks like a formula stays the text it is; a SKU, barcode, amount or handle may not be one.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from typing import BinaryIO, TextIO

from app.catalog.formats import draft as drafts
from app.catalog.formats import handles, values
from app.catalog.formats.cells import Cells
from app.catalog.formats.columns import Columns, UnknownHeader, read_header
from app.catalog.formats.records import FileShape, Limits, Lost, ProductRecord, RowError
from app.catalog.formats.rows import LineFeed, Overlong, Row, read_rows

Entry = ProductRecord | RowError

_TITLE_BITS = 32


class ProductReading(Iterator[Entry]):
    """The entries of a file, in its order. `shape` is None where the header is not known: one error is then all."""

    def __init__(self, entries: Iterator[Entry], shape: FileShape | None) -> None:
        self._entries = entries
        self.shape = shape

    def __next__(self) -> Entry:
        return next(self._entries)


def read_products(stream: BinaryIO | TextIO, limits: Limits = Limits()) -> ProductReading:
    """Products and errors of a Shopify product CSV, found by its header, which is read at once.

    `stream` is read forward only and left open. Bytes are best: UTF-8, UTF-16 with its mark, or Windows-1252, which a
    notice tells. Text must have been opened with `newline=""`, and raises where it cannot be decoded. Fields are
    separated by comma, semicolon or tab. Nothing else in the file raises: an error in it is an entry, and only an
    unknown header ends the reading.
    """
    feed = LineFeed(stream, limits)
    try:
        columns = _header(feed, limits)
    except UnknownHeader as unknown:
        return ProductReading(iter([_refused_file(feed, str(unknown))]), None)
    rows = read_rows(feed, columns.shape.columns, columns.shape.delimiter, limits)
    return ProductReading(_entries(rows, columns, limits), columns.shape)


def _header(feed: LineFeed, limits: Limits) -> Columns:
    delimiter: str | None = None
    try:
        for text in feed:
            line = text.removeprefix("\ufeff").strip("\r\n")
            feed.begin_row()
            if line[:4].casefold() == "sep=" and len(line) == 5:
                delimiter = line[4]
            elif line.strip():
                return read_header(line, max_columns=limits.columns, delimiter=delimiter)
    except Overlong:
        raise UnknownHeader(f"the header is longer than {limits.row} characters") from None
    raise UnknownHeader("the file is empty")


def _refused_file(feed: LineFeed, reason: str) -> RowError:
    line = max(feed.number, 1)
    return RowError(line=line, column="", value="", reason=reason, lost=Lost.FILE, last_line=line)


class _Seen:
    """The first line and title of each handle, in two integers each, and the handles whose product was refused."""

    def __init__(self) -> None:
        self._handles: dict[int, int] = {}
        self._refused: set[int] = set()

    def earlier(self, handle: str) -> tuple[int, int] | None:
        """(line, title's checksum) of the handle's first block."""
        packed = self._handles.get(_key(handle))
        return None if packed is None else (packed >> _TITLE_BITS, packed & ((1 << _TITLE_BITS) - 1))

    def refused(self, handle: str) -> bool:
        return _key(handle) in self._refused

    def add(self, handle: str, line: int, title: int, *, refused: bool) -> None:
        self._handles[_key(handle)] = line << _TITLE_BITS | title
        if refused:
            self._refused.add(_key(handle))
        else:
            self._refused.discard(_key(handle))


def _key(handle: str) -> int:
    return int.from_bytes(hashlib.blake2b(handle.encode(), digest_size=8).digest(), "big")


def _entries(rows: Iterator[Row | RowError], columns: Columns, limits: Limits) -> Iterator[Entry]:
    seen = _Seen()
    draft: drafts.Draft | None = None
    for row in rows:
        if isinstance(row, RowError):
            yield from drafts.in_turn(draft, [row])
            continue
        cells = Cells(row, columns, limits)
        cells.handle = _handle(cells)
        if not cells.handle:
            yield from drafts.in_turn(draft, cells.problems)
            continue
        if draft is None or draft.handle != cells.handle:
            if draft:
                yield from _closed(draft, columns, limits, seen)
            draft = _opened(cells, columns, seen)
        drafts.add_row(draft, cells, columns, limits)
    if draft:
        yield from _closed(draft, columns, limits, seen)


def _handle(cells: Cells) -> str:
    """The row's handle, made from the title where it is blank; "" with a fault in `cells` where there is none."""
    source = "handle" if cells.raw("handle") else "title"
    text = cells.take(source, values.line_of_text(handles.MAX_HANDLE), "", Lost.ROW)
    if source == "handle" and text.startswith("="):
        cells.fault("handle", "is a formula", Lost.ROW)
        return ""
    handle = handles.handle_of(text)
    if not handle and not cells.problems:
        reason = "holds no letter or digit" if text else "is missing, and there is no title to make it from"
        cells.fault("handle", reason, Lost.ROW)
    return handle


def _opened(cells: Cells, columns: Columns, seen: _Seen) -> drafts.Draft:
    before = seen.earlier(cells.handle)
    title = _title(cells)
    if before is None or (title and seen.refused(cells.handle)):
        return drafts.begin(cells, columns, earlier=None)
    line, first_title = before
    draft = drafts.begin(cells, columns, earlier=line)
    if seen.refused(cells.handle):
        drafts.refuse(draft, f"its product on line {line} is refused")
    elif title and title != first_title:
        drafts.refuse(draft, f"the handle stands on line {line} already, under another title")
    return draft


def _closed(draft: drafts.Draft, columns: Columns, limits: Limits, seen: _Seen) -> Iterator[Entry]:
    yield from drafts.finish(draft, columns, limits)
    if draft.earlier is None:
        seen.add(draft.handle, draft.first.line, _title(draft.first), refused=draft.lost)


def _title(cells: Cells) -> int:
    text = " ".join(cells.raw("title").split())
    return zlib.crc32(text.encode("utf-8", "surrogatepass")) or 1 if text else 0
