"""A catalog a hundred times as large, by PostgreSQL alone: every made-up product is there so many times more.

Products that were written through the shop's own commands are copied with all that belongs to them, table by table and
column by column, so that what is copied is what the commands write, whatever columns there are. A copy's ids are made
from the original's and the copy's number, the same in every table; names, slugs, SKUs and prices differ. Nothing is
told to the feed: a server is started afterwards. Indexes that bind nothing are made anew when all rows are there.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import asyncpg
from sqlalchemy import Table

from app.catalog.tables import product, product_text, publication, variant
from app.inventory.tables import stock_level, stock_movement
from app.pricing.tables import channel_price, price, priced_variant
from benchmarks.floor import plain

# A UUIDv7 whose time is the original's, moved on by the copy's number, and whose rest is a hash of both.
COPIED: Final = """
CREATE OR REPLACE FUNCTION pg_temp.copied(id uuid, copy integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (substr(replace(id::text, '-', ''), 1, 8) || to_hex(4096 + copy) || '7' || substr(hash, 1, 3)
        || '8' || substr(hash, 4, 15))::uuid
    FROM (SELECT md5(id::text || copy) AS hash) AS hashed
$$
"""
ORIGINALS: Final = """
CREATE TEMPORARY TABLE original AS
SELECT id AS variant_id, product_id FROM variant WHERE sku LIKE 'SYN-%'
"""
_OF_PRODUCTS: Final = "(SELECT DISTINCT product_id FROM original)"
_OF_VARIANTS: Final = "(SELECT variant_id FROM original)"


@dataclass(frozen=True)
class Copy:
    """A table, the column that says whose a row is, and what of a copy differs, as SQL over `o` and `copy`."""

    table: Table
    owner: str
    of: str
    differs: dict[str, str]


_ID: Final = "pg_temp.copied(o.id, copy)"
_PRODUCT: Final = "pg_temp.copied(o.product_id, copy)"
_VARIANT: Final = "pg_temp.copied(o.variant_id, copy)"
_AMOUNT: Final = "o.amount + copy * 37 % 5000"
_LATER: Final = {name: f"o.{name} + copy * interval '1 second'" for name in ("created_at", "updated_at")}

COPIES: Final = (
    Copy(product, "id", _OF_PRODUCTS, {"id": _ID, "slug": "o.slug || '-' || copy", **_LATER}),
    Copy(
        product_text,
        "product_id",
        _OF_PRODUCTS,
        {
            "product_id": _PRODUCT,
            "name": "o.name || ' ' || copy",
            "name_key": "o.name_key || ' ' || copy",
            "search": "o.search || setweight(to_tsvector('simple', copy::text), 'A')",
            "search_words": "o.search_words || ' ' || copy",
        },
    ),
    Copy(variant, "id", _OF_VARIANTS, {"id": _ID, "product_id": _PRODUCT, "sku": "o.sku || '-' || copy", **_LATER}),
    Copy(publication, "product_id", _OF_PRODUCTS, {"product_id": _PRODUCT}),
    Copy(price, "variant_id", _OF_VARIANTS, {"id": _ID, "variant_id": _VARIANT, "amount": _AMOUNT}),
    Copy(priced_variant, "variant_id", _OF_VARIANTS, {"variant_id": _VARIANT}),
    Copy(
        channel_price,
        "variant_id",
        _OF_VARIANTS,
        {"variant_id": _VARIANT, "product_id": _PRODUCT, "amount": _AMOUNT},
    ),
    Copy(
        stock_level,
        "variant_id",
        _OF_VARIANTS,
        {"id": _ID, "variant_id": _VARIANT, "reserved": "0"},
    ),
    Copy(stock_movement, "variant_id", _OF_VARIANTS, {"id": _ID, "variant_id": _VARIANT}),
)

SPARE_INDEXES: Final = """
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid
WHERE i.indrelid = $1::regclass AND NOT i.indisunique AND c.oid IS NULL
"""
AT_ONCE: Final = 10
"""Copies that one statement makes."""


async def multiply(url: str, copies: int, progress: Callable[[str], None]) -> float:
    """So many copies of each product; the seconds that it took. All originals' rows must be there and unreserved."""
    connection = await asyncpg.connect(plain(url))
    began = time.monotonic()
    try:
        for setting in (
            "statement_timeout = 0",
            "synchronous_commit = off",
            "maintenance_work_mem = '256MB'",
            "work_mem = '64MB'",
            # A copy refers to what its original does, or to copies made in the same way.
            "session_replication_role = 'replica'",
        ):
            await connection.execute(f"SET {setting}")
        await connection.execute(COPIED)
        await connection.execute(ORIGINALS)
        for each in COPIES:
            spare = await connection.fetch(SPARE_INDEXES, each.table.name)
            for index in spare:
                await connection.execute(f"DROP INDEX {index['name']}")
            statement = _statement(each)
            at_once = copies if each.table is product else AT_ONCE
            for start in range(1, copies + 1, at_once):
                await connection.execute(statement, start, min(start + at_once - 1, copies))
            for index in spare:
                await connection.execute(index["definition"])
            progress(f"{each.table.name}: {time.monotonic() - began:,.0f} s")
        await connection.execute("VACUUM (ANALYZE)")
        # Else it goes on writing for minutes, while others are measured.
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    return time.monotonic() - began


def _statement(copy: Copy) -> str:
    # What is numbered is numbered anew, in the order of the ids.
    columns = [column.name for column in copy.table.columns if column.computed is None and column.name != "number"]
    values = [copy.differs.get(name, f"o.{name}") for name in columns]
    return (
        f"INSERT INTO {copy.table.name} ({', '.join(columns)}) SELECT {', '.join(values)} "
        f"FROM {copy.table.name} o, generate_series($1::integer, $2::integer) AS copy "
        f"WHERE o.{copy.owner} IN {copy.of} ORDER BY {'1' if copy.table is product else 'copy'}"
    )
