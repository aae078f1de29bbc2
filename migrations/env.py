"""How alembic reaches the database, and the tables that it compares with."""

import asyncio
import importlib

from alembic import context
from sqlalchemy import Connection

from app.platform import migrate
from app.platform.config import Settings
from app.platform.db import metadata
from app.platform.postgres import running

for tables in sorted((migrate.ROOT / "app").glob("*/tables.py")):
    importlib.import_module(f"app.{tables.parent.name}.tables")


def run(connection: Connection) -> None:
    """Each migration in a transaction of its own, so that one may leave it to build an index concurrently."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        compare_server_default=True,
        include_name=migrate.compared,
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_alone(url: str) -> None:
    async with migrate.alone(url) as connection:
        await connection.run_sync(run)


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
elif (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    with running(Settings.from_environment()) as url:
        asyncio.run(run_alone(url))
