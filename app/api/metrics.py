"""What `/metrics` tells: operations by name, their latency and errors, requests, and the pools of connections."""

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from app.api.feed_metrics import FeedMetrics
from app.api.transport.desk import Observation
from app.browse.followed import Catalog
from app.events.follower import Follower
from app.events.webhooks.queue import Outcome
from app.platform.db import Database

# An operation's name is the client's to choose: so many are kept apart, the rest are one.
MOST_NAMES = 200

M = TypeVar("M", Counter, Histogram)

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class _Labelled(Generic[M]):
    """A metric whose children are looked up in a fraction of the time that it takes."""

    def __init__(self, metric: M) -> None:
        self._metric: M = metric
        self._children: dict[tuple[str, ...], M] = {}

    def labels(self, *labels: str) -> M:
        """The child with these values of its labels, which are few."""
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._metric.labels(*labels)
        return child


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ["name", "kind", "transport", "outcome"]
        self._operations = self._counter("feira_operations", "GraphQL operations.", labels)
        self._seconds = _Labelled(
            Histogram(
                "feira_operation_seconds",
                "How long GraphQL operations took.",
                ["name", "kind"],
                buckets=BUCKETS,
                registry=self.registry,
            )
        )
        self._documents = self._counter(
            "feira_documents", "GraphQL operations by how their document was sent.", ["source"]
        )
        self._cost = self._counter("feira_operation_cost", "Cost of GraphQL operations.", ["kind"])
        self._errors = self._counter("feira_errors", "Top-level GraphQL errors by code.", ["code"])
        self._executions = self._counter(
            "feira_executions", "GraphQL operations by what ran them: a plan, or graphql-core.", ["executor"]
        )
        self._requests = self._counter("feira_requests", "HTTP requests by method and status.", ["method", "status"])
        self._attempts = self._counter("feira_webhook_attempts", "Attempts to send a webhook.", ["outcome"])
        self._attempt_seconds = Histogram(
            "feira_webhook_attempt_seconds", "How long they took.", buckets=BUCKETS, registry=self.registry
        )
        self._waiting = Gauge(
            "feira_webhook_deliveries_waiting", "Deliveries planned and not over.", registry=self.registry
        )
        self._names: set[str] = set()
        self._feed: FeedMetrics | None = None

    def _counter(self, name: str, told: str, labels: Sequence[str]) -> "_Labelled[Counter]":
        return _Labelled(Counter(name, told, labels, registry=self.registry))

    def watch(self, database: Database) -> None:
        """Tell of the database's pools too."""
        self.registry.register(_Pools(database))

    def follow(self, database: Database, follower: Follower) -> None:
        """Tell of the feed too."""
        self._feed = FeedMetrics(database, follower)
        self.registry.register(self._feed)

    def keep(self, catalog: Catalog) -> None:
        """Tell of what is kept of the catalog too."""
        self.registry.register(_Kept(catalog))

    def observe(self, seen: Observation) -> None:
        """An operation is over."""
        name, kind = self._name(seen.name), seen.kind or "none"
        self._operations.labels(name, kind, seen.transport, seen.outcome).inc()
        self._seconds.labels(name, kind).observe(seen.seconds)
        self._cost.labels(kind).inc(seen.cost)
        if seen.executor is not None:
            self._executions.labels(seen.executor).inc()
        if seen.document is not None:
            self._documents.labels(seen.document).inc()
        for code in seen.codes:
            self._errors.labels(code).inc()

    def answered(self, method: str, status: int) -> None:
        """A request was answered."""
        known = method if method in {"GET", "HEAD", "POST", "OPTIONS"} else "other"
        self._requests.labels(known, str(status)).inc()

    def webhook_tried(self, outcome: Outcome) -> None:
        """An attempt to send a webhook is over."""
        self._attempts.labels("delivered" if outcome.delivered else "failed").inc()
        self._attempt_seconds.observe(outcome.milliseconds / 1_000)

    def webhooks_wait(self, number: int) -> None:
        """So many deliveries wait, in the whole shop."""
        self._waiting.set(number)

    async def text(self) -> bytes:
        """In Prometheus' text format."""
        if self._feed is not None:
            await self._feed.look()
        return generate_latest(self.registry)

    def _name(self, name: str | None) -> str:
        if name is None:
            return "anonymous"
        if name not in self._names:
            if len(self._names) >= MOST_NAMES:
                return "other"
            self._names.add(name)
        return name


class _Pools:
    """Connections of each pool that are in use and idle, read when asked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily("feira_pool_connections", "Connections by pool and state.", labels=["pool", "state"])
        for name, lines in (("reads", self._database.lines), ("writes", self._database.write_lines)):
            family.add_metric([name, "in_use"], lines.in_use)
            family.add_metric([name, "idle"], lines.idle)
        yield family


class _Kept:
    """How the followed catalog fares, read when asked."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        kept = self._catalog
        yield GaugeMetricFamily("feira_catalog_bytes", "What is kept of the catalog, in bytes, about.", value=kept.size)
        yield GaugeMetricFamily("feira_catalog_entries", "How many things that are.", value=len(kept))
        yield CounterMetricFamily("feira_catalog_hits", "Asked for, and kept.", value=kept.hits)
        yield CounterMetricFamily("feira_catalog_misses", "Asked for, and read.", value=kept.misses)
        yield CounterMetricFamily("feira_catalog_drops", "Dropped: changed since, by the feed.", value=kept.drops)
        yield CounterMetricFamily("feira_catalog_spoiled", "Read, and changed meanwhile.", value=kept.spoiled)
        lists = kept.lists
        yield GaugeMetricFamily("feira_lists_bytes", "What is kept of lists of products, about.", value=lists.size)
        yield CounterMetricFamily("feira_lists_hits", "Lists asked for, and kept.", value=lists.hits)
        yield CounterMetricFamily("feira_lists_misses", "Lists asked for, and read.", value=lists.misses)
        yield CounterMetricFamily("feira_lists_drops", "Lists dropped: something was written.", value=lists.drops)
        sets = kept.sets
        yield GaugeMetricFamily(
            "feira_sets_bytes", "Sets of products and what facets count, in bytes.", value=sets.size
        )
        yield GaugeMetricFamily("feira_sets_entries", "How many sets that are.", value=len(sets))
        yield CounterMetricFamily("feira_sets_hits", "Sets that were asked for, and kept.", value=sets.hits)
        yield CounterMetricFamily("feira_sets_misses", "Sets that were asked for, and read.", value=sets.misses)
