"""The embedded PostgreSQL, started, killed and found again. Each test has a durable server of its own."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from asyncpg import PostgresError as ServerError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.platform.postgres import EmbeddedPostgres, PostgresError, find_binaries
from app.platform.postgres.cluster import BUILDING
from app.platform.postgres.processes import is_postmaster, last_port, orphans, read_pid_file
from app.platform.reach import plain_engine
from tests.databases import POSTGRES_15, elsewhere


@pytest.fixture
def folder(tmp_path):
    yield tmp_path / "data"
    server = EmbeddedPostgres(tmp_path / "data")
    if server.data.exists():
        server.start()
        server.stop()


def ask(url, *statements):
    """The first value of each statement, each committed."""

    async def run():
        engine = plain_engine(url)
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            answers = [await connection.execute(text(statement)) for statement in statements]
            values = [answer.scalar() if answer.returns_rows else None for answer in answers]
        await engine.dispose()
        return values

    return elsewhere(run)


def postmaster(server):
    found = read_pid_file(server.data)
    assert found is not None
    assert is_postmaster(found.pid, server.data)
    return found.pid


def ask_in_vain(url, *statements):
    with suppress(OSError, ServerError, DBAPIError):
        ask(url, *statements)


def kill_postmaster(server):
    pid = postmaster(server)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_postmaster(pid, server.data))


def until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_is_durable_sorts_by_bytes_and_speaks_tcp_only(folder):
    server = EmbeddedPostgres(folder)
    names = (
        "fsync full_page_writes synchronous_commit server_encoding unix_socket_directories listen_addresses timezone"
    )
    values = ask(server.start(), *(f"SHOW {name}" for name in names.split()), "SELECT 'B' < 'a' AND upper('ç') = 'Ç'")
    assert values == ["on", "on", "on", "UTF8", "", "127.0.0.1", "UTC", True]
    assert server.stop()


def test_the_password_is_asked_for_and_is_the_owners_alone(folder):
    server = EmbeddedPostgres(folder)
    url = server.start()
    assert (folder / "postgres.password").stat().st_mode & 0o777 == 0o600
    assert server.data.stat().st_mode & 0o777 == 0o700
    password = (folder / "postgres.password").read_text()
    with pytest.raises(Exception, match="password authentication failed"):
        ask(url.replace(password, "wrong"), "SELECT 1")
    server.stop()


def test_the_data_outlives_a_stop(folder):
    server = EmbeddedPostgres(folder)
    ask(server.start(), "CREATE TABLE kept AS SELECT 42 AS answer")
    pid = postmaster(server)
    assert server.stop()
    assert not is_postmaster(pid, server.data)
    again = EmbeddedPostgres(folder)
    assert ask(again.start(), "SELECT answer FROM kept") == [42]
    again.stop()


def test_the_last_one_out_stops_it(folder):
    first, second = EmbeddedPostgres(folder), EmbeddedPostgres(folder)
    url = first.start()
    assert second.start() == url
    assert not first.stop()
    assert ask(url, "SELECT 1") == [1]
    assert second.stop()
    assert read_pid_file(first.data) is None


def test_those_who_start_at_once_share_one_server(folder):
    servers = [EmbeddedPostgres(folder) for _ in range(4)]
    urls: list[str] = []
    threads = [threading.Thread(target=lambda server=server: urls.append(server.start())) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(urls) == 4
    assert len(set(urls)) == 1
    assert [server.stop() for server in servers] == [False, False, False, True]


STARTER = """
import sys, time
from pathlib import Path
from app.platform.postgres import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1])).start(), flush=True)
time.sleep(600)
"""


def start_in_another_process(folder):
    process = subprocess.Popen([sys.executable, "-c", STARTER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_after_kill_9_the_next_start_adopts_the_live_server(folder):
    process, url = start_in_another_process(folder)
    ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    server = EmbeddedPostgres(folder)
    pid = postmaster(server)
    process.kill()
    process.wait()
    assert server.start() == url
    assert postmaster(server) == pid
    assert ask(url, "SELECT answer FROM kept") == [42]
    assert server.stop()


def test_ctrl_c_in_the_terminal_does_not_reach_it(folder):
    process, _ = start_in_another_process(folder)
    pid = postmaster(EmbeddedPostgres(folder))
    assert os.getsid(pid) == pid != os.getsid(process.pid)
    process.kill()
    process.wait()


def test_orphans_of_a_killed_postmaster_do_not_keep_it_from_starting(folder):
    server = EmbeddedPostgres(folder)
    url = server.start()
    ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    # A backend that computes does not look whether its postmaster is alive.
    busy = threading.Thread(
        target=ask_in_vain, args=(url, "SET statement_timeout = '20s'", "DO $$ BEGIN LOOP END LOOP; END $$")
    )
    busy.start()
    until(lambda: ask(url, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'") == [1])
    kill_postmaster(server)
    assert list(orphans(server.data))
    begun = time.monotonic()
    again = EmbeddedPostgres(folder)
    assert ask(again.start(), "SELECT answer FROM kept") == [42]
    assert time.monotonic() - begun < 20
    busy.join()
    assert not again.stop()
    assert server.stop()


def test_one_that_was_killed_is_found_again_where_it_was(folder):
    outlives, comes_later = EmbeddedPostgres(folder), EmbeddedPostgres(folder)
    url = outlives.start()
    ask(url, "CREATE TABLE kept (n int)")
    kill_postmaster(outlives)
    ask_in_vain(url, "SELECT 1")
    try:
        assert comes_later.start() == url
        assert ask(url, "SELECT count(*) FROM kept") == [0]
    finally:
        comes_later.stop()
        outlives.stop()


def test_a_port_that_others_have_taken_is_left_to_them(folder):
    server = EmbeddedPostgres(folder)
    before = server.start()
    server.stop()
    with socket.create_server(("127.0.0.1", last_port(server.data))):
        after = server.start()
        assert after != before
        assert ask(after, "SELECT 1") == [1]
        server.stop()


def test_a_stale_pid_file_that_names_another_process_is_no_obstacle(folder):
    server = EmbeddedPostgres(folder)
    server.start()
    written = (server.data / "postmaster.pid").read_text().splitlines()
    server.stop()
    (server.data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *written[1:]]) + "\n")
    assert ask(server.start(), "SELECT 1") == [1]
    server.stop()


def test_a_postgres_of_others_is_left_alone(folder, tmp_path):
    other = EmbeddedPostgres(tmp_path / "other")
    url = other.start()
    server = EmbeddedPostgres(folder)
    server.start()
    server.stop()
    assert ask(url, "SELECT 1") == [1]
    other.stop()


def test_an_initdb_cut_short_leaves_nothing_in_the_way(folder):
    (folder / f"{BUILDING}halfway" / "data").mkdir(parents=True)
    server = EmbeddedPostgres(folder)
    assert ask(server.start(), "SELECT 1") == [1]
    assert not list(folder.glob(f"{BUILDING}*"))
    server.stop()


def failing_binaries(place: Path, complaint: str) -> Path:
    """A folder of PostgreSQL 18 whose initdb fails as the real one does."""
    place.mkdir()
    (place / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 18.6'\n")
    (place / "initdb").write_text(f"#!/bin/sh\necho '{complaint}' >&2\nexit 1\n")
    for program in place.iterdir():
        program.chmod(0o755)
    return place


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(folder, tmp_path):
    complaint = 'initdb: error: could not write to file "base/4/3607": No space left on device'
    server = EmbeddedPostgres(folder, binaries=failing_binaries(tmp_path / "bin", complaint))
    with pytest.raises(PostgresError, match="the disk is full") as failed:
        server.start()
    assert "\n" not in str(failed.value)
    assert not server.data.exists()
    assert not list(folder.glob(f"{BUILDING}*"))


def test_data_of_another_major_version_is_refused_in_one_line(folder, tmp_path):
    server = EmbeddedPostgres(folder)
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("14\n")
    with pytest.raises(PostgresError, match="PostgreSQL 14's"):
        EmbeddedPostgres(folder).start()
    (server.data / "PG_VERSION").write_text(f"{18}\n")


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PostgresError) as failed:
        EmbeddedPostgres(tmp_path / "file" / "data").start()
    assert "\n" not in str(failed.value)


def test_binaries_are_named_by_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("FEIRA_PG_BIN", str(tmp_path))
    with pytest.raises(PostgresError, match="FEIRA_PG_BIN: there is no initdb"):
        find_binaries()
    monkeypatch.delenv("FEIRA_PG_BIN")
    assert (find_binaries() / "initdb").exists()


def test_an_ephemeral_server_ends_with_its_last_user(folder):
    server = EmbeddedPostgres(folder, ephemeral=True)
    server.start()
    pid = postmaster(server)
    assert server._use is not None
    server._use.end()
    until(lambda: not is_postmaster(pid, server.data))


def test_a_lock_held_by_another_is_waited_for(folder):
    folder.mkdir()
    handle = os.open(folder / "postgres.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    threading.Timer(0.5, os.close, (handle,)).start()
    server = EmbeddedPostgres(folder)
    begun = time.monotonic()
    server.start()
    assert time.monotonic() - begun >= 0.5
    server.stop()


@pytest.mark.skipif(not POSTGRES_15.is_dir(), reason=f"no {POSTGRES_15}")
def test_a_system_postgresql_15_takes_its_place(tmp_path):
    server = EmbeddedPostgres(tmp_path / "data", binaries=POSTGRES_15)
    version, sorted_by_bytes = ask(server.start(), "SHOW server_version_num", "SELECT 'B' < 'a'")
    assert version.startswith("15")
    assert sorted_by_bytes
    server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_as_root_it_runs_as_whoever_owns_the_data():
    with tempfile.TemporaryDirectory() as place:
        # The folders that pytest makes are closed to everyone else.
        Path(place).chmod(0o755)
        server = EmbeddedPostgres(Path(place) / "data")
        ask(server.start(), "CREATE TABLE kept AS SELECT 42 AS answer")
        server.stop()
        subprocess.run(["chown", "-R", "65534:65534", str(server.data)], check=True)
        try:
            assert ask(server.start(), "SELECT answer FROM kept") == [42]
            assert Path(f"/proc/{postmaster(server)}").stat().st_uid == 65534
        finally:
            server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_folder_out_of_reach_of_its_owner_is_told_in_one_line(folder):
    server = EmbeddedPostgres(folder)
    server.start()
    server.stop()
    subprocess.run(["chown", "-R", "65534:65534", str(server.data)], check=True)
    with pytest.raises(PostgresError, match="uid 65534") as refused:
        server.start()
    assert "\n" not in str(refused.value)
    subprocess.run(["chown", "-R", "0:0", str(server.data)], check=True)
