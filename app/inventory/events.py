"""What a change of stock tells: STOCK for each level, AVAILABILITY once for each variant."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Text,
    Update,
    Uuid,
    and_,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.selling import sold_in
from app.events.outbox import Action, Change, Topic, emit, told_of
from app.events.scopes import place_scopes, place_scopes_in_sql, sight_scopes, sight_scopes_in_sql
from app.inventory.tables import stock_level
from app.platform.db import Tx

_others = stock_level.alias("others")

TOLD: tuple[ColumnElement[Any], ...] = (
    stock_level.c.id,
    stock_level.c.variant_id,
    stock_level.c.location_id,
    stock_level.c.version,
    # Who changes that locks the level too (`sight.tell_stock`): it stands as it was when this one was locked.
    sold_in(stock_level.c.variant_id).label("sold_in"),
    # As it was before this statement, which adds one for each level that it writes.
    cast(
        select(func.sum(_others.c.version))
        .where(and_(_others.c.variant_id == stock_level.c.variant_id))
        .correlate(stock_level)
        .scalar_subquery(),
        BigInteger,
    ).label("versions_before"),
)
"""What a statement that writes levels returns, so that `tell` needs no statement to find out more."""


@cache
def telling(statement: Update, beside: int) -> Select[Any, Any, Any]:
    """A statement that writes levels and returns `TOLD`, made to tell of them by itself, and of so many changes
    `beside` (`outbox.told_of`). It answers one row: the ids of the levels, how many changes it told, the last one's id.
    """
    written = statement.cte("written")
    action = literal_column(f"'{Action.UPSERT}'", Text)
    place = place_scopes_in_sql(written.c.location_id)
    sight = sight_scopes_in_sql(written.c.sold_in)
    told = told_of(
        select(literal_column(f"'{Topic.STOCK}'", Text), action, written.c.id, written.c.version, place, place),
        select(
            literal_column(f"'{Topic.AVAILABILITY}'", Text),
            action,
            written.c.variant_id,
            written.c.versions_before + func.count(),
            sight,
            sight,
        ).group_by(written.c.variant_id, written.c.sold_in, written.c.versions_before),
        beside=beside,
    )
    levels = func.array(select(written.c.id).scalar_subquery(), type_=ARRAY(Uuid))
    return select(levels.label("levels"), func.count().label("changes"), func.max(told.c.id).label("last")).select_from(
        told
    )


async def tell(tx: Tx, written: Iterable[Row[Any]], *, also: Sequence[Change] = ()) -> None:
    """Emit the change of these levels, each raised by one version, and then `also`; rows as `TOLD` names them.

    A variant's AVAILABILITY has the sum of its levels' versions. Writers of two of its levels do not wait for each
    other, so two of its changes may carry one version: their order is their position.
    """
    rows = sorted(written, key=lambda row: (row.variant_id, row.location_id))
    raised = Counter(row.variant_id for row in rows)
    changes: list[Change] = []
    told: set[UUID] = set()
    for row in rows:
        changes.append(Change(Topic.STOCK, row.id, row.version, after=place_scopes(row.location_id)))
        if row.variant_id not in told:
            told.add(row.variant_id)
            version = row.versions_before + raised[row.variant_id]
            changes.append(Change(Topic.AVAILABILITY, row.variant_id, version, after=sight_scopes(row.sold_in)))
    changes += also
    if changes:
        await emit(tx, changes)
