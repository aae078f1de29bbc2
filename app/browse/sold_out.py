"""Places of what is sold out. No index has it, so products are looked at in the order of their list, so many for a page
and no more: what is found until then is the page, and it says where it stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Select, bindparam, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.browse.listing import Keys, Order, in_order, settle, unpriced, walk_of
from app.browse.matching import Matching, Shape, has_none, is_priced, with_any_stock
from app.browse.search import materialized
from app.catalog.tables import product
from app.platform.db import Reader

LOOKED_AT: Final = (200, 1_800, 3_000)
"""Products that are looked at for a page, by one statement after the other, until it is full."""
_BEFORE_ALL: Final = UUID(int=0)
_BEHIND_ALL: Final = UUID(int=2**128 - 1)
_shown: Final = bindparam("shown", type_=BigInteger)


@dataclass(frozen=True, slots=True)
class Places:
    """Where products stand in a list. `stopped`: the last place that was looked at, where there may be more behind."""

    keys: Sequence[Keys]
    stopped: Keys | None


def is_looked_through(matching: Matching, order: Order) -> bool:
    """Whether a list is one of these. What is ranked is so few that all of it can be."""
    return "not in_stock" in matching.shape.asked and settle(order, False, matching.search)[0] is not Order.RELEVANCE


async def find_places(
    db: Reader, matching: Matching, order: Order, *, descending: bool, after: Keys | None, first: int
) -> Places:
    """A place more than `first` behind `after` where there are more; fewer where it stopped. A statement or some."""
    order, descending = settle(order, descending, matching.search)
    shape, parameters = matching.shape, {**matching.parameters, "shown": first + 1}
    keys: list[Keys] = []
    place, priced = after, after is None or after[0] is not None
    for most in LOOKED_AT:
        at = {} if place is None else {"after_key": place[0], "after_id": place[1]}
        statement = _places(shape, order, descending, place is not None, priced)
        row = await db.row(statement, parameters | at | {"most": most})
        assert row is not None, "aggregates"
        keys += zip(row.listed or (), row.ids or (), strict=True)
        if len(keys) > first:
            return Places(keys[: first + 1], None)
        if row.looked == most:
            place = (row.last_listed, row.last_id)
        elif priced and order is Order.PRICE and not is_priced(shape):
            # What has no price comes last.
            place, priced = (None, _BEHIND_ALL if descending else _BEFORE_ALL), False
        else:
            return Places(keys, None)
    return Places(keys, place)


@lru_cache(512)
def _places(shape: Shape, order: Order, descending: bool, paged: bool, priced: bool) -> Select[Any]:
    any_ = with_any_stock(shape)
    walk = walk_of(any_, order, descending, paged) if priced else unpriced(any_, descending, paged, False)
    walked = walk.subquery("walked")
    looked = materialized(select(walked.c.id, walked.c.listed_by), "looked")
    place = in_order(looked.c.listed_by, looked.c.id, descending)
    fits = (
        select(looked.c.id, looked.c.listed_by)
        .join(product, product.c.id == looked.c.id)
        .where(has_none(shape))
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
