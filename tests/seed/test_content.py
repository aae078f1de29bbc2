"""The demo shop's content holds together, is as large and as varied as it is said to be, and a fault in it is found."""

import re
from collections import Counter
from datetime import UTC, datetime, time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from msgspec.structs import replace
from stdnum import ean

from app.catalog.barcodes import read_scale_label
from seed.checks import problems
from seed.content import DATA, MEDIA, BadContent, load, read
from seed.shapes import Content, Product, Variant, Window

MUG, MUG_SLUG = "CASA-CANECA-UNICA", "ultima-caneca-da-feira"
FILES = {file.name for file in MEDIA.glob("*.svg")}


@pytest.fixture(scope="module")
def content() -> Content:
    return load()


def variants(content: Content) -> list[Variant]:
    return [variant for product in content.products for variant in product.variants]


def product(content: Content, slug: str) -> Product:
    return next(product for product in content.products if product.slug == slug)


def stock_of(variant: Variant) -> dict[str, int]:
    return {location: int(quantity * 1000) for location, quantity in variant.stock.items()}


# --- what the shop holds ----------------------------------------------------------------------------------------------


def test_the_shop_is_large_enough(content):
    top = [category.slug for category in content.catalog.categories if category.parent is None]
    assert len(top) == 10
    assert len(content.products) >= 160
    assert len(variants(content)) >= 250
    parents = {category.slug: category.parent or category.slug for category in content.catalog.categories}
    products_of = Counter(parents[product.category] for product in content.products)
    assert set(products_of) == set(top)
    assert min(products_of.values()) >= 12


def test_every_subcategory_collection_brand_tag_and_option_value_is_used(content):
    catalog, sold = content.catalog, content.products
    leaves = {category.slug for category in catalog.categories if category.parent}
    assert {product.category for product in sold} == leaves
    assert {slug for product in sold for slug in product.collections} == {entry.slug for entry in catalog.collections}
    assert {product.brand for product in sold} - {None} == set(catalog.brands)
    assert {slug for product in sold for slug in product.tags} == {tag.slug for tag in catalog.tags}
    chosen = {choice for variant in variants(content) for choice in variant.options.items()}
    assert chosen == {(option.code, value.code) for option in catalog.options for value in option.values}


def test_each_description_is_two_or_three_sentences_of_its_own_in_each_language(content):
    for language in ("pt", "en"):
        texts = [getattr(product.description, language) for product in content.products]
        assert len(set(texts)) == len(texts)
        for text in texts:
            assert 2 <= len(re.findall(r"[.!?](?=\s|$)", text)) <= 3, text
            assert 70 <= len(text) <= 320, text
    assert all(product.description.pt != product.description.en for product in content.products)


def test_what_is_called_gluten_free_says_so(content):
    for entry in content.products:
        if "sem-gluten" in entry.collections:
            assert "sem-gluten" in entry.tags, entry.slug


def test_alcohol_is_for_adults(content):
    drinks = [entry for entry in content.products if entry.category == "cervejas-e-vinhos"]
    assert [entry.slug for entry in drinks if "maior-de-18" not in entry.tags] == ["cerveja-sem-alcool"]


def test_a_scale_label_of_a_weighed_variant_says_its_weight_or_its_price(content):
    weighed = [variant for variant in variants(content) if variant.scale_code]
    assert len(weighed) >= 40
    labels = [
        read_scale_label(label + ean.calc_check_digit(label)) for label in (f"2{v.scale_code}000350" for v in weighed)
    ]
    assert [label and label.scale_code for label in labels] == [variant.scale_code for variant in weighed]
    assert any(label and label.total_minor == 350 for label in labels)
    tomato = labels[[variant.sku for variant in weighed].index("HORT-TOM-ITA")]
    assert tomato
    assert tomato.quantity_milli == 350


def test_the_tomato_is_sold_by_the_gram(content):
    tomato = product(content, "tomate-italiano")
    assert (tomato.unit, tomato.quantity_step, tomato.variants[0].sku) == ("kg", Decimal("0.001"), "HORT-TOM-ITA")


def test_the_last_mug_is_the_last(content):
    (mug,) = product(content, "ultima-caneca-da-feira").variants
    assert mug.sku == "CASA-CANECA-UNICA"
    assert mug.barcode is not None
    assert stock_of(mug) == {"centro": 1000, "praia": 0, "cd": 0}


def test_stock_is_of_every_kind(content):
    active = [variant for entry in content.products if entry.status == "active" for variant in entry.variants]
    tracked = [variant for variant in active if variant.track_stock]
    assert len(active) - len(tracked) >= 2
    sold_out = [variant for variant in tracked if not any(variant.stock.values())]
    low = [variant for variant in tracked if 0 < sum(variant.stock.values()) <= 5]
    assert len(sold_out) >= 1
    assert len(low) >= 3
    assert sum(0 in variant.stock.values() for variant in tracked) >= 15
    assert [variant.sku for variant in active if variant.backorder] == ["PADA-PAN-CAS"]
    assert any(variant.safety_stock for variant in active)


def test_some_products_are_not_for_every_channel(content):
    status = Counter(entry.status for entry in content.products)
    assert (status["draft"], status["archived"]) == (1, 1)
    published = Counter(tuple(entry.channels) for entry in content.products)
    assert published["web", "app"] >= 1
    assert published["pos",] >= 1
    assert all(not entry.requires_shipping for entry in content.products if entry.channels == ["pos"])


def test_the_codes_are_those_that_the_design_names(content):
    shop = content.shop
    assert [(entry.code, entry.kind, entry.order_prefix) for entry in shop.channels] == [
        ("web", "WEB", "W"),
        ("app", "APP", "A"),
        ("pos", "POS", "P"),
    ]
    assert [(entry.hold_minutes, entry.price_promise_minutes) for entry in shop.channels] == [
        (30, 60),
        (30, 60),
        (15, 60),
    ]
    assert {(entry.currency, entry.country, entry.prices_include_tax) for entry in shop.channels} == {
        ("BRL", "BR", True)
    }
    assert [(entry.code, entry.kind, entry.offers_pickup) for entry in shop.locations] == [
        ("centro", "STORE", True),
        ("praia", "STORE", True),
        ("cd", "WAREHOUSE", False),
    ]
    assert [entry.code for entry in shop.registers] == ["centro-1", "centro-2", "praia-1"]
    assert all(set(entry.locations) == {"centro", "praia", "cd"} for entry in shop.channels)


def test_the_people_fill_every_role_and_group(content):
    roles = Counter(entry.role for entry in content.people.staff)
    assert roles == {"owner": 1, "manager": 1, "cashier": 2, "catalog": 1, "service": 1, "readonly": 1}
    tills = sorted(entry.locations for entry in content.people.staff if entry.role == "cashier")
    assert tills == [["centro"], ["praia"]]
    assert len(content.people.customers) == 12
    groups = {group for customer in content.people.customers for group in customer.groups}
    assert groups == {"club", "restaurants"}


def test_club_prices_are_five_to_ten_percent_lower(content):
    base = {variant.sku: variant.price for variant in variants(content)}
    (club,) = (entry for entry in content.price_lists if entry.code == "club")
    assert len(club.prices) >= 20
    for row in club.prices:
        assert Decimal("0.899") <= row.price / base[row.sku] <= Decimal("0.951"), row


def test_only_the_beach_is_dearer_and_its_list_says_where(content):
    base = {variant.sku: variant.price for variant in variants(content)}
    for entry in content.price_lists:
        dearer = {row.price > base[row.sku] for row in entry.prices}
        assert dearer == ({True} if entry.code == "praia" else {False} if entry.prices else set())
    (beach,) = (entry for entry in content.price_lists if entry.code == "praia")
    assert beach.locations == ["praia"]
    assert "Praia" in beach.name.pt


def test_more_never_costs_more_each(content):
    for entry in content.price_lists:
        rows = sorted(entry.prices, key=lambda row: (row.sku, row.min_quantity))
        for smaller, larger in pairwise(rows):
            assert smaller.sku != larger.sku or larger.price < smaller.price


def test_delivery_is_by_weight_by_total_and_free_at_the_stores(content):
    options = {entry.code: entry for entry in content.delivery_options}
    assert [rate.price for rate in options["free"].by_total] == [0]
    assert [rate.from_total for rate in options["free"].by_total] == [200]
    assert options["standard"].by_weight
    assert options["express"].by_weight
    assert (options["pickup"].method, [rate.price for rate in options["pickup"].by_total]) == ("PICKUP", [0])


def test_pictures_are_small_well_formed_and_all_used(content):
    used = {picture.file for entry in content.products for picture in entry.media}
    assert used == FILES
    for file in MEDIA.glob("*.svg"):
        assert file.stat().st_size < 5_000, file.name
        elements = list(ElementTree.parse(file).iter())
        assert (elements[0].get("width"), elements[0].get("height")) == ("800", "800")
        assert not {element.tag.rpartition("}")[2] for element in elements} & {
            "script",
            "image",
            "foreignObject",
            "use",
        }
    assert content.products[0].media[0].path == "/media/demo/tomate.svg"


# --- the weekly window ------------------------------------------------------------------------------------------------

WEEKEND = Window(weekday=6, at=time(0), hours=48, utc_offset_hours=-3)


@pytest.mark.parametrize(
    ("now", "start"),
    [
        (datetime(2026, 3, 4, 12, tzinfo=UTC), datetime(2026, 3, 7, 3, tzinfo=UTC)),
        (datetime(2026, 3, 7, 2, 59, tzinfo=UTC), datetime(2026, 3, 7, 3, tzinfo=UTC)),
        (datetime(2026, 3, 8, 12, tzinfo=UTC), datetime(2026, 3, 7, 3, tzinfo=UTC)),
        (datetime(2026, 3, 9, 2, 59, tzinfo=UTC), datetime(2026, 3, 7, 3, tzinfo=UTC)),
        (datetime(2026, 3, 9, 3, tzinfo=UTC), datetime(2026, 3, 14, 3, tzinfo=UTC)),
    ],
)
def test_the_weekend_is_this_one_until_it_has_ended(now, start):
    begins, ends = WEEKEND.bounds(now)
    assert begins == start
    assert (ends - begins).total_seconds() == 48 * 3600
    assert now < ends


# --- a fault is found -------------------------------------------------------------------------------------------------


def with_mug_variant(content: Content, **changes: object) -> Content:
    """The content with the mug's variant changed."""
    products = [
        replace(
            entry,
            variants=[replace(each, **changes) if each.sku == MUG else each for each in entry.variants],
        )
        for entry in content.products
    ]
    return replace(content, products=products)


def with_mug(content: Content, **changes: object) -> Content:
    """The content with the mug changed."""
    return replace(
        content, products=[replace(entry, **changes) if entry.slug == MUG_SLUG else entry for entry in content.products]
    )


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"sku": "HORT-TOM-ITA"}, "SKU HORT-TOM-ITA is given 2 times"),
        ({"sku": "caneca"}, "SKU caneca has not the form"),
        ({"barcode": "7896101000078"}, "no EAN-13"),
        ({"barcode": "5901234123457"}, "no EAN-13"),
        ({"barcode": "7896101000079"}, "barcode 7896101000079 is given 2 times"),
        ({"barcode": None, "scale_code": "12345"}, "a scale code is for what is weighed"),
        ({"price": Decimal("59.9")}, "59.9 is no price"),
        ({"price": Decimal("0.00")}, "0.00 is no price"),
        ({"compare_at": Decimal("10.00")}, "which is no higher"),
        ({"weight_grams": 0}, "weighs nothing"),
        ({"stock": {"centro": Decimal(1)}}, "stock must be given for all locations"),
        ({"stock": {"centro": Decimal("0.5"), "praia": Decimal(0), "cd": Decimal(0)}}, "no quantity in steps of 1"),
        ({"stock": {"centro": Decimal(-1), "praia": Decimal(0), "cd": Decimal(0)}}, "no quantity in steps of 1"),
        ({"options": {"cor": "areia"}}, "its options are not its product's"),
        ({"media": ["tomate.svg"]}, "no picture tomate.svg"),
    ],
)
def test_a_fault_of_a_variant_is_found(content, changes, fault):
    found = problems(with_mug_variant(content, **changes), FILES)
    assert any(fault in line for line in found), found


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"slug": "tomate-italiano"}, "product tomate-italiano is given 2 times"),
        ({"slug": "Caneca única"}, "has not the form"),
        ({"category": "moveis"}, "no category moveis"),
        ({"brand": "Nenhuma"}, "no brand Nenhuma"),
        ({"tax_class": "luxury"}, "no tax class luxury"),
        ({"channels": ["fax"]}, "no channel fax"),
        ({"tags": ["raro"]}, "no tag raro"),
        ({"collections": ["natal"]}, "no collection natal"),
        ({"variants": []}, "needs a variant"),
        ({"quantity_step": Decimal("0.001")}, "un in steps of 0.001"),
    ],
)
def test_a_fault_of_a_product_is_found(content, changes, fault):
    found = problems(with_mug(content, **changes), FILES)
    assert any(fault in line for line in found), found


def test_an_empty_text_is_found(content):
    name = replace(product(content, MUG_SLUG).name, en=" ")
    found = problems(with_mug(content, name=name), FILES)
    assert found == ["ultima-caneca-da-feira.name: a text is empty or has stray spaces"]


def test_a_missing_picture_is_found(content):
    found = problems(content, FILES - {"caneca.svg"})
    assert found == ["ultima-caneca-da-feira: no picture caneca.svg"]


def test_a_false_cpf_is_found(content):
    first, *others = content.people.customers
    people = replace(content.people, customers=[replace(first, tax_id="12345678901"), *others])
    assert problems(replace(content, people=people), FILES) == [f"{first.email}: 12345678901 is no CPF"]


def test_a_price_of_nothing_known_is_found(content):
    lists = [replace(entry, prices=entry.prices[:1]) for entry in content.price_lists]
    lists[1] = replace(lists[1], prices=[replace(lists[1].prices[0], sku="NADA")], priority=50)
    found = problems(replace(content, price_lists=lists), FILES)
    assert found == ["priority 50 is given 2 times", "club: no SKU NADA"]


def test_rates_that_do_not_rise_are_found(content):
    first, *others = content.delivery_options
    options = [replace(first, by_weight=first.by_weight[::-1]), *others]
    assert problems(replace(content, delivery_options=options), FILES) == ["standard: its rates do not rise"]


def test_a_misspelt_field_is_refused_with_its_file_and_place(tmp_path: Path):
    for file in DATA.rglob("*.json"):
        target = tmp_path / file.relative_to(DATA)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(file.read_bytes().replace(b'"weight_grams"', b'"wieght_grams"', 1))
    with pytest.raises(BadContent, match=r"hortifruti.json: .*wieght_grams.*variants\[0\]"):
        read(tmp_path)


def test_content_with_a_fault_does_not_load(tmp_path: Path):
    for file in DATA.rglob("*.json"):
        target = tmp_path / file.relative_to(DATA)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(file.read_bytes().replace(b'"default_channel": "web"', b'"default_channel": "fax"'))
    with pytest.raises(BadContent) as refusal:
        load(tmp_path)
    assert refusal.value.problems == ["shop: no channel fax"]


def test_content_survives_being_written_and_read(content):
    assert msgspec.json.decode(msgspec.json.encode(content), type=Content) == content
