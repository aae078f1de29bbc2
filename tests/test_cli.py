"""The operator's commands on a shop that is there: tokens that work, and an audit that finds what is wrong."""

import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from app import cli
from app.cli import entry, tokens
from app.identity import staff as staff_commands
from app.identity.authentication import authenticate
from app.identity.tables import staff, token
from app.identity.tokens import has_demo_tokens
from app.inventory.tables import stock_level
from app.platform import clock
from app.platform.config import Settings
from app.platform.db import Database
from app.worker import AUDITED, FOLLOWED
from seed import demo
from tests.telling import unwatched
from tests.test_up import feira, one_line


def silent(*_):
    pass


def here(*arguments, url):
    """Run a command in this process, which spares its start. A refusal is the result's exception."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(CliRunner().invoke, cli.feira, arguments, env={"FEIRA_DATABASE_URL": url}).result()


@pytest.fixture(scope="module")
async def demo_url(postgres_servers):
    with postgres_servers.fresh_database("embedded") as url:
        database = Database.open(url)
        await demo.load(database, Settings(), silent)
        await database.close()
        yield url


@pytest.fixture
async def demo_shop(demo_url):
    database = unwatched(Database.open(demo_url))
    yield database
    await database.close()


def test_the_roles_offered_are_those_that_there_are():
    assert set(tokens.STAFF_ROLES) == staff_commands.STAFF_ROLES


@pytest.mark.parametrize(
    ("arguments", "role", "name"),
    [
        (["--kind", "staff", "--role", "cashier"], "cashier", "Cashier"),
        (["--kind", "staff", "--role", "owner", "--email", "Dona.Feira@example.com"], "owner", "Aurora Meireles"),
        (["--kind", "device", "--register", "praia-1", "--expires-days", "2"], "device", "praia-1"),
        (["--kind", "client", "--channel", "web", "--name", "Next.js"], "client", "Next.js"),
    ],
)
async def test_a_token_is_printed_and_nothing_else(demo_shop, demo_url, arguments, role, name):
    done = here("token", "create", *arguments, url=demo_url)
    assert done.exit_code == 0, done.stderr
    secret = done.stdout.removesuffix("\n")
    assert "\n" not in secret
    principal = await authenticate(demo_shop, secret, clock.now())
    assert principal
    assert (principal.role, principal.name) == (role, name)
    last = await demo_shop.row(select(token).order_by(token.c.id.desc()).limit(1))
    assert last
    assert (last.expires_at is not None) == ("--expires-days" in arguments)
    assert not last.demo

    before = len(await demo_shop.rows(select(staff.c.id)))
    again = here("token", "create", *arguments, url=demo_url).stdout.strip()
    other = await authenticate(demo_shop, again, clock.now())
    assert other
    assert (other.id, again != secret) == (principal.id, True)
    assert len(await demo_shop.rows(select(staff.c.id))) == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--kind", "device", "--register", "lua-1"], "There is no register 'lua-1'"),
        (["--kind", "client", "--channel", "lua"], "There is no channel 'lua'"),
        (["--kind", "staff", "--role", "owner", "--email", "gerente@example.com"], "has the role manager, not owner"),
        (["--kind", "staff", "--role", "owner", "--email", "nobody"], "not an e-mail address"),
    ],
)
def test_a_token_for_nobody_is_one_line(demo_url, arguments, told):
    done = here("token", "create", *arguments, url=demo_url)
    assert isinstance(done.exception, Exception)
    assert told in (entry.one_line(done.exception) or "")
    assert not done.stdout


def test_a_refused_command_ends_in_one_line(demo_url):
    done = feira("token", "create", "--kind", "device", "--register", "lua-1", database_url=demo_url)
    assert "There is no register 'lua-1'" in one_line(done)
    assert not done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--kind", "staff"],
        ["--kind", "device", "--role", "owner"],
        ["--kind", "client", "--channel", "web", "--register", "centro-1"],
        ["--kind", "staff", "--role", "device"],
        ["--kind", "staff", "--role", "owner", "--trusted-documents-only"],
        ["--kind", "device", "--register", "centro-1", "--any-documents"],
    ],
)
def test_a_token_for_what_does_not_fit_is_refused_before_anything_runs(arguments):
    done = here("token", "create", *arguments, url="postgres://127.0.0.1:1/nowhere")
    assert done.exit_code == 2
    assert not done.stdout


async def test_a_client_is_held_to_trusted_documents_and_let_go_again(demo_shop, demo_url):
    arguments = ["token", "create", "--kind", "client", "--channel", "web", "--name", "loja"]
    made = []
    for more, expected in ((["--trusted-documents-only"], True), ([], True), (["--any-documents"], False)):
        done = here(*arguments, *more, url=demo_url)
        assert done.exit_code == 0, done.stderr
        principal = await authenticate(demo_shop, done.stdout.strip(), clock.now())
        assert principal
        assert principal.trusted_documents_only is expected
        made.append(principal.id)
    assert len(set(made)) == 1


def test_trusted_documents_are_listed_by_the_ids_that_clients_send(tmp_path):
    text = "query Who { viewer { permissions } }"
    (tmp_path / "who.graphql").write_text(text)
    done = here("documents", str(tmp_path), url="postgres://127.0.0.1:1/nowhere")
    assert done.exit_code == 0, done.stderr
    assert f"sha256:{sha256(text.encode()).hexdigest()}  who\n" in done.stdout
    assert "  storefront/listProducts\n" in done.stdout
    manifest = here("documents", str(tmp_path), "--manifest", url="postgres://127.0.0.1:1/nowhere")
    (tmp_path / "persisted.json").write_text(manifest.stdout)
    again = here("documents", str(tmp_path / "persisted.json"), url="postgres://127.0.0.1:1/nowhere")
    assert sorted(line.split()[0] for line in again.stdout.splitlines()) == sorted(
        line.split()[0] for line in done.stdout.splitlines()
    )


def test_a_document_that_no_longer_fits_fails_the_list(tmp_path):
    (tmp_path / "gone.graphql").write_text("query Gone { warranty }")
    done = here("documents", str(tmp_path), url="postgres://127.0.0.1:1/nowhere")
    assert done.exit_code == 1
    assert "gone: Cannot query field 'warranty'" in done.stderr
    assert "gone" not in done.stdout


async def test_an_owner_can_be_made_in_an_empty_shop(database, database_url):
    done = here("token", "create", "--kind", "staff", "--role", "owner", url=database_url)
    principal = await authenticate(database, done.stdout.strip(), clock.now())
    assert principal
    assert principal.role == "owner"


async def test_the_audit_of_a_sound_shop_ends_well_and_of_a_spoilt_one_tells(demo_shop, demo_url):
    done = here("audit", url=demo_url)
    assert done.exit_code == 0, done.output
    assert all(done.stdout.count(f"{check} ") >= 1 for check in AUDITED)
    assert done.stdout.count("OK") == len(AUDITED)

    level = await demo_shop.row(select(stock_level).where(stock_level.c.on_hand > 0).limit(1))
    assert level
    await set_on_hand(demo_shop, level, level.on_hand + 1)
    try:
        done = feira("audit", database_url=demo_url)
        assert done.returncode == 1
        assert "1 wrong" in done.stdout
        assert f"on hand is not the sum of the movements: {(level.on_hand + 1) / 1000:g}" in done.stdout
        assert "Traceback" not in done.stderr

        done = here("audit", "--json", url=demo_url)
        assert done.exit_code == 1
        found = json.loads(done.stdout)
        assert list(found) == list(AUDITED)
        assert [check for check in found if found[check]] == ["stock"]
        assert str(level.variant_id) in found["stock"][0]
    finally:
        await set_on_hand(demo_shop, level, level.on_hand)
    assert here("audit", "--json", url=demo_url).exit_code == 0


async def set_on_hand(database, level, quantity):
    change = update(stock_level).where(stock_level.c.id == level.id).values(on_hand=quantity)
    await database.run(lambda tx: tx.execute(change))


@pytest.mark.parametrize("topic", FOLLOWED)
async def test_what_others_follow_is_there_to_be_checked(demo_shop, topic):
    if topic not in ("CART", "ORDER"):
        assert await demo_shop.rows(FOLLOWED[topic].limit(1))


async def test_the_demo_shops_tokens_can_be_revoked_at_once(postgres_servers, tmp_path):
    with postgres_servers.fresh_database("embedded") as url:
        database = Database.open(url)
        await demo.load(database, Settings(), silent)
        secrets = await demo.tokens(database, Settings(data_dir=tmp_path))
        assert here("token", "revoke", "--demo", url=url).output == f"{len(secrets)} tokens revoked\n"
        assert here("token", "revoke", "--demo", url=url).output == "0 tokens revoked\n"
        assert not await has_demo_tokens(database, clock.now())
        await database.close()
