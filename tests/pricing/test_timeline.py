"""A new price among those that are there: what holds when, and that the past stays as it was."""

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.platform.ids import new_id
from app.pricing.timeline import Span, Wish, carry_out

START = datetime(2026, 1, 1, tzinfo=UTC)
HORIZON = 60
# Amount; after how many minutes it starts, None: at once; how many it lasts, None: for ever.
Wanted = tuple[int | None, int | None, int | None]


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def winner(spans: list[Span], moment: datetime) -> Span | None:
    return max((span for span in spans if span.holds(moment)), key=lambda span: span.starts_at, default=None)


def says(spans: list[Span]) -> list[int | None]:
    """What it costs at each minute."""
    found = [winner(spans, at(minute)) for minute in range(HORIZON)]
    return [span.amount if span else None for span in found]


def copy(spans: list[Span]) -> list[Span]:
    return [Span(s.id, s.amount, s.compare_at, s.starts_at, s.ends_at, s.created_at) for s in spans]


wishes = st.builds(
    lambda amount, start, length: (amount, start, length),
    st.sampled_from([None, 100, 200, 300]),
    st.one_of(st.none(), st.integers(0, 15)),
    st.one_of(st.none(), st.integers(1, 20)),
)
histories = st.lists(st.tuples(st.integers(0, 4), wishes), min_size=1, max_size=10)


def make(now: int, wanted: Wanted) -> Wish:
    amount, start, length = wanted
    begins = None if start is None else at(now + start)
    ends = None if length is None else at(now + (start or 0) + length)
    return Wish(amount, None, begins, ends)


def check_shape(spans: list[Span]) -> None:
    real = [span for span in spans if span.starts_at != span.ends_at]
    assert sum(span.ends_at is None for span in real) <= 1
    for one, other in combinations(sorted(real, key=lambda span: span.starts_at), 2):
        if one.holds(other.starts_at):
            assert one.starts_at < other.starts_at
            assert one.ends_at is None or (other.ends_at is not None and other.ends_at <= one.ends_at)


def expected(before: list[Span], wish: Wish, now: int) -> list[int | None]:
    """What the rules say it costs at each minute, said another way than the code says it."""
    was = says(before)
    begins = wish.starts_at or at(now)
    minutes = [at(minute) for minute in range(HORIZON)]
    if wish.ends_at is not None and wish.amount is not None:
        return [
            wish.amount if begins <= minute < wish.ends_at else old for minute, old in zip(minutes, was, strict=True)
        ]
    if wish.ends_at is not None:
        rest = [s for s in before if not (s.ends_at is not None and begins < s.ends_at <= wish.ends_at)]
        return [new if minute >= begins else old for minute, old, new in zip(minutes, was, says(rest), strict=True)]
    rest = [span for span in before if span.starts_at > begins]
    until = min((span.starts_at for span in rest if span.ends_at is None), default=at(HORIZON))
    current = [span for span in before if span.holds(begins)]
    if wish.amount is not None and current:
        regular = min(current, key=lambda span: span.starts_at)
        if regular.amount == wish.amount and (regular.ends_at or at(HORIZON)) == until:
            return was
    return [
        old if minute < begins else (planned if planned is not None or minute >= until else wish.amount)
        for minute, old, planned in zip(minutes, was, says(rest), strict=True)
    ]


@given(histories)
def test_every_wish_holds_and_the_past_stays(
    history: list[tuple[int, tuple[int | None, int | None, int | None]]],
) -> None:
    spans: list[Span] = []
    now = 0
    for pause, wanted in history:
        now += pause
        before, wish = copy(spans), make(now, wanted)
        answer = carry_out(spans, wish, at(now))
        assert says(spans) == expected(before, wish, now)
        assert says(spans)[:now] == says(before)[:now]
        assert (answer is None) == (wish.amount is None)
        check_shape(spans)
        for old, new in zip(before, spans, strict=False):
            assert (old.id, old.amount, old.starts_at) == (new.id, new.amount, new.starts_at)
            assert old.ends_at == new.ends_at or old.ends_at is None or old.ends_at > at(now)


@given(histories)
def test_the_same_wish_again_changes_nothing(
    history: list[tuple[int, tuple[int | None, int | None, int | None]]],
) -> None:
    spans: list[Span] = []
    now = 0
    for pause, wanted in history:
        now += pause
        carry_out(spans, make(now, wanted), at(now))
        held = says(spans)
        for span in spans:
            span.changed, span.stored = False, True
        carry_out(spans, make(now, wanted), at(now))
        assert says(spans) == held
        if wanted[0] is not None:
            assert not [span for span in spans if span.changed or not span.stored]


def price(amount: int, start: int, end: int | None = None) -> Span:
    return Span(new_id(), amount, None, at(start), None if end is None else at(end), at(min(start, 0)))


def test_the_regular_price_goes_on_after_a_limited_one() -> None:
    spans = [price(100, 0)]
    carry_out(spans, Wish(60, None, at(10), at(20)), at(5))
    assert (says(spans)[9], says(spans)[10], says(spans)[19], says(spans)[20]) == (100, 60, 60, 100)
    assert spans[0].ends_at is None


def test_a_planned_limited_price_outlives_a_change_of_the_regular_one() -> None:
    spans = [price(100, 0), price(60, 10, 20)]
    carry_out(spans, Wish(90), at(5))
    assert (says(spans)[4], says(spans)[5], says(spans)[10], says(spans)[20]) == (100, 90, 60, 90)


def test_the_regular_price_said_again_leaves_a_running_limited_one() -> None:
    spans = [price(100, 0), price(60, 10, 20)]
    assert carry_out(spans, Wish(100), at(15)) is spans[0]
    assert not [span for span in spans if span.changed]


def test_another_regular_price_ends_a_running_limited_one() -> None:
    spans = [price(100, 0), price(60, 10, 20)]
    carry_out(spans, Wish(90), at(15))
    assert says(spans)[14:22] == [60] + 7 * [90]


def test_a_regular_price_planned_within_a_limited_one_waits_for_its_end() -> None:
    spans = [price(100, 0)]
    carry_out(spans, Wish(120, None, at(15)), at(1))
    carry_out(spans, Wish(60, None, at(10), at(20)), at(2))
    assert (says(spans)[9], says(spans)[15], says(spans)[20]) == (100, 60, 120)


def test_a_limited_price_can_be_taken_back_before_and_while_it_runs() -> None:
    for now in (5, 15):
        spans = [price(100, 0), price(60, 10, 20)]
        carry_out(spans, Wish(None, None, None, at(20)), at(now))
        assert says(spans)[now:] == [100] * (HORIZON - now)


def test_a_clock_that_is_behind_does_not_lose_its_change() -> None:
    spans: list[Span] = []
    carry_out(spans, Wish(100), at(10))
    carry_out(spans, Wish(200), at(9))
    assert says(spans)[10] == 200
    check_shape(spans)


@pytest.mark.parametrize("end", [None, 30])
def test_what_never_came_to_count_ends_when_it_begins(end: int | None) -> None:
    spans = [price(100, 0), price(60, 10, 20)]
    carry_out(spans, Wish(80, None, at(5), at(end or 25)), at(1))
    assert spans[1].ends_at == at(10)
