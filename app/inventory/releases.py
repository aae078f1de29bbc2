"""Giving back: reservation rows are deleted and their levels' counters lowered by one statement."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Table, Update, cast, delete, func, select, update

from app.inventory.events import TOLD, tell
from app.inventory.guard import shortfall_after
from app.inventory.tables import stock_level
from app.platform.db import Tx
from app.platform.statements import Parameters


def releasing(table: Table, *which: ColumnElement[bool]) -> Update:
    """Delete these rows of `hold` or `allocation` and lower what is reserved. Their levels must be locked, in order."""
    gone = (
        delete(table)
        .where(*which)
        .returning(table.c.id, table.c.variant_id, table.c.location_id, table.c.quantity)
        .cte("gone")
    )
    freed = (
        select(
            gone.c.variant_id,
            gone.c.location_id,
            cast(func.sum(gone.c.quantity), BigInteger).label("quantity"),
            func.count().label("rows"),
        )
        .group_by(gone.c.variant_id, gone.c.location_id)
        .cte("freed")
    )
    level = stock_level.c
    reserved = level.reserved - freed.c.quantity
    return (
        update(stock_level)
        .where(level.variant_id == freed.c.variant_id, level.location_id == freed.c.location_id)
        .values(
            reserved=reserved,
            shortfall=shortfall_after(level.on_hand, reserved),
            version=level.version + 1,
            updated_at=func.clock_timestamp(),
        )
        .returning(*TOLD, freed.c.rows)
    )


async def released_by(tx: Tx, statement: Update, parameters: Parameters) -> int:
    """Run a statement of `releasing` and tell of the levels; how many rows were deleted."""
    written: Any = await tx.rows(statement, parameters)
    await tell(tx, written)
    return sum(row.rows for row in written)
