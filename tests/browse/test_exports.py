"""Exports: what a file says is what is there, a spreadsheet runs none of it, and the import takes it back."""

import csv
import io
import json
from dataclasses import replace
from typing import Any, cast

import pytest
from sqlalchemy import insert, select, update

from app.browse.exports import products as product_export
from app.browse.exports import stock as stock_export
from app.browse.exports.asking import Asked, Form, What, asked
from app.browse.exports.cells import csv_lines, json_lines, quantity
from app.browse.exports.spool import Spooled, spool
from app.browse.import_plan import plan_import
from app.browse.imports import import_file
from app.catalog.formats.records import Lost
from app.catalog.tables import product, product_text, variant
from app.channels.queries import channels_by_codes
from app.customers.tables import customer
from app.events.feed import head_of
from app.identity.permissions import ROLES
from app.identity.principal import Principal
from app.platform import clock
from app.platform.errors import Forbidden, NotFound
from app.platform.ids import new_id
from app.platform.texts import key_of
from tests.events.telling import number, tell
from tests.shop import STAMPS, Shop

OWNER = Principal(kind="staff", role="owner", id=new_id(), permissions=ROLES["owner"])


async def asking(shop: Shop, what: str, *filters: tuple[str, str], who: Principal = OWNER) -> Asked:
    channel = (await channels_by_codes(shop.db, ["web"]))["web"]
    return await asked(shop.db, cast(What, what), filters, principal=who, channel=channel, moment=clock.now())


async def export(shop: Shop, what: str, form: str, *filters: tuple[str, str]) -> tuple[bytes, Spooled]:
    file = io.BytesIO()
    done = await spool(shop.db, cast(What, what), cast(Form, form), await asking(shop, what, *filters), file)
    return file.getvalue(), done


def sheet(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


async def imported(shop: Shop, data: bytes, **given: Any) -> Any:
    errors: list[Any] = []
    actor = shop.actor()
    plan = await plan_import(shop.db, actor, **given)
    summary = await import_file(io.BytesIO(data), plan, actor, carry_out=shop.db.run, report=errors.append)
    return summary, [error for error in errors if error.lost is not Lost.NOTHING]


@pytest.mark.parametrize("text", ["=1+1", "+55 13 9", "-5", "@SUM(A1)", "\tx", "\rx", "'=x"])
def test_no_text_is_a_formula(text: str) -> None:
    (cell,) = next(csv.reader(io.StringIO(csv_lines([[text]]).decode(), newline="")))
    assert cell[0] == "'"
    assert cell in (f"'{text}", text)


def test_cells_are_quoted_as_the_standard_says() -> None:
    assert csv_lines([["a", 'b "c"', "d,e", "f\ng", None, True, -5]]) == b'a,"b ""c""","d,e","f\ng",,TRUE,-5\r\n'


def test_a_quantity_is_a_number_and_an_amount_is_text() -> None:
    assert json_lines([{"quantity": quantity(350), "amount": "19.90"}]) == (b'{"quantity":0.35,"amount":"19.90"}\n')


async def test_the_position_is_that_of_the_snapshot(shop: Shop) -> None:
    await shop.variant("CANECA", stock={"centro": 1000})
    await tell(shop.db)
    await number(shop.db)
    (_, done) = await export(shop, "stock", "jsonl")
    head = await head_of(shop.db)
    assert (done.position, done.epoch, done.records) == (head.position, head.epoch, 1)


async def test_every_row_comes_once_whatever_the_size_of_a_batch(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock_export, "BATCH", 3)
    monkeypatch.setattr(product_export, "BATCH", 2)
    for place in range(5):
        await shop.variant(f"PRATO-{place}", price=100, stock={"centro": 1000, "praia": 2000})
    (data, done) = await export(shop, "stock", "csv")
    found = [(row["SKU"], row["Location"], row["On hand"]) for row in sheet(data)]
    assert done.records == 10
    assert sorted(found) == sorted(
        (f"PRATO-{place}", code, quantity) for place in range(5) for code, quantity in (("centro", "1"), ("praia", "2"))
    )
    (data, done) = await export(shop, "products", "csv")
    assert sorted(row["SKU"] for row in sheet(data)) == [f"PRATO-{place}" for place in range(5)]


FILE = """\
Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,\
Option2 Value,Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,\
Variant Price,Variant Compare At Price,Variant Requires Shipping,Variant Taxable,Variant Barcode,Image Src,\
Image Position,Image Alt Text,Gift Card,SEO Title,SEO Description,Variant Image,Cost per item,Status,\
Google Shopping / Gender
camiseta,Camiseta,<p>Algodão</p>,Feira,Roupas > Camisetas,Roupa,"azul, verão",TRUE,Tamanho,M,Cor,Azul,CAM-M,200,\
shopify,7,deny,59.90,79.90,TRUE,TRUE,7891000100103,https://img.example/1.jpg,1,Frente,FALSE,Camiseta,Boa,,20.00,active,unisex
camiseta,,,,,,,,,G,,Azul,CAM-G,210,shopify,3,continue,59.90,,TRUE,FALSE,,https://img.example/2.jpg,2,Costas,,,,\
https://img.example/2.jpg,,,
camiseta,,,,,,,,,,,,,,,,,,,,,,https://img.example/3.jpg,3,,,,,,,,
vale,=Vale-presente,,-Feira,Outros,Outros,,FALSE,Title,Default Title,,,VALE,,,,deny,50.00,,FALSE,TRUE,,,,\
,TRUE,,,,,draft,
"""


async def test_what_was_imported_is_exported_and_imported_again_unchanged(shop: Shop) -> None:
    summary, errors = await imported(shop, FILE.encode())
    assert (summary.created, errors) == (2, [])
    before = await export(shop, "products", "jsonl")
    (data, done) = await export(shop, "products", "csv", ("location", "centro"))
    assert (done.records, done.left_out) == (2, 0)
    again, errors = await imported(shop, data)
    assert errors == []
    assert again.created == 0
    after = await export(shop, "products", "jsonl")
    assert without(after[0]) == without(before[0])
    last, _ = await imported(shop, data)
    assert (last.created, last.updated) == (0, 0)
    other = await export(shop, "products", "csv", ("location", "centro"))
    assert other[0] == data


def without(data: bytes) -> list[Any]:
    """Products without what tells when and how often they were written."""
    found = [json.loads(line) for line in data.splitlines()]
    for one in found:
        for name in ("version", "updatedAt"):
            del one[name]
            for each in one["variants"]:
                del each[name]
    return found


async def test_an_export_fills_an_empty_shop(shop: Shop) -> None:
    await imported(shop, FILE.encode())
    (data, _) = await export(shop, "products", "csv", ("location", "centro"))
    rows = sheet(data)
    assert [row["Title"] for row in rows] == ["Camiseta", "", "", "'=Vale-presente"]
    assert rows[0]["Inventory quantity"] == "7"
    assert rows[3]["Vendor"] == "'-Feira"
    assert rows[3]["Published on online store"] == "FALSE"
    assert rows[0]["Google Shopping / Gender"] == "unisex"
    assert rows[1]["Charge tax"] == "false"
    moved = data.replace(b"camiseta,", b"blusa,").replace(b"CAM-", b"BLU-").replace(b"7891000100103", b"7891000053508")
    summary, errors = await imported(shop, moved)
    assert errors == []
    assert summary.created == 1
    name = select(product_text.c.name).join(product, product.c.id == product_text.c.product_id)
    assert await shop.db.value(name.where(product.c.slug == "vale")) == "=Vale-presente"


async def test_what_the_columns_cannot_say_is_left_out_and_counted(shop: Shop) -> None:
    await shop.variant("CANECA", price=100)
    await shop.variant("VELHA", price=100, archived=True)
    wide = await shop.variant("LARGA", price=100)
    names = [{"name": {"pt-BR": f"O{each}"}, "values": [{"pt-BR": "x"}]} for each in range(4)]
    where = product.c.id == select(variant.c.product_id).where(variant.c.id == wide).scalar_subquery()
    await shop.db.run(lambda tx: tx.execute(update(product).where(where).values(options=names)))
    many = update(variant).where(variant.c.id == wide).values(option_values=["x"] * 4)
    await shop.db.run(lambda tx: tx.execute(many))
    (data, done) = await export(shop, "products", "csv")
    assert [row["SKU"] for row in sheet(data)] == ["CANECA"]
    assert (done.records, done.left_out) == (1, 2)
    (_, everything) = await export(shop, "products", "jsonl")
    assert (everything.records, everything.left_out) == (3, 0)


async def test_a_customers_name_runs_nothing(shop: Shop) -> None:
    row = {"id": new_id(), "first_name": '=HYPERLINK("http://x")', "phone": "+5513999999999", "search_key": key_of("x")}
    await shop.db.run(lambda tx: tx.execute(insert(customer).values(**row, **STAMPS)))
    (data, _) = await export(shop, "customers", "csv")
    (found,) = sheet(data)
    assert (found["First name"], found["Phone"]) == ('\'=HYPERLINK("http://x")', "'+5513999999999")


async def test_stock_in_a_product_file_needs_its_own_permission(shop: Shop) -> None:
    editor = replace(OWNER, permissions=frozenset({"catalog.read"}))
    with pytest.raises(Forbidden):
        await asking(shop, "products", ("location", "centro"), who=editor)
    bound = replace(OWNER, location_ids=frozenset({shop.locations["praia"]}))
    with pytest.raises(NotFound):
        await asking(shop, "products", ("location", "centro"), who=bound)
