"""Delivery methods, as the API shows them to those who set them."""

from collections.abc import Sequence
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.carts.parts import DeliveryMethodKind
from app.api.catalog.texts import LocalizedText
from app.api.channels.types import Channel, load_channels
from app.api.context import Context
from app.api.engine.batch import Batch, batched
from app.api.money import Money
from app.api.nodes import Node, loads
from app.api.pricing.types import TaxClass, load_tax_classes
from app.api.scalars import CountryCode, CurrencyCode
from app.delivery import queries
from app.platform import ids
from app.platform.texts import name_of

value = strawberry.enum_value
field = strawberry.field


@strawberry.enum(description="What a delivery method's price depends on.")
class DeliveryRating(Enum):
    WEIGHT = value("WEIGHT", description="What is sent weighs so many grams.")
    TOTAL = value("TOTAL", description="The goods come to so much.")


@strawberry.type(description="From this weight or total on, up to the next tier, a delivery costs `price`.")
class DeliveryTier:
    from_grams: int | None = field(description="Of a method that is rated by weight.")
    from_total: Money | None = field(description="Of a method that is rated by total.")
    price: Money = field(description="What it costs.")


@strawberry.type(description="A way to receive what was bought, that shoppers are offered.")
class DeliveryMethod(Node):
    class_key: strawberry.Private[UUID | None]
    channel_keys: strawberry.Private[Sequence[UUID] | None]
    code: str = field(description="Its name for programs, unique: what `cartDeliverySet` takes as the option.")
    name: str = field(description="Its name, in the caller's language.")
    names: list[LocalizedText] = field(description="Its name in every language that it has.")
    method: DeliveryMethodKind = field(description="SHIP or PICKUP.")
    currency: CurrencyCode = field(description="Channels of another currency do not offer it.")
    includes_tax: bool = field(description="Whether its prices include tax.")
    countries: list[CountryCode] | None = field(description="Where it goes; null: anywhere.")
    regions: list[str] | None = field(description="The parts of its country where it goes; null: all.")
    rated_by: DeliveryRating = field(description="What its tiers are of.")
    tiers: list[DeliveryTier] = field(description="What it costs, ascending; below the first it is not offered.")
    free_from: Money | None = field(description="Free where the goods come to this much or more.")
    max_weight_grams: int | None = field(description="The heaviest that is taken; null: anything.")
    min_days: int | None = field(description="The fewest days from the order on.")
    max_days: int | None = field(description="The most days from the order on.")
    position: int = field(description="Its place among the options: lower comes first.")
    active: bool = field(description="Whether it is offered.")
    version: int = field(description="Counts its writes; for `expectedVersion`.")

    @classmethod
    def of(cls, row: Row[Any], context: Context) -> "DeliveryMethod":
        """From a row of `delivery_method`."""
        return cls(
            id=strawberry.ID(ids.encode("DeliveryMethod", row.id)),
            class_key=row.tax_class_id,
            channel_keys=row.channel_ids,
            code=row.code,
            name=name_of(row.name, context.locale),
            names=LocalizedText.all_of(row.name),
            method=DeliveryMethodKind(row.method),
            currency=CurrencyCode(row.currency),
            includes_tax=row.includes_tax,
            countries=None if row.countries is None else [CountryCode(code) for code in row.countries],
            regions=row.regions,
            rated_by=DeliveryRating(row.rated_by),
            tiers=[_tier(row, tier) for tier in row.tiers],
            free_from=None if row.free_from is None else Money.of(row.free_from, row.currency),
            max_weight_grams=row.max_weight_grams,
            min_days=row.min_days,
            max_days=row.max_days,
            position=row.position,
            active=row.active,
            version=row.version,
        )

    @batched(description="Its tax class; null: the shop's default class.")
    @staticmethod
    async def tax_class(parents: Sequence["DeliveryMethod"], batch: Batch[Context]) -> list[TaxClass | None]:
        wanted = list({parent.class_key for parent in parents if parent.class_key is not None})
        found = dict(zip(wanted, await load_tax_classes(batch.context, wanted), strict=True)) if wanted else {}
        return [None if parent.class_key is None else found[parent.class_key] for parent in parents]

    @batched(description="The channels that offer it; null: any.")
    @staticmethod
    async def channels(parents: Sequence["DeliveryMethod"], batch: Batch[Context]) -> list[list[Channel] | None]:
        wanted = list({key for parent in parents for key in parent.channel_keys or ()})
        found = dict(zip(wanted, await load_channels(batch.context, wanted), strict=True)) if wanted else {}
        named: list[list[Channel] | None] = []
        for parent in parents:
            channels = (found[key] for key in parent.channel_keys or ())
            named.append(None if parent.channel_keys is None else [each for each in channels if each is not None])
        return named


def _tier(row: Row[Any], tier: dict[str, int]) -> DeliveryTier:
    by_weight = row.rated_by == "WEIGHT"
    return DeliveryTier(
        from_grams=tier["from"] if by_weight else None,
        from_total=None if by_weight else Money.of(tier["from"], row.currency),
        price=Money.of(tier["price"], row.currency),
    )


@loads("DeliveryMethod")
async def load_delivery_methods(context: Context, keys: Sequence[UUID]) -> list[DeliveryMethod | None]:
    """Delivery methods are seen by who may write them; shoppers see what they are offered."""
    rows = await queries.methods_by_ids(context.db, keys) if context.may("settings.write") else {}
    return [DeliveryMethod.of(rows[key], context) if key in rows else None for key in keys]
