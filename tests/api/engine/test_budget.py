"""A caller's budget empties, fills again, and is forgotten only when full buckets are."""

import pytest

from app.api.engine.budget import Purse
from app.api.engine.errors import RequestError
from app.api.engine.limits import Budget


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_and_says_when_to_come_back() -> None:
    clock = Clock()
    purse = Purse(Budget(burst=100, per_second=10, callers=10), clock)
    assert purse.spend("ana", 80) == 20
    with pytest.raises(RequestError, match=r"Cost: 30, left of your budget is 20 of 100; try again in 1 s") as refused:
        purse.spend("ana", 30)
    assert refused.value.code == "LIMIT_EXCEEDED"
    assert refused.value.retry_after == pytest.approx(1.0)
    assert purse.spend("bia", 80) == 20
    clock.now += 1
    assert purse.spend("ana", 30) == 0
    clock.now += 1_000
    assert purse.spend("ana", 1) == 99


def test_an_operation_dearer_than_the_bucket_runs_on_a_full_one_and_leaves_a_debt() -> None:
    clock = Clock()
    purse = Purse(Budget(burst=100, per_second=10, callers=10), clock)
    assert purse.spend("ana", 300) == -200
    clock.now += 20
    with pytest.raises(RequestError):
        purse.spend("ana", 1)
    clock.now += 1
    assert purse.spend("ana", 1) == 9


def test_no_more_callers_are_kept_than_agreed() -> None:
    purse = Purse(Budget(burst=10, per_second=1, callers=3), Clock())
    for caller in range(100):
        purse.spend(caller, 1)
    assert len(purse) == 3
