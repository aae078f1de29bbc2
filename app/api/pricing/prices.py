"""What a variant costs the caller: the price of a variant, its explanation, the range of a product's prices."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import strawberry

from app.api.context import Context
from app.api.money import Money, TaxedMoney
from app.channels.queries import locations_by_ids
from app.platform.quantities import MILLI
from app.pricing.quotes import Ask, VariantQuote, quote_variants
from app.pricing.reasons import PriceStep as Step
from app.pricing.reasons import reason_text

Priced = tuple[UUID, UUID | None]
"""A variant and its tax class: its own, else its product's, None where neither has one."""


@strawberry.type(description="A rule that was looked at for a price, and what it did.")
class PriceStep:
    rule: str = strawberry.field(description="Its kind and code: price-list:vip.")
    applied: bool = strawberry.field(description="Whether it made the price what it is.")
    reason: str = strawberry.field(description="What it did, or why it did not apply, in the caller's language.")
    code: str = strawberry.field(description="The same for programs: LIST_PRICE, OTHER_CHANNEL.")
    amount: Money | None = strawberry.field(description="The price that it gives for one unit.")

    @classmethod
    def of(cls, step: Step, currency: str, locale: str) -> "PriceStep":
        return cls(
            rule=step.rule,
            applied=step.applied,
            reason=reason_text(step, locale),
            code=step.code.value,
            amount=None if step.amount is None else Money.of(step.amount, currency),
        )


@strawberry.type(description="What one unit costs the caller here and now.")
class VariantPrice:
    unit_price: Money = strawberry.field(description="As the channel shows it, with or without tax.")
    taxed: TaxedMoney = strawberry.field(description="The same without and with its tax.")
    compare_at: Money | None = strawberry.field(description="The price before reductions, when there are any.")
    valid_until: datetime | None = strawberry.field(
        description="When a price list or promotion next begins or ends: "
        "an offline copy must not sell at this price after it."
    )
    explanation: list[PriceStep] | None = strawberry.field(
        description="Every rule that was looked at, in order, with what it did or why it did not apply."
    )

    @classmethod
    def of(cls, quote: VariantQuote, currency: str, locale: str) -> "VariantPrice":
        """From a quote in this currency."""
        return cls(
            unit_price=Money.of(quote.unit, currency),
            taxed=TaxedMoney.of(quote.unit_net, quote.unit_gross, currency),
            compare_at=None if quote.compare_at is None else Money.of(quote.compare_at, currency),
            valid_until=quote.valid_until,
            explanation=[PriceStep.of(step, currency, locale) for step in quote.explanation] or None,
        )


@strawberry.type(description="The lowest and the highest price of one unit of a product's variants.")
class PriceRange:
    min: Money = strawberry.field(description="The lowest.")
    max: Money = strawberry.field(description="The highest.")


async def prices_of(
    context: Context, variants: Sequence[Priced], quantity_milli: int | None, explain: bool
) -> list[VariantPrice | None]:
    """What one unit of each costs the caller when buying so many thousandths (None: one unit); None: no price.

    `explain`: whether the explanation was asked for; it is another read of more rows.
    """
    quotes = await quotes_of(context, variants, quantity_milli, explain=explain)
    currency = context.channel.currency
    return [None if quote is None else VariantPrice.of(quote, currency, context.locale) for quote in quotes]


async def price_ranges_of(context: Context, products: Sequence[Sequence[Priced]]) -> list[PriceRange | None]:
    """The range of each product, given as its variants; None where none of them has a price."""
    quotes = await quotes_of(context, [variant for variants in products for variant in variants], None)
    currency, left = context.channel.currency, iter(quotes)
    ranges: list[PriceRange | None] = []
    for variants in products:
        units = [quote.unit for quote in (next(left) for _ in variants) if quote is not None]
        found = PriceRange(min=Money.of(min(units), currency), max=Money.of(max(units), currency)) if units else None
        ranges.append(found)
    return ranges


async def quotes_of(
    context: Context, variants: Sequence[Priced], quantity_milli: int | None, *, explain: bool = False
) -> list[VariantQuote | None]:
    """The quotes for the caller: at a till for its location and with the tax that is due there, as in its carts."""
    location_id, place = None, (context.channel.country, context.channel.region)
    principal = context.principal
    if variants and principal.register_id is not None and principal.location_ids:
        (location_id,) = principal.location_ids
        location = (await locations_by_ids(context.db, [location_id]))[location_id]
        place = (location.country, location.region)
    quantity = MILLI if quantity_milli is None else quantity_milli
    return await quote_variants(
        context.db,
        [Ask(variant_id, quantity, tax_class_id) for variant_id, tax_class_id in variants],
        channel=context.channel,
        moment=context.now,
        location_id=location_id,
        country=place[0],
        region=place[1],
        explain=explain,
    )
