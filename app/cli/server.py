"""`feira up`, `serve` and `worker`: what runs until it is stopped."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from app.cli.group import feira
from app.cli.running import on_database, prepare
from app.platform.config import Settings
from app.platform.console import Steps
from app.platform.postgres import running

if TYPE_CHECKING:
    from litestar.types import ASGIApp

    from app.platform.db import Database

FACTORY = "app.cli:application"


@feira.command()
def up() -> None:
    """Start everything: the database, its schema, the demo shop when it is empty, and the server."""
    begun = time.monotonic()
    with serving(demo=True) as (settings, steps, bound, tokens):
        from app.api.welcome import print_welcome
        from app.platform.serving import serve, url_of

        url = url_of(bound)
        steps("starting the server")

        def welcome() -> None:
            steps.end()
            print_welcome(url, tokens, time.monotonic() - begun)

        serve(FACTORY, bound, workers=settings.workers, when_ready=welcome)
        steps.console.print("  stopping …")


@feira.command()
def serve() -> None:
    """Serve on a database that is migrated already; nothing is seeded."""
    with serving(demo=False) as (settings, steps, bound, _):
        from app.platform import serving as web

        url = web.url_of(bound)
        web.serve(FACTORY, bound, workers=settings.workers, when_ready=lambda: steps.console.print(f"serving on {url}"))


@feira.command()
def worker() -> None:
    """Do the background work alone, for a shop whose servers are started by `feira serve`."""

    async def repeat(database: "Database", settings: Settings, steps: Steps) -> None:
        from app.api.engine.execute import Engine
        from app.api.permissions import guard
        from app.api.schema import schema
        from app.api.webhooks.shaping import shaper
        from app.events.webhooks.send import Sending
        from app.worker import with_webhooks, work

        engine = Engine(schema, production=settings.production, guard=guard)
        steps.end()
        await work(database, with_webhooks(Sending(database, shaper(engine, database), settings.webhook_allow)))

    with suppress(KeyboardInterrupt):
        on_database(repeat)


def application() -> "ASGIApp":
    """The web application with the settings of the environment; uvicorn calls it in each of its processes."""
    from app.main import create_app
    from app.platform.serving import end_with_parent, spare_the_collector

    end_with_parent()
    app = create_app(Settings.from_environment())
    spare_the_collector()
    return app


@contextmanager
def serving(*, demo: bool) -> Iterator[tuple[Settings, Steps, Any, dict[str, str]]]:
    """What serving needs, in this order: the port, the database, its schema, the demo shop and its tokens."""
    from app.platform.serving import listen

    settings = Settings.from_environment()
    with listen(settings) as bound, Steps() as steps, running(settings, steps) as url:
        if settings.replica_urls:
            told = "  FEIRA_REPLICA_URLS: no replica is read from in this version; all goes to the primary"
            steps.console.print(told, soft_wrap=True)
        # The server's processes, this one or others, read it there.
        os.environ["FEIRA_DATABASE_URL"] = url
        asyncio.run(prepare(url, steps, migrate=demo or settings.database_url is None))
        if settings.production:
            asyncio.run(refuse_demo(url))
        tokens = asyncio.run(prepare_demo(url, settings, steps)) if demo and not settings.production else {}
        yield settings, steps, bound, tokens


async def refuse_demo(url: str) -> None:
    """Raises ConfigError when a shop in earnest has tokens that came with the demo shop."""
    from app.identity.tokens import refuse_demo_tokens
    from app.platform.clock import now
    from app.platform.db import Database

    database = Database.open(url)
    try:
        await refuse_demo_tokens(database, now())
    finally:
        await database.close()


async def prepare_demo(url: str, settings: Settings, steps: Steps) -> dict[str, str]:
    """Seed an empty shop. A token for each demo role, none where the shop is no demo."""
    from app.platform.db import Database
    from seed import demo as shop

    database = Database.open(url)
    try:
        await shop.load(database, settings, steps.bar)
        return await shop.tokens(database, settings)
    finally:
        await database.close()
