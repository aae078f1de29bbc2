"""Thousandths."""

from contextlib import suppress
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.platform.errors import InvalidInput
from app.platform.quantities import MAX_MILLI, fits_step, format_quantity, is_weighed, parse_quantity

quantities = st.integers(-MAX_MILLI, MAX_MILLI)


@pytest.mark.parametrize(
    ("value", "milli"),
    [
        (1, 1000),
        (-2, -2000),
        (Decimal("0.350"), 350),
        (Decimal("0.35000"), 350),
        ("0.35", 350),
        ("1e2", 100_000),
        ("1E-3", 1),
        ("-0.001", -1),
        ("0", 0),
        (Decimal("0E-400000000"), 0),
        (10**9, MAX_MILLI),
        (Decimal("1000000000.000"), MAX_MILLI),
    ],
)
def test_quantities_are_read_exactly(value, milli):
    assert parse_quantity(value) == milli


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("0.3501", "TOO_MANY_DECIMALS"),
        (Decimal("1.0001"), "TOO_MANY_DECIMALS"),
        (Decimal("1E-400000000"), "TOO_MANY_DECIMALS"),
        (10**9 + 1, "QUANTITY_TOO_LARGE"),
        (-(10**400), "QUANTITY_TOO_LARGE"),
        (Decimal("1000000000.001"), "QUANTITY_TOO_LARGE"),
        (Decimal("1E+400000000"), "QUANTITY_TOO_LARGE"),
        ("1e999999", "QUANTITY_TOO_LARGE"),
        (Decimal("NaN"), "INVALID_QUANTITY"),
        (Decimal("Infinity"), "INVALID_QUANTITY"),
        (True, "INVALID_QUANTITY"),
        (0.5, "INVALID_QUANTITY"),
        (None, "INVALID_QUANTITY"),
        ([], "INVALID_QUANTITY"),
        ("", "INVALID_QUANTITY"),
        ("NaN", "INVALID_QUANTITY"),
        (" 1", "INVALID_QUANTITY"),
        ("1\n", "INVALID_QUANTITY"),
        ("1_000", "INVALID_QUANTITY"),
        ("+1", "INVALID_QUANTITY"),
        ("01", "INVALID_QUANTITY"),
        ("٣", "INVALID_QUANTITY"),
        ("1" * 10_000, "INVALID_QUANTITY"),
        ("1e99999999999", "INVALID_QUANTITY"),
    ],
)
def test_what_is_no_quantity_is_refused(value, code):
    with pytest.raises(InvalidInput) as refusal:
        parse_quantity(value)
    assert refusal.value.code == code


@given(st.text(max_size=30))
def test_any_text_is_a_quantity_or_a_refusal(text):
    with suppress(InvalidInput):
        assert abs(parse_quantity(text)) <= MAX_MILLI


@given(quantities)
def test_quantities_survive_the_way_out_and_back(milli):
    shown = format_quantity(milli)
    assert parse_quantity(shown) == milli
    assert parse_quantity(str(shown)) == milli


@given(quantities)
def test_quantities_are_shown_as_json_numbers_without_trailing_zeros(milli):
    text = msgspec.json.Encoder(decimal_format="number").encode(format_quantity(milli)).decode()
    assert parse_quantity(text) == milli
    assert "e" not in text.lower()
    assert "." not in text or not text.endswith("0")


def test_quantities_as_shown():
    assert [str(format_quantity(milli)) for milli in (1000, 350, -1500, 1, 0)] == ["1", "0.35", "-1.5", "0.001", "0"]


def test_a_quantity_fits_whole_steps():
    assert fits_step(350, 1)
    assert fits_step(3000, 1000)
    assert not fits_step(350, 1000)
    assert not fits_step(-1, 2)
    assert fits_step(0, 250)
    with pytest.raises(ValueError, match="positive"):
        fits_step(1, 0)


def test_what_comes_in_parts_of_a_unit_is_weighed():
    assert is_weighed(1)
    assert is_weighed(250)
    assert not is_weighed(1000)
    assert not is_weighed(6000)
