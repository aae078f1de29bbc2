"""Pages of products: which ones, in which order. The narrow index that has the order is walked first, rows come after.

A page goes on right behind the last place shown, whatever was written meanwhile. A product whose own key changes moves,
and may be met again or missed.

- RELEVANCE: the best first; without a search it is NAME.
- NAME: by the name in the caller's language, else in the language that the caller is shown.
- PRICE: by the lowest price in the channel; products without one come last, in both directions.
- CREATED_AT, UPDATED_AT: the oldest first.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Row,
    Select,
    Subquery,
    Uuid,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    null,
    select,
    union_all,
)

from app.browse.atoms import AMONG
from app.browse.matching import Matching, Shape, conditions, is_priced, is_wide, looked_up, matches
from app.browse.search import PEEKED, RANKED, SLICES, Search, Slice, beginning, found, materialized, rank_of
from app.browse.walks import MOST as MOST
from app.browse.walks import SHORT as SHORT
from app.browse.walks import WALKS
from app.browse.walks import Keys as Keys
from app.browse.walks import Order as Order
from app.browse.walks import in_order as in_order
from app.browse.walks import is_behind as is_behind
from app.browse.worded import is_worded, worded
from app.catalog.tables import product, variant
from app.platform.db import Reader
from app.pricing.tables import channel_price

_after_id: Final = bindparam("after_id", type_=Uuid)
_channel_id: Final = bindparam("channel_id", type_=Uuid)


def settle(order: Order, descending: bool, search: Search | None) -> tuple[Order, bool]:
    """The order and direction that a list really has: without a search nothing is more relevant than another."""
    return (Order.NAME, False) if search is None and order is Order.RELEVANCE else (order, descending)


class Statements(NamedTuple):
    """How a page is asked for: in its order, what PRICE ends with (of any products, or of some), and how many products
    these rows are; whether they are all there is up to where the order ends, or the page is full.
    """

    ordered: Callable[[Shape, Order, bool, bool], Executable]
    unpriced: Callable[[Shape, bool, bool, bool], Executable]
    products: Callable[[Sequence[Row[Any]]], int]
    whole: Callable[[Sequence[Row[Any]]], bool] = lambda _: True


Unpriced = Callable[[], Awaitable[list[int] | None]]
"""Tells the numbers of products among which all of a list are that have no price; None: of any."""


async def page_rows(
    db: Reader,
    matching: Matching,
    order: Order,
    statements: Statements,
    *,
    descending: bool,
    after: Keys | None,
    first: int,
    others: Mapping[str, Any] = {},
    without_price: Unpriced | None = None,
) -> list[Row[Any]]:
    """What a page's statements answer: a product more than `first` where there are more. `others`: more parameters."""
    order, descending = settle(order, descending, matching.search)
    assert first < SHORT or order is Order.RELEVANCE, first
    # The best has the highest score.
    downwards = descending != (order is Order.RELEVANCE)
    shape, parameters = matching.shape, {**matching.parameters, **others, "most": first + 1}
    rows: list[Row[Any]] = []
    if after is None or after[0] is not None:
        place = {} if after is None else {"after_key": after[0], "after_id": after[1]}
        rows += await db.rows(statements.ordered(shape, order, downwards, after is not None), parameters | place)
    # What has no price has none within bounds.
    listed = statements.products(rows)
    if order is Order.PRICE and listed <= first and not is_priced(shape) and statements.whole(rows):
        begun = after is not None and after[0] is None
        some = None if without_price is None else await without_price()
        # What a statement tells beside the products is wanted in any case.
        if some or some is None or begun:
            parameters |= {"most": first + 1 - listed} | ({"after_id": after[1]} if after and begun else {})
            parameters |= {} if some is None else {"numbers": some}
            rows += await db.rows(statements.unpriced(shape, descending, begun, some is not None), parameters)
    return rows


def page_of(shape: Shape, order: Order, descending: bool, paged: bool) -> Select[Any]:
    """Ids and versions of products with the key that they are `listed_by`, in order: `most` of them, behind a place."""
    return rows_of(shape, order, descending, paged, False)


def rows_of(shape: Shape, order: Order, descending: bool, paged: bool, whole: bool = True) -> Select[Any]:
    """Rows of `product` with the key that they are `listed_by`, in order."""
    return _with_rows(walk_of(shape, order, descending, paged), descending, whole)


def _row(whole: bool) -> tuple[Any, ...]:
    return tuple(product.c) if whole else (product.c.id, product.c.version)


def walk_of(shape: Shape, order: Order, descending: bool, paged: bool, most: ColumnElement[int] = MOST) -> Select[Any]:
    """The `id` of each product and what it is `listed_by`, in order: `most` of them, behind a place; with its `version`
    where that is at hand.
    """
    if order is Order.RELEVANCE:
        return _by_relevance(shape, descending, paged)
    if is_worded(shape):
        return worded(shape, order, descending, paged, most)
    return WALKS[order](shape, descending, paged, most)


def _with_rows(places: Select[Any], descending: bool, whole: bool) -> Select[Any]:
    found = places.subquery("places")
    if not whole and "version" in found.c:
        # The walk has been at the product's row already.
        rows = select(found.c.id, found.c.version, found.c.listed_by)
    else:
        rows = select(*_row(whole), found.c.listed_by).join(found, found.c.id == product.c.id)
    return rows.order_by(*in_order(found.c.listed_by, found.c.id, descending))


def _priced() -> ColumnElement[bool]:
    """A variant of the product has a price in the channel."""
    other, its = channel_price.alias("other_price"), variant.alias("other_variant")
    return exists(literal_column("1")).where(
        other.c.channel_id == _channel_id, other.c.product_id == product.c.id,
        its.c.id == other.c.variant_id, ~its.c.archived,
    )  # fmt: skip


def unpriced(
    shape: Shape, descending: bool, paged: bool, among: bool, whole: bool = True, most: ColumnElement[int] = MOST
) -> Select[Any]:
    """What has no price, which a list by PRICE ends with; `among`: of some products, by their numbers."""
    id_ = product.c.id
    statement = select(*_row(whole), cast(null(), BigInteger).label("listed_by")).where(~_priced(), *conditions(shape))
    if among:
        statement = statement.where(AMONG)
    if paged:
        statement = statement.where(id_ < _after_id if descending else id_ > _after_id)
    return statement.order_by(id_.desc() if descending else id_.asc()).limit(most)


def _candidates(shape: Shape) -> Select[Any]:
    """The ids of what is ranked, some of them twice: what is named so, and the newest, slice by slice."""
    if not is_wide(shape) or shape.loosely:
        return _newest(matches(shape, product.c.id))
    ids = [product.c.id]
    named = looked_up(shape, beginning().subquery("named").c.product_id, ids)
    peeked = materialized(found(shape.words, loosely=False).limit(literal_column(str(PEEKED))), "peeked")
    all_ = select(func.count() < PEEKED).select_from(peeked).scalar_subquery()
    # None is looked at where those before it hold enough.
    slices = [matches(shape, *ids, within=each) for each in (Slice(0, SLICES[0]), Slice(*SLICES), Slice(SLICES[1]))]
    newest = [looked_up(shape, peeked.c.product_id, ids).where(all_), *(each.where(~all_) for each in slices)]
    return select(union_all(named, *map(_newest, newest)).subquery("candidates").c.id)


def _newest(statement: Select[Any]) -> Select[Any]:
    return statement.order_by(statement.selected_columns.id.desc())


def _by_relevance(shape: Shape, descending: bool, paged: bool) -> Select[Any]:
    candidates = _candidates(shape).limit(RANKED)
    ranked: Subquery = rank_of(shape.words, candidates, loosely=shape.loosely).subquery("ranked")
    statement = select(ranked.c.id, ranked.c.rank.label("listed_by"))
    if paged:
        statement = statement.where(is_behind(Order.RELEVANCE, ranked.c.rank, ranked.c.id, descending))
    return statement.order_by(*in_order(ranked.c.rank, ranked.c.id, descending)).limit(MOST)
