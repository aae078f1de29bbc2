"""Sets of products that lists are put together of: what a channel sells, what is in a category or collection, of a
brand, with a tag, what has a word in a language, what a code names. How each is read, whole or among some products.

A product is its number; numbers travel as four bytes each.
"""

import sys
from array import array
from collections.abc import Hashable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pyroaring import BitMap
from sqlalchemy import (
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    func,
    literal_column,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from app.browse.matching import Matching
from app.browse.search import by_code, in_locale, materialized, once, tsquery
from app.browse.sight import sold
from app.catalog.search_text import CONFIGURATIONS
from app.catalog.tables import collection_product, product, product_text, publication
from app.platform.texts import LOCALES

MOST_COMING: Final = 10_000
"""Moments at which a product begins or ends to be sold that are known in advance."""

Key = tuple[Hashable, ...]
"""What a set is of, its kind first."""

FIELDS: Final = ("category_ids", "collection_ids", "brands", "tags")
"""Fields of `Matching` of which each value has a set of its own."""
_TYPES: Final[Mapping[str, Any]] = {"category_ids": Uuid, "collection_ids": Uuid, "brands": Text, "tags": Text}


class Atom:
    """One set. `mark`: the place in what the feed tells of products that it is as new as.

    `ignored`: a part of a search that asks for nothing in that language. What a channel sells is so from `since` on
    until before `until`, with those looked at again whose time has come (`coming`: times and numbers, the next first).
    """

    __slots__ = ("coming", "ignored", "key", "mark", "numbers", "since", "size", "until")

    def __init__(self, key: Key, numbers: BitMap, mark: int) -> None:
        self.key = key
        self.numbers = numbers
        self.mark = mark
        self.ignored = False
        self.since: datetime | None = None
        self.until: datetime | None = None
        self.coming: list[tuple[datetime, int]] = []
        self.size = 0

    def measure(self) -> int:
        """Bytes that it takes, about, from now on."""
        self.size = 500 + bytes_of(self.numbers) + 120 * len(self.coming) + 2 * len(str(self.key))
        return self.size


def bytes_of(numbers: BitMap) -> int:
    """What a set of numbers takes."""
    told = numbers.get_statistics()
    kept = told["n_bytes_array_containers"] + told["n_bytes_run_containers"] + told["n_bytes_bitset_containers"]
    return kept + 20 * told["n_containers"]


def sold_key(channel_id: UUID) -> Key:
    """What this channel sells."""
    return "sold", channel_id


def field_keys(matching: Matching) -> dict[str, list[Key]]:
    """The sets of the values of each field that is asked for."""
    asked = {name: getattr(matching, name) for name in FIELDS}
    return {name: [(name, value) for value in wanted] for name, wanted in asked.items() if wanted is not None}


def part_key(locale: str, part: str) -> Key:
    """What has this part of a search in a language, the minus left out of account."""
    return "part", locale, part.removeprefix("!")


def code_key(matching: Matching) -> Key:
    """What the search names by a code."""
    search = matching.search
    assert search is not None, "looked for"
    return "code", search.codes, search.barcode, search.scale_code


def keys_of(matching: Matching) -> list[Key]:
    """All sets that a list is put together of."""
    keys = [sold_key(matching.sight.channel_id), *(key for each in field_keys(matching).values() for key in each)]
    if matching.search is not None:
        keys += [part_key(locale, part) for locale in LOCALES for part in matching.search.parts]
        keys.append(code_key(matching))
    return list(dict.fromkeys(keys))


def packed(number: ColumnElement[int]) -> ColumnElement[bytes]:
    """All of these numbers as bytes."""
    each: ColumnElement[bytes] = func.int4send(number, type_=LargeBinary)
    return func.string_agg(each, literal_column("''::bytea"), type_=LargeBinary)


def unpacked(numbers: bytes | None) -> BitMap:
    """The numbers again."""
    each = array("I", numbers or b"")
    if sys.byteorder == "little":
        each.byteswap()
    return BitMap(each)


def _any(name: str, type_: Any) -> Any:
    return any_(bindparam(name, type_=ARRAY(type_)))


AMONG: Final = product.c.number == _any("numbers", Integer)
"""A row of `product` is one of these."""
_number: Final = packed(product.c.number)


def _by_value(value: ColumnElement[Any], name: str) -> Select[Any]:
    return select(value.label("value"), _number.label("numbers")).where(value == _any("values", _TYPES[name]))


_tag = func.unnest(product.c.tags).table_valued("tag", name="of_tags").render_derived().lateral()
BY_VALUE: Final[Mapping[str, Select[Any]]] = {
    "category_ids": _by_value(product.c.category_id, "category_ids").group_by(product.c.category_id),
    "collection_ids": _by_value(collection_product.c.collection_id, "collection_ids")
    .join(product, product.c.id == collection_product.c.product_id)
    .group_by(collection_product.c.collection_id),
    "brands": _by_value(product.c.brand, "brands").group_by(product.c.brand),
    "tags": _by_value(_tag.c.tag, "tags")
    .select_from(product.join(_tag, true()))
    .where(product.c.tags.bool_op("&&")(bindparam("values", type_=ARRAY(Text))))
    .group_by(_tag.c.tag),
}
"""The sets of values of a field."""

_shelved = (
    select(func.array_agg(collection_product.c.collection_id))
    .where(collection_product.c.product_id == product.c.id)
    .correlate(product)
    .scalar_subquery()
)
FACTS: Final = select(
    product.c.number, product.c.category_id, _shelved.label("collection_ids"), product.c.brand, product.c.tags
).where(product.c.id == _any("ids", Uuid))
"""Of each of these products its values of all fields."""


def values_of(row: Any) -> list[Key]:
    """The sets of values of fields that a row of these belongs to."""
    values = [("category_ids", row.category_id), ("brands", row.brand)]
    return [
        *values,
        *(("collection_ids", key) for key in row.collection_ids or ()),
        *(("tags", tag) for tag in row.tags),
    ]


SOLD: Final = select(_number).where(sold())
SOLD_AMONG: Final = SOLD.where(AMONG)


def _coming(among: bool) -> Select[Any]:
    moment, until = (bindparam(name, type_=publication.c.starts_at.type) for name in ("moment", "until"))
    ways = []
    for instant in (publication.c.starts_at, publication.c.ends_at):
        way = (
            select(product.c.number, instant.label("at"))
            .join(publication, publication.c.product_id == product.c.id)
            .where(
                publication.c.channel_id == bindparam("channel_id", type_=Uuid),
                product.c.status == "ACTIVE",
                instant <= until,
            )
        )
        ways.append(way.where(AMONG) if among else way)
    every = union_all(*ways).cte("every")
    first = select(every).where(every.c.at > moment).order_by(every.c.at).limit(literal_column(str(MOST_COMING)))
    next_ = first.subquery("next")
    times, numbers = (
        func.array_agg(aggregate_order_by(each, next_.c.at, next_.c.number)) for each in (next_.c.at, next_.c.number)
    )
    past = select(func.max(every.c.at)).where(every.c.at <= moment).scalar_subquery()
    return select(past.label("past"), times.label("times"), numbers.label("numbers"))


COMING: Final = _coming(among=False)
"""When what is published in a channel begins or ends up to `until`: last by `moment`, and after it, the first first."""
COMING_AMONG: Final = _coming(among=True)


def _part(locale: str) -> Select[Any]:
    text = product_text.alias("part_text")
    have = (
        select(_number)
        .select_from(text.join(product, product.c.id == text.c.product_id))
        .where(in_locale(text, locale, "part"))
    )
    nodes: ColumnElement[int] = func.numnode(once(tsquery(locale, "part")))
    return select(nodes.label("nodes"), have.scalar_subquery().label("numbers"))


def _parts_among(locale: str) -> Select[Any]:
    """Which of some products have which of some parts, by the parts' places."""
    configuration = CONFIGURATIONS.get(locale.partition("-")[0], "simple")
    asked = (
        func.unnest(bindparam("parts", type_=ARRAY(Text)))
        .table_valued("part", with_ordinality="place", name="asked")
        .render_derived()
    )
    query = func.to_tsquery(literal_column(f"'{configuration}'::regconfig"), asked.c.part)
    queries = materialized(select(asked.c.place, query.label("query")), "queries")
    texts = materialized(
        select(product.c.number, product_text.c.search)
        .join(product_text, and_(product_text.c.product_id == product.c.id, product_text.c.locale == locale))
        .where(AMONG),
        "texts",
    )
    return (
        select(queries.c.place, packed(texts.c.number).label("numbers"))
        .join(texts, texts.c.search.bool_op("@@")(queries.c.query))
        .group_by(queries.c.place)
    )


PART: Final = {locale: _part(locale) for locale in LOCALES}
PARTS_AMONG: Final = {locale: _parts_among(locale) for locale in LOCALES}
CODE: Final = select(_number).where(product.c.id.in_(by_code()))
