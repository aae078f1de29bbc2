"""What carts and orders have in common in the API: totals, taxes, discounts, attributes, deliveries, the journey."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry

from app.api.channels.types import Channel, Location, load_channels, load_locations
from app.api.context import Context
from app.api.customers.types import Address
from app.api.engine.batch import Batch, batched
from app.api.identity.types import Staff, load_staff
from app.api.money import Money, TaxedMoney
from app.api.nodes import Node
from app.platform import ids
from app.platform.texts import name_of
from app.pricing.tax import rate_from_ppm

value = strawberry.enum_value


@strawberry.enum(description="How lines reach the shopper.")
class DeliveryMethodKind(Enum):
    CARRY_OUT = value("CARRY_OUT", description="Handed over at the till, at once.")
    SHIP = value("SHIP", description="Sent to an address.")
    PICKUP = value("PICKUP", description="Picked up at a location later.")


@strawberry.type(description="One tax in an amount.")
class TaxLine:
    name: str = strawberry.field(description="What it is called.")
    rate: Decimal = strawberry.field(description="As a fraction: 0.18 is 18 %.")
    base: Money = strawberry.field(description="What it is taken of, without tax.")
    amount: Money = strawberry.field(description="The tax.")

    @classmethod
    def of(cls, stored: Mapping[str, Any], currency: str, locale: str) -> "TaxLine":
        """From the mapping that carts and orders keep."""
        return cls(
            name=name_of(stored["name"], locale),
            rate=rate_from_ppm(stored["rate_ppm"]),
            base=Money.of(stored["base"], currency),
            amount=Money.of(stored["amount"], currency),
        )


@strawberry.type(
    description="What a cart or order comes to. `total` = `subtotal` - `discount` + `delivery` + `rounding`, "
    "and + `tax` where the channel shows prices without tax."
)
class Totals:
    subtotal: Money = strawberry.field(description="All lines before discounts, as the channel shows prices.")
    discount: Money = strawberry.field(description="What is taken off, as the channel shows prices.")
    delivery: Money = strawberry.field(description="All deliveries, as the channel shows prices.")
    tax: Money = strawberry.field(description="All tax there is.")
    taxes: list[TaxLine] = strawberry.field(description="The tax by rate.")
    rounding: Money = strawberry.field(description="Cash rounding, may be negative.")
    total: Money = strawberry.field(description="What the shopper pays.")
    item_count: int = strawberry.field(description="Whole units; a weighed line counts as one.")

    @classmethod
    def of(cls, amounts: Mapping[str, Any], item_count: int, currency: str, locale: str) -> "Totals":
        """From the columns that carts and orders share, by name."""

        def money(name: str) -> Money:
            return Money.of(amounts[name], currency)

        return cls(
            subtotal=money("subtotal"),
            discount=money("discount"),
            delivery=money("delivery"),
            tax=money("tax"),
            taxes=[TaxLine.of(each, currency, locale) for each in amounts["taxes"]],
            rounding=money("rounding"),
            total=money("total"),
            item_count=item_count,
        )


@strawberry.type(description="Something taken off a line.")
class Discount:
    label: str = strawberry.field(description="Shown to the shopper.")
    promotion_id: strawberry.ID | None = strawberry.field(description="The promotion that gave it.")
    coupon: str | None = strawberry.field(description="The coupon that gave it.")
    reason: str | None = strawberry.field(description="Why staff gave it.")
    amount: Money = strawberry.field(description="How much.")


@strawberry.type(description="Something that the client noted on a line: an engraving, a cut.")
class Attribute:
    key: str = strawberry.field(description="What it is.")
    value: str = strawberry.field(description="What was noted.")

    @classmethod
    def of(cls, stored: Mapping[str, str]) -> "Attribute":
        return cls(key=stored["key"], value=stored["value"])


@strawberry.type(description="A price that staff gave.")
class PriceOverride:
    staff_key: strawberry.Private[UUID | None]
    was: Money = strawberry.field(description="The unit's price before, as the channel shows prices.")
    reason: str = strawberry.field(description="Why.")

    @classmethod
    def of(cls, line: Any, currency: str) -> "PriceOverride | None":
        """From a cart's or order's line; None where staff gave no price."""
        if line.override is None:
            return None
        was = line.override if line.override_was is None else line.override_was
        return cls(staff_key=line.override_staff_id, was=Money.of(was, currency), reason=line.override_reason or "")

    @batched(description="Who gave it.")
    @staticmethod
    async def staff(parents: Sequence["PriceOverride"], batch: Batch[Context]) -> list[Staff | None]:
        return await by_key(load_staff, batch.context, [parent.staff_key for parent in parents])


@strawberry.type(description="How some lines of a cart or order reach the shopper.")
class Delivery(Node):
    location_key: strawberry.Private[UUID | None]
    method: DeliveryMethodKind = strawberry.field(description="How.")
    option: str | None = strawberry.field(description="The chosen option's code; null until one is chosen.")
    price: TaxedMoney | None = strawberry.field(description="What it costs; null until an option is chosen.")
    address: Address | None = strawberry.field(description="Where it goes, for SHIP.")
    line_ids: list[strawberry.ID] = strawberry.field(description="Lines of the cart or order that it stands in.")

    @classmethod
    def of(cls, stored: Any, *, currency: str, line_ids: Sequence[str]) -> "Delivery":
        """From a cart's or order's delivery, and the public ids of its lines."""
        price = None if stored.net is None else TaxedMoney.of(stored.net, stored.gross, currency)
        return cls(
            id=strawberry.ID(ids.encode("Delivery", stored.id)),
            location_key=stored.location_id,
            method=DeliveryMethodKind(stored.method),
            option=stored.option,
            price=price,
            address=Address.of(stored.address) if stored.address else None,
            line_ids=[strawberry.ID(each) for each in line_ids],
        )

    @batched(description="Where it is picked up or carried out.")
    @staticmethod
    async def location(parents: Sequence["Delivery"], batch: Batch[Context]) -> list[Location | None]:
        return await by_key(load_locations, batch.context, [parent.location_key for parent in parents])


@strawberry.type(description="A channel that touched a cart.")
class CartVisit:
    channel_key: strawberry.Private[UUID]
    at: datetime = strawberry.field(description="When it began to.")

    @classmethod
    def of(cls, row: Any) -> "CartVisit":
        return cls(channel_key=row.channel_id, at=row.at)

    @batched(description="The channel.")
    @staticmethod
    async def channel(parents: Sequence["CartVisit"], batch: Batch[Context]) -> list[Channel]:
        return await by_key(load_channels, batch.context, [parent.channel_key for parent in parents])


async def by_key(load: Any, context: Context, keys: Sequence[UUID | None]) -> list[Any]:
    """What a loader finds for these keys, each asked for once; None for None."""
    wanted = list(dict.fromkeys(key for key in keys if key is not None))
    found = dict(zip(wanted, await load(context, wanted), strict=True)) if wanted else {}
    return [found.get(key) if key is not None else None for key in keys]
