"""Settings: what an operator decides, read once from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self, cast, get_args

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.platform.outbound.address import NOTHING, Allowed, Unfit

Environment = Literal["development", "production"]
LogFormat = Literal["console", "json"]
Documents = Literal["allow", "only"]

SCHEMES = frozenset({"postgres", "postgresql", "postgresql+asyncpg"})

# What may follow the `?`: names that asyncpg takes as text, and libpq's name for the first.
URL_PARAMETERS = frozenset({"ssl", "sslmode", "host", "port", "target_session_attrs", "passfile"})


class ConfigError(Exception):
    """A setting cannot be what it is; the message is one line that names it."""


@dataclass(frozen=True)
class Settings:
    """What an operator decides. Database addresses are in SQLAlchemy's form for asyncpg.

    `database_url` None means the embedded PostgreSQL in `data_dir`. `port` 0 means any free one.
    """

    database_url: str | None = field(default=None, repr=False)
    replica_urls: tuple[str, ...] = field(default=(), repr=False)
    data_dir: Path = Path(".feira")
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    env: Environment = "development"
    log_format: LogFormat = "console"
    # What a caller's operations may cost a second; twenty times that at once. 0: no bound.
    cost_per_second: int = 100_000
    # What runs operations: plans where there are any, or graphql-core alone, to compare the two.
    engine: str = "plan"
    # How much of the catalog each process keeps in memory, in megabytes. 0: nothing.
    catalog_cache_mb: int = 64
    # Where webhooks may be sent beside public addresses, over plain HTTP too.
    webhook_allow: Allowed = NOTHING
    # Folders and manifests of documents that the shop trusts beside its own.
    documents: tuple[Path, ...] = ()
    # Whether callers who are no API client may send other documents than trusted ones.
    trusted_documents: Documents = "allow"
    # How long anyone may keep a public answer to a GET. 0: nobody may.
    cache_seconds: int = 5

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Raises ConfigError for the first setting that makes no sense. An empty value is one not given."""
        source = os.environ if environment is None else environment
        given = {name: value.strip() for name, value in source.items() if name.startswith("FEIRA_") and value.strip()}
        env = _choice(given, "FEIRA_ENV", get_args(Environment), "development")
        database_url = given.get("FEIRA_DATABASE_URL")
        replicas = given.get("FEIRA_REPLICA_URLS", "").split(",")
        return cls(
            database_url=None if database_url is None else asyncpg_url(database_url, "FEIRA_DATABASE_URL"),
            replica_urls=tuple(asyncpg_url(url.strip(), "FEIRA_REPLICA_URLS") for url in replicas if url.strip()),
            data_dir=Path(given.get("FEIRA_DATA_DIR", ".feira")).expanduser().absolute(),
            host=given.get("FEIRA_HOST", "127.0.0.1"),
            port=_number(given, "FEIRA_PORT", 8000, least=0, most=65535),
            workers=_number(given, "FEIRA_WORKERS", 1, least=1, most=256),
            env=cast(Environment, env),
            log_format=cast(
                LogFormat,
                _choice(given, "FEIRA_LOG_FORMAT", get_args(LogFormat), "json" if env == "production" else "console"),
            ),
            cost_per_second=_number(given, "FEIRA_COST_PER_SECOND", 100_000, least=0, most=10**9),
            engine=_choice(given, "FEIRA_ENGINE", ("plan", "core"), "plan"),
            catalog_cache_mb=_number(given, "FEIRA_CATALOG_CACHE_MB", 64, least=0, most=65_536),
            webhook_allow=_allowed(given, "FEIRA_WEBHOOK_ALLOW"),
            documents=_paths(given, "FEIRA_DOCUMENTS"),
            trusted_documents=cast(Documents, _choice(given, "FEIRA_TRUSTED_DOCUMENTS", get_args(Documents), "allow")),
            cache_seconds=_number(given, "FEIRA_CACHE_SECONDS", 5, least=0, most=86_400),
        )

    @property
    def production(self) -> bool:
        """Whether this is a shop in earnest: no demo tokens, no introspection, no GraphiQL."""
        return self.env == "production"

    def on(self, database_url: str) -> Self:
        """The same settings, with the database found."""
        return replace(self, database_url=database_url)


def asyncpg_url(text: str, name: str) -> str:
    """A postgres:// or postgresql:// address in SQLAlchemy's form for asyncpg; libpq's `sslmode` is understood.

    Raises ConfigError that names the setting `name`, and never repeats the address, which may hold a password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(f"{name} is not an address such as postgresql://user:password@host:5432/name") from error
    if url.drivername not in SCHEMES:
        raise ConfigError(f"{name} must begin with postgresql://, not with {url.drivername}://")
    if unknown := sorted(set(url.query) - URL_PARAMETERS):
        raise ConfigError(f"{name}: {unknown[0]!r} is not among the parameters that work here")
    return _with_ssl(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def _with_ssl(url: URL) -> URL:
    mode = url.query.get("sslmode")
    return url if mode is None else url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})


def _choice(given: Mapping[str, str], name: str, choices: tuple[str, ...], default: str) -> str:
    value = given.get(name, default)
    if value not in choices:
        raise ConfigError(f"{name} must be {' or '.join(choices)}, not {value!r}")
    return value


def _number(given: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    value = given.get(name, str(default))
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        raise ConfigError(f"{name} must be a whole number from {least} to {most}, not {value!r}")
    return int(value)


def _paths(given: Mapping[str, str], name: str) -> tuple[Path, ...]:
    """Paths with a `:` between them, as in PATH. All of them must be there."""
    texts = (each.strip() for each in given.get(name, "").split(os.pathsep))
    paths = tuple(Path(text).expanduser().absolute() for text in texts if text)
    for path in paths:
        if not path.exists():
            raise ConfigError(f"{name}: there is no {path}")
    return paths


def _allowed(given: Mapping[str, str], name: str) -> Allowed:
    try:
        return Allowed.parse(given.get(name, ""))
    except Unfit as error:
        raise ConfigError(f"{name}: {error}") from error
