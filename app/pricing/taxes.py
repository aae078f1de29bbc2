"""Tax classes and their rates. A rate is never changed: it ends, and another begins."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, TypedDict
from uuid import UUID

from sqlalchemy import Row, bindparam, func, insert, or_, select, update

from app.catalog.tables import product, variant
from app.events.outbox import emit_settings
from app.identity import fields
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, check_version
from app.platform.ids import new_id
from app.pricing import checks
from app.pricing.listing import change_frame, lock_variants, retell
from app.pricing.tables import price, tax_class, tax_rate
from app.pricing.tax import MAX_RATE_PPM, region_key

UNIQUE: Final = {"uq_tax_class_code": "code", "uq_tax_class_is_default": "isDefault"}

INSERT: Final = insert(tax_class)
# With the default class, which one of them may replace.
LOCK: Final = (
    select(tax_class)
    .where(or_(tax_class.c.id == bindparam("tax_class_id"), tax_class.c.is_default))
    .order_by(tax_class.c.id)
    .with_for_update()
)
UPDATE: Final = update(tax_class).where(tax_class.c.id == bindparam("tax_class_id"))
UNSET_DEFAULT: Final = (
    update(tax_class)
    .where(tax_class.c.is_default, tax_class.c.id != bindparam("tax_class_id"))
    .values(is_default=False, version=tax_class.c.version + 1, updated_at=bindparam("now"))
    .returning(tax_class.c.id, tax_class.c.version)
)
RATES: Final = select(tax_rate).where(
    tax_rate.c.tax_class_id == bindparam("tax_class_id"),
    tax_rate.c.country == bindparam("country"),
    or_(tax_rate.c.ends_at.is_(None), tax_rate.c.ends_at >= bindparam("now")),
)
ADD_RATE: Final = insert(tax_rate)
END_RATE: Final = update(tax_rate).where(tax_rate.c.id == bindparam("tax_rate_id")).values(ends_at=bindparam("until"))
_CLASS: Final = func.coalesce(variant.c.tax_class_id, product.c.tax_class_id)
PRICED: Final = (
    select(price.c.variant_id)
    .join(variant, variant.c.id == price.c.variant_id)
    .join(product, product.c.id == variant.c.product_id)
    .distinct()
)
PRICED_OF_CLASS: Final = PRICED.where(bindparam("tax_class_id") == _CLASS)
PRICED_OF_DEFAULT: Final = PRICED.where(_CLASS.is_(None))


class TaxClassFields(TypedDict, total=False):
    """What may be written of a tax class; what is left out stays."""

    name: Mapping[str, str]
    is_default: bool


@dataclass(frozen=True, slots=True)
class RateChange:
    """A tax from `starts_at` on (None: now). `rate_ppm` in millionths of the net amount; None: it is no longer due.

    Which tax it is, its names tell, within its class, country and region: one that shares a name in a language with it
    is the same tax. `region` None: the whole country. `replaces_country`: the country's taxes are not due there.
    """

    tax_class_id: UUID
    country: str
    region: str | None
    name: Mapping[str, str]
    rate_ppm: int | None
    replaces_country: bool = False
    starts_at: datetime | None = None


async def create_tax_class(tx: Tx, actor: Actor, *, code: str, given: TaxClassFields) -> UUID:
    """Make a tax class, without rates; the shop's first is its default. Its code is for ever.

    Raises InvalidInput (ALREADY_TAKEN, INVALID_CODE, …).
    """
    tax_class_id = new_id()
    row = {"id": tax_class_id, "code": fields.code(code, ("code",))}
    row |= fields.checked(given, CLASS_CHECKS, required={"name"})
    checks.check_reach(actor, {})
    await change_frame(tx)
    if not await tx.rows(LOCK, {"tax_class_id": tax_class_id}):
        row["is_default"] = True
    with fields.unique(UNIQUE):
        if row.get("is_default"):
            await _unset_default(tx, tax_class_id, actor.now)
        await tx.execute(INSERT, row | {"created_at": actor.now, "updated_at": actor.now})
    await emit_settings(tx, [(tax_class_id, 1)])
    if row.get("is_default"):
        await _tell(tx, None, actor.now)
    return tax_class_id


async def update_tax_class(
    tx: Tx, actor: Actor, *, tax_class_id: UUID, given: TaxClassFields, expected_version: int | None = None
) -> UUID:
    """Rename a class, or make it the default, which is what variants without a class are in.

    Raises NotFound, VersionConflict, InvalidInput (DEFAULT_CLASS, …), BeyondReach.
    """
    written = fields.checked(given, CLASS_CHECKS)
    checks.check_reach(actor, {})
    await change_frame(tx)
    found = {row.id: row for row in await tx.rows(LOCK, {"tax_class_id": tax_class_id})}.get(tax_class_id)
    if found is None:
        raise NotFound("There is no such tax class.", path=("taxClassId",))
    check_version(expected_version, found.version, "TaxClass", tax_class_id)
    if found.is_default and not written.get("is_default", True):
        raise InvalidInput("Make another class the default instead.", path=("isDefault",), code="DEFAULT_CLASS")
    becomes_default = bool(written.get("is_default")) and not found.is_default
    if becomes_default:
        await _unset_default(tx, tax_class_id, actor.now)
    await tx.execute(
        UPDATE.values(**written, version=tax_class.c.version + 1, updated_at=actor.now), {"tax_class_id": tax_class_id}
    )
    await emit_settings(tx, [(tax_class_id, found.version + 1)])
    if becomes_default:
        await _tell(tx, None, actor.now)
    return tax_class_id


async def set_tax_rate(tx: Tx, actor: Actor, change: RateChange) -> UUID | None:
    """Let a tax have a rate from a moment on, until another that is planned; the rate that says so, None where none is.

    What is so already is left as it is. The rate that was due ends; one planned for later stays. Every price of the
    class is told of when that moment comes. Raises NotFound (`taxClassId`), BeyondReach, InvalidInput (OUT_OF_RANGE,
    IN_THE_PAST, …).
    """
    values = fields.checked(_given(change), RATE_CHECKS)
    checks.check_reach(actor, {})
    if change.starts_at is not None and change.starts_at < actor.now:
        raise InvalidInput("Rates are not changed backwards.", path=("startsAt",), code="IN_THE_PAST")
    await change_frame(tx)
    classes = {row.id: row for row in await tx.rows(LOCK, {"tax_class_id": change.tax_class_id})}
    if change.tax_class_id not in classes:
        raise NotFound("There is no such tax class.", path=("taxClassId",))
    where = {"tax_class_id": change.tax_class_id, "country": values["country"], "now": actor.now}
    rows = [row for row in await tx.rows(RATES, where) if _same_tax(row, values)]
    # As with prices: not before the last change that took hold at once, by whatever clock.
    last = [row.starts_at for row in rows if row.starts_at is not None and row.starts_at <= row.created_at]
    at = change.starts_at or max([actor.now, *last])
    now = at if change.starts_at is None else actor.now
    current = [row for row in rows if (row.starts_at is None or row.starts_at <= at) and _lasts(row, at)]
    until = min((row.starts_at for row in rows if row.starts_at is not None and row.starts_at > at), default=None)
    if not current and change.rate_ppm is None:
        return None
    if len(current) == 1 and current[0].ends_at == until and _says(current[0], values):
        rate_id: UUID = current[0].id
        return rate_id
    await tx.many(END_RATE, [{"tax_rate_id": row.id, "until": at} for row in current])
    new = None
    if change.rate_ppm is not None:
        new = new_id()
        span = {"starts_at": at, "ends_at": until, "created_at": now}
        await tx.execute(ADD_RATE, values | span | {"id": new, "tax_class_id": change.tax_class_id})
    await emit_settings(tx, [(change.tax_class_id, classes[change.tax_class_id].version)])
    await _tell(tx, change.tax_class_id, now, all_of_it=at <= now)
    return new


async def _unset_default(tx: Tx, tax_class_id: UUID, now: datetime) -> None:
    """Take it from whichever other class was the default."""
    rows = await tx.rows(UNSET_DEFAULT, {"tax_class_id": tax_class_id, "now": now})
    await emit_settings(tx, [(row.id, row.version) for row in rows])


async def _tell(tx: Tx, tax_class_id: UUID | None, now: datetime, *, all_of_it: bool = True) -> None:
    """Work out the prices of a class, None being those without; tell of all, or of what changed for anybody."""
    found = {row.variant_id for row in await tx.rows(PRICED_OF_CLASS, {"tax_class_id": tax_class_id})}
    default = await tx.value(DEFAULT)
    if tax_class_id is None or tax_class_id == default:
        found |= {row.variant_id for row in await tx.rows(PRICED_OF_DEFAULT)}
    variant_ids = await lock_variants(tx, found)
    await retell(tx, variant_ids, now, told=variant_ids if all_of_it else ())


DEFAULT: Final = select(tax_class.c.id).where(tax_class.c.is_default)


def _given(change: RateChange) -> dict[str, Any]:
    found: dict[str, Any] = {"country": change.country, "region": change.region, "name": change.name}
    found["replaces_country"] = change.replaces_country
    return found if change.rate_ppm is None else found | {"rate_ppm": change.rate_ppm}


def _same_tax(row: Row[Any], values: Mapping[str, Any]) -> bool:
    same_place = region_key(row.country, row.region) == region_key(values["country"], values["region"])
    return same_place and not row.name.items().isdisjoint(values["name"].items())


def _lasts(row: Row[Any], at: datetime) -> bool:
    return row.ends_at is None or row.ends_at > at


def _says(row: Row[Any], values: Mapping[str, Any]) -> bool:
    return all(getattr(row, column) == values.get(column) for column in ("rate_ppm", "name", "replaces_country"))


CLASS_CHECKS: Final[dict[str, tuple[str, fields.Check]]] = {
    "name": ("names", checks.localized),
    "is_default": ("isDefault", fields.flag),
}
RATE_CHECKS: Final[dict[str, tuple[str, fields.Check]]] = {
    "country": ("country", fields.country),
    "region": ("region", fields.region),
    "name": ("names", checks.localized),
    "rate_ppm": ("rate", partial(fields.whole, least=0, most=MAX_RATE_PPM)),
    "replaces_country": ("replacesCountry", fields.flag),
}
