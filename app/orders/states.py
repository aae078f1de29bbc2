"""An order's three states, derived from its payments and lines."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

OPEN, COMPLETED, CANCELLED = "OPEN", "COMPLETED", "CANCELLED"
UNFULFILLED, PARTIALLY_FULFILLED, FULFILLED = "UNFULFILLED", "PARTIALLY_FULFILLED", "FULFILLED"


def payment_status(total: int, payments: Iterable[Row[Any]]) -> str:
    """What the payments of an order with this total (minor units) come to."""
    captured = refunded = waiting = 0
    any_payment = voided = False
    for row in payments:
        any_payment = True
        voided = voided or row.status == "VOIDED"
        if row.status == "CAPTURED":
            captured += row.amount
            refunded += row.refunded
        elif row.status in ("PENDING", "AUTHORIZED"):
            waiting += row.amount
    if refunded:
        return "REFUNDED" if refunded >= captured else "PARTIALLY_REFUNDED"
    if captured >= total and (captured or not any_payment):
        return "PAID"
    if captured:
        return "PARTIALLY_PAID"
    return "VOIDED" if voided and not waiting else "PENDING"


def fulfillment_status(lines: Iterable[Any]) -> str:
    """How much of the lines, cancelled quantities apart, has been fulfilled."""
    wanted = fulfilled = 0
    for line in lines:
        wanted += line.quantity - line.cancelled
        fulfilled += line.fulfilled
    if fulfilled >= wanted and fulfilled:
        return FULFILLED
    return PARTIALLY_FULFILLED if fulfilled else UNFULFILLED


def status(payment: str, fulfillment: str) -> str:
    """COMPLETED once all of it is paid and fulfilled."""
    return COMPLETED if payment == "PAID" and fulfillment == FULFILLED else OPEN
