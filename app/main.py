"""The web application: database, GraphQL, health and the background work, put together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from operator import attrgetter
from typing import Any, Final

from litestar import Litestar, asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from app.api.authenticate import contexts, payer
from app.api.catalog.sight import lasting_token
from app.api.context import Context
from app.api.documents import trusted_documents
from app.api.engine.kept import Lasting
from app.api.engine.limits import Budget, Limits
from app.api.engine.sheets import Sheets
from app.api.examples import examples
from app.api.exports import export_routes
from app.api.freshness import EXTENSION_HEADERS, extensions_of
from app.api.http import health_routes, media_routes, with_request_id
from app.api.metrics import Metrics
from app.api.pages.convergence import page_routes
from app.api.permissions import check_table, guard
from app.api.public import VARY, only_trusted, public_for
from app.api.schema import schema
from app.api.snapshot import PATH as SNAPSHOT
from app.api.snapshot import SnapshotRoute
from app.api.transport.parameters import encode_json
from app.api.transport.request import Request
from app.api.transport.route import GraphQLRoute
from app.api.webhooks.shaping import shaper
from app.browse.followed import Catalog
from app.events.follower import Follower
from app.events.sequencer import sequence
from app.events.webhooks.send import Sending
from app.identity.tokens import refuse_demo_tokens
from app.platform import clock, logs
from app.platform.config import ConfigError, Settings
from app.platform.db import Database
from app.platform.lease import LOST
from app.platform.migrate import ROOT
from app.platform.spool import Spool
from app.worker import with_webhooks, work


def limits_of(settings: Settings) -> Limits:
    """What an operation may ask for, and a caller in a second."""
    per_second = settings.cost_per_second
    budget = Budget(burst=20 * per_second, per_second=per_second) if per_second else None
    return Limits(budget=budget, pages=frozenset({"nodes", "edges", "changes"}))


@asynccontextmanager
async def following(feed: Follower, *others: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Follow the feed and do the other work, as long as the block lasts."""
    with suppress(*LOST):
        await feed.begin()
    tasks = [asyncio.create_task(each) for each in (feed.run(), *others)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


SHEETS: Final = 2
"""Which part of what may be kept of the catalog may be pages as they were told last, besides."""


def graphql_route(
    settings: Settings, context_for: Callable[[Request], Awaitable[Context]], metrics: Metrics
) -> GraphQLRoute:
    """What serves `/graphql`."""
    return GraphQLRoute(
        schema,
        context_for=context_for,
        limits=limits_of(settings),
        production=settings.production,
        examples=examples(),
        guard=guard,
        sight=attrgetter("sight"),
        lasting=Lasting(lasting_token, encode_json, Sheets(settings.catalog_cache_mb / SHEETS)),
        observe=metrics.observe,
        extensions_for=extensions_of,
        extension_headers=EXTENSION_HEADERS,
        caller_of=payer,
        vary=VARY,
        public_for=public_for(settings.cache_seconds),
        trusted=trusted_documents(settings.documents),
        trusted_only=only_trusted(settings.trusted_documents == "only"),
        planned=settings.engine == "plan",
    )


def followed_catalog(settings: Settings, feed: Follower, metrics: Metrics) -> Catalog | None:
    """What this process keeps of the catalog; None where it may keep nothing."""
    if not settings.catalog_cache_mb:
        return None
    catalog = Catalog(feed, settings.catalog_cache_mb << 20)
    metrics.keep(catalog)
    return catalog


def mounted(path: str, app: ASGIApp) -> ASGIRouteHandler:
    """An ASGI application of ours at a path, with the scope as it came."""

    @asgi(path, is_mount=True, copy_scope=False)
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return serve


def create_app(settings: Settings, *, working: bool = True) -> ASGIApp:
    """An application of its own pools on `settings.database_url`. `working`: do the background work in this process.

    Every process follows the feed, and stands for election to number it.
    """
    if settings.database_url is None:
        raise ConfigError("FEIRA_DATABASE_URL: serving needs a database; `feira up` brings its own")
    logs.configure(settings.log_format)
    database = Database.open(settings.database_url)
    metrics = Metrics()
    metrics.watch(database)
    feed = Follower(database)
    metrics.follow(database, feed)
    check_table(schema._schema)
    context_for = contexts(
        database,
        production=settings.production,
        feed=feed,
        catalog=followed_catalog(settings, feed, metrics),
        webhook_allow=settings.webhook_allow,
    )
    spool = Spool(settings.data_dir / "spool")
    snapshots = SnapshotRoute(database, spool, context_for)
    route = graphql_route(settings, context_for, metrics)
    sending = Sending(
        database,
        shaper(route.engine, database),
        settings.webhook_allow,
        observe=metrics.webhook_tried,
        count=metrics.webhooks_wait,
    )
    feed.on_rows(sending.hear)

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        if settings.production:
            await refuse_demo_tokens(database, clock.now())
        jobs = [work(database, with_webhooks(sending))] if working else []
        async with following(feed, sequence(database, feed.poke, feed.take, feed.numbers), route.settle(), *jobs):
            yield
        await spool.close()
        await database.close()

    pictures = [] if settings.production else [media_routes(ROOT / "seed" / "media")]
    app = Litestar(
        [
            mounted("/graphql", route),
            mounted(SNAPSHOT, snapshots),
            health_routes(database, metrics),
            export_routes(context_for),
            page_routes(),
            *pictures,
        ],
        lifespan=[running],
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    return with_request_id(app, metrics)
