"""`feira export`, as an operator runs it: the file is whole, and goes back in."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shop import Shop

FEIRA = [sys.executable, "-c", "from app.cli import main; main()"]


@pytest.fixture
def environment(shop: Shop, database_url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FEIRA_")}
    return kept | {"FEIRA_DATABASE_URL": database_url}


def feira(environment: dict[str, str], *arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*FEIRA, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=120)


async def test_products_go_out_and_come_back(shop: Shop, environment: dict[str, str], tmp_path: Path) -> None:
    await shop.variant("CANECA", price=4990, stock={"centro": 3000})
    await shop.variant("PRATO", price=2990)
    path = tmp_path / "produtos.csv"
    done = feira(environment, "export", "products", path, "--filter", "location=centro")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 products at position 0 of ")
    rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    assert [(row["SKU"], row["Price"], row["Inventory quantity"]) for row in rows] == [
        ("CANECA", "49.90", "3"), ("PRATO", "29.90", "0"),
    ]  # fmt: skip
    back = feira(environment, "import", "products", path)
    assert back.returncode == 0, back.stderr
    assert "0 created" in back.stdout
    assert "prices set: 0; quantities set: 0; errors: 0, notices: 0" in back.stdout


async def test_the_form_follows_the_name_and_what_fails_leaves_nothing(
    shop: Shop, environment: dict[str, str], tmp_path: Path
) -> None:
    await shop.variant("CANECA", stock={"centro": 3000, "cd": 1000})
    path = tmp_path / "stock.jsonl"
    assert feira(environment, "export", "stock", path, "--filter", "location=cd").returncode == 0
    (level,) = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert (level["sku"], level["location"], level["onHand"]) == ("CANECA", "cd", 1)
    wrong = feira(environment, "export", "stock", tmp_path / "no.csv", "--filter", "location=lua")
    assert (wrong.returncode, wrong.stderr.strip()) == (1, "feira: There is no location 'lua'.")
    assert feira(environment, "export", "stock", tmp_path / "no.csv", "--filter", "location").returncode == 2
    assert os.listdir(tmp_path) == ["stock.jsonl"]
