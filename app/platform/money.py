"""Money: integer minor units inside, Decimal at the edge; rounding and sharing out that lose nothing.

ISO 4217 says how many decimals a currency has. Babel's data (CLDR) knows the currencies, but tells for some how many
people still use in daily life; for those ISO 4217's own figure stands below, as banks and payment providers count.
"""

from collections.abc import Sequence
from decimal import Context, Decimal
from typing import Final

from babel.core import get_global
from babel.numbers import get_currency_precision, list_currencies

from app.platform.errors import InvalidInput

MAX_MINOR: Final = 10**15 - 1
"""The largest amount, either way, in minor units: a JavaScript number still holds it, a bigint sums of thousands."""

_ISO_EXPONENTS: Final = {
    "AFN": 2, "ALL": 2, "IQD": 3, "IRR": 2, "KPW": 2, "LAK": 2, "LBP": 2, "MGA": 2,
    "MMK": 2, "RSD": 2, "SOS": 2, "SYP": 2, "YER": 2,
}  # fmt: skip
EXPONENTS: Final = {code: get_currency_precision(code) for code in list_currencies()} | _ISO_EXPONENTS
"""How many decimals each currency has."""
_TENDER: Final = frozenset(
    code
    for currencies in get_global("territory_currencies").values()
    for code, _since, until, is_tender in currencies
    if is_tender and until is None
)
# Wide enough for any sum of amounts: the default context would round at 28 digits.
_EXACT: Final = Context(prec=200)


def is_currency(code: str) -> bool:
    """Whether a shop can sell in it: an ISO 4217 code in capitals, legal tender somewhere today by CLDR's data."""
    return code in _TENDER


def exponent(currency: str) -> int:
    """How many decimals the currency has: BRL 2, JPY 0, KWD 3. Takes withdrawn currencies too, which old orders hold.

    Raises InvalidInput, code UNKNOWN_CURRENCY.
    """
    try:
        return EXPONENTS[currency]
    except (KeyError, TypeError):
        raise InvalidInput(f"{currency!r:.20} is not an ISO 4217 currency code.", code="UNKNOWN_CURRENCY") from None


def unit(currency: str) -> Decimal:
    """One minor unit: 0.01 in BRL, 1 in JPY. Raises as `exponent` does."""
    return Decimal(1).scaleb(-exponent(currency))


def to_minor(amount: Decimal, currency: str) -> int:
    """Minor units of an amount: 19.90 BRL is 1990. By value, so 19.900 is fine; nothing is ever rounded here.

    Raises InvalidInput: UNKNOWN_CURRENCY, INVALID_AMOUNT (not a finite number), TOO_MANY_DECIMALS, AMOUNT_TOO_LARGE
    (10^15 minor units or more, either way).
    """
    decimals = exponent(currency)
    if not isinstance(amount, Decimal) or not amount.is_finite():
        raise InvalidInput("An amount is a finite decimal number.", code="INVALID_AMOUNT")
    if amount and amount.adjusted() + decimals >= 15:
        raise amount_too_large()
    minor = scaled(amount, decimals)
    if minor is None:
        allowed = "no decimals" if decimals == 0 else f"at most {decimals} decimals"
        raise InvalidInput(f"{currency} has {allowed}.", code="TOO_MANY_DECIMALS")
    return minor


def from_minor(minor: int, currency: str) -> Decimal:
    """The amount with exactly the currency's decimals: 1990 in BRL is Decimal("19.90"). Raises as `exponent` does."""
    return Decimal(minor).scaleb(-exponent(currency), _EXACT)


def checked_minor(minor: int) -> int:
    """The same amount. Raises InvalidInput, code AMOUNT_TOO_LARGE, beyond `MAX_MINOR` either way."""
    if not -MAX_MINOR <= minor <= MAX_MINOR:
        raise amount_too_large()
    return minor


def amount_too_large() -> InvalidInput:
    """The refusal of an amount beyond `MAX_MINOR`."""
    return InvalidInput("The amount is too large: it must stay below 10^15 minor units.", code="AMOUNT_TOO_LARGE")


def scaled(value: Decimal, decimals: int) -> int | None:
    """`value` × 10^decimals where that is a whole number, else None. For a finite value below 10^40.

    Goes by the exponent first: 1E-400000000 in a request must not become a number of that many digits.
    """
    if not value:
        return 0
    if value.adjusted() < -decimals:
        return None
    numerator, denominator = value.as_integer_ratio()
    whole, rest = divmod(numerator * 10**decimals, denominator)
    return None if rest else whole


def half_up(numerator: int, denominator: int) -> int:
    """numerator ÷ denominator to the nearest integer, a half away from zero. Raises ZeroDivisionError."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    if numerator < 0:
        return -((-2 * numerator + denominator) // (2 * denominator))
    return (2 * numerator + denominator) // (2 * denominator)


def largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """Share out `total` in proportion to `weights`: whole units that add up to it exactly.

    Each share is its exact part rounded towards zero; the units left over go, one each, to the largest remainders,
    among equals to the largest weights, then to the earliest. A weight of 0 gets 0, unless all are 0: then all count
    alike. No weights share out 0.
    Raises ValueError for a negative weight and for a total without weights.
    """
    if not weights:
        if total:
            raise ValueError("nothing to share the total out to")
        return []
    if min(weights) < 0:
        raise ValueError("a weight is negative")
    if total < 0:
        return [-share for share in largest_remainder(-total, weights)]
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    shares = [total * weight // whole for weight in weights]
    left = total - sum(shares)
    if left:
        remainders = [total * weight % whole for weight in weights]
        for index in sorted(range(len(weights)), key=lambda index: (-remainders[index], -weights[index]))[:left]:
            shares[index] += 1
    return shares
