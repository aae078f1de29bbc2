"""What is written of price lists, prices and taxes, and what is answered."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from app.api.catalog.inputs import LocalizedTextInput
from app.api.context import Info
from app.api.customers.inputs import EXPECTED, OPERATION
from app.api.errors import Payload
from app.api.money import MoneyInput
from app.api.pricing.types import Price, PriceList, TaxClass, TaxRate, load_prices
from app.api.scalars import CountryCode, CurrencyCode, Quantity
from app.api.written import one
from app.platform import ids
from app.platform.errors import InvalidInput, Path

if TYPE_CHECKING:
    from app.api.catalog.by import VariantBy

field = strawberry.field
NAMES = "Its name, one text a language."
ANY = "null: any."


def texts_by_locale(given: Sequence[LocalizedTextInput] | None, path: Path = ("names",)) -> dict[str, str]:
    """Texts by language. Raises InvalidInput (REPEATED) where a language comes twice."""
    found: dict[str, str] = {}
    for place, each in enumerate(given or ()):
        if each.locale in found:
            message = "There are two texts in this language."
            raise InvalidInput(message, path=(*path, str(place), "locale"), code="REPEATED")
        found[each.locale] = each.text
    return found


def optional_keys(type_name: str, given: Sequence[str] | None, path: Path) -> list[UUID] | None:
    """The UUIDs of ids of this type, None for none. Raises InvalidInput (INVALID_ID) at the first that is no id."""
    if given is None:
        return None
    return [ids.require(type_name, text, (*path, str(place))) for place, text in enumerate(given)]


@strawberry.input(description="Where, for whom and when a price list applies.")
class PriceListConditionsInput:
    priority: int | None = field(
        default=UNSET, description="Of the lists that apply, the higher one goes before the lower; 0 unless given."
    )
    channel_ids: list[strawberry.ID] | None = field(default=UNSET, description=f"The channels it is for; {ANY}")
    location_ids: list[strawberry.ID] | None = field(default=UNSET, description=f"The locations it is for; {ANY}")
    customer_group_ids: list[strawberry.ID] | None = field(
        default=UNSET, description=f"The customer is in one of them; {ANY}"
    )
    min_quantity: Quantity | None = field(default=UNSET, description="From how many units on; 0 unless given.")
    starts_at: datetime | None = field(default=UNSET, description="From when on; null: since ever.")
    ends_at: datetime | None = field(default=UNSET, description="Until just before; null: for ever.")
    active: bool | None = field(default=UNSET, description="False: none of its prices counts.")


@strawberry.input(description="A new price list. Code, currency, tax side and base are for ever.")
class PriceListCreateInput(PriceListConditionsInput):
    operation_id: UUID | None = field(default=None, description=OPERATION)
    code: str = field(description="Its name for programs, unique: 1 to 40 of a-z, 0-9 and -.")
    names: list[LocalizedTextInput] = field(description=NAMES)
    currency: CurrencyCode = field(description="The currency of its prices.")
    includes_tax: bool = field(description="Whether its prices include tax.")
    is_base: bool = field(
        default=False, description="Whether it is its currency's base list; there is one, without conditions."
    )


@strawberry.input(description="Changes to a price list. What is left out stays.")
class PriceListUpdateInput(PriceListConditionsInput):
    operation_id: UUID | None = field(default=None, description=OPERATION)
    price_list_id: strawberry.ID = field(description="The list.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    names: list[LocalizedTextInput] | None = field(default=UNSET, description=NAMES)


@strawberry.input(
    description="What one unit is to cost from when to when. Without `endsAt` it is the regular price, until the next "
    "one that is planned; with it a limited one, after which the regular price goes on."
)
class PriceChangeInput:
    variant: Annotated["VariantBy", strawberry.lazy("app.api.catalog.by")] = field(description="What is sold.")
    amount: MoneyInput | None = field(
        default=None,
        description="Of one unit, in the list's currency and on its side of tax. Null: it is no longer sold by this "
        "list; with `endsAt`: limited prices within that time are taken back.",
    )
    compare_at: MoneyInput | None = field(default=None, description="The price before a reduction, to show beside it.")
    min_quantity: Quantity = field(default=Quantity(0), description="From how many units on.")
    starts_at: datetime | None = field(default=None, description="From when on; left out: at once.")
    ends_at: datetime | None = field(default=None, description="Until just before; left out: for ever.")


@strawberry.input(description="Prices of a list: all changes or none, in their order; at most 1,000.")
class PricesSetInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    price_list_id: strawberry.ID = field(description="The list.")
    changes: list[PriceChangeInput] = field(description="At most 1,000.")


@strawberry.input(description="A new tax class, without rates. Its code is for ever.")
class TaxClassCreateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    code: str = field(description="Its name for programs, unique: 1 to 40 of a-z, 0-9 and -.")
    names: list[LocalizedTextInput] = field(description=NAMES)
    is_default: bool | None = field(default=UNSET, description="Whether products without a class are in it.")


@strawberry.input(description="Changes to a tax class. What is left out stays.")
class TaxClassUpdateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    tax_class_id: strawberry.ID = field(description="The class.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    names: list[LocalizedTextInput] | None = field(default=UNSET, description=NAMES)
    is_default: bool | None = field(default=UNSET, description="True makes it the class of products without one.")


@strawberry.input(
    description="What a tax is from a moment on, until another rate of it that is planned. Which tax it is, its names "
    "say within class and place: one that shares a name in a language with it is the same."
)
class TaxRateSetInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    tax_class_id: strawberry.ID = field(description="The class.")
    country: CountryCode = field(description="Where it is due.")
    region: str | None = field(default=None, description="The state or province within it (SP); null: all of it.")
    names: list[LocalizedTextInput] = field(description="What the tax is called, one text a language.")
    rate: Decimal | None = field(
        default=None, description="As a fraction of the net amount, at most six decimals: 0.18. Null: no longer due."
    )
    replaces_country: bool = field(
        default=False, description="Of a region's tax: whether the country's are not due there."
    )
    starts_at: datetime | None = field(default=None, description="From when on; left out: at once.")


@strawberry.type(description="The price list as written.")
class PriceListCreatePayload(Payload):
    @strawberry.field(description="The new list; null when refused.")
    async def price_list(self, info: Info) -> PriceList | None:
        return await one(PriceList, info.context, self.key("price_list"))


@strawberry.type(description="The price list as written.")
class PriceListUpdatePayload(Payload):
    @strawberry.field(description="The list; null when refused.")
    async def price_list(self, info: Info) -> PriceList | None:
        return await one(PriceList, info.context, self.key("price_list"))


@strawberry.type(description="The prices as they are now.")
class PricesSetPayload(Payload):
    @strawberry.field(
        description="For each change, in their order, the price that says what it asked for, new or as it was; "
        "null where it ended one, and where a later change took its place."
    )
    async def prices(self, info: Info) -> list[Price | None]:
        keys: list[Any] = self.result.get("prices", [])
        found = await load_prices(info.context, [UUID(key) for key in keys if key])
        left = iter(found)
        return [next(left) if key else None for key in keys]

    @strawberry.field(description="Of how many variants a price changed: what was so already is left as it was.")
    def changed_variants(self) -> int:
        return int(self.result.get("changed", 0))


@strawberry.type(description="The tax class as written.")
class TaxClassCreatePayload(Payload):
    @strawberry.field(description="The new class; null when refused.")
    async def tax_class(self, info: Info) -> TaxClass | None:
        return await one(TaxClass, info.context, self.key("tax_class"))


@strawberry.type(description="The tax class as written.")
class TaxClassUpdatePayload(Payload):
    @strawberry.field(description="The class; null when refused.")
    async def tax_class(self, info: Info) -> TaxClass | None:
        return await one(TaxClass, info.context, self.key("tax_class"))


@strawberry.type(description="The tax as it is now.")
class TaxRateSetPayload(Payload):
    @strawberry.field(description="The rate that says what was asked for; null when refused, and where none is due.")
    async def tax_rate(self, info: Info) -> TaxRate | None:
        return await one(TaxRate, info.context, self.key("tax_rate"))

    @strawberry.field(description="Its class; null when refused.")
    async def tax_class(self, info: Info) -> TaxClass | None:
        return await one(TaxClass, info.context, self.key("tax_class"))
