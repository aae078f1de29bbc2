"""What the catalog's writes have to do with tax: classes belong to pricing, which lies above the catalog."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.drafts import ProductDraft, VariantDraft
from app.platform.db import Tx
from app.platform.errors import NotFound, Path, Refusal
from app.pricing.listing import refresh_products
from app.pricing.tables import tax_class

KNOWN: Final = select(tax_class.c.id).where(tax_class.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))


async def unknown_tax_classes(tx: Tx, drafts: Sequence[ProductDraft | VariantDraft]) -> list[list[Refusal]]:
    """For each draft a refusal for each tax class that the shop does not have."""
    named = [list(_named(draft)) for draft in drafts]
    wanted = {key for pairs in named for key, _ in pairs}
    known = {row.id for row in await tx.rows(KNOWN, {"ids": list(wanted)})} if wanted else set()
    return [
        [NotFound("There is no such tax class.", path=path) for key, path in pairs if key not in known]
        for pairs in named
    ]


def _named(draft: ProductDraft | VariantDraft) -> Iterable[tuple[UUID, Path]]:
    if isinstance(draft.tax_class_id, UUID):
        yield draft.tax_class_id, ("taxClassId",)
    for place, variant in enumerate(draft.variants if isinstance(draft, ProductDraft) else ()):
        if isinstance(variant.tax_class_id, UUID):
            yield variant.tax_class_id, ("variants", str(place), "taxClassId")


async def retax(tx: Tx, product_ids: Iterable[UUID | None], now: datetime) -> None:
    """Work out anew what these products cost, after a tax class of theirs changed."""
    await refresh_products(tx, {key for key in product_ids if key is not None}, now)


def changes_tax(draft: Any) -> bool:
    """Whether the draft sets a tax class, its own or a variant's."""
    return any(
        one.tax_class_id is None or isinstance(one.tax_class_id, UUID)
        for one in (draft, *getattr(draft, "variants", ()))
    )
