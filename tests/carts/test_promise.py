"""What a promise keeps, as arithmetic."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.carts.promise import Part, cut_off, first, holds_for_less, joined, kept, lowered, total

units = st.integers(0, 5000)
quantities = st.integers(1, 20).map(lambda count: count * 1000)
parts = st.lists(st.builds(Part, units, quantities), min_size=1, max_size=4).map(joined)


# What one unit costs from a quantity on, at each of a few moments; the first tier is of any quantity.
tiers = st.lists(st.tuples(quantities, units), max_size=3).flatmap(
    lambda more: units.map(lambda unit: sorted([(0, unit), *more]))
)
histories = st.lists(tiers, min_size=1, max_size=4)
steps = st.lists(st.tuples(st.booleans(), quantities), min_size=1, max_size=8)


def quantity_of(some):
    return sum(part.quantity for part in some)


def cost(table, quantity):
    return [unit for least, unit in table if least <= quantity][-1]


def always(unit, asked):
    return True


def never(unit, asked):
    return False


@given(histories, quantities, steps)
# Two of three that were quoted together cost less than three then, and one more.
@example([[(0, 2), (2000, 0), (3000, 1)], [(0, 2)]], 3000, [(True, 2000), (False, 1000)])
def test_no_quantity_is_sold_at_what_only_a_larger_one_cost(history, quantity, changes):
    """Whatever moves: so much of the line cost no more than what it is sold at, at some moment since it was quoted."""
    moment, line = 0, [Part(cost(history[0], quantity), quantity)]
    for later, wanted in changes:
        moment = min(moment + later, len(history) - 1)
        seen, today = history[: moment + 1], history[moment]

        def holds(unit, asked, seen=seen, wanted=wanted):
            return holds_for_less(unit, [(cost(table, asked), cost(table, wanted)) for table in seen])

        before = cost(today, quantity_of(line))
        line = kept(line, wanted, today=cost(today, wanted), today_before=before, holds=holds)
        assert quantity_of(line) == wanted
        end = 0
        for part in line:
            end += part.quantity
            assert any(cost(table, end) <= part.unit for table in seen)


@given(st.lists(units, min_size=1, max_size=4), quantities, quantities)
def test_a_price_that_asks_for_no_quantity_holds_for_less(prices, quantity, less):
    """Without tiers the promise is of each unit: what is left of a line costs what it did."""
    line = [Part(prices[0], quantity)]

    def holds(unit, asked):
        return holds_for_less(unit, [(price, price) for price in prices])

    today = prices[-1]
    found = kept(line, min(less, quantity), today=today, today_before=today, holds=holds)
    assert found == [Part(prices[0], min(less, quantity))]


@pytest.mark.parametrize(
    ("unit", "prices", "held"),
    [
        # Ten cost 8 each then, and one 10.
        (8, [(8, 10), (9, 12)], False),
        (8, [(8, 8), (9, 12)], True),
        # When ten first cost 8, one did not, later both did.
        (8, [(8, 10), (8, 8), (9, 12)], True),
        # One cost less than ten: its price is not the worse for it.
        (10, [(10, 8), (12, 12)], True),
        (8, [(8, None), (9, 9)], False),
        # No moment shows the price: another list, another buyer.
        (7, [(8, 10), (9, 12)], False),
        (7, [(8, 10), (9, 9)], True),
        (7, [(None, None)], True),
        # Three cost 1 each, two of them less, and one 2, then and now.
        (1, [(0, 2), (2, 2)], False),
        (1, [(0, 1), (2, 2)], True),
    ],
)
def test_what_was_quoted_for_more_holds_for_less_where_less_cost_no_more(unit, prices, held):
    assert holds_for_less(unit, prices) is held


def test_what_is_cut_off_leaves_whole_parts_and_a_piece():
    one, two = Part(10, 2000), Part(12, 3000)
    assert cut_off([one, two], 5000) == ([one, two], None)
    assert cut_off([one, two], 4000) == ([one], two)
    assert cut_off([one, two], 2000) == ([one], None)
    assert cut_off([one, two], 500) == ([], one)


@given(parts, quantities, units, st.one_of(st.none(), units))
def test_the_parts_are_of_the_quantity_asked_for(quoted, quantity, today, today_before):
    found = kept(quoted, quantity, today=today, today_before=today_before, holds=always)
    assert quantity_of(found) == quantity
    assert all(part.quantity > 0 for part in found)


@given(parts, quantities, units, st.one_of(st.none(), units))
def test_what_was_quoted_keeps_its_price_once_the_price_has_moved(quoted, quantity, today, today_before):
    if today_before == quoted[-1].unit:
        today_before = quoted[-1].unit + 1
    found = kept(quoted, quantity, today=today, today_before=today_before, holds=always)
    same = min(quantity, quantity_of(quoted))
    assert joined(first(found, same)) == joined(first(quoted, same))
    assert all(part.unit == today for part in first(reversed(found), quantity - same))


@given(parts, units, st.one_of(st.none(), units))
def test_the_same_quantity_costs_the_same(quoted, today, today_before):
    found = kept(quoted, quantity_of(quoted), today=today, today_before=today_before, holds=always)
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
    assert kept(quoted, quantity, today=today, today_before=today_before, holds=always) == expected


def test_what_does_not_hold_is_quoted_afresh_and_what_was_quoted_whole_stays():
    quoted = [Part(1000, 2000), Part(800, 8000)]
    assert kept(quoted, 5000, today=1200, today_before=900, holds=never) == [Part(1000, 2000), Part(1200, 3000)]
    assert kept(quoted, 2000, today=1200, today_before=900, holds=never) == [Part(1000, 2000)]
    assert kept(quoted, 1000, today=1200, today_before=900, holds=never) == [Part(1200, 1000)]


def test_a_total_is_rounded_once():
    assert total([Part(999, 500), Part(1001, 500)]) == 1000
