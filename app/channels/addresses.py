"""Postal addresses: what a location, a customer, a cart and an order keep of one."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from app.identity import fields
from app.platform.errors import Path

# The contract's names, as they stand in JSON columns.
CHECKS: Final[dict[str, tuple[str, fields.Check]]] = {
    "name": ("name", partial(fields.text, most=120)),
    "line1": ("line1", fields.text),
    "line2": ("line2", fields.optional_text),
    "city": ("city", partial(fields.text, most=120)),
    "region": ("region", fields.region),
    "postalCode": ("postalCode", partial(fields.optional_text, most=20)),
    "country": ("country", fields.country),
    "phone": ("phone", partial(fields.optional_text, most=30)),
}


def address(given: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """An address under the contract's names (`postalCode`), each text trimmed, what is empty None.

    Raises Refusal or Refusals of InvalidInput, one a field at fault, at `path` and the field.
    """
    return fields.checked(given, CHECKS, required=CHECKS, path=path)
