"""What the tests of imports run files with, and how they look at what became of them."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from app.browse.import_plan import plan_import
from app.browse.imports import Summary, import_file
from app.catalog.formats.records import RowError
from app.catalog.tables import media, product, product_media, product_text, publication, variant, variant_media
from app.events.tables import outbox
from app.inventory.tables import stock_level, stock_movement
from app.pricing.tables import price
from tests.shop import Shop

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"
HEADER = (
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,"
    "Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,"
    "Variant Compare At Price,Variant Barcode,Image Src,Image Alt Text,Status"
)
SHIRT = (
    'camisa,Camisa,<p>Algodão</p>,Feira,Roupas,"verão, linho",true,Tamanho,P,Cor,Azul,,150,shopify,5,deny,50.00,,,'
    "https://feira.test/a.jpg,Frente,active\n"
    "camisa,,,,,,,,M,,Azul,CAM-M,160,shopify,3,deny,55.00,70.00,7891234567895,,,\n"
)
MUG = "caneca,Caneca,,Feira,Casa,,true,,,,,CANECA,300,shopify,7,deny,19.90,,,,,active\n"


@dataclass
class Ran:
    summary: Summary
    errors: list[RowError] = field(default_factory=list)

    @property
    def told(self) -> list[tuple[int, str, str]]:
        """Line, column and what is lost of each error."""
        return [(error.line, error.column, error.lost.value) for error in self.errors]


async def run(shop: Shop, text: str | bytes, *, role: str = "owner", **plan: Any) -> Ran:
    """Import a file's text. `plan`: as `plan_import` takes it."""
    actor = shop.actor(role)
    errors: list[RowError] = []
    made = await plan_import(shop.db, actor, **plan)
    stream = io.BytesIO(text.encode() if isinstance(text, str) else text)
    summary = await import_file(stream, made, actor, carry_out=shop.db.run, report=errors.append)
    return Ran(summary, errors)


def file(*rows: str, header: str = HEADER) -> str:
    """A file of a header and rows, which end with a line end."""
    return header + "\n" + "".join(rows)


TABLES = {
    table.name: table
    for table in (
        product, product_text, variant, media, product_media, variant_media, publication, price, stock_level,
        stock_movement, outbox,
    )
}  # fmt: skip


async def counts(shop: Shop) -> dict[str, int]:
    """How many rows each table has."""
    return {
        name: await shop.db.value(select(func.count()).select_from(table)) for name, table in sorted(TABLES.items())
    }


async def everything(shop: Shop, *without: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables that an import writes, but for those named."""
    return {
        name: sorted((tuple(row) for row in await shop.db.rows(select(table))), key=repr)
        for name, table in TABLES.items()
        if name not in without
    }


async def emitted(shop: Shop) -> int:
    return int(await shop.db.value(select(func.count()).select_from(outbox)))


async def variants(shop: Shop, slug: str) -> dict[tuple[str, ...], Any]:
    """A product's variants by their values, archived ones left out."""
    statement = (
        select(variant)
        .join(product, product.c.id == variant.c.product_id)
        .where(product.c.slug == slug, ~variant.c.archived)
        .order_by(variant.c.position)
    )
    return {tuple(row.option_values): row for row in await shop.db.rows(statement)}


async def one(shop: Shop, slug: str) -> Any:
    """A product's row."""
    return await shop.db.row(select(product).where(product.c.slug == slug))


async def on_hand(shop: Shop, slug: str, *codes: str) -> dict[tuple[str, ...], Sequence[int]]:
    """What is on hand of each variant at these locations, in thousandths; nothing where there is no level."""
    rows = await shop.db.rows(select(stock_level))
    levels = {(row.variant_id, row.location_id): row.on_hand for row in rows}
    return {
        values: [levels[row.id, shop.locations[code]] for code in codes if (row.id, shop.locations[code]) in levels]
        for values, row in (await variants(shop, slug)).items()
    }
