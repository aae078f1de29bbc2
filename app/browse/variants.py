"""Pages of the variants of many products at once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Integer,
    Row,
    Select,
    Uuid,
    any_,
    bindparam,
    column,
    func,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.tables import variant
from app.platform.db import Reader

Keys = tuple[int, UUID]
"""A variant's place among its product's: its position, then its id."""


@dataclass(frozen=True, slots=True)
class VariantPage:
    """Rows of `variant`, and whether more follow."""

    rows: Sequence[Row[Any]]
    more: bool


_ids = bindparam("ids", type_=ARRAY(Uuid))
_there = or_(~variant.c.archived, bindparam("archived", type_=Boolean))
COUNTS = (
    select(variant.c.product_id, func.count().label("variants"))
    .where(variant.c.product_id == any_(_ids), _there)
    .group_by(variant.c.product_id)
)


@lru_cache
def _pages(paged: bool) -> Select[Any]:
    asked = func.unnest(_ids).table_valued(column("id", Uuid), name="asked").render_derived()
    mine = select(variant).where(variant.c.product_id == asked.c.id, _there)
    if paged:
        place = tuple_(bindparam("after_position", type_=Integer), bindparam("after_id", type_=Uuid))
        mine = mine.where(tuple_(variant.c.position, variant.c.id) > place)
    rows = mine.order_by(variant.c.position, variant.c.id).limit(bindparam("most", type_=BigInteger)).lateral("mine")
    return select(*rows.c).select_from(asked.join(rows, true())).order_by(rows.c.position, rows.c.id)


async def variant_pages(
    db: Reader, product_ids: Collection[UUID], *, first: int, after: Keys | None = None, archived: bool = False
) -> dict[UUID, VariantPage]:
    """Each product's page of variants in their order, archived ones only when asked for."""
    parameters: dict[str, Any] = {"ids": list(set(product_ids)), "archived": archived, "most": first + 1}
    if after is not None:
        parameters |= {"after_position": after[0], "after_id": after[1]}
    found: dict[UUID, list[Row[Any]]] = {key: [] for key in product_ids}
    for row in await db.rows(_pages(after is not None), parameters):
        found[row.product_id].append(row)
    return {key: VariantPage(rows[:first], len(rows) > first) for key, rows in found.items()}


async def count_variants(db: Reader, product_ids: Collection[UUID], *, archived: bool = False) -> dict[UUID, int]:
    """How many variants each of these products has; a product without any is left out."""
    rows = await db.rows(COUNTS, {"ids": list(set(product_ids)), "archived": archived})
    return {row.product_id: row.variants for row in rows}
