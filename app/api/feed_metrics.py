"""What `/metrics` tells of the feed: how far it is, who is behind it, whether channels agree. Read when asked."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import structlog
from msgspec import Struct
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import Row

from app.browse.convergence import last_sweep
from app.events.feed import Head, head_of
from app.events.follower import Follower
from app.events.followers import all_followers, lag_seconds
from app.events.unnumbered import Unnumbered, unnumbered
from app.platform import clock
from app.platform.db import Database
from app.platform.lease import LOST

log = structlog.get_logger("feira.metrics")

MOST_FOLLOWERS: Final = 100
"""Of more only those that are furthest behind are told."""


class Seen(Struct, frozen=True):
    """What was read at a moment."""

    moment: datetime
    head: Head
    unnumbered: Unnumbered
    followers: Sequence[Row[Any]]
    sweep: Row[Any] | None


class FeedMetrics:
    """A collector for Prometheus' registry. Let it `look` before the registry is asked."""

    def __init__(self, database: Database, follower: Follower) -> None:
        self._database, self._follower = database, follower
        self._seen: Seen | None = None

    async def look(self) -> None:
        """Read what is told. Of a database that does not answer nothing is told but this process's own position."""
        db = self._database
        try:
            followers = await all_followers(db, most=MOST_FOLLOWERS)
            waiting, sweep = await unnumbered(db), await last_sweep(db)
            self._seen = Seen(clock.now(), await head_of(db), waiting, followers, sweep)
        except LOST as error:
            log.warning("cannot tell of the feed", reason=type(error).__name__)
            self._seen = None

    def collect(self) -> Iterable[GaugeMetricFamily]:
        position = self._follower.position
        yield GaugeMetricFamily("feira_feed_read_position", "How far this process has read the feed.", value=position)
        seen = self._seen
        if seen is None:
            return
        yield GaugeMetricFamily("feira_feed_head_position", "How far the feed is.", value=seen.head.position)
        yield GaugeMetricFamily(
            "feira_feed_forgotten_position",
            "The position before the oldest one that is kept.",
            value=seen.head.forgotten,
        )
        yield GaugeMetricFamily(
            "feira_feed_unnumbered",
            "Changes that were committed and have no position yet, about; counted up to 100,000.",
            value=seen.unnumbered.changes,
        )
        yield GaugeMetricFamily(
            "feira_feed_unnumbered_seconds",
            "How long the oldest of these has waited: the sequencer's delay.",
            value=seen.unnumbered.seconds(seen.moment),
        )
        yield from _lags(seen)
        if seen.sweep is not None:
            yield GaugeMetricFamily(
                "feira_divergences",
                "What channels show differently without a rule, by the last sweep: 0, or a bug.",
                value=seen.sweep.divergent,
            )
            yield GaugeMetricFamily(
                "feira_divergences_checked_timestamp_seconds",
                "When that sweep ended.",
                value=seen.sweep.checked_at.timestamp(),
            )


def _lags(seen: Seen) -> Iterable[GaugeMetricFamily]:
    labels = ["follower", "kind", "of"]
    lags = GaugeMetricFamily("feira_follower_lag", "How many positions a named follower is behind.", labels=labels)
    seconds = GaugeMetricFamily(
        "feira_follower_lag_seconds", "How old the oldest change is that it has not taken in.", labels=labels
    )
    for row in seen.followers:
        named = [row.name, row.kind, row.principal]
        lags.add_metric(named, row.lag)
        seconds.add_metric(named, lag_seconds(row, seen.moment))
    yield from (lags, seconds)
