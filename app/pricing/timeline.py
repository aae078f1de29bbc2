"""The prices of one variant, list and minimum quantity in time: what a new price does to those that are there.

A price without an end is the regular price from its start on. A price with an end is limited: it lies over the regular
one, which goes on after it. At any moment the price counts that began last. So two windows either have no moment in
common, or one lies in the other and began later; and one price at most has no end.

Nothing is taken away or rewritten: prices get an end, and new ones are added. One that never came to count ends when it
begins. Before the moment of the change nothing becomes different.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from app.platform.ids import new_id


class Span(Struct):
    """A price in its time. Amounts in minor units."""

    id: UUID
    amount: int
    compare_at: int | None
    starts_at: datetime
    ends_at: datetime | None
    created_at: datetime
    stored: bool = True
    """Whether the database has it."""
    changed: bool = False
    """Whether `ends_at` is to be stored."""

    def holds(self, moment: datetime) -> bool:
        return self.starts_at <= moment and (self.ends_at is None or moment < self.ends_at)

    def end(self, moment: datetime) -> None:
        self.ends_at = moment
        self.changed = True


class Wish(Struct, frozen=True):
    """From `starts_at` (None: now) to just before `ends_at` (None: open) it costs `amount`; None: no longer anything.

    `amount` None with an end takes back the limited prices within this time, and what they lay over goes on.
    """

    amount: int | None
    compare_at: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


def begin(spans: Iterable[Span], now: datetime) -> datetime:
    """The moment at which a change made now takes hold.

    Not before the last change that took hold at once: the clock of the process that made it may be ahead of ours.
    """
    return max([now, *(span.starts_at for span in spans if span.starts_at <= span.created_at)])


def carry_out(spans: list[Span], wish: Wish, now: datetime) -> Span | None:
    """Change `spans` so that the wish holds; the span that says so, None where none does.

    An open price holds from its start until the next open one that is planned; limited ones planned after its start
    stay. If it is what the regular price already is, nothing changes, and limited prices over it go on. A limited price
    holds for its whole time: what was planned to begin within is off, and what would have gone on after it does so.
    """
    immediate = wish.starts_at is None
    at = begin(spans, now) if wish.starts_at is None else wish.starts_at
    created = at if immediate else now
    if wish.ends_at is None:
        return _from_on(spans, at, wish, created)
    if wish.ends_at <= at:
        return None
    if wish.amount is None:
        _take_back(spans, at, wish.ends_at)
        return None
    return _between(spans, at, wish.ends_at, wish, created)


def _from_on(spans: list[Span], at: datetime, wish: Wish, created: datetime) -> Span | None:
    current = [span for span in spans if span.holds(at)]
    next_open = min((span.starts_at for span in spans if span.starts_at > at and span.ends_at is None), default=None)
    if wish.amount is not None and current:
        regular = min(current, key=lambda span: span.starts_at)
        if regular.ends_at == next_open and _says(regular, wish):
            return regular
    for span in current:
        span.end(at)
    return _add(spans, wish, at, next_open, created)


def _between(spans: list[Span], at: datetime, ends_at: datetime, wish: Wish, created: datetime) -> Span | None:
    current = [span for span in spans if span.holds(at)]
    within = [span for span in spans if at < span.starts_at < ends_at and span.starts_at != span.ends_at]
    if current and not within:
        innermost = max(current, key=lambda span: span.starts_at)
        if innermost.ends_at == ends_at and _says(innermost, wish):
            return innermost
    outlasting = [
        Span(span.id, span.amount, span.compare_at, span.starts_at, span.ends_at, span.created_at)
        for span in (*within, *(span for span in current if span.starts_at == at))
        if span.ends_at is None or span.ends_at > ends_at
    ]
    for span in within:
        span.end(span.starts_at)
    for span in current:
        if span.starts_at == at or (span.ends_at is not None and span.ends_at <= ends_at):
            span.end(at)
    _go_on(spans, outlasting, ends_at, created)
    return _add(spans, wish, at, ends_at, created)


def _go_on(spans: list[Span], outlasting: Sequence[Span], moment: datetime, created: datetime) -> None:
    """From `moment` on the prices that a limited one interrupted, the one that began last first."""
    taken = {span.starts_at: span.ends_at for span in spans if span.starts_at != span.ends_at}
    start: datetime | None = moment
    for span in sorted(outlasting, key=lambda span: span.starts_at, reverse=True):
        while start is not None and start in taken:
            start = taken[start]
        if start is None:
            return
        if span.ends_at is None or span.ends_at > start:
            _add(spans, Wish(span.amount, span.compare_at), start, span.ends_at, created)
            start = span.ends_at


def _take_back(spans: Iterable[Span], at: datetime, ends_at: datetime) -> None:
    for span in spans:
        if span.ends_at is not None and at < span.ends_at <= ends_at and span.starts_at < span.ends_at:
            span.end(max(at, span.starts_at))


def _says(span: Span, wish: Wish) -> bool:
    return span.amount == wish.amount and span.compare_at == wish.compare_at


def _add(
    spans: list[Span], wish: Wish, starts_at: datetime, ends_at: datetime | None, created: datetime
) -> Span | None:
    if wish.amount is None:
        return None
    span = Span(new_id(), wish.amount, wish.compare_at, starts_at, ends_at, created, stored=False)
    spans.append(span)
    return span
