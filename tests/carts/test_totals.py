"""Law 2: lines always add up to the order."""

from fractions import Fraction
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.carts.totals import (
    DeliveryInput,
    LineInput,
    LineTotals,
    Totals,
    add_up,
    cash_rounding,
    item_count,
    line_subtotal,
)
from app.platform.errors import InvalidInput
from app.platform.money import MAX_MINOR
from app.pricing.tax import Taxed, TaxLine, TaxRate

ICMS = (TaxRate({"pt-BR": "ICMS"}, 180_000),)
STATE, CITY, FUND = TaxRate({"en": "State"}, 62_500), TaxRate({"en": "City"}, 26_250), TaxRate({"en": "Fund"}, 26_250)
HALF, OTHER_HALF = TaxRate({"en": "A"}, 600_000), TaxRate({"en": "B"}, 600_000)

rate_sets = st.sampled_from([(), ICMS, (STATE, CITY), (STATE, CITY, FUND), (HALF, OTHER_HALF), (CITY,)])
amounts = st.one_of(st.integers(0, 5), st.integers(0, 20_000), st.integers(0, 10**9))


@st.composite
def line_inputs(draw, returns=False):
    weighed = draw(st.booleans())
    quantity = draw(st.integers(1, 5000)) if weighed else draw(st.integers(1, 50)) * 1000
    return LineInput(
        id=UUID(int=draw(st.integers(0, 2**64))),
        unit=draw(amounts),
        quantity=-quantity if returns and draw(st.booleans()) else quantity,
        rates=draw(rate_sets),
        discount=draw(st.just(0) | amounts),
        label_total=draw(st.none() | amounts) if weighed and not returns else None,
        weighed=weighed,
    )


deliveries = st.lists(
    st.builds(DeliveryInput, id=st.builds(UUID, int=st.integers(0, 99)), price=amounts, rates=rate_sets), max_size=3
)
carts = st.fixed_dictionaries(
    {
        "shows_tax": st.booleans(),
        "order_discount": st.just(0) | amounts,
        "deliveries": deliveries,
        "cash_increment": st.sampled_from([1, 5, 10, 100]),
    }
)


def line(number=1, unit=1000, quantity=1000, rates=ICMS, **changes):
    return LineInput(id=UUID(int=number), unit=unit, quantity=quantity, rates=rates, **changes)


def on_side(taxed: Taxed, shows_tax: bool) -> int:
    return taxed.gross if shows_tax else taxed.net


def check_adds_up(totals: Totals, shows_tax: bool) -> None:
    parts: list[tuple[Taxed, tuple[TaxLine, ...]]] = [(each.total, each.taxes) for each in totals.lines]
    parts += [(each.price, each.taxes) for each in totals.deliveries]
    for taxed, taxes in parts:
        assert taxed.net + taxed.tax == taxed.gross
        assert sum(tax.amount for tax in taxes) == taxed.tax
        assert all(tax.base == taxed.net for tax in taxes)
    assert totals.tax == sum(tax.amount for tax in totals.taxes) == sum(taxed.tax for taxed, _ in parts)
    assert sum(tax.base for tax in totals.taxes) == sum(tax.base for _, taxes in parts for tax in taxes)
    goods = sum(on_side(each.total, shows_tax) for each in totals.lines)
    assert totals.subtotal - totals.discount == goods
    assert totals.discount == sum(each.own_discount + each.order_discount for each in totals.lines)
    assert totals.delivery == sum(on_side(each.price, shows_tax) for each in totals.deliveries)
    charged = totals.subtotal - totals.discount + totals.delivery + totals.rounding + (0 if shows_tax else totals.tax)
    assert totals.total == charged
    assert totals.total - totals.rounding == sum(taxed.gross for taxed, _ in parts)


@given(st.lists(line_inputs(), max_size=12), carts)
def test_lines_and_deliveries_add_up_to_the_order(lines, cart):
    totals = add_up(lines, **cart)
    check_adds_up(totals, cart["shows_tax"])
    assert totals.total % cart["cash_increment"] == 0
    assert 2 * abs(totals.rounding) <= cart["cash_increment"]
    goods_before = sum(on_side(each.total, cart["shows_tax"]) + each.order_discount for each in totals.lines)
    assert sum(each.order_discount for each in totals.lines) == min(cart["order_discount"], goods_before)
    for given_line, each in zip(lines, totals.lines, strict=True):
        assert each.id == given_line.id
        assert min(each.total.net, each.total.tax, each.own_discount, each.order_discount) >= 0
        assert all(tax.amount >= 0 for tax in each.taxes)
        assert each.own_discount <= given_line.discount


@given(st.lists(line_inputs(returns=True), max_size=12), carts)
def test_exchanges_add_up_too(lines, cart):
    totals = add_up(lines, **cart)
    check_adds_up(totals, cart["shows_tax"])
    for given_line, each in zip(lines, totals.lines, strict=True):
        if given_line.quantity < 0:
            assert (each.own_discount, each.order_discount) == (0, 0)
            assert max(each.total.net, each.total.tax) <= 0


@given(st.lists(line_inputs(), min_size=1, max_size=12), st.booleans())
def test_a_line_is_rounded_once_and_its_tax_is_near_its_own(lines, shows_tax):
    for given_line, each in zip(lines, add_up(lines, shows_tax=shows_tax).lines, strict=True):
        shown = on_side(each.total, shows_tax) + each.own_discount
        if given_line.label_total is None:
            assert abs(shown - Fraction(given_line.unit * given_line.quantity, 1000)) <= Fraction(1, 2)
        else:
            assert shown == given_line.label_total
        rate = Fraction(sum(rate.rate_ppm for rate in given_line.rates), 10**6)
        net = on_side(each.total, shows_tax) / (1 + rate) if shows_tax else each.total.net
        # The sum is rounded once (a half), which a line's share may round once more (one).
        assert abs(each.total.tax - net * rate) < Fraction(3, 2)
        for tax in each.taxes:
            assert abs(tax.amount - net * Fraction(tax.rate_ppm, 10**6)) < 2 + len(given_line.rates)


@given(st.lists(line_inputs(), max_size=12), carts, st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_change_the_sums(lines, cart, shuffle):
    before = add_up(lines, **cart)
    shuffled = lines[:]
    shuffle.shuffle(shuffled)
    after = add_up(shuffled, **cart)
    assert (after.subtotal, after.discount, after.delivery) == (before.subtotal, before.discount, before.delivery)
    if not before.discount:
        assert (after.tax, after.total, after.taxes) == (before.tax, before.total, before.taxes)


@given(st.lists(line_inputs(), min_size=1, max_size=6), carts, st.integers(0, 50))
def test_more_discount_never_costs_more(lines, cart, more):
    cart = {**cart, "cash_increment": 1}
    less_off, more_off = (
        add_up(lines, **{**cart, "order_discount": cart["order_discount"] + extra}) for extra in (0, more)
    )
    assert more_off.discount >= less_off.discount
    if cart["shows_tax"]:
        assert more_off.total <= less_off.total


@given(line_inputs(), st.booleans())
def test_a_line_alone_is_its_unit_price(one, shows_tax):
    one = msgspec.structs.replace(one, quantity=1000, discount=0, label_total=None)
    (only,) = add_up([one], shows_tax=shows_tax).lines
    assert only.unit == only.subtotal == only.total


def test_a_till_receipt_with_tax_in_the_price():
    totals = add_up(
        [line(1, 1999, 3000), line(2, 3990, 350, weighed=True), line(3, 990, 1000, label_total=1234)],
        shows_tax=True,
        order_discount=500,
        cash_increment=5,
    )
    assert (totals.subtotal, totals.discount, totals.tax) == (8628, 500, 1240)
    assert (totals.rounding, totals.total, totals.item_count) == (2, 8130, 5)
    assert [each.order_discount for each in totals.lines] == [348, 81, 71]
    assert [(tax.rate_ppm, tax.base, tax.amount) for tax in totals.taxes] == [(180_000, 6888, 1240)]


def test_a_quote_without_tax_in_the_price():
    totals = add_up(
        [line(1, 333, rates=(STATE, CITY)), line(2, 333, rates=(STATE, CITY)), line(3, 333, rates=(STATE, CITY))],
        shows_tax=False,
        deliveries=[DeliveryInput(id=UUID(int=9), price=1000, rates=(STATE,))],
    )
    assert (totals.subtotal, totals.delivery, totals.tax, totals.total) == (999, 1000, 152, 2151)
    assert [(tax.name["en"], tax.base, tax.amount) for tax in totals.taxes] == [("City", 999, 26), ("State", 1999, 126)]
    assert [[tax.amount for tax in each.taxes] for each in totals.lines] == [[22, 8], [21, 9], [20, 9]]


def test_taxes_of_the_same_name_and_rate_are_rounded_together():
    copies = [tuple(TaxRate(dict(rate.name), rate.rate_ppm) for rate in ICMS) for _ in range(2)]
    lines = [line(number, 3, rates=rates) for number, rates in enumerate(copies)]
    # 3 × 18 % is 0.54, a cent each; of 6 it is 1.08, one cent in all.
    assert add_up(lines, shows_tax=False).tax == 1


def test_no_line_is_taxed_more_than_it_costs():
    totals = add_up([line(n, 1, rates=(HALF, OTHER_HALF)) for n in range(5)], shows_tax=True)
    assert all(each.total.net >= 0 for each in totals.lines)
    assert [tax.amount for tax in totals.taxes] == [2, 1]


def test_a_discount_takes_no_line_below_zero():
    totals = add_up([line(1, 1000, discount=1500), line(2, 200)], shows_tax=True, order_discount=10**9)
    assert (totals.discount, totals.total) == (1200, 0)
    assert [(each.own_discount, each.order_discount) for each in totals.lines] == [(1000, 0), (0, 200)]
    assert [each.subtotal.gross for each in totals.lines] == [1000, 200]


@pytest.mark.parametrize("discounts", [{"order_discount": -1}, {"lines": [line(discount=-1)]}])
def test_a_negative_discount_is_an_error(discounts):
    with pytest.raises(ValueError, match="not negative"):
        add_up(**{"lines": [line()], "shows_tax": True, **discounts})


@pytest.mark.parametrize(
    "cart",
    [
        {"lines": [line(unit=MAX_MINOR, quantity=10**12)]},
        {"lines": [line(unit=MAX_MINOR, quantity=-(10**12))]},
        {"lines": [line(unit=MAX_MINOR), line(2, unit=1)]},
        {"lines": [line(unit=MAX_MINOR)], "shows_tax": False},
        {"lines": [], "deliveries": [DeliveryInput(id=UUID(int=1), price=MAX_MINOR + 1, rates=())]},
    ],
)
def test_totals_that_no_bigint_should_hold_are_refused(cart):
    with pytest.raises(InvalidInput) as refusal:
        add_up(**{"shows_tax": True, **cart})
    assert refusal.value.code == "AMOUNT_TOO_LARGE"


def test_an_empty_cart_is_nothing():
    totals = add_up([], shows_tax=False, order_discount=100, cash_increment=5)
    assert (totals.total, totals.discount, totals.taxes, totals.lines, totals.item_count) == (0, 0, (), (), 0)


def test_line_subtotals_round_half_up_away_from_zero():
    assert [line_subtotal(1, quantity) for quantity in (499, 500, -499, -500)] == [0, 1, 0, -1]


@given(st.integers(-(10**15), 10**15), st.integers(1, 1000))
def test_cash_rounding_reaches_the_nearest_coin(total, increment):
    rounding = cash_rounding(total, increment)
    assert (total + rounding) % increment == 0
    assert 2 * abs(rounding) <= increment
    assert cash_rounding(-total, increment) == -rounding


def test_cash_rounding_as_at_the_till():
    assert [cash_rounding(total, 5) for total in (1230, 1231, 1232, 1233, 1234)] == [0, -1, -2, 2, 1]
    assert cash_rounding(1225, 50) == 25
    with pytest.raises(ValueError, match="at least 1"):
        cash_rounding(1, 0)


def test_items_are_whole_units_and_weighed_lines():
    lines = [line(quantity=3000), line(quantity=350, weighed=True), line(quantity=2500, weighed=True)]
    assert item_count([*lines, line(quantity=-1000)]) == 5


def test_line_totals_keep_the_order_of_the_lines():
    totals = add_up([line(n, n * 100) for n in (3, 1, 2)], shows_tax=True)
    assert [each.id.int for each in totals.lines] == [3, 1, 2]
    assert all(isinstance(each, LineTotals) for each in totals.lines)
