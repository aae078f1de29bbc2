"""Shopify's product CSV as it should be: old and new templates, every kind of row, and what stays the same."""

import csv
import io
import random
import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.catalog.formats.records import ProductRecord, RowError, Status, VariantRecord
from app.catalog.formats.shopify import Entry, read_products

DATA = Path(__file__).parent / "data"
SHARED = Path(__file__).parents[3] / "shared" / "data"


def read(source: bytes | str) -> list[Entry]:
    return list(read_products(io.BytesIO(source.encode() if isinstance(source, str) else source)))


def products(source: bytes | str) -> list[ProductRecord]:
    entries = read(source)
    assert [entry for entry in entries if isinstance(entry, RowError)] == []
    return [entry for entry in entries if isinstance(entry, ProductRecord)]


def only(source: bytes | str) -> ProductRecord:
    (product,) = products(source)
    return product


def table(rows: Iterable[dict[str, str]], delimiter: str = ",", end: str = "\r\n") -> str:
    """A file with the columns of all rows."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", delimiter=delimiter, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def row(handle: str = "mesa", **cells: str) -> dict[str, str]:
    """A row in the old template's names: `Variant_Price` stands for «Variant Price»."""
    return {"Handle": handle} | {name.replace("_", " "): value for name, value in cells.items()}


@pytest.mark.parametrize(("name", "count"), [("apparel.csv", 20), ("home-and-garden.csv", 20)])
@pytest.mark.shared_data
def test_the_shared_files_read_whole(name: str, count: int) -> None:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this checkout (../shared/data)")
    content = path.read_bytes()
    found = products(content)
    assert len(found) == count
    skus = [variant.sku for product in found for variant in product.variants]
    assert len(set(skus)) == len(skus) == len(content.splitlines()) - 1
    assert all(variant.sku_made and variant.price for product in found for variant in product.variants)
    assert all(product.visible and product.images for product in found)


def test_an_export_with_the_old_columns() -> None:
    shirt, voucher = products((DATA / "shopify_classic.csv").read_bytes())
    assert (shirt.handle, shirt.line, shirt.last_line) == ("camiseta-praia", 2, 6)
    assert shirt.body_html == '<p>Algodão "macio",\nleve.</p>'
    assert shirt.category_path == ("Apparel & Accessories", "Clothing", "Shirts")
    assert shirt.tags == ("verão", "praia")
    assert shirt.options == ("Cor", "Tamanho")
    assert [variant.option_values for variant in shirt.variants] == [("Azul", "P"), ("Azul", "M"), ("Verde", "P")]
    assert [variant.sku for variant in shirt.variants] == ["CAM-AZ-P", "CAM-AZ-M", "CAMISETA-PRAIA-VERDE-P"]
    assert [variant.sku_made for variant in shirt.variants] == [False, False, True]
    assert [variant.tracked for variant in shirt.variants] == [True, True, False]
    assert [variant.backorder for variant in shirt.variants] == [False, True, False]
    assert [variant.weight_grams for variant in shirt.variants] == [180, 185, 180], "the unit is for display"
    assert [variant.line for variant in shirt.variants] == [2, 4, 5]
    assert [image.src[20:] for image in shirt.images] == [
        "verde.jpg",
        "azul.jpg",
        "detalhe.jpg",
        "etiqueta.jpg",
        "verde-p.jpg",
    ]
    assert [image.position for image in shirt.images] == [1, 2, 3, 4, 5]
    assert [image.alt for image in shirt.images] == ["Camiseta verde", "Camiseta azul", "", "Etiqueta", ""]
    assert shirt.variants[2].image == "https://cdn.example/verde-p.jpg"
    first = shirt.variants[0]
    assert (first.price, first.compare_at, first.cost) == (Decimal("59.90"), Decimal("79.90"), Decimal("21.5"))
    assert first.extra["Price / Brazil"] == "59.90"
    assert shirt.extra["Tecido (product.metafields.custom.tecido)"] == "Algodão"
    assert (voucher.gift_card, voucher.published, voucher.status, voucher.visible) == (True, False, Status.DRAFT, False)
    assert (voucher.options, voucher.variants[0].option_values, voucher.images) == ((), (), ())


def test_todays_template() -> None:
    coffee = only((DATA / "shopify_template.csv").read_bytes())
    assert (coffee.handle, coffee.status, coffee.visible) == ("cafe-da-serra", Status.ARCHIVED, False)
    small, large = coffee.variants
    assert (small.barcode, small.option_values, small.quantity) == ("7896005800012", ("250 g",), 40)
    assert (large.weight_grams, large.weight_unit, large.backorder, large.quantity) == (Decimal(1000), "kg", True, -3)
    assert small.extra["Unit price total measure"] == "250"


SMALL = [
    row(Title="Mesa", Option1_Name="Cor", Option1_Value="Café", Variant_Price="10.00", Vendor="Ação"),
    row(Option1_Value="Branca", Variant_Price="12.50"),
]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiters_line_ends_and_encodings_do_not_matter(delimiter: str, end: str, encoding: str) -> None:
    assert products(table(SMALL, delimiter, end).encode(encoding)) == products(table(SMALL))


def test_a_line_that_names_the_delimiter_is_understood() -> None:
    product = only("sep=;\r\n" + table(SMALL, ";"))
    assert product.line == 3
    assert product.digest == only(table(SMALL)).digest


def test_headers_may_stand_in_any_order_and_case() -> None:
    shuffled = [{f" {name.upper()} ": cell for name, cell in reversed(cells.items())} for cells in SMALL]
    assert products(table(shuffled)) == products(table(SMALL))


def test_the_header_is_known_at_once_with_what_is_ignored() -> None:
    content = table([row(Title="Mesa", Variant_Price="1", Shelf="A7", **{"Price_/_Brazil": "2"})])
    shape = read_products(io.BytesIO(content.encode())).shape
    assert shape is not None
    assert (shape.format, shape.delimiter, shape.ignored) == ("shopify", ",", ("Shelf",))
    assert shape.fields == {"handle", "title", "price"}


def test_a_text_stream_reads_like_bytes() -> None:
    content = "\ufeff" + table(SMALL)
    assert list(read_products(io.StringIO(content, newline=""))) == read(content)


def test_the_callers_stream_stays_open() -> None:
    stream = io.BytesIO(table(SMALL).encode())
    list(read_products(stream))
    assert not stream.closed


def test_windows_files_are_read_and_told() -> None:
    notice, product = read(table(SMALL).encode("cp1252"))
    assert isinstance(notice, RowError)
    assert (notice.lost, notice.line) == ("nothing", 2)
    assert product == only(table(SMALL))


@pytest.mark.parametrize(
    ("tracker", "quantity", "tracked"),
    [
        ("", "", False),
        ("", "0", False),
        ("", "3", True),
        ("", "-1", True),
        ("shopify", "", True),
        ("shopify", "0", True),
    ],
)
def test_stock_is_tracked_unless_the_file_says_nothing_of_it(tracker: str, quantity: str, tracked: bool) -> None:
    cells = row(Title="Mesa", Variant_Price="1", Variant_Inventory_Tracker=tracker, Variant_Inventory_Qty=quantity)
    assert only(table([cells])).variants[0].tracked is tracked


@pytest.mark.parametrize(
    ("weight", "unit", "grams"),
    [("1.5", "kg", "1500"), ("250", "g", "250"), ("2", "lb", "907.185"), ("1", "oz", "28.350"), ("7", "", "7")],
)
def test_weights_become_grams(weight: str, unit: str, grams: str) -> None:
    cells = row(Title="Mesa", Variant_Price="1", Variant_Weight=weight, Variant_Weight_Unit=unit)
    assert only(table([cells])).variants[0].weight_grams == Decimal(grams)


def test_a_blank_price_is_no_price() -> None:
    assert only(table([row(Title="Mesa", Variant_SKU="M-1", Variant_Price="")])).variants[0].price is None


def test_a_product_row_without_variant_cells_is_sold_as_it_is() -> None:
    product = only(table([row(Title="Mesa", Image_Src="https://x.example/1.jpg", Option1_Name="Title")]))
    assert [(variant.sku, variant.option_values) for variant in product.variants] == [("MESA", ())]
    assert product.options == ()


def test_a_missing_handle_is_made_from_the_title() -> None:
    assert only(table([{"Title": "Pão de Açúcar", "Price": "3"}])).handle == "pao-de-acucar"


@pytest.mark.parametrize("word", ["TRUE", "true", "VERDADEIRO", "1"])
def test_spreadsheets_write_true_in_their_language(word: str) -> None:
    assert only(table([row(Title="Mesa", Variant_Price="1", Gift_Card=word)])).gift_card


def test_a_handle_that_comes_again_adds_to_its_product() -> None:
    first, other, again = products(
        table(
            [
                row(Title="Mesa", Option1_Name="Cor", Option1_Value="Preta", Variant_Price="9"),
                row("cadeira", Title="Cadeira", Variant_Price="5"),
                row("Mesa", Option1_Value="Branca", Variant_Price="8"),
                row("Mesa", Image_Src="https://x.example/mesa.jpg"),
            ]
        )
    )
    assert (first.continues, other.continues, again.continues) == (False, False, True)
    assert (again.handle, again.options, again.variants[0].option_values) == ("mesa", (), ("Branca",))
    assert [image.src for image in again.images] == ["https://x.example/mesa.jpg"]


def test_made_skus_stay_when_rows_are_added_in_between() -> None:
    values = ["P", "p!", "Ação", "ACAO", "赤"]
    cells = [row(Title="Mesa", Option1_Name="Cor"), *(row(Option1_Value=value) for value in values)]
    before = {variant.option_values: variant.sku for variant in only(table(cells)).variants}
    assert (before[("P",)], before[("Ação",)]) == ("MESA-P", "MESA-ACAO")
    assert len(set(before.values())) == len(values)
    cells.insert(1, row(Option1_Value="Nova", Variant_SKU="X-1"))
    after = {variant.option_values: variant.sku for variant in only(table(cells)).variants}
    assert before.items() <= after.items()


def test_a_made_sku_leaves_the_given_ones_alone() -> None:
    cells = [
        row(Title="Mesa", Option1_Name="Cor", Option1_Value="Azul"),
        row(Option1_Value="Verde", Variant_SKU="mesa-azul"),
    ]
    made, given_one = only(table(cells)).variants
    assert given_one.sku == "mesa-azul"
    assert made.sku.startswith("MESA-AZUL-")


def changed(cells: list[dict[str, str]], index: int, **new: str) -> list[dict[str, str]]:
    return [old | row(old["Handle"], **new) if place == index else old for place, old in enumerate(cells)]


def test_the_digest_tells_every_change_but_stock() -> None:
    digest = only(table(SMALL)).digest
    assert only(table([*SMALL], end="\n")).digest == digest
    assert only(table(changed(SMALL, 1, Variant_Price="12.5"))).digest == digest, "the same amount"
    stocked = [cells | {"Variant Inventory Qty": "5"} for cells in SMALL]
    assert only(table(stocked)).digest == only(table(changed(stocked, 1, Variant_Inventory_Qty="4"))).digest
    for index, new in [
        (0, {"Title": "Mesas"}),
        (0, {"Vendor": ""}),
        (1, {"Variant_Price": "12.51"}),
        (1, {"Option1_Value": "branca"}),
        (1, {"Variant_SKU": "MESA-BRANCA"}),
        (1, {"Image_Src": "https://x.example/1.jpg"}),
        (0, {"Status": "draft"}),
    ]:
        assert only(table(changed(SMALL, index, **new))).digest != digest, new
    without_vendor = [{name: cell for name, cell in cells.items() if name != "Vendor"} for cells in SMALL]
    blank_vendor = changed(SMALL, 0, Vendor="")
    assert only(table(without_vendor)).digest != only(table(blank_vendor)).digest, "a blank cell empties, none leaves"


# --- any catalog comes back as it was written ----------------------------------------------------------------------

WORD = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=12)
PHRASE = st.lists(WORD, min_size=1, max_size=3).map(" ".join).filter(lambda text: text.isprintable())
BODY = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=60).map(str.strip)
AMOUNT = st.decimals(0, 10**9, places=2, allow_nan=False)
LINKS = st.integers(1, 10**6).map(lambda number: f"https://cdn.example/{number}.jpg")


@st.composite
def catalogs(draw: st.DrawFn) -> list[dict[str, Any]]:
    handles = draw(st.lists(st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,4})?", fullmatch=True), max_size=4, unique=True))
    found = []
    for handle in handles:
        options = draw(st.lists(PHRASE, max_size=3, unique_by=normal))
        if [normal(name) for name in options] == ["title"]:
            options = []
        values = st.tuples(*(PHRASE for _ in options))
        keys = draw(st.lists(values, min_size=1, max_size=4, unique_by=lambda key: tuple(map(normal, key))))
        keys = keys if options else [()]
        variants = [
            {
                "values": key,
                "sku": f"{handle}/{number}",
                "price": draw(AMOUNT),
                "quantity": draw(st.integers(-5, 10**6)),
                "backorder": draw(st.booleans()),
                "grams": draw(st.integers(0, 10**5)),
            }
            for number, key in enumerate(keys)
        ]
        found.append(
            {
                "handle": handle,
                "title": draw(PHRASE),
                "body": draw(BODY),
                "status": draw(st.sampled_from(Status)),
                "published": draw(st.booleans()),
                "options": tuple(options),
                "variants": variants,
                "images": draw(st.lists(LINKS, max_size=5, unique=True)),
            }
        )
    return found


def normal(text: str) -> str:
    return plain(text).casefold()


def plain(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def written(catalog: list[dict[str, Any]], delimiter: str, end: str) -> str:
    """The catalog as Shopify would export it, images and variants side by side."""
    lines: list[dict[str, str]] = [row("", Title="", Body="", Status="", Published="", Variant_SKU="", Image_Src="")]
    for product in catalog:
        for number in range(max(len(product["variants"]), len(product["images"]))):
            cells = row(product["handle"])
            if number == 0:
                cells |= row(product["handle"], Title=product["title"], Body=product["body"])
                cells |= {"Status": product["status"], "Published": str(product["published"]).upper()}
                cells |= {f"Option{place} Name": name for place, name in enumerate(product["options"] or ["Title"], 1)}
            if number < len(product["variants"]):
                cells |= variant_cells(product["variants"][number])
            if number < len(product["images"]):
                cells |= {"Image Src": product["images"][number], "Image Position": str(number + 1)}
            lines.append(cells)
    return table(lines, delimiter, end)


def variant_cells(variant: dict[str, Any]) -> dict[str, str]:
    return {
        "Variant SKU": variant["sku"],
        "Variant Price": str(variant["price"]),
        "Variant Inventory Qty": str(variant["quantity"]),
        "Variant Inventory Policy": "continue" if variant["backorder"] else "deny",
        "Variant Grams": str(variant["grams"]),
    } | {f"Option{place} Value": value for place, value in enumerate(variant["values"] or ["Default Title"], 1)}


def facts(variant: VariantRecord) -> dict[str, Any]:
    return {
        "values": variant.option_values,
        "sku": variant.sku,
        "price": variant.price,
        "quantity": variant.quantity,
        "backorder": variant.backorder,
        "grams": variant.weight_grams,
    }


@settings(max_examples=150, deadline=None)
@given(catalogs(), st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n"]), st.integers(0, 99))
def test_any_catalog_reads_back_as_it_was_written(
    catalog: list[dict[str, Any]], delimiter: str, end: str, seed: int
) -> None:
    text = written(catalog, delimiter, end)
    found = products(text)
    for product, record in zip(catalog, found, strict=True):
        assert record.handle == product["handle"]
        assert (record.title, record.body_html) == (plain(product["title"]), product["body"])
        assert (record.status, record.published) == (product["status"], product["published"])
        assert record.options == tuple(map(plain, product["options"]))
        expected = [variant | {"values": tuple(map(plain, variant["values"]))} for variant in product["variants"]]
        assert [facts(variant) for variant in record.variants] == expected
        assert [image.src for image in record.images] == product["images"]
    again = list(catalog)
    random.Random(seed).shuffle(again)
    digests = {record.handle: record.digest for record in found}
    assert {record.handle: record.digest for record in products(written(again, delimiter, end))} == digests


def test_records_travel_as_json() -> None:
    product = only(table(SMALL))
    assert msgspec.json.decode(msgspec.json.encode(product), type=ProductRecord) == product
