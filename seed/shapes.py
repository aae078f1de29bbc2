"""The shapes of the demo shop's content: one struct for each kind of record in `seed/data`.

Records name each other by code, slug or SKU. Money is a decimal string in the currency of the record's channel or price
list, as shoppers see it (tax inside); quantities are decimal strings in the variant's unit. A field that a file leaves
out takes the default given here.
"""

from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Literal

from msgspec import Struct, field

MEDIA_ROOT = "/media/demo/"

Role = Literal["owner", "manager", "cashier", "catalog", "service", "readonly"]
Unit = Literal["un", "kg"]


class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all records share: they don't change, and a misspelt field is an error."""


class Text(Record, frozen=True, kw_only=True):
    """One text in both languages of the shop."""

    pt: str = field(name="pt-BR")
    en: str


class Address(Record, frozen=True, kw_only=True):
    """Where a place is or a customer lives; `region` is the state's two letters, `name` the addressee."""

    name: str
    line1: str
    line2: str | None = None
    city: str
    region: str
    postal_code: str
    country: str
    phone: str | None = None


# --- shop.json --------------------------------------------------------------------------------------------------------


class Shop(Record, frozen=True, kw_only=True):
    """The shop itself. `languages` begin with the one that texts are first written in."""

    name: str
    currency: str
    country: str
    languages: list[str]
    default_channel: str
    default_tax_class: str


class Channel(Record, frozen=True, kw_only=True):
    """Where a shopper meets the shop. `locations` in the order in which a hold looks for stock."""

    code: str
    kind: Literal["WEB", "APP", "POS"]
    name: Text
    currency: str
    country: str
    prices_include_tax: bool
    order_prefix: str
    hold_minutes: int
    price_promise_minutes: int
    ignores_safety_stock: bool = False
    locations: list[str]


class Location(Record, frozen=True, kw_only=True):
    """Where stock is."""

    code: str
    kind: Literal["STORE", "WAREHOUSE"]
    name: Text
    offers_pickup: bool
    address: Address


class Register(Record, frozen=True, kw_only=True):
    """A till of a store."""

    code: str
    name: str
    location: str
    channel: str


class TaxClass(Record, frozen=True, kw_only=True):
    """How a product is taxed."""

    code: str
    name: Text


class TaxRate(Record, frozen=True, kw_only=True):
    """A rate in percent of the net price: of a country or, beside that or in its place, of a region of it."""

    tax_class: str
    country: str
    region: str | None = None
    replaces_country: bool = False
    percent: Decimal
    name: Text


class ShopFile(Record, frozen=True, kw_only=True):
    """`shop.json`."""

    shop: Shop
    channels: list[Channel]
    locations: list[Location]
    registers: list[Register]
    tax_classes: list[TaxClass]
    tax_rates: list[TaxRate]


# --- catalog.json and products/*.json ---------------------------------------------------------------------------------


class Category(Record, frozen=True, kw_only=True):
    """A shelf of the shop; `parent` is the slug of the category above, null at the top. A parent comes first."""

    slug: str
    name: Text
    parent: str | None = None


class Collection(Record, frozen=True, kw_only=True):
    """Products put together for an occasion; the products say which they are in."""

    slug: str
    name: Text
    description: Text


class Tag(Record, frozen=True, kw_only=True):
    """A tag and how it is shown."""

    slug: str
    name: Text


class OptionValue(Record, frozen=True, kw_only=True):
    """A value of an option."""

    code: str
    name: Text


class Option(Record, frozen=True, kw_only=True):
    """What variants of a product may differ in; a product takes the values that its variants use, in this order."""

    code: str
    name: Text
    values: list[OptionValue]


class CatalogFile(Record, frozen=True, kw_only=True):
    """`catalog.json`: what products refer to."""

    categories: list[Category]
    collections: list[Collection]
    brands: list[str]
    tags: list[Tag]
    options: list[Option]


class Media(Record, frozen=True, kw_only=True):
    """A picture: a file of `seed/media`, 800 by 800 pixels."""

    file: str
    alt: Text

    @property
    def path(self) -> str:
        """Where the server gives the file, relative to its own address."""
        return MEDIA_ROOT + self.file


class Variant(Record, frozen=True, kw_only=True):
    """What is bought. `price` is the base list's, for one unit.

    `barcode` is an EAN-13, null for what is weighed or has no label; `scale_code` is the five digits that a scale puts
    after the 2 of its labels (below 50000 a label gives the price, from there on the weight), null unless weighed.
    `weight_grams` is that of one unit. `stock`, `safety_stock` and `backorder` (how much may be sold beyond the stock)
    are by location; none of them for what is not tracked. `media` are files of the product's media that show this
    variant.
    """

    sku: str
    barcode: str | None = None
    scale_code: str | None = None
    options: dict[str, str] = {}
    price: Decimal
    compare_at: Decimal | None = None
    weight_grams: int
    media: list[str] = []
    track_stock: bool = True
    stock: dict[str, Decimal] = {}
    safety_stock: dict[str, Decimal] = {}
    backorder: dict[str, Decimal] = {}


class Product(Record, frozen=True, kw_only=True):
    """A product with its variants. `channels` are where an active one is published; `options` are codes, in order."""

    slug: str
    name: Text
    description: Text
    category: str
    brand: str | None = None
    tax_class: str
    status: Literal["active", "draft", "archived"] = "active"
    channels: list[str]
    unit: Unit = "un"
    quantity_step: Decimal = Decimal(1)
    requires_shipping: bool = True
    tags: list[str] = []
    collections: list[str] = []
    media: list[Media] = []
    options: list[str] = []
    variants: list[Variant]


# --- people.json ------------------------------------------------------------------------------------------------------


class CustomerGroup(Record, frozen=True, kw_only=True):
    """A group that price lists may name."""

    code: str
    name: Text


class Customer(Record, frozen=True, kw_only=True):
    """A customer, invented. `tax_id` is a CPF of eleven digits, `phone` in E.164."""

    email: str
    first_name: str
    last_name: str
    phone: str
    tax_id: str
    language: str
    groups: list[str] = []
    accepts_marketing: bool = False
    addresses: list[Address] = []


class Staff(Record, frozen=True, kw_only=True):
    """Who works here; without locations, in all of them."""

    email: str
    name: str
    role: Role
    locations: list[str] = []


class PeopleFile(Record, frozen=True, kw_only=True):
    """`people.json`."""

    customer_groups: list[CustomerGroup]
    customers: list[Customer]
    staff: list[Staff]


# --- prices.json ------------------------------------------------------------------------------------------------------


class Window(Record, frozen=True, kw_only=True):
    """A stretch of every week, in the shop's own time; `weekday` is 1 for Monday to 7 for Sunday."""

    weekday: int
    at: time
    hours: int
    utc_offset_hours: int

    def bounds(self, now: datetime) -> tuple[datetime, datetime]:
        """The stretch that holds `now`, else the next to come: its start and its end, in UTC. `now` has a time zone."""
        zone = timezone(timedelta(hours=self.utc_offset_hours))
        day = now.astimezone(zone).date()
        day += timedelta(days=self.weekday - day.isoweekday() - 7)
        start = datetime.combine(day, self.at, zone)
        length = timedelta(hours=self.hours)
        while start + length <= now:
            start += timedelta(weeks=1)
        return start.astimezone(UTC), (start + length).astimezone(UTC)


class PriceRow(Record, frozen=True, kw_only=True):
    """The unit price of a variant from `min_quantity` on; left out: of any quantity, 0.350 kg as well."""

    sku: str
    min_quantity: Decimal = Decimal(0)
    price: Decimal


class PriceList(Record, frozen=True, kw_only=True):
    """Prices for some channels, locations, groups or times; an empty list of a kind means all of it.

    Of the lists that hold, the one of the highest priority wins. The base list has no rows of its own: it takes each
    variant's `price` and `compare_at`.
    """

    code: str
    name: Text
    kind: Literal["base", "override"] = "override"
    currency: str
    priority: int
    channels: list[str] = []
    locations: list[str] = []
    customer_groups: list[str] = []
    window: Window | None = None
    prices: list[PriceRow] = []


# --- delivery.json ----------------------------------------------------------------------------------------------------


class WeightRate(Record, frozen=True, kw_only=True):
    """What delivery costs from this weight on."""

    from_grams: int
    price: Decimal


class TotalRate(Record, frozen=True, kw_only=True):
    """What delivery costs from this total of the goods on, after discounts."""

    from_total: Decimal
    price: Decimal


class DeliveryOption(Record, frozen=True, kw_only=True):
    """A way to get the goods: SHIP to these countries, or PICKUP at any store that offers it.

    It costs by weight or by total: the last rate that is reached; not offered below the first, nor above the greatest
    weight. Days are working days, both ends included.
    """

    code: str
    method: Literal["SHIP", "PICKUP"]
    name: Text
    description: Text
    tax_class: str
    countries: list[str] = []
    min_days: int
    max_days: int
    by_weight: list[WeightRate] = []
    by_total: list[TotalRate] = []
    max_weight_grams: int | None = None


class Content(Record, frozen=True, kw_only=True):
    """All of the demo shop; products in the order of their categories."""

    shop: ShopFile
    catalog: CatalogFile
    products: list[Product]
    people: PeopleFile
    price_lists: list[PriceList]
    delivery_options: list[DeliveryOption]
