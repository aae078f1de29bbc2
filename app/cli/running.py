"""What commands stand on: a database that is there or started, reached, and at the schema that they need."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from app.platform.config import Settings
from app.platform.console import Steps
from app.platform.postgres import running

if TYPE_CHECKING:
    from app.identity.principal import Actor
    from app.platform.db import Database, Tx

T = TypeVar("T")


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
