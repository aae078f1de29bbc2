"""What a record asks of a product: pure. A column that the file lacks leaves what is there, a blank cell empties it.

Decided so where files are silent:

- A variant with a SKU keeps it when the cell is blank, and one that was made is never made anew.
- An import only ever switches the tracking of stock on: a shop that sold out must not become one that sells without
  bound because its file says 0.
- A collection is joined, never left. A category is emptied by a blank «Product Category» alone, not by a blank «Type».
- Without a column «Published» nothing is published or unpublished, unless the status itself says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, Literal, cast
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from app.catalog.drafts import (
    KEEP,
    Kept,
    MediaDraft,
    ProductDraft,
    PublicationDraft,
    TextDraft,
    VariantDraft,
)
from app.catalog.formats.records import FileShape, ImageRecord, ProductRecord, Status, VariantRecord
from app.catalog.importing.options import Chosen, Values, options_kept, options_of_file
from app.catalog.options import Option
from app.catalog.whole import Values as Row
from app.catalog.whole import Whole

OPTION_FIELDS: Final = tuple(f"option{place}_{part}" for place in (1, 2, 3) for part in ("name", "value"))
PRODUCT: Final = 0
"""Stands for the product where a value of one of its lines is named by (line, field)."""

Dropped = frozenset[tuple[int, str]]
"""Values that cannot be taken, as (line of the variant or PRODUCT, field): what is there stays."""


@dataclass(frozen=True, slots=True)
class Target:
    """What all records of a file are imported with: its columns, its language, the channels that publish. `key` tells
    apart what else makes the same record mean something else, such as the price list."""

    shape: FileShape
    locale: str
    channel_ids: tuple[UUID, ...]
    key: str = ""

    def has(self, *fields: str) -> bool:
        """Whether the file has any of these columns."""
        return not self.shape.fields.isdisjoint(fields)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the record's product goes."""

    category_id: UUID | None = None
    collection_id: UUID | None = None


def product_draft(
    target: Target, record: ProductRecord, before: Whole | None, shelf: Shelf, dropped: Dropped, digest: bytes | Kept
) -> ProductDraft:
    """The draft of a record. `before`: the product of its handle, locked; None: a new one. `digest`: of a new one."""
    record = _at_home(record, before)
    options = options_of(target, record, before.product["options"] if before else None)
    found = options.find(before.variants.values() if before else ())
    variants = [
        _variant(target, variant, values, row, dropped)
        for variant, values, row in zip(record.variants, options.values, found, strict=True)
    ]
    images = [_image(target, image, before, continues=record.continues) for image in record.images]
    if record.continues:
        return ProductDraft(
            slug=record.handle,
            mode="update",
            options=options.drafts,
            options_follow=True,
            variants=variants,
            media_added=images,
        )
    write = _Writes(target, before, dropped)
    return ProductDraft(
        slug=record.handle,
        status=write("status", _status(record)),
        brand=write("vendor", record.vendor or None),
        product_type=write("type", record.type or None),
        tags=write("tags", record.tags),
        category_id=_category(target, record, shelf, dropped),
        texts=[_text(write, target, record)],
        options=options.drafts,
        options_follow=True,
        variants=variants,
        media=images if before is None or target.has("image_src") else KEEP,
        media_added=() if before is None or target.has("image_src") else images,
        collection_ids=_collections(before, shelf),
        publish=_publish(target, record, before),
        unpublish=_unpublish(target, record, before),
        extra=_extra(target, before.product if before else None, record.extra, _unused_of_product(record)),
        import_digest=digest,
    )


@dataclass(frozen=True, slots=True)
class _Writes:
    """Whether a field is written: the product is new or the file has its column, and its value was not dropped."""

    target: Target
    before: object
    dropped: Dropped
    line: int = PRODUCT

    def __call__(self, field: str, value: Any, *also: str) -> Any:
        if (self.line, field) in self.dropped:
            return KEEP
        return value if self.before is None or self.target.has(field, *also) else KEEP


def options_of(target: Target, record: ProductRecord, there: Sequence[Option] | None) -> Chosen:
    """The record's options and values. `there`: the options of the product, None for a new one."""
    if record.continues or (there is not None and not target.has(*OPTION_FIELDS)):
        return options_kept(there or (), record, target.locale)
    return options_of_file(there or (), record, target.locale)


def _text(write: _Writes, target: Target, record: ProductRecord) -> TextDraft:
    return TextDraft(
        locale=target.locale,
        name=record.title,
        description=write("body", record.body_html),
        seo_title=write("seo_title", record.seo_title or None),
        seo_description=write("seo_description", record.seo_description or None),
    )


def _status(record: ProductRecord) -> Literal["DRAFT", "ACTIVE", "ARCHIVED"]:
    return cast(Literal["DRAFT", "ACTIVE", "ARCHIVED"], record.status.name)


def category_path(record: ProductRecord) -> tuple[str, ...]:
    """Where the product belongs: its category from the root down, else its type."""
    return record.category_path or ((record.type,) if record.type else ())


def _category(target: Target, record: ProductRecord, shelf: Shelf, dropped: Dropped) -> UUID | Kept | None:
    if (PRODUCT, "category") in dropped:
        return KEEP
    if category_path(record):
        return shelf.category_id if shelf.category_id is not None else KEEP
    return None if target.has("category") else KEEP


def _collections(before: Whole | None, shelf: Shelf) -> Sequence[UUID] | Kept:
    if shelf.collection_id is None:
        return KEEP
    return [*(before.collections if before else ()), shelf.collection_id]


def _publish(target: Target, record: ProductRecord, before: Whole | None) -> Sequence[PublicationDraft]:
    wakes = before is not None and target.has("status") and before.product["status"] != "ACTIVE"
    if record.visible and (before is None or target.has("published") or wakes):
        return [PublicationDraft(channel_id=channel_id) for channel_id in target.channel_ids]
    return ()


def _unpublish(target: Target, record: ProductRecord, before: Whole | None) -> Sequence[UUID]:
    if before is None or record.visible:
        return ()
    told = target.has("published") or (target.has("status") and record.status is not Status.ARCHIVED)
    return target.channel_ids if told else ()


def _at_home(record: ProductRecord, before: Whole | None) -> ProductRecord:
    """The record with those of the product's own pictures that the shop itself has under the addresses that it keeps.

    An export writes them whole, with the address that the shop was called at, so that others find them too.
    """
    known = {row["url"] for row in before.media.values()} if before else set()
    if not any(url.startswith("/") for url in known):
        return record

    def kept(url: str) -> str:
        path = urlsplit(url)._replace(scheme="", netloc="").geturl()
        return path if path in known and url not in known else url

    images = tuple(msgspec.structs.replace(image, src=kept(image.src)) for image in record.images)
    variants = tuple(
        msgspec.structs.replace(variant, image=kept(variant.image)) if variant.image else variant
        for variant in record.variants
    )
    return msgspec.structs.replace(record, images=images, variants=variants)


def _image(target: Target, image: ImageRecord, before: Whole | None, *, continues: bool) -> MediaDraft:
    if before is not None and (not target.has("image_alt") or (continues and not image.alt)):
        return MediaDraft(url=image.src)
    rows = before.media.values() if before else ()
    there: Mapping[str, str] = next((row["alt"] for row in rows if row["url"] == image.src), {})
    others = {locale: text for locale, text in there.items() if locale != target.locale}
    return MediaDraft(url=image.src, alt=others | {target.locale: image.alt} if image.alt else others)


def _variant(
    target: Target, variant: VariantRecord, values: Values, before: Row | None, dropped: Dropped
) -> VariantDraft:
    write = _Writes(target, before, dropped, variant.line)
    media = [variant.image] if variant.image else []
    return VariantDraft(
        option_values=values,
        sku=variant.sku,
        sku_made=variant.sku_made,
        barcode=write("barcode", variant.barcode),
        weight_grams=write("grams", _whole_grams(variant.weight_grams), "weight"),
        requires_shipping=write("requires_shipping", variant.requires_shipping),
        track_stock=variant.tracked if before is None or variant.tracked else KEEP,
        backorder_allowance=write("policy", None if variant.backorder else 0),
        media=write("variant_image", media),
        extra=_extra(target, before, variant.extra, _unused_of_variant(variant)),
    )


def _whole_grams(grams: Decimal | None) -> int | None:
    return None if grams is None else int(grams.quantize(Decimal(1), ROUND_HALF_UP))


def _unused_of_product(record: ProductRecord) -> dict[str, tuple[str, str]]:
    """Columns that are known but mean nothing here, kept for the way back: name and text by field."""
    return {"gift_card": ("Gift card", "true" if record.gift_card else "")}


def _unused_of_variant(variant: VariantRecord) -> dict[str, tuple[str, str]]:
    return {
        "cost": ("Cost per item", "" if variant.cost is None else format(variant.cost, "f")),
        "taxable": ("Charge tax", "" if variant.taxable else "false"),
        "weight_unit": ("Weight unit for display", variant.weight_unit),
    }


def _extra(
    target: Target, before: Row | None, given: Mapping[str, str], unused: Mapping[str, tuple[str, str]]
) -> dict[str, Any]:
    """What the file says in columns that are only kept, beside what earlier files said in columns that it lacks."""
    present = {name: text for field, (name, text) in unused.items() if target.has(field)}
    gone = {*target.shape.columns, *present}
    kept = {name: text for name, text in (before["extra"] if before else {}).items() if name not in gone}
    return kept | dict(given) | {name: text for name, text in present.items() if text}
