"""`feira export`: whole lists as files."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import rich_click as click

from app.cli.group import feira
from app.cli.running import on_database, operator
from app.platform.config import Settings
from app.platform.console import Steps

if TYPE_CHECKING:
    from app.browse.exports.asking import Form, What
    from app.browse.exports.spool import Spooled
    from app.platform.db import Database

FORMS = ("csv", "jsonl")


@feira.command("export")
@click.argument("what", type=click.Choice(["products", "stock", "orders", "customers"]))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMS), help="Left out: by the file's name, else csv.")
@click.option("--filter", "filters", multiple=True, help="As in status=OPEN; any number of them.")
@click.option("--channel", help="The code of the channel that is looked from. Left out: the default channel.")
def export(*, what: str, file: Path, form: str | None, filters: tuple[str, ...], channel: str | None) -> None:
    """Write products, stock, orders or customers into FILE, and tell the position of the feed that it is true at.

    A CSV of products is one that `feira import products` takes back. The file is there whole or not at all.
    """
    chosen = form or (file.suffix.removeprefix(".") if file.suffix.removeprefix(".") in FORMS else "csv")
    given = []
    for each in filters:
        name, separator, value = each.partition("=")
        if not separator:
            raise click.UsageError(f"--filter is NAME=VALUE, not {each!r}.")
        given.append((name, value))

    async def write(database: "Database", _: Settings, __: Steps) -> "Spooled":
        from app.browse.exports.asking import asked
        from app.browse.exports.spool import spool
        from app.channels.queries import channels_by_codes, default_channel
        from app.platform.errors import NotFound

        actor = await database.run(operator)
        row = (
            await default_channel(database)
            if channel is None
            else (await channels_by_codes(database, [channel])).get(channel)
        )
        if row is None:
            raise NotFound(f"There is no channel “{channel}”.")
        kind = cast("What", what)
        wanted = await asked(database, kind, given, principal=actor.principal, channel=row, moment=actor.now)
        return await spool(database, kind, cast("Form", chosen), wanted, draft)

    with _whole(file) as draft:
        done = on_database(write)
    left_out = f", {done.left_out} left out that its columns cannot say" if done.left_out else ""
    click.echo(f"{done.records} {what} at position {done.position} of {done.epoch}{left_out}")


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of the one at `path` at the end of the block, and leaves nothing when it raises."""
    with tempfile.NamedTemporaryFile(dir=path.absolute().parent, prefix=f".{path.name}.", delete=False) as draft:
        try:
            yield cast(BinaryIO, draft)
            draft.close()
            os.chmod(draft.name, 0o644)
            os.replace(draft.name, path)
        except BaseException:
            os.unlink(draft.name)
            raise
