"""Importing files into a shop: catalog, prices and stock together, once, again, twice at a time, cut short."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from sqlalchemy import select, text

from app.browse import imports
from app.browse.import_plan import plan_import
from app.browse.imports import Command, Done, import_file, line_of
from app.catalog.drafts import ProductDraft
from app.catalog.products import save_product
from app.catalog.tables import category, publication
from app.inventory.audit import violations as stock_violations
from app.inventory.levels import StockChange, adjust
from app.inventory.tables import stock_level, stock_movement
from app.platform.errors import InvalidInput, NotFound
from app.pricing.audit import violations as price_violations
from app.pricing.prices import PriceChange, set_prices
from app.pricing.tables import price
from tests.browse.importing import MUG, SHARED_DATA, SHIRT, counts, emitted, everything, file, on_hand, one, variants
from tests.browse.importing import run as import_
from tests.shop import Shop


async def prices(shop: Shop, slug: str) -> dict[tuple[str, ...], tuple[int, int | None]]:
    """What each variant costs now in the base list, with the price before reductions."""
    rows = await shop.db.rows(select(price).where(price.c.ends_at.is_(None)))
    standing = {row.variant_id: (row.amount, row.compare_at) for row in rows}
    return {values: standing[row.id] for values, row in (await variants(shop, slug)).items() if row.id in standing}


async def test_a_file_becomes_products_with_prices_and_stock(shop: Shop) -> None:
    ran = await import_(shop, file(SHIRT, MUG))
    assert (ran.summary.created, ran.summary.variants_created, ran.errors) == (2, 3, [])
    shirt = await variants(shop, "camisa")
    assert [(row.sku, row.weight_grams, row.barcode) for row in shirt.values()] == [
        ("CAMISA-P-AZUL", 150, None),
        ("CAM-M", 160, "7891234567895"),
    ]
    assert await prices(shop, "camisa") == {("P", "Azul"): (5000, None), ("M", "Azul"): (5500, 7000)}
    assert await on_hand(shop, "camisa", "centro", "praia") == {("P", "Azul"): [5000], ("M", "Azul"): [3000]}
    rows = await shop.db.rows(
        select(publication.c.channel_id).where(publication.c.product_id == shirt["P", "Azul"].product_id)
    )
    assert {row.channel_id for row in rows} == set(shop.channels.values())
    movements = await shop.db.rows(select(stock_movement.c.kind, stock_movement.c.reason))
    assert {tuple(row) for row in movements} == {("RECEIPT", "import")}


async def test_the_same_file_again_changes_nothing_and_tells_nobody(shop: Shop) -> None:
    await import_(shop, file(SHIRT, MUG))
    before = await everything(shop)
    again = await import_(shop, file(SHIRT, MUG))
    assert (again.summary.unchanged, again.summary.created, again.summary.updated) == (2, 0, 0)
    assert await everything(shop) == before


@pytest.mark.parametrize("digest", [True, False], ids=["known", "looked at closely"])
async def test_without_its_digest_a_file_changes_nothing_either(shop: Shop, digest: bool) -> None:
    await import_(shop, file(SHIRT, MUG))
    if not digest:
        async with shop.db.transaction() as tx:
            await tx.execute(text("UPDATE product SET import_digest = NULL"))
    before = await everything(shop, "product")
    again = await import_(shop, file(SHIRT, MUG))
    assert again.summary.unchanged == 2
    assert await everything(shop, "product") == before
    assert (await one(shop, "camisa")).version == 1


async def test_a_sale_between_two_imports_is_not_undone(shop: Shop) -> None:
    await import_(shop, file(MUG))
    key = (await variants(shop, "caneca"))[()].id
    sold = StockChange(key, shop.locations["centro"], delta=-2000)
    await shop.db.run(lambda tx: adjust(tx, shop.actor(), changes=[sold], kind="ADJUSTMENT"))
    await import_(shop, file(MUG.replace("Caneca", "Caneca azul")))
    await import_(shop, file(MUG), location="praia")
    assert await on_hand(shop, "caneca", "centro", "praia", "cd") == {(): [5000]}


async def test_stock_is_counted_anew_where_told_to_even_of_known_products(shop: Shop) -> None:
    await import_(shop, file(MUG, SHIRT))
    key = (await variants(shop, "caneca"))[()].id
    sold = StockChange(key, shop.locations["centro"], delta=-2000)
    await shop.db.run(lambda tx: adjust(tx, shop.actor(), changes=[sold], kind="ADJUSTMENT"))
    before = await emitted(shop)
    again = await import_(shop, file(MUG, SHIRT), inventory="set")
    assert (again.summary.stocked, again.summary.unchanged) == (1, 2)
    assert await on_hand(shop, "caneca", "centro") == {(): [7000]}
    assert await emitted(shop) == before + 2
    same = await import_(shop, file(MUG, SHIRT), inventory="set")
    assert (same.summary.stocked, await emitted(shop)) == (0, before + 2)


async def test_what_was_sold_below_zero_elsewhere_is_none_here(shop: Shop) -> None:
    ran = await import_(shop, file(MUG.replace(",7,deny", ",-4,deny")))
    assert ran.told == [(2, "Variant Inventory Qty", "nothing")]
    assert await on_hand(shop, "caneca", "centro") == {(): [0]}


async def test_a_level_that_somebody_has_told_is_left_to_them(shop: Shop) -> None:
    key = await shop.variant("CANECA", stock={"praia": 9000})
    await import_(shop, file(MUG.replace("caneca,", "caneca,")))
    levels = await shop.db.rows(select(stock_level.c.location_id, stock_level.c.on_hand))
    assert [tuple(row) for row in levels] == [(shop.locations["praia"], 9000)]
    assert (await variants(shop, "caneca"))[()].id == key


async def test_a_price_changes_alone_and_a_blank_one_ends(shop: Shop) -> None:
    await import_(shop, file(SHIRT))
    ran = await import_(shop, file(SHIRT.replace("50.00", "45.00").replace("55.00,70.00", ",")))
    assert (ran.summary.updated, ran.summary.prices) == (1, 2)
    assert await prices(shop, "camisa") == {("P", "Azul"): (4500, None)}
    assert (await one(shop, "camisa")).version == 1


async def test_a_column_that_the_file_lacks_leaves_its_amount(shop: Shop) -> None:
    await import_(shop, file(SHIRT))
    header = "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,"
    row = "camisa,Camisa,Tamanho,M,Cor,Azul,"
    await import_(shop, file(f"{row}52.00\n", header=header + "Variant Price"))
    assert (await prices(shop, "camisa"))["M", "Azul"] == (5200, 7000)
    await import_(shop, file(f"{row}80.00\n", header=header + "Variant Compare At Price"))
    assert (await prices(shop, "camisa"))["M", "Azul"] == (5200, 8000)
    assert (await prices(shop, "camisa"))["P", "Azul"] == (5000, None)


async def test_prices_set_in_the_shop_outlive_the_same_file(shop: Shop) -> None:
    await import_(shop, file(MUG))
    key = (await variants(shop, "caneca"))[()].id
    change = PriceChange(key, 1500)
    await shop.db.run(lambda tx: set_prices(tx, shop.actor(), price_list_id=shop.price_list_id, changes=[change]))
    await import_(shop, file(MUG))
    assert await prices(shop, "caneca") == {(): (1500, None)}
    await import_(shop, file(MUG.replace("Caneca", "Caneca azul")))
    assert await prices(shop, "caneca") == {(): (1990, None)}


async def test_a_bad_row_is_told_by_line_and_column_and_leaves_the_rest(shop: Shop) -> None:
    await shop.variant("TOMADO", barcode="7891234567895")
    ran = await import_(
        shop,
        file(
            SHIRT.replace("150,", "abc,"),  # the first row's weight: the variant is lost; the second's barcode is taken
            "copo,Copo,,,,,true,,,,,TOMADO,,,,,10.00,,,,,active\n",  # its SKU is taken, and it has no other variant
            "prato,Prato,,,,,true,Cor,Azul,,,PRATO-A,,shopify,1,deny,9.999,,,,,active\n",
            "prato,,,,,,,,Verde,,,PRATO-V,,shopify,1,deny,9.99,,7891234567890,,,\n",
            MUG,
        ),
    )
    assert ran.told == [
        (2, "Variant Grams", "row"),
        (3, "Variant Barcode", "value"),
        (4, "Variant SKU", "row"),
        (4, "Handle", "product"),
        (5, "Variant Price", "row"),
        (6, "Variant Barcode", "value"),
    ]
    assert (ran.summary.created, ran.summary.refused, ran.summary.errors) == (3, 1, 6)
    assert list(await variants(shop, "camisa")) == [("M", "Azul")]
    assert [row.sku for row in (await variants(shop, "prato")).values()] == ["PRATO-V"]
    assert line_of("f.csv", ran.errors[4]) == "f.csv:5: Variant Price: BRL has at most 2 decimals («9.999»)"
    again = await import_(shop, file(SHIRT.replace("150,", "abc,"), "x,,,,,,,,,,,,,,,,1,,,,,\n", MUG))
    assert again.told[:2] == ran.told[:2]
    assert again.summary.created == 0


async def test_a_dry_run_tells_everything_and_leaves_nothing(shop: Shop) -> None:
    bad = "copo,Copo,,,,,true,,,,,CANECA,,,,,10.00,,,,,active\n"
    before = await counts(shop)
    rehearsed = await import_(shop, file(SHIRT, MUG, bad), dry_run=True)
    assert await counts(shop) == before
    assert await shop.db.value(select(category.c.id)) is None
    real = await import_(shop, file(SHIRT, MUG, bad))
    assert (rehearsed.told, rehearsed.summary) == (real.told, real.summary)


async def test_a_dry_run_remembers_what_earlier_batches_took(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MOST_PRODUCTS", 1)
    rest = "camisa,,,,,,,,G,,Azul,CAM-G,,shopify,1,deny,55.00,,,,,\n"
    twice = "copo,Copo,,,,,true,,,,,CAM-M,,,,,10.00,,,,,active\n"
    rehearsed = await import_(shop, file(SHIRT, MUG, rest, twice), dry_run=True)
    assert rehearsed.told == [(6, "Variant SKU", "row")]
    real = await import_(shop, file(SHIRT, MUG, rest, twice))
    assert real.told[0] == (6, "Variant SKU", "row")
    assert len(await variants(shop, "camisa")) == 3


async def test_the_same_file_twice_at_once_is_one_catalog(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MOST_PRODUCTS", 3)
    rows = [MUG.replace("caneca", f"caneca-{number}").replace("CANECA", f"C-{number}") for number in range(12)]
    ran = await asyncio.gather(
        import_(shop, file(*rows)), import_(shop, file(*rows)), import_(shop, file(*reversed(rows)))
    )
    assert [one.errors for one in ran] == [[], [], []]
    assert sum(one.summary.created for one in ran) == 12
    assert sum(one.summary.stocked for one in ran) == 12
    movements = await shop.db.rows(select(stock_movement.c.quantity))
    assert [row.quantity for row in movements] == [7000] * 12
    versions = [(await one(shop, f"caneca-{number}")).version for number in range(12)]
    assert versions == [1] * 12


async def test_an_import_meets_sellers_and_the_back_office(shop: Shop) -> None:
    mug = MUG.replace(",7,deny", ",20,deny")
    await import_(shop, file(SHIRT, mug))
    key = (await variants(shop, "caneca"))[()].id

    async def sell() -> None:
        sold = StockChange(key, shop.locations["centro"], delta=-1000)
        for _ in range(10):
            await shop.db.run(lambda tx: adjust(tx, shop.actor(), changes=[sold], kind="ADJUSTMENT"))

    async def rename() -> None:
        for name in ("a", "b", "c", "d", "e"):
            draft = ProductDraft(slug="caneca", mode="update", brand=name)
            await shop.db.run(partial(save_product, actor=shop.actor(), draft=draft))

    files = [file(SHIRT, mug.replace("Caneca", f"Caneca {number}")) for number in range(4)]
    await asyncio.gather(sell(), rename(), *(import_(shop, one) for one in files))
    assert await on_hand(shop, "caneca", "centro") == {(): [10_000]}


async def test_what_was_cut_short_is_finished_by_the_next_run(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MOST_PRODUCTS", 1)
    batches = 0

    async def break_off(command: Command) -> Done:
        nonlocal batches
        batches += 1
        if batches == 2:
            async with shop.db.transaction() as tx:
                await command(tx)
                raise ConnectionAbortedError
        return await shop.db.run(command)

    await cut_short(shop, file(SHIRT, MUG), break_off)
    assert await one(shop, "caneca") is None
    assert len(await variants(shop, "camisa")) == 2
    ran = await import_(shop, file(SHIRT, MUG))
    assert (ran.summary.unchanged, ran.summary.created) == (1, 1)
    assert await on_hand(shop, "caneca", "centro") == {(): [7000]}


async def cut_short(shop: Shop, content: str, carry_out: Callable[[Command], Awaitable[Done]]) -> None:
    plan = await plan_import(shop.db, shop.actor())
    with pytest.raises(ConnectionAbortedError):
        await import_file(io.BytesIO(content.encode()), plan, shop.actor(), carry_out=carry_out, report=print)


async def test_a_handle_that_comes_again_adds_to_its_product(shop: Shop) -> None:
    rest = "camisa,,,,,,,Cor,Verde,Tamanho,P,CAM-PV,,shopify,2,deny,50.00,,,https://feira.test/b.jpg,,\n"
    swapped = rest.replace("Cor,Verde,Tamanho,P", ",P,,Verde")
    ran = await import_(shop, file(SHIRT, MUG, swapped))
    assert ran.errors == []
    assert list(await variants(shop, "camisa")) == [("P", "Azul"), ("M", "Azul"), ("P", "Verde")]
    before = await everything(shop)
    await import_(shop, file(SHIRT, MUG, swapped))
    assert await everything(shop) == before
    named = await import_(shop, file(SHIRT, MUG, rest))
    assert (named.errors, await everything(shop)) == ([], before)


async def test_what_continues_a_refused_product_is_refused_with_it(shop: Shop) -> None:
    taken = "copo,Copo,,,,,true,Cor,Azul,,,CANECA,,,,,10.00,,,,,active\n"
    rest = "copo,,,,,,,,Verde,,,COPO-V,,,,,10.00,,,,,\n"
    ran = await import_(shop, file(MUG, taken, MUG.replace("caneca", "b").replace("CANECA", "B"), rest))
    assert ran.told == [(3, "Variant SKU", "row"), (3, "Handle", "product"), (5, "Handle", "product")]


async def test_the_plan_names_what_the_shop_does_not_have(shop: Shop) -> None:
    for given, refusal in (
        ({"location": "lua"}, NotFound),
        ({"price_list": "lua"}, NotFound),
        ({"channels": ["web", "lua"]}, NotFound),
        ({"locale": "fr"}, InvalidInput),
    ):
        with pytest.raises(refusal):
            await plan_import(shop.db, shop.actor(), **given)


async def test_levels_follow_a_variant_that_sells_on_without_stock(shop: Shop) -> None:
    await import_(shop, file(MUG))
    await import_(shop, file(MUG.replace(",7,deny", ",7,continue")))
    level = await shop.db.row(select(stock_level))
    assert level is not None
    assert level.backorder_allowance > 10**12
    await import_(shop, file(MUG))
    level = await shop.db.row(select(stock_level))
    assert level is not None
    assert level.backorder_allowance == 0


async def test_every_law_holds_after_imports(shop: Shop) -> None:
    await import_(shop, file(SHIRT, MUG))
    await import_(shop, file(SHIRT.replace("50.00", "49.00"), MUG.replace(",7,deny", ",2,continue")), inventory="set")
    await import_(shop, file(SHIRT.replace("55.00,70.00", ",")))
    assert await stock_violations(shop.db) == []
    assert await price_violations(shop.db) == []


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "products", "of_them", "quantities"), [("apparel", 20, 22, 22), ("home-and-garden", 20, 21, 19)]
)
async def test_the_shared_files_come_in_whole(
    shop: Shop, name: str, products: int, of_them: int, quantities: int
) -> None:
    path = SHARED_DATA / f"{name}.csv"
    if not path.exists():
        pytest.skip(f"no {path.name} in {path.parent}")
    content = path.read_bytes()
    ran = await import_(shop, content)
    assert (ran.summary.created, ran.summary.variants_created, ran.errors) == (products, of_them, [])
    assert (ran.summary.prices, ran.summary.stocked) == (of_them, quantities)
    before = await everything(shop)
    again = await import_(shop, content)
    assert (again.summary.unchanged, again.errors) == (products, [])
    assert await everything(shop) == before
