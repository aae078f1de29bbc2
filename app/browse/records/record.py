"""What a record is, where a topic's records come from, and what makes two of them the same (DESIGN, section 7).

`canonical` is the form of RFC 8785, in Python, of what PostgreSQL did not write in it. `record_hash` are summed: two
copies of a shop are the same where the sums are.
"""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    LargeBinary,
    Row,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.browse.records.pieces import Piece, Schema, constant, members, public_id, published, quoted, ref, whole
from app.browse.records.view import View
from app.events.outbox import Topic
from app.platform import ids
from app.platform.db import Reader

DIGEST: Final = 1 << 128
"""Digests are sums of hashes below this."""
LARGEST: Final = (1 << 53) - 1
"""The largest whole number that every client can hold."""
MOST_AT_ONCE: Final = 1_000
"""How many ids are asked for at once."""
FIRST: Final = UUID(int=0)
"""Before any id."""
_NEXT_LINE: Final = literal_column("E'\\n'", Text)


class Record(Struct, frozen=True, gc=False):
    """One entity as it is at a version of it. `canonical` holds its topic, id and version too."""

    id: UUID
    version: int
    canonical: bytes


Finish = Callable[[Reader, Sequence[Row[Any]], View], Awaitable[list[bytes]]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the records of a topic come from. Ids are those of a `type_name`.

    `by_ids` takes `ids`, `page` takes `after` and `most`, both take a view's parameters; their rows have an id, a
    version and a `record`: what is hashed of it, with marks in it (`pieces`). `finish` gives the same of each row, and
    works out what PostgreSQL cannot. A page gives what a snapshot holds, which may be less than can be asked for by id.
    """

    topic: Topic
    type_name: str
    schema: Schema
    by_ids: Select[Any]
    page: Select[Any]
    finish: Finish | None = None


def source(
    topic: Topic,
    type_name: str,
    *,
    key: ColumnElement[Any],
    version: ColumnElement[Any],
    fields: Mapping[str, Piece],
    about: str,
    origin: FromClause,
    seen: Sequence[ColumnElement[bool]] = (),
    kept: Sequence[ColumnElement[bool]] = (),
    left_open: ColumnElement[bool] | None = None,
    beside: Sequence[ColumnElement[Any]] = (),
    finish: Finish | None = None,
) -> Source:
    """A source of rows of `origin`, as far as they are `seen`; `kept`: which of them a snapshot holds.

    `left_open`: rows without a record, which `finish` makes, with the help of what stands `beside`.
    """
    heads = {
        "topic": constant(topic.value),
        "id": ref(type_name, key, "Its public id.", nullable=False),
        "version": whole(version, "The version that the feed counts for this topic.", nullable=False),
    }
    record = members(heads | dict(fields), about)
    lines = func.concat(public_id(type_name, key), _NEXT_LINE, version, _NEXT_LINE, record.sql)
    written: ColumnElement[Any] = func.convert_to(lines, quoted("UTF8"), type_=LargeBinary)
    if left_open is not None:
        written = case((~left_open, written))
    rows = select(key.label("id"), version.label("version"), written.label("record"), *beside).select_from(origin)
    rows = rows.where(*seen)
    after = bindparam("after", type_=Uuid)
    return Source(
        topic=topic,
        type_name=type_name,
        schema=record.schema,
        by_ids=rows.where(key == any_(bindparam("ids", type_=ARRAY(Uuid)))),
        page=rows.where(key > after, *kept).order_by(key).limit(cast(bindparam("most", type_=BigInteger), BigInteger)),
        finish=finish,
    )


async def by_ids(db: Reader, source: Source, asked: Collection[UUID], view: View) -> dict[UUID, Record]:
    """The records of those of these entities that the view shows. Raises ValueError beyond 1,000 ids."""
    if len(asked) > MOST_AT_ONCE:
        raise ValueError(f"at most {MOST_AT_ONCE} records at once")
    if not asked:
        return {}
    rows = await db.rows(source.by_ids, view.parameters | {"ids": list(set(asked))})
    found = {}
    for row, text in zip(rows, published(await marked(db, source, rows, view)), strict=True):
        _, version, said = text.split(b"\n", 2)
        found[row.id] = Record(row.id, int(version), said)
    return found


async def marked(db: Reader, source: Source, rows: Sequence[Row[Any]], view: View) -> list[bytes]:
    """What is hashed of a source's rows, in their order, for `published`."""
    if source.finish is not None:
        return await source.finish(db, rows, view)
    return [row.record for row in rows]


def canonical(record: Mapping[str, Any]) -> bytes:
    """A record in the form of RFC 8785. Raises ValueError for what no record holds: a float, a number beyond 2^53."""
    _check(record)
    return msgspec.json.encode(record, order="sorted")


def _check(value: Any) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            # Then their order is the same by bytes, by code points and by UTF-16 units.
            if not (isinstance(key, str) and key.isascii()):
                raise ValueError(f"a key must be ASCII, not {key!r}")
            _check(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner)
    elif isinstance(value, int):
        if abs(value) > LARGEST:
            raise ValueError(f"{value} is more than every client can hold")
    elif not (value is None or isinstance(value, str)):
        raise ValueError(f"a record holds no {type(value).__name__}")


def hashed(public_id: str, version: int, canonical: bytes) -> bytes:
    """What is hashed of a record: three lines, which end in a line feed but for the last."""
    return b"%b\n%d\n%b" % (public_id.encode(), version, canonical)


def hash_of(text: bytes) -> int:
    """SHA-256 of what is hashed of a record, as a number mod 2^128."""
    return int.from_bytes(hashlib.sha256(text).digest()[16:], "big")


def record_hash(public_id: str, version: int, canonical: bytes) -> int:
    """What a record adds to its topic's digest."""
    return hash_of(hashed(public_id, version, canonical))


def digest_of(source: Source, records: Iterable[Record]) -> int:
    """The sum of these records' hashes, not yet reduced: add what there is more, and see `digest_text`."""
    return sum(
        record_hash(ids.encode(source.type_name, record.id), record.version, record.canonical) for record in records
    )


def digest_text(total: int) -> str:
    """A sum of hashes as it is told: mod 2^128, 32 hexadecimal digits."""
    return f"{total % DIGEST:032x}"
