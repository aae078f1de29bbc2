"""Places of what is in stock, or is sold out. No index has it, so products are looked at in the order of their list, so
many for a page and no more: what is found until then is the page, and it says where it stopped.

Of what is in stock a page is mostly full at once: one statement tries that (`tried_page`), with what there is of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, FromClause, Select, and_, bindparam, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.browse.listing import MOST, Keys, Order, Unpriced, in_order, settle, unpriced, walk_of
from app.browse.matching import Matching, Shape, asks_stock, has_stock_asked, is_priced, with_any_stock
from app.browse.search import materialized
from app.browse.walks import listed, names_in_order, shown_names
from app.platform.db import Reader
from app.platform.statements import built

LOOKED_AT: Final = (200, 1_800, 3_000)
"""Products that are looked at for a page, by one statement after the other, until it is full."""
TRIED: Final = {False: (48, 24), True: (400, 200)}
"""Products among which a page is tried to be found that is in stock, and of these those that are named in another
language alone: for a page of up to `MOSTLY`, and for a longer one. Of more PostgreSQL would make a plan each time.
"""
MOSTLY: Final = 20
"""Products of most pages."""
_BEFORE_ALL: Final = UUID(int=0)
_BEHIND_ALL: Final = UUID(int=2**128 - 1)
_shown: Final = bindparam("shown", type_=BigInteger)


@dataclass(frozen=True, slots=True)
class Places:
    """Where products stand in a list. `stopped`: the last place that was looked at, where there may be more behind."""

    keys: Sequence[Keys]
    stopped: Keys | None


class Part(Enum):
    """What is looked at: what is in the order, or what PRICE ends with, of any products or of some."""

    PRICED = 0
    UNPRICED = 1
    SOME_UNPRICED = 2


def is_looked_through(matching: Matching, order: Order) -> bool:
    """Whether a list is one of these. What is ranked is so few that all of it can be."""
    return asks_stock(matching.shape) and settle(order, False, matching.search)[0] is not Order.RELEVANCE


async def find_places(
    db: Reader,
    matching: Matching,
    order: Order,
    *,
    descending: bool,
    after: Keys | None,
    first: int,
    without_price: Unpriced | None = None,
) -> Places:
    """A place more than `first` behind `after` where there are more; fewer where it stopped. A statement or some."""
    order, descending = settle(order, descending, matching.search)
    shape, parameters = matching.shape, {**matching.parameters, "shown": first + 1}
    keys: list[Keys] = []
    some: list[int] | None = None
    place, part = after, Part.PRICED
    if after is not None and after[0] is None:
        part, some = await _end(without_price)
    # What words find is put in order once, and once for what has no price.
    for most in (sum(LOOKED_AT),) * 2 if shape.words else LOOKED_AT:
        at = {} if place is None else {"after_key": place[0], "after_id": place[1]}
        statement = _places(shape, order, descending, place is not None, part)
        row = await db.row(statement, parameters | at | {"most": most, "numbers": some})
        assert row is not None, "aggregates"
        keys += zip(row.listed or (), row.ids or (), strict=True)
        if len(keys) > first:
            return Places(keys[: first + 1], None)
        if row.looked == most:
            place = (row.last_listed, row.last_id)
            if shape.words:
                break
        elif part is Part.PRICED and order is Order.PRICE and not is_priced(shape):
            # What has no price comes last.
            place = None, _BEHIND_ALL if descending else _BEFORE_ALL
            part, some = await _end(without_price)
            if some == []:
                return Places(keys, None)
        else:
            return Places(keys, None)
    return Places(keys, place)


async def _end(without_price: Unpriced | None) -> tuple[Part, list[int] | None]:
    some = None if without_price is None else await without_price()
    return (Part.UNPRICED if some is None else Part.SOME_UNPRICED), some


@built(64)
def _places(shape: Shape, order: Order, descending: bool, paged: bool, part: Part) -> Select[Any]:
    walked = _walk(shape, order, descending, paged, part, MOST).subquery("walked")
    looked = materialized(select(walked.c.id, walked.c.listed_by), "looked")
    place = in_order(looked.c.listed_by, looked.c.id, descending)
    fits = (
        select(looked.c.id, looked.c.listed_by)
        .where(has_stock_asked(shape, looked))
        .order_by(*place)
        .limit(_shown)
        .subquery("fits")
    )
    last = select(looked).order_by(*in_order(looked.c.listed_by, looked.c.id, not descending)).limit(1).subquery("last")
    shown = in_order(fits.c.listed_by, fits.c.id, descending)
    return select(
        func.array_agg(aggregate_order_by(fits.c.id, *shown)).label("ids"),
        func.array_agg(aggregate_order_by(fits.c.listed_by, *shown)).label("listed"),
        select(func.count()).select_from(looked).scalar_subquery().label("looked"),
        select(last.c.id).scalar_subquery().label("last_id"),
        select(last.c.listed_by).scalar_subquery().label("last_listed"),
    )


def _walk(
    shape: Shape, order: Order, descending: bool, paged: bool, part: Part, most: ColumnElement[int]
) -> Select[Any]:
    any_ = with_any_stock(shape)
    if part is Part.PRICED:
        return walk_of(any_, order, descending, paged, most)
    return unpriced(any_, descending, paged, part is Part.SOME_UNPRICED, False, most)


def tried_page(
    shape: Shape, order: Order, descending: bool, paged: bool, *, part: Part, long: bool
) -> tuple[Select[Any], ColumnElement[bool]]:
    """The `id`, `version` and `listed_by` of the first `most` that are in stock, among so many; and whether that is the
    page: it is full, or there are no more behind these.
    """
    looks, others = (literal_column(str(most), BigInteger) for most in TRIED[long])
    if shape.words:
        # To walk what words find is dearer, and makes a plan of its own anyway.
        walk = _walk(shape, order, descending, paged, part, MOST * 2)
        return _tried(shape, materialized(walk, "walked"), descending, MOST * 2)
    if order is not Order.NAME:
        walk = _walk(shape, order, descending, paged, part, looks)
        return _tried(shape, walk.subquery("walked"), descending, looks)
    branches: list[ColumnElement[bool]] = []

    def names(*of: ColumnElement[bool]) -> Select[Any]:
        most = others if branches else looks
        walk = names_in_order(with_any_stock(shape), descending, paged, *of).limit(most)
        # Of names in other languages all that are within reach are looked at anyway.
        each = materialized(walk, f"other_{len(branches)}") if branches else walk.subquery("walked")
        tried, is_whole = _tried(shape, each, descending, most)
        told = materialized(select(is_whole.label("is_whole")), f"told_{len(branches)}")
        branches.append(select(told.c.is_whole).scalar_subquery())
        return tried

    return shown_names(names, descending, MOST, lambda: branches[0]), and_(*branches)


def _tried(
    shape: Shape, each: FromClause, descending: bool, looks: ColumnElement[int]
) -> tuple[Select[Any], ColumnElement[bool]]:
    # One after the other, until there are enough.
    place = in_order(each.c.listed_by, each.c.id, descending)
    fits = select(*listed(each)).where(has_stock_asked(shape, each)).order_by(*place).limit(MOST)
    tried = fits.cte().prefix_with("MATERIALIZED")
    full = select(func.count() >= MOST).select_from(tried).scalar_subquery()
    all_ = select(func.count() < looks).select_from(each).scalar_subquery()
    return select(*tried.c), or_(full, all_)
