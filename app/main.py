"""The web application: database, GraphQL, health and the background work, put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from litestar import Litestar, asgi
from litestar.types import ASGIApp, Receive, Scope, Send

from app.api.authenticate import contexts
from app.api.engine.limits import Budget, Limits
from app.api.examples import examples
from app.api.http import health_routes, media_routes, with_request_id
from app.api.metrics import Metrics
from app.api.permissions import check_table, guard
from app.api.schema import schema
from app.api.transport.route import GraphQLRoute
from app.api.webhooks.shaping import shaper
from app.events.webhooks.send import Sending
from app.identity.tokens import refuse_demo_tokens
from app.platform import clock, logs
from app.platform.config import ConfigError, Settings
from app.platform.db import Database
from app.platform.migrate import ROOT
from app.worker import with_webhooks, work


def limits_of(settings: Settings) -> Limits:
    """What an operation may ask for, and a caller in a second."""
    per_second = settings.cost_per_second
    return Limits(budget=Budget(burst=20 * per_second, per_second=per_second) if per_second else None)


def create_app(settings: Settings, *, working: bool = True) -> ASGIApp:
    """An application of its own pools on `settings.database_url`. `working`: do the background work in this process."""
    if settings.database_url is None:
        raise ConfigError("FEIRA_DATABASE_URL: serving needs a database; `feira up` brings its own")
    logs.configure(settings.log_format)
    database = Database.open(settings.database_url)
    metrics = Metrics()
    metrics.watch(database)
    check_table(schema._schema)
    route = GraphQLRoute(
        schema,
        context_for=contexts(database, production=settings.production, webhook_allow=settings.webhook_allow),
        limits=limits_of(settings),
        production=settings.production,
        examples=examples(),
        guard=guard,
        observe=metrics.observe,
        vary=("authorization", "feira-channel", "accept-language"),
    )

    sending = Sending(
        database,
        shaper(route.engine, database),
        settings.webhook_allow,
        observe=metrics.webhook_tried,
        count=metrics.webhooks_wait,
    )

    @asgi("/graphql", is_mount=True, copy_scope=False)
    async def graphql(scope: Scope, receive: Receive, send: Send) -> None:
        await route(scope, receive, send)

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        if settings.production:
            await refuse_demo_tokens(database, clock.now())
        jobs = asyncio.create_task(work(database, with_webhooks(sending))) if working else None
        try:
            yield
        finally:
            if jobs is not None:
                jobs.cancel()
                with suppress(asyncio.CancelledError):
                    await jobs
            await database.close()

    pictures = [] if settings.production else [media_routes(ROOT / "seed" / "media")]
    app = Litestar(
        [graphql, health_routes(database, metrics), *pictures],
        lifespan=[running],
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    return with_request_id(app, metrics)
