"""Whether the database can be used at all, and what to tell an operator in one line when it cannot."""

import asyncio
import socket

from asyncpg import PostgresError as ServerError
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

OLDEST = 150000
PATIENCE = 10.0  # seconds

_about = text(
    "SELECT current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS replica,"
    " current_setting('server_encoding') AS encoding"
)


class DatabaseUnavailable(Exception):
    """There is no database to work on; the message is one line for the operator."""


def plain_engine(url: str) -> AsyncEngine:
    """An engine without a pool, for the few statements of a start; each connection is closed after use."""
    return create_async_engine(
        url,
        poolclass=NullPool,
        connect_args={"timeout": PATIENCE, "server_settings": {"application_name": "feira", "timezone": "UTC"}},
    )


async def reach(url: str) -> None:
    """Connect once. Raises DatabaseUnavailable if that fails, or if it is not a primary of PostgreSQL 15 or newer."""
    engine = plain_engine(url)
    try:
        async with engine.connect() as connection:
            about = (await connection.execute(_about)).one()
    except (OSError, ServerError, DBAPIError, TypeError, ValueError) as error:
        raise DatabaseUnavailable(f"the database {address(url)} cannot be reached: {reason(error)}") from error
    finally:
        await engine.dispose()
    if about.version < OLDEST:
        raise DatabaseUnavailable(
            f"the database {address(url)} is PostgreSQL {about.version // 10000}; 15 is the oldest"
        )
    if about.replica:
        raise DatabaseUnavailable(f"the database {address(url)} is a replica and takes no writes")
    if about.encoding != "UTF8":
        raise DatabaseUnavailable(f"the database {address(url)} has the encoding {about.encoding}; it must be UTF8")


def address(url: str) -> str:
    """Host, port and name, without the password."""
    parts = make_url(url)
    host = parts.host or parts.query.get("host") or "localhost"
    return f"{parts.database or ''} at {host if isinstance(host, str) else ','.join(host)}:{parts.port or 5432}".strip()


def reason(error: BaseException) -> str:
    """Why a connection or a statement failed, in one line."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, asyncio.TimeoutError):
        return f"no answer within {PATIENCE:g} s"
    if isinstance(cause, socket.gaierror):
        return "there is no host of that name"
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused; is it running?"
    lines = str(cause).strip().splitlines()
    # SQLAlchemy's wrapper begins with the class of asyncpg's error: "<class '…'>: …".
    return lines[0].split(">: ", 1)[-1] if lines else type(cause).__name__
