"""Recording an order: its row, lines, deliveries and journey, as they were sold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from app.orders.tables import order, order_delivery, order_line, order_number, order_visit
from app.platform.db import Tx
from app.platform.errors import InvalidInput
from app.platform.unnest import insert_records

NUMBER = select(order_number.next_value())
INSERT = insert(order)
INSERT_LINES = insert_records(order_line, without=("returned", "cancelled"))
INSERT_DELIVERIES = insert_records(order_delivery)
INSERT_VISITS = insert_records(order_visit)
WRITTEN: Final = "written order"
"""With an order's id, under which its row and its lines are remembered as they were recorded."""
_AS_IT_BEGINS: Final = {**dict.fromkeys(order.c.keys()), "refunded": 0, "version": 1}
_AS_A_LINE_BEGINS: Final = {**dict.fromkeys(order_line.c.keys()), "returned": 0, "cancelled": 0}
RECEIPT = select(order.c.id).where(order.c.receipt_number == bindparam("receipt_number"))


@dataclass(slots=True)
class OrderDraft:
    """An order's columns by name, and those of its parts, without the order's id."""

    id: UUID
    columns: Mapping[str, Any]
    lines: Sequence[dict[str, Any]]
    deliveries: Sequence[dict[str, Any]] = field(default_factory=list)
    visits: Sequence[dict[str, Any]] = field(default_factory=list)


async def next_number(tx: Tx, prefix: str) -> str:
    """A number that no other order has: the channel's prefix, then a count over the whole shop, gaps allowed."""
    # Else 1001 of a channel W1 would be the 11001 of a channel W.
    separator = "-" if prefix[-1:].isdigit() else ""
    return f"{prefix}{separator}{await tx.value(NUMBER)}"


async def record(tx: Tx, draft: OrderDraft) -> None:
    """Write the order. Raises InvalidInput (RECEIPT_NUMBER_TAKEN) at `receiptNumber`."""
    receipt_number = draft.columns.get("receipt_number")
    if receipt_number is not None and await tx.value(RECEIPT, {"receipt_number": receipt_number}) is not None:
        raise _taken()
    columns = {"id": draft.id, **draft.columns}
    if receipt_number is None:
        await tx.later(INSERT, columns)
    else:
        try:
            await tx.execute(INSERT, columns)
        except IntegrityError as error:
            # Two tills printed the same number at the same moment: the other one was first.
            if "receipt_number" in str(error.orig):
                raise _taken() from error
            raise
    for statement, rows in (
        (INSERT_DELIVERIES, draft.deliveries),
        (INSERT_LINES, draft.lines),
        (INSERT_VISITS, draft.visits),
    ):
        if rows:
            await tx.later(statement, {"records": [row | {"order_id": draft.id} for row in rows]})
    tx.remembered[WRITTEN, draft.id] = (
        _as_row(_AS_IT_BEGINS | columns),
        [_as_row(_AS_A_LINE_BEGINS | line | {"order_id": draft.id}) for line in draft.lines],
    )


def _as_row(values: dict[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(**values, _mapping=values)


def _taken() -> InvalidInput:
    return InvalidInput("This receipt number is taken.", path=("receiptNumber",), code="RECEIPT_NUMBER_TAKEN")
