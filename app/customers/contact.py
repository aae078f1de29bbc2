"""Phone numbers and tax numbers: how they are kept, whoever writes them."""

import re
from typing import Final

from stdnum.br import cnpj, cpf
from stdnum.exceptions import ValidationError

from app.identity import fields
from app.platform.errors import InvalidInput, Path

# Calling code and trunk prefix of countries whose own way of writing is understood; elsewhere "+" comes first.
_CALLING: Final = {
    "AR": ("54", "0"), "BO": ("591", "0"), "BR": ("55", "0"), "CA": ("1", "1"), "CL": ("56", ""), "CO": ("57", ""),
    "DE": ("49", "0"), "ES": ("34", ""), "FR": ("33", "0"), "GB": ("44", "0"), "IT": ("39", ""), "MX": ("52", ""),
    "PE": ("51", "0"), "PT": ("351", ""), "PY": ("595", "0"), "US": ("1", "1"), "UY": ("598", "0"),
}  # fmt: skip
_PUNCTUATION: Final = re.compile(r"[\s().\-/]+")
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_TAX_ID: Final = re.compile(r"[A-Z0-9]{4,20}", re.ASCII)


def phone(value: object, path: Path, *, country: str) -> str | None:
    """A phone number as E.164 writes it (+5511987654321), or None for nothing.

    A number without "+" or "00" is one of `country`. Raises InvalidInput: INVALID_PHONE.
    """
    text = fields.optional_text(value, path, most=40)
    if text is None:
        return None
    number = _PUNCTUATION.sub("", text)
    if number.startswith("00"):
        number = "+" + number[2:]
    elif not number.startswith("+") and country in _CALLING:
        calling, trunk = _CALLING[country]
        number = f"+{calling}{number.removeprefix(trunk)}"
    if not _E164.fullmatch(number):
        raise InvalidInput("This is no phone number: write it as +5511987654321.", path=path, code="INVALID_PHONE")
    return number


def tax_id(value: object, path: Path, *, country: str) -> str | None:
    """A tax number without punctuation, or None for nothing. In Brazil a CPF or a CNPJ whose check digits agree.

    Raises InvalidInput: INVALID_TAX_ID.
    """
    text = fields.optional_text(value, path, most=40)
    if text is None:
        return None
    number = _PUNCTUATION.sub("", text).upper()
    if _TAX_ID.fullmatch(number):
        if country != "BR":
            return number
        # The check digits of 111.111.111-11 agree, and nobody has it.
        if len(set(number)) == 1:
            raise _no_tax_id(country, path)
        try:
            return str(cpf.validate(number) if len(number) == 11 else cnpj.validate(number))
        except ValidationError:
            pass
    raise _no_tax_id(country, path)


def _no_tax_id(country: str, path: Path) -> InvalidInput:
    wanted = "a CPF or CNPJ" if country == "BR" else "a tax number"
    return InvalidInput(f"This is not {wanted}.", path=path, code="INVALID_TAX_ID")
