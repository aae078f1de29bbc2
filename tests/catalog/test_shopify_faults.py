"""Shopify's product CSV as it should not be: each fault is told by line and column, and costs no more than it must."""

import io
import tracemalloc
from collections.abc import Iterator
from itertools import chain, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.catalog.formats.records import Limits, Lost, ProductRecord, RowError
from app.catalog.formats.shopify import Entry, read_products
from tests.catalog.test_shopify_csv import DATA, only, read, row, table

SMALL_LIMITS = Limits(cell=200, row=400, columns=40, variants=3, images=3, extra=50)


def split(entries: list[Entry]) -> tuple[list[ProductRecord], list[RowError]]:
    return (
        [entry for entry in entries if isinstance(entry, ProductRecord)],
        [entry for entry in entries if isinstance(entry, RowError)],
    )


def read_within(content: str | bytes, limits: Limits) -> tuple[list[ProductRecord], list[RowError]]:
    return split(list(read_products(io.BytesIO(content if isinstance(content, bytes) else content.encode()), limits)))


def only_error(content: str | bytes) -> RowError:
    _, (error,) = split(read(content))
    return error


def test_a_file_of_many_faults_names_each_and_keeps_the_rest() -> None:
    found, errors = split(read((DATA / "shopify_faulty.csv").read_bytes()))
    assert [(error.line, error.column, error.lost.value, error.last_line) for error in errors] == [
        (2, "Variant Price", "row", 2),
        (3, "Variant Barcode", "nothing", 3),
        (4, "Variant Inventory Qty", "row", 4),
        (4, "Variant Barcode", "value", 4),
        (4, "Image Src", "value", 4),
        (5, "Status", "product", 6),
        (8, "Variant Barcode", "row", 8),
        (9, "Title", "product", 9),
        (11, "Handle", "row", 11),
        (12, "Image Src", "row", 12),
    ]
    assert [(product.handle, [variant.sku for variant in product.variants]) for product in found] == [
        ("pao", ["PAO-M"]),
        ("cha", ["CHA-1"]),
    ]
    assert found[0].variants[0].barcode == "7891000100103"
    assert [image.line for image in found[0].images] == [2], "the image of a bad variant's row stays"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\r\n \r\n", "empty"),
        (b"InvoiceNo,StockCode,Description,Quantity,UnitPrice\r\n1,2,3,4,5\r\n", "not the header"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not the header"),
        (b"Handle,Variant Price\r\nmesa,1\r\n", "«Title» is missing"),
        (b"Handle,Title,Option1 Name,Option1 Value,SKU,Location,On hand (current)\r\n", "inventory file"),
        (b"Handle,URL handle,Title\r\n", "say the same"),
        (b"Title,Price," + b"x," * 3000 + b"\r\n", "at most"),
        (b"Title,Price," + b"x" * 3_000_000, "longer than"),
    ],
)
def test_an_unknown_header_is_one_clear_error(content: bytes, reason: str) -> None:
    reading = read_products(io.BytesIO(content))
    assert reading.shape is None
    (error,) = list(reading)
    assert isinstance(error, RowError)
    assert error.lost is Lost.FILE
    assert reason in error.reason


@pytest.mark.parametrize(
    ("column", "value", "lost"),
    [
        ("Variant Price", "19,90", "row"),
        ("Variant Price", "1.234,56", "row"),
        ("Variant Price", "1,234.56", "row"),
        ("Variant Price", "R$ 19.90", "row"),
        ("Variant Price", "-1", "row"),
        ("Variant Price", "1e3", "row"),
        ("Variant Price", "=1+1", "row"),
        ("Variant Price", "٣", "row"),
        ("Variant Price", ".", "row"),
        ("Variant Price", "9" * 5000, "row"),
        ("Variant Price", "0." + "1" * 5000, "row"),
        ("Variant Compare At Price", "NaN", "row"),
        ("Cost per item", "abc", "value"),
        ("Variant Grams", "0,5", "row"),
        ("Variant Weight Unit", "arroba", "value"),
        ("Variant Inventory Qty", "0.5", "row"),
        ("Variant Inventory Qty", "9" * 40, "row"),
        ("Variant Inventory Policy", "maybe", "row"),
        ("Variant Taxable", "perhaps", "row"),
        ("Variant SKU", "1.23E+11", "row"),
        ("Variant SKU", "=HYPERLINK(A1)", "row"),
        ("Variant SKU", "x" * 300, "row"),
        ("Variant SKU", "a\x00b", "row"),
        ("Variant SKU", "\x1b[2J", "row"),
        ("Variant Barcode", "7.89123E+12", "value"),
        ("Image Position", "0", "value"),
        ("Image Position", "first", "value"),
        ("Image Src", "data:image/png;base64,AAAA", "value"),
        ("Image Src", "https://x.example/a b.jpg", "value"),
        ("Image Src", "https://[x", "value"),
        ("Variant Image", "file:///etc/passwd", "value"),
        ("Title", "x" * 300, "product"),
        ("Title", "a\x00b", "product"),
        ("Published", "perhaps", "product"),
        ("Gift Card", "2", "product"),
        ("Status", "deleted", "product"),
        ("Body (HTML)", "x" * 600_000, "product"),
        ("Body (HTML)", "a\x00b", "product"),
        ("Option2 Name", "cor", "product"),
        ("SEO Title", "x" * 6000, "value"),
        ("Price / Brazil", "x" * 70_000, "value"),
        ("Handle", "=cmd()", "row"),
        ("Handle", "---", "row"),
    ],
)
def test_a_bad_cell_is_told_and_costs_no_more_than_it_must(column: str, value: str, lost: str) -> None:
    good = row(
        Title="Mesa", Option1_Name="Cor", Option1_Value="Azul", Variant_Price="1", Image_Src="https://x.example/1"
    )
    good |= {"Option2 Name": "Tamanho", "Option2 Value": "P"}
    sibling = row(Option1_Value="Verde", Option2_Value="M", Variant_Price="2")
    found, errors = split(
        read(table([good | {column: value}, sibling, row("outra", Title="Outra", Variant_Price="3")]))
    )
    error = errors[0]
    assert (error.line, error.column, error.lost.value) == (2, column, lost)
    assert len(error.value) <= 300
    assert error.value.isprintable()
    assert found[-1].handle == "outra"
    mesa = found[0] if len(found) == 2 else None
    if column == "Handle" or lost == "product":
        assert mesa is None
        assert errors[-1].last_line == 3
    else:
        assert mesa is not None
        assert (
            [variant.option_values[0] for variant in mesa.variants] == ["Verde"] if lost == "row" else ["Azul", "Verde"]
        )


def test_text_that_looks_like_a_formula_stays_text() -> None:
    product = only(table([row(Title="=HYPERLINK(A1)", Variant_Price="1", Vendor="@marca", Tags="+1,-2")]))
    assert (product.title, product.vendor, product.tags) == ("=HYPERLINK(A1)", "@marca", ("+1", "-2"))


@pytest.mark.parametrize(("written", "code"), [("'00123", "00123"), ('="00123"', "00123")])
def test_marks_of_a_spreadsheet_are_taken_off_codes_and_told(written: str, code: str) -> None:
    (product,), errors = split(read(table([row(Title="M", Variant_SKU=written, Variant_Barcode=written)])))
    assert (product.variants[0].sku, product.variants[0].barcode) == (code, code)
    assert [error.lost for error in errors] == [Lost.NOTHING, Lost.NOTHING]


OPTIONS = row(Title="Mesa", Option1_Name="Cor", Option1_Value="Azul", Variant_SKU="M-1", Variant_Price="1")


@pytest.mark.parametrize(
    ("cells", "column", "reason"),
    [
        (row(Option1_Value="azul", Variant_Price="1"), "Option1 Value", "on line 2 already"),
        (row(Option1_Value="", Variant_Price="1"), "Option1 Value", "«Cor» is missing"),
        (row(Option1_Value="Verde", Option2_Value="P"), "Option2 Value", "no such option"),
        (row(Option1_Name="Tamanho", Option1_Value="P"), "Option1 Name", "names this option «Cor»"),
        (row(Option1_Value="Verde", Variant_SKU="M-1"), "Variant SKU", "on line 2 already"),
        (row(), "Handle", "neither a variant"),
        (row(""), "Handle", "is missing"),
    ],
)
def test_a_row_that_does_not_fit_its_product_is_lost_alone(cells: dict[str, str], column: str, reason: str) -> None:
    rest = [row(Option1_Value="Preta", Variant_Price="3"), row("b", Title="B", Variant_Price="1", Variant_Grams="0")]
    (mesa, _), (error,) = split(read(table([OPTIONS, cells | {"Variant Grams": "5"}, *rest])))
    assert (error.line, error.column, error.lost) == (3, column, Lost.ROW)
    assert reason in error.reason
    assert [variant.option_values for variant in mesa.variants] == [("Azul",), ("Preta",)]


def test_a_product_of_which_no_variant_is_good_is_lost() -> None:
    found, errors = split(read(table([OPTIONS | {"Variant Price": "?"}, row(Option1_Value="B", Variant_Price="x")])))
    assert not found
    assert [(error.lost, error.line, error.last_line) for error in errors] == [
        (Lost.PRODUCT, 2, 3) if index == 1 else (Lost.ROW, line, line) for index, line in enumerate((2, 2, 3))
    ]


def test_a_handle_that_comes_again_as_another_product_is_refused() -> None:
    other = row("b", Title="B", Variant_Price="1")
    lines = [OPTIONS, other, row(Title="Mesinha", Option1_Value="X"), row(Option1_Value="Y"), row("c", Title="C")]
    found, (error,) = split(read(table(lines)))
    assert [product.handle for product in found] == ["mesa", "b", "c"]
    assert (error.line, error.last_line, error.lost) == (4, 5, Lost.PRODUCT)
    assert "stands on line 2" in error.reason


def test_a_refused_product_takes_its_later_rows_along_unless_it_comes_again_whole() -> None:
    bad = OPTIONS | {"Status": "?"}
    other = row("b", Title="B", Variant_Price="1")
    found, errors = split(read(table([bad, other, row(Option1_Value="Y"), row("c", Title="C"), OPTIONS])))
    assert [product.handle for product in found] == ["b", "c", "mesa"]
    assert [(error.line, error.column) for error in errors] == [(2, "Status"), (4, "Handle")]
    assert not found[-1].continues


def test_a_later_block_needs_option_values() -> None:
    lines = [OPTIONS, row("b", Title="B", Variant_Price="1"), row(Variant_Price="7"), row(Option1_Value="Y")]
    found, (error,) = split(read(table(lines)))
    assert (error.line, error.column, error.lost) == (4, "Option1 Value", Lost.ROW)
    assert [variant.option_values for variant in found[-1].variants] == [("Y",)]


# --- rows that are no rows ------------------------------------------------------------------------------------------

HEADER = "Handle,Title,Body (HTML),Variant Price\n"


@pytest.mark.parametrize(
    ("broken", "line", "last_line", "column"),
    [
        ('b,B,"<p class="x">oi</p>",2\n', 3, 3, "Body (HTML)"),
        ('b,B,"<p>\n<b class="x">oi</b>\n</p>",2\n', 3, 5, "Body (HTML)"),
        ('b,"B,never closed,2\n', 3, 3, "Title"),
        ("b,B,body, with a comma,2\n", 3, 3, ""),
        ("b,B,<p>line\n\nbreak\n</p>,2\n", 3, 6, ""),
        ("b,B," + "x" * 3_000_000 + ",2\n", 3, 3, "Body (HTML)"),
        ('b,B,"' + "x\n" * 1_500_000 + '",2\n', 3, 1_500_003, "Body (HTML)"),
    ],
)
def test_a_broken_row_is_lost_alone(broken: str, line: int, last_line: int, column: str) -> None:
    content = HEADER + "a,A,x,1\n" + broken + 'c,C,"x ""y"" z",3\nd,D,,4\n'
    found, errors = split(read(content))
    assert [product.handle for product in found if product.handle in "acd"] == ["a", "c", "d"]
    assert errors[0].line == line
    assert max(error.last_line for error in errors) == last_line
    assert errors[0].column == column
    assert [product.body_html for product in found][-2:] == ['x "y" z', ""]


def test_a_quote_that_is_never_closed_does_not_swallow_the_file() -> None:
    rest = "".join(f'p{number},P,"",1\n' for number in range(5000))
    found, (error,) = split(read(HEADER + 'b,"B,x,2\n' + rest))
    assert len(found) == 5000
    assert (error.line, error.last_line, error.column) == (2, 2, "Title")


def test_cells_left_out_at_a_rows_end_are_blank_but_a_file_cut_short_is_told() -> None:
    found, (error,) = split(read(HEADER + "a,A\nb,B,body,5,,\nc,C\nd,D\ne,E,bo"))
    assert [(product.handle, product.variants[0].price) for product in found] == [
        ("a", None),
        ("b", 5),
        ("c", None),
        ("d", None),
    ]
    assert (error.line, "ends in the middle" in error.reason) == (6, True)


def test_blank_rows_are_no_rows() -> None:
    assert only(HEADER + "\n,,,\n  ,,,\na,A,x,1\n\n").line == 5


def test_a_damaged_byte_in_a_utf8_file_costs_its_cell_only() -> None:
    content = HEADER.encode() + "a,Pão,x,1\nb,Chá \xff,x,1\nc,Café,x,1\n".encode("latin-1")
    content = content.replace("ã".encode("latin-1"), "ã".encode()).replace("é".encode("latin-1"), "é".encode())
    found, (error,) = split(read(content))
    assert [product.title for product in found] == ["Pão", "Café"]
    assert (error.line, error.column, error.lost) == (3, "Title", Lost.PRODUCT)


# --- bounds ---------------------------------------------------------------------------------------------------------


def test_more_variants_or_images_than_allowed_are_told() -> None:
    lines = [OPTIONS, *(row(Option1_Value=f"v{number}", Variant_Price="1") for number in range(9))]
    found, errors = read_within(table([*lines, row("b", Title="B")]), SMALL_LIMITS)
    assert [product.handle for product in found] == ["b"]
    assert {error.lost for error in errors} == {Lost.PRODUCT}
    pictures = [row(Image_Src=f"https://x.example/{number}") for number in range(5)]
    (mesa,), errors = read_within(table([OPTIONS, *pictures]), SMALL_LIMITS)
    assert (len(mesa.images), [error.lost for error in errors]) == (3, [Lost.ROW, Lost.ROW])


class Lines(io.RawIOBase):
    """A file that is made while it is read."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while len(self._rest) < len(buffer) and (line := next(self._lines, "")):
            self._rest += line.encode()
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def many(rows: int) -> Iterator[str]:
    yield "Handle,Title,Body (HTML),Option1 Name,Option1 Value,Variant Price\n"
    for number in range(rows // 10):
        yield f'p-{number},Produto {number},"<p>{"texto " * 50}\n</p>",Tamanho,T0,9.99\n'
        yield from (f"p-{number},,,,T{value},9.99\n" for value in range(1, 10))


def test_twenty_thousand_variants_are_read_in_little_memory() -> None:
    tracemalloc.start()
    reading = read_products(io.BufferedReader(Lines(many(20_000))))
    count = sum(len(entry.variants) for entry in reading if isinstance(entry, ProductRecord))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 2_000_000, "two thousand products of half a kilobyte each, seen but not kept"


def test_twenty_thousand_bad_rows_of_one_product_are_not_kept() -> None:
    lines = chain([HEADER, "a,A,x,1\n"], repeat("a,,,\n", 20_000))
    tracemalloc.start()
    reading = read_products(io.BufferedReader(Lines(lines)))
    errors = sum(isinstance(entry, RowError) for entry in reading)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert errors < 3_000
    assert peak < 6_000_000


SCRAPS = st.sampled_from(
    [
        "a",
        "b",
        "A",
        ",",
        ",",
        ",",
        '"',
        '""',
        "\n",
        "\r\n",
        "\r",
        "\x00",
        "\xff",
        "1",
        "'",
        "=",
        "é",
        "https://x.y/z",
        ";",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(SCRAPS, max_size=120).map("".join), st.sampled_from(["utf-8", "latin-1"]))
def test_no_content_whatever_raises(content: str, encoding: str) -> None:
    body = b"Handle,Title,Option1 Name,Option1 Value,Variant Price,Image Src\n" + content.encode(encoding)
    found, errors = read_within(body, SMALL_LIMITS)
    lines = len(body.splitlines()) + 1
    assert all(1 <= error.line <= error.last_line <= lines for error in errors)
    assert all("\x00" not in product.title for product in found)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_whatever_raise(content: bytes) -> None:
    read(content)
    read(b"Title,Price\n" + content)
