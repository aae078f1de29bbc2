"""What is written of channels and locations, and what is answered."""

from uuid import UUID

import strawberry
from strawberry import UNSET

from app.api.channels.types import Channel, ChannelKind, Location, LocationKind
from app.api.context import Info
from app.api.customers.inputs import EXPECTED, OPERATION, AddressInput
from app.api.errors import Payload
from app.api.money import MoneyInput
from app.api.scalars import CountryCode, CurrencyCode, Quantity
from app.api.written import one

field = strawberry.field


@strawberry.input(description="A new channel. Code and currency are for ever.")
class ChannelCreateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    code: str = field(description="Its name for programs, unique: 1 to 40 of a-z, 0-9 and -.")
    name: str = field(description="Its name for people.")
    kind: ChannelKind = field(description="How it meets its shoppers.")
    currency: CurrencyCode = field(description="The currency of its prices.")
    country: CountryCode = field(description="The country whose tax is charged.")
    region: str | None = field(default=UNSET, description="The state or province within it: SP.")
    locale: str | None = field(default=UNSET, description="Its language; pt-BR unless given.")
    prices_include_tax: bool = field(description="Whether it shows prices with tax.")
    order_prefix: str = field(description="Begins the numbers of its orders, unique: 1 to 8 of A-Z and 0-9.")
    hold_minutes: int | None = field(default=UNSET, description="How long a cart holds stock; 30 unless given.")
    price_promise_minutes: int | None = field(
        default=UNSET, description="How long a quote is a promise; 60 unless given."
    )
    cart_days: int | None = field(
        default=UNSET, description="After how many quiet days a cart expires; 30 unless given."
    )
    ignores_safety_stock: bool | None = field(
        default=UNSET, description="Whether it may sell what safety stock keeps back."
    )
    shows_quantities: bool | None = field(default=UNSET, description="Whether shoppers see how many there are.")
    low_stock: Quantity | None = field(default=UNSET, description="At this much or less, stock is low; 5 unless given.")
    cash_rounding: MoneyInput | None = field(
        default=UNSET, description="Cash totals are rounded to a multiple of this."
    )
    is_default: bool | None = field(default=UNSET, description="Whether it becomes the shop's default channel.")


@strawberry.input(description="Changes to a channel. What is left out stays.")
class ChannelUpdateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    channel_id: strawberry.ID = field(description="The channel.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    name: str | None = field(default=UNSET, description="Its name for people.")
    kind: ChannelKind | None = field(default=UNSET, description="How it meets its shoppers.")
    country: CountryCode | None = field(default=UNSET, description="The country whose tax is charged.")
    region: str | None = field(default=UNSET, description="The state or province within it: SP.")
    locale: str | None = field(default=UNSET, description="Its language.")
    prices_include_tax: bool | None = field(default=UNSET, description="Whether it shows prices with tax.")
    order_prefix: str | None = field(default=UNSET, description="Begins the numbers of its orders, unique.")
    hold_minutes: int | None = field(default=UNSET, description="How long a cart holds stock.")
    price_promise_minutes: int | None = field(default=UNSET, description="How long a quote is a promise.")
    cart_days: int | None = field(default=UNSET, description="After how many quiet days a cart expires.")
    ignores_safety_stock: bool | None = field(
        default=UNSET, description="Whether it may sell what safety stock keeps back."
    )
    shows_quantities: bool | None = field(default=UNSET, description="Whether shoppers see how many there are.")
    low_stock: Quantity | None = field(default=UNSET, description="At this much or less, stock is low.")
    cash_rounding: MoneyInput | None = field(
        default=UNSET, description="Cash totals are rounded to a multiple of this."
    )
    is_default: bool | None = field(default=UNSET, description="True makes it the shop's default channel.")
    active: bool | None = field(default=UNSET, description="False closes it: nobody can call in it any more.")


@strawberry.input(description="The locations that a channel sells from.")
class ChannelLocationsSetInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    channel_id: strawberry.ID = field(description="The channel.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    location_ids: list[strawberry.ID] = field(description="All of them, the preferred one first.")


@strawberry.input(description="A new location. Its code is for ever.")
class LocationCreateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    code: str = field(description="Its name for programs, unique: 1 to 40 of a-z, 0-9 and -.")
    name: str = field(description="Its name for people.")
    kind: LocationKind = field(description="What it is.")
    country: CountryCode = field(description="The country whose tax is charged on what is sold here.")
    region: str | None = field(default=UNSET, description="The state or province within it: SP.")
    offers_pickup: bool | None = field(
        default=UNSET, description="Whether shoppers may pick up orders here; no unless given."
    )
    ships: bool | None = field(default=UNSET, description="Whether orders are sent from here; yes unless given.")
    address: AddressInput | None = field(default=UNSET, description="Where it is.")


@strawberry.input(description="Changes to a location. What is left out stays.")
class LocationUpdateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    location_id: strawberry.ID = field(description="The location.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    name: str | None = field(default=UNSET, description="Its name for people.")
    kind: LocationKind | None = field(default=UNSET, description="What it is.")
    country: CountryCode | None = field(
        default=UNSET, description="The country whose tax is charged on what is sold here."
    )
    region: str | None = field(default=UNSET, description="The state or province within it: SP.")
    offers_pickup: bool | None = field(default=UNSET, description="Whether shoppers may pick up orders here.")
    ships: bool | None = field(default=UNSET, description="Whether orders are sent from here.")
    address: AddressInput | None = field(default=UNSET, description="Where it is.")
    active: bool | None = field(default=UNSET, description="False closes it: no channel sells from it.")


@strawberry.type(description="The channel as written.")
class ChannelCreatePayload(Payload):
    @strawberry.field(description="The new channel; null when refused.")
    async def channel(self, info: Info) -> Channel | None:
        return await one(Channel, info.context, self.key("channel"))


@strawberry.type(description="The channel as written.")
class ChannelUpdatePayload(Payload):
    @strawberry.field(description="The channel; null when refused.")
    async def channel(self, info: Info) -> Channel | None:
        return await one(Channel, info.context, self.key("channel"))


@strawberry.type(description="The channel with its locations.")
class ChannelLocationsSetPayload(Payload):
    @strawberry.field(description="The channel; null when refused.")
    async def channel(self, info: Info) -> Channel | None:
        return await one(Channel, info.context, self.key("channel"))


@strawberry.type(description="The location as written.")
class LocationCreatePayload(Payload):
    @strawberry.field(description="The new location; null when refused.")
    async def location(self, info: Info) -> Location | None:
        return await one(Location, info.context, self.key("location"))


@strawberry.type(description="The location as written.")
class LocationUpdatePayload(Payload):
    @strawberry.field(description="The location; null when refused.")
    async def location(self, info: Info) -> Location | None:
        return await one(Location, info.context, self.key("location"))
