"""Quantities: thousandths of a variant's unit inside; whole numbers or at most three decimals at the edge."""

import re
from decimal import Decimal
from typing import Final

from app.platform.errors import InvalidInput
from app.platform.money import scaled

MILLI: Final = 1000
"""One unit."""
MAX_MILLI: Final = 10**9 * MILLI
"""The largest quantity, either way: 10^9 units."""

_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,39})(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,6})?", re.ASCII)


def parse_quantity(value: int | Decimal | str) -> int:
    """Thousandths of a quantity: 1 is 1000, 0.35 is 350. By value, so 0.3500 is fine. Text is read as a JSON number.

    A float is refused whatever it holds: it no longer tells what the client wrote. The sign is the caller's to judge.
    Raises InvalidInput: INVALID_QUANTITY (not a finite number), TOO_MANY_DECIMALS (more than three), QUANTITY_TOO_LARGE
    (beyond 10^9 units, either way).
    """
    if isinstance(value, str) and _JSON_NUMBER.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if not -MAX_MILLI <= value * MILLI <= MAX_MILLI:
            raise _too_large()
        return value * MILLI
    if not isinstance(value, Decimal) or not value.is_finite():
        raise InvalidInput("A quantity is a number with at most three decimals.", code="INVALID_QUANTITY")
    if value and value.adjusted() > 9:
        raise _too_large()
    milli = scaled(value, 3)
    if milli is None:
        raise InvalidInput("A quantity has at most three decimals.", code="TOO_MANY_DECIMALS")
    if not -MAX_MILLI <= milli <= MAX_MILLI:
        raise _too_large()
    return milli


def format_quantity(milli: int) -> int | Decimal:
    """The quantity as JSON shows it: 1000 is 1, 350 is Decimal("0.35"), without trailing zeros."""
    whole, rest = divmod(milli, MILLI)
    if rest == 0:
        return whole
    decimals = 3
    while milli % 10 == 0:
        milli //= 10
        decimals -= 1
    return Decimal(milli).scaleb(-decimals)


def fits_step(milli: int, step_milli: int) -> bool:
    """Whether the quantity is a whole number of steps; 0 is. Raises ValueError for a step that is not positive."""
    if step_milli <= 0:
        raise ValueError("a quantity step is positive")
    return milli % step_milli == 0


def is_weighed(step_milli: int) -> bool:
    """Whether quantities in such steps are measured (kg, m) and not counted: the step is no whole number of units."""
    return step_milli % MILLI != 0


def _too_large() -> InvalidInput:
    return InvalidInput("The quantity is too large: at most 1,000,000,000 units.", code="QUANTITY_TOO_LARGE")
