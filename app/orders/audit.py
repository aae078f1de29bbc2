"""Orders, checked on the live database: they add up, their lines can be so, their money is in the ledger."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import BigInteger, Integer, Select, and_, case, cast, func, literal, or_, select

from app.orders.tables import order, order_delivery, order_line
from app.payments.tables import payment, posting, refund
from app.platform.db import Reader

MOST: Final = 100
"""The most violations of one kind that are told."""


def _summed(key: Any, amount: Any, *conditions: Any) -> Any:
    return (
        select(key.label("key"), cast(func.sum(amount), BigInteger).label("amount"))
        .where(and_(True, *conditions))
        .group_by(key)
        .subquery()
    )


_o = order.c
_gross = _summed(order_line.c.order_id, order_line.c.total_gross)
_net = _summed(order_line.c.order_id, order_line.c.total_net)
_sent_gross = _summed(order_delivery.c.order_id, func.coalesce(order_delivery.c.gross, 0))
_sent_net = _summed(order_delivery.c.order_id, func.coalesce(order_delivery.c.net, 0))
_owed = func.concat("receivable:", cast(_o.id, posting.c.debit.type))
_debits = _summed(posting.c.debit, posting.c.amount, posting.c.debit.startswith("receivable:"))
_credits = _summed(posting.c.credit, posting.c.amount, posting.c.credit.startswith("receivable:"))
_captured = _summed(payment.c.order_id, payment.c.amount - payment.c.refunded, payment.c.status == "CAPTURED")
_received = _summed(payment.c.order_id, payment.c.amount, payment.c.status == "CAPTURED")
_tendered = _summed(payment.c.order_id, payment.c.amount, payment.c.status.in_(["PENDING", "AUTHORIZED", "CAPTURED"]))
_open = _summed(order_line.c.order_id, order_line.c.quantity - order_line.c.cancelled - order_line.c.fulfilled)
_left = _summed(order_line.c.order_id, order_line.c.fulfilled)
_refunded = _summed(refund.c.payment_id, refund.c.amount, refund.c.status == "SUCCEEDED")


def _against(expected: Any, found: Any, *sums: Any) -> Select[Any]:
    """Orders by number where two sums differ; each of `sums` is joined by the order's id, or by its account."""
    source: Any = order
    for each in sums:
        by_account = each in (_debits, _credits)
        source = source.outerjoin(each, each.c.key == (_owed if by_account else _o.id))
    return (
        select(_o.number.label("name"), found.label("found"), expected.label("expected"))
        .select_from(source)
        .where(found != expected)
        .limit(MOST)
    )


def _or_nothing(sums: Any) -> Any:
    return func.coalesce(sums.c.amount, 0)


CHECKS: Final[Mapping[str, Select[Any]]] = {
    "the lines and deliveries do not add up to the total": _against(
        _o.total - _o.rounding,
        _or_nothing(_gross) + _or_nothing(_sent_gross),
        _gross,
        _sent_gross,
    ),
    "the total is not subtotal - discount + delivery + rounding (+ tax)": _against(
        _o.total, _o.subtotal - _o.discount + _o.delivery + _o.rounding + case((_o.shows_tax, 0), else_=_o.tax)
    ),
    "the tax is not that of lines and deliveries": _against(
        _o.tax,
        _or_nothing(_gross) - _or_nothing(_net) + _or_nothing(_sent_gross) - _or_nothing(_sent_net),
        _gross,
        _net,
        _sent_gross,
        _sent_net,
    ),
    "the payments do not add up to the total": _against(
        case((_o.status == "CANCELLED", _or_nothing(_tendered)), else_=_o.total),
        _or_nothing(_tendered),
        _tendered,
    ),
    "it is called paid and is not, or the other way round": _against(
        cast((_or_nothing(_received) >= _o.total) & (_o.refunded == 0), Integer),
        cast(_o.payment_status == "PAID", Integer),
        _received,
    ),
    "it is called fulfilled and is not, or the other way round": _against(
        cast((_or_nothing(_open) == 0) & (_or_nothing(_left) > 0), Integer),
        cast(_o.fulfillment_status == "FULFILLED", Integer),
        _open,
        _left,
    ),
    "what is owed in the ledger is not the total less what was paid": _against(
        case((_o.status == "CANCELLED", 0), else_=_o.total) - _or_nothing(_captured),
        _or_nothing(_debits) - _or_nothing(_credits),
        _captured,
        _debits,
        _credits,
    ),
    "a line has another net, tax or quantity than it can have": (
        select(_o.number.label("name"), order_line.c.fulfilled.label("found"), order_line.c.quantity.label("expected"))
        .join_from(order_line, order, order.c.id == order_line.c.order_id)
        .where(
            or_(
                order_line.c.fulfilled + order_line.c.cancelled > order_line.c.quantity,
                order_line.c.returned > order_line.c.fulfilled,
                order_line.c.total_gross < order_line.c.total_net,
            )
        )
        .limit(MOST)
    ),
    "a payment gave back another sum than its refunds": (
        select(_o.number.label("name"), payment.c.refunded.label("found"), _or_nothing(_refunded).label("expected"))
        .select_from(
            payment.join(order, order.c.id == payment.c.order_id).outerjoin(_refunded, _refunded.c.key == payment.c.id)
        )
        .where(payment.c.refunded != _or_nothing(_refunded))
        .limit(MOST)
    ),
    "a fulfilled order is open, or one that is not is completed": (
        select(_o.number.label("name"), literal(0).label("found"), literal(1).label("expected"))
        .where(
            (_o.status == "COMPLETED")
            != and_(_o.fulfillment_status == "FULFILLED", _o.payment_status == "PAID", _o.status != "CANCELLED"),
            _o.payment_status.not_in(["PARTIALLY_REFUNDED", "REFUNDED"]),
        )
        .limit(MOST)
    ),
}

# What may still have stock allocated: (order line, thousandths to be fulfilled).
OPEN_LINES: Final = (
    select(
        order_line.c.id,
        (order_line.c.quantity - order_line.c.fulfilled - order_line.c.cancelled).label("quantity"),
    )
    .join_from(order_line, order, order.c.id == order_line.c.order_id)
    .where(order.c.status == "OPEN")
)


async def violations(db: Reader) -> list[str]:
    """What contradicts law 2, each in one line; none: the law holds. Give it a transaction of one snapshot."""
    return [
        f"order {row.name}: {what}: {row.found}, not {row.expected}"
        for what, statement in CHECKS.items()
        for row in await db.rows(statement)
    ]
