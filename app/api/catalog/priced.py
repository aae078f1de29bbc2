"""Prices of variants from the followed catalog: `price` of the inputs that are kept, and remembered while they hold."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.api.catalog.known import PRICED, KnownVariant, Priced
from app.api.catalog.sight import followed, till_location
from app.api.context import Context
from app.api.engine.batch import Batch
from app.api.engine.forms import Window
from app.api.pricing.prices import PriceRange, VariantPrice
from app.api.scalars import Quantity
from app.browse.followed import Catalog
from app.browse.settings import Settings
from app.platform.quantities import MILLI
from app.pricing.frame import Frame
from app.pricing.quotes import Ask, Buyer, VariantQuote, quote_one

if TYPE_CHECKING:
    from app.api.catalog.types import Product
    from app.api.catalog.variants import Variant


def known_prices(
    context: Context, variants: "Sequence[Variant]", quantity: int | None, settings: Settings | None = None
) -> list[VariantPrice | None] | None:
    """What one unit of each costs the caller when buying so many thousandths (None: one unit).

    None where not all of it is known: a variant, or the settings, unless they are given.
    """
    known = [variant.known for variant in variants]
    till = _till(context, settings)
    if till is None or not all(known):
        return None
    some = [each for each in known if each is not None]
    if quantity is None:
        return [each.shown for each in _priced(till, some)]
    currency, locale, frame = context.channel.currency, context.locale, till.settings.fresh_frame()
    quotes = [_quote(till, frame, each, quantity) for each in some]
    return [None if quote is None else VariantPrice.of(quote, currency, locale) for quote in quotes]


def known_ranges(
    context: Context, products: "Sequence[Product]", settings: Settings | None = None
) -> list[PriceRange | None] | None:
    """The range of each product's prices; None as above."""
    till = _till(context, settings)
    if till is None or not all(product.known for product in products):
        return None
    ranges: list[PriceRange | None] = []
    for product in products:
        known = [each.known for each in product.known.variants] if product.known else []
        shown = [each.shown.unit_price for each in _priced(till, [one for one in known if one]) if each.shown]
        amounts = [each.amount for each in shown]
        found = (
            PriceRange(min=shown[amounts.index(min(amounts))], max=shown[amounts.index(max(amounts))])
            if shown
            else None
        )
        ranges.append(found)
    return ranges


def price_lasts(
    variants: "Sequence[Variant]", batch: Batch[Context], quantity: Quantity | None = None
) -> Window | None:
    """How long what one unit of each costs holds, as `kept.Lasts`."""
    if "explanation" in batch.selection:
        return None
    return _lasts(batch.context, [variant.known for variant in variants], quantity)


def range_lasts(products: "Sequence[Product]", batch: Batch[Context]) -> Window | None:
    """How long the range of each product's prices holds, as `kept.Lasts`."""
    known = [each.known for product in products if product.known for each in product.known.variants]
    return _lasts(batch.context, known, None) if all(product.known for product in products) else None


def _lasts(context: Context, variants: Sequence[KnownVariant | None], quantity: int | None) -> Window | None:
    till = _till(context, None)
    known = [variant for variant in variants if variant is not None]
    if till is None or len(known) < len(variants):
        return None
    priced = _priced(till, known)
    begins, ends = [each.since for each in priced], [each.until for each in priced]
    quotes = [each.quote for each in priced]
    if quantity is not None:
        frame, begins = till.settings.fresh_frame(), [context.now]
        quotes = [_quote(till, frame, each, quantity) for each in known]
        ends = [None if quote is None else quote.valid_until for quote in quotes]
    # Of what has no price nobody says until when.
    if None in quotes:
        return None
    return max(begins, default=None), min((each for each in ends if each is not None), default=None)


class _Till:
    """Where the caller buys: the settings, and the buyer that prices are worked out for."""

    __slots__ = ("buyer", "catalog", "context", "place", "settings")

    def __init__(self, context: Context, catalog: Catalog, settings: Settings, buyer: Buyer) -> None:
        self.context = context
        self.catalog = catalog
        self.settings = settings
        self.buyer = buyer
        self.place = (context.channel.id, buyer.location_id)


def _till(context: Context, settings: Settings | None) -> _Till | None:
    catalog = followed(context)
    settings = settings or (catalog.settings_kept() if catalog is not None else None)
    if catalog is None or settings is None:
        return None
    channel, location_id = context.channel, till_location(context)
    place = (channel.country, channel.region)
    if location_id is not None:
        # At a till for its location and with the tax that is due there, as in its carts.
        location = settings.locations.get(location_id)
        if location is None:
            return None
        place = (location.country, location.region)
    buyer = Buyer(
        channel_id=channel.id,
        currency=channel.currency,
        shows_tax=channel.prices_include_tax,
        place=place,
        moment=context.now,
        location_id=location_id,
    )
    return _Till(context, catalog, settings, buyer)


def _priced(till: _Till, variants: Sequence[KnownVariant]) -> list[Priced]:
    frame, version, now, place = till.settings.frame, till.context.channel.version, till.context.now, till.place
    fresh: Frame | None = None
    found = []
    for variant in variants:
        priced = variant.prices.get(place)
        if (
            priced is None
            or priced.frame is not frame
            or priced.version != version
            or now < priced.since
            or (priced.until is not None and now >= priced.until)
        ):
            fresh = fresh or till.settings.fresh_frame()
            priced = _work_out(till, fresh, variant)
        found.append(priced)
    return found


def _work_out(till: _Till, fresh: Frame, variant: KnownVariant) -> Priced:
    channel, now = till.context.channel, till.context.now
    quote = _quote(till, fresh, variant, MILLI)
    shown = None if quote is None else VariantPrice.of(quote, channel.currency, till.context.locale)
    # Of what has no price nobody says until when: it is asked for anew each time.
    until = now if quote is None else quote.valid_until
    priced = Priced(till.settings.frame, channel.version, now, until, quote, shown)
    if quote is not None:
        if till.place not in variant.prices:
            till.catalog.grow(variant.entry, PRICED)
        variant.prices[till.place] = priced
    return priced


def _quote(till: _Till, frame: Frame, variant: KnownVariant, quantity: int) -> VariantQuote | None:
    facts = variant.facts
    ask = Ask(facts.id, quantity, facts.tax_class_id or variant.document.tax_class_id)
    return quote_one(frame, facts.prices, ask, till.buyer)
