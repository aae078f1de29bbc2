"""Which rates apply, and the split of amounts."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.platform.errors import InvalidInput
from app.pricing.tax import (
    Taxed,
    TaxLine,
    TaxRate,
    TaxRateRow,
    add_to_net,
    convert_side,
    group_taxes,
    rate_from_ppm,
    rate_to_ppm,
    rates_valid_until,
    resolve_rates,
    split_gross,
    taxed,
)

FOOD, BOOKS = UUID(int=1), UUID(int=2)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ICMS = TaxRate({"pt-BR": "ICMS"}, 180_000)

amounts = st.integers(-(10**16), 10**16)
rates = st.lists(
    st.builds(TaxRate, st.builds(lambda n: {"en": f"t{n}"}, st.integers(0, 3)), st.integers(0, 2_000_000)), max_size=4
).map(tuple)
instants = st.none() | st.integers(-5, 5).map(lambda hours: NOON + timedelta(hours=hours))


def row(number, ppm, name="ICMS", **changes):
    fields = {"id": UUID(int=number), "tax_class_id": FOOD, "country": "BR", "name": {"pt-BR": name}, "rate_ppm": ppm}
    return TaxRateRow(**{**fields, **changes})


def resolved(rows, region=None, moment=NOON):
    return [rate.rate_ppm for rate in resolve_rates(FOOD, "BR", region, moment, rows)]


@st.composite
def rate_rows(draw):
    return [
        row(
            number,
            draw(st.integers(0, 5)) * 10_000,
            draw(st.sampled_from("AB")),
            tax_class_id=draw(st.sampled_from([FOOD, BOOKS])),
            country=draw(st.sampled_from(["BR", "PT"])),
            region=draw(st.sampled_from([None, "SP", "br-sp", "RJ"])),
            replaces_country=draw(st.booleans()),
            starts_at=draw(instants),
            ends_at=draw(instants),
        )
        for number in range(draw(st.integers(0, 6)))
    ]


@given(amounts, rates, st.booleans())
def test_net_and_tax_are_gross_and_the_rates_add_up(amount, rates, includes_tax):
    whole, lines = taxed(amount, includes_tax, rates)
    assert whole.net + whole.tax == whole.gross
    assert (whole.gross if includes_tax else whole.net) == amount
    assert sum(line.amount for line in lines) == whole.tax
    assert [(line.name, line.rate_ppm, line.base) for line in lines] == [(r.name, r.rate_ppm, whole.net) for r in rates]
    total = Fraction(sum(rate.rate_ppm for rate in rates), 10**6)
    exact = amount * total / (1 + total) if includes_tax else amount * total
    assert abs(whole.tax - exact) <= Fraction(1, 2)


@given(amounts, amounts, rates, st.booleans())
def test_more_money_never_means_less_net_tax_or_gross(one, other, rates, includes_tax):
    low, high = (taxed(amount, includes_tax, rates)[0] for amount in sorted((one, other)))
    assert low.net <= high.net
    assert low.gross <= high.gross
    assert low.tax <= high.tax


@given(amounts, rates, st.booleans())
def test_a_return_is_the_sale_with_the_other_sign(amount, rates, includes_tax):
    sale, back = taxed(amount, includes_tax, rates)[0], taxed(-amount, includes_tax, rates)[0]
    assert sale + back == Taxed(0, 0, 0)


@given(amounts, rates)
def test_taking_tax_off_what_was_added_gives_the_net_back(net, rates):
    assert split_gross(add_to_net(net, rates)[0].gross, rates)[0].net == net


@given(amounts, rates, st.booleans(), st.booleans())
def test_the_shown_amount_is_what_its_line_is_taxed_on(amount, rates, includes_tax, shows_tax):
    shown, whole = convert_side(amount, includes_tax, shows_tax, rates)
    assert whole == taxed(shown, shows_tax, rates)[0]
    assert shown == (whole.gross if shows_tax else whole.net)
    if includes_tax == shows_tax:
        assert shown == amount


def test_a_price_with_18_percent():
    assert split_gross(1180, (ICMS,)) == (Taxed(1000, 1180, 180), (TaxLine(ICMS.name, 180_000, 1000, 180),))
    assert add_to_net(1000, (ICMS,))[0] == Taxed(1000, 1180, 180)
    assert convert_side(1180, True, False, (ICMS,)) == (1000, Taxed(1000, 1180, 180))
    assert convert_side(999, True, True, ()) == (999, Taxed(999, 999, 0))


def test_two_rates_stand_on_the_same_net():
    state, city = TaxRate({"en": "State"}, 62_500), TaxRate({"en": "City"}, 26_250)
    whole, lines = add_to_net(1999, (state, city))
    assert whole == Taxed(1999, 2176, 177)
    assert [line.amount for line in lines] == [125, 52]


def test_the_region_stands_beside_the_country():
    rows = [row(1, 10, "Federal"), row(2, 20, "Local", region="SP"), row(3, 30, "Local", region="RJ")]
    assert resolved(rows) == [10]
    assert resolved(rows, "SP") == [10, 20]
    assert resolved(rows, " br-rj ") == [10, 30]
    assert resolved(rows, "MG") == [10]


def test_the_region_replaces_the_country_where_it_says_so():
    rows = [row(1, 10), row(2, 20, region="SP", replaces_country=True), row(3, 5, "Fundo", region="SP")]
    assert resolved(rows, "SP") == [5, 20]
    assert resolved(rows) == [10]


def test_a_country_rate_cannot_replace_itself():
    assert resolved([row(1, 10, replaces_country=True), row(2, 20, "B", region="SP")], "SP") == [10, 20]


def test_a_new_rate_of_the_same_tax_takes_over_when_it_begins():
    rows = [row(1, 10), row(2, 20, name="ICMS", starts_at=NOON)]
    assert resolved(rows, moment=NOON - timedelta(microseconds=1)) == [10]
    assert resolved(rows) == [20]
    assert resolved([row(1, 10), row(2, 20, name={"pt-BR": "ICMS", "en": "VAT"}["pt-BR"], starts_at=NOON)]) == [20]


def test_a_rate_ends_just_before_its_end():
    rows = [row(1, 10, ends_at=NOON)]
    assert resolved(rows, moment=NOON - timedelta(microseconds=1)) == [10]
    assert resolved(rows) == []


def test_other_classes_and_countries_do_not_count():
    assert resolved([row(1, 10, tax_class_id=BOOKS), row(2, 20, country="PT")]) == []


@given(rate_rows(), st.randoms(use_true_random=False), st.sampled_from([None, "SP", "RJ", "XX"]))
def test_rates_do_not_depend_on_the_order_of_rows(rows, shuffle, region):
    before = resolve_rates(FOOD, "BR", region, NOON, rows)
    shuffle.shuffle(rows)
    assert resolve_rates(FOOD, "BR", region, NOON, rows) == before


@given(rate_rows(), st.sampled_from([None, "SP"]))
def test_rates_hold_until_they_say(rows, region):
    until = rates_valid_until(FOOD, "BR", region, NOON, rows)
    now = resolve_rates(FOOD, "BR", region, NOON, rows)
    for hours in range(8):
        later = NOON + timedelta(hours=hours)
        if until is None or later < until:
            assert resolve_rates(FOOD, "BR", region, later, rows) == now
    assert until is None or until > NOON


@given(st.lists(st.builds(TaxLine, st.sampled_from([{"en": "A"}, {"en": "B"}]), st.integers(0, 2), amounts, amounts)))
def test_grouped_taxes_add_up_whatever_their_order(lines):
    groups = group_taxes(lines)
    assert sum(group.amount for group in groups) == sum(line.amount for line in lines)
    assert groups == group_taxes(lines[::-1])
    assert len({(group.name["en"], group.rate_ppm) for group in groups}) == len(groups)


@given(st.integers(0, 10_000_000))
def test_rates_survive_the_way_out_and_back(ppm):
    assert rate_to_ppm(rate_from_ppm(ppm)) == ppm


def test_rates_as_shown():
    assert [str(rate_from_ppm(ppm)) for ppm in (180_000, 62_500, 0, 1_000_000, 10_000_000)] == [
        "0.18", "0.0625", "0", "1", "10",
    ]  # fmt: skip


@pytest.mark.parametrize("rate", ["-0.01", "10.000001", "0.1234567", "NaN", "Infinity", "1E-400000000"])
def test_rates_that_are_none_are_refused(rate):
    with pytest.raises(InvalidInput) as refusal:
        rate_to_ppm(Decimal(rate))
    assert refusal.value.code == "INVALID_RATE"
