"""What a cart costs: its stored prices while they are promised, else what they are now.

Until `prices_promised_until` a quantity that was quoted sells at its quoted price (`promise` says how). Once that is
over, everything is quoted anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.carts.basket import CARRY_OUT, PICKUP, Basket, Delivery, Line, contents
from app.carts.ground import Case, Ground, Variants, ground_of
from app.carts.promise import Part, cut_off, first, holds_for_less, kept, lowered, total
from app.carts.totals import DeliveryInput, LineInput, Totals, add_up
from app.delivery.options import Option, Parcel, options_for
from app.platform.db import Reader
from app.platform.errors import InvalidInput, Refusal, collect
from app.platform.money import half_up
from app.platform.quantities import MILLI, is_weighed
from app.pricing.quotes import VariantQuote
from app.pricing.tax import TaxLine, TaxRate


@dataclass(frozen=True, slots=True)
class Quoted:
    """A cart's totals, and what its variants are (by variant id; unknown ones are missing).

    `priced`: lines that have a price today, were it promised or given by staff; the others keep the one that they had.
    """

    totals: Totals
    variants: Variants
    priced: frozenset[UUID]


async def quote(
    db: Reader,
    basket: Basket,
    *,
    channel: Row[Any],
    now: datetime,
    anew: bool,
    reconsider: bool = False,
    variants: Variants | None = None,
) -> Quoted:
    """Work out the cart and put the amounts into its lines and deliveries; nothing is written.

    `anew`: leave the promise aside. `reconsider`: take today's price where it is lower (another customer, whose groups
    may pay less). `variants`: those of the lines, where they were read before. Raises InvalidInput (NO_PRICE) at the
    path of a line that is new or grows, AMOUNT_TOO_LARGE.
    """
    case = Case(basket, channel, anew=anew, reconsider=reconsider)
    known = None if variants is None else {channel.id: variants}
    return work_out(await ground_of(db, [case], now, variants=known), case)


def work_out(ground: Ground, case: Case) -> Quoted:
    """`quote` of one of the carts that the ground was read for."""
    basket, shows_tax = case.basket, case.channel.prices_include_tax
    variants = ground.variants[case.channel.id]
    basket.deliveries = [each for each in basket.deliveries if basket.lines_of(each)]
    refusals: list[Refusal] = []
    inputs, priced = [], []
    for line in basket.lines:
        today = ground.price_of(case, line, line.quantity)
        try:
            given = _line_input(ground, case, line, today)
        except Refusal as refusal:
            refusals.append(refusal)
            continue
        inputs.append(given)
        if today is not None or line.override is not None:
            priced.append(line.id)
    collect(refusals)
    totals = add_up(inputs, shows_tax=shows_tax)
    _put_lines(basket, totals)
    deliveries = _delivery_inputs(ground, case)
    if deliveries:
        totals = add_up(inputs, shows_tax=shows_tax, deliveries=deliveries)
    _put_deliveries(basket, totals)
    basket.changes |= {
        "subtotal": totals.subtotal,
        "discount": totals.discount,
        "delivery": totals.delivery,
        "tax": totals.tax,
        "rounding": totals.rounding,
        "total": totals.total,
        "taxes": stored_taxes(totals.taxes),
        "item_count": totals.item_count,
        "shows_tax": shows_tax,
    }
    return Quoted(totals=totals, variants=variants, priced=frozenset(priced))


def _line_input(ground: Ground, case: Case, line: Line, today: VariantQuote | None) -> LineInput:
    """The line's unit price and, where a label or several parts make it up, its total. The promise is kept on it."""
    parts = _parts(ground, case, line, today)
    variant = ground.variants[case.channel.id].get(line.variant_id)
    line.promised = [part._asdict() for part in parts[:-1]]
    if today is not None and line.override is None:
        line.price_list_id = today.price_list_id
    printed = line.label_total if line.override is None else None
    fixed = total(parts) if len(parts) > 1 else None
    return LineInput(
        id=line.id,
        unit=parts[-1].unit,
        quantity=line.quantity,
        rates=today.rates if today is not None else tuple(TaxRate(tax["name"], tax["rate_ppm"]) for tax in line.taxes),
        label_total=fixed if printed is None else printed,
        weighed=variant is not None and is_weighed(variant.quantity_step),
    )


def _parts(ground: Ground, case: Case, line: Line, today: VariantQuote | None) -> Sequence[Part]:
    """What the line sells at. Raises InvalidInput (NO_PRICE)."""
    stored = line.unit_gross if case.channel.prices_include_tax else line.unit_net
    if line.override is not None:
        if line.override_was is None:
            known = line.quoted is not None and not case.anew
            line.override_was = stored if known else today.unit if today is not None else line.override
        return [Part(line.override, line.quantity)]
    if today is None:
        return _without_price(ground, case, line, stored)
    if line.quoted is None or case.anew:
        return [Part(today.unit, line.quantity)]
    parts = quoted_parts(line, stored)
    if line.quantity != line.quoted:
        before = ground.price_of(case, line, line.quoted)
        today_before = before.unit if before is not None else None
        holds = partial(_holds, ground, case, line)
        parts = kept(parts, line.quantity, today=today.unit, today_before=today_before, holds=holds)
    return lowered(parts, today.unit) if case.reconsider else parts


def _holds(ground: Ground, case: Case, line: Line, unit: int, asked: int) -> bool:
    """Whether what is left of a line keeps a unit price that was quoted for so much of it."""

    def units(moment: datetime) -> tuple[int | None, int | None]:
        found = [ground.price_of(case, line, quantity, moment=moment) for quantity in (asked, line.quantity)]
        one, other = (each.unit if each is not None else None for each in found)
        return one, other

    return holds_for_less(unit, [units(moment) for moment in ground.moments_of(case, line)])


def _without_price(ground: Ground, case: Case, line: Line, stored: int) -> Sequence[Part]:
    """What has no price any more keeps the one that it had, but takes no more of it."""
    if line.quoted is not None and line.quantity <= line.quoted:
        parts = quoted_parts(line, stored)
        whole, cut = cut_off(parts, line.quantity)
        if cut is None or _holds(ground, case, line, cut.unit, sum(part.quantity for part in (*whole, cut))):
            return first(parts, line.quantity)
    if line.quoted is None and line.label_total is not None:
        return [Part(half_up(line.label_total * MILLI, line.quantity), line.quantity)]
    raise InvalidInput("This has no price here.", path=line.path, code="NO_PRICE")


def quoted_parts(line: Line, stored: int) -> list[Part]:
    """The parts of the stored quote; `stored`: its unit price, as the cart shows prices."""
    earlier = [Part(each["unit"], each["quantity"]) for each in line.promised]
    return [*earlier, Part(stored, (line.quoted or 0) - sum(part.quantity for part in earlier))]


def _delivery_inputs(ground: Ground, case: Case) -> list[DeliveryInput]:
    """What the chosen options cost. While promised, what was priced and goes unchanged keeps its price."""
    found = []
    for delivery in case.basket.deliveries:
        if delivery.method == CARRY_OUT:
            continue
        carries = contents(case.basket, delivery)
        if not case.anew and delivery.priced_for == carries and delivery.net is not None:
            shown = delivery.gross if case.channel.prices_include_tax else delivery.net
            rates = tuple(TaxRate(tax["name"], tax["rate_ppm"]) for tax in delivery.taxes)
            found.append(DeliveryInput(id=delivery.id, price=shown or 0, rates=rates))
            continue
        option = _chosen(delivery, offered(ground, case, delivery.method, delivery, case.basket.lines_of(delivery)))
        delivery.option = option.code if option is not None else None
        if option is None:
            delivery.net = delivery.gross = delivery.priced_for = None
            delivery.taxes = []
        else:
            delivery.priced_for = carries
            found.append(DeliveryInput(id=delivery.id, price=option.price, rates=option.rates))
    return found


def _chosen(delivery: Delivery, options: Sequence[Option]) -> Option | None:
    """The option that was chosen, if it is still offered. Where there is one way to pick up, it need not be chosen."""
    if delivery.option is None and delivery.method == PICKUP and len(options) == 1:
        return options[0]
    return next((each for each in options if each.code == delivery.option), None)


def offered(ground: Ground, case: Case, method: str, delivery: Delivery | None, lines: Sequence[Line]) -> list[Option]:
    """The options of a method for some lines of a cart that has been quoted."""
    return options_for(
        ground.methods,
        frame=ground.frame,
        channel=case.channel,
        method=method,
        parcel=parcel_of(lines, ground.variants[case.channel.id], case.channel.prices_include_tax),
        place=ground.place_of(case, delivery),
        moment=ground.now,
    )


def parcel_of(lines: Sequence[Line], variants: Variants, shows_tax: bool) -> Parcel:
    """Weight (grams) and goods total (as the channel shows it) of quoted lines."""
    weight = 0
    for line in lines:
        variant = variants.get(line.variant_id)
        if variant is not None and variant.weight_grams:
            weight += half_up(variant.weight_grams * line.quantity, MILLI)
    return Parcel(weight_grams=weight, goods_total=sum(line.total(shows_tax) for line in lines))


def stored_taxes(taxes: Sequence[TaxLine]) -> list[dict[str, Any]]:
    """Tax lines as they are stored."""
    return [
        {"name": dict(each.name), "rate_ppm": each.rate_ppm, "base": each.base, "amount": each.amount} for each in taxes
    ]


def _put_lines(basket: Basket, totals: Totals) -> None:
    for line, found in zip(basket.lines, totals.lines, strict=True):
        line.unit_net, line.unit_gross = found.unit.net, found.unit.gross
        line.subtotal_net, line.subtotal_gross = found.subtotal.net, found.subtotal.gross
        line.total_net, line.total_gross = found.total.net, found.total.gross
        line.taxes = stored_taxes(found.taxes)
        line.quoted = line.quantity


def _put_deliveries(basket: Basket, totals: Totals) -> None:
    deliveries: Mapping[UUID, Delivery] = {delivery.id: delivery for delivery in basket.deliveries}
    for found in totals.deliveries:
        delivery = deliveries[found.id]
        delivery.net, delivery.gross = found.price.net, found.price.gross
        delivery.taxes = stored_taxes(found.taxes)
