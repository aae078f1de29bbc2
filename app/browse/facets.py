"""What a list could be narrowed by, and how many products each choice would leave.

A facet's own filter is left out of its counts, so that a second brand can be chosen beside the first; all others count.
Counts are exact. A facet that would have to count more than 10,000 products is left out, and all are where more match.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    Text,
    any_,
    case,
    cast,
    collate,
    exists,
    func,
    literal,
    literal_column,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.browse.matching import (
    COUNTED,
    Matching,
    Shape,
    asks_stock,
    buyable,
    looked_through,
    matches,
    option_name,
    some_variant,
    variant_conditions,
)
from app.browse.search import materialized
from app.browse.traits import option_name_of
from app.catalog.names import value_key
from app.catalog.tables import category, collection, collection_product, product, variant
from app.platform.db import Reader
from app.platform.statements import built
from app.platform.texts import name_of

MOST_VALUES: Final = 100
"""Values of one facet: those that leave most."""


class Field(Enum):
    """The field of the filter that a facet is for."""

    CATEGORIES = "CATEGORIES"
    COLLECTIONS = "COLLECTIONS"
    BRANDS = "BRANDS"
    TAGS = "TAGS"
    OPTIONS = "OPTIONS"
    IN_STOCK = "IN_STOCK"


@dataclass(frozen=True, slots=True)
class Value:
    """A choice: `value` goes into the filter, `label` is shown, `count` products would be left."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Facet:
    """The choices of one field; of one option where the field is OPTIONS, whose name in the filter `name` is."""

    field: Field
    name: str
    label: str
    values: tuple[Value, ...]


NAMES: Final[Mapping[Field, str]] = {
    Field.CATEGORIES: "categories",
    Field.COLLECTIONS: "collections",
    Field.BRANDS: "brands",
    Field.TAGS: "tags",
    Field.IN_STOCK: "inStock",
}
"""How the filter calls each field; an option is called by its own name."""
LABELS: Final[Mapping[Field, Mapping[str, str]]] = {
    Field.CATEGORIES: {"pt-BR": "Categorias", "en": "Categories"},
    Field.COLLECTIONS: {"pt-BR": "Coleções", "en": "Collections"},
    Field.BRANDS: {"pt-BR": "Marcas", "en": "Brands"},
    Field.TAGS: {"pt-BR": "Etiquetas", "en": "Tags"},
    Field.IN_STOCK: {"pt-BR": "Disponibilidade", "en": "Availability"},
}
_STOCK_LABELS: Final = {
    "true": {"pt-BR": "Disponível", "en": "In stock"},
    "false": {"pt-BR": "Esgotado", "en": "Out of stock"},
}
_FILTERS: Final[Mapping[Field, str]] = {
    Field.CATEGORIES: "category_ids",
    Field.COLLECTIONS: "collection_ids",
    Field.BRANDS: "brands",
    Field.TAGS: "tags",
    Field.IN_STOCK: "in_stock",
}


class Tally(NamedTuple):
    """How many products of a list have this value. `texts`: what it is called; of an option all that the option says,
    by the first of the products that have the value, in the order of their options' JSON.
    """

    field: str
    name: str | None
    value: str
    texts: Any
    matches: int


Counts = Callable[[Reader, Matching, frozenset[Field]], Awaitable[Sequence[Tally] | None]]
"""Tells of each value of some fields how many of a list have it; None for too many products."""


async def facets_of(
    db: Reader,
    matching: Matching,
    fields: Collection[Field] = tuple(Field),
    tallied: Callable[[Collection[Field]], Awaitable[Sequence[Tally]]] | None = None,
    *,
    counted: Counts | None = None,
) -> list[Facet] | None:
    """The facets of these fields, each with something to choose; None where more than 10,000 products match.

    One statement, and one more for each field and each option that the filter names. `tallied` tells of fields that
    the filter does not name instead of the one; `counted` of any list that is counted.
    """
    count = counted or counts
    chosen = {field: name for field, name in _FILTERS.items() if getattr(matching, name) is not None}
    free = frozenset(field for field in fields if field not in chosen)
    rows = await (count(db, matching, free) if tallied is None else tallied(free))
    if rows is None:
        return None
    options = {choice.name for choice in matching.options}
    found = [row for row in rows if row.name not in options]
    for field in fields:
        if field in chosen:
            found += await count(db, matching.without(chosen[field]), frozenset({field})) or ()
    for name in options if Field.OPTIONS in fields else ():
        others = tuple(choice for choice in matching.options if choice.name != name)
        rows = await count(db, replace(matching, options=others), frozenset({Field.OPTIONS}))
        found += [row for row in rows or () if row.name == name]
    return _facets(found, matching.locale)


async def counts(db: Reader, matching: Matching, fields: frozenset[Field]) -> Sequence[Tally] | None:
    """A tally of each value of these fields; None for too many products."""
    rows = await db.rows(_statement(matching.shape, fields), matching.parameters)
    total = next(row.matches for row in rows if row.field is None)
    return [_tally(row) for row in rows if row.field is not None] if total <= COUNTED else None


def _tally(row: Any) -> Tally:
    """An option's texts are told with those of its product's others."""
    tally = Tally._make(row)
    if tally.field != Field.OPTIONS.value:
        return tally
    return tally._replace(texts=next(each for each in reversed(tally.texts) if option_name_of(each) == tally.name))


def _facets(rows: Sequence[Tally], locale: str) -> list[Facet]:
    groups: dict[tuple[Field, str], list[Tally]] = {}
    for row in rows:
        groups.setdefault((Field(row.field), row.name or ""), []).append(row)
    return [
        _facet(field, name, groups[field, name], locale)
        for field in Field
        for name in sorted(name for of, name in groups if of is field)
    ]


def _facet(field: Field, name: str, rows: Sequence[Tally], locale: str) -> Facet:
    values = [Value(row.value, _label(field, row, locale), row.matches) for row in rows]
    values.sort(key=lambda value: (-value.count, value.label, value.value))
    # Values of an option may come from products that call it differently.
    first = min(rows, key=lambda row: row.value)
    label = name_of(first.texts["name"] if field is Field.OPTIONS else LABELS[field], locale)
    return Facet(field, name or NAMES[field], label, tuple(values[:MOST_VALUES]))


def _label(field: Field, row: Tally, locale: str) -> str:
    texts: Mapping[str, str]
    match field:
        case Field.OPTIONS:
            texts = next((texts for texts in row.texts["values"] if value_key(texts) == row.value), {})
        case Field.IN_STOCK:
            texts = _STOCK_LABELS[row.value]
        case _:
            texts = row.texts or {}
    return name_of(texts, locale) or str(row.value)


@built(128)
def _statement(shape: Shape, fields: frozenset[Field]) -> Any:
    """A row for each value: field, name, value, texts, matches; and one without a field for the total."""
    columns = product.c.id, product.c.brand, product.c.tags, product.c.category_id, product.c.options
    counted: ColumnElement[int] = func.count()
    if asks_stock(shape):
        some, total_of = looked_through(shape, *columns)
        counted = total_of(counted)
    else:
        some = matches(shape, *columns)
    matched = materialized(some.limit(COUNTED + 1), "matched")
    all_ = select(counted.label("count")).select_from(matched).cte("all_matched")
    few = select(all_.c.count <= COUNTED).scalar_subquery()
    parts = [_BRANCHES[field](matched, shape).where(few) for field in Field if field in fields]
    total = _row(None, null(), null(), all_.c.count)
    return union_all(total, *parts)


def _row(field: Field | None, value: Any, texts: Any, count: Any, name: Any = None) -> Select[Any]:
    return select(
        (null() if field is None else literal(field.value)).cast(Text).label("field"),
        cast(null() if name is None else name, Text).label("name"),
        cast(value, Text).label("value"),
        cast(texts, JSONB).label("texts"),
        count.label("matches"),
    )


def _brands(matched: CTE, _: Shape) -> Select[Any]:
    return (
        _row(Field.BRANDS, matched.c.brand, null(), func.count())
        .where(matched.c.brand.is_not(None))
        .group_by(matched.c.brand)
    )


def _tags(matched: CTE, _: Shape) -> Select[Any]:
    tags = func.unnest(matched.c.tags).table_valued("tag", name="of_tags").render_derived().lateral()
    return (
        _row(Field.TAGS, tags.c.tag, null(), func.count(matched.c.id.distinct()))
        .select_from(matched.join(tags, true()))
        .group_by(tags.c.tag)
    )


def _categories(matched: CTE, _: Shape) -> Select[Any]:
    own = category.alias("own")
    return (
        _row(Field.CATEGORIES, category.c.slug, category.c.name, func.count())
        .where(own.c.id == matched.c.category_id, category.c.id == any_(own.c.lineage), ~category.c.archived)
        .group_by(category.c.id)
    )


def _collections(matched: CTE, _: Shape) -> Select[Any]:
    return (
        _row(Field.COLLECTIONS, collection.c.slug, collection.c.name, func.count())
        .where(
            collection_product.c.product_id == matched.c.id,
            collection.c.id == collection_product.c.collection_id,
            ~collection.c.archived,
        )
        .group_by(collection.c.id)
    )


def _options(matched: CTE, shape: Shape) -> Select[Any]:
    option = (
        func.jsonb_array_elements(matched.c.options)
        .table_valued("option", with_ordinality="place", name="of_options")
        .render_derived()
        .lateral()
    )
    body: ColumnElement[Any] = option.c.option.cast(JSONB)
    # OFFSET 0: an option's name is looked for once for the product, not for each of its variants.
    named = (
        select(
            matched.c.id,
            option.c.place,
            cast(matched.c.options, Text).label("options"),
            option_name(func.jsonb_extract_path(body, literal_column("'name'"))).label("name"),
        )
        .select_from(matched.join(option, true()))
        .offset(literal_column("0"))
        .subquery("named")
    )
    # The same here: a product's variants are looked up, whatever the planner thinks how many options there are.
    mine = select(variant.c.option_values).where(variant.c.product_id == named.c.id, ~variant.c.archived)
    if shape.options:
        # Its conditions look at the product's options.
        mine = mine.join(product, product.c.id == variant.c.product_id)
    each = mine.where(*_wanted(shape)).offset(literal_column("0")).lateral("mine")
    value = each.c.option_values[named.c.place]
    # Products may call it differently: the first of them, byte by byte, whoever counts.
    texts = func.min(collate(named.c.options, "C"))
    return (
        _row(Field.OPTIONS, value, texts, func.count(named.c.id.distinct()), named.c.name)
        .select_from(named.join(each, true()))
        .where(value != "")
        .group_by(named.c.name, value)
    )


def _wanted(shape: Shape) -> tuple[ColumnElement[bool], ...]:
    own = variant_conditions(shape)
    return (*own, buyable()) if "in_stock" in shape.asked else own


def _in_stock(matched: CTE, shape: Shape) -> Select[Any]:
    wanted = (*variant_conditions(shape), buyable())
    if shape.options:
        # Its conditions look at the product's options.
        each = _there(some_variant(*wanted)).where(product.c.id == matched.c.id)
    else:
        own = exists(literal_column("1")).where(variant.c.product_id == matched.c.id, ~variant.c.archived, *wanted)
        each = _there(own.correlate(matched)).select_from(matched)
    stock = each.subquery("each_stock")
    value = case((stock.c.there, "true"), else_="false")
    return _row(Field.IN_STOCK, value, null(), func.count()).group_by(stock.c.there)


def _there(some: ColumnElement[bool]) -> Select[Any]:
    # OFFSET 0: looked at once, however often it is named.
    return select(some.label("there")).offset(literal_column("0"))


_BRANCHES: Final = {
    Field.BRANDS: _brands,
    Field.TAGS: _tags,
    Field.CATEGORIES: _categories,
    Field.COLLECTIONS: _collections,
    Field.OPTIONS: _options,
    Field.IN_STOCK: _in_stock,
}
