"""What a product file says, whatever its format: products with variants and images, and what could not be read."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from enum import StrEnum

import msgspec

DIGEST_EDITION = 1
"""Raised when a record means something else than before, so that no product is skipped as unchanged by mistake."""


class Status(StrEnum):
    ACTIVE = "active"
    DRAFT = "draft"
    ARCHIVED = "archived"


class Lost(StrEnum):
    """What is not imported because of an error."""

    NOTHING = "nothing"
    """A notice: the value was mended as the reason says, and is used."""
    VALUE = "value"
    """This cell; the rest of its row is imported."""
    ROW = "row"
    """The variant or image that the row adds (a good image on a bad variant's row stays)."""
    PRODUCT = "product"
    """The product, or what these lines were to add to it: every line up to `last_line` that names its handle."""
    FILE = "file"
    """All that has not been read yet."""


class RowError(msgspec.Struct, frozen=True, kw_only=True):
    """Why something of the file is not imported, and where it stands.

    `line` is the 1-based physical line on which the row begins, `last_line` the last line that is lost with it.
    `column` is the column's name as the file spells it, "" where the whole row is meant. `value` is shortened, its
    control characters made visible, so that it is safe to print on a terminal.
    """

    line: int
    column: str
    value: str
    reason: str
    lost: Lost
    handle: str = ""
    last_line: int


class ImageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An image by its http(s) address. `position` counts from 1 without gaps, in the order of the product."""

    src: str
    alt: str
    position: int
    line: int


class VariantRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A variant. Its identity within the product is `option_values`, parallel to the product's `options`.

    Amounts are exact and in the file's own currency; None: the file gives none. `quantity` is in whole units and may be
    negative where the exporting shop had oversold. `weight_grams` has at most three decimals. `sku_made`: the file had
    no SKU and this one was made from handle and option values; a variant that has a SKU already keeps it.
    `backorder`: sells on without bound when out of stock. `image` is the `src` of one of the product's images.
    `extra` holds the columns that have no meaning here, by the file's column names, blank ones left out.
    """

    line: int
    option_values: tuple[str, ...]
    sku: str
    sku_made: bool
    barcode: str | None
    price: Decimal | None
    compare_at: Decimal | None
    cost: Decimal | None
    weight_grams: Decimal | None
    weight_unit: str
    tracked: bool
    quantity: int | None
    backorder: bool
    requires_shipping: bool
    taxable: bool
    image: str | None
    extra: dict[str, str]


class ProductRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A product with all rows of one block of the file. Its identity is `handle`.

    `options` are the names of its options; both it and the only variant's values are empty where there is no choice.
    `category_path` goes from the root down. `digest` (SHA-256) covers every value but stock quantities and line
    numbers, so that a product whose digest is known needs no writing, while its stock may still be set.

    `continues`: the handle stood in an earlier block of the same file, and this one only adds `variants` and `images`
    to it. The product's own fields are blank then and mean nothing; `options` may be empty, in which case
    `option_values` follow the product's options by place.
    """

    handle: str
    line: int
    last_line: int
    continues: bool
    title: str
    body_html: str
    vendor: str
    type: str
    category_path: tuple[str, ...]
    collection: str
    tags: tuple[str, ...]
    status: Status
    published: bool
    gift_card: bool
    seo_title: str
    seo_description: str
    options: tuple[str, ...]
    variants: tuple[VariantRecord, ...]
    images: tuple[ImageRecord, ...]
    extra: dict[str, str]
    digest: bytes = b""

    @property
    def visible(self) -> bool:
        """Whether shoppers may see it: published, and neither draft nor archived."""
        return self.published and self.status is Status.ACTIVE


class FileShape(msgspec.Struct, frozen=True, kw_only=True):
    """What the header says about the file.

    `fields` are the columns found, by our names for them: a field that is not among them must be left as it is on an
    existing product, while a blank cell of one that is empties it. `ignored` are the columns of which nothing is kept.
    """

    format: str
    delimiter: str
    fields: frozenset[str]
    columns: tuple[str, ...]
    ignored: tuple[str, ...]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What bounds the memory that reading takes, and what no honest file exceeds. Sizes are in characters."""

    cell: int = 524_288
    row: int = 2_097_152
    columns: int = 2_000
    variants: int = 2_048
    images: int = 250
    extra: int = 8_388_608
    """Of a whole product, in columns that have no meaning here."""


def digested(product: ProductRecord, fields: frozenset[str]) -> ProductRecord:
    """The product with its `digest`, which also tells a column that is missing from one that is blank."""
    content = (
        DIGEST_EDITION,
        sorted(fields),
        _without(product, "line", "last_line", "digest", "variants", "images"),
        [_variant_content(variant) for variant in product.variants],
        [(image.src, image.alt) for image in product.images],
    )
    digest = hashlib.sha256(msgspec.json.encode(content, order="deterministic")).digest()
    return msgspec.structs.replace(product, digest=digest)


def _variant_content(variant: VariantRecord) -> dict[str, object]:
    # A made SKU follows from the identity; which of two look-alikes gets the shorter one must not look like a change.
    content = _without(variant, "line", "quantity", *(("sku",) if variant.sku_made else ()))
    for name in ("price", "compare_at", "cost", "weight_grams"):
        amount = getattr(variant, name)
        content[name] = None if amount is None else format(amount.normalize(), "f")
    return content


def _without(record: msgspec.Struct, *names: str) -> dict[str, object]:
    return {name: value for name, value in msgspec.structs.asdict(record).items() if name not in names}
