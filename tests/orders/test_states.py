"""States follow from payments and lines, and from nothing else."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.orders.states import fulfillment_status, payment_status, status


def pay(state: str, amount: int, refunded: int = 0) -> Any:
    return SimpleNamespace(status=state, amount=amount, refunded=refunded)


def line(quantity: int, fulfilled: int = 0, cancelled: int = 0) -> Any:
    return SimpleNamespace(quantity=quantity, fulfilled=fulfilled, cancelled=cancelled)


@pytest.mark.parametrize(
    ("payments", "expected"),
    [
        ([pay("PENDING", 10)], "PENDING"),
        ([pay("CAPTURED", 10)], "PAID"),
        ([pay("CAPTURED", 4), pay("PENDING", 6)], "PARTIALLY_PAID"),
        ([pay("CAPTURED", 10, 3)], "PARTIALLY_REFUNDED"),
        ([pay("CAPTURED", 10, 10)], "REFUNDED"),
        ([pay("CAPTURED", 4, 4), pay("VOIDED", 6)], "REFUNDED"),
        ([pay("VOIDED", 10)], "VOIDED"),
        ([pay("VOIDED", 10), pay("PENDING", 10)], "PENDING"),
    ],
)
def test_what_payments_come_to(payments: list[Any], expected: str):
    assert payment_status(10, payments) == expected


def test_nothing_to_pay_is_paid():
    assert payment_status(0, []) == "PAID"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([line(2), line(1)], "UNFULFILLED"),
        ([line(2, 2), line(1)], "PARTIALLY_FULFILLED"),
        ([line(2, 1)], "PARTIALLY_FULFILLED"),
        ([line(2, 2), line(1, 1)], "FULFILLED"),
        ([line(2, 1, 1)], "FULFILLED"),
        ([line(2, 0, 2)], "UNFULFILLED"),
    ],
)
def test_how_much_has_left(lines: list[Any], expected: str):
    assert fulfillment_status(lines) == expected


def test_all_paid_and_gone_is_completed():
    assert status("PAID", "FULFILLED") == "COMPLETED"
    assert status("PENDING", "FULFILLED") == status("PAID", "PARTIALLY_FULFILLED") == "OPEN"
