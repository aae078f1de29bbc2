"""Pages by relevance of searches that find more than are ranked: of a list whose products are known the newest are
handed to the statement that ranks them, which then need not read all that the words find.

Ranked are the same as `listing` ranks: what codes name and what is named so, then the newest, `RANKED` in all.
"""

from functools import partial
from typing import Any, Final

from pyroaring import BitMap
from sqlalchemy import CompoundSelect, Integer, Select, Text, any_, bindparam, literal_column, select, union_all
from sqlalchemy.dialects.postgresql import ARRAY

from app.browse.followed import Catalog
from app.browse.listing import MOST, Keys, Order, in_order, is_behind
from app.browse.matching import Matching, Shape, is_wide, looked_up
from app.browse.pages import Asked, Found, arrays_of, find_products, found_of, stock_parameters
from app.browse.search import BEGINNING, BEHIND_ALL, RANKED, by_code, once, rank_of, tsquery
from app.browse.sets import Members
from app.catalog.tables import product, product_text
from app.platform.db import Reader
from app.platform.statements import built
from app.platform.texts import LOCALES

SPARE: Final = 500
"""So many more are handed over than are ranked: numbers are given as products are written, ids as they are made."""
MOST_NAMED: Final = BEGINNING * len(LOCALES) + 10
"""More are not named so, or by a code."""


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
        return await find_products(db, matching, order, without_price=partial(catalog.sets.unpriced, matching), **how)
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
    # Where all are ranked, whatever is named so is among them.
    few = len(members.numbers) <= RANKED - MOST_NAMED
    numbers = members.numbers if few else members.newest
    named = is_wide(matching.shape) and not few
    statement = _statement(matching.shape, named, not descending, after is not None, stock is not None)
    rows = await db.rows(statement, parameters | {"newest": newest_of(numbers)})
    return found_of(rows, first, stocks=stock is not None)


def newest_of(numbers: BitMap) -> list[int]:
    """Those of these that may be among the `RANKED` newest."""
    return list(numbers[max(0, len(numbers) - RANKED - SPARE) :])


def _beginning() -> CompoundSelect[Any]:
    """As `search.beginning`. Names are walked in their order, for to a plan for any word all words seem rare."""
    typed, ways = bindparam("typed", type_=Text), []
    for place, locale in enumerate(LOCALES):
        text = product_text.alias(f"begins_{place}")
        begins = (
            select(text.c.product_id, text.c.search)
            .where(text.c.locale == locale, text.c.name_key >= typed, text.c.name_key < typed + BEHIND_ALL)
            .order_by(text.c.name_key)
            # What is asked for outside of it is looked at one by one.
            .offset(literal_column("0"))
            .subquery(f"in_order_{place}")
        )
        has = begins.c.search.bool_op("@@")(once(tsquery(locale)))
        ways.append(select(begins.c.product_id).where(has).limit(literal_column(str(BEGINNING))))
    return union_all(by_code(), *(select(each.subquery(f"some_{at}").c.product_id) for at, each in enumerate(ways)))


@built(64)
def _statement(shape: Shape, named: bool, downwards: bool, paged: bool, stocks: bool) -> Select[Any]:
    newest = select(product.c.id).where(product.c.number == any_(bindparam("newest", type_=ARRAY(Integer))))
    newest = newest.order_by(product.c.id.desc())
    if named:
        some = looked_up(shape, _beginning().subquery("named").c.product_id, [product.c.id])
        newest = select(union_all(some, newest).subquery("candidates").c.id)
    ranked = rank_of(shape.words, newest.limit(RANKED), loosely=False).subquery("ranked")
    page = select(product.c.id, product.c.version, ranked.c.rank.label("listed_by")).join(
        ranked, ranked.c.id == product.c.id
    )
    if paged:
        page = page.where(is_behind(Order.RELEVANCE, ranked.c.rank, ranked.c.id, downwards))
    page = page.order_by(*in_order(ranked.c.rank, ranked.c.id, downwards)).limit(MOST)
    return arrays_of(page, stocks, downwards)
