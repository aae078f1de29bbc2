"""The embedded PostgreSQL: a server of Feira's own, in its data folder, so that a laptop needs nothing installed.

It is an ordinary PostgreSQL with full durability, reached by TCP on a free loopback port with a password of its own.
`running(settings)` is the way in; with FEIRA_DATABASE_URL set it starts nothing.
"""

from app.platform.postgres.binaries import PostgresError, find_binaries
from app.platform.postgres.server import EmbeddedPostgres, running

__all__ = ["EmbeddedPostgres", "PostgresError", "find_binaries", "running"]
