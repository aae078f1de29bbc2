"""Which categories and collections a filter names by their slugs."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Text, any_, bindparam, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.tables import category, collection
from app.platform.db import Reader

_slugs = bindparam("category_slugs", type_=ARRAY(Text(collation="C")))
_roots = select(func.array_agg(category.c.id)).where(category.c.slug == any_(_slugs), ~category.c.archived)
SLUGS: Final = union_all(
    select(literal("category").label("kind"), category.c.id).where(
        category.c.lineage.bool_op("&&")(_roots.scalar_subquery())
    ),
    select(literal("collection"), collection.c.id).where(
        collection.c.slug == any_(bindparam("collection_slugs", type_=ARRAY(Text(collation="C")))),
        ~collection.c.archived,
    ),
)


async def ids_of_slugs(
    db: Reader, *, categories: Sequence[str] | None, collections: Sequence[str] | None
) -> tuple[tuple[UUID, ...] | None, tuple[UUID, ...] | None]:
    """The ids of these categories with all below them, and of these collections; unknown and archived ones are left
    out. None for None."""
    if categories is None and collections is None:
        return None, None
    rows = await db.rows(
        SLUGS,
        {
            "category_slugs": [slug for slug in categories or () if "\0" not in slug],
            "collection_slugs": [slug for slug in collections or () if "\0" not in slug],
        },
    )
    ids = {kind: tuple(row.id for row in rows if row.kind == kind) for kind in ("category", "collection")}
    return ids["category"] if categories is not None else None, ids["collection"] if collections is not None else None
