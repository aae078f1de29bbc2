"""Finding variants by what a caller holds: an id, a SKU, a barcode, the label of a scale."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import Select, Text, Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.barcodes import ScaleLabel, barcode_key, read_scale_label
from app.catalog.fields import storable
from app.catalog.tables import variant
from app.platform.db import Reader
from app.platform.quantities import MILLI

Kind = Literal["id", "sku", "barcode"]

LONGEST: Final = 255
"""The most characters of a SKU or a barcode; what is longer is nobody's."""

_TEXTS: Final = ARRAY(Text(collation="C"))
FIND: Final[dict[str, Select[Any]]] = {
    "id": select(variant.c.id, variant.c.id.label("key")).where(
        variant.c.id == any_(bindparam("keys", type_=ARRAY(Uuid)))
    ),
    **{
        kind: select(variant.c.id, column.label("key")).where(column == any_(bindparam("keys", type_=_TEXTS)))
        for kind, column in {
            "sku": variant.c.sku,
            "barcode": variant.c.barcode_key,
            "scale_code": variant.c.scale_code,
        }.items()
    },
}
BY_SKU: Final = FIND["sku"]


@dataclass(frozen=True, slots=True)
class VariantRef:
    """One way to name a variant. `value` is a UUID for "id", a text for the others; a barcode may be a scale label."""

    kind: Kind
    value: str | UUID


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scanner read.

    `quantity_milli`: thousandths of the variant's unit, one unit unless the label holds a weight. `label_total_minor`:
    the label's price in minor units of the shop's currency, which is then charged; None when it holds none.
    """

    variant_id: UUID
    quantity_milli: int
    label_total_minor: int | None


async def resolve_variants(db: Reader, refs: Sequence[VariantRef]) -> list[UUID | None]:
    """The variants meant, in the order asked; None for what is unknown. Archived variants are found too."""
    by_id = await _find(db, "id", (ref.value for ref in refs if ref.kind == "id"))
    by_sku = await _find(db, "sku", (str(ref.value).strip() for ref in refs if ref.kind == "sku"))
    codes = list({str(ref.value) for ref in refs if ref.kind == "barcode"})
    scanned = dict(zip(codes, await read_codes(db, codes), strict=True))

    def meant(ref: VariantRef) -> UUID | None:
        if ref.kind == "barcode":
            read = scanned[str(ref.value)]
            return read.variant_id if read else None
        return by_id.get(ref.value) if ref.kind == "id" else by_sku.get(str(ref.value).strip())

    return [meant(ref) for ref in refs]


async def read_code(db: Reader, code: str) -> Scanned | None:
    """What a scanner read: EAN, UPC, any other barcode of ours, a scale label. None for a code that we do not know."""
    return (await read_codes(db, [code]))[0]


async def read_codes(db: Reader, codes: Sequence[str]) -> list[Scanned | None]:
    """`read_code` of many, in their order. A variant's own barcode wins over a scale label of the same digits."""
    own = await _find(db, "barcode", map(barcode_key, codes))
    labels = {code: label for code in codes if barcode_key(code) not in own and (label := read_scale_label(code))}
    weighed = await _find(db, "scale_code", (label.scale_code for label in labels.values()))

    def scanned(code: str) -> Scanned | None:
        if (found := own.get(barcode_key(code))) is not None:
            return Scanned(found, MILLI, None)
        label = labels.get(code)
        return _scanned(label, weighed.get(label.scale_code)) if label else None

    return [scanned(code) for code in codes]


def _scanned(label: ScaleLabel, variant_id: UUID | None) -> Scanned | None:
    if variant_id is None:
        return None
    return Scanned(variant_id, label.quantity_milli or MILLI, label.total_minor)


def findable(text: str) -> bool:
    """Whether a SKU or code may be some variant's."""
    return 0 < len(text) <= LONGEST and storable(text)


async def _find(db: Reader, kind: str, keys: Iterable[Any]) -> dict[Any, UUID]:
    """Variant ids by key; asks nothing when no key can be anybody's."""
    wanted = [key for key in set(keys) if isinstance(key, UUID) or findable(key)]
    if not wanted:
        return {}
    return {row.key: row.id for row in await db.rows(FIND[kind], {"keys": wanted})}
