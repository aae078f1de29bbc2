"""Minor units, rounding and sharing out."""

import ast
import random
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.platform.errors import InvalidInput
from app.platform.money import MAX_MINOR, exponent, from_minor, half_up, is_currency, largest_remainder, to_minor

ROOT = Path(__file__).parents[2]
EXACT_MODULES = (
    "app/platform/money.py",
    "app/platform/quantities.py",
    "app/pricing/price.py",
    "app/pricing/reasons.py",
    "app/pricing/tax.py",
    "app/carts/totals.py",
    "app/delivery/rates.py",
)
huge = st.integers(-(10**30), 10**30)
weights = st.lists(st.one_of(st.just(0), st.integers(0, 9), st.integers(0, 10**18)), min_size=1, max_size=30)


def refused(amount, currency):
    with pytest.raises(InvalidInput) as refusal:
        to_minor(amount, currency)
    return refusal.value.code


@pytest.mark.parametrize("path", EXACT_MODULES)
def test_money_is_never_a_float(path):
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), node.lineno
        assert not (isinstance(node, ast.Name) and node.id in {"float", "round"}), node.lineno
        assert not (isinstance(node, ast.Attribute) and node.attr in {"timestamp", "total_seconds"}), node.lineno
        # `/` of two integers is a float.
        assert not (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)), node.lineno


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [("BRL", 2), ("USD", 2), ("JPY", 0), ("CLP", 0), ("KWD", 3), ("IQD", 3), ("RSD", 2), ("LAK", 2), ("HUF", 2)],
)
def test_decimals_are_those_of_iso_4217(currency, decimals):
    assert exponent(currency) == decimals


def test_only_legal_tender_is_a_currency():
    assert all(is_currency(code) for code in ("BRL", "EUR", "USD", "JPY", "KWD", "MZN"))
    assert not any(is_currency(code) for code in ("", "brl", "XXX", "XTS", "XAU", "DEM", "CLF", "REAL", "BRL "))


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("19.90", "BRL", 1990),
        ("19.900", "BRL", 1990),
        ("-0.01", "BRL", -1),
        ("1E+3", "JPY", 1000),
        ("1.234", "KWD", 1234),
        ("0E-400000000", "BRL", 0),
        ("-0", "BRL", 0),
        ("9999999999999.99", "BRL", MAX_MINOR),
    ],
)
def test_amounts_become_minor_units(amount, currency, minor):
    assert to_minor(Decimal(amount), currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        ("19.905", "BRL", "TOO_MANY_DECIMALS"),
        ("0.5", "JPY", "TOO_MANY_DECIMALS"),
        ("1.2345", "KWD", "TOO_MANY_DECIMALS"),
        ("1E-400000000", "BRL", "TOO_MANY_DECIMALS"),
        ("10000000000000", "BRL", "AMOUNT_TOO_LARGE"),
        ("-10000000000000.00", "BRL", "AMOUNT_TOO_LARGE"),
        ("1000000000000000", "JPY", "AMOUNT_TOO_LARGE"),
        ("1E+400000000", "BRL", "AMOUNT_TOO_LARGE"),
        ("NaN", "BRL", "INVALID_AMOUNT"),
        ("sNaN", "BRL", "INVALID_AMOUNT"),
        ("-Infinity", "BRL", "INVALID_AMOUNT"),
        ("1", "ABC", "UNKNOWN_CURRENCY"),
        ("1", "", "UNKNOWN_CURRENCY"),
    ],
)
def test_amounts_that_are_none_are_refused(amount, currency, code):
    assert refused(Decimal(amount), currency) == code


def test_a_float_is_no_amount():
    assert refused(1.5, "BRL") == "INVALID_AMOUNT"
    assert refused(1, "BRL") == "INVALID_AMOUNT"


@given(st.integers(-MAX_MINOR, MAX_MINOR), st.sampled_from(["BRL", "JPY", "KWD", "CLF"]))
def test_minor_units_survive_the_way_out_and_back(minor, currency):
    amount = from_minor(minor, currency)
    assert to_minor(amount, currency) == minor
    assert amount.as_tuple().exponent == -exponent(currency)


@given(huge)
def test_sums_beyond_the_limit_still_show_exactly(minor):
    assert Fraction(from_minor(minor, "BRL")) == Fraction(minor, 100)


@given(huge, huge.filter(bool))
def test_half_up_is_nearest_and_a_half_goes_away_from_zero(numerator, denominator):
    exact, rounded = Fraction(numerator, denominator), half_up(numerator, denominator)
    assert abs(rounded - exact) <= Fraction(1, 2)
    if abs(rounded - exact) == Fraction(1, 2):
        assert abs(rounded) > abs(exact)
    assert half_up(-numerator, denominator) == -rounded


@given(huge, huge, st.integers(1, 10**9))
def test_half_up_keeps_order(one, other, denominator):
    low, high = sorted((one, other))
    assert half_up(low, denominator) <= half_up(high, denominator)


def test_half_up_of_halves():
    assert [half_up(n, 2) for n in (-3, -1, 0, 1, 3)] == [-2, -1, 0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        half_up(1, 0)


@given(huge, weights)
def test_shares_add_up_and_are_near_their_part(total, weights):
    shares = largest_remainder(total, weights)
    assert sum(shares) == total
    whole = sum(weights)
    for share, weight in zip(shares, weights, strict=True):
        part = Fraction(total * weight, whole) if whole else Fraction(total, len(weights))
        assert abs(share - part) < 1
        if whole and not weight:
            assert share == 0


@given(weights, st.data())
def test_a_discount_never_exceeds_what_it_is_spread_over(weights, data):
    total = data.draw(st.integers(0, sum(weights)))
    if sum(weights):
        assert all(share <= weight for share, weight in zip(largest_remainder(total, weights), weights, strict=True))


@given(huge, weights, st.randoms(use_true_random=False))
def test_shares_depend_on_order_only_among_equals(total, weights, shuffle: random.Random):
    shuffled = weights[:]
    shuffle.shuffle(shuffled)
    pairs = sorted(zip(weights, largest_remainder(total, weights), strict=True))
    assert pairs == sorted(zip(shuffled, largest_remainder(total, shuffled), strict=True))


def test_units_left_over_go_to_the_largest_remainder_then_weight_then_the_earliest():
    assert largest_remainder(100, [1, 1, 1]) == [34, 33, 33]
    assert largest_remainder(-100, [1, 1, 1]) == [-34, -33, -33]
    assert largest_remainder(10, [3, 7, 6]) == [2, 4, 4]
    assert largest_remainder(1, [1, 3, 2, 3, 1, 2]) == [0, 1, 0, 0, 0, 0]
    assert largest_remainder(2, [1, 3]) == [0, 2]
    assert largest_remainder(5, [0, 0]) == [3, 2]
    assert largest_remainder(0, []) == []


def test_what_cannot_be_shared_out_is_an_error():
    with pytest.raises(ValueError, match="negative"):
        largest_remainder(1, [2, -1])
    with pytest.raises(ValueError, match="nothing"):
        largest_remainder(1, [])
