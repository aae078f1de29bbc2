"""The demo shop's tokens: the same at every start, though the database keeps nothing but their hashes.

They are kept in the data directory, in a file that nobody else on the machine may read.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from app.channels.queries import default_channel
from app.identity import tokens as commands
from app.identity.authentication import authenticate
from app.identity.principal import system_actor
from app.identity.tokens import Bearer
from app.platform import clock
from app.platform.config import Settings
from app.platform.db import Database, Tx
from seed.content import read
from seed.load_people import bearers
from seed.marker import is_demo

FILE: Final = "demo-tokens.json"


async def tokens(database: Database, settings: Settings) -> dict[str, str]:
    """A working token for each role of the demo shop, its tills and its clients; none in production or in other shops.

    Those in the file that still stand for whom they should are given out again, the others made anew.
    """
    if settings.production or not await is_demo(database):
        return {}
    file = settings.data_dir / FILE
    kept = _read(file)
    content = read()

    async def find(tx: Tx) -> dict[str, Bearer]:
        channel = await default_channel(tx)
        return await bearers(tx, system_actor(channel.id, clock.now(), name="demo shop"), content)

    given: dict[str, str] = {}
    for label, bearer in (await database.run(find)).items():
        if label not in kept or not await _stands_for(database, kept[label], bearer):
            given[label] = await _make(database, label, bearer)
        else:
            given[label] = kept[label]
    if given != kept:
        # A shop elsewhere may be opened where nothing can be written: its tokens are new at each start.
        with suppress(OSError):
            _write(file, given)
    return given


async def _stands_for(database: Database, secret: str, bearer: Bearer) -> bool:
    principal = await authenticate(database, secret, clock.now())
    return principal is not None and (principal.kind, principal.id) == (bearer.kind, bearer.id)


async def _make(database: Database, label: str, bearer: Bearer) -> str:
    async def make(tx: Tx) -> str:
        actor = system_actor((await default_channel(tx)).id, clock.now(), name="demo shop")
        return (await commands.create(tx, actor, bearer=bearer, label=f"demo shop: {label}", demo=True)).secret

    return await database.run(make)


def _read(file: Path) -> dict[str, str]:
    """What was kept; nothing where there is no file that can be read and is one."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _write(file: Path, secrets: dict[str, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    body = msgspec.json.format(msgspec.json.encode(secrets), indent=2)
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as opened:
        opened.write(body + b"\n")
    draft.replace(file)
