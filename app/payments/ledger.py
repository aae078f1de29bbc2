"""The ledger: each posting moves an amount from one account to another, so all accounts together are always zero.

Accounts: `receivable:ORDER` (what a shopper still owes), `sales`, `delivery`, `tax`, `rounding`, and where money lies:
`cash:PLACE`, `card_terminal:PLACE`, `other:PLACE`. A debit to an account where money lies is money that came in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select

from app.identity.principal import Principal
from app.payments.tables import posting
from app.platform.db import Tx
from app.platform.ids import new_id
from app.platform.unnest import insert_records

INSERT = insert_records(posting)
SALE_OF = (
    select(posting)
    .where(posting.c.order_id == bindparam("order_id"), posting.c.reason == "sale")
    .order_by(posting.c.id)
)


@dataclass(frozen=True, slots=True)
class Posting:
    """From `credit` to `debit`, in minor units; a negative amount is posted the other way, 0 is not posted."""

    debit: str
    credit: str
    amount: int
    reason: str
    payment_id: UUID | None = None
    refund_id: UUID | None = None


async def post(tx: Tx, *, order_id: UUID, currency: str, now: datetime, postings: Sequence[Posting]) -> None:
    """Write these postings of an order."""
    rows = []
    for each in postings:
        debit, credit = (each.debit, each.credit) if each.amount > 0 else (each.credit, each.debit)
        if each.amount:
            rows.append(
                {
                    "id": new_id(),
                    "order_id": order_id,
                    "payment_id": each.payment_id,
                    "refund_id": each.refund_id,
                    "debit": debit,
                    "credit": credit,
                    "currency": currency,
                    "amount": abs(each.amount),
                    "reason": each.reason,
                    "posted_at": now,
                }
            )
    if rows:
        await tx.later(INSERT, {"records": rows})


def sale_postings(order_id: UUID, *, goods: int, delivery: int, tax: int, rounding: int) -> list[Posting]:
    """What an order makes the shopper owe: goods and delivery without tax, the tax, and cash rounding."""
    owed = f"receivable:{order_id}"
    parts = {"sales": goods, "delivery": delivery, "tax": tax, "rounding": rounding}
    return [Posting(debit=owed, credit=account, amount=amount, reason="sale") for account, amount in parts.items()]


async def reverse_sale(tx: Tx, *, order_id: UUID, currency: str, now: datetime) -> None:
    """Take back what an order made the shopper owe: each of its postings the other way."""
    rows: Sequence[Row[Any]] = await tx.rows(SALE_OF, {"order_id": order_id})
    postings = [Posting(debit=row.credit, credit=row.debit, amount=row.amount, reason="cancellation") for row in rows]
    await post(tx, order_id=order_id, currency=currency, now=now, postings=postings)


def drawer_of(principal: Principal, location_id: UUID | None, channel_id: UUID) -> str:
    """Whose drawer money goes into or comes out of: the till's own place, else the order's, else the channel's."""
    own = principal.location_ids or frozenset()
    till = next(iter(own)) if len(own) == 1 else None
    return str(till or location_id or channel_id)


def till_account(method: str, place: str) -> str:
    """Where the money of a method lies that was taken at a place."""
    return f"{method.lower()}:{place}"
