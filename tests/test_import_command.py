"""`feira import products`, as an operator runs it: what it prints, its exit codes, killed and run again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.catalog.tables import variant
from app.inventory.audit import violations
from app.inventory.tables import stock_movement
from tests.shop import Shop

FEIRA = [sys.executable, "-c", "from app.cli import main; main()", "import", "products"]
HEADER = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price\n"
GOOD = HEADER + "copo,Copo,Cor,Azul,COPO-A,3,5.00\ncopo,,,Verde,COPO-V,4,6.00\n"


@pytest.fixture
def environment(shop: Shop, database_url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FEIRA_")}
    return kept | {"FEIRA_DATABASE_URL": database_url}


def feira(environment: dict[str, str], *arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*FEIRA, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=120)


def started(environment: dict[str, str], path: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([*FEIRA, str(path)], env=environment, stderr=subprocess.DEVNULL)


def written(place: Path, content: str) -> Path:
    path = place / "produtos.csv"
    path.write_text(content, encoding="utf-8")
    return path


async def test_a_file_comes_in_and_the_same_again_changes_nothing(
    shop: Shop, environment: dict[str, str], tmp_path: Path
) -> None:
    path = written(tmp_path, GOOD)
    first = feira(environment, path, "--location", "praia", "--channels", "web,pos", "--format", "shopify")
    assert first.returncode == 0
    assert first.stdout.startswith("products: 1 created, 0 updated, 0 unchanged, 0 refused; variants created: 2; ")
    again = feira(environment, path, "--location", "praia", "--channels", "web,pos")
    assert "0 created, 0 updated, 1 unchanged" in again.stdout
    references = await shop.db.rows(select(stock_movement.c.reference, stock_movement.c.location_id))
    assert {tuple(row) for row in references} == {("produtos.csv", shop.locations["praia"])}


async def test_errors_are_told_as_compilers_do_and_fail_only_where_nothing_came_in(
    shop: Shop, environment: dict[str, str], tmp_path: Path
) -> None:
    bad = "prato,Prato,,,PRATO,1,x\n"
    path = written(tmp_path, GOOD + bad)
    done = feira(environment, path)
    assert done.returncode == 0
    assert f"{path}:4: Variant Price: " in done.stderr
    assert done.stderr.count("\n") == 3  # the step, the row, and the product of which nothing is left
    nothing = feira(environment, written(tmp_path, HEADER + bad))
    assert (nothing.returncode, "1 refused" in nothing.stdout) == (1, True)
    no_products = feira(environment, written(tmp_path, "a,b\n1,2\n"))
    assert no_products.returncode == 1
    assert f"{path}:1: this is not the header" in no_products.stderr
    unknown = feira(environment, path, "--location", "lua")
    assert (unknown.returncode, unknown.stderr.strip()) == (1, "feira: There is no such location: “lua”.")


async def test_a_dry_run_writes_nothing(shop: Shop, environment: dict[str, str], tmp_path: Path) -> None:
    done = feira(environment, written(tmp_path, GOOD), "--dry-run")
    assert (done.returncode, done.stdout[:28]) == (0, "dry run: products: 1 created")
    assert await shop.db.value(select(func.count()).select_from(variant)) == 0


async def test_killed_in_the_middle_it_is_finished_by_running_it_again(
    shop: Shop, environment: dict[str, str], tmp_path: Path
) -> None:
    products = 3_000
    rows = (f"p-{number},P {number},Cor,Azul,S-{number},1,5.00\n" for number in range(products))
    path = written(tmp_path, HEADER + "".join(rows))
    process = started(environment, path)
    count = select(func.count()).select_from(variant)
    deadline = time.monotonic() + 60
    while not await shop.db.value(count):
        assert process.poll() is None
        assert time.monotonic() < deadline
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    there = await shop.db.value(count)
    assert 0 < there < products
    assert await shop.db.value(select(func.count()).select_from(stock_movement)) == there
    done = feira(environment, path)
    assert f"{products - there} created, 0 updated, {there} unchanged" in done.stdout
    assert await shop.db.value(count) == products
    assert await violations(shop.db) == []
