"""What a promise keeps, as arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.carts.promise import Part, first, joined, kept, lowered, total

units = st.integers(0, 5000)
quantities = st.integers(1, 20).map(lambda count: count * 1000)
parts = st.lists(st.builds(Part, units, quantities), min_size=1, max_size=4).map(joined)


def quantity_of(some):
    return sum(part.quantity for part in some)


@given(parts, quantities, units, st.one_of(st.none(), units))
def test_the_parts_are_of_the_quantity_asked_for(quoted, quantity, today, today_before):
    found = kept(quoted, quantity, today=today, today_before=today_before)
    assert quantity_of(found) == quantity
    assert all(part.quantity > 0 for part in found)


@given(parts, quantities, units, st.one_of(st.none(), units))
def test_what_was_quoted_keeps_its_price_once_the_price_has_moved(quoted, quantity, today, today_before):
    if today_before == quoted[-1].unit:
        today_before = quoted[-1].unit + 1
    found = kept(quoted, quantity, today=today, today_before=today_before)
    same = min(quantity, quantity_of(quoted))
    assert joined(first(found, same)) == joined(first(quoted, same))
    assert all(part.unit == today for part in first(reversed(found), quantity - same))


@given(parts, units, st.one_of(st.none(), units))
def test_the_same_quantity_costs_the_same(quoted, today, today_before):
    found = kept(quoted, quantity_of(quoted), today=today, today_before=today_before)
    assert total(found) == total(quoted)


@given(parts, units)
def test_to_reconsider_makes_nothing_dearer(quoted, today):
    found = lowered(quoted, today)
    assert total(found) <= total(quoted)
    assert total(found) <= total([Part(today, quantity_of(quoted))])
    assert quantity_of(found) == quantity_of(quoted)


@pytest.mark.parametrize(
    ("quoted", "quantity", "today", "today_before", "expected"),
    [
        # A volume price follows the quantity while no price has moved.
        ([Part(1000, 1000)], 10_000, 800, 1000, [Part(800, 10_000)]),
        ([Part(800, 10_000)], 1000, 1000, 800, [Part(1000, 1000)]),
        # It has: what was quoted stays, the rest pays today's.
        ([Part(1000, 2000)], 3000, 1100, 1100, [Part(1000, 2000), Part(1100, 1000)]),
        ([Part(1000, 2000)], 1000, 1100, 1100, [Part(1000, 1000)]),
        # Once more: the rest was quoted too.
        (
            [Part(1000, 2000), Part(1100, 1000)],
            4000,
            1200,
            1200,
            [Part(1000, 2000), Part(1100, 1000), Part(1200, 1000)],
        ),
        ([Part(1000, 2000), Part(1100, 1000)], 5000, 1100, 1100, [Part(1000, 2000), Part(1100, 3000)]),
        ([Part(1000, 2000), Part(1100, 1000)], 1000, 1100, 1100, [Part(1000, 1000)]),
        # The price was ended.
        ([Part(1000, 2000)], 1000, 1000, None, [Part(1000, 1000)]),
    ],
)
def test_growing_and_shrinking(quoted, quantity, today, today_before, expected):
    assert kept(quoted, quantity, today=today, today_before=today_before) == expected


def test_a_total_is_rounded_once():
    assert total([Part(999, 500), Part(1001, 500)]) == 1000
