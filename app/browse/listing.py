"""Pages of products: which ones, in which order. The narrow index that has the order is walked first, rows come after.

An order is a key and then the product's id, so that no two products share a place, and a page goes on right behind the
last place shown, whatever was written meanwhile. A product whose own key changes moves, and may be met again or missed.

- RELEVANCE: the best first; without a search it is NAME.
- NAME: by the name in the caller's language, else in the language that the caller is shown.
- PRICE: by the lowest price in the channel; products without one come last, in both directions.
- CREATED_AT, UPDATED_AT: the oldest first.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Row,
    Select,
    Subquery,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from app.browse.matching import (
    Matching,
    Shape,
    conditions,
    is_narrow,
    is_priced,
    is_wide,
    looked_up,
    matches,
    price_bounds,
)
from app.browse.search import BEHIND_ALL, PEEKED, RANKED, SLICES, Search, Slice, beginning, found, materialized, rank_of
from app.catalog.tables import product, product_text, variant
from app.platform.db import Reader
from app.platform.texts import LOCALES
from app.pricing.lowest import CHEAPER
from app.pricing.tables import channel_price

SOME_PRICES: Final = 10_000
"""Of no more prices than these within the bounds of a filter, the products are put in order, rather than all walked."""

SHORT: Final = 101
"""Rows of most pages, with the one that tells of more: for so many an order is planned to be walked."""

Keys = tuple[Any, ...]
"""Where a product stands in an order: the order's key, then the id."""


class Order(Enum):
    """What a list is sorted by."""

    RELEVANCE = "RELEVANCE"
    NAME = "NAME"
    PRICE = "PRICE"
    CREATED_AT = "CREATED_AT"
    UPDATED_AT = "UPDATED_AT"


MOST: Final = bindparam("most", type_=BigInteger)
_after_id: Final = bindparam("after_id", type_=Uuid)
_channel_id: Final = bindparam("channel_id", type_=Uuid)
_AFTER_TYPES: Final[dict[Order, Any]] = {
    Order.RELEVANCE: BigInteger,
    Order.NAME: Text,
    Order.PRICE: BigInteger,
    Order.CREATED_AT: product.c.created_at.type,
    Order.UPDATED_AT: product.c.updated_at.type,
}


def settle(order: Order, descending: bool, search: Search | None) -> tuple[Order, bool]:
    """The order and direction that a list really has: without a search nothing is more relevant than another."""
    return (Order.NAME, False) if search is None and order is Order.RELEVANCE else (order, descending)


class Statements(NamedTuple):
    """How a page is asked for: in its order, what PRICE ends with, and how many products these rows are."""

    ordered: Callable[[Shape, Order, bool, bool], Select[Any]]
    unpriced: Callable[[Shape, bool, bool], Select[Any]]
    products: Callable[[Sequence[Row[Any]]], int]


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
) -> list[Row[Any]]:
    """What a page's statements answer: a product more than `first` where there are more. `others`: more parameters."""
    assert first < SHORT or matching.search is not None, first
    order, descending = settle(order, descending, matching.search)
    # The best has the highest score.
    downwards = descending != (order is Order.RELEVANCE)
    shape, parameters = matching.shape, {**matching.parameters, **others, "most": first + 1}
    rows: list[Row[Any]] = []
    if after is None or after[0] is not None:
        place = {} if after is None else {"after_key": after[0], "after_id": after[1]}
        rows += await db.rows(statements.ordered(shape, order, downwards, after is not None), parameters | place)
    # What has no price has none within bounds.
    listed = statements.products(rows)
    if order is Order.PRICE and listed <= first and not is_priced(shape):
        begun = after is not None and after[0] is None
        parameters |= {"most": first + 1 - listed} | ({"after_id": after[1]} if after and begun else {})
        rows += await db.rows(statements.unpriced(shape, descending, begun), parameters)
    return rows


def page_of(shape: Shape, order: Order, descending: bool, paged: bool) -> Select[Any]:
    """Ids and versions of products with the key that they are `listed_by`, in order: `most` of them, behind a place."""
    return rows_of(shape, order, descending, paged, False)


@lru_cache(2_048)
def rows_of(shape: Shape, order: Order, descending: bool, paged: bool, whole: bool = True) -> Select[Any]:
    """Rows of `product` with the key that they are `listed_by`, in order."""
    walk = _WALKS[order]
    return _with_rows(walk(shape, descending, paged), descending, whole)


def _row(whole: bool) -> tuple[Any, ...]:
    return tuple(product.c) if whole else (product.c.id, product.c.version)


def walk_of(shape: Shape, order: Order, descending: bool, paged: bool) -> Select[Any]:
    """The `id` of each product and what it is `listed_by`, in order: `most` of them, behind a place; with its `version`
    where that is at hand.
    """
    walk: Select[Any] = _WALKS[order](shape, descending, paged)
    return walk


def _with_rows(places: Select[Any], descending: bool, whole: bool) -> Select[Any]:
    found = places.subquery("places")
    if not whole and "version" in found.c:
        # The walk has been at the product's row already.
        rows = select(found.c.id, found.c.version, found.c.listed_by)
    else:
        rows = select(*_row(whole), found.c.listed_by).join(found, found.c.id == product.c.id)
    return rows.order_by(*in_order(found.c.listed_by, found.c.id, descending))


def in_order(key: Any, id_: Any, descending: bool) -> tuple[Any, Any]:
    """What a list is ordered by."""
    return (key.desc(), id_.desc()) if descending else (key.asc(), id_.asc())


def is_behind(order: Order, key: Any, id_: Any, descending: bool) -> ColumnElement[bool]:
    """Whether it stands behind the place that a page begins at."""
    place = tuple_(bindparam("after_key", type_=_AFTER_TYPES[order]), _after_id)
    return tuple_(key, id_) < place if descending else tuple_(key, id_) > place


def _first(shape: Shape, walk: Select[Any], descending: bool) -> Select[Any]:
    """The first `most` of what is in order of its `listed_by` and `id`.

    PostgreSQL takes a limit that it is not told for a tenth of all rows, and so plans each page anew, for less. Where
    nothing is asked for that may leave but few it is told of one: the plan that it makes for any values is then a walk
    of some rows, and is kept. To make a plan costs more than the page does.
    """
    if shape.words or shape.options or shape.asked - {"in_stock"}:
        return walk.limit(MOST)
    short = walk.limit(literal_column(str(SHORT))).subquery("short")
    return select(*short.c).order_by(*in_order(short.c.listed_by, short.c.id, descending)).limit(MOST)


def _by_time(order: Order) -> Any:
    key = product.c.created_at if order is Order.CREATED_AT else product.c.updated_at

    def walk(shape: Shape, descending: bool, paged: bool) -> Select[Any]:
        statement = select(product.c.id, key.label("listed_by"), product.c.version).where(*conditions(shape))
        if paged:
            statement = statement.where(is_behind(order, key, product.c.id, descending))
        return _first(shape, statement.order_by(*in_order(key, product.c.id, descending)), descending)

    return walk


def _by_name(shape: Shape, descending: bool, paged: bool) -> Select[Any]:
    """Names in the caller's language, joined by those in each other language that products without one are shown in.

    The others are looked through only as far as the caller's own names reach on this page, for most have one.
    """
    own = _names(shape, descending, paged, product_text.c.locale == bindparam("locale", type_=Text)).cte("own")
    reach, behind_all = (
        (func.min(own.c.listed_by), literal_column("''")) if descending else (func.max(own.c.listed_by), BEHIND_ALL)
    )
    bound = func.coalesce(select(reach).having(func.count() == MOST).scalar_subquery(), behind_all)
    key = product_text.c.name_key
    within = key >= bound if descending else key <= bound
    branches = [select(*own.c)]
    for place in range(1, len(LOCALES)):
        shown_in = _locale_shown(place)
        other = _names(shape, descending, paged, product_text.c.locale == shown_in, within, _lacks(place))
        branches.append(select(*other.subquery(f"other_{place}").c))
    joined = union_all(*branches).subquery("joined")
    return select(*joined.c).order_by(*in_order(joined.c.listed_by, joined.c.id, descending)).limit(MOST)


def _locale_shown(place: int) -> ColumnElement[str]:
    return bindparam(f"shown_{place}", type_=Text)


def _lacks(place: int) -> ColumnElement[bool]:
    """The product has no text in any language that would be shown before this one."""
    before = product_text.alias(f"before_{place}")
    # Looked up for each of the few names within reach: as NOT EXISTS it would become a join with every text there is.
    found = (
        select(literal_column("true"))
        .where(
            before.c.product_id == product_text.c.product_id,
            or_(
                before.c.locale == bindparam("locale", type_=Text),
                *(before.c.locale == _locale_shown(earlier) for earlier in range(1, place)),
            ),
        )
        .limit(literal_column("1"))
        .correlate(product_text)
        .scalar_subquery()
    )
    return found.is_(None)


def _names(shape: Shape, descending: bool, paged: bool, *of: ColumnElement[bool]) -> Select[Any]:
    key = product_text.c.name_key
    statement = (
        select(product_text.c.product_id.label("id"), key.label("listed_by"), product.c.version)
        .join(product, product.c.id == product_text.c.product_id)
        .where(*of, *conditions(shape))
    )
    if paged:
        statement = statement.where(is_behind(Order.NAME, key, product_text.c.product_id, descending))
    return _first(shape, statement.order_by(*in_order(key, product_text.c.product_id, descending)), descending)


def _priced() -> ColumnElement[bool]:
    """A variant of the product has a price in the channel."""
    other, its = channel_price.alias("other_price"), variant.alias("other_variant")
    return exists(literal_column("1")).where(
        other.c.channel_id == _channel_id, other.c.product_id == product.c.id,
        its.c.id == other.c.variant_id, ~its.c.archived,
    )  # fmt: skip


def _by_price(shape: Shape, descending: bool, paged: bool) -> Select[Any]:
    """By the prices that are kept as the lowest of their product; some may be that are not, and are left out here.

    Where only some variants have a price within the filter's bounds, the places of their products are put in order
    first, and then looked at in it.
    """
    price = channel_price.c
    walk = _ordered(_lowest(shape), channel_price, descending, paged)
    if "price_max" in shape.asked:
        walk = walk.where(price.amount <= bindparam("price_max", type_=BigInteger))
    if not is_priced(shape) or is_narrow(shape):
        return _first(shape, walk, descending)
    within, lowest = channel_price.alias("within"), channel_price.alias("lowest")
    some = select(within.c.product_id).where(within.c.channel_id == _channel_id, *price_bounds(shape, within))
    some_prices = materialized(some.limit(literal_column(str(SOME_PRICES + 1))), "some_prices")
    few = select(func.count() <= SOME_PRICES).select_from(some_prices).scalar_subquery()
    products = select(some_prices.c.product_id).where(few).distinct().subquery("products")
    places = (
        select(lowest.c.variant_id, lowest.c.product_id, lowest.c.amount)
        .join(products, products.c.product_id == lowest.c.product_id)
        .where(lowest.c.channel_id == _channel_id, lowest.c.lowest)
    )
    # OFFSET 0: looked at one after the other, until there are enough.
    ordered = _ordered(places, lowest, descending, paged).offset(literal_column("0")).subquery("in_order")
    fits = _lowest(shape).where(price.variant_id == ordered.c.variant_id).offset(literal_column("0")).lateral("fits")
    first = select(fits.c.id, fits.c.listed_by).select_from(ordered.join(fits, true()))
    first = first.order_by(*in_order(ordered.c.amount, ordered.c.product_id, descending)).limit(MOST)
    ways = first.subquery("first"), walk.where(~few).limit(MOST).subquery("walk")
    either = union_all(*(select(way.c.id, way.c.listed_by) for way in ways)).subquery("either")
    return (
        select(either.c.id, either.c.listed_by)
        .order_by(*in_order(either.c.listed_by, either.c.id, descending))
        .limit(MOST)
    )


def _lowest(shape: Shape) -> Select[Any]:
    """Products with their lowest prices."""
    price = channel_price.c
    return (
        select(price.product_id.label("id"), price.amount.label("listed_by"))
        .join(product, product.c.id == price.product_id)
        .join(variant, and_(variant.c.id == price.variant_id, ~variant.c.archived))
        .where(price.channel_id == _channel_id, price.lowest, ~CHEAPER, *conditions(shape))
    )


def _ordered(statement: Select[Any], prices: FromClause, descending: bool, paged: bool) -> Select[Any]:
    place = prices.c.amount, prices.c.product_id
    if paged:
        statement = statement.where(is_behind(Order.PRICE, *place, descending))
    return statement.order_by(*in_order(*place, descending))


@lru_cache(512)
def unpriced(shape: Shape, descending: bool, paged: bool, whole: bool = True) -> Select[Any]:
    """What has no price, which a list by PRICE ends with."""
    id_ = product.c.id
    statement = select(*_row(whole), cast(null(), BigInteger).label("listed_by")).where(~_priced(), *conditions(shape))
    if paged:
        statement = statement.where(id_ < _after_id if descending else id_ > _after_id)
    return statement.order_by(id_.desc() if descending else id_.asc()).limit(MOST)


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


_WALKS: Final[dict[Order, Any]] = {
    Order.RELEVANCE: _by_relevance,
    Order.NAME: _by_name,
    Order.PRICE: _by_price,
    Order.CREATED_AT: _by_time(Order.CREATED_AT),
    Order.UPDATED_AT: _by_time(Order.UPDATED_AT),
}
