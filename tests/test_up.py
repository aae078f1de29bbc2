"""`feira up` and its kin, as an operator runs them: real processes, a real terminal's signals, real data."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.platform.postgres import EmbeddedPostgres
from app.platform.postgres.processes import is_postmaster, orphans, read_pid_file
from app.platform.reach import plain_engine
from tests.databases import Servers, elsewhere

FEIRA = [sys.executable, "-c", "from app.cli import main; main()"]


def environment(**settings):
    """The environment of a command, with these settings of Feira's and none of the caller's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FEIRA_")}
    return kept | {"FEIRA_PORT": "0"} | {f"FEIRA_{name.upper()}": str(value) for name, value in settings.items()}


def feira(*arguments, **settings):
    """Run a command to its end."""
    return subprocess.run(
        [*FEIRA, *arguments], env=environment(**settings), capture_output=True, text=True, timeout=120
    )


def one_line(done):
    """What a failed command told, which must be one line and an exit code of 1."""
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("  ")]
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert len(complaints) == 1, done.stderr
    return complaints[0]


class Shop:
    """A `feira up` in a session of its own, as in a terminal."""

    def __init__(self, place: Path, **settings):
        self.told = place / "told"
        with self.told.open("w") as told:
            self.process = subprocess.Popen(
                [*FEIRA, "up"], env=environment(**settings), stdout=told, stderr=told, start_new_session=True
            )
        deadline = time.monotonic() + 120
        while "Ctrl-C stops it" not in self.told.read_text():
            assert self.process.poll() is None, self.told.read_text()
            assert time.monotonic() < deadline, self.told.read_text()
            time.sleep(0.05)

    @property
    def url(self):
        found = re.search(r"http://[\d.:]+(?=/health/ready)", self.told.read_text())
        assert found is not None
        return found.group()

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return answer.status

    def ctrl_c(self):
        """The terminal's Ctrl-C goes to all processes of its foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)

    def kill(self):
        self.process.kill()
        self.process.wait()


def products(data_dir):
    """How many products the shop in `data_dir` has."""
    server = EmbeddedPostgres(data_dir)
    url = server.start()

    async def count():
        engine = plain_engine(url)
        async with engine.connect() as connection:
            found = (await connection.execute(text("SELECT count(*) FROM product"))).scalar()
        await engine.dispose()
        return found

    try:
        return elsewhere(count)
    finally:
        server.stop()


def is_up(data_dir):
    data = data_dir.resolve() / "postgres"
    found = read_pid_file(data)
    return found is not None and is_postmaster(found.pid, data)


def test_a_shop_is_opened_killed_and_opened_again_with_all_its_data(tmp_path):
    data_dir = tmp_path / "data"
    shop = Shop(tmp_path, data_dir=data_dir)
    try:
        told = shop.told.read_text()
        assert "/graphql" in told
        assert re.search(r"owner +\S{20,}", told)
        assert "curl " in told
        assert shop.get("/health/live") == shop.get("/health/ready") == shop.get("/metrics") == 200
        stock = products(data_dir)
        assert stock >= 150

        port = shop.url.rpartition(":")[2]
        assert f"port {port} of 127.0.0.1 is in use" in one_line(feira("up", data_dir=data_dir, port=port))
        assert "newest schema already" in feira("migrate", data_dir=data_dir).stderr

        shop.kill()
        assert is_up(data_dir)
        shop = Shop(tmp_path, data_dir=data_dir, workers=2)
        assert shop.get("/health/ready") == 200
        assert products(data_dir) == stock
        assert shop.ctrl_c() == 0
        assert not is_up(data_dir)
        assert "Traceback" not in shop.told.read_text()

        assert "demo tokens" in one_line(feira("up", data_dir=data_dir, env="production"))
        assert not is_up(data_dir)
        assert products(data_dir) == stock
    finally:
        shop.kill()
        server = EmbeddedPostgres(data_dir)
        server.start()
        server.stop()


def test_a_server_says_that_its_database_is_gone_and_goes_on_when_it_is_back(tmp_path):
    data_dir = tmp_path / "data"
    shop = Shop(tmp_path, data_dir=data_dir)
    server = EmbeddedPostgres(data_dir)
    try:
        found = [re.search(rf"{name} +(\S{{20,}})", shop.told.read_text()) for name in ("till centro-1", "owner")]
        till, owner = (each[1] for each in found if each is not None)
        asked = '{"query": "{ products(first: 1) { nodes { name availability } } viewer { __typename } }"}'

        def ask(token):
            headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
            request = urllib.request.Request(shop.url + "/graphql", asked.encode(), headers)
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:
                    return answer.status, None, json.load(answer)
            except urllib.error.HTTPError as error:
                return error.code, error.headers.get("retry-after"), json.load(error)

        assert ask(till)[2]["data"]["products"]["nodes"][0]["availability"]
        data = data_dir.resolve() / "postgres"
        there = read_pid_file(data)
        assert there is not None
        os.kill(there.pid, signal.SIGKILL)
        while is_postmaster(there.pid, data) or list(orphans(data)):
            time.sleep(0.02)
        # Who calls is known of one for a second and a half more; of the other it is not, and nothing runs.
        for token, answers in ((till, [(200, None), (503, "1")]), (owner, [(503, "1")])):
            told = ask(token)
            assert told[:2] in answers
            assert told[2]["errors"][0]["extensions"]["code"] == "INTERNAL"
            assert "cannot be reached" in told[2]["errors"][0]["message"]
        # A trace of each request would hide what else happens then.
        assert "graphql.internal_error" not in shop.told.read_text()
        server.start()
        deadline = time.monotonic() + 30
        while ask(owner)[0] != 200 or ask(till)[2].get("errors"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        shop.ctrl_c()
        server.start()
        server.stop()


def test_what_is_being_answered_is_answered_before_it_stops(tmp_path, database_url):
    """Half a request is sent, the server is told to stop, and the other half still gets its answer."""
    shop = Shop(tmp_path, database_url=database_url, data_dir=tmp_path / "unused")
    try:
        body = json.dumps({"query": "{ __typename }"}).encode()
        address = shop.url.removeprefix("http://").split(":")
        with closing(socket.create_connection((address[0], int(address[1])), timeout=10)) as client:
            client.sendall(
                b"POST /graphql HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n"
                + f"content-length: {len(body)}\r\n\r\n".encode()
                + body[:5]
            )
            time.sleep(0.3)
            os.killpg(shop.process.pid, signal.SIGINT)
            time.sleep(0.3)
            client.sendall(body[5:])
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
        assert shop.process.wait(60) == 0
        assert not (tmp_path / "unused" / "postgres").exists()
    finally:
        shop.kill()


def test_a_command_starts_the_database_and_stops_it_again(tmp_path):
    data_dir = tmp_path / "data"
    first = feira("migrate", data_dir=data_dir)
    assert first.returncode == 0
    assert "the database is migrated" in first.stderr
    assert not is_up(data_dir)
    assert "newest schema already" in feira("migrate", data_dir=data_dir).stderr


def test_an_outside_postgresql_15_is_migrated_too(tmp_path, postgres_servers: Servers):
    with postgres_servers.empty_database("postgres15") as url:
        outside = make_url(url).set(drivername="postgres").render_as_string(hide_password=False)
        # What is not done is told, too.
        served = feira("serve", database_url=outside, data_dir=tmp_path / "unused", replica_urls=outside)
        assert "run `feira migrate`" in one_line(served)
        assert "FEIRA_REPLICA_URLS: no replica is read from" in served.stderr
        assert "the database is migrated" in feira("migrate", database_url=outside, data_dir=tmp_path / "unused").stderr
        assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"database_url": "postgres://ana:secret@127.0.0.1:1/shop"}, "connection refused"),
        ({"database_url": "postgres://ana:secret@nowhere.invalid/shop"}, "no host of that name"),
        ({"database_url": "mysql://ana:secret@127.0.0.1/shop"}, "must begin with postgresql://"),
        ({"port": "eight"}, "FEIRA_PORT must be a whole number"),
        ({"host": "192.0.2.1"}, "not an address of this machine"),
        ({"data_dir": "/proc/nowhere"}, "/proc/nowhere"),
        ({"pg_bin": "/nowhere"}, "FEIRA_PG_BIN"),
    ],
)
def test_what_an_operator_can_mend_is_one_line(tmp_path, settings, told):
    line = one_line(feira("up", **({"data_dir": tmp_path / "data"} | settings)))
    assert told in line
    assert "secret" not in line
    assert not is_up(tmp_path / "data")


def test_the_wrong_password_is_one_line(tmp_path, postgres_url_admin):
    wrong = make_url(postgres_url_admin).set(password="wrong").render_as_string(hide_password=False)
    assert "password authentication failed" in one_line(feira("migrate", database_url=wrong))


def test_a_database_of_a_newer_version_is_left_alone(database_url):
    async def pretend():
        engine = plain_engine(database_url)
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await engine.dispose()

    elsewhere(pretend)
    assert "revision 9999, which this version of Feira does not know" in one_line(
        feira("migrate", database_url=database_url)
    )
