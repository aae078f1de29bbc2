"""Price lists: making them, and saying where, for whom and when they apply."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final, TypedDict
from uuid import UUID

from sqlalchemy import bindparam, insert, or_, select, update

from app.events.outbox import emit_settings
from app.identity import fields
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, check_version
from app.platform.ids import new_id
from app.platform.money import is_currency
from app.platform.quantities import MAX_MILLI
from app.pricing import checks
from app.pricing.listing import change_frame, lock_variants, retell
from app.pricing.tables import price, price_list

UNIQUE: Final = {"uq_price_list_code": "code", "uq_price_list_base": "isBase"}
MOST_PRIORITY: Final = 1_000_000

INSERT: Final = insert(price_list)
LOCK: Final = select(price_list).where(price_list.c.id == bindparam("price_list_id")).with_for_update()
UPDATE: Final = update(price_list).where(price_list.c.id == bindparam("price_list_id"))
PRICED: Final = (
    select(price.c.variant_id)
    .where(
        price.c.price_list_id == bindparam("price_list_id"),
        or_(price.c.ends_at.is_(None), price.c.ends_at > bindparam("now")),
    )
    .distinct()
)


class PriceListFields(TypedDict, total=False):
    """What may be written of a price list; what is left out stays. `min_quantity` in thousandths; None: any, always."""

    name: Mapping[str, str]
    priority: int
    channel_ids: list[UUID] | None
    location_ids: list[UUID] | None
    customer_group_ids: list[UUID] | None
    min_quantity: int
    starts_at: datetime | None
    ends_at: datetime | None
    active: bool


async def create_price_list(
    tx: Tx,
    actor: Actor,
    *,
    code: str,
    currency: str,
    includes_tax: bool,
    given: PriceListFields,
    is_base: bool = False,
) -> UUID:
    """Make a price list; its code, currency and side of tax are for ever, and whether it is its currency's base list.

    Raises InvalidInput (ALREADY_TAKEN, BASE_LIST, UNKNOWN_CURRENCY, …), NotFound (a channel, location, group),
    BeyondReach.
    """
    row = {"code": fields.code(code, ("code",)), "is_base": is_base, "includes_tax": includes_tax}
    row |= fields.checked(given, CHECKS, required={"name"})
    if not is_currency(currency):
        raise InvalidInput("This is not an ISO 4217 code.", path=("currency",), code="UNKNOWN_CURRENCY")
    await _check(tx, actor, row)
    price_list_id = new_id()
    await change_frame(tx)
    with fields.unique(UNIQUE):
        stamps = {"created_at": actor.now, "updated_at": actor.now}
        await tx.execute(INSERT, row | {"id": price_list_id, "currency": currency} | stamps)
    await emit_settings(tx, [(price_list_id, 1)])
    return price_list_id


async def update_price_list(
    tx: Tx, actor: Actor, *, price_list_id: UUID, given: PriceListFields, expected_version: int | None = None
) -> UUID:
    """Change where, for whom and when a list applies, or switch it off; every price in it is told of.

    Raises NotFound, VersionConflict, InvalidInput (BASE_LIST, …), BeyondReach.
    """
    written = fields.checked(given, CHECKS)
    await change_frame(tx)
    found = await tx.row(LOCK, {"price_list_id": price_list_id})
    if found is None:
        raise NotFound("There is no such price list.", path=("priceListId",))
    before = dict(found._mapping)
    checks.check_reach(actor, before, ("priceListId",))
    check_version(expected_version, found.version, "PriceList", price_list_id)
    await _check(tx, actor, before | written, new=written)
    await tx.execute(
        UPDATE.values(**written, version=price_list.c.version + 1, updated_at=actor.now),
        {"price_list_id": price_list_id},
    )
    await emit_settings(tx, [(price_list_id, found.version + 1)])
    if any(before[column] != value for column, value in written.items() if column != "name"):
        rows = await tx.rows(PRICED, {"price_list_id": price_list_id, "now": actor.now})
        variant_ids = await lock_variants(tx, [row.variant_id for row in rows])
        await retell(tx, variant_ids, actor.now, told=variant_ids)
    return price_list_id


async def deactivate_price_list(
    tx: Tx, actor: Actor, *, price_list_id: UUID, expected_version: int | None = None
) -> UUID:
    """Switch a list off: its prices stay, and count no more. Raises as `update_price_list`."""
    return await update_price_list(
        tx, actor, price_list_id=price_list_id, given={"active": False}, expected_version=expected_version
    )


async def _check(tx: Tx, actor: Actor, row: Mapping[str, Any], new: Mapping[str, Any] | None = None) -> None:
    """What a list's fields say together. `new`: those of them that somebody just wrote."""
    checks.check_window(row)
    if row["is_base"]:
        conditions = ("channel_ids", "location_ids", "customer_group_ids", "starts_at", "ends_at")
        if any(row.get(column) is not None for column in conditions) or row.get("min_quantity"):
            raise InvalidInput("A base list applies everywhere, to everybody, always.", code="BASE_LIST")
        if not row.get("active", True):
            raise InvalidInput("A base list is not switched off.", path=("active",), code="BASE_LIST")
    checks.check_reach(actor, row)
    await checks.check_named(tx, row if new is None else new)


CHECKS: Final[dict[str, tuple[str, fields.Check]]] = {
    "name": ("names", checks.localized),
    "priority": ("priority", partial(fields.whole, least=-MOST_PRIORITY, most=MOST_PRIORITY)),
    "channel_ids": ("channelIds", checks.optional_ids),
    "location_ids": ("locationIds", checks.optional_ids),
    "customer_group_ids": ("customerGroupIds", checks.optional_ids),
    "min_quantity": ("minQuantity", partial(fields.whole, least=0, most=MAX_MILLI)),
    "starts_at": ("startsAt", checks.optional_moment),
    "ends_at": ("endsAt", checks.optional_moment),
    "active": ("active", fields.flag),
}
