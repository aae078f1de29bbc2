"""One database for each file of tests here, emptied before each test: cheaper than a database of its own."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from app.platform.db import Database, metadata
from tests.databases import Servers
from tests.shop import Shop
from tests.telling import unwatched


@pytest.fixture(scope="module")
async def stock_database(postgres_servers: Servers) -> AsyncIterator[Database]:
    with postgres_servers.fresh_database("embedded") as url:
        database = unwatched(Database.open(url))
        yield database
        await database.close()


@pytest.fixture
async def shop(stock_database: Database) -> AsyncIterator[Shop]:
    """A shop with channels, locations, registers, tax and a base price list, and nothing to sell yet."""
    async with stock_database.writes.connect() as connection:
        await empty(connection)
    shop = await Shop(stock_database).open()
    yield shop
    await shop.close()


async def empty(connection: AsyncConnection) -> None:
    statements = "; ".join(f'DELETE FROM "{table.name}"' for table in reversed(metadata.sorted_tables))
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.execute(statements)
