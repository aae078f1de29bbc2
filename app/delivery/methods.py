"""Delivery methods: making and changing what shoppers are offered for SHIP and PICKUP."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal, TypedDict
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update

from app.delivery.rates import ShipTier, rule_of
from app.delivery.tables import delivery_method
from app.identity import fields
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, Path, check_version
from app.platform.ids import new_id
from app.platform.money import MAX_MINOR, is_currency
from app.pricing import checks
from app.pricing.queries import tax_classes_by_ids

UNIQUE: Final = {"uq_delivery_method_code": "code"}
METHODS: Final = frozenset({"SHIP", "PICKUP"})
RATED_BY: Final = frozenset({"WEIGHT", "TOTAL"})
MOST_TIERS: Final = 100
MOST_DAYS: Final = 3_650
MOST_GRAMS: Final = 10**9

INSERT: Final = insert(delivery_method)
LOCK: Final = select(delivery_method).where(delivery_method.c.id == bindparam("method_id")).with_for_update()
UPDATE: Final = update(delivery_method).where(delivery_method.c.id == bindparam("method_id"))


class DeliveryMethodFields(TypedDict, total=False):
    """What may be written of a delivery method; what is left out stays, or gets the table's default.

    `tiers` and `rated_by` belong together: starts are grams for WEIGHT, minor units of the goods for TOTAL. Amounts are
    minor units of the method's currency. None: any channel, country or region; no threshold; days unknown.
    """

    name: Mapping[str, str]
    includes_tax: bool
    tax_class_id: UUID | None
    channel_ids: list[UUID] | None
    countries: list[str] | None
    regions: list[str] | None
    rated_by: Literal["WEIGHT", "TOTAL"]
    tiers: Sequence[ShipTier]
    free_from: int | None
    max_weight_grams: int | None
    min_days: int | None
    max_days: int | None
    position: int
    active: bool


async def create_method(
    tx: Tx, actor: Actor, *, code: str, method: str, currency: str, given: DeliveryMethodFields
) -> UUID:
    """Make a delivery method. Its code, which a cart's delivery names, its kind and its currency are for ever.

    Raises InvalidInput (ALREADY_TAKEN, INVALID_TIERS, …), NotFound (a channel, a tax class), BeyondReach.
    """
    row: dict[str, Any] = {"code": fields.code(code, ("code",))}
    row["method"] = fields.one_of(method, ("method",), choices=METHODS)
    row |= fields.checked(given, CHECKS, required={"name", "tiers"})
    if not is_currency(currency):
        raise InvalidInput("This is not an ISO 4217 code.", path=("currency",), code="UNKNOWN_CURRENCY")
    await _check(tx, actor, row, row)
    method_id = new_id()
    with fields.unique(UNIQUE):
        stamps = {"created_at": actor.now, "updated_at": actor.now}
        await tx.execute(INSERT, row | {"id": method_id, "currency": currency} | stamps)
    return method_id


async def update_method(
    tx: Tx, actor: Actor, *, method_id: UUID, given: DeliveryMethodFields, expected_version: int | None = None
) -> UUID:
    """Change a delivery method, or switch it off. Carts that chose it are quoted anew with their next write.

    Raises NotFound, VersionConflict, InvalidInput (INVALID_TIERS, …), BeyondReach.
    """
    written = fields.checked(given, CHECKS)
    found = await tx.row(LOCK, {"method_id": method_id})
    if found is None:
        raise NotFound("There is no such delivery method.", path=("deliveryMethodId",))
    before = dict(found._mapping)
    checks.check_reach(actor, before, ("deliveryMethodId",))
    check_version(expected_version, found.version, "DeliveryMethod", method_id)
    await _check(tx, actor, before | written, written)
    await tx.execute(
        UPDATE.values(**written, version=delivery_method.c.version + 1, updated_at=actor.now), {"method_id": method_id}
    )
    return method_id


async def _check(tx: Tx, actor: Actor, method: Mapping[str, Any], written: Mapping[str, Any]) -> None:
    """What the fields say together."""
    if "rated_by" in written and "tiers" not in written:
        raise InvalidInput("Say the tiers anew with what they are of.", path=("tiers",), code="REQUIRED")
    try:
        rule_of(method)
    except ValueError as error:
        raise InvalidInput(f"This does not work: {error}.", path=("tiers",), code="INVALID_TIERS") from error
    least, most = method.get("min_days"), method.get("max_days")
    if least is not None and most is not None and most < least:
        raise InvalidInput("It takes at most as long as at least.", path=("maxDays",), code="OUT_OF_RANGE")
    if method.get("regions") and len(method.get("countries") or ()) != 1:
        raise InvalidInput("Regions are of one country: name it.", path=("countries",), code="REQUIRED")
    checks.check_reach(actor, {"channel_ids": method.get("channel_ids")})
    await checks.check_named(tx, written)
    tax_class_id = written.get("tax_class_id")
    if tax_class_id is not None and not await tax_classes_by_ids(tx, [tax_class_id]):
        raise NotFound("There is no such tax class.", path=("taxClassId",))


def _tiers(value: object, path: Path) -> list[dict[str, int]]:
    """Tiers as they are stored. Raises InvalidInput: REQUIRED, TOO_MANY, OUT_OF_RANGE."""
    if not isinstance(value, Sequence) or not value:
        raise InvalidInput("At least one tier is needed.", path=path, code="REQUIRED")
    fields.at_most(value, MOST_TIERS, path)
    for place, tier in enumerate(value):
        fields.whole(tier.start, (*path, str(place), "from"), least=0, most=MAX_MINOR)
        fields.whole(tier.price, (*path, str(place), "price"), least=0, most=MAX_MINOR)
    return [{"from": tier.start, "price": tier.price} for tier in value]


def _optional(check: fields.Check, value: object, path: Path) -> Any:
    return None if value is None else check(value, path)


def _each(check: fields.Check, value: object, path: Path) -> list[str] | None:
    """A list without repeats, each element checked; None for any. Raises InvalidInput: TOO_MANY, and the element's."""
    if value is None:
        return None
    if not isinstance(value, Sequence):
        raise InvalidInput("This must be a list.", path=path)
    fields.at_most(value, checks.MOST_NAMED, path)
    return list(dict.fromkeys(check(each, (*path, str(place))) for place, each in enumerate(value)))


def _region(value: object, path: Path) -> str | None:
    return fields.region(fields.text(value, path, most=50), path)


_days: Final = partial(_optional, partial(fields.whole, least=0, most=MOST_DAYS))
CHECKS: Final[dict[str, tuple[str, fields.Check]]] = {
    "name": ("names", checks.localized),
    "includes_tax": ("includesTax", fields.flag),
    "tax_class_id": ("taxClassId", lambda value, _: value),
    "channel_ids": ("channelIds", checks.optional_ids),
    "countries": ("countries", partial(_each, fields.country)),
    "regions": ("regions", partial(_each, _region)),
    "rated_by": ("ratedBy", partial(fields.one_of, choices=RATED_BY)),
    "tiers": ("tiers", _tiers),
    "free_from": ("freeFrom", partial(_optional, partial(fields.whole, least=0, most=MAX_MINOR))),
    "max_weight_grams": ("maxWeightGrams", partial(_optional, partial(fields.whole, least=1, most=MOST_GRAMS))),
    "min_days": ("minDays", _days),
    "max_days": ("maxDays", _days),
    "position": ("position", partial(fields.whole, least=-1_000_000, most=1_000_000)),
    "active": ("active", fields.flag),
}
