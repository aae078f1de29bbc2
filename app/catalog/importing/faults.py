"""From the refusals of a draft to errors of a file: line, column, what is lost with it, and the record without that."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from app.catalog.formats.columns import FIELDS, NAMES
from app.catalog.formats.records import FileShape, Lost, ProductRecord, RowError, VariantRecord
from app.catalog.formats.values import shown
from app.catalog.importing.drafting import PRODUCT, Dropped
from app.platform.errors import Path, Refusal

# By the draft's field: the file's field, and what cannot be imported without it.
VARIANT_FIELDS: Final = {
    "sku": ("sku", Lost.ROW),
    "barcode": ("barcode", Lost.VALUE),
    "weightGrams": ("grams", Lost.VALUE),
    "selectedOptions": ("option1_value", Lost.ROW),
}
TEXT_FIELDS: Final = {
    "name": ("title", Lost.PRODUCT),
    "description": ("body", Lost.PRODUCT),
    "seoTitle": ("seo_title", Lost.VALUE),
    "seoDescription": ("seo_description", Lost.VALUE),
}
PRODUCT_FIELDS: Final = {
    "brand": ("vendor", Lost.PRODUCT),
    "productType": ("type", Lost.PRODUCT),
    "tags": ("tags", Lost.VALUE),
    "categoryId": ("category", Lost.VALUE),
    "collectionIds": ("collection", Lost.VALUE),
    "options": ("option1_name", Lost.PRODUCT),
}


@dataclass(slots=True)
class Trial:
    """A record on its way in: what is left of it (None: nothing), what was dropped, and why."""

    shape: FileShape
    record: ProductRecord | None
    dropped: Dropped = frozenset()
    errors: list[RowError] = field(default_factory=list)

    def refuse(self, refusals: Sequence[Refusal]) -> None:
        """Take out what was refused."""
        record = self.record
        assert record is not None
        rows: set[int] = set()
        images: set[int] = set()
        for refusal in refusals:
            path = refusal.path
            if path[:1] == ("variants",) and len(path) > 1:
                self._refuse_variant(record.variants[int(path[1])], refusal, rows)
            elif path[:1] == ("media",) and len(path) > 1:
                image = record.images[int(path[1])]
                images.add(int(path[1]))
                self.errors.append(fault(self.shape, record, "image_src", image.src, refusal, Lost.VALUE, image.line))
            else:
                self._refuse_product(record, refusal)
        if self.record is not None and (rows or images):
            self._reduce(record, rows, images)

    def lose(self, reason: str, column_field: str = "handle") -> None:
        """Nothing of the record is imported."""
        assert self.record is not None
        self._refuse_product(self.record, Refusal(reason, path=(column_field,)))

    def _refuse_variant(self, variant: VariantRecord, refusal: Refusal, rows: set[int]) -> None:
        assert self.record is not None
        name, lost = VARIANT_FIELDS.get(refusal.path[2] if len(refusal.path) > 2 else "", ("handle", Lost.ROW))
        if lost is Lost.ROW:
            rows.add(variant.line)
        self.dropped |= {(variant.line, name)}
        value = str(getattr(variant, {"grams": "weight_grams"}.get(name, name), ""))
        value = " / ".join(variant.option_values) if name == "option1_value" else value
        self.errors.append(fault(self.shape, self.record, name, value, refusal, lost, variant.line))

    def _refuse_product(self, record: ProductRecord, refusal: Refusal) -> None:
        name, lost = _product_field(refusal.path)
        self.dropped |= {(PRODUCT, name)}
        value = {"handle": record.handle, "title": record.title}.get(name, "")
        self.errors.append(fault(self.shape, record, name, value, refusal, lost, record.line))
        if lost is Lost.PRODUCT:
            self.record = None

    def _reduce(self, record: ProductRecord, rows: set[int], images: set[int]) -> None:
        kept = tuple(image for place, image in enumerate(record.images) if place not in images)
        sources = {image.src for image in kept}
        variants = tuple(
            variant
            if variant.image in sources or variant.image is None
            else msgspec.structs.replace(variant, image=None)
            for variant in record.variants
            if variant.line not in rows
        )
        if variants or (record.continues and kept):
            self.record = msgspec.structs.replace(record, variants=variants, images=kept)
        else:
            self.lose("none of its variants can be imported")


def fault(
    shape: FileShape, record: ProductRecord, name: str, value: str, refusal: Refusal, lost: Lost, line: int
) -> RowError:
    """The error of a file that a refusal is; `name` by our names for columns."""
    text = refusal.message.rstrip(".")
    reason = text if text[1:2].isupper() else text[:1].lower() + text[1:]
    return RowError(
        line=line,
        column=column_name(shape, name),
        value=shown(value),
        reason=reason,
        lost=lost,
        handle=record.handle,
        last_line=record.last_line if lost is Lost.PRODUCT else line,
    )


def column_name(shape: FileShape, name: str) -> str:
    """The column of one of our names, as the file spells it; else as today's template does."""
    return next((column for column in shape.columns if FIELDS.get(column.casefold()) == name), NAMES[name][0])


def _product_field(path: Path) -> tuple[str, Lost]:
    if path[:1] == ("texts",):
        return TEXT_FIELDS.get(path[-1], ("title", Lost.PRODUCT))
    return PRODUCT_FIELDS.get(path[0] if path else "", ("handle", Lost.PRODUCT))
