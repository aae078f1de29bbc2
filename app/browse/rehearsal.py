"""What a dry run must remember from batch to batch, since each of them is rolled back."""

import hashlib
from collections.abc import Sequence

import msgspec

from app.catalog.barcodes import barcode_key
from app.catalog.formats.records import FileShape, Lost, ProductRecord, RowError, VariantRecord
from app.catalog.importing.faults import fault
from app.catalog.importing.products import Imported
from app.platform.errors import InvalidInput


class Rehearsal:
    """The handles, SKUs and barcodes that would be in the shop by now: eight bytes of a hash each."""

    def __init__(self, shape: FileShape) -> None:
        self._shape = shape
        self._handles: set[bytes] = set()
        self._names: set[bytes] = set()

    def before(self, records: Sequence[ProductRecord]) -> tuple[list[ProductRecord], list[RowError]]:
        """The records that are to be tried, without what earlier batches have taken, and why.

        A block that continues a product of an earlier batch is taken to be right: its product is not there to be seen.
        """
        kept: list[ProductRecord] = []
        errors: list[RowError] = []
        for record in records:
            if record.continues and _hash("handle", record.handle) in self._handles:
                continue
            good: list[VariantRecord] = []
            for variant in record.variants:
                found = self._repeated(record, variant)
                errors += found
                if all(error.lost is not Lost.ROW for error in found):
                    good.append(variant if not found else msgspec.structs.replace(variant, barcode=None))
            if good or not record.variants:
                kept.append(msgspec.structs.replace(record, variants=tuple(good)))
        return kept, errors

    def after(self, imported: Sequence[Imported]) -> None:
        """Remember what a batch brought."""
        for one in imported:
            if one.outcome == "refused":
                continue
            self._handles.add(_hash("handle", one.record.handle))
            for variant in one.record.variants:
                self._names.update(hashed for _, _, hashed in _names(variant))

    def _repeated(self, record: ProductRecord, variant: VariantRecord) -> list[RowError]:
        return [
            fault(
                self._shape, record, name, value, InvalidInput(f"Another variant has {value}."),
                Lost.ROW if name == "sku" else Lost.VALUE, variant.line,
            )
            for name, value, hashed in _names(variant)
            if hashed in self._names
        ]  # fmt: skip


def _names(variant: VariantRecord) -> list[tuple[str, str, bytes]]:
    names = [] if variant.sku_made else [("sku", variant.sku, _hash("sku", variant.sku))]
    if variant.barcode:
        names.append(("barcode", variant.barcode, _hash("barcode", barcode_key(variant.barcode))))
    return names


def _hash(kind: str, value: str) -> bytes:
    return hashlib.blake2b(f"{kind}:{value}".encode(), digest_size=8).digest()
