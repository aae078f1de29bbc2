"""Settling and giving back: a payment is received, voided while it is pending, or refunded."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, insert, select, update

from app.payments.ledger import Posting, post, till_account
from app.payments.tables import payment, refund
from app.platform.db import Reader, Tx
from app.platform.ids import new_id

LOCK_BY_ORDER = (
    select(payment).where(payment.c.order_id == bindparam("order_id")).order_by(payment.c.id).with_for_update()
)
SETTLE = (
    update(payment)
    .where(payment.c.id == bindparam("payment_id"))
    .values(status=bindparam("becomes"), reference=bindparam("told"), updated_at=bindparam("now"))
)
GIVE_BACK = (
    update(payment)
    .where(payment.c.id == bindparam("payment_id"))
    .values(refunded=payment.c.refunded + bindparam("given"), updated_at=bindparam("now"))
)
INSERT_REFUND = insert(refund)
REFUNDS_BY_ORDER = (
    select(refund)
    .where(refund.c.order_id.in_(bindparam("ids", expanding=True)))
    .order_by(refund.c.order_id, refund.c.id)
)
BY_IDS = select(payment).where(payment.c.id.in_(bindparam("ids", expanding=True)))
REFUNDS_BY_IDS = select(refund).where(refund.c.id.in_(bindparam("ids", expanding=True)))


async def lock_payments(tx: Tx, order_id: UUID) -> Sequence[Row[Any]]:
    """The order's payments, locked until the transaction ends; the order is locked before."""
    return await tx.rows(LOCK_BY_ORDER, {"order_id": order_id})


async def settle(tx: Tx, row: Row[Any], *, reference: str | None, place: str, now: datetime) -> None:
    """A pending payment was received: CAPTURED, and posted."""
    told = reference if reference is not None else row.reference
    await tx.execute(SETTLE, {"payment_id": row.id, "becomes": "CAPTURED", "told": told, "now": now})
    posting = Posting(
        debit=till_account(row.method, place),
        credit=f"receivable:{row.order_id}",
        amount=row.amount,
        reason="payment",
        payment_id=row.id,
    )
    await post(tx, order_id=row.order_id, currency=row.currency, now=now, postings=[posting])


async def give_back_all(tx: Tx, order_id: UUID, *, reason: str | None, place: str, now: datetime) -> int:
    """Void what is pending and refund what was captured of an order; what was refunded, in minor units."""
    total = 0
    for row in await lock_payments(tx, order_id):
        if row.status in ("PENDING", "AUTHORIZED"):
            await tx.execute(SETTLE, {"payment_id": row.id, "becomes": "VOIDED", "told": row.reference, "now": now})
        elif row.status == "CAPTURED" and row.refunded < row.amount:
            total += await _refund(tx, row, row.amount - row.refunded, reason=reason, place=place, now=now)
    return total


async def _refund(tx: Tx, row: Row[Any], amount: int, *, reason: str | None, place: str, now: datetime) -> int:
    refund_id = new_id()
    await tx.execute(GIVE_BACK, {"payment_id": row.id, "given": amount, "now": now})
    await tx.execute(
        INSERT_REFUND,
        {
            "id": refund_id,
            "order_id": row.order_id,
            "payment_id": row.id,
            "status": "SUCCEEDED",
            "method": row.method,
            "currency": row.currency,
            "amount": amount,
            "reason": reason,
            "created_at": now,
        },
    )
    posting = Posting(
        debit=f"receivable:{row.order_id}",
        credit=till_account(row.method, place),
        amount=amount,
        reason="refund",
        payment_id=row.id,
        refund_id=refund_id,
    )
    await post(tx, order_id=row.order_id, currency=row.currency, now=now, postings=[posting])
    return amount


async def refunds_of(db: Reader, order_ids: Sequence[UUID]) -> dict[UUID, list[Row[Any]]]:
    """The refunds of these orders, by order, oldest first."""
    found: dict[UUID, list[Row[Any]]] = {}
    for row in await db.rows(REFUNDS_BY_ORDER, {"ids": list(order_ids)}):
        found.setdefault(row.order_id, []).append(row)
    return found


async def payments_by_ids(db: Reader, ids: Sequence[UUID]) -> dict[UUID, Row[Any]]:
    return {row.id: row for row in await db.rows(BY_IDS, {"ids": list(ids)})}


async def refunds_by_ids(db: Reader, ids: Sequence[UUID]) -> dict[UUID, Row[Any]]:
    return {row.id: row for row in await db.rows(REFUNDS_BY_IDS, {"ids": list(ids)})}
