"""Shopify's columns: which names of old and new templates mean which field, and how a header is recognised."""

from __future__ import annotations

import csv
import re

import msgspec

from app.catalog.formats.records import FileShape

# Every name that Shopify's exports and templates have used, in lower case; the first is today's.
NAMES: dict[str, tuple[str, ...]] = {
    "handle": ("url handle", "handle"),
    "title": ("title",),
    "body": ("description", "body (html)", "body html", "body"),
    "vendor": ("vendor",),
    "category": ("product category", "standard product type", "standardized product type"),
    "type": ("type", "custom product type", "product type"),
    "collection": ("collection",),
    "tags": ("tags",),
    "published": ("published on online store", "published"),
    "status": ("status",),
    "option1_name": ("option1 name",),
    "option1_value": ("option1 value",),
    "option2_name": ("option2 name",),
    "option2_value": ("option2 value",),
    "option3_name": ("option3 name",),
    "option3_value": ("option3 value",),
    "sku": ("sku", "variant sku"),
    "barcode": ("barcode", "barcodes", "variant barcode", "variant barcodes"),
    "price": ("price", "variant price"),
    "compare_at": ("compare-at price", "compare at price", "variant compare at price", "variant compare-at price"),
    "cost": ("cost per item", "variant cost"),
    "taxable": ("charge tax", "variant taxable"),
    "tracker": ("inventory tracker", "variant inventory tracker"),
    "quantity": ("inventory quantity", "variant inventory qty", "variant inventory quantity"),
    "policy": ("continue selling when out of stock", "variant inventory policy"),
    "grams": ("weight value (grams)", "variant grams"),
    "weight": ("variant weight",),
    "weight_unit": ("weight unit for display", "variant weight unit"),
    "requires_shipping": ("requires shipping", "variant requires shipping"),
    "image_src": ("product image url", "image src"),
    "image_position": ("image position",),
    "image_alt": ("image alt text",),
    "variant_image": ("variant image url", "variant image"),
    "gift_card": ("gift card",),
    "seo_title": ("seo title",),
    "seo_description": ("seo description",),
}
FIELDS = {name: field for field, names in NAMES.items() for name in names}
DELIMITERS = (",", ";", "\t")

_PRODUCT_EXTRA = re.compile(r"google shopping / .+|option[123] linked to|.*\(product\.metafields\..+\)", re.DOTALL)
_VARIANT_EXTRA = re.compile(
    r"(?:included|price|compare[- ]at price) / .+|(?:variant )?tax code|(?:variant )?fulfillment service"
    r"|(?:variant )?unit price .+|.*\(variant\.metafields\..+\)",
    re.DOTALL,
)
# Beside Title, one of these says that it is a product file and no other table with titles.
_SIGNS = frozenset({"handle", "option1_name", "option1_value", "price", "sku"})


class UnknownHeader(ValueError):
    """The header is not one of Shopify's product CSV; the message says why."""


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """Where each field stands: index by field, and (index, name) of the columns that are only kept."""

    shape: FileShape
    at: dict[str, int]
    product_extra: tuple[tuple[int, str], ...]
    variant_extra: tuple[tuple[int, str], ...]

    @property
    def width(self) -> int:
        return len(self.shape.columns)

    def name(self, field: str) -> str:
        """The column's name as the file spells it, else today's template's name."""
        index = self.at.get(field)
        return NAMES[field][0] if index is None else self.shape.columns[index]


def read_header(line: str, *, max_columns: int, delimiter: str | None = None) -> Columns:
    """The columns of a header line, in any order and case, with the delimiter under which most of them are known.

    Raises UnknownHeader, also where a field has two columns.
    """
    best = max(
        (_split(line, mark) for mark in ((delimiter,) if delimiter else DELIMITERS)),
        key=lambda found: sum(_plain(name) in FIELDS for name in found[1]),
    )
    mark, names = best
    if len(names) > max_columns:
        raise UnknownHeader(f"the header has {len(names)} columns; at most {max_columns} are read")
    at: dict[str, int] = {}
    product_extra: list[tuple[int, str]] = []
    variant_extra: list[tuple[int, str]] = []
    ignored: list[str] = []
    for index, name in enumerate(names):
        plain = _plain(name)
        if field := FIELDS.get(plain):
            if field in at:
                raise UnknownHeader(f"the columns «{names[at[field]]}» and «{name}» say the same; keep one")
            at[field] = index
        elif _PRODUCT_EXTRA.fullmatch(plain):
            product_extra.append((index, name))
        elif _VARIANT_EXTRA.fullmatch(plain):
            variant_extra.append((index, name))
        elif name:
            ignored.append(name)
    _check(at, {_plain(name) for name in names})
    shape = FileShape(
        format="shopify", delimiter=mark, fields=frozenset(at), columns=tuple(names), ignored=tuple(ignored)
    )
    return Columns(shape=shape, at=at, product_extra=tuple(product_extra), variant_extra=tuple(variant_extra))


def _split(line: str, mark: str) -> tuple[str, list[str]]:
    try:
        names = next(csv.reader([line.rstrip("\r\n")], delimiter=mark), [])
    except csv.Error:
        names = []
    return mark, [" ".join(name.split()) for name in names]


def _plain(name: str) -> str:
    return name.casefold()


def _check(at: dict[str, int], plain: set[str]) -> None:
    if "price" not in at and plain & {"location", "on hand (current)", "on hand (new)", "available"}:
        raise UnknownHeader("this is Shopify's inventory file; the product file is needed")
    if "title" in at and not _SIGNS.isdisjoint(at):
        return
    if "title" not in at and "handle" in at:
        raise UnknownHeader("the column «Title» is missing; Shopify's product CSV needs it")
    raise UnknownHeader(
        "this is not the header of a product file that is known here: Shopify's product CSV has «Title», "
        "«URL handle» or «Handle», «Price» or «Variant Price», and so on, on its first line"
    )
