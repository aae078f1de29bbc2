"""What a cart costs: its stored prices while they are promised, else what they are now.

Until `prices_promised_until` a quantity that was quoted sells at its quoted price. A line whose quantity grew while its
price moved keeps the quoted price for what was quoted, and pays today's for the rest. Once the promise is over,
everything is quoted anew.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.carts.basket import PICKUP, SHIP, Basket, Delivery, Line
from app.carts.totals import DeliveryInput, LineInput, LineTotals, Totals, add_up
from app.catalog.queries import sellable
from app.channels.queries import locations_by_ids
from app.customers.queries import groups_of
from app.delivery import options
from app.platform.db import Reader
from app.platform.errors import InvalidInput, Refusal, collect
from app.platform.money import half_up
from app.platform.quantities import MILLI
from app.pricing.quotes import Ask, VariantQuote, quote_variants
from app.pricing.tax import TaxLine, TaxRate

Place = tuple[str, str | None]


@dataclass(slots=True)
class Quoted:
    """A cart's totals, and what its variants are (by variant id; withdrawn ones may be missing)."""

    totals: Totals
    variants: Mapping[UUID, Row[Any]]
    # Lines that have a price now; the others keep the one they had.
    priced: Collection[UUID]


async def quote(
    db: Reader, basket: Basket, *, channel: Row[Any], now: datetime, anew: bool, reconsider: bool = False
) -> Quoted:
    """Work out the cart and put the amounts into its lines and deliveries; nothing is written.

    `anew`: leave the promise aside. `reconsider`: take today's price where it is lower (another customer, whose groups
    may pay less). Raises InvalidInput (NO_PRICE, NOT_FOR_SALE) at a new line's path.
    """
    variants = await sellable(db, [line.variant_id for line in basket.lines], channel_id=channel.id, moment=now)
    fresh, before = await _prices(db, basket, variants, channel, now)
    refusals: list[Refusal] = []
    inputs = []
    for line in basket.lines:
        if line.quoted is None and not (line.variant_id in variants and variants[line.variant_id].published):
            refusals.append(InvalidInput("This is not for sale here.", path=line.path, code="NOT_FOR_SALE"))
        elif line.quoted is None and fresh.get(line.id) is None and line.override is None and line.label_total is None:
            refusals.append(InvalidInput("This has no price here.", path=line.path, code="NO_PRICE"))
        else:
            inputs.append(_line_input(line, fresh.get(line.id), before.get(line.id), anew, reconsider, channel))
            variant = variants.get(line.variant_id)
            inputs[-1] = _weighed(inputs[-1], variant)
    collect(refusals)
    shows_tax = channel.prices_include_tax
    goods = add_up(inputs, shows_tax=shows_tax)
    deliveries = await _delivery_inputs(db, basket, goods, variants, channel, now)
    totals = add_up(inputs, shows_tax=shows_tax, deliveries=deliveries)
    _put(basket, totals, shows_tax)
    for line in basket.lines:
        found = fresh.get(line.id)
        if found is not None and line.override is None:
            line.price_list_id = found.price_list_id
        line.quoted = line.quantity
    return Quoted(totals=totals, variants=variants, priced={key for key, found in fresh.items() if found})


async def _prices(
    db: Reader, basket: Basket, variants: Mapping[UUID, Row[Any]], channel: Row[Any], now: datetime
) -> tuple[dict[UUID, VariantQuote | None], dict[UUID, VariantQuote | None]]:
    """Today's price of each line at its quantity; and, where that changed, at the quantity that was quoted."""
    customer_id = basket.now_is("customer_id")
    groups = (await groups_of(db, [customer_id])).get(customer_id, frozenset()) if customer_id else frozenset()
    places = await _places(db, basket, channel)
    fresh: dict[UUID, VariantQuote | None] = {}
    before: dict[UUID, VariantQuote | None] = {}
    for place in sorted(set(places.values()), key=str):
        asked: list[tuple[dict[UUID, VariantQuote | None], UUID]] = []
        asks: list[Ask] = []
        for line in basket.lines:
            if places[line.id] != place or line.variant_id not in variants:
                continue
            tax_class_id = variants[line.variant_id].tax_class_id
            asks.append(Ask(line.variant_id, line.quantity, tax_class_id))
            asked.append((fresh, line.id))
            if line.quoted is not None and line.quoted != line.quantity:
                asks.append(Ask(line.variant_id, line.quoted, tax_class_id))
                asked.append((before, line.id))
        found = await quote_variants(
            db,
            asks,
            channel=channel,
            moment=now,
            location_id=basket.now_is("location_id"),
            customer_group_ids=groups,
            country=place[0],
            region=place[1],
        )
        for (answers, line_id), answer in zip(asked, found, strict=True):
            answers[line_id] = answer
    return fresh, before


async def _places(db: Reader, basket: Basket, channel: Row[Any]) -> dict[UUID, Place]:
    """Where each line is taxed: where it is shipped to, or the place that it is taken from."""
    wanted = {each.location_id for each in basket.deliveries} | {basket.now_is("location_id")}
    locations = await locations_by_ids(db, [key for key in wanted if key is not None])
    default: Place = (channel.country, channel.region)
    own = locations.get(basket.now_is("location_id"))
    if own is not None:
        default = (own.country, own.region)
    by_delivery: dict[UUID | None, Place] = {None: default}
    for delivery in basket.deliveries:
        by_delivery[delivery.id] = default
        if delivery.method == SHIP and delivery.address:
            by_delivery[delivery.id] = (delivery.address["country"], delivery.address.get("region"))
        elif delivery.location_id in locations:
            place = locations[delivery.location_id]
            by_delivery[delivery.id] = (place.country, place.region)
    return {line.id: by_delivery.get(line.delivery_id, default) for line in basket.lines}


def _line_input(
    line: Line,
    fresh: VariantQuote | None,
    before: VariantQuote | None,
    anew: bool,
    reconsider: bool,
    channel: Row[Any],
) -> LineInput:
    shows_tax = channel.prices_include_tax
    stored = line.unit_gross if shows_tax else line.unit_net
    rates = fresh.rates if fresh is not None else tuple(_rate_of(each) for each in line.taxes)
    unit = fresh.unit if fresh is not None else stored
    total = line.label_total
    if line.override is not None:
        if line.override_was is None:
            line.override_was = unit if fresh is not None else line.override
        unit, line.promised_unit, line.promised_quantity = line.override, None, None
    elif line.quoted is None or anew or fresh is None:
        line.promised_unit = line.promised_quantity = None
    else:
        unit, total = _promised(line, stored, fresh.unit, before, reconsider, total)
    return LineInput(id=line.id, unit=unit, quantity=line.quantity, rates=rates, label_total=total)


def _promised(
    line: Line, stored: int, unit: int, before: VariantQuote | None, reconsider: bool, total: int | None
) -> tuple[int, int | None]:
    """Unit price and, where two prices make up the line, its total; the promise is kept on the line."""
    promised, quantity = line.promised_unit, line.promised_quantity
    if promised is None and line.quantity != line.quoted and before is not None and before.unit != stored:
        promised, quantity = stored, line.quoted
    if promised is None or quantity is None:
        if line.quantity != line.quoted:
            return unit, total
        return (min(stored, unit) if reconsider else stored), total
    if reconsider and unit <= promised:
        line.promised_unit = line.promised_quantity = None
        return unit, total
    kept = min(quantity, line.quantity)
    if kept == line.quantity:
        line.promised_unit = line.promised_quantity = None
        return promised, total
    line.promised_unit, line.promised_quantity = promised, kept
    return unit, half_up(promised * kept + unit * (line.quantity - kept), MILLI)


def _rate_of(stored: Mapping[str, Any]) -> TaxRate:
    return TaxRate(stored["name"], stored["rate_ppm"])


def _weighed(line: LineInput, variant: Row[Any] | None) -> LineInput:
    if variant is None or variant.quantity_step % MILLI == 0:
        return line
    return LineInput(
        id=line.id, unit=line.unit, quantity=line.quantity, rates=line.rates, label_total=line.label_total, weighed=True
    )


async def _delivery_inputs(
    db: Reader,
    basket: Basket,
    goods: Totals,
    variants: Mapping[UUID, Row[Any]],
    channel: Row[Any],
    now: datetime,
) -> list[DeliveryInput]:
    """What the chosen options cost now; an option that is not offered any more is unset."""
    chosen = [each for each in basket.deliveries if each.option is not None and each.method in (SHIP, PICKUP)]
    totals = {line.id: line for line in goods.lines}
    inputs = []
    for delivery in chosen:
        parcel = parcel_of(basket.lines_of(delivery), totals, variants, channel.prices_include_tax)
        offered = await options.options_for(
            db, channel=channel, method=delivery.method, parcel=parcel, place=place_of(delivery, channel), moment=now
        )
        option = next((each for each in offered if each.code == delivery.option), None)
        if option is None:
            delivery.option = delivery.net = delivery.gross = None
            delivery.taxes = []
        else:
            inputs.append(DeliveryInput(id=delivery.id, price=option.price, rates=option.rates))
    return inputs


def place_of(delivery: Delivery, channel: Row[Any]) -> Place:
    """The country and region that a delivery goes to."""
    if delivery.address:
        return delivery.address["country"], delivery.address.get("region")
    return channel.country, channel.region


def parcel_of(
    lines: Sequence[Line], totals: Mapping[UUID, LineTotals], variants: Mapping[UUID, Row[Any]], shows_tax: bool
) -> options.Parcel:
    """Weight (grams) and goods total (as the channel shows it) of some lines."""
    weight = goods = 0
    for line in lines:
        variant = variants.get(line.variant_id)
        weight += half_up((variant.weight_grams or 0) * line.quantity, MILLI) if variant is not None else 0
        total = totals[line.id].total
        goods += total.gross if shows_tax else total.net
    return options.Parcel(weight_grams=weight, goods_total=goods)


def stored_taxes(taxes: Sequence[TaxLine]) -> list[dict[str, Any]]:
    """Tax lines as they are stored."""
    return [
        {"name": dict(each.name), "rate_ppm": each.rate_ppm, "base": each.base, "amount": each.amount} for each in taxes
    ]


def _put(basket: Basket, totals: Totals, shows_tax: bool) -> None:
    by_id = {line.id: line for line in basket.lines}
    for each in totals.lines:
        line = by_id[each.id]
        line.unit_net, line.unit_gross = each.unit.net, each.unit.gross
        line.subtotal_net, line.subtotal_gross = each.subtotal.net, each.subtotal.gross
        line.total_net, line.total_gross = each.total.net, each.total.gross
        line.taxes = stored_taxes(each.taxes)
    deliveries = {delivery.id: delivery for delivery in basket.deliveries}
    for priced in totals.deliveries:
        delivery = deliveries[priced.id]
        delivery.net, delivery.gross = priced.price.net, priced.price.gross
        delivery.taxes = stored_taxes(priced.taxes)
    basket.changes |= {
        "subtotal": totals.subtotal,
        "discount": totals.discount,
        "delivery": totals.delivery,
        "tax": totals.tax,
        "rounding": totals.rounding,
        "total": totals.total,
        "taxes": stored_taxes(totals.taxes),
        "shows_tax": shows_tax,
    }
