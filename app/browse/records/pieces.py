"""JSON as PostgreSQL writes it, in the canonical form of RFC 8785; each piece knows its JSON Schema too.

Keys stand in their order, nothing stands between them, and strings are escaped as `to_json` does it, which is as the
RFC wants it. Amounts and quantities are decimal strings that say each value in one way, times are RFC 3339 in UTC.

Public ids are not PostgreSQL's to write: a piece leaves the UUID behind a raw control character, which no JSON string
can hold, whatever people write into their texts, and `published` puts the id there.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Numeric,
    Text,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.platform.ids import PREFIXES, digits
from app.platform.money import EXPONENTS

Schema = dict[str, Any]

MARK: Final = b"\x01"
_BETWEEN: Final = b"\x02"
_TIME: Final = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
_DECIMAL: Final = r"^-?(0|[1-9]\d*)(\.\d+)?$"


class Piece(NamedTuple):
    """Canonical JSON as an expression of type text, and its JSON Schema."""

    sql: ColumnElement[Any]
    schema: Schema


def published(marked: Sequence[bytes]) -> list[bytes]:
    """Texts as they go out: each marked UUID as the digits of its public id. All at once, which is half the work."""
    if not marked:
        return []
    first, *rest = _BETWEEN.join(marked).split(MARK)
    parts = [first]
    for part in rest:
        parts += (_digits_of(part[:32]), part[32:])
    return b"".join(parts).split(_BETWEEN)


@lru_cache(maxsize=32_768)
def _digits_of(hexadecimal: bytes) -> bytes:
    return digits(int(hexadecimal, 16)).encode()


def quoted(text: str) -> ColumnElement[Any]:
    """A text of ours as it stands in the statement."""
    return literal_column("'" + text.replace("'", "''") + "'", Text)


_NULL: Final = quoted("null")
_QUOTE: Final = quoted('"')


def constant(value: str) -> Piece:
    """The same string always; made of letters."""
    return Piece(quoted(f'"{value}"'), {"const": value})


def string(
    value: ColumnElement[Any], about: str = "", *, nullable: bool | None = None, among: Sequence[str] = ()
) -> Piece:
    """A string; one of `among`, where these are named."""
    schema: Schema = {"enum": list(among)} if among else {"type": "string"}
    return _piece(value, cast(func.to_json(value), Text), schema, about, nullable)


def whole(value: ColumnElement[Any], about: str = "", *, nullable: bool | None = None) -> Piece:
    """A whole number, which JavaScript can hold."""
    return _piece(value, cast(value, Text), {"type": "integer"}, about, nullable)


def flag(value: ColumnElement[Any], about: str = "") -> Piece:
    """True or false."""
    return _piece(value, cast(value, Text), {"type": "boolean"}, about, False)


def amount(
    value: ColumnElement[Any], unit: ColumnElement[Any], about: str = "", *, nullable: bool | None = None
) -> Piece:
    """An amount of minor units in the currency's own unit, with exactly its decimals; `unit`: one minor unit."""
    sql = cast(cast(value, Numeric) * unit, Text)
    return _piece(value, _QUOTE + sql + _QUOTE, {"type": "string", "pattern": _DECIMAL}, about, nullable)


def unit_of(currency: ColumnElement[Any]) -> ColumnElement[Any]:
    """One minor unit of a column's currency."""
    others: dict[int, list[str]] = {}
    for code, decimals in sorted(EXPONENTS.items()):
        others.setdefault(decimals, []).append(code)
    del others[2]
    return case(
        *(
            (
                currency.in_([quoted(code) for code in codes]),
                literal_column(f"{Decimal(1).scaleb(-decimals):f}", Numeric),
            )
            for decimals, codes in sorted(others.items())
        ),
        else_=literal_column("0.01", Numeric),
    )


def quantity(value: ColumnElement[Any], about: str = "", *, nullable: bool | None = None) -> Piece:
    """Thousandths, as a decimal string without zeros at its end: "1", "0.35"."""
    return _trimmed(value, "0.001", about, nullable)


def rate(value: ColumnElement[Any], about: str = "") -> Piece:
    """Millionths, as a fraction without zeros at its end: "0.18"."""
    return _trimmed(value, "0.000001", about, False)


def _trimmed(value: ColumnElement[Any], step: str, about: str, nullable: bool | None) -> Piece:
    sql = cast(func.trim_scale(cast(value, Numeric) * literal_column(step, Numeric)), Text)
    return _piece(value, _QUOTE + sql + _QUOTE, {"type": "string", "pattern": _DECIMAL}, about, nullable)


def moment(value: ColumnElement[Any], about: str = "", *, nullable: bool | None = None) -> Piece:
    """A time in UTC, cut off at the millisecond."""
    written = func.to_char(func.timezone(quoted("UTC"), value), quoted('"YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'[1:]))
    return _piece(value, _QUOTE + cast(written, Text) + _QUOTE, {"type": "string", "pattern": _TIME}, about, nullable)


def ref(type_name: str, value: ColumnElement[Any], about: str = "", *, nullable: bool | None = None) -> Piece:
    """The public id of an entity of this type."""
    prefix = PREFIXES[type_name]
    sql = _QUOTE + public_id(type_name, value) + _QUOTE
    schema: Schema = {"type": "string", "pattern": f"^{prefix}_[0-9a-hjkmnp-tv-z]{{26}}$"}
    return _piece(value, sql, schema, about, nullable)


def public_id(type_name: str, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """The same as plain text, marked too."""
    begin = literal_column(f"E'{PREFIXES[type_name]}_\\x01'", Text)
    return begin + func.replace(cast(value, Text), quoted("-"), quoted(""))


def strings(value: ColumnElement[Any], about: str = "") -> Piece:
    """An array of text as it stands in its column."""
    schema: Schema = {"type": "array", "items": {"type": "string"}}
    return _piece(value, cast(func.array_to_json(value), Text), schema, about, False)


def localized(value: ColumnElement[Any], about: str = "", *, nullable: bool | None = None) -> Piece:
    """Texts by language tag, of a JSON column."""
    one = func.jsonb_each_text(value).table_valued(column("key", Text), column("value", Text), joins_implicitly=True)
    pair = cast(func.to_json(one.c.key), Text) + quoted(":") + cast(func.to_json(one.c.value), Text)
    sql = select(_braced("{", pair, "}", one.c.key.collate("C"))).select_from(one).scalar_subquery()
    schema: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
    if nullable:
        return _piece(value, case((value.is_not(None), sql)), schema, about, True)
    return _piece(value, sql, schema, about, False)


def members(fields: Mapping[str, Piece], about: str = "") -> Piece:
    """An object. Its keys are ours, and ASCII."""
    parts: list[ColumnElement[Any]] = []
    begin = "{"
    for name in sorted(fields):
        parts += [quoted(f'{begin}"{name}":'), fields[name].sql]
        begin = ","
    schema: Schema = {
        "type": "object",
        "properties": {name: fields[name].schema for name in sorted(fields)},
        "required": sorted(fields),
    }
    return Piece(func.concat(*parts, quoted("}"), type_=Text), _described(schema, about))


def gathered(item: Piece, *order: ColumnElement[Any], about: str = "") -> Piece:
    """An array of a group's items: an aggregate."""
    return Piece(_braced("[", item.sql, "]", *order), _described({"type": "array", "items": item.schema}, about))


def each(
    item: Piece,
    source: FromClause,
    *where: ColumnElement[bool],
    order: Sequence[ColumnElement[Any]],
    about: str = "",
) -> Piece:
    """An array of the items of these rows; for one row of what it is correlated with."""
    array = gathered(item, *order, about=about)
    rows = select(array.sql).select_from(source).where(*where).correlate_except(source)
    return Piece(rows.scalar_subquery(), array.schema)


def keyed(
    key: ColumnElement[Any], item: Piece, source: FromClause, *where: ColumnElement[bool], about: str = ""
) -> Piece:
    """An object of these rows' items by a key that is ASCII."""
    pair = cast(func.to_json(key), Text) + quoted(":") + item.sql
    sql = select(_braced("{", pair, "}", key.collate("C"))).select_from(source).where(*where).scalar_subquery()
    return Piece(sql, _described({"type": "object", "additionalProperties": item.schema}, about))


def optional(value: ColumnElement[Any], piece: Piece) -> Piece:
    """Null where `value` is, else the piece."""
    schema = {"anyOf": [piece.schema, {"type": "null"}]}
    return Piece(case((value.is_(None), _NULL), else_=piece.sql), schema)


def _braced(begin: str, item: ColumnElement[Any], end: str, *order: ColumnElement[Any]) -> ColumnElement[Any]:
    items = func.string_agg(item, aggregate_order_by(quoted(","), *order))
    return quoted(begin) + func.coalesce(items, quoted(""), type_=Text) + quoted(end)


def _piece(
    value: ColumnElement[Any], sql: ColumnElement[Any], schema: Schema, about: str, nullable: bool | None
) -> Piece:
    """`nullable` None: as the column says; what is no column is never null."""
    if nullable is None:
        nullable = bool(getattr(value, "nullable", False))
    if nullable:
        sql = func.coalesce(sql, _NULL, type_=Text)
        also = {"enum": [*schema["enum"], None]} if "enum" in schema else {"type": [schema["type"], "null"]}
        schema = schema | also
    return Piece(sql, _described(schema, about))


def _described(schema: Schema, about: str) -> Schema:
    return schema | {"description": about} if about else schema
