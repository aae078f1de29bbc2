"""What facets count of a product, and what it is kept by: so little that those of all that a search finds can be kept.

As with documents: facts and no answers, each read of one moment, with the head of the feed in it.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import lru_cache
from sys import intern
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import Integer, Text, Uuid, any_, bindparam, cast, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from app.browse.facts import ENTRY, GROWS, Entry, Found
from app.catalog.tables import collection_product, product, variant
from app.events.tables import feed_head
from app.platform.db import Database
from app.platform.texts import DEFAULT_LOCALE, LOCALES

Choice = tuple[str | None, str]
"""An option by its name, and one of its values, as a filter names them."""


class Traits(Struct, frozen=True, gc=False):
    """Of one product, each once. `options`: the column's JSON; `choices`: what its variants have of them."""

    version: int
    category_id: UUID | None
    brand: str | None
    tags: tuple[str, ...]
    collection_ids: tuple[UUID, ...]
    options: str
    choices: tuple[Choice, ...]


_values = (
    select(func.json_agg(variant.c.option_values.distinct()))
    .where(variant.c.product_id == product.c.id, ~variant.c.archived)
    .correlate(product)
    .scalar_subquery()
)
_shelved = (
    select(func.array_agg(collection_product.c.collection_id))
    .where(collection_product.c.product_id == product.c.id)
    .correlate(product)
    .scalar_subquery()
)
_traits_of = select(
    product.c.id,
    product.c.version,
    product.c.category_id,
    product.c.brand,
    product.c.tags,
    _shelved.label("collection_ids"),
    cast(product.c.options, Text).label("options"),
    cast(_values, Text).label("values"),
)
NUMBERED: Final = _traits_of.add_columns(product.c.number).where(
    product.c.number == any_(bindparam("numbers", type_=ARRAY(Integer)))
)
"""The same of products by their numbers."""
_found = _traits_of.where(product.c.id == any_(bindparam("keys", type_=ARRAY(Uuid)))).subquery("found")
TRAITS_OF: Final = select(feed_head.c.position, feed_head.c.epoch, *_found.c).select_from(
    feed_head.outerjoin(_found, true())
)
_decode: Final = msgspec.json.Decoder(list[list[str]]).decode
_others: Final = [locale for locale in LOCALES if locale != DEFAULT_LOCALE]


async def read_traits(db: Database, keys: Collection[bytes], _: datetime) -> Found:
    """The traits of products by the bytes of their ids."""
    rows = await db.rows(TRAITS_OF, {"keys": [UUID(bytes=key) for key in keys]})
    entries = {}
    for row in rows:
        if row.id is not None:
            size = ENTRY + GROWS * (len(row.options) + len(row.values or "") + 50 * len(row.tags))
            key = row.id.bytes
            entries[key] = Entry(key, traits_of(row), size)
    return Found(rows[0].position, rows[0].epoch, entries)


def option_name_of(option: dict[str, Any]) -> str | None:
    """How a filter names an option, as `matching.option_name` has it."""
    names = option["name"]
    return next((name for each in (DEFAULT_LOCALE, *_others) if (name := names.get(each)) is not None), None)


def options_told(some: Iterable[tuple[str, Iterable[Choice]]]) -> dict[Choice, Any]:
    """For each choice the option as one of the products says that have it, of which the JSON of their options and their
    choices are given: products may call it differently, so it is the first of them, byte by byte, whoever asks.
    """
    first: dict[Choice, str] = {}
    for options, choices in some:
        for choice in choices:
            if first.setdefault(choice, options) > options:
                first[choice] = options
    named = {
        options: {option_name_of(option): option for option in msgspec.json.decode(options)}
        for options in set(first.values())
    }
    return {choice: named[options][choice[0]] for choice, options in first.items()}


def traits_of(row: Any) -> Traits:
    options, choices = choices_of(row.options, row.values)
    return Traits(
        version=row.version,
        category_id=row.category_id,
        brand=None if row.brand is None else intern(row.brand),
        tags=tuple(map(intern, dict.fromkeys(row.tags))),
        collection_ids=tuple(row.collection_ids or ()),
        options=options,
        choices=choices,
    )


@lru_cache(1_000)
def choices_of(options: str, values: str | None) -> tuple[str, tuple[Choice, ...]]:
    """The column's JSON, and each choice once, of all values of variants. Most products of a kind have the same, and
    share them.
    """
    names = [option_name_of(option) for option in msgspec.json.decode(options)]
    variants = _decode(values) if values is not None else []
    every = [choice for each in variants for choice in zip(names, each, strict=False) if choice[1] != ""]
    return options, tuple(dict.fromkeys(every))
