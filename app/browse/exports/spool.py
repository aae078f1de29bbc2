"""Writing an export into a file, from one snapshot of the shop, with the position of the feed that it is true at.

The file is written whole before anybody reads it: a slow reader then keeps no transaction open, and a batch at a time
is in memory. Of the changes up to the position all are in it; later ones may be, if they were committed and not yet
numbered. Who goes on with the feed from there misses none.
"""

from collections.abc import AsyncIterator, Sequence
from typing import BinaryIO, Final

from msgspec import Struct
from sqlalchemy import func, select

from app.browse.exports import customers, orders, products, shopify, stock
from app.browse.exports.asking import Asked, Form, What
from app.browse.exports.cells import Cell, Record, csv_lines, json_lines
from app.events.feed import head_of
from app.platform.db import Database, Tx

UNHURRIED: Final = select(func.set_config("statement_timeout", "300000", True))
"""A statement reads one batch, but may stand behind others."""


class Spooled(Struct, frozen=True):
    """What was written: how many, how many a CSV could not say, and the position that it is true at."""

    position: int
    epoch: str
    records: int
    left_out: int


async def spool(db: Database, what: What, form: Form, asked: Asked, file: BinaryIO) -> Spooled:
    """Write what is asked for into `file`."""
    async with db.snapshot() as tx:
        await tx.value(UNHURRIED)
        head = await head_of(tx)
        written = await (
            _products(tx, form, asked, file) if what == "products" else _plain(tx, what, form, asked, file)
        )
    return Spooled(head.position, head.epoch, *written)


async def _plain(tx: Tx, what: What, form: Form, asked: Asked, file: BinaryIO) -> tuple[int, int]:
    sheet = {"stock": stock, "orders": orders, "customers": customers}[what]
    if form == "csv":
        file.write(csv_lines([sheet.COLUMNS]))
    count = 0
    async for records in sheet.batches(tx, asked):
        count += len(records)
        if form == "jsonl":
            file.write(json_lines(records))
        else:
            file.write(csv_lines(row for record in records for row in sheet.rows(record)))
    return count, 0


async def _products(tx: Tx, form: Form, asked: Asked, file: BinaryIO) -> tuple[int, int]:
    around = await products.Around.of(tx, asked)
    found = products.batches(tx, asked, around)
    if form == "jsonl":
        return await _lines(found, file), 0
    names = shopify.columns(around.extras, stock=bool(asked.location_ids))
    file.write(csv_lines([names]))
    count = left_out = 0
    async for records in found:
        fitting = [record for record in records if shopify.fits(record)]
        left_out += len(records) - len(fitting)
        count += len(fitting)
        file.write(csv_lines(_rows(fitting, names, asked.locale)))
    return count, left_out


def _rows(records: Sequence[Record], names: Sequence[str], locale: str) -> Sequence[Sequence[Cell]]:
    return [row for record in records for row in shopify.rows(record, names, locale)]


async def _lines(batches: AsyncIterator[list[Record]], file: BinaryIO) -> int:
    count = 0
    async for records in batches:
        file.write(json_lines(records))
        count += len(records)
    return count
