"""Where the command begins and ends: signals, exit codes, and errors in one line."""

import signal
import sys

import rich_click as click
from rich.console import Console
from rich.markup import escape

# Each module adds its commands to the group.
from app.cli import database, documents, exports, imports, server, snapshots, tokens
from app.cli.group import feira
from app.cli.server import application
from app.platform.config import ConfigError
from app.platform.postgres import PostgresError

__all__ = ["application", "database", "documents", "exports", "imports", "main", "server", "snapshots", "tokens"]


def interrupted(number: int, _: object) -> None:
    """Unwind as Ctrl-C does, so that what was started is stopped; what ends us twice ends us at once."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_DFL if name == number else signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> None:
    """Run the command; what an operator can mend is told in one line, with exit code 1."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, interrupted)
    try:
        feira(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except Exception as error:
        line = one_line(error)
        if line is None:
            raise
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]feira:[/] {escape(line)}")
        sys.exit(1)


def one_line(error: Exception) -> str | None:
    """What to tell the operator, or None for what is a bug of ours."""
    if isinstance(error, ConfigError | PostgresError):
        return str(error)
    from asyncpg import PostgresError as ServerError
    from sqlalchemy.exc import DBAPIError

    from app.platform.errors import Refusal, Refusals
    from app.platform.migrate import MigrationError
    from app.platform.reach import DatabaseUnavailable, reason
    from app.platform.serving import ServeError

    if isinstance(error, MigrationError | DatabaseUnavailable | ServeError | Refusal | Refusals):
        return str(error)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    cause = error.orig if isinstance(error, DBAPIError) else error
    # Out of room or memory, cut off, shut down: the server's state, not our statement.
    if isinstance(cause, ServerError) and (cause.sqlstate or "")[:2] in {"08", "53", "57", "58"}:
        return f"the database: {reason(cause)}"
    return None
