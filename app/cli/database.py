"""`feira migrate`, `seed`, `schema` and `audit`: what is done once, to the database or from the code."""

import asyncio
import difflib
import json
import sys
from typing import TYPE_CHECKING

import rich_click as click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.cli.group import feira
from app.cli.running import on_database, prepare
from app.platform.config import Settings
from app.platform.console import Steps
from app.platform.postgres import running

if TYPE_CHECKING:
    from app.platform.db import Database


@feira.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    settings = Settings.from_environment()
    with Steps() as steps, running(settings, steps) as url:
        changed = asyncio.run(prepare(url, steps, migrate=True))
        steps.end()
        steps.console.print("the database is migrated" if changed else "the database was at the newest schema already")


@feira.command()
def seed() -> None:
    """Load the demo shop, whole, or what an interrupted load left out."""

    async def load(database: "Database", settings: Settings, steps: Steps) -> None:
        from seed import demo

        await demo.load(database, settings, steps.bar)

    on_database(load)


@feira.command()
@click.option("--check", is_flag=True, help="Write nothing; fail when a file is not what the code says.")
def schema(*, check: bool) -> None:
    """Print the GraphQL schema to graphql/schema.graphql, and those of the records to docs/records."""
    from app.platform.migrate import ROOT

    for name, printed in schemas().items():
        file = ROOT / name
        stored = file.read_text() if file.exists() else ""
        if check and printed != stored:
            differences = difflib.unified_diff(
                stored.splitlines(), printed.splitlines(), "stored", "code", lineterm="", n=1
            )
            click.echo("\n".join(list(differences)[:40]), err=True)
            raise click.ClickException(f"{name} is not what the code says: run `feira schema`")
        if not check:
            file.parent.mkdir(exist_ok=True)
            file.write_text(printed)


def schemas() -> dict[str, str]:
    """By file, the schemas that the code says."""
    from app.api.records import SOURCES, schema_of
    from app.api.schema import schema as graph

    found = {"graphql/schema.graphql": graph.as_str().rstrip("\n") + "\n"}
    for topic in SOURCES:
        printed = json.dumps(schema_of(topic), ensure_ascii=False, indent=2)
        found[f"docs/records/{topic.value.lower()}.schema.json"] = printed + "\n"
    return found


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
