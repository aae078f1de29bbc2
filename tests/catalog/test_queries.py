"""What others read of the catalog: variants as a channel would sell them, rows by natural keys."""

from datetime import timedelta

from sqlalchemy import update

from app.catalog import queries
from app.catalog.tables import product, publication, variant
from app.platform.ids import new_id
from app.platform.texts import name_of
from tests.shop import LONG_AGO, Shop

LATER = LONG_AGO + timedelta(days=400)
OPTIONS = [
    {"name": {"pt-BR": "Tamanho", "en": "Size"}, "values": [{"pt-BR": "Médio", "en": "Medium"}]},
    {"name": {"pt-BR": "Cor"}, "values": [{"pt-BR": "Azul"}]},
]


async def test_a_variant_is_sellable_with_all_that_a_cart_needs(shop: Shop) -> None:
    arroz = await shop.variant("ARROZ", barcode="7891234567895", unit="kg", quantity_step=1, weight_grams=1000)
    found = await queries.sellable(shop.db, [arroz, new_id()], channel_id=shop.channels["web"], moment=LATER)
    assert set(found) == {arroz}
    one = found[arroz]
    assert (one.sku, one.barcode, one.unit, one.quantity_step) == ("ARROZ", "7891234567895", "kg", 1)
    assert (one.requires_shipping, one.track_stock, one.backorder_allowance) == (True, True, 0)
    assert one.tax_class_id == shop.tax_class_id
    assert one.name == {"pt-BR": "Arroz", "en": "Arroz"}
    assert one.published


async def test_a_name_holds_the_option_values_of_its_language(shop: Shop) -> None:
    camiseta = await shop.variant("CAMISETA", option_values=["Médio", "Azul"])
    async with shop.db.transaction() as tx:
        await tx.execute(update(product).where(product.c.slug == "camiseta").values(options=OPTIONS))
    found = await queries.sellable(shop.db, [camiseta], channel_id=shop.channels["web"], moment=LATER)
    assert found[camiseta].name == {"pt-BR": "Camiseta / Médio / Azul", "en": "Camiseta / Medium / Azul"}
    assert name_of(found[camiseta].name, "en-GB") == "Camiseta / Medium / Azul"


async def test_it_is_published_only_in_its_channels_and_in_its_time(shop: Shop) -> None:
    caneca = await shop.variant("CANECA", channels=("web",))

    async def published(channel: str, moment=LATER) -> bool:
        return (await queries.sellable(shop.db, [caneca], channel_id=shop.channels[channel], moment=moment))[
            caneca
        ].published

    assert await published("web")
    assert not await published("pos")
    assert not await published("web", LONG_AGO - timedelta(seconds=1))
    await shop.db.run(lambda tx: tx.execute(update(publication).values(ends_at=LATER)))
    assert await published("web", LATER - timedelta(seconds=1))
    assert not await published("web", LATER)
    await shop.db.run(lambda tx: tx.execute(update(publication).values(ends_at=None)))
    await shop.db.run(lambda tx: tx.execute(update(variant).values(archived=True)))
    assert not await published("web")
    await shop.db.run(lambda tx: tx.execute(update(variant).values(archived=False)))
    await shop.db.run(lambda tx: tx.execute(update(product).values(status="DRAFT")))
    assert not await published("web")


async def test_natural_keys_find_rows_and_nothing_odd_breaks_them(shop: Shop) -> None:
    caneca = await shop.variant("CANECA", barcode="036000291452")
    odd = ["", "\0", "x" * 10_000, "' OR 1=1"]
    assert set(await queries.variants_by_skus(shop.db, ["CANECA", *odd])) == {"CANECA"}
    assert set(await queries.products_by_slugs(shop.db, ["caneca", *odd])) == {"caneca"}
    by_barcode = await queries.variants_by_barcodes(shop.db, ["0036000291452", "036000291452", *odd])
    assert {code: row.id for code, row in by_barcode.items()} == {"0036000291452": caneca, "036000291452": caneca}


async def test_variants_come_by_product_and_archived_ones_when_asked_for(shop: Shop) -> None:
    one = await shop.variant("UM")
    two = await shop.variant("DOIS")
    rows = await queries.variants_by_ids(shop.db, [one, two])
    products = [rows[one].product_id, rows[two].product_id]
    await shop.db.run(lambda tx: tx.execute(update(variant).where(variant.c.id == two).values(archived=True)))
    found = await queries.variants_of_products(shop.db, products)
    assert [[row.id for row in found[key]] for key in products] == [[one], []]
    found = await queries.variants_of_products(shop.db, products, archived=True)
    assert [[row.id for row in found[key]] for key in products] == [[one], [two]]
