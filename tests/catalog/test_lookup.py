"""What scanners read: GTINs however they are written, and the labels of scales."""

import pytest
from stdnum import ean

from app.catalog.barcodes import barcode_key, has_right_check_digit, read_scale_label
from app.catalog.lookup import Scanned, VariantRef, read_code, resolve_variants
from app.platform.ids import new_id
from tests.shop import Shop


def label(code: str, value: int) -> str:
    digits = f"2{code}{value:06d}"
    return digits + ean.calc_check_digit(digits)


@pytest.mark.parametrize("code", ["7891234567895", "036000291452", "96385074", "17891234567892"])
def test_check_digits_are_those_of_gs1(code: str) -> None:
    assert has_right_check_digit(code)
    assert ean.is_valid(code) or len(code) == 12
    assert not has_right_check_digit(code[:-1] + str((int(code[-1]) + 1) % 10))


async def test_upc_and_ean_are_one_code(shop: Shop) -> None:
    variant = await shop.variant("SABAO", barcode="036000291452")
    for code in ("036000291452", "0036000291452", "00036000291452", " 036000291452 "):
        assert await read_code(shop.db, code) == Scanned(variant, 1000, None)
    assert await read_code(shop.db, "36000291452") is None
    other = await shop.variant("CAFE", barcode="0012345678905")
    assert await read_code(shop.db, "012345678905") == Scanned(other, 1000, None)


async def test_a_label_holds_a_total(shop: Shop) -> None:
    queijo = await shop.variant("QUEIJO", scale_code="01234", unit="kg", quantity_step=1)
    assert await read_code(shop.db, label("01234", 1590)) == Scanned(queijo, 1000, 1590)


async def test_a_label_holds_a_weight(shop: Shop) -> None:
    tomate = await shop.variant("TOMATE", scale_code="50007", unit="kg", quantity_step=1)
    assert await read_code(shop.db, label("50007", 350)) == Scanned(tomate, 350, None)


async def test_a_misread_or_empty_label_is_nothing(shop: Shop) -> None:
    await shop.variant("QUEIJO", scale_code="01234")
    good = label("01234", 1590)
    wrong = good[:-1] + str((int(good[-1]) + 1) % 10)
    for code in (wrong, label("01234", 0), label("99999", 100), good[:-1], "", "\0", "2" * 10_000, "²⁰¹²³⁴⁰⁰⁰¹²³⁴"):
        assert await read_code(shop.db, code) is None


async def test_its_own_barcode_wins_over_a_scale_label(shop: Shop) -> None:
    await shop.variant("QUEIJO", scale_code="01234")
    boxed = await shop.variant("CAIXA", barcode=label("01234", 1590))
    assert await read_code(shop.db, label("01234", 1590)) == Scanned(boxed, 1000, None)


async def test_variants_are_found_by_every_name_in_the_order_asked(shop: Shop) -> None:
    queijo = await shop.variant("QUEIJO", scale_code="01234")
    cafe = await shop.variant("CAFE", barcode="7891234567895")
    refs = [
        VariantRef("sku", "CAFE"),
        VariantRef("id", queijo),
        VariantRef("id", new_id()),
        VariantRef("barcode", "7891234567895"),
        VariantRef("barcode", label("01234", 100)),
        VariantRef("sku", "cafe"),
        VariantRef("barcode", "nada"),
        VariantRef("sku", "CAFE"),
    ]
    assert await resolve_variants(shop.db, refs) == [cafe, queijo, None, cafe, queijo, None, None, cafe]
    assert await resolve_variants(shop.db, []) == []


def test_other_codes_are_left_as_they_are() -> None:
    assert barcode_key("ABC-123") == "ABC-123"
    assert barcode_key("1234567") == "1234567"
    assert barcode_key("12345670") == "00000012345670"
    assert read_scale_label("7891234567895") is None
