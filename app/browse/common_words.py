"""Pages by relevance of searches that find more than are ranked: of a list whose products are known the newest are
handed to the statement that ranks them, which then need not read all that the words find.

Ranked are the same as `listing` ranks: what codes name and what is named so, then the newest, `RANKED` in all.
"""

from functools import lru_cache
from typing import Any, Final

from pyroaring import BitMap
from sqlalchemy import Integer, Select, any_, bindparam, select, union_all
from sqlalchemy.dialects.postgresql import ARRAY

from app.browse.followed import Catalog
from app.browse.listing import MOST, Keys, Order, in_order, is_behind
from app.browse.matching import Matching, Shape, is_wide, looked_up
from app.browse.pages import Asked, Found, arrays_of, find_products, found_of, stock_parameters
from app.browse.search import RANKED, beginning, rank_of
from app.browse.sets import Members
from app.catalog.tables import product
from app.platform.db import Reader

SPARE: Final = 500
"""So many more are handed over than are ranked: numbers are given as products are written, ids as they are made."""


async def find_listed(
    db: Reader,
    catalog: Catalog,
    matching: Matching,
    order: Order,
    *,
    descending: bool,
    after: Keys | None,
    first: int,
    stock: Asked | None,
) -> Found:
    """As `pages.find_products`, by what is kept where that is enough."""
    how: dict[str, Any] = {"descending": descending, "after": after, "first": first, "stock": stock}
    members = await catalog.sets.members(matching) if order is Order.RELEVANCE and matching.search else None
    if members is None:
        return await find_products(db, matching, order, **how)
    return await find_ranked(db, matching, members, **how)


async def find_ranked(
    db: Reader,
    matching: Matching,
    members: Members,
    *,
    descending: bool,
    after: Keys | None,
    first: int,
    stock: Asked | None,
) -> Found:
    """By RELEVANCE, of these members."""
    place = {} if after is None else {"after_key": after[0], "after_id": after[1]}
    parameters = {**matching.parameters, **stock_parameters(stock), **place, "most": first + 1}
    statement = _statement(matching.shape, not descending, after is not None, stock is not None)
    rows = await db.rows(statement, parameters | {"newest": _newest(members.newest)})
    return found_of(rows, first, stocks=stock is not None)


def _newest(numbers: BitMap) -> list[int]:
    some = numbers[max(0, len(numbers) - RANKED - SPARE) :]
    return list(some)


@lru_cache(1_024)
def _statement(shape: Shape, downwards: bool, paged: bool, stocks: bool) -> Select[Any]:
    newest = select(product.c.id).where(product.c.number == any_(bindparam("newest", type_=ARRAY(Integer))))
    newest = newest.order_by(product.c.id.desc())
    if is_wide(shape):
        named = looked_up(shape, beginning().subquery("named").c.product_id, [product.c.id])
        newest = select(union_all(named, newest).subquery("candidates").c.id)
    ranked = rank_of(shape.words, newest.limit(RANKED), loosely=False).subquery("ranked")
    page = select(product.c.id, product.c.version, ranked.c.rank.label("listed_by")).join(
        ranked, ranked.c.id == product.c.id
    )
    if paged:
        page = page.where(is_behind(Order.RELEVANCE, ranked.c.rank, ranked.c.id, downwards))
    page = page.order_by(*in_order(ranked.c.rank, ranked.c.id, downwards)).limit(MOST)
    return arrays_of(page, stocks, downwards)
