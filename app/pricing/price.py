"""The price: one pure function that every channel, listing, cart, checkout, till, feed and snapshot asks.

A channel, location, customer group or quantity changes a price only where a price list names it. Which price applies:

1. Of the lists that match the request (currency, channel, location, group, quantity, time), an override goes before the
   base list, then the higher priority, then the more specific: one that names locations before one that names customer
   groups, that before one that names channels. Among equals the lower amount, then the older list (by id).
2. Within a list, of the rows whose time it is and whose minimum is reached: the highest minimum quantity, then the
   latest start, then the youngest row (by id).

Amounts are minor units, quantities thousandths. A time window holds its start and not its end.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from app.platform.quantities import MILLI, format_quantity
from app.pricing.reasons import PriceStep, Reason
from app.pricing.tax import Taxed, TaxRate, convert_side

# A schedule may hold any number of moments at which nothing changes for this request; so many are looked through.
_PROBED: Final = 16


class PriceListRule(Struct, frozen=True, kw_only=True):
    """When a price list applies. Of the sets None is any, an empty one nobody. Several conditions must all hold."""

    id: UUID
    code: str
    currency: str
    includes_tax: bool
    is_base: bool = False
    priority: int = 0
    channel_ids: frozenset[UUID] | None = None
    location_ids: frozenset[UUID] | None = None
    customer_group_ids: frozenset[UUID] | None = None
    """The customer must be in one of them."""
    min_quantity: int = 0
    """Thousandths."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    active: bool = True


class PriceRow(Struct, frozen=True, kw_only=True):
    """What one unit of a variant costs in a list, from a quantity on and for a time. Rows are ended, never changed."""

    id: UUID
    price_list_id: UUID
    variant_id: UUID
    amount: int
    """Minor units of the list's currency, with tax or without as the list says."""
    compare_at: int | None = None
    min_quantity: int = 0
    """Thousandths."""
    starts_at: datetime
    ends_at: datetime | None = None


class PriceRequest(Struct, frozen=True, kw_only=True):
    """Everything that a price may depend on."""

    variant_id: UUID
    currency: str
    moment: datetime
    channel_id: UUID
    quantity_milli: int = MILLI
    customer_group_ids: frozenset[UUID] = frozenset()
    location_id: UUID | None = None
    """Where the goods are sold, when that is known: lists of a location apply nowhere else."""
    coupons: tuple[str, ...] = ()
    """For promotions; no price list asks for one."""


class Quote(Struct, frozen=True, kw_only=True):
    """The price of one unit as the winning list states it; `unit_minor` and the ids are None where there is no price.

    Until just before `valid_until` (None: as far as is known) nothing in it but `explanation` changes.
    """

    unit_minor: int | None
    includes_tax: bool
    compare_at_minor: int | None
    """The price before reductions, above `unit_minor`: the row's own, else what the base list would have charged."""
    valid_until: datetime | None
    price_list_id: UUID | None
    price_id: UUID | None
    explanation: tuple[PriceStep, ...] = ()
    """The lists in their order of precedence, the base list last; empty where it was not asked for."""


class ShownPrice(Struct, frozen=True, kw_only=True):
    """A quote as a channel shows it, with tax or without."""

    unit_minor: int
    taxed: Taxed
    compare_at_minor: int | None
    explanation: tuple[PriceStep, ...]


# A row that may apply at some moment, its list, and the window in which both are in force.
_Candidate = tuple[PriceRow, PriceListRule, datetime, datetime | None]
_Answer = tuple[_Candidate | None, int | None]


def price(
    request: PriceRequest,
    rows: Sequence[PriceRow],
    lists: Mapping[UUID, PriceListRule],
    *,
    rates: Sequence[TaxRate] = (),
    explain: bool = False,
) -> Quote:
    """What one unit of the variant costs, and why.

    `rows`: prices of the variant in any lists and of any time, in any order; other variants' are passed over.
    `lists`: by id. `rates`: only for a `compare_at_minor` from a base list on the other side of tax. The moment must
    know its zone, as all times here do.
    """
    candidates = _candidates(request, rows, lists)
    answer = _answer(candidates, request.moment, rates)
    winner, compare_at = answer
    valid_until = _changes_at(candidates, request.moment, rates, answer)
    steps = _explain(request, rows, lists, candidates, winner) if explain else ()
    if winner is None:
        return Quote(
            unit_minor=None,
            includes_tax=True,
            compare_at_minor=None,
            valid_until=valid_until,
            price_list_id=None,
            price_id=None,
            explanation=steps,
        )
    row, rule, _, _ = winner
    return Quote(
        unit_minor=row.amount,
        includes_tax=rule.includes_tax,
        compare_at_minor=compare_at,
        valid_until=valid_until,
        price_list_id=rule.id,
        price_id=row.id,
        explanation=steps,
    )


def shown(quote: Quote, *, shows_tax: bool, rates: Sequence[TaxRate]) -> ShownPrice | None:
    """The quote as a channel shows it, under the rates of the variant's tax class; None where there is no price."""
    if quote.unit_minor is None:
        return None
    unit, unit_taxed = convert_side(quote.unit_minor, quote.includes_tax, shows_tax, rates)
    compare_at, steps = quote.compare_at_minor, quote.explanation
    if quote.includes_tax != shows_tax:
        if compare_at is not None:
            compare_at = convert_side(compare_at, quote.includes_tax, shows_tax, rates)[0]
            # Taking tax off may round two prices a cent apart to one.
            compare_at = compare_at if compare_at > unit else None
        if steps:
            code = Reason.TAX_ADDED if shows_tax else Reason.TAX_TAKEN_OFF
            steps = (*steps, PriceStep("tax", code, True, unit))
    return ShownPrice(unit_minor=unit, taxed=unit_taxed, compare_at_minor=compare_at, explanation=steps)


def _candidates(
    request: PriceRequest, rows: Iterable[PriceRow], lists: Mapping[UUID, PriceListRule]
) -> list[_Candidate]:
    found: list[_Candidate] = []
    for row in rows:
        rule = lists.get(row.price_list_id)
        if (
            rule is None
            or row.min_quantity > request.quantity_milli
            or row.variant_id != request.variant_id
            or _mismatch(rule, request) is not None
        ):
            continue
        begins, ends = row.starts_at, row.ends_at
        if rule.starts_at is not None and rule.starts_at > begins:
            begins = rule.starts_at
        if rule.ends_at is not None and (ends is None or rule.ends_at < ends):
            ends = rule.ends_at
        if ends is None or (begins < ends and request.moment < ends):
            found.append((row, rule, begins, ends))
    return found


def _mismatch(rule: PriceListRule, request: PriceRequest) -> Reason | None:
    """Why the list is not for this request at any time, if it is not."""
    if not rule.active:
        return Reason.LIST_INACTIVE
    if rule.currency != request.currency:
        return Reason.OTHER_CURRENCY
    if rule.channel_ids is not None and request.channel_id not in rule.channel_ids:
        return Reason.OTHER_CHANNEL
    if rule.location_ids is not None and request.location_id not in rule.location_ids:
        return Reason.OTHER_LOCATION
    if rule.customer_group_ids is not None and rule.customer_group_ids.isdisjoint(request.customer_group_ids):
        return Reason.OTHER_CUSTOMER_GROUP
    if rule.min_quantity > request.quantity_milli:
        return Reason.LIST_BELOW_MINIMUM
    return None


def _best_of_lists(candidates: Iterable[_Candidate], moment: datetime) -> dict[UUID, _Candidate]:
    """The row that each list would charge at a moment."""
    best: dict[UUID, _Candidate] = {}
    for candidate in candidates:
        row, _, begins, ends = candidate
        if begins <= moment and (ends is None or moment < ends):
            rival = best.get(row.price_list_id)
            if rival is None or _strength(row) > _strength(rival[0]):
                best[row.price_list_id] = candidate
    return best


def _strength(row: PriceRow) -> tuple[int, datetime, UUID]:
    return (row.min_quantity, row.starts_at, row.id)


def _rank(rule: PriceListRule) -> tuple[bool, int, int]:
    """Sorts lists by precedence, the strongest first."""
    specificity = (
        4 * (rule.location_ids is not None) + 2 * (rule.customer_group_ids is not None) + (rule.channel_ids is not None)
    )
    return (rule.is_base, -rule.priority, -specificity)


def _precedence(candidate: _Candidate) -> tuple[tuple[bool, int, int], int, UUID]:
    row, rule, _, _ = candidate
    return (_rank(rule), row.amount, rule.id)


def _answer(candidates: Sequence[_Candidate], moment: datetime, rates: Sequence[TaxRate]) -> _Answer:
    """The winner and the price to compare it with."""
    best = _best_of_lists(candidates, moment)
    if not best:
        return None, None
    ranked = [*best.values()] if len(best) == 1 else sorted(best.values(), key=_precedence)
    winner = ranked[0]
    row, rule, _, _ = winner
    if row.compare_at is not None and row.compare_at > row.amount:
        return winner, row.compare_at
    if not rule.is_base:
        for base_row, base_rule, _, _ in ranked:
            if base_rule.is_base:
                before = base_row.amount
                if base_rule.includes_tax != rule.includes_tax:
                    before, _ = convert_side(before, base_rule.includes_tax, rule.includes_tax, rates)
                return winner, before if before > row.amount else None
    return winner, None


def _changes_at(
    candidates: Sequence[_Candidate], moment: datetime, rates: Sequence[TaxRate], answer: _Answer
) -> datetime | None:
    """The earliest instant after `moment` that brings another answer; after many that bring none, the next one."""
    instants: set[datetime] = set()
    for _, _, begins, ends in candidates:
        if begins > moment:
            instants.add(begins)
        if ends is not None:
            instants.add(ends)
    if instants:
        for count, instant in enumerate(sorted(instants)):
            if count == _PROBED or _answer(candidates, instant, rates) != answer:
                return instant
    return None


def _explain(
    request: PriceRequest,
    rows: Iterable[PriceRow],
    lists: Mapping[UUID, PriceListRule],
    candidates: Sequence[_Candidate],
    winner: _Candidate | None,
) -> tuple[PriceStep, ...]:
    by_list: dict[UUID, list[PriceRow]] = {}
    for row in sorted(rows, key=_strength, reverse=True):
        if row.variant_id == request.variant_id:
            by_list.setdefault(row.price_list_id, []).append(row)
    best = _best_of_lists(candidates, request.moment)
    steps: list[PriceStep] = []
    for rule in sorted(lists.values(), key=lambda rule: (_rank(rule), rule.id)):
        own = by_list.pop(rule.id, [])
        refused = _list_step(rule, request, priced=bool(own))
        steps += [refused] if refused else [_row_step(row, rule, request, best.get(rule.id), winner) for row in own]
    steps += [PriceStep(f"price-list:{unknown}", Reason.LIST_UNKNOWN, False) for unknown in sorted(by_list)]
    return tuple(steps)


def _list_step(rule: PriceListRule, request: PriceRequest, *, priced: bool) -> PriceStep | None:
    """Why no row of the list can apply, if none can."""
    code = _mismatch(rule, request)
    params: dict[str, str] = {}
    if code is Reason.OTHER_CURRENCY:
        params = {"currency": rule.currency, "asked": request.currency}
    elif code is Reason.LIST_BELOW_MINIMUM:
        params = _minimum(rule.min_quantity, request)
    elif code is None and rule.ends_at is not None and rule.ends_at <= request.moment:
        code, params = Reason.LIST_ENDED, _at(rule.ends_at)
    elif code is None and rule.starts_at is not None and rule.starts_at > request.moment:
        code, params = Reason.LIST_NOT_STARTED, _at(rule.starts_at)
    elif code is None and not priced:
        code = Reason.NOT_PRICED
    return PriceStep(f"price-list:{rule.code}", code, False, None, params) if code else None


def _row_step(
    row: PriceRow, rule: PriceListRule, request: PriceRequest, best: _Candidate | None, winner: _Candidate | None
) -> PriceStep:
    code, params = Reason.LIST_PRICE, {}
    if row.min_quantity > request.quantity_milli:
        code, params = Reason.BELOW_MINIMUM, _minimum(row.min_quantity, request)
    elif row.ends_at is not None and row.ends_at <= request.moment:
        code, params = Reason.ENDED, _at(row.ends_at)
    elif row.starts_at > request.moment:
        code, params = Reason.NOT_STARTED, _at(row.starts_at)
    elif best is not None and winner is not None and winner[0] is not row:
        if best[0] is row:
            code, params = _lost(best, winner), {"list": winner[1].code}
        elif best[0].min_quantity > row.min_quantity:
            code, params = Reason.LARGER_MINIMUM_APPLIES, _minimum(best[0].min_quantity, request)
        else:
            code, params = Reason.REPLACED, _at(best[0].starts_at)
    return PriceStep(f"price-list:{rule.code}", code, code is Reason.LIST_PRICE, row.amount, params)


def _lost(loser: _Candidate, winner: _Candidate) -> Reason:
    """What put one list behind another: the first part in which their precedence differs."""
    (lost_base, lost_priority, lost_specificity), lost_amount, _ = _precedence(loser)
    (won_base, won_priority, won_specificity), won_amount, _ = _precedence(winner)
    if lost_base != won_base:
        return Reason.OVERRIDDEN
    if lost_priority != won_priority:
        return Reason.LOWER_PRIORITY
    if lost_specificity != won_specificity:
        return Reason.LESS_SPECIFIC
    return Reason.HIGHER_PRICE if lost_amount != won_amount else Reason.YOUNGER_LIST


def _minimum(minimum: int, request: PriceRequest) -> dict[str, str]:
    return {"minimum": str(format_quantity(minimum)), "quantity": str(format_quantity(request.quantity_milli))}


def _at(moment: datetime) -> dict[str, str]:
    return {"at": moment.astimezone(UTC).isoformat().replace("+00:00", "Z")}
