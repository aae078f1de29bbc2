"""The `feira` command."""

import asyncio
import difflib
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from uuid import UUID

import rich_click as click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.platform.config import ConfigError, Settings
from app.platform.console import Steps
from app.platform.postgres import PostgresError, running

if TYPE_CHECKING:
    from litestar.types import ASGIApp

    from app.browse.imports import Summary
    from app.catalog.formats.records import RowError
    from app.identity.principal import Actor
    from app.platform.db import Database, Tx

T = TypeVar("T")

FACTORY = "app.cli:application"

STAFF_ROLES = ("owner", "manager", "cashier", "catalog", "service", "readonly")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="feira")
def feira() -> None:
    """A headless commerce backend: one catalog, one price, one stock, one cart, for site, app and till."""


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


@feira.group()
def token() -> None:
    """Tokens: the secrets that stand for staff, devices and API clients."""


@token.command()
@click.option("--kind", type=click.Choice(["staff", "device", "client"]), required=True)
@click.option("--role", type=click.Choice(STAFF_ROLES), help="Of staff; they have it everywhere when they are new.")
@click.option("--email", help="Of staff: those who have it, or new ones. Left out: ROLE@feira.invalid.")
@click.option("--register", help="The code of the register that the device stands at.")
@click.option("--channel", help="The code of the channel that the client sells in.")
@click.option("--name", help="Of who is new; of the device or client that is there (left out: the code).")
@click.option("--expires-days", type=click.IntRange(1, 36_500), help="Left out: it does not expire.")
def create(
    *,
    kind: str,
    role: str | None,
    email: str | None,
    register: str | None,
    channel: str | None,
    name: str | None,
    expires_days: int | None,
) -> None:
    """Make a token and print it, and nothing else; who it is to stand for is found, or made."""
    code = {"staff": role, "device": register, "client": channel}[kind]
    if code is None or sum(given is not None for given in (role, register, channel)) > 1:
        raise click.UsageError("--kind staff goes with --role, device with --register, client with --channel.")

    async def make(tx: "Tx") -> str:
        from app.identity import bearers, tokens

        actor = await operator(tx)
        if kind == "staff":
            bearer = await bearers.staff_bearer(tx, actor, role=code, email=email, name=name)
        elif kind == "device":
            bearer = await bearers.device_bearer(tx, actor, register_code=code, name=name)
        else:
            bearer = await bearers.client_bearer(tx, actor, channel_code=code, name=name)
        expires_at = None if expires_days is None else actor.now + timedelta(days=expires_days)
        return (await tokens.create(tx, actor, bearer=bearer, label="feira token create", expires_at=expires_at)).secret

    click.echo(on_database(lambda database, _, __: database.run(make)))


async def operator(tx: "Tx") -> "Actor":
    """Whoever may run this command: the shop itself."""
    from app.channels.queries import NoChannel, default_channel
    from app.identity.principal import system_actor
    from app.platform.clock import now

    try:
        channel_id = (await default_channel(tx)).id
    except NoChannel:
        channel_id = UUID(int=0)
    return system_actor(channel_id, now(), name="operator")


@feira.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON: what was checked, with what contradicts it.")
def audit(*, as_json: bool) -> None:
    """Check every law on the live database: exit code 0 when all hold, 1 with each violation."""

    async def check(database: "Database", _: Settings, steps: Steps) -> dict[str, list[str]]:
        from app import worker as composed

        steps("checking every law")
        found = await composed.audit(database)
        steps.end()
        return found

    found = on_database(check)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        print_audit(found)
    if any(found.values()):
        sys.exit(1)


def print_audit(found: dict[str, list[str]]) -> None:
    """A row for each check, then a line for each violation."""
    from app.worker import AUDITED

    out = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for title in ("Check", "What must hold", "Found"):
        table.add_column(title)
    for check, violations in found.items():
        table.add_row(check, AUDITED[check], f"[bold red]{len(violations)} wrong[/]" if violations else "[green]OK[/]")
    out.print(table)
    for check, violations in found.items():
        for violation in violations:
            out.print(f"[red]{check}:[/] {escape(violation)}")


@feira.group("import")
def importing() -> None:
    """Bring what other systems have into the shop."""


@importing.command("products")
@click.argument("file", type=click.File("rb"))
@click.option("--format", type=click.Choice(["shopify"]), expose_value=False, help="Left out: found by the header.")
@click.option("--location", help="The code of the stock's location. Left out: where the default channel ships from.")
@click.option("--price-list", help="The code of the list of the prices. Left out: the default channel's base list.")
@click.option("--channels", help="The codes of those that sell what is published, as in web,pos. Left out: all.")
@click.option("--locale", help="The language of the file: pt-BR or en. Left out: the default channel's.")
@click.option("--inventory", type=click.Choice(["once", "set"]), default="once", help="Set: count known variants anew.")
@click.option("--dry-run", is_flag=True, help="Write nothing, tell everything.")
def import_products(*, file: BinaryIO, channels: str | None, **given: Any) -> None:
    """Import a product file. A bad row is told by line and column, and leaves the rest.

    The same file again changes nothing. The exit code is 1 when nothing of the file could be imported.
    """

    async def load(database: "Database", _: Settings, steps: Steps) -> "Summary":
        from app.browse import import_plan, imports

        def report(error: "RowError") -> None:
            steps.console.print(imports.line_of(file.name, error), markup=False, soft_wrap=True)

        actor, codes = await database.run(operator), channels.split(",") if channels is not None else None
        name = os.path.basename(file.name)
        plan = await import_plan.plan_import(database, actor, channels=codes, source=name, **given)
        size = os.fstat(file.fileno()).st_size if file.seekable() else 0

        def go_on() -> None:
            steps.bar(f"importing {name}", file.tell() if size else 0, size)

        go_on()
        return await imports.import_file(file, plan, actor, carry_out=database.run, report=report, progress=go_on)

    summary = on_database(load)
    click.echo(f"{'dry run: ' if given['dry_run'] else ''}{summary}")
    if summary.errors and not summary.imported:
        sys.exit(1)


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

    from app.platform.errors import Refusal, Refusals
    from app.platform.migrate import MigrationError
    from app.platform.reach import DatabaseUnavailable, reason
    from app.platform.serving import ServeError

    if isinstance(error, MigrationError | DatabaseUnavailable | ServeError | Refusal | Refusals):
        return str(error)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    cause = error.orig if isinstance(error, DBAPIError) else error
    # Out of room or memory, cut off, shut down: the server's state, not our statement.
    if isinstance(cause, ServerError) and (cause.sqlstate or "")[:2] in {"08", "53", "57", "58"}:
        return f"the database: {reason(cause)}"
    return None
