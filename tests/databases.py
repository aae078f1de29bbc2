"""The PostgreSQL servers that tests run on, and a database of its own for each test that asks."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest
from sqlalchemy.engine import make_url

from app.platform import migrate
from app.platform.config import asyncpg_url
from app.platform.postgres import EmbeddedPostgres
from app.platform.postgres.locks import one_at_a_time
from app.platform.reach import plain_engine
from tests import telling

T = TypeVar("T")

POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")

# A test's server loses nothing by losing its data. Laws about crashes start a durable server of their own.
CARELESS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "max_wal_size": "4GB",
    "shared_buffers": "128MB",
}


class Servers:
    """The servers of this test run, started when first asked for and shared by its processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: dict[str, EmbeddedPostgres] = {}
        self._templates: dict[str, str] = {}

    def admin_url(self, kind: str) -> str:
        """The address of a database that is nobody's; `kind`: "embedded" or "postgres15". Skips where there is none."""
        if kind == "postgres15" and (outside := os.environ.get("FEIRA_TEST_DATABASE_URL")):
            return asyncpg_url(outside, "FEIRA_TEST_DATABASE_URL")
        if kind == "postgres15" and not POSTGRES_15.is_dir():
            pytest.skip(f"no PostgreSQL 15: neither {POSTGRES_15} nor FEIRA_TEST_DATABASE_URL")
        server = self._started.setdefault(kind, self._server(kind))
        return database_of(server.start(), "postgres")

    @contextmanager
    def fresh_database(self, kind: str) -> Iterator[str]:
        """The address of a migrated, empty database, dropped at the end."""
        admin = self.admin_url(kind)
        if kind not in self._templates:
            with one_at_a_time(self.folder / f"{kind}.template.lock"):
                self._templates[kind] = elsewhere(lambda: make_template(admin))
        with self._database(admin, self._templates[kind]) as url:
            yield url

    @contextmanager
    def empty_database(self, kind: str) -> Iterator[str]:
        """The address of a database without any table, dropped at the end."""
        with self._database(self.admin_url(kind), "template0") as url:
            yield url

    @contextmanager
    def _database(self, admin: str, template: str) -> Iterator[str]:
        name = f"feira_test_{uuid4().hex}"
        elsewhere(lambda: administer(admin, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY WAL_LOG"))
        try:
            yield database_of(admin, name)
        finally:
            elsewhere(lambda: administer(admin, f"DROP DATABASE {name} WITH (FORCE)"))

    def stop(self) -> None:
        for server in self._started.values():
            if server.stop():
                shutil.rmtree(server.data, ignore_errors=True)

    def _server(self, kind: str) -> EmbeddedPostgres:
        binaries = POSTGRES_15 if kind == "postgres15" else None
        return EmbeddedPostgres(self.folder / kind, binaries=binaries, options=CARELESS, ephemeral=True)


async def make_template(admin: str) -> str:
    """Migrate a database that others are copied from, unless one of this schema is there. Its name."""
    root = migrate.ROOT
    sources = sorted(
        [
            *root.glob("migrations/versions/*.py"),
            *root.glob("app/*/tables.py"),
            root / "app/platform/db.py",
            root / "tests/telling.py",
        ]
    )
    schema = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    name, draft = f"feira_template_{schema}", f"feira_draft_{uuid4().hex}"
    if not await administer(admin, f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
        await administer(admin, f"CREATE DATABASE {draft}")
        await migrate.upgrade(database_of(admin, draft))
        await administer(database_of(admin, draft), *telling.statements())
        await administer(admin, f"ALTER DATABASE {draft} RENAME TO {name}")
    return name


async def administer(admin: str, *statements: str) -> bool:
    """Run statements outside a transaction; whether the last gave rows."""
    engine = plain_engine(admin)
    try:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            for statement in statements:
                result = await connection.exec_driver_sql(statement)
            return result.returns_rows and result.first() is not None
    finally:
        await engine.dispose()


def database_of(url: str, name: str) -> str:
    """The address of another database of the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def elsewhere(work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine in a thread and a loop of its own, so that any test may ask, one with a running loop too."""

    async def do() -> T:
        return await work()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(do())).result()
