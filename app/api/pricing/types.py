"""Price lists, their prices, tax classes and rates, as the API shows them to those who set them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.catalog.texts import LocalizedText
from app.api.channels.types import Channel, Location, load_channels, load_locations
from app.api.context import Context
from app.api.customers.types import CustomerGroup, load_customer_groups
from app.api.engine.batch import Batch, batched
from app.api.money import Money
from app.api.nodes import Node, loads
from app.api.scalars import CountryCode, CurrencyCode, Quantity
from app.platform import ids
from app.platform.texts import name_of
from app.pricing import queries
from app.pricing.tax import rate_from_ppm

if TYPE_CHECKING:
    from app.api.catalog.variants import Variant

READS = "prices.read"


@strawberry.type(description="Prices, and where, for whom and when they apply.")
class PriceList(Node):
    key: strawberry.Private[UUID]
    channel_keys: strawberry.Private[Sequence[UUID] | None]
    location_keys: strawberry.Private[Sequence[UUID] | None]
    group_keys: strawberry.Private[Sequence[UUID] | None]
    code: str = strawberry.field(description="Its name for programs, unique.")
    name: str = strawberry.field(description="Its name, in the caller's language.")
    names: list[LocalizedText] = strawberry.field(description="Its name in every language that it has.")
    currency: CurrencyCode = strawberry.field(description="The currency of its prices.")
    is_base: bool = strawberry.field(
        description="Whether it is its currency's base list, which applies everywhere unless another list does."
    )
    includes_tax: bool = strawberry.field(description="Whether its prices include tax.")
    priority: int = strawberry.field(description="Of the lists that apply, the higher one goes before the lower.")
    min_quantity: Quantity = strawberry.field(description="From how many units on it applies.")
    starts_at: datetime | None = strawberry.field(description="From when on; null: since ever.")
    ends_at: datetime | None = strawberry.field(description="Until just before; null: for ever.")
    active: bool = strawberry.field(description="False: none of its prices counts.")
    version: int = strawberry.field(description="Counts its writes; for `expectedVersion`.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it was last written.")

    @classmethod
    def of(cls, row: Row[Any], context: Context) -> "PriceList":
        return cls(
            id=strawberry.ID(ids.encode("PriceList", row.id)),
            key=row.id,
            channel_keys=row.channel_ids,
            location_keys=row.location_ids,
            group_keys=row.customer_group_ids,
            code=row.code,
            name=name_of(row.name, context.locale),
            names=LocalizedText.all_of(row.name),
            currency=CurrencyCode(row.currency),
            is_base=row.is_base,
            includes_tax=row.includes_tax,
            priority=row.priority,
            min_quantity=Quantity(row.min_quantity),
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            active=row.active,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    @batched(description="The channels that it is for; null: any.")
    @staticmethod
    async def channels(parents: Sequence["PriceList"], batch: Batch[Context]) -> list[list[Channel] | None]:
        return await _named(parents, "channel_keys", load_channels, batch.context)

    @batched(description="The locations that it is for; null: any.")
    @staticmethod
    async def locations(parents: Sequence["PriceList"], batch: Batch[Context]) -> list[list[Location] | None]:
        return await _named(parents, "location_keys", load_locations, batch.context)

    @batched(description="The customer groups that it is for: the customer is in one of them; null: anybody.")
    @staticmethod
    async def customer_groups(
        parents: Sequence["PriceList"], batch: Batch[Context]
    ) -> list[list[CustomerGroup] | None]:
        return await _named(parents, "group_keys", load_customer_groups, batch.context)


async def _named(parents: Sequence[Any], attribute: str, load: Any, context: Context) -> list[Any]:
    """The entities that each parent names by ids, None where it names none; one read for all."""
    wanted = list({key for parent in parents for key in getattr(parent, attribute) or ()})
    found = dict(zip(wanted, await load(context, wanted), strict=True)) if wanted else {}
    named = []
    for parent in parents:
        keys = getattr(parent, attribute)
        named.append(None if keys is None else [found[key] for key in keys if found[key] is not None])
    return named


@strawberry.type(description="What one unit costs in a list, from a quantity on and for a time. Ended, never changed.")
class Price(Node):
    list_key: strawberry.Private[UUID]
    variant_key: strawberry.Private[UUID]
    amount: Money = strawberry.field(description="Of one unit, with tax or without as the list says.")
    compare_at: Money | None = strawberry.field(description="The price before a reduction, to show beside it.")
    min_quantity: Quantity = strawberry.field(description="From how many units on it applies.")
    starts_at: datetime = strawberry.field(description="From when on.")
    ends_at: datetime | None = strawberry.field(
        description="Until just before; null: until another is set. The same as `startsAt`: it never came to count."
    )
    created_at: datetime = strawberry.field(description="When it was set.")

    @classmethod
    def of(cls, row: Row[Any], _: Context) -> "Price":
        """From a row of `price` with its list's `currency`."""
        return cls(
            id=strawberry.ID(ids.encode("Price", row.id)),
            list_key=row.price_list_id,
            variant_key=row.variant_id,
            amount=Money.of(row.amount, row.currency),
            compare_at=None if row.compare_at is None else Money.of(row.compare_at, row.currency),
            min_quantity=Quantity(row.min_quantity),
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            created_at=row.created_at,
        )

    @batched(description="The list that it is in.")
    @staticmethod
    async def price_list(parents: Sequence["Price"], batch: Batch[Context]) -> list[PriceList]:
        rows = await queries.price_lists_by_ids(batch.context.db, {parent.list_key for parent in parents})
        return [PriceList.of(rows[parent.list_key], batch.context) for parent in parents]

    @batched(description="The variant that it is of.")
    @staticmethod
    async def variant(
        parents: Sequence["Price"], batch: Batch[Context]
    ) -> list[Annotated["Variant", strawberry.lazy("app.api.catalog.variants")]]:
        from app.api.catalog.variants import any_variants

        found = await any_variants(batch.context, [parent.variant_key for parent in parents])
        return [variant for variant in found if variant is not None]


@strawberry.type(description="A tax from when to when, in a country or a part of it. It is ended, not changed.")
class TaxRate(Node):
    name: str = strawberry.field(description="What the tax is called, in the caller's language.")
    names: list[LocalizedText] = strawberry.field(description="Its name in every language that it has.")
    country: CountryCode = strawberry.field(description="Where it is due.")
    region: str | None = strawberry.field(description="The state or province within it; null: the whole country.")
    rate: Decimal = strawberry.field(description="As a fraction of the net amount: 0.18 is 18 %.")
    replaces_country: bool = strawberry.field(
        description="Of a region's tax: whether the country's are not due there. Else it stands beside them."
    )
    starts_at: datetime | None = strawberry.field(description="From when on; null: since ever.")
    ends_at: datetime | None = strawberry.field(description="Until just before; null: until another is set.")

    @classmethod
    def of(cls, row: Row[Any], context: Context) -> "TaxRate":
        return cls(
            id=strawberry.ID(ids.encode("TaxRate", row.id)),
            name=name_of(row.name, context.locale),
            names=LocalizedText.all_of(row.name),
            country=CountryCode(row.country),
            region=row.region,
            rate=rate_from_ppm(row.rate_ppm),
            replaces_country=row.replaces_country,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
        )


@strawberry.type(description="Things that are taxed alike.")
class TaxClass(Node):
    key: strawberry.Private[UUID]
    code: str = strawberry.field(description="Its name for programs, unique.")
    name: str = strawberry.field(description="Its name, in the caller's language.")
    names: list[LocalizedText] = strawberry.field(description="Its name in every language that it has.")
    is_default: bool = strawberry.field(description="Whether products without a class are in it.")
    version: int = strawberry.field(description="Counts its writes; for `expectedVersion`.")

    @classmethod
    def of(cls, row: Row[Any], context: Context) -> "TaxClass":
        return cls(
            id=strawberry.ID(ids.encode("TaxClass", row.id)),
            key=row.id,
            code=row.code,
            name=name_of(row.name, context.locale),
            names=LocalizedText.all_of(row.name),
            is_default=row.is_default,
            version=row.version,
        )

    @batched(description="Its rates of all places, by country, region and start; those that ended, too.")
    @staticmethod
    async def rates(parents: Sequence["TaxClass"], batch: Batch[Context]) -> list[list[TaxRate]]:
        found = await queries.rates_of_classes(batch.context.db, {parent.key for parent in parents})
        return [[TaxRate.of(row, batch.context) for row in found[parent.key]] for parent in parents]


@loads("PriceList")
async def load_price_lists(context: Context, keys: Sequence[UUID]) -> list[PriceList | None]:
    """Price lists are seen by who may read prices."""
    rows = await queries.price_lists_by_ids(context.db, keys) if context.may(READS) else {}
    return [PriceList.of(rows[key], context) if key in rows else None for key in keys]


@loads("Price")
async def load_prices(context: Context, keys: Sequence[UUID]) -> list[Price | None]:
    """Prices in lists are seen by who may read them; what a variant costs, everybody sees."""
    rows = await queries.prices_by_ids(context.db, keys) if context.may(READS) else {}
    return [Price.of(rows[key], context) if key in rows else None for key in keys]


@loads("TaxClass")
async def load_tax_classes(context: Context, keys: Sequence[UUID]) -> list[TaxClass | None]:
    """Tax classes are seen by who may read prices."""
    rows = await queries.tax_classes_by_ids(context.db, keys) if context.may(READS) else {}
    return [TaxClass.of(rows[key], context) if key in rows else None for key in keys]


@loads("TaxRate")
async def load_tax_rates(context: Context, keys: Sequence[UUID]) -> list[TaxRate | None]:
    """Tax rates are seen by who may read prices."""
    rows = await queries.tax_rates_by_ids(context.db, keys) if context.may(READS) else {}
    return [TaxRate.of(rows[key], context) if key in rows else None for key in keys]
