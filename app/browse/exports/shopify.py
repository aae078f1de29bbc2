"""Products as Shopify's CSV: the records of `products` in the columns that `catalog.formats.shopify` reads."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Final

from app.browse.exports.cells import Cell, Record, number
from app.catalog.formats.columns import FIELDS

MOST_OPTIONS: Final = 3
_PRODUCT: Final = (
    *("Title", "Description", "Vendor", "Product category", "Type", "Tags", "Published on online store", "Status"),
    *("SEO title", "SEO description"),
)
_OPTIONS: Final = tuple(f"Option{place} {part}" for place in (1, 2, 3) for part in ("name", "value"))
_VARIANT: Final = (
    *_OPTIONS,
    *("SKU", "Barcode", "Price", "Compare-at price", "Inventory tracker", "Continue selling when out of stock"),
    *("Weight value (grams)", "Requires shipping"),
)
_PICTURE: Final = ("Product image URL", "Image position", "Image alt text")
QUANTITY: Final = "Inventory quantity"
NAMES: Final = ("URL handle", *_PRODUCT, *_VARIANT, *_PICTURE, "Variant image URL")


def columns(extras: Sequence[str], *, stock: bool) -> tuple[str, ...]:
    """All columns: `extras` are those that an import kept, `stock` adds what is on hand at the location asked for."""
    taken = {FIELDS[name.casefold()] for name in (*NAMES, QUANTITY)}
    kept = [name for name in extras if FIELDS.get(name.casefold()) not in taken]
    return (*NAMES, *((QUANTITY,) if stock else ()), *kept)


def fits(record: Record) -> bool:
    """Whether these columns can say what the product is."""
    return len(record["options"]) <= MOST_OPTIONS and any(not one["archived"] for one in record["variants"])


def rows(record: Record, names: Sequence[str], locale: str) -> list[Sequence[Cell]]:
    """The product's lines: a variant and an image on each, as long as there are some; its own fields on the first."""
    variants = [one for one in record["variants"] if not one["archived"]]
    pictures = [each for each in record["media"] if each["kind"] == "IMAGE"]
    found: list[Sequence[Cell]] = []
    for place, (one, picture) in enumerate(zip_longest(variants, pictures)):
        row: dict[str, Cell] = {"URL handle": record["slug"]}
        if place == 0:
            row |= _own(record, locale) | {name: value for name, value in record["extra"].items() if name in names}
        if one is not None:
            row |= _of_variant(one, record, first=place == 0)
        if picture is not None:
            alt = picture["alt"].get(locale, "")
            row |= dict(zip(_PICTURE, (picture["url"], place + 1, alt), strict=True))
        found.append([row.get(name) for name in names])
    return found


def _own(record: Record, locale: str) -> dict[str, Cell]:
    text: Record = record["texts"].get(locale) or next(iter(record["texts"].values()), {})
    values: tuple[Cell, ...] = (
        text.get("name"),
        text.get("description"),
        record["brand"],
        " > ".join(record["category"]["path"]) if record["category"] else None,
        record["type"],
        ", ".join(record["tags"]),
        record["published"],
        record["status"].lower(),
        text.get("seoTitle"),
        text.get("seoDescription"),
    )
    return dict(zip(_PRODUCT, values, strict=True))


def _of_variant(one: Record, record: Record, *, first: bool) -> dict[str, Cell]:
    price = one["price"] or {"amount": None, "compareAt": None}
    values: tuple[Cell, ...] = (
        *_chosen(one, record, first=first),
        one["sku"],
        one["barcode"],
        number(price["amount"]),
        number(price["compareAt"]),
        "shopify" if one["trackStock"] else None,
        "continue" if one["backorderAllowance"] is None else "deny",
        one["weightGrams"],
        one["requiresShipping"],
    )
    row: dict[str, Cell] = dict(zip(_VARIANT, values, strict=True))
    row["Variant image URL"] = next(iter(one["media"]), None)
    row[QUANTITY] = _whole(one.get("onHand")) if one["trackStock"] else None
    return row | dict(one["extra"])


def _chosen(one: Record, record: Record, *, first: bool) -> list[Cell]:
    if not record["options"]:
        return ["Title" if first else None, "Default Title", *[None] * 4]
    found: list[Cell] = []
    for option, value in zip_longest(record["options"], one["options"]):
        found += [option["name"] if first else None, value]
    return found + [None] * (2 * MOST_OPTIONS - len(found))


def _whole(value: Any) -> Cell:
    """Shopify counts in whole units: of 0.350 kg it says nothing."""
    if value is None or (isinstance(value, Decimal) and value != value.to_integral_value()):
        return None
    return int(value)
