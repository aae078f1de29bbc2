"""What is written of delivery methods, and what is answered."""

from uuid import UUID

import strawberry
from strawberry import UNSET

from app.api.carts.parts import DeliveryMethodKind
from app.api.catalog.inputs import LocalizedTextInput
from app.api.context import Info
from app.api.customers.inputs import EXPECTED, OPERATION
from app.api.delivery.types import DeliveryMethod, DeliveryRating
from app.api.errors import Payload
from app.api.money import MoneyInput
from app.api.scalars import CountryCode, CurrencyCode
from app.api.written import one

field = strawberry.field
NAMES = "Its name, one text a language."


@strawberry.input(description="From this weight or total on, up to the next tier, it costs `price`.")
class DeliveryTierInput:
    from_grams: int | None = field(default=None, description="For a method rated by weight.")
    from_total: MoneyInput | None = field(default=None, description="For a method rated by total.")
    price: MoneyInput = field(description="What it costs.")


@strawberry.input(description="Where a delivery method goes and what it costs.")
class DeliveryMethodFieldsInput:
    includes_tax: bool | None = field(default=UNSET, description="Whether its prices include tax; yes unless given.")
    tax_class_id: strawberry.ID | None = field(default=UNSET, description="Null: the shop's default class.")
    channel_ids: list[strawberry.ID] | None = field(default=UNSET, description="The channels that offer it; null: any.")
    countries: list[CountryCode] | None = field(default=UNSET, description="Where it goes; null: anywhere.")
    regions: list[str] | None = field(
        default=UNSET, description="The parts of its one country where it goes (SP); null: all."
    )
    rated_by: DeliveryRating | None = field(default=UNSET, description="What the tiers are of; TOTAL unless given.")
    free_from: MoneyInput | None = field(
        default=UNSET, description="Free where the goods come to this much or more; null: never."
    )
    max_weight_grams: int | None = field(default=UNSET, description="The heaviest that is taken; null: anything.")
    min_days: int | None = field(default=UNSET, description="The fewest days from the order on.")
    max_days: int | None = field(default=UNSET, description="The most days from the order on.")
    position: int | None = field(default=UNSET, description="Its place among the options: lower comes first.")
    active: bool | None = field(default=UNSET, description="Whether it is offered.")


@strawberry.input(description="A new delivery method. Its code, kind and currency are for ever.")
class DeliveryMethodCreateInput(DeliveryMethodFieldsInput):
    operation_id: UUID | None = field(default=None, description=OPERATION)
    code: str = field(description="Its name for programs, unique: 1 to 40 of a-z, 0-9 and -.")
    names: list[LocalizedTextInput] = field(description=NAMES)
    method: DeliveryMethodKind = field(description="SHIP or PICKUP.")
    currency: CurrencyCode = field(description="The currency of its prices.")
    tiers: list[DeliveryTierInput] = field(description="Ascending, at most 100; below the first it is not offered.")


@strawberry.input(description="Changes to a delivery method. What is left out stays.")
class DeliveryMethodUpdateInput(DeliveryMethodFieldsInput):
    operation_id: UUID | None = field(default=None, description=OPERATION)
    delivery_method_id: strawberry.ID = field(description="The method.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    names: list[LocalizedTextInput] | None = field(default=UNSET, description=NAMES)
    tiers: list[DeliveryTierInput] | None = field(
        default=UNSET, description="All of them, ascending, at most 100; needed with `ratedBy`."
    )


@strawberry.type(description="The delivery method as written.")
class DeliveryMethodCreatePayload(Payload):
    @strawberry.field(description="The new method; null when refused.")
    async def delivery_method(self, info: Info) -> DeliveryMethod | None:
        return await one(DeliveryMethod, info.context, self.key("delivery_method"))


@strawberry.type(description="The delivery method as written.")
class DeliveryMethodUpdatePayload(Payload):
    @strawberry.field(description="The method; null when refused.")
    async def delivery_method(self, info: Info) -> DeliveryMethod | None:
        return await one(DeliveryMethod, info.context, self.key("delivery_method"))
