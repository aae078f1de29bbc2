"""Names that only one may have: slugs, SKUs, barcodes, the item numbers of scales.

Each is looked up before it is written, so that the refusal says which; what two writers claim at the same moment the
unique indexes decide, and the loser looks again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.barcodes import barcode_key
from app.catalog.fields import storable
from app.catalog.formats.handles import made_sku
from app.catalog.merge import Merged
from app.catalog.repeat import TakenMeanwhile
from app.catalog.tables import product, variant
from app.catalog.whole import Values, Whole
from app.platform.db import Tx
from app.platform.errors import InvalidInput

SUFFIXES: Final = range(2, 31)
"""Tried for a slug that we made; then comes a part of the product's id."""
MADE_SKUS: Final = 3
"""How many SKUs are tried for a variant that came without one; then comes a part of the variant's id."""

_COLUMNS: Final = {
    "slug": product.c.slug,
    "sku": variant.c.sku,
    "barcode": variant.c.barcode_key,
    "scale_code": variant.c.scale_code,
}
HOLDERS: Final[dict[str, Select[Any]]] = {
    kind: select(column.label("key"), column.table.c.id).where(
        column == any_(bindparam("keys", type_=ARRAY(Text(collation="C"))))
    )
    for kind, column in _COLUMNS.items()
}
_FIELDS: Final = {"sku": "sku", "barcode": "barcode", "scale_code": "scaleCode"}


@dataclass(slots=True)
class Holders:
    """Who has each name: in the database, and among the products of the same call."""

    by_kind: dict[str, dict[str, UUID]] = field(default_factory=dict)

    def free(self, kind: str, key: str, whole: Whole) -> bool:
        """Whether the product may take this name: nobody has it, or a variant of its own that gives it up."""
        holder = self.by_kind[kind].get(key)
        if holder is None or holder == whole.id:
            return True
        own = whole.variants.get(holder)
        return own is not None and name_key(kind, own) != key


def name_key(kind: str, row: Values) -> str | None:
    """What a row would hold of this kind, as it is compared."""
    if kind == "barcode":
        return barcode_key(row["barcode"]) if row["barcode"] else None
    value: str | None = row[kind]
    return value


async def settle_names(tx: Tx, items: Sequence[Merged]) -> None:
    """Refuse drafts whose names are taken, by earlier drafts of the call too; find free ones for those that we made.

    Drafts that are refused already are looked at as well, so that all that is wrong is told at once. Raises
    TakenMeanwhile for a product that came to be after it was looked for by its slug.
    """
    holders = await _read(tx, items)
    if any(_came_meanwhile(holders, item) for item in items):
        raise TakenMeanwhile
    for item in items:
        _settle_slug(holders, item)
        _settle_variants(holders, item)
        if not item.problems:
            _claim(holders, item)


async def _read(tx: Tx, items: Sequence[Merged]) -> Holders:
    wanted: dict[str, set[str]] = {kind: set() for kind in _COLUMNS}
    for item in items:
        if item.before is None or item.before.product["slug"] != item.after.product["slug"]:
            wanted["slug"].update(_slugs(item))
        for row in _changed(item):
            for kind in _FIELDS:
                wanted[kind].update(filter(None, [name_key(kind, row)]))
        for key in item.made_skus:
            wanted["sku"].update(_skus(item, key))
    holders = Holders()
    for kind, keys in wanted.items():
        asked = [key for key in keys if storable(key)]
        rows = await tx.rows(HOLDERS[kind], {"keys": asked}) if asked else []
        holders.by_kind[kind] = {row.key: row.id for row in rows}
    return holders


def _changed(item: Merged) -> Iterable[Values]:
    """Variants that are new, or take another name than they had."""
    old = item.before.variants if item.before else {}
    for key, row in item.after.variants.items():
        if key not in old or any(name_key(kind, row) != name_key(kind, old[key]) for kind in _FIELDS):
            yield row


def _slugs(item: Merged) -> list[str]:
    slug = item.after.product["slug"]
    if not item.made_slug:
        return [slug]
    return [slug, *(f"{slug}-{suffix}" for suffix in SUFFIXES), f"{slug}-{item.after.id.hex[-8:]}"]


def _skus(item: Merged, key: UUID) -> list[str]:
    """The SKU that was made first, then longer ones of the same product and values."""
    first = item.after.variants[key]["sku"]
    tried = {first.casefold()}
    more = [made_sku(item.after.product["slug"], item.made_skus[key], tried) for _ in range(MADE_SKUS)]
    return [first, *more, f"{first[:200]}-{key.hex[-8:].upper()}"]


def _came_meanwhile(holders: Holders, item: Merged) -> bool:
    """Whether the draft, which would change a product of this slug, missed it by a moment and would create it."""
    would_change = item.draft.mode == "upsert" and item.draft.id is None and not item.made_slug
    return item.before is None and would_change and item.after.product["slug"] in holders.by_kind["slug"]


def _settle_slug(holders: Holders, item: Merged) -> None:
    free = next((slug for slug in _slugs(item) if holders.free("slug", slug, item.after)), None)
    if free is None:
        item.problems.append(InvalidInput("Another product has this slug.", path=("slug",), code="TAKEN"))
    else:
        item.after.product["slug"] = free


def _settle_variants(holders: Holders, item: Merged) -> None:
    seen: dict[tuple[str, str], UUID] = {}
    for row in _changed(item):
        if row["id"] in item.made_skus:
            candidates = _skus(item, row["id"])
            row["sku"] = next(
                (sku for sku in candidates if holders.free("sku", sku, item.after) and ("sku", sku) not in seen),
                candidates[-1],
            )
        for kind, name in _FIELDS.items():
            key = name_key(kind, row)
            if key is None:
                continue
            twice = seen.setdefault((kind, key), row["id"]) != row["id"]
            if twice or not (holders.free(kind, key, item.after) or holders.by_kind[kind][key] == row["id"]):
                path = (*item.variant_paths.get(row["id"], ("variants",)), name)
                item.problems.append(InvalidInput(f"Another variant has {row[kind]}.", path=path, code="TAKEN"))


def _claim(holders: Holders, item: Merged) -> None:
    holders.by_kind["slug"][item.after.product["slug"]] = item.after.id
    for row in _changed(item):
        for kind in _FIELDS:
            if (key := name_key(kind, row)) is not None:
                holders.by_kind[kind][key] = row["id"]
