"""Tenders: the legs of a split payment, checked against what is to be paid, and kept as payments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Uuid, select

from app.identity.fields import optional_text
from app.payments.ledger import Posting, till_account
from app.payments.tables import payment
from app.platform.db import Reader, Tx
from app.platform.errors import InvalidInput, Path, Refusal, collect
from app.platform.ids import new_id
from app.platform.unnest import among, insert_records

MOST_TENDERS = 20
LONGEST_TEXT = 200
# What a till says that it received; the rest go through a payment provider.
SETTLED_BY_TILL = frozenset({"CASH", "CARD_TERMINAL", "OTHER"})

INSERT = insert_records(payment, without=("refunded",))
WRITTEN: Final = "written payments"
"""With an order's id, under which the payments that it began with are remembered."""
BY_ORDERS = (
    select(payment).where(payment.c.order_id == among("ids", Uuid())).order_by(payment.c.order_id, payment.c.position)
)


@dataclass(frozen=True, slots=True)
class Tender:
    """One leg. Amounts in minor units of the order's currency; `received` is the cash handed over."""

    method: str
    amount: int
    received: int | None = None
    reference: str | None = None
    label: str | None = None
    installments: int | None = None
    path: Path = ()


def check_tenders(tenders: Sequence[Tender], total: int) -> int:
    """The change to give back. Raises InvalidInput where the tenders do not add up to the total, each at its path."""
    if len(tenders) > MOST_TENDERS:
        raise InvalidInput(f"At most {MOST_TENDERS} tenders.", path=("tenders",), code="TOO_MANY")
    collect([refusal for tender in tenders for refusal in _wrongs(tender)])
    given = sum(tender.amount for tender in tenders)
    if given != total:
        word = "less" if given < total else "more"
        raise InvalidInput(
            f"The tenders add up to {word} than the total.", path=("tenders",), code="TENDERS_DO_NOT_ADD_UP"
        )
    return sum(tender.received - tender.amount for tender in tenders if tender.received is not None)


def _wrongs(tender: Tender) -> Iterator[Refusal]:
    if tender.amount <= 0:
        yield _wrong(tender, "amount", "A tender's amount must be above 0.", "INVALID_AMOUNT")
    if tender.received is not None:
        if tender.method != "CASH":
            yield _wrong(tender, "received", "Only cash gives change.", "INVALID_AMOUNT")
        elif tender.received < tender.amount:
            yield _wrong(tender, "received", "Less was received than the amount.", "INVALID_AMOUNT")
    if tender.installments is not None and not 1 <= tender.installments <= 48:
        yield _wrong(tender, "installments", "Installments are from 1 to 48.", "INVALID_INSTALLMENTS")
    for name in ("reference", "label"):
        try:
            optional_text(getattr(tender, name), (*tender.path, name), most=LONGEST_TEXT)
        except Refusal as refusal:
            yield refusal


def _wrong(tender: Tender, field: str, message: str, code: str) -> InvalidInput:
    return InvalidInput(message, path=(*tender.path, field), code=code)


async def take(
    tx: Tx,
    *,
    order_id: UUID,
    tenders: Sequence[Tender],
    currency: str,
    settled: bool,
    place: str,
    now: datetime,
    position: int = 1,
) -> list[Posting]:
    """Keep the tenders as payments. `settled`: the money was received, and the postings that say so are the caller's
    to write; else it is PENDING, and there are none.

    `place`: whose drawer it went into, such as a location's id.
    """
    rows: list[dict[str, Any]] = [
        {
            "id": new_id(),
            "order_id": order_id,
            "position": position + index,
            "method": tender.method,
            "label": optional_text(tender.label, (*tender.path, "label"), most=LONGEST_TEXT),
            "status": "CAPTURED" if settled else "PENDING",
            "currency": currency,
            "amount": tender.amount,
            "received": tender.received,
            "reference": optional_text(tender.reference, (*tender.path, "reference"), most=LONGEST_TEXT),
            "installments": tender.installments,
            "created_at": now,
            "updated_at": now,
        }
        for index, tender in enumerate(tenders)
    ]
    if rows:
        await tx.later(INSERT, {"records": rows})
    if position == 1:
        tx.remembered[WRITTEN, order_id] = [SimpleNamespace(refunded=0, **row) for row in rows]
    return [
        Posting(
            debit=till_account(row["method"], place),
            credit=f"receivable:{order_id}",
            amount=row["amount"],
            reason="payment",
            payment_id=row["id"],
        )
        for row in rows
        if settled
    ]


async def payments_of(db: Reader, order_ids: Sequence[UUID]) -> dict[UUID, list[Row[Any]]]:
    """The payments of these orders, by order, in the order they were given."""
    found: dict[UUID, list[Row[Any]]] = {}
    for row in await db.rows(BY_ORDERS, {"ids": list(order_ids)}):
        found.setdefault(row.order_id, []).append(row)
    return found
