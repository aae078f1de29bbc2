"""Stock, one level after the other: a variant at a location that the caller works at."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, Final
from uuid import UUID

from app.browse.exports.asking import Asked
from app.browse.exports.cells import Cell, Record, moment, quantity
from app.catalog.names import variant_names
from app.catalog.queries import products_by_ids, texts, variants_by_ids
from app.channels.queries import all_locations
from app.inventory.availability import Stock, available
from app.inventory.queries import LevelFilter, levels_page
from app.platform.db import Reader
from app.platform.texts import name_of

BATCH: Final = 1_000
COLUMNS: Final = (
    *("SKU", "Barcode", "Name", "Location", "Unit", "On hand", "Reserved", "Safety stock", "Available", "Incoming"),
    "Updated at",
)


def reach(asked: Asked) -> Collection[UUID] | None:
    """The locations asked for, as far as the caller works there; None: all."""
    own, wanted = asked.principal.location_ids, asked.location_ids
    if own is None or wanted is None:
        return own if wanted is None else wanted
    return own & set(wanted)


async def batches(db: Reader, asked: Asked) -> AsyncIterator[list[Record]]:
    """By variant and location."""
    codes = {row.id: row.code for row in await all_locations(db)}
    which = LevelFilter(location_ids=reach(asked), updated_from=asked.updated_from, updated_to=asked.updated_to)
    after = None
    while rows := await levels_page(db, which, after=after, limit=BATCH):
        named = await _variants(db, {row.variant_id for row in rows}, asked.locale)
        yield [_record(row, named[row.variant_id], codes[row.location_id]) for row in rows]
        after = rows[-1].variant_id, rows[-1].location_id


async def _variants(db: Reader, ids: Collection[UUID], locale: str) -> dict[UUID, Record]:
    variants = await variants_by_ids(db, ids)
    products = await products_by_ids(db, {row.product_id for row in variants.values()})
    named = await texts(db, products)
    found = {}
    for key, row in variants.items():
        names = {tag: text.name for tag, text in named.get(row.product_id, {}).items()}
        called = variant_names(names, products[row.product_id].options, row.option_values)
        found[key] = {"sku": row.sku, "barcode": row.barcode, "name": name_of(called, locale), "unit": row.unit}
    return found


def _record(row: Any, named: Record, location: str) -> Record:
    stock = Stock(row.on_hand, row.reserved, row.safety_stock, row.backorder_allowance, row.shortfall)
    return {
        "sku": named["sku"],
        "barcode": named["barcode"],
        "name": named["name"],
        "location": location,
        "unit": named["unit"],
        "onHand": quantity(row.on_hand),
        "reserved": quantity(row.reserved),
        "safetyStock": quantity(row.safety_stock),
        "available": quantity(available(stock)),
        "incoming": quantity(row.incoming),
        "updatedAt": moment(row.updated_at),
    }


def rows(record: Record) -> Sequence[Sequence[Cell]]:
    """The record's line of a CSV."""
    return [tuple(record.values())]
