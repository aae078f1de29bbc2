"""`feira snapshot`: what a shopper or a till would get from `GET /snapshot`, written to a file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from app.cli.group import feira
from app.cli.running import on_database
from app.platform.config import Settings
from app.platform.console import Steps

if TYPE_CHECKING:
    from uuid import UUID

    from app.identity.principal import Principal
    from app.platform.db import Database
    from app.platform.spool import Filled


@feira.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--channel", help="The code of the channel that a shopper looks through. Left out: the default one.")
@click.option(
    "--register", help="The code of a register: as the till at it would get it, for its channel and location."
)
@click.option("--topics", help="As in PRODUCT,PRICE. Left out: all that such a caller follows.")
def snapshot(*, file: Path, channel: str | None, register: str | None, topics: str | None) -> None:
    """Write all that a shopper or a till follows, as it is now, to FILE (.jsonl.gz; - is standard output)."""
    if channel is not None and register is not None:
        raise click.UsageError("A register has its channel: give --channel or --register.")

    async def write(database: "Database", _: Settings, steps: Steps) -> "Filled":
        from app.api.engine.errors import RequestError
        from app.api.snapshot import filling, topics_for

        principal, channel_id = await _looking(database, channel, register)
        try:
            wanted = topics_for(principal, channel_id, None if topics is None else topics.split(","))
        except RequestError as error:
            raise click.UsageError(error.message) from None
        steps("writing the snapshot")
        fill = filling(database, principal, channel_id, wanted)
        if str(file) == "-":
            filled = await fill(sys.stdout.buffer)
        else:
            # What is there of that name stays until the new one is whole.
            draft = file.with_name(f"{file.name}.part")
            try:
                with draft.open("wb") as opened:
                    filled = await fill(opened)
                draft.replace(file)
            finally:
                draft.unlink(missing_ok=True)
        steps.end()
        return filled

    click.echo(f"position {on_database(write).position}", err=True)


async def _looking(database: "Database", channel: str | None, register: str | None) -> "tuple[Principal, UUID]":
    """As whom, and through which channel. Raises UsageError for a code that nothing has."""
    from app.channels.queries import channels_by_codes, default_channel
    from app.identity.permissions import ROLES
    from app.identity.principal import ANONYMOUS, Principal
    from app.pos.queries import registers_by_codes

    if register is not None:
        place = (await registers_by_codes(database, [register])).get(register)
        if place is None:
            raise click.UsageError(f"There is no register {register!r}.")
        till = Principal(
            kind="device",
            role="device",
            location_ids=frozenset({place.location_id}),
            channel_id=place.channel_id,
            register_id=place.id,
            permissions=ROLES["device"],
        )
        return till, place.channel_id
    if channel is None:
        return ANONYMOUS, (await default_channel(database)).id
    found = (await channels_by_codes(database, [channel])).get(channel)
    if found is None:
        raise click.UsageError(f"There is no channel {channel!r}.")
    return ANONYMOUS, found.id
