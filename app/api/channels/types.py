"""Channels and locations, as the API shows them."""

from collections.abc import Sequence
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.context import Context
from app.api.customers.types import Address
from app.api.engine.batch import Batch, batched
from app.api.money import Money
from app.api.nodes import Node, loads
from app.api.scalars import CountryCode, CurrencyCode, Quantity
from app.channels import queries
from app.platform import ids

value = strawberry.enum_value


@strawberry.enum(description="How a channel meets its shoppers.")
class ChannelKind(Enum):
    POS = value("POS", description="Tills in shops.")
    WEB = value("WEB", description="An e-commerce site.")
    APP = value("APP", description="A mobile app.")
    SOCIAL = value("SOCIAL", description="Posts and live streams of social networks.")
    CHAT = value("CHAT", description="Messages, such as WhatsApp.")
    PHONE = value("PHONE", description="Orders by telephone.")
    MARKETPLACE = value("MARKETPLACE", description="Somebody else's marketplace.")
    KIOSK = value("KIOSK", description="Self-service screens in shops.")
    OTHER = value("OTHER", description="Anything else.")


@strawberry.enum(description="What a location is.")
class LocationKind(Enum):
    STORE = value("STORE", description="A shop that people walk into.")
    WAREHOUSE = value("WAREHOUSE", description="A place that ships and that shoppers do not enter.")


@strawberry.type(description="A place where stock is.")
class Location(Node):
    code: str = strawberry.field(description="Its name for programs, unique: centro.")
    name: str = strawberry.field(description="Its name for people.")
    kind: LocationKind = strawberry.field(description="What it is.")
    offers_pickup: bool = strawberry.field(description="Whether shoppers may pick up orders here.")
    ships: bool = strawberry.field(description="Whether orders are sent from here.")
    country: CountryCode = strawberry.field(description="The country whose tax is charged on what is sold here.")
    region: str | None = strawberry.field(description="The state or province within it: SP.")
    address: Address | None = strawberry.field(description="Where it is.")
    active: bool = strawberry.field(description="Whether the shop still uses it.")
    version: int = strawberry.field(description="Counts its writes; for `expectedVersion`.")

    @classmethod
    def of(cls, row: Row[Any], _: Context) -> "Location":
        return cls(
            id=strawberry.ID(ids.encode("Location", row.id)),
            code=row.code,
            name=row.name,
            kind=LocationKind(row.kind),
            offers_pickup=row.offers_pickup,
            ships=row.ships,
            country=CountryCode(row.country),
            region=row.region,
            address=Address.of(row.address) if row.address else None,
            active=row.active,
            version=row.version,
        )


@strawberry.type(description="How a channel sells; for those who set it.")
class ChannelSettings:
    order_prefix: str = strawberry.field(description="Begins the numbers of its orders.")
    hold_minutes: int = strawberry.field(description="How long a cart holds stock after each change.")
    price_promise_minutes: int = strawberry.field(description="How long a cart's quote is a promise.")
    cart_days: int = strawberry.field(description="After how many quiet days a cart expires.")
    ignores_safety_stock: bool = strawberry.field(description="Whether it may sell what safety stock keeps back.")
    shows_quantities: bool = strawberry.field(description="Whether shoppers see how many there are, or a status only.")
    low_stock: Quantity = strawberry.field(description="At this much or less, stock is low.")
    cash_rounding: Money = strawberry.field(description="Cash totals are rounded to a multiple of this.")

    @classmethod
    def of(cls, row: Row[Any]) -> "ChannelSettings":
        return cls(
            order_prefix=row.order_prefix,
            hold_minutes=row.hold_minutes,
            price_promise_minutes=row.price_promise_minutes,
            cart_days=row.cart_days,
            ignores_safety_stock=row.ignores_safety_stock,
            shows_quantities=row.shows_quantities,
            low_stock=Quantity(row.low_stock),
            cash_rounding=Money.of(row.cash_rounding, row.currency),
        )


@strawberry.type(description="Where shoppers meet the shop: a site, an app, the tills.")
class Channel(Node):
    key: strawberry.Private[UUID]
    code: str = strawberry.field(description="Its name for programs, unique: web. The header `Feira-Channel` takes it.")
    name: str = strawberry.field(description="Its name for people.")
    kind: ChannelKind = strawberry.field(description="How it meets its shoppers.")
    currency: CurrencyCode = strawberry.field(description="The currency of its prices.")
    country: CountryCode = strawberry.field(
        description="The country whose tax is charged unless a delivery says otherwise."
    )
    region: str | None = strawberry.field(description="The state or province within it: SP.")
    locale: str = strawberry.field(description="Its language: pt-BR.")
    prices_include_tax: bool = strawberry.field(description="Whether it shows prices with tax.")
    is_default: bool = strawberry.field(description="Whether requests that name no channel are in this one.")
    active: bool = strawberry.field(description="Whether it is open.")
    version: int = strawberry.field(description="Counts its writes; for `expectedVersion`.")
    settings: ChannelSettings | None = strawberry.field(description="How it sells.")

    @classmethod
    def of(cls, row: Row[Any], _: Context) -> "Channel":
        return cls(
            id=strawberry.ID(ids.encode("Channel", row.id)),
            key=row.id,
            code=row.code,
            name=row.name,
            kind=ChannelKind(row.kind),
            currency=CurrencyCode(row.currency),
            country=CountryCode(row.country),
            region=row.region,
            locale=row.locale,
            prices_include_tax=row.prices_include_tax,
            is_default=row.is_default,
            active=row.active,
            version=row.version,
            settings=ChannelSettings.of(row),
        )

    @batched(description="The locations that it sells from, in the order that orders are sent from them.")
    @staticmethod
    async def locations(parents: Sequence["Channel"], batch: Batch[Context]) -> list[list[Location]]:
        found = await queries.locations_of_channels(batch.context.db, {parent.key for parent in parents})
        return [[Location.of(row, batch.context) for row in found[parent.key]] for parent in parents]


@loads("Channel")
async def load_channels(context: Context, keys: Sequence[UUID]) -> list[Channel | None]:
    """Everybody may see a channel, a closed one too: orders came from it."""
    rows = await queries.channels_by_ids(context.db, keys)
    return [Channel.of(rows[key], context) if key in rows else None for key in keys]


@loads("Location")
async def load_locations(context: Context, keys: Sequence[UUID]) -> list[Location | None]:
    """Everybody may see a location, a closed one too: orders came from it."""
    rows = await queries.locations_by_ids(context.db, keys)
    return [Location.of(rows[key], context) if key in rows else None for key in keys]
