"""Pages of products: their rows; or for who knows the rest of them ids, versions, and what can be promised, in one row
of arrays.

The stock is read in the statement that picks the page: one moment, one round trip, and no row to be made of each.
Of what is sold out the page is picked before (`browse.sold_out`), and may be a short one that is not the last; so is
what is in stock, where little is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Executable, Row, Select, Uuid, and_, any_, bindparam, cast, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from app.browse.listing import Keys, Order, Statements, Unpriced, page_of, page_rows, rows_of, unpriced
from app.browse.matching import Matching, Shape
from app.browse.sold_out import MOSTLY, Part, Places, find_places, is_looked_through, tried_page
from app.catalog.tables import product, variant
from app.inventory.availability import Stocked, promises_among, raw, stocked_of
from app.inventory.tables import stock_level
from app.platform.db import Reader
from app.platform.statements import built


@dataclass(frozen=True, slots=True)
class Listed:
    """One page: rows of `product`, and where each stands; `stopped` as below."""

    rows: Sequence[Row[Any]]
    keys: Sequence[Keys]
    more: bool
    stopped: Keys | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose stock is wanted: of each product the variants at the first so many places, at these locations."""

    variants: int
    location_ids: Sequence[UUID]
    ignores_safety_stock: bool


@dataclass(frozen=True, slots=True)
class Found:
    """One page. `counted`: the variants whose stock was looked at, by the bytes of their ids; `stocked`: those of them
    that have a level. `stopped`: where it goes on, unless that is behind its last product. `until`: when a publication
    of any product next begins or ends, where one does.
    """

    ids: Sequence[UUID]
    versions: Sequence[int]
    keys: Sequence[Keys]
    more: bool
    counted: list[bytes] = field(default_factory=list)
    stocked: dict[bytes, Stocked] = field(default_factory=dict)
    stopped: Keys | None = None
    until: datetime | None = None


async def list_products(
    db: Reader, matching: Matching, order: Order, *, descending: bool, after: Keys | None, first: int
) -> Listed:
    """The page of `first` products behind `after`, 100 at most.

    One statement; two where PRICE runs out of priced products; up to five for what is in stock or sold out.
    """
    if is_looked_through(matching, order):
        places = await find_places(db, matching, order, descending=descending, after=after, first=first)
        shown = places.keys[:first]
        rows = {row.id: row for row in await db.rows(_ROWS, {"of_page": [key for _, key in shown]})} if shown else {}
        return Listed([rows[key] for _, key in shown], shown, *_goes_on(places, first))
    found = await page_rows(db, matching, order, _ROWS_OF, descending=descending, after=after, first=first)
    page = found[:first]
    return Listed(rows=page, keys=[(row.listed_by, row.id) for row in page], more=len(found) > first)


def _goes_on(places: Places, first: int) -> tuple[bool, Keys | None]:
    """Whether there is more, and where a page goes on that is not full."""
    return len(places.keys) > first or places.stopped is not None, places.stopped


async def find_products(
    db: Reader,
    matching: Matching,
    order: Order,
    *,
    descending: bool,
    after: Keys | None,
    first: int,
    stock: Asked | None,
    without_price: Unpriced | None = None,
) -> Found:
    """The page of `first` products behind `after`, as `list_products` has it. One statement; two where PRICE runs out
    of priced products and there may be others; up to six for what is in stock or sold out where few products on its way
    are.
    """
    how: dict[str, Any] = {"descending": descending, "after": after, "first": first, "without_price": without_price}
    if is_looked_through(matching, order):
        if matching.in_stock:
            statements, others = _TRIED[stock is not None, first > MOSTLY], stock_parameters(stock)
            tried = await page_rows(db, matching, order, statements, others=others, **how)
            if _is_page(tried):
                return found_of(tried, first, stocks=stock is not None)
        places = await find_places(db, matching, order, **how)
        return await _found_at(db, places, first, stock)
    statements, others = _WITH_STOCK if stock is not None else _WITHOUT, stock_parameters(stock)
    rows: Sequence[Sequence[Any]] = await page_rows(db, matching, order, statements, others=others, **how)
    return found_of(rows, first, stocks=stock is not None)


async def _found_at(db: Reader, places: Places, first: int, stock: Asked | None) -> Found:
    more, stopped = _goes_on(places, first)
    shown = places.keys[:first]
    if not shown:
        return Found([], [], [], more, stopped=stopped)
    parameters = {"of_page": [key for _, key in shown], **stock_parameters(stock)}
    rows = await db.rows(_AT[stock is not None], parameters)
    found = found_of(rows, first, stocks=stock is not None)
    return replace(found, keys=shown, more=more, stopped=stopped)


def stock_parameters(stock: Asked | None) -> dict[str, Any]:
    """What `arrays_of` a page with stock needs."""
    if stock is None:
        return {}
    return {
        "location_ids": stock.location_ids,
        "ignores_safety_stock": stock.ignores_safety_stock,
        "most_variants": stock.variants,
    }


def found_of(rows: Sequence[Sequence[Any]], first: int, *, stocks: bool) -> Found:
    """The page of `first` products that these rows of `arrays_of` tell; `stocks`: and of their stock."""
    ids, versions, places = ([each for row in rows for each in row[column] or ()] for column in range(3))
    keys = list(zip(places[:first], ids[:first], strict=True))
    found = Found(ids[:first], versions[:first], keys, len(ids) > first, until=rows[0][UNTIL] if rows else None)
    for row in rows if stocks else ():
        found.counted.extend(row[UNTIL + 1] or ())
        found.stocked.update(stocked_of(row[STOCKED]))
    return found


@built(192)
def _found(shape: Shape, order: Order, descending: bool, paged: bool, stocks: bool) -> Select[Any]:
    return arrays_of(page_of(shape, order, descending, paged), stocks, descending)


@built(64)
def _found_unpriced(shape: Shape, descending: bool, paged: bool, among: bool, stocks: bool) -> Select[Any]:
    return arrays_of(unpriced(shape, descending, paged, among, False), stocks, descending)


@built(64)
def _tried(
    shape: Shape, order: Order, descending: bool, paged: bool, *, stocks: bool, long: bool, part: Part = Part.PRICED
) -> Select[Any]:
    page, is_page = tried_page(shape, order, descending, paged, part=part, long=long)
    arrays = arrays_of(page, stocks, descending).subquery("arrays")
    return select(*arrays.c, is_page.label("is_page"))


def _tried_unpriced(shape: Shape, descending: bool, paged: bool, among: bool, **how: bool) -> Executable:
    return _tried(shape, Order.PRICE, descending, paged, **how, part=Part.SOME_UNPRICED if among else Part.UNPRICED)


def _products(rows: Sequence[Sequence[Any]]) -> int:
    return sum(len(row[0] or ()) for row in rows)


_WITHOUT: Final = Statements(partial(_found, stocks=False), partial(_found_unpriced, stocks=False), _products)
_WITH_STOCK: Final = Statements(partial(_found, stocks=True), partial(_found_unpriced, stocks=True), _products)
UNTIL: Final = 3
"""Where it tells when a publication next begins or ends."""
STOCKED: Final = slice(5, 10)
"""Where a row of `arrays_of` tells what there is of the variants before it."""
_MOST_VARIANTS: Final = bindparam("most_variants", type_=BigInteger)
_published = product.alias("published_product")
_NEXT: Final = select(func.min(_published.c.next_at)).scalar_subquery()


def arrays_of(page: Select[Any], stocks: bool, descending: bool) -> Select[Any]:
    """What a page's statement finds, and the stock of it, as one row."""
    found = page.cte("page").prefix_with("MATERIALIZED")
    key, id_ = found.c.listed_by, found.c.id
    order = (key.desc(), id_.desc()) if descending else (key.asc(), id_.asc())
    listed = [func.array_agg(aggregate_order_by(column, *order)) for column in (id_, found.c.version, key)]
    columns = [each.label(f"listed_{place}") for place, each in enumerate(listed)]
    products = select(*columns, _NEXT.label("until")).subquery("products")
    if not stocks:
        return select(*products.c)
    # By their positions, which some of the first so many may be beyond: who asks for those reads them.
    own = and_(variant.c.product_id == found.c.id, ~variant.c.archived, variant.c.position <= _MOST_VARIANTS)
    some = (
        select(func.array_agg(variant.c.id).label("ids"), func.array_agg(raw(variant.c.id)).label("raw_ids"))
        .select_from(found.join(variant, own))
        .cte("some_variants")
        .prefix_with("MATERIALIZED")
    )
    # The cast makes it one array; ANY of a SELECT would be of its rows.
    ids: Any = cast(select(some.c.ids).scalar_subquery(), ARRAY(Uuid))
    among = stock_level.c.variant_id == any_(ids)
    stocked = promises_among(among).subquery("stocked")
    told = products.join(some, true()).join(stocked, true())
    return select(*products.c, some.c.raw_ids, *stocked.c).select_from(told)


_of_page: Final = bindparam("of_page", type_=ARRAY(Uuid))
_ROWS_OF: Final = Statements(built(64)(rows_of), built(64)(unpriced), len)
_ROWS: Final = select(product).where(product.c.id == any_(_of_page))
_AT: Final = {
    stocks: arrays_of(
        select(product.c.id, product.c.version, func.array_position(_of_page, product.c.id).label("listed_by")).where(
            product.c.id == any_(_of_page)
        ),
        stocks,
        descending=False,
    )
    for stocks in (False, True)
}


def _is_page(rows: Sequence[Row[Any]]) -> bool:
    return all(row.is_page for row in rows)


_TRIED: Final = {
    (stocks, long): Statements(
        partial(_tried, stocks=stocks, long=long),
        partial(_tried_unpriced, stocks=stocks, long=long),
        _products,
        _is_page,
    )
    for stocks in (False, True)
    for long in (False, True)
}
