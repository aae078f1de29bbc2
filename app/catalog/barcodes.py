"""What barcodes say: one key for all ways to write a GTIN, and the labels that a shop's own scales print.

A scale label is an EAN-13 that begins with 2, the range that GS1 leaves to shops. Brazilian scales (Toledo, Filizola)
print `2CCCCCVVVVVVK`: an item number of five digits, a value of six, the check digit. What the value is, price or
weight, is set in the scale, so the shop keeps its item numbers in two ranges, which `SCALE_LABELS` lists:

| item number   | the value is | 2 01234 001590 K            |
|---------------|--------------|-----------------------------|
| 00000 … 49999 | total price  | R$ 15,90 (minor units)      |
| 50000 … 99999 | weight       | 1.590 kg (thousandths)      |
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

CODE_DIGITS: Final = 5


@dataclass(frozen=True, slots=True)
class ScaleLabels:
    """The labels that begin with `prefix`: whether their value is a price (minor units) or a weight (thousandths)."""

    prefix: str
    holds: Literal["TOTAL", "WEIGHT"]


SCALE_LABELS: Final = (
    *(ScaleLabels(prefix=f"2{digit}", holds="TOTAL") for digit in "01234"),
    *(ScaleLabels(prefix=f"2{digit}", holds="WEIGHT") for digit in "56789"),
)

_GTIN: Final = re.compile(r"(?:[0-9]{8}|[0-9]{12,14})", re.ASCII)
_SCALE_LABEL: Final = re.compile(r"2[0-9]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ScaleLabel:
    """A scale label as read: the in-store item number, and the total in minor units or the weight in thousandths."""

    scale_code: str
    total_minor: int | None
    quantity_milli: int | None


def barcode_key(code: str) -> str:
    """What variants are found by: a GTIN written with 14 digits, any other code as it is, without blanks around it.

    The column `variant.barcode_key` is computed alike.
    """
    code = code.strip()
    return code.zfill(14) if _GTIN.fullmatch(code) else code


def is_gtin(code: str) -> bool:
    """Whether the code has the shape of a GTIN (8, 12, 13 or 14 digits), right check digit or not."""
    return _GTIN.fullmatch(code) is not None


def check_digit(digits: str) -> str:
    """GS1's check digit for all digits of a GTIN but its last."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def has_right_check_digit(code: str) -> bool:
    return check_digit(code[:-1]) == code[-1]


def read_scale_label(code: str) -> ScaleLabel | None:
    """What a scale label says; None for any other code, a misread one (wrong check digit), and one that says 0."""
    code = code.strip()
    if not _SCALE_LABEL.fullmatch(code) or not has_right_check_digit(code):
        return None
    rule = next((rule for rule in SCALE_LABELS if code.startswith(rule.prefix)), None)
    if rule is None:
        return None
    value = int(code[1 + CODE_DIGITS : -1])
    if value == 0:
        return None
    return ScaleLabel(
        scale_code=code[1 : 1 + CODE_DIGITS],
        total_minor=value if rule.holds == "TOTAL" else None,
        quantity_milli=value if rule.holds == "WEIGHT" else None,
    )
