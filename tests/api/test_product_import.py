"""Importing a product file through the API: what became of it, refusals at fields, repeats, who may."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.api.catalog.imports import ImportMutations
from app.catalog.tables import product
from app.identity import staff, tokens
from app.identity.tokens import Bearer
from app.inventory.tables import stock_level
from app.platform import ids
from app.platform.errors import Path
from tests.api.counter import Counter, NodeQueries, counter
from tests.shop import Shop

HEADER = "Handle,Title,Variant SKU,Variant Inventory Qty,Variant Price\n"
GOOD = HEADER + "copo,Copo,COPO,3,5.00\nprato,Prato,PRATO,4,9.00\n"
COUNTS = "created updated unchanged refused variantsCreated pricesSet quantitiesSet errorCount noticeCount"
ROWS = "rowErrors { line lastLine column value reason lost handle }"


@pytest.fixture
async def desk(shop: Shop) -> Counter:
    """Tokens of an owner, a catalog editor, and an owner of `centro` alone."""
    made = counter(shop.watched, NodeQueries, ImportMutations)
    here = [shop.locations["centro"]]
    for name, role, places in (("owner", "owner", None), ("catalog", "catalog", None), ("local", "owner", here)):
        given: Any = {"name": name, "email": f"{name}@feira.example", "role": role, "location_ids": places}
        async with shop.db.transaction() as tx:
            staff_id = await staff.create(tx, shop.actor(), given=given | {"channel_ids": None})
            made.tokens[name] = (await tokens.create(tx, shop.actor(), bearer=Bearer("staff", staff_id))).secret
    return made


async def import_(desk: Counter, csv: str, token: str = "owner", **given: Any) -> Any:
    return await desk.write(
        "productsImport", {"csv": csv, **given}, token=desk.tokens[token], answer=f"{COUNTS} {ROWS}"
    )


def numbers(answer: Any) -> tuple[Any, ...]:
    return tuple(answer[name] for name in COUNTS.split())


def refused(answer: Any) -> list[tuple[str, Path]]:
    return [(one["code"], tuple(one["path"] or ())) for one in answer["userErrors"]]


async def test_a_file_comes_in_and_the_same_again_changes_nothing(shop: Shop, desk: Counter) -> None:
    assert numbers(await import_(desk, GOOD)) == (2, 0, 0, 0, 2, 2, 2, 0, 0)
    assert numbers(await import_(desk, "\ufeff" + GOOD)) == (0, 0, 2, 0, 0, 0, 0, 0, 0)


async def test_a_repeated_operation_answers_what_it_did(shop: Shop, desk: Counter) -> None:
    operation = {"operationId": str(uuid4())}
    bad = GOOD + "faca,Faca,FACA,1,x\n"
    first = await import_(desk, bad, **operation)
    again = await import_(desk, bad, **operation)
    assert (again["replayed"], numbers(again), again["rowErrors"]) == (True, numbers(first), first["rowErrors"])
    assert first["rowErrors"][0] | {"reason": ""} == {
        "line": 4, "lastLine": 4, "column": "Variant Price", "value": "x", "reason": "", "lost": "ROW",
        "handle": "faca",
    }  # fmt: skip
    other = await import_(desk, GOOD, **operation)
    assert refused(other) == [("OPERATION_ID_REUSED", ("input", "operationId"))]


async def test_stock_and_prices_go_where_told(shop: Shop, desk: Counter) -> None:
    where: Any = {
        "locationId": ids.encode("Location", shop.locations["praia"]),
        "channels": ["web"],
        "inventory": "SET",
    }
    await import_(desk, GOOD, priceListId=ids.encode("PriceList", shop.price_list_id), **where)
    rows = await shop.db.rows(select(stock_level.c.location_id, stock_level.c.on_hand))
    assert sorted(tuple(row) for row in rows) == [(shop.locations["praia"], 3000), (shop.locations["praia"], 4000)]


async def test_a_dry_run_is_an_operation_that_writes_nothing(shop: Shop, desk: Counter) -> None:
    operation: Any = {"operationId": str(uuid4()), "dryRun": True}
    assert numbers(await import_(desk, GOOD, **operation)) == (2, 0, 0, 0, 2, 2, 2, 0, 0)
    assert (await import_(desk, GOOD, **operation))["replayed"]
    assert await shop.db.row(select(product.c.id)) is None


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"locationId": "loc_x"}, "INVALID_ID", ("input", "locationId")),
        ({"locationId": ids.encode("Location", uuid4())}, "NOT_FOUND", ("input", "locationId")),
        ({"priceListId": ids.encode("Location", uuid4())}, "INVALID_ID", ("input", "priceListId")),
        ({"priceListId": ids.encode("PriceList", uuid4())}, "NOT_FOUND", ("input", "priceListId")),
        ({"channels": ["web", "lua"]}, "NOT_FOUND", ("input", "channels", "1")),
        ({"locale": "xx"}, "UNKNOWN_LOCALE", ("input", "locale")),
        ({"csv": "x" * 1_000_001}, "TOO_LONG", ("input", "csv")),
    ],
)
async def test_what_the_shop_does_not_have_is_refused(
    desk: Counter, given: dict[str, Any], code: str, path: Path
) -> None:
    answer = await import_(desk, given.pop("csv", GOOD), **given)
    assert refused(answer) == [(code, path)]
    assert numbers(answer) == (None,) * 9


async def test_what_is_no_product_file_is_a_row_error(desk: Counter) -> None:
    for csv in ("", "a,b\n1,2\n", GOOD.replace("Title", "Titel")):
        answer = await import_(desk, csv)
        assert (answer["userErrors"], [one["lost"] for one in answer["rowErrors"]]) == ([], ["FILE"])


async def test_at_most_a_thousand_errors_are_told_and_all_are_counted(desk: Counter) -> None:
    answer = await import_(desk, HEADER + "".join(f"p-{number},P,S-{number},1,x\n" for number in range(1_200)))
    assert (answer["errorCount"], len(answer["rowErrors"]), answer["refused"]) == (2_400, 1_000, 1_200)


async def test_only_who_may_write_catalog_prices_and_stock_imports(shop: Shop, desk: Counter) -> None:
    document = "mutation($input: ProductsImportInput!) { productsImport(input: $input) { created } }"
    answer = await desk.answer(document, token=desk.tokens["catalog"], input={"csv": GOOD})
    assert [error["extensions"]["code"] for error in answer.errors] == ["FORBIDDEN"]
    elsewhere = await import_(desk, GOOD, "local", locationId=ids.encode("Location", shop.locations["praia"]))
    assert refused(elsewhere) == [("NOT_FOUND", ("input", "locationId"))]
    everywhere = await import_(desk, GOOD, "local", locationId=ids.encode("Location", shop.locations["centro"]))
    assert [code for code, _ in refused(everywhere)] == ["BEYOND_REACH"]
    assert await shop.db.row(select(product.c.id)) is None
