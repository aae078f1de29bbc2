"""What facets count of products of which only some variants have a price within bounds: by those variants alone."""

from dataclasses import dataclass
from typing import Any, Final

from pyroaring import BitMap
from sqlalchemy import Select, Text, Uuid, bindparam, cast, func, literal_column, null, select, true

from app.browse.atoms import AMONG
from app.browse.matching import Matching, Shape, buyable, price_bounds
from app.browse.traits import Choice, choices_of
from app.catalog.tables import product, variant
from app.platform.db import Reader
from app.platform.statements import built
from app.pricing.tables import channel_price

BOUNDS: Final = frozenset({"price_min", "price_max"})


@dataclass(frozen=True, slots=True)
class Partly:
    """How many products have each set of choices, with the JSON of their options; and how many of them have nothing
    that can be bought, where that was asked for.
    """

    options: list[tuple[tuple[str, tuple[Choice, ...]], int]]
    out: int


async def read_partly(db: Reader, matching: Matching, numbers: BitMap, *, stock: bool) -> Partly:
    """Of these products the variants within the bounds of a list."""
    if not numbers:
        return Partly([], 0)
    bounds = Shape(matching.shape.asked & BOUNDS, 0, 0, False)
    rows = await db.rows(_statement(bounds, stock), {**matching.parameters, "numbers": list(numbers)})
    options = [(choices_of(row.options, row.values), row.matches) for row in rows]
    return Partly(options, sum(row.matches for row in rows if row.there is False))


@built(8)
def _statement(shape: Shape, stock: bool) -> Select[Any]:
    """Products that have the same are one row: most of a kind do."""
    own = channel_price.c.channel_id == bindparam("channel_id", type_=Uuid), channel_price.c.variant_id == variant.c.id
    # OFFSET 0: looked up one after the other by their keys, whatever the planner thinks of bounds and numbers.
    price = select(channel_price.c.amount).where(*own).offset(literal_column("0")).lateral("its_price")
    there = buyable() if stock else null()
    mine = (
        select(variant.c.option_values, there.label("there"))
        .select_from(variant.join(price, true()))
        .where(variant.c.product_id == product.c.id, ~variant.c.archived, *price_bounds(shape, price))
        .offset(literal_column("0"))
        .lateral("mine")
    )
    each = (
        select(
            cast(product.c.options, Text).label("options"),
            cast(func.json_agg(mine.c.option_values.distinct()), Text).label("values"),
            (func.bool_or(mine.c.there) if stock else null()).label("there"),
        )
        .select_from(product.join(mine, true()))
        .where(AMONG)
        .group_by(product.c.id)
        .subquery("each_product")
    )
    return select(*each.c, func.count().label("matches")).group_by(*each.c)
