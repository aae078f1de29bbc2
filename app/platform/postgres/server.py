"""Starting the embedded server, finding it again, and stopping it when nobody uses it any more."""

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app.platform.config import Settings
from app.platform.postgres.account import ENVIRONMENT, Account, account_for
from app.platform.postgres.binaries import PostgresError, find_binaries, last_complaint
from app.platform.postgres.cluster import DATABASE, USER, check_version, make_cluster
from app.platform.postgres.locks import Use, one_at_a_time
from app.platform.postgres.processes import end_orphans, is_postmaster, last_port, read_pid_file, send

HOST = "127.0.0.1"

ATTEMPTS = 5
STARTS_WITHIN = 600.0  # seconds; recovery after a crash may have much to read
STOPS_WITHIN = 60.0
LOG_KEPT = 10 * 1024 * 1024

DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


class EmbeddedPostgres:
    """The server of one data folder, shared by every process that starts it; the last to stop it ends it.

    `binaries`: a folder of PostgreSQL's programs, when not the usual one. `options` are server settings beyond ours.
    `ephemeral` is for tests: the server then ends even when its users are killed, and nothing of it is worth syncing.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        binaries: Path | None = None,
        options: Mapping[str, str] | None = None,
        ephemeral: bool = False,
    ) -> None:
        self.folder = data_dir.resolve()
        self.data = self.folder / "postgres"
        self.log = self.folder / "postgres.log"
        self.ephemeral = ephemeral
        self.started = False
        self._binaries = binaries
        self._options = dict(options or {})
        self._use: Use | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, report: Callable[[str], None] = lambda _: None) -> str:
        """The database's address, once it answers: adopts a live server, else starts one, making its data first.

        `report` is told of steps that take a while. Raises PostgresError, one line, when it cannot be had.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with one_at_a_time(self.folder / "postgres.lock"):
                self._use = self._use or Use(self.folder / "postgres.users")
                try:
                    return self._url(self._adopt() or self._bring_up(report))
                except BaseException:
                    self._let_go()
                    raise
        except OSError as error:
            raise PostgresError(f"{error.filename or self.folder}: {(error.strerror or str(error)).lower()}") from error

    def stop(self) -> bool:
        """Let go of the server; when nobody else uses it, end it: clients are cut off, what was committed is kept.

        True when it has ended.
        """
        if self._use is None:
            return False
        with one_at_a_time(self.folder / "postgres.lock"):
            try:
                last = self._use.is_the_last()
                if last:
                    self._shut_down()
                return last
            finally:
                self._let_go()

    def _let_go(self) -> None:
        if self._use is not None:
            self._use.end()
            self._use = None

    def _adopt(self) -> int | None:
        """The port of the live server of this folder, if there is one."""
        deadline = time.monotonic() + STARTS_WITHIN
        found = read_pid_file(self.data)
        while found is not None and is_postmaster(found.pid, self.data):
            if found.ready and found.port:
                return found.port
            self._give_up_after(deadline)
            time.sleep(0.02)
            found = read_pid_file(self.data)
        return None

    def _bring_up(self, report: Callable[[str], None]) -> int:
        binaries = self._binaries or find_binaries()
        account = account_for(self.data)
        self._check_access(account, binaries)
        if self.data.exists():
            check_version(binaries, self.data)
            if self.data.stat().st_uid != account.owner:
                account.own(self.data)
        else:
            report("making the database")
            make_cluster(binaries, self.data, account, password=self._new_password(), sync=not self.ephemeral)
        report("starting PostgreSQL")
        complaint = ""
        for attempt in range(ATTEMPTS):
            end_orphans(self.data)
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            # Where it was: a process that outlived it finds it again.
            before = last_port(self.data) if attempt == 0 else None
            port = before if before is not None and is_free(before) else free_port()
            written = self._open_log()
            if self._wait_until_ready(self._launch(account, binaries, port)):
                self.started = True
                return port
            complaint = last_complaint(self.log.read_bytes()[written:].decode(errors="replace"))
            if "disk is full" in complaint:
                break
            time.sleep(0.2 * attempt)
        raise PostgresError(f"PostgreSQL did not start: {complaint} (its log is {self.log})")

    def _check_access(self, account: Account, binaries: Path) -> None:
        if self.data.exists() and self.data.stat().st_uid != account.owner and os.geteuid() != 0:
            raise PostgresError(f"{self.data} belongs to another user: run as that user, or set FEIRA_DATA_DIR")
        for path, remedy in ((binaries, "FEIRA_PG_BIN"), (self.folder, "FEIRA_DATA_DIR")):
            if not account.reaches(path):
                raise PostgresError(
                    f"PostgreSQL does not run as root, and the user that it would run as (uid {account.owner}) cannot "
                    f"reach {path}: run as an ordinary user, or set {remedy} to a folder that all can enter"
                )

    def _launch(self, account: Account, binaries: Path, port: int) -> subprocess.Popen[bytes]:
        settings = server_settings(port) | self._options
        chosen = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*account.prefix, str(binaries / "postgres"), "-D", str(self.data), *chosen],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=ENVIRONMENT,
                umask=0o077,
                user=account.uid,
                group=account.gid,
                extra_groups=account.groups,
                # Ctrl-C in the terminal must reach the web server only, which drains before this one stops.
                start_new_session=True,
            )
        if self.ephemeral:
            _end_when_unused(self.folder / "postgres.users", self._process.pid)
        return self._process

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + STARTS_WITHIN
        while process.poll() is None:
            found = read_pid_file(self.data)
            if found is not None and found.ready and found.pid == process.pid:
                return True
            self._give_up_after(deadline)
            time.sleep(0.01)
        return False

    def _give_up_after(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise PostgresError(f"PostgreSQL is not ready after {STARTS_WITHIN:g} s; its log is {self.log}")

    def _shut_down(self) -> None:
        found = read_pid_file(self.data)
        if found is None or not is_postmaster(found.pid, self.data):
            return
        for number, patience in ((signal.SIGINT, STOPS_WITHIN), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            send(found.pid, number)
            deadline = time.monotonic() + patience
            while is_postmaster(found.pid, self.data) and time.monotonic() < deadline:
                if self._process is not None:
                    self._process.poll()
                time.sleep(0.01)
            if not is_postmaster(found.pid, self.data):
                return

    def _open_log(self) -> int:
        """How long the log is already; what grew too long is put aside first."""
        if self.log.exists() and self.log.stat().st_size > LOG_KEPT:
            self.log.rename(self.log.with_suffix(".log.1"))
        return self.log.stat().st_size if self.log.exists() else 0

    @property
    def _password_file(self) -> Path:
        return self.folder / "postgres.password"

    def _new_password(self) -> str:
        password = secrets.token_urlsafe(24)
        handle = os.open(self._password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(password)
            file.flush()
            os.fsync(handle)
        return password

    def _url(self, port: int) -> str:
        return f"postgresql+asyncpg://{USER}:{self._password_file.read_text()}@{HOST}:{port}/{DATABASE}"


@contextmanager
def running(settings: Settings, report: Callable[[str], None] = lambda _: None) -> Iterator[str]:
    """The database's address for the block: that of the settings, else of the embedded server, started if need be."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    server = EmbeddedPostgres(settings.data_dir)
    url = server.start(report)
    try:
        yield url
    finally:
        server.stop()


def server_settings(port: int) -> dict[str, str]:
    """What the server is told on its command line, where no file of the cluster can undo it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return DURABLE | {
        "listen_addresses": HOST,
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "200",
        "shared_buffers": f"{max(32, min(512, memory // 16))}MB",
        "effective_cache_size": f"{max(128, memory // 2)}MB",
        "max_wal_size": "1GB",
        "random_page_cost": "1.1",
        # What was imported a moment ago is planned for as what it is.
        "autovacuum_naptime": "10s",
        # A shop's statements are short: compiling them or sharing them out costs more than it saves.
        "jit": "off",
        "max_parallel_workers_per_gather": "0",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %d ",
    }


def is_free(port: int) -> bool:
    """Whether nobody listens on this loopback port at this moment."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _end_when_unused(users: Path, pid: int) -> None:
    """Leave a process behind that gets the lock when the last user is gone, however it went, and ends the server."""
    subprocess.Popen(
        ["flock", str(users), "kill", "-INT", str(pid)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
