"""Settings from the environment."""

from pathlib import Path

import pytest

from app.platform.config import ConfigError, Settings


def test_nothing_set_means_a_laptop():
    settings = Settings.from_environment({})
    assert settings.database_url is None
    assert (settings.host, settings.port, settings.workers, settings.env) == ("127.0.0.1", 8000, 1, "development")
    assert settings.data_dir == Path.cwd() / ".feira"
    assert settings.log_format == "console"
    assert not settings.production


def test_an_empty_value_is_one_not_given():
    assert Settings.from_environment({"FEIRA_PORT": "", "FEIRA_DATABASE_URL": " "}).database_url is None


def test_production_logs_json_unless_told_otherwise():
    assert Settings.from_environment({"FEIRA_ENV": "production"}).log_format == "json"
    chosen = Settings.from_environment({"FEIRA_ENV": "production", "FEIRA_LOG_FORMAT": "console"})
    assert chosen.log_format == "console"
    assert chosen.production


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_any_postgres_address_is_taken(scheme):
    settings = Settings.from_environment({"FEIRA_DATABASE_URL": f"{scheme}://ana:p%40ss@db:5433/shop"})
    assert settings.database_url == "postgresql+asyncpg://ana:p%40ss@db:5433/shop"


def test_sslmode_is_understood():
    settings = Settings.from_environment({"FEIRA_DATABASE_URL": "postgres://db/shop?sslmode=require"})
    assert settings.database_url == "postgresql+asyncpg://db/shop?ssl=require"


def test_replicas_are_separated_by_commas():
    settings = Settings.from_environment({"FEIRA_REPLICA_URLS": "postgres://a/shop, postgres://b/shop,"})
    assert settings.replica_urls == ("postgresql+asyncpg://a/shop", "postgresql+asyncpg://b/shop")


def test_addresses_stay_out_of_what_is_printed():
    settings = Settings.from_environment({"FEIRA_DATABASE_URL": "postgres://ana:secret@db/shop"})
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FEIRA_PORT", "80a"),
        ("FEIRA_PORT", "65536"),
        ("FEIRA_PORT", "-1"),
        ("FEIRA_PORT", "²"),
        ("FEIRA_WORKERS", "0"),
        ("FEIRA_WORKERS", "1.5"),
        ("FEIRA_ENV", "staging"),
        ("FEIRA_LOG_FORMAT", "xml"),
        ("FEIRA_DATABASE_URL", "mysql://ana:secret@db/shop"),
        ("FEIRA_DATABASE_URL", "secret"),
        ("FEIRA_DATABASE_URL", "postgres://ana:secret@db:port/shop"),
        ("FEIRA_DATABASE_URL", "postgres://ana:secret@db/shop?connect_timeout=3"),
        ("FEIRA_REPLICA_URLS", "postgres://a/shop,secret"),
    ],
)
def test_nonsense_is_refused_in_one_line_that_names_the_setting(name, value):
    with pytest.raises(ConfigError) as refused:
        Settings.from_environment({name: value})
    told = str(refused.value)
    assert told.startswith(name)
    assert "\n" not in told
    assert "secret" not in told
