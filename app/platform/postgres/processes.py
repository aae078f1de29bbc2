"""What /proc tells about the processes of a cluster: its postmaster, and orphans of one that was killed."""

import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path


@dataclass(frozen=True)
class PidFile:
    """What `postmaster.pid` says: PostgreSQL writes it line by line while it starts."""

    pid: int
    port: int | None
    ready: bool


def read_pid_file(data: Path) -> PidFile | None:
    """None when there is none, or nothing to be understood in it."""
    try:
        lines = [line.strip() for line in (data / "postmaster.pid").read_text().splitlines()]
        # A single-user server writes its pid as a negative number.
        return PidFile(
            pid=abs(int(lines[0])),
            port=int(lines[3]) if len(lines) > 3 and lines[3] else None,
            ready=len(lines) > 7 and lines[7] in ("ready", "standby"),
        )
    except (FileNotFoundError, IndexError, ValueError):
        return None


def last_port(data: Path) -> int | None:
    """The port that the last server of this cluster was started with, as PostgreSQL has written down."""
    try:
        found = re.search(r'"port=(\d+)"', (data / "postmaster.opts").read_text())
    except OSError:
        return None
    return int(found[1]) if found else None


def is_postmaster(pid: int, data: Path) -> bool:
    """Whether `pid` is alive and is a PostgreSQL started on `data`."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    command = [os.fsdecode(argument) for argument in arguments]
    return Path(command[0]).name == "postgres" and ("-D", str(data)) in pairwise(command)


def orphans(data: Path) -> Iterator[int]:
    """The pids of the `postgres` processes whose working directory is `data`."""
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            name = Path(entry.path, "comm").read_text().strip()
            if name == "postgres" and os.readlink(f"{entry.path}/cwd") == str(data):
                yield int(entry.name)
        except OSError:
            continue


def end_orphans(data: Path, *, patience: float = 5.0) -> None:
    """End what a killed postmaster left behind; after `patience` seconds the hard way. WAL makes both safe."""
    deadline = time.monotonic() + patience
    while pids := list(orphans(data)):
        for pid in pids:
            send(pid, signal.SIGQUIT if time.monotonic() < deadline else signal.SIGKILL)
        if time.monotonic() > deadline + patience:
            return
        time.sleep(0.05)


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended meanwhile."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
