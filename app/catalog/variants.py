"""Commands that write variants: each by itself, its product locked and versioned with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.drafts import ProductDraft, Saved, VariantDraft
from app.catalog.products import save_products
from app.catalog.tables import variant
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import NotFound, Refusal, Refusals

PRODUCTS_OF: Final = select(variant.c.id, variant.c.product_id).where(
    variant.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))
)
_PLACE: Final = "variants"
_MAY_PASS: Final = frozenset({"TAKEN", "DUPLICATE"})


@dataclass(frozen=True, slots=True)
class VariantChange:
    """A variant to create in a product (`product_id`), or to update (the draft's id). Versions are the variant's, or,
    for a new one, its product's (`expected_version` here)."""

    draft: VariantDraft
    product_id: UUID | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class SavedVariant:
    """What became of a change. Paths of refusals begin at the variant's draft."""

    variant_id: UUID | None = None
    product_id: UUID | None = None
    refusals: tuple[Refusal, ...] = ()


async def save_variants(tx: Tx, actor: Actor, changes: Sequence[VariantChange]) -> list[SavedVariant]:
    """Carry out the changes; what became of each. Those of one product are written together, refused ones left out."""
    owners = await _owners(tx, changes)
    results: dict[int, SavedVariant] = {
        place: _refused(NotFound("There is no such variant.", path=("variantId",)))
        for place, owner in owners.items()
        if owner is None
    }
    open_places = [place for place in owners if place not in results]
    while open_places:
        groups: dict[UUID, list[int]] = {}
        for place in open_places:
            groups.setdefault(owners[place] or UUID(int=0), []).append(place)
        drafts = [_draft(key, [changes[place] for place in places]) for key, places in groups.items()]
        saved = await save_products(tx, actor, drafts)
        done = len(results)
        for one, places in zip(saved, groups.values(), strict=True):
            results |= _results(one, places)
        open_places = [place for place in open_places if place not in results]
        if len(results) == done:
            raise AssertionError("a refusal that names no variant")
    return [results[place] for place in range(len(changes))]


async def save_variant(tx: Tx, actor: Actor, change: VariantChange) -> SavedVariant:
    """Carry out one change. Raises its refusals."""
    saved = (await save_variants(tx, actor, [change]))[0]
    if saved.refusals:
        raise saved.refusals[0] if len(saved.refusals) == 1 else Refusals(saved.refusals)
    return saved


async def archive_variant(
    tx: Tx, actor: Actor, variant_id: UUID, *, archived: bool = True, expected_version: int | None = None
) -> SavedVariant:
    """Take a variant out of sale, its SKU and barcode kept for it; `archived` False: back. Raises NotFound."""
    draft = VariantDraft(id=variant_id, mode="update", archived=archived, expected_version=expected_version)
    return await save_variant(tx, actor, VariantChange(draft))


async def _owners(tx: Tx, changes: Sequence[VariantChange]) -> dict[int, UUID | None]:
    """Each change's product; None where the variant is unknown."""
    ids = [change.draft.id for change in changes if change.product_id is None and change.draft.id]
    rows = await tx.rows(PRODUCTS_OF, {"ids": ids}) if ids else []
    found = {row.id: row.product_id for row in rows}
    return {
        place: change.product_id or (found.get(change.draft.id) if change.draft.id else None)
        for place, change in enumerate(changes)
    }


def _draft(product_id: UUID, changes: Sequence[VariantChange]) -> ProductDraft:
    expected = next((change.expected_version for change in changes if change.expected_version is not None), None)
    return ProductDraft(
        id=product_id, mode="update", variants=[change.draft for change in changes], expected_version=expected
    )


def _results(saved: Saved, places: Sequence[int]) -> dict[int, SavedVariant]:
    """All changes of a product that was written; of one that was refused, those at fault, or all when none is named."""
    if not saved.refusals:
        written = zip(places, saved.variant_ids, strict=True)
        return {place: SavedVariant(key, saved.product_id) for place, key in written}
    at_fault: dict[int, list[Refusal]] = {}
    for refusal in saved.refusals:
        for place in _named(refusal, places):
            at_fault.setdefault(place, []).append(refusal)
    # What an earlier change took may be free once that one is refused: look again before saying so.
    for place in sorted(at_fault)[1:]:
        if all(refusal.code in _MAY_PASS for refusal in at_fault[place]):
            del at_fault[place]
    return {place: _refused(*map(_shortened, refusals)) for place, refusals in at_fault.items()}


def _named(refusal: Refusal, places: Sequence[int]) -> Sequence[int]:
    if len(refusal.path) > 1 and refusal.path[0] == _PLACE:
        return [places[int(refusal.path[1])]]
    return places


def _shortened(refusal: Refusal) -> Refusal:
    if len(refusal.path) > 1 and refusal.path[0] == _PLACE:
        refusal.path = refusal.path[2:]
    return refusal


def _refused(*refusals: Refusal) -> SavedVariant:
    return SavedVariant(refusals=refusals)
