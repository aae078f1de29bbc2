"""Records of a file become products: identity, what a file leaves alone, what it empties, what is refused."""

import io
from uuid import UUID

from sqlalchemy import select, text

from app.catalog import queries
from app.catalog.drafts import OptionDraft, OptionValueDraft, ProductDraft, TextDraft
from app.catalog.formats.records import ProductRecord
from app.catalog.formats.shopify import read_products
from app.catalog.importing.drafting import Target
from app.catalog.importing.products import Imported, import_products
from app.catalog.products import save_product
from app.catalog.tables import category, collection, product, variant
from tests.catalog.drafting import plain, save_one, told
from tests.shop import Shop

FULL = "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Price\n"
SHIRT = "camisa,Camisa,Tamanho,P,Cor,Azul,,5\ncamisa,,,M,,Azul,,5\n"


async def imported(
    shop: Shop, content: str, *, locale: str = "pt-BR", channels: tuple[str, ...] = ("web", "pos"), find: bool = False
) -> list[Imported]:
    """Import a file's text in one batch, each handle once in it."""
    reading = read_products(io.StringIO(content, newline=""))
    records = [entry for entry in reading if isinstance(entry, ProductRecord)]
    assert reading.shape is not None
    target = Target(reading.shape, locale, tuple(shop.channels[code] for code in channels))
    return await shop.db.run(lambda tx: import_products(tx, shop.actor(), target, records, find_variants=find))


async def variants(shop: Shop, slug: str = "camisa") -> dict[tuple[str, ...], tuple[UUID, str]]:
    """Id and SKU by option values, archived ones left out."""
    key = await shop.db.value(select(product.c.id).where(product.c.slug == slug))
    rows = (await queries.variants_of_products(shop.db, [key]))[key]
    return {tuple(row.option_values): (row.id, row.sku) for row in rows}


async def row(shop: Shop, slug: str = "camisa"):
    return await shop.db.row(select(product).where(product.c.slug == slug))


async def published(shop: Shop, slug: str = "camisa") -> set[str]:
    key = await shop.db.value(select(product.c.id).where(product.c.slug == slug))
    found = (await queries.publications(shop.db, [key])).get(key, {})
    return {code for code, channel_id in shop.channels.items() if channel_id in found}


async def test_variants_are_known_by_their_values_in_any_order_and_any_letters(shop: Shop) -> None:
    await imported(shop, FULL + SHIRT)
    before = await variants(shop)
    (again,) = await imported(shop, FULL + "camisa,Camisa,tamanho,m,COR,azul,,5\ncamisa,,,p,,azul,,5\n")
    assert [one.variant_id for one in again.variants] == [before["M", "Azul"][0], before["P", "Azul"][0]]
    swapped = "camisa,Camisa,Cor,Azul,Tamanho,M,,6\ncamisa,,,Azul,,P,,6\n"
    await imported(shop, FULL + swapped)
    after = await variants(shop)
    assert {(size, colour): ids for (colour, size), ids in after.items()} == before
    assert [name["name"] for name in (await row(shop)).options] == [{"pt-BR": "Cor"}, {"pt-BR": "Tamanho"}]


async def test_an_option_that_was_translated_since_is_the_same(shop: Shop) -> None:
    await imported(shop, FULL + "shirt,Shirt,Size,Small,,,,5\nshirt,,,Large,,,,5\n", locale="en")
    before = await variants(shop, "shirt")
    values = [
        OptionValueDraft(texts={"pt-BR": "Pequena", "en": "Small"}, was="Small"),
        OptionValueDraft(texts={"pt-BR": "Grande", "en": "Large"}, was="Large"),
    ]
    option = OptionDraft(texts={"pt-BR": "Tamanho", "en": "Size"}, values=values, was="Size")
    draft = ProductDraft(slug="shirt", options=[option], texts=[TextDraft(locale="pt-BR", name="Camisa")])
    await save_one(shop, draft)
    (again,) = await imported(
        shop, FULL + "shirt,New shirt,Size,Large,,,,5\nshirt,,,Small,,,,5\nshirt,,,Medium,,,,5\n", locale="en"
    )
    after = await variants(shop, "shirt")
    assert after["Pequena",][0] == before["Small",][0]
    assert after["Grande",][0] == before["Large",][0]
    assert ("Medium",) in after
    assert [one.variant_id for one in again.variants][:2] == [before["Large",][0], before["Small",][0]]
    key = (await row(shop, "shirt")).id
    texts = (await queries.texts(shop.db, [key]))[key]
    assert {locale: one.name for locale, one in texts.items()} == {"en": "New shirt", "pt-BR": "Camisa"}


async def test_made_skus_stay_whatever_else_changes(shop: Shop) -> None:
    await imported(shop, FULL + SHIRT)
    before = await variants(shop)
    assert {sku for _, sku in before.values()} == {"CAMISA-P-AZUL", "CAMISA-M-AZUL"}
    more = "camisa,Outra camisa,Tamanho,PP,Cor,Azul,,5\ncamisa,,,M,,Azul,,5\ncamisa,,,p,,azul,,5\n"
    await imported(shop, FULL + more)
    after = await variants(shop)
    assert set(before.values()) < set(after.values())
    assert {values[0]: sku for values, (_, sku) in after.items()}["PP"] == "CAMISA-PP-AZUL"


async def test_a_made_sku_that_is_taken_gets_a_suffix_and_the_same_one_anywhere(shop: Shop) -> None:
    await save_one(shop, plain("outro", "CAMISA-P-AZUL"))
    (one,) = await imported(shop, FULL + SHIRT)
    made = (await variants(shop))["P", "Azul"][1]
    assert (one.errors, made.startswith("CAMISA-P-AZUL-"), len(made)) == ([], True, 20)
    assert made == "CAMISA-P-AZUL-" + made[-6:]
    async with shop.db.transaction() as tx:
        for table in ("variant_media", "publication", "product_text", "variant", "product"):
            where = "" if table in ("variant_media", "publication") else " WHERE true"
            await tx.execute(text(f"DELETE FROM {table}{where}"))
    await save_one(shop, plain("outro", "CAMISA-P-AZUL"))
    await imported(shop, FULL + SHIRT)
    assert (await variants(shop))["P", "Azul"][1] == made


async def test_a_sku_given_later_takes_the_place_of_a_made_one_and_a_blank_one_does_not(shop: Shop) -> None:
    await imported(shop, FULL + "copo,Copo,,,,,,5\n")
    await imported(shop, FULL + "copo,Copo,,,,,COPO-1,5\n")
    assert (await variants(shop, "copo"))[()][1] == "COPO-1"
    await imported(shop, FULL + "copo,Copo,,,,,,6\n")
    assert (await variants(shop, "copo"))[()][1] == "COPO-1"


async def test_variants_that_the_file_does_not_name_stay_unless_they_no_longer_fit(shop: Shop) -> None:
    await imported(shop, FULL + SHIRT)
    await imported(shop, FULL + "camisa,Camisa,Tamanho,G,Cor,Azul,,5\n")
    assert set(await variants(shop)) == {("P", "Azul"), ("M", "Azul"), ("G", "Azul")}
    await imported(shop, FULL + "camisa,Camisa,Tamanho,G,,,,5\n")
    assert set(await variants(shop)) == {("P",), ("M",), ("G",)}
    await imported(shop, FULL + "camisa,Camisa,Tamanho,G,Tecido,Linho,,5\n")
    assert set(await variants(shop)) == {("G", "Linho")}


async def test_a_column_that_is_missing_leaves_and_a_blank_cell_empties(shop: Shop) -> None:
    header = "Handle,Title,Body (HTML),Vendor,Type,Tags,SEO Title,Variant Barcode,Variant Grams,Variant Price,Status\n"
    await imported(shop, header + 'copo,Copo,<p>Vidro</p>,Feira,Mesa,"a, b",Copos,12345,250,5,active\n')
    first = await row(shop, "copo")
    await imported(shop, "Handle,Title,Variant Price\ncopo,Copo novo,5\n")
    kept = await row(shop, "copo")
    assert (kept.brand, kept.product_type, kept.tags, kept.category_id) == (
        "Feira",
        "Mesa",
        ["a", "b"],
        first.category_id,
    )
    texts = (await queries.texts(shop.db, [first.id]))[first.id]["pt-BR"]
    assert (texts.name, texts.description, texts.seo_title) == ("Copo novo", "<p>Vidro</p>", "Copos")
    assert await shop.db.row(select(variant.c.barcode, variant.c.weight_grams)) == ("12345", 250)
    await imported(shop, header + "copo,Copo,,,,,,,,5,\n")
    emptied = await row(shop, "copo")
    assert (emptied.brand, emptied.product_type, emptied.tags) == (None, None, [])
    assert emptied.category_id == first.category_id
    texts = (await queries.texts(shop.db, [first.id]))[first.id]["pt-BR"]
    assert (texts.description, texts.seo_title) == ("", None)
    assert await shop.db.row(select(variant.c.barcode, variant.c.weight_grams)) == (None, None)


async def test_a_product_is_sold_where_told_while_it_is_published_and_active(shop: Shop) -> None:
    header = "Handle,Title,Published,Status,Variant Price\n"
    await imported(shop, header + "camisa,Camisa,true,active,5\ncopo,Copo,false,active,5\nprato,Prato,true,draft,5\n")
    assert await published(shop) == {"web", "pos"}
    assert await published(shop, "copo") == set()
    assert (await published(shop, "prato"), (await row(shop, "prato")).status) == (set(), "DRAFT")
    await imported(shop, header + "camisa,Camisa,false,active,5\nprato,Prato,true,active,5\n", channels=("pos",))
    assert await published(shop) == {"web"}
    assert await published(shop, "prato") == {"pos"}
    await imported(shop, "Handle,Title,Variant Price\ncamisa,Camisa nova,5\n")
    assert await published(shop) == {"web"}
    await imported(shop, "Handle,Title,Status,Variant Price\ncamisa,Camisa,unlisted,5\n", channels=("web",))
    assert (await published(shop), (await row(shop)).status) == (set(), "ACTIVE")


async def test_categories_and_collections_are_made_once_and_joined(shop: Shop) -> None:
    header = "Handle,Title,Product Category,Type,Collection,Variant Price\n"
    rows = "a,A,Casa > Mesa > Copos,Vidro,Verão,5\nb,B,casa > MESA,,verao,5\nc,C,,Mesa,,5\n"
    await imported(shop, header + rows)
    rows_of = {row.id: row for row in await shop.db.rows(select(category))}
    assert {row.slug for row in rows_of.values()} == {"casa", "mesa", "copos", "mesa-2"}
    paths = {
        row.slug: [rows_of[key].name["pt-BR"] for key in rows_of[row.category_id].lineage]
        for row in await shop.db.rows(select(product.c.slug, product.c.category_id))
    }
    assert paths == {"a": ["Casa", "Mesa", "Copos"], "b": ["Casa", "Mesa"], "c": ["Mesa"]}
    assert await shop.db.value(select(collection.c.slug)) == "verao"
    before = len(await told(shop))
    await imported(shop, header + rows)
    assert len(await told(shop)) == before
    deep = " > ".join(f"c{number}" for number in range(11))
    (refused,) = await imported(shop, header + f"d,D,{deep},,,5\n")
    assert [(error.column, error.lost.value) for error in refused.errors] == [("Product Category", "value")]
    assert refused.outcome == "created"


async def test_media_keep_their_identity_by_url(shop: Shop) -> None:
    header = "Handle,Title,Option1 Name,Option1 Value,Variant Price,Variant Image,Image Src,Image Alt Text\n"
    first = "a,A,Cor,Azul,5,https://f.test/2.jpg,https://f.test/1.jpg,Frente\na,,,,,,https://f.test/2.jpg,Lado\n"
    await imported(shop, header + first)
    key = (await row(shop, "a")).id
    before = {one.url: one.id for one in (await queries.media_of_products(shop.db, [key]))[key]}
    await imported(shop, header + first.replace("1.jpg,Frente", "3.jpg,Outra"))
    after = {one.url: (one.id, one.alt) for one in (await queries.media_of_products(shop.db, [key]))[key]}
    assert list(after) == ["https://f.test/3.jpg", "https://f.test/2.jpg"]
    assert after["https://f.test/2.jpg"] == (before["https://f.test/2.jpg"], {"pt-BR": "Lado"})
    (key_of_variant,) = [one for one, _ in (await variants(shop, "a")).values()]
    own = (await queries.media_of_variants(shop.db, [key_of_variant]))[key_of_variant]
    assert [one.url for one in own] == ["https://f.test/2.jpg"]


async def test_columns_without_a_meaning_are_kept_and_not_lost_by_another_file(shop: Shop) -> None:
    header = "Handle,Title,Variant Price,Cost per item,Variant Taxable,Google Shopping / MPN\n"
    (one,) = await imported(shop, header + "a,A,5,2.50,false,MPN-1\n")
    assert [(error.column, error.lost.value) for error in one.errors] == [("Variant Taxable", "nothing")]
    assert (await row(shop, "a")).extra == {"Google Shopping / MPN": "MPN-1"}
    await imported(shop, "Handle,Title,Variant Price,Google Shopping / Gender\na,A,5,unisex\n")
    assert (await row(shop, "a")).extra == {"Google Shopping / MPN": "MPN-1", "Google Shopping / Gender": "unisex"}
    assert await shop.db.value(select(variant.c.extra)) == {"Cost per item": "2.50", "Charge tax": "false"}
    await imported(shop, header + "a,A,5,,true,\n")
    assert (await row(shop, "a")).extra == {"Google Shopping / Gender": "unisex"}
    assert await shop.db.value(select(variant.c.extra)) == {}


async def test_tracking_is_never_switched_off_by_a_file(shop: Shop) -> None:
    header = "Handle,Title,Variant Price,Variant Inventory Qty\n"
    await imported(shop, header + "a,A,5,3\n")
    await imported(shop, header + "a,A,5,0\n")
    assert await shop.db.value(select(variant.c.track_stock)) is True


async def test_a_product_that_is_known_is_not_written_and_its_variants_are_told_when_asked(shop: Shop) -> None:
    await imported(shop, FULL + SHIRT)
    draft = ProductDraft(slug="camisa", mode="update", brand="Outra")
    await shop.db.run(lambda tx: save_product(tx, shop.actor(), draft))
    (again,) = await imported(shop, FULL + SHIRT, find=True)
    assert (again.known, again.outcome, (await row(shop)).brand) == (True, "unchanged", "Outra")
    assert [one.variant_id for one in again.variants] == [key for key, _ in (await variants(shop)).values()]
    (elsewhere,) = await imported(shop, FULL + SHIRT, channels=("app",))
    assert (elsewhere.known, await published(shop)) == (False, {"web", "pos"})


async def test_what_came_in_with_errors_is_told_again(shop: Shop) -> None:
    await save_one(shop, plain("outro", "X-1"))
    content = FULL + "camisa,Camisa,Tamanho,P,,,X-1,5\ncamisa,,,M,,,X-2,5\n"
    (first,) = await imported(shop, content)
    (again,) = await imported(shop, content)
    assert [(error.line, error.column) for error in first.errors] == [(2, "Variant SKU")]
    assert (again.errors, again.outcome, again.known) == (first.errors, "unchanged", False)
    assert list(await variants(shop)) == [("M",)]
