"""Fixtures that every test may ask for, and the rule that nothing is skipped where all must run."""

import os
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from app.platform.db import Database
from tests.databases import Servers
from tests.shop import Shop

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

EVERYTHING_MUST_RUN = os.environ.get("FEIRA_REQUIRE_ALL") == "1"


@pytest.fixture(scope="session")
def postgres_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The servers of this run; under xdist all processes share them."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    servers = Servers(Path(shared) / "postgres")
    servers.folder.mkdir(exist_ok=True)
    yield servers
    servers.stop()


@pytest.fixture(scope="session")
def postgres_url_admin(postgres_servers: Servers) -> str:
    """A database on the test server from which others can be made."""
    return postgres_servers.admin_url("embedded")


@pytest.fixture
def database_url(request: pytest.FixtureRequest, postgres_servers: Servers) -> Iterator[str]:
    """A migrated, empty database of this test's own; a test marked `postgres15` runs on PostgreSQL 15 too."""
    with postgres_servers.fresh_database(getattr(request, "param", "embedded")) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The pools on `database_url`."""
    database = Database.open(database_url)
    yield database
    await database.close()


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    """A shop with channels, locations, registers, tax and a base price list, and nothing to sell yet."""
    shop = await Shop(database).open()
    yield shop
    await shop.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("postgres15") and "database_url" in metafunc.fixturenames:
        metafunc.parametrize("database_url", ["embedded", "postgres15"], indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return _refuse_skip(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    return _refuse_skip(report)


def _refuse_skip(report: Report) -> Report:
    # Files that are handed to the project beside it are not there everywhere.
    without_data = isinstance(report, pytest.TestReport) and "shared_data" in report.keywords
    if EVERYTHING_MUST_RUN and report.skipped and not without_data and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"FEIRA_REQUIRE_ALL=1 lets nothing be skipped: {reason}"
    return report
