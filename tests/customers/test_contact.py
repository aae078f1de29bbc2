"""Phone and tax numbers have one form each, however they are written."""

import pytest

from app.customers.contact import phone, tax_id
from app.platform.errors import InvalidInput


@pytest.mark.parametrize(
    ("written", "country", "kept"),
    [
        ("(11) 98765-4321", "BR", "+5511987654321"),
        ("011 98765 4321", "BR", "+5511987654321"),
        ("+55 11 98765-4321", "PT", "+5511987654321"),
        ("0055 11 98765-4321", "PT", "+5511987654321"),
        ("912 345 678", "PT", "+351912345678"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("  ", "BR", None),
        (None, "BR", None),
    ],
)
def test_phones(written: str | None, country: str, kept: str | None) -> None:
    assert phone(written, ("phone",), country=country) == kept


@pytest.mark.parametrize(
    ("written", "country"),
    [("1", "BR"), ("letters", "BR"), ("12345678", "JP"), ("+0123456789", "BR"), ("+" + "9" * 16, "BR")],
)
def test_what_is_no_phone(written: str, country: str) -> None:
    with pytest.raises(InvalidInput):
        phone(written, ("phone",), country=country)


@pytest.mark.parametrize(
    ("written", "country", "kept"),
    [
        ("529.982.247-25", "BR", "52998224725"),
        ("11.222.333/0001-81", "BR", "11222333000181"),
        ("12.abc.345/01de-35", "BR", "12ABC34501DE35"),
        ("PT 123-456", "PT", "PT123456"),
        ("", "BR", None),
    ],
)
def test_tax_ids(written: str, country: str, kept: str | None) -> None:
    assert tax_id(written, ("taxId",), country=country) == kept


@pytest.mark.parametrize("written", ["111.111.111-11", "52998224726", "11222333000182", "123", "abc", "x" * 41])
def test_what_is_no_tax_id_in_brazil(written: str) -> None:
    with pytest.raises(InvalidInput):
        tax_id(written, ("taxId",), country="BR")
