"""The prices of imported variants: amounts of the file become minor units, and changes of one price list."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.browse.import_plan import ImportPlan
from app.catalog.formats.records import FileShape, Lost, ProductRecord, RowError, VariantRecord
from app.catalog.importing.faults import fault
from app.catalog.importing.products import ImportedVariant
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import Refusal
from app.platform.money import to_minor
from app.pricing.prices import PriceChange, set_prices
from app.pricing.tables import price

# The regular price as it is now: what a column that the file lacks leaves standing.
STANDING: Final = select(price.c.variant_id, price.c.amount, price.c.compare_at).where(
    price.c.price_list_id == bindparam("price_list_id"),
    price.c.variant_id == any_(bindparam("variant_ids", type_=ARRAY(Uuid))),
    price.c.min_quantity == 0,
    price.c.ends_at.is_(None),
    price.c.starts_at <= bindparam("now"),
)


@dataclass(frozen=True, slots=True)
class Payable:
    """A record of which every amount fits the currency; `record` None: nothing of it is left."""

    record: ProductRecord | None
    errors: Sequence[RowError] = ()


def payable(record: ProductRecord, shape: FileShape, currency: str) -> Payable:
    """The record without the rows whose amounts are none of the currency's, and why."""
    errors: list[RowError] = []
    good: list[VariantRecord] = []
    for variant in record.variants:
        found = _wrong_amounts(record, variant, shape, currency)
        errors += found
        if not found:
            good.append(variant)
    if not errors:
        return Payable(record)
    if not good and not (record.continues and record.images):
        told = Refusal("None of its variants can be imported")
        errors.append(fault(shape, record, "handle", record.handle, told, Lost.PRODUCT, record.line))
        return Payable(None, errors)
    # Without a digest it is looked at again the next time, and what is wrong with it told again.
    return Payable(msgspec.structs.replace(record, variants=tuple(good), digest=b""), errors)


def _wrong_amounts(record: ProductRecord, variant: VariantRecord, shape: FileShape, currency: str) -> list[RowError]:
    errors: list[RowError] = []
    for name, amount in (("price", variant.price), ("compare_at", variant.compare_at)):
        try:
            _minor(amount, currency)
        except Refusal as refused:
            errors.append(fault(shape, record, name, f"{amount:f}", refused, Lost.ROW, variant.line))
    return errors


async def import_prices(
    tx: Tx, actor: Actor, plan: ImportPlan, shape: FileShape, variants: Sequence[ImportedVariant]
) -> set[UUID]:
    """Set what the file says these variants cost; the variants of which a price changed.

    A blank price ends the one there is. A column that the file lacks leaves its amount as it is.
    """
    has_price, has_compare_at = "price" in shape.fields, "compare_at" in shape.fields
    if not variants or not (has_price or has_compare_at):
        return set()
    standing: dict[UUID, Row[Any]] = {}
    if not (has_price and has_compare_at):
        ids = [variant.variant_id for variant in variants if variant.before is not None]
        where = {"price_list_id": plan.price_list_id, "variant_ids": ids, "now": actor.now}
        standing = {row.variant_id: row for row in await tx.rows(STANDING, where)}
    changes: list[PriceChange] = []
    for variant in variants:
        now = standing.get(variant.variant_id)
        amount = _minor(variant.record.price, plan.currency) if has_price else now.amount if now else None
        above = _minor(variant.record.compare_at, plan.currency) if has_compare_at else now.compare_at if now else None
        if amount is not None or (has_price and variant.before is not None):
            changes.append(PriceChange(variant.variant_id, amount, above if amount is not None else None))
    if not changes:
        return set()
    done = await set_prices(tx, actor, price_list_id=plan.price_list_id, changes=changes)
    return set(done.variant_ids)


def _minor(amount: Decimal | None, currency: str) -> int | None:
    return None if amount is None else to_minor(amount, currency)
