"""Engines of SQLAlchemy on asyncpg, as this shop sets up their connections."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from sqlalchemy.event import listen
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


def asyncpg_url(url: str) -> str:
    """The same address in the form that SQLAlchemy takes for asyncpg."""
    parts = urlsplit(url)
    return parts._replace(scheme="postgresql+asyncpg").geturl()


APART = {
    "statement_timeout": "0",
    "tcp_keepalives_idle": "2",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
}
"""Settings of a connection that is held for long."""


def open_engine(url: str, *, size: int, settings: Mapping[str, str] | None = None, **options: Any) -> AsyncEngine:
    engine = create_async_engine(
        asyncpg_url(url),
        pool_size=size,
        max_overflow=0,
        pool_timeout=30,
        pool_pre_ping=False,
        # Of what SQLAlchemy runs itself it keeps all expressions.
        query_cache_size=150,
        json_serializer=lambda value: msgspec.json.encode(value).decode(),
        json_deserializer=msgspec.json.decode,
        connect_args={
            "timeout": 10,
            "server_settings": {
                "application_name": "feira",
                "timezone": "UTC",
                "statement_timeout": "60000",
                "lock_timeout": "20000",
                "idle_in_transaction_session_timeout": "60000",
                # It lays out memory for all rows that it might meet: of a million, more work than a page of them.
                "enable_memoize": "off",
                **(settings or {}),
            },
        },
        **options,
    )
    listen(engine.sync_engine, "connect", _learn)
    return engine


def _learn(connection: Any, _: object) -> None:
    """What is read ahead comes as records, in which asyncpg reads only arrays that it has met before."""
    connection.run_async(lambda raw: raw.fetch("SELECT ARRAY[]::uuid[], ARRAY[]::text[]"))
