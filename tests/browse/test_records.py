"""Records are canonical whatever people write, say each value in one way, and are exactly of their version."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Column, String, literal, select, update

from app.browse.records import prices
from app.browse.records.catalog import CATEGORIES, COLLECTIONS, PRODUCTS
from app.browse.records.pieces import MARK, amount, published, quantity, rate, unit_of
from app.browse.records.prices import PRICES, told_at
from app.browse.records.record import (
    DIGEST,
    Source,
    by_ids,
    canonical,
    digest_of,
    digest_text,
    record_hash,
)
from app.browse.records.view import View, view_of
from app.catalog.tables import product_text
from app.channels.queries import channels_by_codes
from app.identity.principal import ANONYMOUS, Principal
from app.platform import clock, ids, money
from app.platform.db import Database
from app.platform.money import from_minor
from app.platform.unnest import arrays, unnested
from app.pricing.frame import prices_of_variants
from app.pricing.prices import PriceChange
from app.pricing.tables import priced_variant
from tests.browse.catalog import Catalog
from tests.pricing.pricing import add_list, put
from tests.shop import Shop

WRITTEN = "".join(map(chr, range(1, 32))) + '"\\/\x7f\x80\u2028\u2029é😀\uffff' + "\x01" + "0" * 32


@pytest.fixture
def catalog(shop: Shop) -> Catalog:
    return Catalog(shop)


async def look(shop: Shop, principal: Principal = ANONYMOUS, code: str = "web", moment: datetime | None = None) -> View:
    row = (await channels_by_codes(shop.db, [code]))[code]
    return await view_of(shop.db, principal, row, moment or clock.now())


async def one(shop: Shop, source: Source, key: UUID, view: View | None = None) -> dict[str, Any]:
    record = (await by_ids(shop.db, source, [key], view or await look(shop)))[key]
    said: dict[str, Any] = json.loads(record.canonical)
    assert canonical(said) == record.canonical
    return said


@pytest.mark.postgres15
async def test_no_text_breaks_the_form_or_passes_for_an_id(catalog: Catalog) -> None:
    """A raw control character marks where an id goes; what people write is escaped."""
    await catalog.category("canecas")
    key = await catalog.product(
        "caneca", description=WRITTEN, tags=[WRITTEN], category="canecas", options={"Cor": ["Azul"]}
    )
    said = await one(catalog.shop, PRODUCTS, key)
    assert said["texts"]["pt-BR"]["description"] == WRITTEN
    assert said["tags"] == [WRITTEN]
    assert said["id"] == ids.encode("Product", key)
    assert said["categoryId"] == ids.encode("Category", catalog.categories["canecas"][0])


@given(st.binary(min_size=16, max_size=16))
def test_a_mark_becomes_the_public_id(given: bytes) -> None:
    key = UUID(bytes=given)
    marked, public = b'"prod_\x01' + key.hex.encode() + b'"', f'"{ids.encode("Product", key)}"'.encode()
    assert published([marked, b"", marked * 2]) == [public, b"", public * 2]
    assert ids.decode("Product", ids.encode("Product", key)) == key
    assert MARK not in canonical({"text": f"\x01{key.hex}"})


AMOUNTS = (0, 1, -1, 5, 10, 99, 100, -100, 1990, 10**15 - 1, -(10**15) + 1)


async def test_amounts_are_written_as_the_api_writes_them_in_every_currency(database: Database) -> None:
    columns = (Column("code", String), Column("minor", BigInteger))
    cases = [{"code": code, "minor": minor} for code in sorted(money.EXPONENTS) for minor in AMOUNTS]
    case = unnested("case", columns)
    said = amount(case.c.minor, unit_of(case.c.code))
    rows = await database.rows(select(case.c.code, case.c.minor, said.sql.label("said")), arrays(columns, cases))
    assert len(rows) == len(cases)
    for row in rows:
        assert json.loads(row.said) == f"{from_minor(row.minor, row.code):f}"


@pytest.mark.parametrize(
    ("milli", "said"),
    [(0, "0"), (1, "0.001"), (350, "0.35"), (1000, "1"), (-1500, "-1.5"), (100_000, "100"), (10**12, "1000000000")],
)
async def test_a_quantity_is_written_in_one_way(database: Database, milli: int, said: str) -> None:
    assert json.loads(await database.value(select(quantity(literal(milli)).sql))) == said
    assert json.loads(await database.value(select(rate(literal(milli * 1000)).sql))) == said


def test_the_form_refuses_what_no_client_holds_exactly() -> None:
    assert canonical({"b": 1, "a": [True, None, "é"]}) == '{"a":[true,null,"é"],"b":1}'.encode()
    for wrong in ({"a": 1.5}, {"a": 2**53}, {"é": 1}, {"a": b"x"}, {"a": [{"b": -(2**53)}]}):
        with pytest.raises(ValueError, match=r"must be|more than|holds no"):
            canonical(wrong)


def test_a_hash_is_what_a_client_computes_from_what_it_was_given() -> None:
    line = b'{"id":"prod_1","version":7}'
    digest = hashlib.sha256(b"prod_1\n7\n" + line).hexdigest()
    assert record_hash("prod_1", 7, line) == int(digest, 16) % DIGEST
    assert digest_text(DIGEST + 255) == "0" * 30 + "ff"


async def test_a_digest_is_of_all_records_in_any_order_and_of_each_word_in_them(catalog: Catalog) -> None:
    keys = [await catalog.product(slug) for slug in ("caneca", "prato", "copo")]
    found = list((await by_ids(catalog.shop.db, PRODUCTS, keys, await look(catalog.shop))).values())
    whole = digest_of(PRODUCTS, found) % DIGEST
    assert whole == digest_of(PRODUCTS, found[::-1]) % DIGEST
    assert whole == (digest_of(PRODUCTS, found[:1]) + digest_of(PRODUCTS, found[1:])) % DIGEST
    await catalog.shop.db.run(lambda tx: tx.execute(update(product_text).values(description="outra")))
    changed = await by_ids(catalog.shop.db, PRODUCTS, keys, await look(catalog.shop))
    assert digest_of(PRODUCTS, list(changed.values())) % DIGEST != whole


async def test_shelves_that_are_put_away_are_told_to_staff_alone(catalog: Catalog) -> None:
    await catalog.category("canecas")
    gone = await catalog.category("velhas", "canecas", archived=True)
    past = await catalog.collection("natal", archived=True)
    shop = catalog.shop
    staff = await look(shop, shop.actor("catalog").principal)
    for source, key in ((CATEGORIES, gone), (COLLECTIONS, past)):
        assert await by_ids(shop.db, source, [key], await look(shop)) == {}
        assert (await one(shop, source, key, staff))["archived"] is True
    assert (await one(shop, CATEGORIES, gone, staff))["parentId"] == ids.encode(
        "Category", catalog.categories["canecas"][0]
    )


async def test_a_price_is_as_it_was_last_told_until_its_change_is_told(shop: Shop) -> None:
    """Also where it is worked out, as it depends on the quantity: what the clock brings has a version of its own."""
    now = clock.now()
    for sku in ("KEPT", "TIERS"):
        await shop.variant(sku, price=1990)
    ends = now + timedelta(days=1)
    changes = [PriceChange(shop.variants[sku], 990, ends_at=ends) for sku in ("KEPT", "TIERS")]
    await put(shop, now, *changes, PriceChange(shop.variants["TIERS"], 500, min_quantity=10_000))
    for sku in ("KEPT", "TIERS"):
        for moment in (now + timedelta(hours=1), ends, ends + timedelta(seconds=1)):
            said = await one(shop, PRICES, shop.variants[sku], await look(shop, moment=moment))
            assert (said["unitPrice"], said["validUntil"]) == ("9.90", prices.written_moment(ends)), (sku, moment)
    tiers = (await one(shop, PRICES, shop.variants["TIERS"]))["tiers"]
    assert [(tier["minQuantity"], tier["unitPrice"]) for tier in tiers] == [("0", "9.90"), ("10", "5.00")]


async def test_a_price_from_a_quantity_below_one_is_told_with_what_is_below_it(shop: Shop) -> None:
    await shop.variant("QUEIJO", price=None, unit="kg", quantity_step=1)
    await put(shop, clock.now(), PriceChange(shop.variants["QUEIJO"], 8000, min_quantity=250))
    said = await one(shop, PRICES, shop.variants["QUEIJO"])
    assert said["unitPrice"] == "80.00"
    assert [tier["minQuantity"] for tier in said["tiers"]] == ["0.25"], "less has no price"


async def test_a_list_for_some_customers_or_another_channel_is_not_what_anybody_pays(shop: Shop) -> None:
    await shop.variant("CANECA", price=1990)
    now = clock.now()
    group = await add_list(shop, "vip", customer_group_ids=[ids.new_id()], min_quantity=2000)
    other = await add_list(shop, "app", channel_ids=[shop.channels["app"]])
    for key in (group, other):
        await put(shop, now, PriceChange(shop.variants["CANECA"], 100), price_list_id=key)
    said = await one(shop, PRICES, shop.variants["CANECA"])
    assert (said["unitPrice"], said["tiers"]) == ("19.90", [])
    assert (await one(shop, PRICES, shop.variants["CANECA"], await look(shop, code="app")))["unitPrice"] == "1.00"


async def test_a_price_written_while_it_is_read_is_read_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that says one version and has the price of the next would never be put right."""
    now = clock.now()
    await shop.variant("TIERS", price=1990)
    await put(shop, now, PriceChange(shop.variants["TIERS"], 500, min_quantity=10_000))
    written = 0

    async def overtaken(*given: Any, **more: Any) -> Any:
        nonlocal written
        if not written:
            written += 1
            await put(shop, clock.now(), PriceChange(shop.variants["TIERS"], 1490))
        return await prices_of_variants(*given, **more)

    monkeypatch.setattr("app.browse.records.prices.prices_of_variants", overtaken)
    said = await one(shop, PRICES, shop.variants["TIERS"])
    where = select(priced_variant.c.version).where(priced_variant.c.variant_id == shop.variants["TIERS"])
    assert (said["unitPrice"], said["version"]) == ("14.90", await shop.db.value(where))


def test_what_was_told_last_is_just_before_what_comes_next() -> None:
    now = datetime(2026, 5, 17, tzinfo=UTC)
    assert told_at(now) == now - timedelta(microseconds=1)
    assert told_at(None) > now + timedelta(days=365_000)
