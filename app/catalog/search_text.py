"""What products are found by: stems for full text search and bare words for typing errors, kept beside their texts.

Accents are taken off before PostgreSQL sees a text, here and in what a shopper types, so that no dictionary of the
database's decides whether "pão" and "pao" are one word.
"""

import html
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Text, Uuid, any_, bindparam, cast, exists, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import ARRAY, REGCONFIG, insert

from app.catalog.names import localized_values
from app.catalog.tables import category, collection, product_text, search_word
from app.catalog.whole import TEXT_COLUMNS, Values, Whole, lock_wholes
from app.platform.db import Tx
from app.platform.texts import key_of, name_of
from app.platform.unnest import arrays, unnested

CONFIGURATIONS: Final = {"pt": "portuguese", "en": "english"}
"""PostgreSQL's text search configuration of a language; "simple" for others."""
MAX_DESCRIPTION: Final = 20_000
MAX_WORDS: Final = 8_000
"""Characters of `search_words`: names come first, so that only the codes of huge products are cut off."""
LONGEST_WORD: Final = 40
"""Characters of a word that may be spelled wrong."""
BATCH: Final = 500
"""Products that are locked, read and rewritten at a time."""

_DIGITS: Final = frozenset("0123456789")
_TAG: Final = re.compile(r"<[^>]*>")

_ABOVE: Final = category.alias("above")
CATEGORY_NAMES: Final = (
    select(category.c.id, _ABOVE.c.name)
    .join(_ABOVE, _ABOVE.c.id == any_(category.c.lineage))
    .where(category.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))), ~_ABOVE.c.archived)
    .order_by(category.c.id, func.cardinality(_ABOVE.c.lineage))
)
COLLECTION_NAMES: Final = select(collection.c.id, collection.c.name).where(
    collection.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))), ~collection.c.archived
)


def _weighed(name: str, weight: str) -> ColumnElement[Any]:
    configuration = cast(bindparam("configuration", type_=Text), REGCONFIG)
    return func.setweight(func.to_tsvector(configuration, bindparam(name, type_=Text)), literal_column(f"'{weight}'"))


SEARCH: Final = (
    _weighed("names", "A")
    .op("||")(_weighed("marks", "B"))
    .op("||")(_weighed("places", "C"))
    .op("||")(_weighed("prose", "D"))
)
_INSERT = insert(product_text).values(
    **{name: bindparam(name) for name in TEXT_COLUMNS}, search=SEARCH, search_words=bindparam("words")
)
UPSERT: Final = _INSERT.on_conflict_do_update(
    index_elements=[product_text.c.product_id, product_text.c.locale],
    set_={
        name: _INSERT.excluded[name]
        for name in (*TEXT_COLUMNS, "search", "search_words")
        if name not in ("product_id", "locale")
    },
)
REWRITE: Final = (
    update(product_text)
    .where(product_text.c.product_id == bindparam("of_product"), product_text.c.locale == bindparam("of_locale"))
    .values(search=SEARCH, search_words=bindparam("words"))
)

_given = unnested("given", [search_word.c.word])
LEARN: Final = insert(search_word).from_select(
    ["word"], select(_given.c.word).where(~exists().where(search_word.c.word == _given.c.word))
)


@dataclass(frozen=True, slots=True)
class Shelves:
    """Names of categories (each with those above it, the root first) and of collections; archived ones have none."""

    categories: Mapping[UUID, Sequence[Mapping[str, str]]] = field(default_factory=dict)
    collections: Mapping[UUID, Mapping[str, str]] = field(default_factory=dict)


async def read_shelves(tx: Tx, wholes: Iterable[Whole]) -> Shelves:
    """The names of all categories and collections that these products are in."""
    category_ids: set[UUID] = set()
    collection_ids: set[UUID] = set()
    for whole in wholes:
        collection_ids |= whole.collections
        if whole.product["category_id"] is not None:
            category_ids.add(whole.product["category_id"])
    categories: dict[UUID, list[Mapping[str, str]]] = {}
    if category_ids:
        for row in await tx.rows(CATEGORY_NAMES, {"ids": list(category_ids)}):
            categories.setdefault(row.id, []).append(row.name)
    found = await tx.rows(COLLECTION_NAMES, {"ids": list(collection_ids)}) if collection_ids else []
    return Shelves(categories, {row.id: row.name for row in found})


@dataclass(frozen=True, slots=True)
class _Words:
    """What a product is found by in a language beside its name and description, in its own letters."""

    marks: list[str]
    places: list[str]
    codes: list[str]


def _words(whole: Whole, shelves: Shelves, locale: str) -> _Words:
    product = whole.product
    rows = [row for row in whole.variants.values() if not row["archived"]]
    options = dict.fromkeys(
        value for row in rows for value in localized_values(product["options"], row["option_values"], locale)
    )
    places = [
        *(name_of(texts, locale) for texts in shelves.categories.get(product["category_id"], ())),
        *sorted(name_of(shelves.collections[key], locale) for key in whole.collections if key in shelves.collections),
    ]
    return _Words(
        marks=[product["brand"] or "", product["product_type"] or "", *product["tags"], *options],
        places=places,
        codes=[code for row in rows for code in (row["sku"], row["barcode"]) if code],
    )


def search_values(whole: Whole, shelves: Shelves, locale: str) -> Values:
    """The parameters of `SEARCH` and the bare words, for a product's text in a language."""
    text, words = whole.texts[locale], _words(whole, shelves, locale)
    marks = [*words.marks, *words.codes]
    prose = html.unescape(_TAG.sub(" ", text["description"]))[:MAX_DESCRIPTION]
    bare = dict.fromkeys(key_of(" ".join([text["name"], *words.places, *marks])).split())
    return {
        "configuration": CONFIGURATIONS.get(locale.partition("-")[0], "simple"),
        "names": key_of(text["name"]),
        "marks": key_of(" ".join(marks)),
        "places": key_of(" ".join(words.places)),
        "prose": key_of(prose.replace("\0", "")),
        "words": " ".join(bare)[:MAX_WORDS],
    }


def is_spelled(word: str) -> bool:
    """Whether who types something like this bare word may mean it: a number, or a code, is meant as it is typed."""
    digits, letters = sum(one in _DIGITS for one in word), sum(map(str.isalpha, word))
    return 2 <= len(word) <= LONGEST_WORD and letters > digits


def spelled_words(whole: Whole, shelves: Shelves, locale: str) -> set[str]:
    """Which of a text's bare words `search_word` knows: those that may be spelled wrong, and are no codes."""
    words = _words(whole, shelves, locale)
    bare = key_of(" ".join([whole.texts[locale]["name"], *words.places, *words.marks])).split()
    return set(filter(is_spelled, bare))


async def learn_words(tx: Tx, words: Collection[str]) -> None:
    """Have `search_word` know these. What another writer brings at the same time is not waited for, and then is there
    twice; a word that no text has any more stays: it finds nothing, and is often had again.
    """
    if words:
        await tx.execute(LEARN, arrays([search_word.c.word], [{"word": word} for word in sorted(words)]))


async def rewrite_search(tx: Tx, product_ids: Sequence[UUID]) -> None:
    """Bring what these products are found by up to date, after a category or collection changed its name."""
    ids = sorted(product_ids)
    for start in range(0, len(ids), BATCH):
        wholes = await lock_wholes(tx, ids=ids[start : start + BATCH])
        shelves = await read_shelves(tx, wholes.values())
        await tx.many(
            REWRITE,
            [
                {"of_product": key, "of_locale": locale, **search_values(whole, shelves, locale)}
                for key, whole in wholes.items()
                for locale in whole.texts
            ],
        )
        await learn_words(
            tx,
            {
                word
                for whole in wholes.values()
                for locale in whole.texts
                for word in spelled_words(whole, shelves, locale)
            },
        )
