"""`feira snapshot`, as an operator runs it: whole files alone, for a shopper or a till."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shop import Shop

FEIRA = [sys.executable, "-c", "from app.cli import main; main()", "snapshot"]


@pytest.fixture
def environment(shop: Shop, database_url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FEIRA_")}
    return kept | {"FEIRA_DATABASE_URL": database_url}


def feira(environment: dict[str, str], *arguments: object) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([*FEIRA, *map(str, arguments)], env=environment, capture_output=True, timeout=120)


async def test_a_snapshot_is_written_for_a_shopper_and_for_a_till(
    shop: Shop, environment: dict[str, str], tmp_path: Path
) -> None:
    await shop.variant("CANECA", stock={"centro": 1000, "praia": 2000})
    path = tmp_path / "loja.jsonl.gz"
    assert feira(environment, "--channel", "app", "--topics", "PRODUCT", path).returncode == 0
    first, product, last = map(json.loads, gzip.decompress(path.read_bytes()).splitlines())
    assert first["snapshot"]["channel"] == "app"
    assert product["variants"][0]["sku"] == "CANECA"
    assert last["end"]["topics"]["PRODUCT"]["count"] == 1
    done = feira(environment, "--register", "praia-1", "-")
    lines = [json.loads(line) for line in gzip.decompress(done.stdout).splitlines()]
    assert lines[0]["snapshot"]["location"] == "praia"
    assert [line["onHand"] for line in lines if line.get("topic") == "STOCK"] == ["2"]
    assert os.listdir(tmp_path) == ["loja.jsonl.gz"]


async def test_what_cannot_be_is_told_and_writes_nothing(
    shop: Shop, environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "loja.jsonl.gz"
    for wrong in (("--channel", "x"), ("--register", "x"), ("--topics", "STOCK"), ("--topics", "X")):
        done = feira(environment, *wrong, path)
        assert done.returncode == 2
        assert b"Error" in done.stderr
    assert not path.exists()
