"""The `feira` command."""

import asyncio
import difflib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click
from rich.console import Console
from rich.markup import escape

from app.platform.config import ConfigError, Settings
from app.platform.console import Steps
from app.platform.postgres import PostgresError, running

if TYPE_CHECKING:
    from litestar.types import ASGIApp

    from app.platform.db import Database

T = TypeVar("T")

FACTORY = "app.cli:application"

CURL = """curl -s {url}/graphql -H 'content-type: application/json' \\
  -d '{{"query":"{{ products(first: 3) {{ nodes {{ title }} }} }}"}}'"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="feira")
def feira() -> None:
    """A headless commerce backend: one catalog, one price, one stock, one cart, for site, app and till."""


@feira.command()
def up() -> None:
    """Start everything: the database, its schema, the demo shop when it is empty, and the server."""
    begun = time.monotonic()
    with serving(demo=True) as (settings, steps, bound, tokens):
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

    async def repeat(database: "Database", _: Settings, steps: Steps) -> None:
        from app.worker import work

        steps.end()
        await work(database)

    with suppress(KeyboardInterrupt):
        on_database(repeat)


@feira.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    settings = Settings.from_environment()
    with Steps() as steps, running(settings, steps) as url:
        changed = asyncio.run(prepare(url, steps, migrate=True))
        steps.end()
        steps.console.print("the database is migrated" if changed else "the database was at the newest schema already")


@feira.command()
@click.option("--check", is_flag=True, help="Write nothing; fail when the file is not what the code says.")
def schema(*, check: bool) -> None:
    """Print the GraphQL schema to graphql/schema.graphql."""
    from app.api.schema import schema as graph
    from app.platform.migrate import ROOT

    file = ROOT / "graphql" / "schema.graphql"
    printed = graph.as_str().rstrip("\n") + "\n"
    stored = file.read_text() if file.exists() else ""
    if check and printed != stored:
        differences = difflib.unified_diff(
            stored.splitlines(), printed.splitlines(), "stored", "code", lineterm="", n=1
        )
        click.echo("\n".join(list(differences)[:40]), err=True)
        raise click.ClickException("graphql/schema.graphql is not what the code says: run `feira schema`")
    if not check:
        file.parent.mkdir(exist_ok=True)
        file.write_text(printed)


@feira.command()
def seed() -> None:
    """Load the demo shop, whole, or what an interrupted load left out."""

    async def load(database: "Database", settings: Settings, steps: Steps) -> None:
        from seed import demo

        await demo.load(database, settings, steps.bar)

    on_database(load)


def application() -> "ASGIApp":
    """The web application with the settings of the environment; uvicorn calls it in each of its processes."""
    from app.main import create_app
    from app.platform.serving import end_with_parent

    end_with_parent()
    return create_app(Settings.from_environment())


@contextmanager
def serving(*, demo: bool) -> Iterator[tuple[Settings, Steps, Any, dict[str, str]]]:
    """What serving needs, in this order: the port, the database, its schema, the demo shop and its tokens."""
    from app.platform.serving import listen

    settings = Settings.from_environment()
    with listen(settings) as bound, Steps() as steps, running(settings, steps) as url:
        # The server's processes, this one or others, read it there.
        os.environ["FEIRA_DATABASE_URL"] = url
        asyncio.run(prepare(url, steps, migrate=demo or settings.database_url is None))
        if settings.production:
            asyncio.run(refuse_demo(url))
        tokens = asyncio.run(prepare_demo(url, settings, steps)) if demo and not settings.production else {}
        yield settings, steps, bound, tokens


async def refuse_demo(url: str) -> None:
    """Raises ConfigError when a shop in earnest has tokens that came with the demo shop."""
    from app.identity.tokens import has_demo_tokens
    from app.platform.clock import now
    from app.platform.db import Database

    database = Database.open(url)
    try:
        if await has_demo_tokens(database, now()):
            raise ConfigError("FEIRA_ENV=production: this shop has demo tokens; revoke them, or start an empty one")
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


async def prepare(url: str, steps: Steps, *, migrate: bool) -> bool:
    """Reach the database and migrate it, or only see that it is migrated; whether that changed anything."""
    from app.platform.migrate import MigrationError, is_current, upgrade
    from app.platform.reach import reach

    await reach(url)
    if migrate:
        return await upgrade(url, steps)
    if not await is_current(url):
        raise MigrationError("the database is not at this version's schema: run `feira migrate`")
    return False


def on_database(work: Callable[["Database", Settings, Steps], Awaitable[T]]) -> T:
    """Run a command's work on the database that is there, or on the embedded one, started and stopped around it."""
    from app.platform.db import Database

    settings = Settings.from_environment()

    async def do(url: str, steps: Steps) -> T:
        await prepare(url, steps, migrate=settings.database_url is None)
        database = Database.open(url)
        try:
            return await work(database, settings.on(url), steps)
        finally:
            await database.close()

    with Steps() as steps, running(settings, steps) as url:
        return asyncio.run(do(url, steps))


def print_welcome(url: str, tokens: dict[str, str], seconds: float) -> None:
    """What to open, whom to be, and a first query."""
    out = Console(highlight=False, soft_wrap=True)
    out.print(f"\n[bold green]The market is open[/] [dim]({seconds:.1f} s)[/]\n")
    for name, path in (("GraphQL, with examples", "/graphql"), ("Health", "/health/ready"), ("Metrics", "/metrics")):
        out.print(f"  {name:<24}{url}{path}")
    if tokens:
        out.print("\n  Tokens of the demo shop, for the header [bold]Authorization: Bearer …[/]")
        for role, token in tokens.items():
            out.print(f"  {role:<24}{escape(token)}")
    out.print("\n  Try")
    out.print(CURL.format(url=url), markup=False)
    out.print("\n  [dim]Ctrl-C stops it; the data stays.[/]\n")
    sys.stdout.flush()


def interrupted(number: int, _: object) -> None:
    """Unwind as Ctrl-C does, so that what was started is stopped; what ends us twice ends us at once."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_DFL if name == number else signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> None:
    """Run the command; what an operator can mend is told in one line, with exit code 1."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, interrupted)
    try:
        feira(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except Exception as error:
        line = one_line(error)
        if line is None:
            raise
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]feira:[/] {escape(line)}")
        sys.exit(1)


def one_line(error: Exception) -> str | None:
    """What to tell the operator, or None for what is a bug of ours."""
    if isinstance(error, ConfigError | PostgresError):
        return str(error)
    from asyncpg import PostgresError as ServerError
    from sqlalchemy.exc import DBAPIError

    from app.platform.migrate import MigrationError
    from app.platform.reach import DatabaseUnavailable, reason
    from app.platform.serving import ServeError

    if isinstance(error, MigrationError | DatabaseUnavailable | ServeError):
        return str(error)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    cause = error.orig if isinstance(error, DBAPIError) else error
    # Out of room or memory, cut off, shut down: the server's state, not our statement.
    if isinstance(cause, ServerError) and (cause.sqlstate or "")[:2] in {"08", "53", "57", "58"}:
        return f"the database: {reason(cause)}"
    return None
