"""`feira import`: bring what other systems have into the shop."""

import os
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

import rich_click as click

from app.cli.group import feira
from app.cli.running import on_database, operator
from app.platform.config import Settings
from app.platform.console import Steps

if TYPE_CHECKING:
    from app.browse.imports import Summary
    from app.catalog.formats.records import RowError
    from app.platform.db import Database


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
