"""What a quote stands on, read at once for any number of carts: variants, prices, taxes, customers' groups, places."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.carts.basket import SHIP, Basket, Delivery, Line
from app.catalog.queries import Sellable, sellable
from app.channels.queries import locations_by_ids
from app.customers.queries import groups_of
from app.delivery.options import delivery_methods
from app.platform.db import Reader
from app.pricing.frame import Frame, Place, frame_of, prices_of_variants
from app.pricing.price import PriceRow
from app.pricing.quotes import Ask, Buyer, VariantQuote, quote_one

Variants = Mapping[UUID, Sellable]


@dataclass(frozen=True, slots=True)
class Case:
    """A cart to be quoted. `anew`: leave its promise aside. `reconsider`: take today's price where it is lower."""

    basket: Basket
    channel: Row[Any]
    anew: bool
    reconsider: bool = False

    @property
    def promised_since(self) -> datetime | None:
        """Since when its oldest price is promised, as far as its channel's setting tells; None: it has no promise."""
        until: datetime | None = self.basket.row.prices_promised_until
        if self.anew or until is None:
            return None
        return until - timedelta(minutes=self.channel.price_promise_minutes)

    def shrinks(self) -> bool:
        """Whether something of what is promised goes away."""
        lines = self.basket.lines
        return any(line.quoted is not None and line.quantity < line.quoted for line in lines)


@dataclass(frozen=True, slots=True)
class Ground:
    """`variants` by channel, then by id; `prices` by variant; `groups` by customer."""

    now: datetime
    variants: Mapping[UUID, Variants]
    prices: Mapping[UUID, Sequence[PriceRow]]
    frame: Frame
    groups: Mapping[UUID, frozenset[UUID]]
    locations: Mapping[UUID, Row[Any]]
    methods: Sequence[Row[Any]]

    def place_of(self, case: Case, delivery: Delivery | None) -> Place:
        """Where goods are taxed: where they are shipped to, or where they are handed over."""
        if delivery is not None and delivery.method == SHIP:
            if delivery.address:
                return address_place(delivery.address)
        elif delivery is not None and delivery.location_id is not None:
            return location_place(self.locations[delivery.location_id])
        own = self.locations.get(case.basket.now_is("location_id"))
        return location_place(own) if own is not None else (case.channel.country, case.channel.region)

    def price_of(self, case: Case, line: Line, quantity: int, *, moment: datetime | None = None) -> VariantQuote | None:
        """What one unit of the line's variant costs, now or at a moment of the cart's promise (of a cart that shrinks),
        when so many thousandths are bought; None: no price.
        """
        variant = self.variants[case.channel.id].get(line.variant_id)
        if variant is None:
            return None
        basket, channel = case.basket, case.channel
        buyer = Buyer(
            channel_id=channel.id,
            currency=channel.currency,
            shows_tax=channel.prices_include_tax,
            place=self.place_of(case, basket.delivery_of(line)),
            moment=moment or self.now,
            location_id=basket.now_is("location_id"),
            customer_group_ids=self.groups.get(basket.now_is("customer_id"), frozenset()),
        )
        return quote_one(self.frame, self.prices[variant.id], Ask(variant.id, quantity, variant.tax_class_id), buyer)

    def moments_of(self, case: Case, line: Line) -> list[datetime]:
        """The moments of the cart's promise at which the variant may have begun to cost something else; now last."""
        since = case.promised_since or self.now
        rows = self.prices.get(line.variant_id, ())
        rules = [self.frame.lists[row.price_list_id] for row in rows if row.price_list_id in self.frame.lists]
        turns = {moment for row in rows for moment in (row.starts_at, row.ends_at)}
        turns |= {moment for rule in rules for moment in (rule.starts_at, rule.ends_at)}
        between = {moment for moment in turns if moment is not None and since < moment < self.now}
        return [*sorted(between | {since}), self.now]


def address_place(address: Mapping[str, Any]) -> Place:
    """The country and region of an address."""
    return address["country"], address.get("region")


def location_place(location: Row[Any]) -> Place:
    """The country and region of a location."""
    return location.country, location.region


async def ground_of(
    db: Reader, cases: Sequence[Case], now: datetime, *, variants: Mapping[UUID, Variants] | None = None
) -> Ground:
    """Read what these carts are quoted on. `variants`: by channel, where they were read before."""
    if variants is None:
        variants = await variants_of(db, cases, now)
    locations = await locations_by_ids(db, {key for case in cases for key in _location_ids(case.basket)})
    customers = {case.basket.now_is("customer_id") for case in cases}
    currencies = list({case.channel.currency for case in cases})
    # What was over before now tells nothing, but of what was promised at it.
    promised = [case.promised_since for case in cases if case.shrinks()]
    return Ground(
        now=now,
        variants=variants,
        prices=await prices_of_variants(
            db,
            {key for some in variants.values() for key in some},
            currencies=currencies,
            since=min([now, *filter(None, promised)]),
        ),
        frame=await frame_of(db, currencies=currencies, countries=_countries(cases, locations)),
        groups=await groups_of(db, {key for key in customers if key is not None}),
        locations=locations,
        methods=await delivery_methods(db) if any(_is_sent(case.basket) for case in cases) else (),
    )


async def variants_of(db: Reader, cases: Iterable[Case], now: datetime) -> dict[UUID, Variants]:
    """What these carts hold, as their channels would sell it; one statement a channel."""
    wanted: dict[UUID, set[UUID]] = {}
    for case in cases:
        wanted.setdefault(case.channel.id, set()).update(line.variant_id for line in case.basket.lines)
    return {
        channel_id: await sellable(db, keys, channel_id=channel_id, moment=now) if keys else {}
        for channel_id, keys in wanted.items()
    }


def _location_ids(basket: Basket) -> set[UUID]:
    found = {each.location_id for each in basket.deliveries} | {basket.now_is("location_id")}
    return {key for key in found if key is not None}


def _is_sent(basket: Basket) -> bool:
    return any(each.method != "CARRY_OUT" for each in basket.deliveries)


def _countries(cases: Iterable[Case], locations: Mapping[UUID, Row[Any]]) -> list[str]:
    found = {location.country for location in locations.values()}
    for case in cases:
        found.add(case.channel.country)
        found.update(each.address["country"] for each in case.basket.deliveries if each.address)
    return list(found)
