"""What a product's variants are once a draft is carried out: pure, as `merge` is."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from app.catalog.drafts import Kept, VariantDraft, given
from app.catalog.fields import (
    MAX_NAME,
    MAX_POSITION,
    MAX_UNIT,
    MAX_WEIGHT_GRAMS,
    Problems,
    check_barcode,
    check_number,
    check_quantity,
    check_scale_code,
    check_sku,
    check_text,
)
from app.catalog.formats.handles import made_sku
from app.catalog.options import values_of
from app.catalog.whole import Values, Whole
from app.platform.errors import InvalidInput, NotFound, Path, VersionConflict, check_version
from app.platform.ids import new_id

if TYPE_CHECKING:
    from app.catalog.merge import Merged

PLAIN_FIELDS: Final = (
    "barcode", "scale_code", "unit", "quantity_step", "weight_grams", "requires_shipping", "track_stock",
    "backorder_allowance", "tax_class_id", "position", "archived",
)  # fmt: skip


def merge_variants(merged: "Merged", now: datetime) -> None:
    """Carry out the draft's variants, each found by its id, else by its option values."""
    after, problems = merged.after, merged.problems
    by_values = {tuple(row["option_values"]): key for key, row in reversed(after.variants.items())}
    by_values |= {tuple(row["option_values"]): key for key, row in after.variants.items() if not row["archived"]}
    last = max((row["position"] for row in after.variants.values()), default=0)
    ids: list[UUID] = []
    for place, draft in enumerate(merged.draft.variants):
        path: Path = ("variants", str(place))
        before = len(problems)
        values = None
        if draft.id is None or not isinstance(draft.option_values, Kept):
            wanted = draft if not isinstance(draft.option_values, Kept) else _without_options(draft)
            values = values_of(problems, after, wanted, path)
        key = draft.id if draft.id is not None else by_values.get(tuple(values or ()))
        row = after.variants.get(key) if key is not None else None
        if row is not None and row["archived"] and draft.mode == "create":
            row = None
        _check_there(problems, draft, row, path, fresh=key not in ids)
        if len(problems) > before:
            continue
        if row is None:
            last += 1
            row = _blank(after.id, last, now)
            after.variants[row["id"]] = row
        _merge_one(merged, row, draft, values, path)
        by_values[tuple(row["option_values"])] = row["id"]
        merged.variant_paths[row["id"]] = path
        ids.append(row["id"])
    merged.variant_ids = tuple(ids)
    after.variants = dict(sorted(after.variants.items(), key=lambda item: (item[1]["position"], item[0])))


def _without_options(draft: VariantDraft) -> VariantDraft:
    """A new variant that names no values: the only one of a product without options."""
    return VariantDraft(mode=draft.mode, option_values=())


def _check_there(problems: Problems, draft: VariantDraft, row: Values | None, path: Path, *, fresh: bool) -> None:
    if row is None:
        if draft.id is not None or draft.mode == "update":
            problems.append(NotFound("The product has no such variant.", path=(*path, "variantId")))
    elif draft.mode == "create":
        message = "The product has a variant with these option values."
        problems.append(InvalidInput(message, path=(*path, "selectedOptions"), code="TAKEN"))
    elif not fresh:
        problems.append(InvalidInput("The variant is there twice.", path=path, code="DUPLICATE"))
    else:
        try:
            check_version(draft.expected_version, row["version"], "Variant", row["id"])
        except VersionConflict as stale:
            problems.append(stale.at(*path))


def _blank(product_id: UUID, position: int, now: datetime) -> Values:
    return {
        "id": new_id(), "product_id": product_id, "position": position, "sku": "", "barcode": None, "scale_code": None,
        "option_values": [], "unit": "un", "quantity_step": 1000, "weight_grams": None, "requires_shipping": True,
        "track_stock": True, "backorder_allowance": 0, "tax_class_id": None, "extra": {}, "archived": False,
        "version": 1, "created_at": now, "updated_at": now,
    }  # fmt: skip


def _merge_one(merged: "Merged", row: Values, draft: VariantDraft, values: list[str] | None, path: Path) -> None:
    problems = merged.problems
    revived = row["archived"] and draft.id is None
    for name in PLAIN_FIELDS:
        row[name] = given(getattr(draft, name), row[name])
    if revived and isinstance(draft.archived, Kept):
        row["archived"] = False
    if values is not None:
        for value in values:
            check_text(problems, value, (*path, "selectedOptions"), most=MAX_NAME, least=1)
        row["option_values"] = values
    if not isinstance(draft.extra, Kept):
        row["extra"] = dict(draft.extra)
    _merge_sku(merged, row, draft, path)
    check_barcode(problems, row["barcode"], (*path, "barcode"))
    check_scale_code(problems, row["scale_code"], (*path, "scaleCode"))
    check_text(problems, row["unit"], (*path, "unit"), most=MAX_UNIT, least=1)
    check_quantity(problems, row["quantity_step"], (*path, "quantityStep"), least=1)
    check_quantity(problems, row["backorder_allowance"], (*path, "backorderAllowance"), least=0)
    check_number(problems, row["weight_grams"], (*path, "weightGrams"), least=0, most=MAX_WEIGHT_GRAMS)
    check_number(problems, row["position"], (*path, "position"), least=1, most=MAX_POSITION)
    if not isinstance(draft.media, Kept):
        own = _own_media(problems, merged.after, draft.media, path)
        # Having none is no change of one that had none.
        if own or row["id"] in merged.after.variant_media:
            merged.after.variant_media[row["id"]] = own


def _merge_sku(merged: "Merged", row: Values, draft: VariantDraft, path: Path) -> None:
    is_made = draft.sku_made or isinstance(draft.sku, Kept)
    if row["sku"] and is_made:
        return
    if isinstance(draft.sku, Kept):
        row["sku"] = made_sku(merged.after.product["slug"], tuple(row["option_values"]), set())
    else:
        row["sku"] = draft.sku
    if is_made:
        merged.made_skus[row["id"]] = tuple(row["option_values"])
    check_sku(merged.problems, row["sku"], (*path, "sku"))


def _own_media(problems: Problems, after: Whole, wanted: Sequence[UUID | str], path: Path) -> tuple[UUID, ...]:
    by_url = {row["url"]: key for key, row in after.media.items()}
    own: dict[UUID, None] = {}
    for place, item in enumerate(wanted):
        key = by_url.get(item) if isinstance(item, str) else item
        if key is None or key not in after.product_media:
            message = "This is not among the product's media."
            problems.append(NotFound(message, path=(*path, "media", str(place))))
        else:
            own[key] = None
    return tuple(own)
