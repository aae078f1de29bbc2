"""The catalog, checked on the live database: what its rows must say of one another and no constraint can."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Select, Text, Uuid, any_, cast, column, exists, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.tables import category, product, product_text, search_word, variant
from app.platform.db import Reader

MOST: Final = 100
"""The most violations of one kind that are told."""

_above = category.alias("above")
_lineage = func.array_append(func.coalesce(_above.c.lineage, cast([], ARRAY(Uuid))), category.c.id)
_split = func.unnest(func.string_to_array(product_text.c.search_words, literal_column("' '")))
_own = _split.table_valued(column("word", Text(collation="C")), name="own_word").render_derived().lateral()
_named = func.string_to_array(product_text.c.name_key, literal_column("' '"), type_=ARRAY(Text(collation="C")))

CHECKS: Final[Mapping[str, Select[Any]]] = {
    "its lineage is not that of the category above it, and itself": (
        select(category.c.slug.label("name"))
        .select_from(category.outerjoin(_above, _above.c.id == category.c.parent_id))
        .where(category.c.lineage != _lineage)
        .limit(MOST)
    ),
    "it is in use below a category that is archived": (
        select(category.c.slug.label("name"))
        .join(_above, _above.c.id == category.c.parent_id)
        .where(~category.c.archived, _above.c.archived)
        .limit(MOST)
    ),
    "it has no name in any language": (
        select(product.c.slug.label("name"))
        .where(~exists().where(product_text.c.product_id == product.c.id))
        .limit(MOST)
    ),
    "its name has a word that is not found where it is spelled wrong": (
        select(product.c.slug.label("name"))
        .join(product_text, product_text.c.product_id == product.c.id)
        .where(
            exists()
            .select_from(_own)
            .where(
                # Surely no code.
                _own.c.word.regexp_match("^[a-z]{2,40}$"),
                _own.c.word == any_(_named),
                ~exists().where(search_word.c.word == _own.c.word),
            )
        )
        .limit(MOST)
    ),
    "it has another number of option values than its product has options": (
        select(variant.c.sku.label("name"))
        .join(product, product.c.id == variant.c.product_id)
        .where(
            ~variant.c.archived, func.cardinality(variant.c.option_values) != func.jsonb_array_length(product.c.options)
        )
        .limit(MOST)
    ),
}


async def violations(db: Reader) -> list[str]:
    """What contradicts itself, each in one line. Give it a transaction of one snapshot."""
    return [f"{row.name}: {what}" for what, statement in CHECKS.items() for row in await db.rows(statement)]
