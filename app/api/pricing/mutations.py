"""Writing price lists, prices and taxes."""

from typing import Any, Final

import strawberry
from strawberry import UNSET

from app.api.context import Info
from app.api.inventory.inputs import ref_of
from app.api.money import MoneyInput, minor_of
from app.api.perform import Result, perform
from app.api.pricing.inputs import (
    PriceListCreateInput,
    PriceListCreatePayload,
    PriceListUpdateInput,
    PriceListUpdatePayload,
    PricesSetInput,
    PricesSetPayload,
    TaxClassCreateInput,
    TaxClassCreatePayload,
    TaxClassUpdateInput,
    TaxClassUpdatePayload,
    TaxRateSetInput,
    TaxRateSetPayload,
    optional_keys,
    texts_by_locale,
)
from app.api.written import written
from app.catalog.lookup import VariantRef, resolve_variants
from app.identity import fields
from app.identity.principal import Actor
from app.platform import ids
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, Path, Refusal, collect
from app.pricing import price_lists, taxes
from app.pricing.prices import PriceChange, set_prices
from app.pricing.queries import price_lists_by_ids
from app.pricing.tax import rate_to_ppm

MOST_CHANGES: Final = 1_000
CONDITIONS: Final = ("priority", "min_quantity", "starts_at", "ends_at", "active")
KEYS: Final = {
    "channel_ids": ("Channel", "channelIds"),
    "location_ids": ("Location", "locationIds"),
    "customer_group_ids": ("CustomerGroup", "customerGroupIds"),
}


def _conditions(given: Any) -> Any:
    found = written(given, *CONDITIONS)
    for name, (type_name, path) in KEYS.items():
        value = getattr(given, name)
        if value is not UNSET:
            fields.at_most(value or (), MOST_CHANGES, (path,))
            found[name] = optional_keys(type_name, value, (path,))
    if given.names is not UNSET:
        found["name"] = texts_by_locale(given.names)
    return found


def _named(given: Any) -> Any:
    found = written(given, "is_default")
    if given.names is not UNSET:
        found["name"] = texts_by_locale(given.names)
    return found


@strawberry.type
class PricingMutations:
    @strawberry.mutation(description="Make a price list.")
    async def price_list_create(self, info: Info, input: PriceListCreateInput) -> PriceListCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            price_list_id = await price_lists.create_price_list(
                tx,
                actor,
                code=input.code,
                currency=input.currency,
                includes_tax=input.includes_tax,
                is_base=input.is_base,
                given=_conditions(input),
            )
            return {"price_list": price_list_id}

        return await perform(info, PriceListCreatePayload, input, command)

    @strawberry.mutation(description="Change where, for whom and when a price list applies, or switch it off.")
    async def price_list_update(self, info: Info, input: PriceListUpdateInput) -> PriceListUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            price_list_id = await price_lists.update_price_list(
                tx,
                actor,
                price_list_id=ids.require("PriceList", input.price_list_id, ("priceListId",)),
                given=_conditions(input),
                expected_version=input.expected_version,
            )
            return {"price_list": price_list_id}

        return await perform(info, PriceListUpdatePayload, input, command)

    @strawberry.mutation(description="Set prices of a list, at once or for a time to come.")
    async def prices_set(self, info: Info, input: PricesSetInput) -> PricesSetPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            fields.at_most(input.changes, MOST_CHANGES, ("changes",))
            price_list_id = ids.require("PriceList", input.price_list_id, ("priceListId",))
            price_list = (await price_lists_by_ids(tx, [price_list_id])).get(price_list_id)
            if price_list is None:
                raise NotFound("There is no such price list.", path=("priceListId",))
            changes = await _changes(tx, input, price_list.currency)
            done = await set_prices(tx, actor, price_list_id=price_list_id, changes=changes)
            return {"prices": done.price_ids, "changed": len(done.variant_ids)}

        return await perform(info, PricesSetPayload, input, command)

    @strawberry.mutation(description="Make a tax class.")
    async def tax_class_create(self, info: Info, input: TaxClassCreateInput) -> TaxClassCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            return {"tax_class": await taxes.create_tax_class(tx, actor, code=input.code, given=_named(input))}

        return await perform(info, TaxClassCreatePayload, input, command)

    @strawberry.mutation(description="Rename a tax class, or make it the default.")
    async def tax_class_update(self, info: Info, input: TaxClassUpdateInput) -> TaxClassUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            tax_class_id = await taxes.update_tax_class(
                tx,
                actor,
                tax_class_id=ids.require("TaxClass", input.tax_class_id, ("taxClassId",)),
                given=_named(input),
                expected_version=input.expected_version,
            )
            return {"tax_class": tax_class_id}

        return await perform(info, TaxClassUpdatePayload, input, command)

    @strawberry.mutation(description="Set what a tax is, at once or from a time to come.")
    async def tax_rate_set(self, info: Info, input: TaxRateSetInput) -> TaxRateSetPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            change = _rate_change(input)
            return {"tax_rate": await taxes.set_tax_rate(tx, actor, change), "tax_class": change.tax_class_id}

        return await perform(info, TaxRateSetPayload, input, command)


async def _changes(tx: Tx, given: PricesSetInput, currency: str) -> list[PriceChange]:
    """The changes as the command takes them. Raises all that is wrong with any of them at once."""
    refusals: list[Refusal] = []
    refs: list[VariantRef] = []
    amounts: list[tuple[int | None, int | None]] = []
    for place, change in enumerate(given.changes):
        path = ("changes", str(place))
        try:
            refs.append(ref_of(change.variant, (*path, "variant")))
            amount = _minor(change.amount, currency, (*path, "amount"))
            amounts.append((amount, _minor(change.compare_at, currency, (*path, "compareAt"))))
        except Refusal as refusal:
            refusals.append(refusal)
    collect(refusals)
    found = await resolve_variants(tx, refs)
    refusals += [
        NotFound("There is no such variant.", path=("changes", str(place), "variant"))
        for place, variant_id in enumerate(found)
        if variant_id is None
    ]
    collect(refusals)
    return [
        PriceChange(
            variant_id=variant_id,
            amount_minor=amount,
            compare_at_minor=compare_at,
            min_quantity=change.min_quantity,
            starts_at=change.starts_at,
            ends_at=change.ends_at,
            path=("changes", str(place)),
        )
        for place, (change, variant_id, (amount, compare_at)) in enumerate(
            zip(given.changes, found, amounts, strict=True)
        )
        if variant_id is not None
    ]


def _minor(given: MoneyInput | None, currency: str, path: Path) -> int | None:
    return None if given is None else minor_of(given, currency, path)


def _rate_change(given: TaxRateSetInput) -> taxes.RateChange:
    try:
        rate_ppm = None if given.rate is None else rate_to_ppm(given.rate)
    except InvalidInput as refusal:
        raise refusal.at("rate") from None
    return taxes.RateChange(
        tax_class_id=ids.require("TaxClass", given.tax_class_id, ("taxClassId",)),
        country=given.country,
        region=given.region,
        name=texts_by_locale(given.names),
        rate_ppm=rate_ppm,
        replaces_country=given.replaces_country,
        starts_at=given.starts_at,
    )
