"""What shipping costs."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.delivery.rates import ShipRule, ShipTier, ship_price

weights = st.integers(0, 50_000)
totals = st.integers(-1000, 10**7)


def rule(tiers, **changes):
    return ShipRule(tiers=tuple(ShipTier(start, price) for start, price in tiers), **changes)


@st.composite
def ship_rules(draw):
    starts = sorted(draw(st.sets(st.integers(0, 40_000), min_size=1, max_size=5)))
    return rule(
        [(start, draw(st.integers(0, 9999))) for start in starts],
        rated_by=draw(st.sampled_from(["WEIGHT", "TOTAL"])),
        free_from=draw(st.none() | st.integers(0, 10**7)),
        max_weight_grams=draw(st.none() | weights),
    )


def test_tiers_by_weight():
    by_weight = rule([(0, 1290), (1000, 1890), (5000, 3490)], rated_by="WEIGHT", max_weight_grams=30_000)
    prices = [ship_price(by_weight, grams, 5000) for grams in (0, 999, 1000, 4999, 5000, 30_000, 30_001)]
    assert prices == [1290, 1290, 1890, 1890, 3490, 3490, None]


def test_tiers_by_total():
    by_total = rule([(5000, 1500), (10_000, 900)], free_from=20_000)
    prices = [ship_price(by_total, 0, total) for total in (4999, 5000, 9999, 10_000, 19_999, 20_000)]
    assert prices == [None, 1500, 1500, 900, 900, 0]


def test_too_heavy_is_not_shipped_even_free():
    assert ship_price(rule([(0, 900)], free_from=0, max_weight_grams=100), 101, 10**6) is None


@given(ship_rules(), weights, totals)
def test_a_price_is_of_the_highest_tier_reached_or_free(rule, weight, total):
    price = ship_price(rule, weight, total)
    measured = weight if rule.rated_by == "WEIGHT" else total
    if price is None:
        assert measured < rule.tiers[0].start or weight > rule.max_weight_grams
    elif rule.free_from is not None and total >= rule.free_from:
        assert price == 0
    else:
        assert price == max((tier.start, tier.price) for tier in rule.tiers if tier.start <= measured)[1]


@given(ship_rules(), weights, weights, totals)
def test_where_dearer_tiers_are_heavier_more_weight_never_costs_less(given_rule, one, other, total):
    prices = sorted(tier.price for tier in given_rule.tiers)
    tiers = [(tier.start, price) for tier, price in zip(given_rule.tiers, prices, strict=True)]
    rising = rule(tiers, rated_by="WEIGHT", free_from=given_rule.free_from)
    low, high = (ship_price(rising, weight, total) for weight in sorted((one, other)))
    assert low is None or (high is not None and low <= high)


def test_tiers_read_as_they_are_stored():
    stored = {"rated_by": "WEIGHT", "tiers": [{"from": 0, "price": 1290}, {"from": 1000, "price": 1890}]}
    assert msgspec.convert(stored, ShipRule) == rule([(0, 1290), (1000, 1890)], rated_by="WEIGHT")
    assert msgspec.to_builtins(ShipTier(0, 1290)) == {"from": 0, "price": 1290}


@pytest.mark.parametrize(
    ("tiers", "changes"),
    [
        ([], {}),
        ([(-1, 100)], {}),
        ([(0, 100), (0, 200)], {}),
        ([(10, 100), (5, 200)], {}),
        ([(0, -1)], {}),
        ([(0, 1)], {"free_from": -1}),
        ([(0, 1)], {"max_weight_grams": -1}),
    ],
)
def test_rules_that_contradict_themselves_are_refused(tiers, changes):
    with pytest.raises(ValueError, match=r"tier|threshold"):
        rule(tiers, **changes)
