"""Writing delivery methods."""

from collections.abc import Sequence
from typing import Any, Final

import strawberry
from strawberry import UNSET

from app.api.context import Info
from app.api.delivery.inputs import (
    DeliveryMethodCreateInput,
    DeliveryMethodCreatePayload,
    DeliveryMethodUpdateInput,
    DeliveryMethodUpdatePayload,
    DeliveryTierInput,
)
from app.api.money import minor_of
from app.api.perform import Result, perform
from app.api.pricing.inputs import optional_keys, texts_by_locale
from app.api.written import written
from app.delivery import methods
from app.delivery.queries import methods_by_ids
from app.delivery.rates import ShipTier
from app.identity import fields
from app.identity.principal import Actor
from app.platform import ids
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound
from app.pricing.checks import MOST_NAMED

PLAIN: Final = (
    "includes_tax", "countries", "regions", "rated_by", "max_weight_grams", "min_days", "max_days", "position",
    "active",
)  # fmt: skip


def _fields(given: Any, currency: str, rated_by: str) -> Any:
    """The fields of an input as the commands take them."""
    found = written(given, *PLAIN)
    if given.names is not UNSET:
        found["name"] = texts_by_locale(given.names)
    if given.tax_class_id is not UNSET:
        key = given.tax_class_id
        found["tax_class_id"] = None if key is None else ids.require("TaxClass", key, ("taxClassId",))
    if given.channel_ids is not UNSET:
        fields.at_most(given.channel_ids or (), MOST_NAMED, ("channelIds",))
        found["channel_ids"] = optional_keys("Channel", given.channel_ids, ("channelIds",))
    if given.free_from is not UNSET:
        amount = given.free_from
        found["free_from"] = None if amount is None else minor_of(amount, currency, ("freeFrom",))
    if given.tiers is not UNSET:
        found["tiers"] = _tiers(given.tiers or (), currency, found.get("rated_by") or rated_by)
    return found


def _tiers(given: Sequence[DeliveryTierInput], currency: str, rated_by: str) -> list[ShipTier]:
    fields.at_most(given, methods.MOST_TIERS, ("tiers",))
    return [_tier(tier, currency, rated_by, ("tiers", str(place))) for place, tier in enumerate(given)]


def _tier(given: DeliveryTierInput, currency: str, rated_by: str, path: tuple[str, ...]) -> ShipTier:
    by_weight = rated_by == "WEIGHT"
    name, other = ("fromGrams", given.from_total) if by_weight else ("fromTotal", given.from_grams)
    start = given.from_grams
    if not by_weight:
        start = None if given.from_total is None else minor_of(given.from_total, currency, (*path, name))
    if start is None or other is not None:
        message = f"A tier of a method rated by {rated_by.lower()} has `{name}`, and only that."
        raise InvalidInput(message, path=(*path, name), code="INVALID_TIERS")
    return ShipTier(start=start, price=minor_of(given.price, currency, (*path, "price")))


@strawberry.type
class DeliveryMutations:
    @strawberry.mutation(description="Make a delivery method.")
    async def delivery_method_create(
        self, info: Info, input: DeliveryMethodCreateInput
    ) -> DeliveryMethodCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            method_id = await methods.create_method(
                tx,
                actor,
                code=input.code,
                **written(input, "method"),
                currency=input.currency,
                given=_fields(input, input.currency, "TOTAL"),
            )
            return {"delivery_method": method_id}

        return await perform(info, DeliveryMethodCreatePayload, input, command)

    @strawberry.mutation(description="Change a delivery method, or switch it off.")
    async def delivery_method_update(
        self, info: Info, input: DeliveryMethodUpdateInput
    ) -> DeliveryMethodUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            method_id = ids.require("DeliveryMethod", input.delivery_method_id, ("deliveryMethodId",))
            found = (await methods_by_ids(tx, [method_id])).get(method_id)
            if found is None:
                raise NotFound("There is no such delivery method.", path=("deliveryMethodId",))
            await methods.update_method(
                tx,
                actor,
                method_id=method_id,
                given=_fields(input, found.currency, found.rated_by),
                expected_version=input.expected_version,
            )
            return {"delivery_method": method_id}

        return await perform(info, DeliveryMethodUpdatePayload, input, command)
