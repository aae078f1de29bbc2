"""Making a database cluster: whole or not at all."""

import os
import shutil
import tempfile
from pathlib import Path

from app.platform.postgres.account import Account
from app.platform.postgres.binaries import PostgresError, major_version, run

DATABASE = "feira"
USER = "feira"

BUILDING = ".postgres-"
ROOM_NEEDED = 200 * 1024 * 1024


def make_cluster(binaries: Path, data: Path, account: Account, *, password: str, sync: bool = True) -> None:
    """`initdb` in a folder beside `data` that is renamed when all is done. Raises PostgresError."""
    free = shutil.disk_usage(data.parent).free
    if free < ROOM_NEEDED:
        raise PostgresError(f"the disk is full: {data.parent} has {free >> 20} MB free, a new database needs 200 MB")
    _remove_unfinished(data.parent)
    workshop = Path(tempfile.mkdtemp(prefix=BUILDING, dir=data.parent))
    try:
        secret = workshop / "password"
        secret.write_text(password)
        account.own(workshop)
        cluster = workshop / "data"
        run(account, binaries / "initdb", *_initdb_options(binaries, cluster, secret, sync=sync))
        run(account, binaries / "postgres", "--single", "-D", cluster, "postgres", told=f"CREATE DATABASE {DATABASE}\n")
        cluster.rename(data)
        _sync_folder(data.parent)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def check_version(binaries: Path, data: Path) -> None:
    """Raises PostgresError when `data` was made by another major version than `binaries` are."""
    made_by = int((data / "PG_VERSION").read_text())
    if made_by != major_version(binaries):
        raise PostgresError(
            f"the data in {data} is PostgreSQL {made_by}'s, and {binaries} is PostgreSQL {major_version(binaries)}: "
            f"set FEIRA_PG_BIN to a PostgreSQL {made_by}, or FEIRA_DATA_DIR to another folder"
        )


def _initdb_options(binaries: Path, cluster: Path, secret: Path, *, sync: bool) -> list[str | Path]:
    options: list[str | Path] = ["-D", cluster, f"--username={USER}", f"--pwfile={secret}", "--auth=scram-sha-256"]
    options += ["--encoding=UTF8", "--locale=C", "--data-checksums", "--no-instructions"]
    if major_version(binaries) >= 17:
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return options if sync else [*options, "--no-sync"]


def _remove_unfinished(folder: Path) -> None:
    for left_over in folder.glob(f"{BUILDING}*"):
        shutil.rmtree(left_over, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
