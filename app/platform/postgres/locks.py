"""Who uses a data folder. Locks of the kernel, so that a process that is killed lets go of them."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.platform.postgres.binaries import PostgresError


@contextmanager
def one_at_a_time(path: Path, *, patience: float = 120.0) -> Iterator[None]:
    """Only one process starts or stops the server at a time. Raises PostgresError after `patience` seconds."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + patience
        while not _lock(handle, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise PostgresError(
                    f"another feira process has been starting or stopping PostgreSQL for {patience:g} s"
                )
            time.sleep(0.05)
        yield
    finally:
        os.close(handle)


class Use:
    """One process's use of the server: shared, so that the last one out can tell that it is the last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(self._handle, fcntl.LOCK_SH)

    def is_the_last(self) -> bool:
        """Whether nobody else uses the server; ask while holding `one_at_a_time`, so that nobody joins meanwhile."""
        return _lock(self._handle, fcntl.LOCK_EX)

    def end(self) -> None:
        """Let go."""
        os.close(self._handle)


def _lock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
