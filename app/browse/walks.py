"""Orders of products, each with the narrow index that has it: places are walked there first, rows come after.

An order is a key and then the product's id, so that no two products share a place.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from app.browse.matching import Shape, conditions, is_narrow, is_priced, price_bounds
from app.browse.search import BEHIND_ALL, materialized
from app.catalog.tables import product, product_text, variant
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


def in_order(key: Any, id_: Any, descending: bool) -> tuple[Any, Any]:
    """What a list is ordered by."""
    return (key.desc(), id_.desc()) if descending else (key.asc(), id_.asc())


def is_behind(order: Order, key: Any, id_: Any, descending: bool) -> ColumnElement[bool]:
    """Whether it stands behind the place that a page begins at."""
    place = tuple_(bindparam("after_key", type_=_AFTER_TYPES[order]), _after_id)
    return tuple_(key, id_) < place if descending else tuple_(key, id_) > place


_TIMES: Final = {Order.CREATED_AT: product.c.created_at, Order.UPDATED_AT: product.c.updated_at}


def first_of(shape: Shape, walk: Select[Any], descending: bool, most: ColumnElement[int]) -> Select[Any]:
    """The first `most` of what is in order of its `listed_by` and `id`.

    PostgreSQL takes a limit that it is not told for a tenth of all rows, and so plans each page anew, for less. Where
    nothing is asked for that may leave but few it is told of one: the plan that it makes for any values is then a walk
    of some rows, and is kept. To make a plan costs more than the page does.
    """
    if shape.words or shape.options or shape.asked - {"in_stock"}:
        return walk.limit(most)
    short = walk.limit(literal_column(str(SHORT))).subquery("short")
    return select(*short.c).order_by(*in_order(short.c.listed_by, short.c.id, descending)).limit(most)


def _by_time(order: Order) -> Any:
    key = _TIMES[order]

    def walk(shape: Shape, descending: bool, paged: bool, most: ColumnElement[int]) -> Select[Any]:
        statement = select(product.c.id, key.label("listed_by"), product.c.version).where(*conditions(shape))
        return first_of(shape, behind(order, statement, key, product.c.id, descending, paged), descending, most)

    return walk


def _by_name(shape: Shape, descending: bool, paged: bool, most: ColumnElement[int]) -> Select[Any]:
    def names(*of: ColumnElement[bool]) -> Select[Any]:
        return first_of(shape, names_in_order(shape, descending, paged, *of), descending, most)

    return shown_names(names, descending, most)


def shown_names(
    names: Callable[..., Select[Any]],
    descending: bool,
    most: ColumnElement[int],
    whole: Callable[[], ColumnElement[bool]] | None = None,
) -> Select[Any]:
    """Names in the caller's language, joined by those in each other language that products without one are shown in:
    the first of `names`, which has them by conditions on `product_text`.

    The others are looked through only as far as the caller's own names reach on this page, for most have one; not at
    all where these do not fill it and are not the `whole` of them.
    """
    own = names(product_text.c.locale == bindparam("locale", type_=Text)).cte()
    reach, behind_all = (
        (func.min(own.c.listed_by), literal_column("''")) if descending else (func.max(own.c.listed_by), BEHIND_ALL)
    )
    end = behind_all if whole is None else case((whole(), behind_all))
    bound = func.coalesce(select(reach).having(func.count() == most).scalar_subquery(), end)
    key = product_text.c.name_key
    within = key >= bound if descending else key <= bound
    branches = [select(*own.c)]
    for place in range(1, len(LOCALES)):
        shown_in = _locale_shown(place)
        other = names(product_text.c.locale == shown_in, within, _lacks(place))
        branches.append(select(*other.subquery(f"other_{place}").c))
    joined = union_all(*branches).subquery("joined")
    return select(*joined.c).order_by(*in_order(joined.c.listed_by, joined.c.id, descending)).limit(most)


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
    # Not IS NULL, of which the planner thinks that next to none are: it would fear to read through all to find some.
    return not_(func.coalesce(found, false()))


def names_in_order(shape: Shape, descending: bool, paged: bool, *of: ColumnElement[bool]) -> Select[Any]:
    """All that match among `of` the names of products."""
    key = product_text.c.name_key
    statement = (
        select(product_text.c.product_id.label("id"), key.label("listed_by"), product.c.version)
        .join(product, product.c.id == product_text.c.product_id)
        .where(*of, *conditions(shape))
    )
    return behind(Order.NAME, statement, key, product_text.c.product_id, descending, paged)


def _by_price(shape: Shape, descending: bool, paged: bool, most: ColumnElement[int]) -> Select[Any]:
    """By the prices that are kept as the lowest of their product; some may be that are not, and are left out here.

    Where only some variants have a price within the filter's bounds, the places of their products are put in order
    first, and then looked at in it.
    """
    price = channel_price.c
    walk = behind(Order.PRICE, _lowest(shape), price.amount, price.product_id, descending, paged)
    if "price_max" in shape.asked:
        walk = walk.where(price.amount <= bindparam("price_max", type_=BigInteger))
    if not is_priced(shape) or is_narrow(shape):
        return first_of(shape, walk, descending, most)
    within = channel_price.alias("within")
    some = select(within.c.product_id).where(within.c.channel_id == _channel_id, *price_bounds(shape, within))
    some_prices = materialized(some.limit(literal_column(str(SOME_PRICES + 1))), "some_prices")
    few = select(func.count() <= SOME_PRICES).select_from(some_prices).scalar_subquery()
    products = select(some_prices.c.product_id).where(few).distinct().subquery("products")
    places = _prices_of(products, True).subquery("places")
    # OFFSET 0: looked at one after the other, until there are enough.
    sorted_ = behind(Order.PRICE, select(places), places.c.listed_by, places.c.id, descending, paged)
    ordered = sorted_.offset(literal_column("0")).subquery("in_order")
    fits = _is_lowest(shape, ordered)
    first = select(*listed(fits)).select_from(ordered.join(fits, true()))
    first = first.order_by(*in_order(ordered.c.listed_by, ordered.c.id, descending)).limit(most)
    ways = first.subquery("first"), walk.where(~few).limit(most).subquery("walk")
    either = union_all(*(select(*listed(way)) for way in ways)).subquery("either")
    return select(*either.c).order_by(*in_order(either.c.listed_by, either.c.id, descending)).limit(most)


def listed(of: FromClause) -> tuple[Any, ...]:
    """What a walk tells of a product."""
    return of.c.id, of.c.listed_by, of.c.version


def _lowest(shape: Shape) -> Select[Any]:
    """Products with their lowest prices."""
    price = channel_price.c
    return (
        select(price.product_id.label("id"), price.amount.label("listed_by"), product.c.version)
        .join(product, product.c.id == price.product_id)
        .join(variant, and_(variant.c.id == price.variant_id, ~variant.c.archived))
        .where(price.channel_id == _channel_id, price.lowest, ~CHEAPER, *conditions(shape))
    )


class Places(NamedTuple):
    """An order of places, `id` and `listed_by`, whatever is at them.

    `walked`: the first so many, by the index that has them; behind a place, where it is paged. `of`: those of these
    products (a `product_id` each, and their `own_name` where that is known), in no order; looked up one by one where
    they are few. `fits`: what is listed of one where it matches, looked at beside it.
    """

    walked: Callable[[bool, bool, ColumnElement[int]], Select[Any]]
    of: Callable[[FromClause, bool], Select[Any]]
    fits: Callable[[Shape, FromClause], FromClause]


def behind(order: Order, statement: Select[Any], key: Any, id_: Any, descending: bool, paged: bool) -> Select[Any]:
    """In order; behind a place, where it is paged."""
    if paged:
        statement = statement.where(is_behind(order, key, id_, descending))
    return statement.order_by(*in_order(key, id_, descending))


def _one_by_one(one: Select[Any]) -> FromClause:
    """What is looked up beside each row, whatever the planner thinks that they are many or few."""
    return one.offset(literal_column("0")).lateral("one")


def _matches(shape: Shape, places: FromClause) -> FromClause:
    one = select(product.c.id, places.c.listed_by, product.c.version).where(product.c.id == places.c.id)
    return _one_by_one(one.where(*conditions(shape)))


def _beside(products: FromClause, few: bool, each: Select[Any]) -> Select[Any]:
    """These places of some products."""
    own = _one_by_one(each.where(each.selected_columns.id == products.c.product_id)) if few else each.subquery("each")
    joined = products.join(own, true() if few else own.c.id == products.c.product_id)
    return select(*own.c).select_from(joined)


def _times(order: Order) -> Places:
    key = _TIMES[order]
    each = select(product.c.id, key.label("listed_by"))

    def walked(descending: bool, paged: bool, most: ColumnElement[int]) -> Select[Any]:
        return behind(order, each, key, product.c.id, descending, paged).limit(most)

    return Places(walked, lambda products, few: _beside(products, few, each), _matches)


def _names_walked(descending: bool, paged: bool, most: ColumnElement[int]) -> Select[Any]:
    key, id_ = product_text.c.name_key, product_text.c.product_id

    def names(*of: ColumnElement[bool]) -> Select[Any]:
        each = select(id_.label("id"), key.label("listed_by")).where(*of)
        return behind(Order.NAME, each, key, id_, descending, paged).limit(most)

    return shown_names(names, descending, most)


def _names_of(products: FromClause, few: bool) -> Select[Any]:
    one = product_text.alias("one_text")
    shown = [bindparam("locale", type_=Text), *map(_locale_shown, range(1, len(LOCALES)))]
    place = case(*((one.c.locale == locale, number) for number, locale in enumerate(shown)))
    first = (
        select(one.c.name_key)
        .where(one.c.product_id == products.c.product_id, place.is_not(None))
        .order_by(place)
        .limit(literal_column("1"))
        .scalar_subquery()
    )
    name = first if few else func.coalesce(products.c.own_name, first)
    # OFFSET 0: looked up once, however often it is named.
    each = select(products.c.product_id.label("id"), name.label("listed_by")).offset(literal_column("0"))
    named = each.subquery("named")
    return select(*named.c).where(named.c.listed_by.is_not(None))


_lowest_price: Final = channel_price.alias("lowest")
_prices: Final = select(
    _lowest_price.c.product_id.label("id"), _lowest_price.c.amount.label("listed_by"), _lowest_price.c.variant_id
).where(_lowest_price.c.channel_id == _channel_id, _lowest_price.c.lowest)


def _prices_walked(descending: bool, paged: bool, most: ColumnElement[int]) -> Select[Any]:
    place = _lowest_price.c.amount, _lowest_price.c.product_id
    return behind(Order.PRICE, _prices, *place, descending, paged).limit(most)


def _prices_of(products: FromClause, few: bool) -> Select[Any]:
    return _beside(products, few, _prices)


def _is_lowest(shape: Shape, places: FromClause) -> FromClause:
    return _one_by_one(_lowest(shape).where(channel_price.c.variant_id == places.c.variant_id))


PLACES: Final[dict[Order, Places]] = {
    Order.NAME: Places(_names_walked, _names_of, _matches),
    Order.PRICE: Places(_prices_walked, _prices_of, _is_lowest),
    Order.CREATED_AT: _times(Order.CREATED_AT),
    Order.UPDATED_AT: _times(Order.UPDATED_AT),
}
WALKS: Final[dict[Order, Callable[[Shape, bool, bool, ColumnElement[int]], Select[Any]]]] = {
    Order.NAME: _by_name,
    Order.PRICE: _by_price,
    Order.CREATED_AT: _by_time(Order.CREATED_AT),
    Order.UPDATED_AT: _by_time(Order.UPDATED_AT),
}
