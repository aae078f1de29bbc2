"""Tenders add up to the total, to the centavo, and give the right change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.payments.tenders import Tender, check_tenders
from app.platform.errors import InvalidInput, Refusals

AMOUNTS = st.lists(st.integers(1, 10**12), min_size=1, max_size=20)


@given(AMOUNTS, st.data())
def test_change_is_what_was_handed_over_beyond(amounts: list[int], data: st.DataObject):
    extra = [data.draw(st.none() | st.integers(0, 10**6)) for _ in amounts]
    tenders = [
        Tender("CASH", amount, None if more is None else amount + more)
        for amount, more in zip(amounts, extra, strict=True)
    ]
    assert check_tenders(tenders, sum(amounts)) == sum(more or 0 for more in extra)


@given(AMOUNTS, st.integers(-(10**6), 10**6).filter(bool))
def test_a_centavo_too_much_or_too_little_is_refused(amounts: list[int], off: int):
    with pytest.raises(InvalidInput) as caught:
        check_tenders([Tender("OTHER", amount) for amount in amounts], sum(amounts) + off)
    assert (caught.value.code, caught.value.path) == ("TENDERS_DO_NOT_ADD_UP", ("tenders",))
    assert ("less" in str(caught.value)) == (off > 0)


def test_all_that_is_wrong_is_told_at_once():
    tenders = [Tender("CASH", 0, path=("tenders", "0")), Tender("OTHER", -1, 5, path=("tenders", "1"))]
    with pytest.raises(Refusals) as caught:
        check_tenders(tenders, -1)
    assert [each.path for each in caught.value.refusals] == [
        ("tenders", "0", "amount"),
        ("tenders", "1", "amount"),
        ("tenders", "1", "received"),
    ]


def test_nothing_to_pay_needs_no_tender():
    assert check_tenders([], 0) == 0
