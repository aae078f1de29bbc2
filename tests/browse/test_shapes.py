"""What a list leaves in memory that is asked for in a way that nobody has asked before."""

import gc
from itertools import combinations
from typing import Any, Final

from sqlalchemy import ClauseElement

from app.browse.facets import facets_of
from app.browse.listing import Order
from app.browse.matching import OptionChoice
from tests.browse.catalog import Catalog
from tests.shop import Shop

NARROWED: Final[dict[str, Any]] = {
    "brands": ("Feira",),
    "tags": ("novo",),
    "price_min": 100,
    "in_stock": True,
    "options": (OptionChoice("cor", ("Azul",)),),
    "search": "copo azul",
}
FEWEST: Final = 1_000
"""Expressions of the smallest statement of a list."""


def expressions() -> int:
    """SQLAlchemy's expressions that are alive."""
    gc.collect()
    return sum(issubclass(type(each), ClauseElement) for each in gc.get_objects())


async def test_a_shape_leaves_no_expressions_behind(shop: Shop) -> None:
    catalog = Catalog(shop)
    await catalog.product("copo", name="Copo azul", brand="Feira", tags=["novo"])

    async def ask(order: Order, names: tuple[str, ...]) -> None:
        wanted = catalog.matching(**{name: NARROWED[name] for name in names})
        for descending in (False, True):
            await catalog.page(wanted, order, descending=descending, first=1)
        await facets_of(shop.db, wanted)

    shapes = [names for size in range(4) for names in combinations(NARROWED, size)]
    # What is asked in all shapes, and the few that are at hand while one is built.
    for names in shapes[:8]:
        await ask(Order.RELEVANCE, names)
    before = expressions()
    for place, names in enumerate(shapes[8:]):
        await ask(list(Order)[place % len(Order)], names)
    assert expressions() < before + 5 * FEWEST, "of some 34 shapes, each of a dozen statements"
