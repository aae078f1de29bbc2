"""Law 3: the price is a pure function, and says why."""

import string
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pricing.price import PriceListRule, PriceRequest, PriceRow, price, shown
from app.pricing.reasons import ENGLISH, PORTUGUESE, PriceStep, Reason, reason_text
from app.pricing.tax import TaxRate

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
VARIANT, OTHER_VARIANT = UUID(int=1), UUID(int=2)
WEB, POS = UUID(int=10), UUID(int=11)
CENTRO, PRAIA = UUID(int=20), UUID(int=21)
VIP, STAFF = UUID(int=30), UUID(int=31)
BASE = UUID(int=100)
ICMS = (TaxRate({"pt-BR": "ICMS"}, 180_000),)
TICK = timedelta(microseconds=1)


def at(hours):
    return NOON + timedelta(hours=hours)


def request(**changes):
    return PriceRequest(**{"variant_id": VARIANT, "currency": "BRL", "moment": NOON, "channel_id": WEB, **changes})


def rule(number, **changes):
    fields = {"id": UUID(int=number), "code": f"list-{number}", "currency": "BRL", "includes_tax": True}
    return PriceListRule(**{**fields, **changes})


def row(number, list_number, amount, **changes):
    fields = {
        "id": UUID(int=number),
        "price_list_id": UUID(int=list_number),
        "variant_id": VARIANT,
        "amount": amount,
        "starts_at": LONG_AGO,
    }
    return PriceRow(**{**fields, **changes})


def asked(rules, rows, **changes):
    return price(request(**changes), rows, {rule.id: rule for rule in rules}, rates=ICMS, explain=True)


def show(quote, *, shows_tax, rates=ICMS):
    price_shown = shown(quote, shows_tax=shows_tax, rates=rates)
    assert price_shown is not None
    return price_shown


def codes(quote):
    return [(step.rule, step.code.value) for step in quote.explanation]


base = rule(100, code="base", is_base=True)

some_of = st.none() | st.frozensets(st.sampled_from([WEB, POS, CENTRO, PRAIA, VIP, STAFF]), max_size=4)
instants = st.integers(-6, 6).map(at)
minimums = st.sampled_from([0, 0, 1000, 2500, 10_000])


@st.composite
def price_lists(draw):
    rules = [
        rule(
            number,
            includes_tax=draw(st.booleans()),
            is_base=number == 100,
            currency=draw(st.sampled_from(["BRL"] * 5 + ["USD"])),
            priority=draw(st.integers(-1, 1)),
            channel_ids=draw(some_of),
            location_ids=draw(some_of),
            customer_group_ids=draw(some_of),
            min_quantity=draw(minimums),
            starts_at=draw(st.none() | instants),
            ends_at=draw(st.none() | instants),
            active=draw(st.sampled_from([True] * 5 + [False])),
        )
        for number in range(100, 100 + draw(st.integers(1, 4)))
    ]
    return {each.id: each for each in rules}


@st.composite
def price_rows(draw):
    return [
        row(
            number,
            draw(st.integers(100, 104)),
            draw(st.integers(0, 9)),
            variant_id=draw(st.sampled_from([VARIANT] * 6 + [OTHER_VARIANT])),
            compare_at=draw(st.none() | st.integers(0, 12)),
            min_quantity=draw(minimums),
            starts_at=draw(st.just(LONG_AGO) | instants),
            ends_at=draw(st.none() | instants),
        )
        for number in range(draw(st.integers(0, 10)))
    ]


requests = st.builds(
    request,
    channel_id=st.sampled_from([WEB, POS]),
    location_id=st.sampled_from([None, CENTRO, PRAIA]),
    customer_group_ids=st.frozensets(st.sampled_from([VIP, STAFF])),
    quantity_milli=st.sampled_from([1, 1000, 2500, 10_000, 10**12]),
)


@given(requests, price_rows(), price_lists(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_lists_changes_nothing(request, rows, lists, shuffle):
    before = price(request, rows, lists, rates=ICMS, explain=True)
    shuffle.shuffle(rows)
    shuffled = list(lists.items())
    shuffle.shuffle(shuffled)
    assert price(request, rows, dict(shuffled), rates=ICMS, explain=True) == before


@given(requests, price_rows(), price_lists())
@settings(max_examples=200)
def test_the_answer_holds_until_it_says_and_then_changes(request, rows, lists):
    quote = price(request, rows, lists, rates=ICMS)
    times = {time for each in (*rows, *lists.values()) for time in (each.starts_at, each.ends_at) if time is not None}
    for time in sorted(moment for instant in times for moment in (instant - TICK, instant) if moment > NOON):
        later = price(msgspec.structs.replace(request, moment=time), rows, lists, rates=ICMS)
        if quote.valid_until is not None and time >= quote.valid_until:
            assert time == quote.valid_until
            assert msgspec.structs.replace(later, valid_until=None) != msgspec.structs.replace(quote, valid_until=None)
            break
        assert later == quote
    else:
        assert quote.valid_until is None


@given(requests, price_rows(), price_lists())
def test_the_explanation_names_the_one_price_that_applied(request, rows, lists):
    quote = price(request, rows, lists, rates=ICMS, explain=True)
    applied = [step for step in quote.explanation if step.applied]
    if quote.unit_minor is None:
        assert applied == []
    else:
        assert [(step.rule, step.code, step.amount) for step in applied] == [
            (f"price-list:{lists[quote.price_list_id].code}", Reason.LIST_PRICE, quote.unit_minor)
        ]
    told = {step.rule for step in quote.explanation}
    assert told >= {f"price-list:{each.code}" for each in lists.values()}
    for step in quote.explanation:
        assert reason_text(step)
        assert reason_text(step, "pt-BR")
    assert price(request, rows, lists, rates=ICMS) == msgspec.structs.replace(quote, explanation=())


@given(requests, price_rows(), price_lists())
def test_the_price_is_of_a_list_and_row_that_name_this_request(request, rows, lists):
    quote = price(request, rows, lists, rates=ICMS)
    if quote.unit_minor is None:
        return
    won, won_row = lists[quote.price_list_id], next(each for each in rows if each.id == quote.price_id)
    assert (won_row.price_list_id, won_row.variant_id, won_row.amount) == (won.id, VARIANT, quote.unit_minor)
    assert max(won.min_quantity, won_row.min_quantity) <= request.quantity_milli
    assert won.channel_ids is None or request.channel_id in won.channel_ids
    assert won.location_ids is None or request.location_id in won.location_ids
    assert won.customer_group_ids is None or won.customer_group_ids & request.customer_group_ids
    for each in (won, won_row):
        assert each.starts_at is None or each.starts_at <= NOON
        assert each.ends_at is None or each.ends_at > NOON
    assert quote.compare_at_minor is None or quote.compare_at_minor > quote.unit_minor


@given(price_rows(), price_lists(), st.sampled_from([1000, 10_000]))
def test_channels_differ_only_where_a_list_names_them(rows, lists, quantity):
    lists = {key: msgspec.structs.replace(each, channel_ids=None) for key, each in lists.items()}
    in_web = price(request(channel_id=WEB, quantity_milli=quantity), rows, lists, rates=ICMS, explain=True)
    assert in_web == price(request(channel_id=POS, quantity_milli=quantity), rows, lists, rates=ICMS, explain=True)


@given(requests, price_rows(), price_lists(), st.integers(1, 10**6))
def test_prices_grow_with_all_prices(request, rows, lists, factor):
    same_side = {key: msgspec.structs.replace(each, includes_tax=True) for key, each in lists.items()}
    grown = [
        msgspec.structs.replace(
            each,
            amount=each.amount * factor,
            compare_at=None if each.compare_at is None else each.compare_at * factor,
        )
        for each in rows
    ]
    small, large = price(request, rows, same_side), price(request, grown, same_side)
    assert (small.price_id, small.valid_until) == (large.price_id, large.valid_until)
    for before, after in ((small.unit_minor, large.unit_minor), (small.compare_at_minor, large.compare_at_minor)):
        assert after == (None if before is None else before * factor)


def test_nothing_costs_nothing():
    quote = asked([base], [])
    assert (quote.unit_minor, quote.price_list_id, quote.price_id, quote.compare_at_minor) == (None, None, None, None)
    assert codes(quote) == [("price-list:base", "NOT_PRICED")]
    assert shown(quote, shows_tax=True, rates=ICMS) is None


def test_the_base_list_applies_where_nothing_else_does():
    other = rule(101, channel_ids=frozenset({POS}))
    quote = asked([base, other], [row(1, 100, 1000), row(2, 101, 900)])
    assert (quote.unit_minor, quote.price_list_id, quote.price_id) == (1000, BASE, UUID(int=1))
    assert codes(quote) == [("price-list:list-101", "OTHER_CHANNEL"), ("price-list:base", "LIST_PRICE")]
    assert reason_text(quote.explanation[0], "pt-BR") == "A tabela de preços é de outros canais."


def test_an_override_goes_before_the_base_list_whatever_its_priority_and_price():
    quote = asked([msgspec.structs.replace(base, priority=9), rule(101)], [row(1, 100, 1000), row(2, 101, 1200)])
    assert (quote.unit_minor, quote.compare_at_minor) == (1200, None)
    assert codes(quote) == [("price-list:list-101", "LIST_PRICE"), ("price-list:base", "OVERRIDDEN")]


@pytest.mark.parametrize(
    ("weaker", "stronger", "why"),
    [
        ({"priority": 1, "location_ids": frozenset({CENTRO})}, {"priority": 2}, "LOWER_PRIORITY"),
        ({"customer_group_ids": frozenset({VIP})}, {"location_ids": frozenset({CENTRO})}, "LESS_SPECIFIC"),
        ({"channel_ids": frozenset({WEB})}, {"customer_group_ids": frozenset({VIP})}, "LESS_SPECIFIC"),
        ({}, {"channel_ids": frozenset({WEB})}, "LESS_SPECIFIC"),
        (
            {"location_ids": frozenset({CENTRO})},
            {"location_ids": frozenset({CENTRO}), "channel_ids": frozenset({WEB})},
            "LESS_SPECIFIC",
        ),
    ],
)
def test_precedence_among_overrides(weaker, stronger, why):
    rules = [base, rule(101, **weaker), rule(102, **stronger)]
    rows = [row(1, 100, 1000), row(2, 101, 800), row(3, 102, 900)]
    quote = asked(rows=rows, rules=rules, location_id=CENTRO, customer_group_ids=frozenset({VIP}))
    assert (quote.unit_minor, quote.compare_at_minor) == (900, 1000)
    assert codes(quote) == [
        ("price-list:list-102", "LIST_PRICE"), ("price-list:list-101", why), ("price-list:base", "OVERRIDDEN"),
    ]  # fmt: skip
    assert "list-102" in reason_text(quote.explanation[1])


def test_among_equal_lists_the_lower_price_then_the_older_list_wins():
    quote = asked([rule(101), rule(102)], [row(1, 101, 900), row(2, 102, 800)])
    assert (quote.unit_minor, codes(quote)[0]) == (800, ("price-list:list-101", "HIGHER_PRICE"))
    quote = asked([rule(101), rule(102)], [row(1, 101, 800), row(2, 102, 800)])
    assert (quote.price_list_id, codes(quote)[1]) == (UUID(int=101), ("price-list:list-102", "YOUNGER_LIST"))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"active": False}, "LIST_INACTIVE"),
        ({"currency": "USD"}, "OTHER_CURRENCY"),
        ({"channel_ids": frozenset({POS})}, "OTHER_CHANNEL"),
        ({"channel_ids": frozenset()}, "OTHER_CHANNEL"),
        ({"location_ids": frozenset({CENTRO})}, "OTHER_LOCATION"),
        ({"customer_group_ids": frozenset({VIP})}, "OTHER_CUSTOMER_GROUP"),
        ({"min_quantity": 1001}, "LIST_BELOW_MINIMUM"),
        ({"starts_at": NOON + TICK}, "LIST_NOT_STARTED"),
        ({"ends_at": NOON}, "LIST_ENDED"),
    ],
)
def test_a_list_that_is_not_for_this_request_says_why(changes, why):
    quote = asked([rule(101, **changes)], [row(1, 101, 900)])
    assert quote.unit_minor is None
    assert codes(quote) == [("price-list:list-101", why)]


def test_the_highest_minimum_that_is_reached_counts():
    rows = [row(1, 100, 1000), row(2, 100, 900, min_quantity=10_000), row(3, 100, 800, min_quantity=100_000)]
    assert asked([base], rows, quantity_milli=9_999).unit_minor == 1000
    quote = asked([base], rows, quantity_milli=10_000)
    assert (quote.unit_minor, quote.compare_at_minor) == (900, None)
    assert [code for _, code in codes(quote)] == ["BELOW_MINIMUM", "LIST_PRICE", "LARGER_MINIMUM_APPLIES"]
    assert reason_text(quote.explanation[0]) == "This price applies from 100 units; 10 were asked for."


def test_the_latest_start_counts_and_a_schedule_tells_its_moments():
    rows = [row(1, 100, 1000), row(2, 100, 700, starts_at=at(1), ends_at=at(2))]
    quote = asked([base], rows)
    assert (quote.unit_minor, quote.valid_until) == (1000, at(1))
    assert reason_text(quote.explanation[0]) == "This price begins at 2026-03-01T13:00:00Z."
    quote = asked([base], rows, moment=at(1))
    assert (quote.unit_minor, quote.valid_until) == (700, at(2))
    assert codes(quote)[1] == ("price-list:base", "REPLACED")
    quote = asked([base], rows, moment=at(2))
    assert (quote.unit_minor, quote.valid_until) == (1000, None)


def test_of_two_rows_with_one_start_the_younger_counts():
    rows = [row(2, 100, 900), row(1, 100, 1000)]
    assert [asked([base], each).unit_minor for each in (rows, rows[::-1])] == [900, 900]


def test_what_cannot_change_the_answer_does_not_end_it():
    rows = [row(1, 100, 1000, ends_at=at(3)), row(2, 101, 900), row(3, 102, 5, starts_at=at(1))]
    rules = [base, rule(101, priority=2), rule(102, priority=1)]
    # The base price is what the reduced one is compared with, so its end counts; the weaker list's beginning does not.
    assert asked(rules, rows).valid_until == at(3)


def test_a_long_schedule_without_effect_ends_early_rather_than_late():
    rows = [row(1, 101, 900), *(row(n, 102, 5, starts_at=at(n), ends_at=at(n + 1)) for n in range(10, 60))]
    quote = asked([rule(101, priority=2), rule(102, priority=1)], rows)
    assert (quote.unit_minor, quote.valid_until) == (900, at(26))


def test_a_reduced_price_shows_what_it_was():
    lists = [base, rule(101)]
    assert asked(lists, [row(1, 100, 1000, compare_at=1500), row(2, 101, 800)]).compare_at_minor == 1000
    assert asked(lists, [row(1, 100, 1000), row(2, 101, 800, compare_at=900)]).compare_at_minor == 900
    assert asked(lists, [row(1, 100, 1000), row(2, 101, 800, compare_at=700)]).compare_at_minor == 1000
    assert asked([base], [row(1, 100, 1000, compare_at=1000)]).compare_at_minor is None
    assert asked([base], [row(1, 100, 1000, compare_at=1500)]).compare_at_minor == 1500


def test_the_base_price_is_compared_on_the_same_side_of_tax():
    without_tax = rule(101, includes_tax=False)
    # 1180 with tax is 1000 without.
    assert asked([base, without_tax], [row(1, 100, 1180), row(2, 101, 1000)]).compare_at_minor is None
    assert asked([base, without_tax], [row(1, 100, 1180), row(2, 101, 999)]).compare_at_minor == 1000


def test_a_channel_shows_its_side_of_tax():
    quote = asked([base], [row(1, 100, 1180, compare_at=2360)])
    as_stated = show(quote, shows_tax=True)
    assert (as_stated.unit_minor, as_stated.compare_at_minor, as_stated.taxed.net) == (1180, 2360, 1000)
    assert as_stated.explanation == quote.explanation
    without_tax = show(quote, shows_tax=False)
    assert (without_tax.unit_minor, without_tax.compare_at_minor, without_tax.taxed.gross) == (1000, 2000, 1180)
    assert without_tax.explanation == (*quote.explanation, PriceStep("tax", Reason.TAX_TAKEN_OFF, True, 1000))


def test_two_prices_that_are_one_without_tax_are_no_reduction():
    quote = asked([base], [row(1, 100, 1180, compare_at=1181)])
    assert show(quote, shows_tax=True).compare_at_minor == 1181
    assert show(quote, shows_tax=False).compare_at_minor == 1001
    assert show(quote, shows_tax=False, rates=(TaxRate({}, 10**7),)).compare_at_minor is None


def test_a_row_of_an_unknown_list_is_told_and_not_used():
    quote = asked([base], [row(1, 100, 1000), row(2, 999, 1)])
    assert quote.unit_minor == 1000
    assert codes(quote)[-1] == (f"price-list:{UUID(int=999)}", "LIST_UNKNOWN")


@pytest.mark.parametrize("code", Reason)
def test_every_reason_has_both_texts_with_the_same_parameters(code):
    english, portuguese = (
        {name for _, name, _, _ in string.Formatter().parse(texts[code]) if name} for texts in (ENGLISH, PORTUGUESE)
    )
    assert english == portuguese
    assert ENGLISH[code] != PORTUGUESE[code]
