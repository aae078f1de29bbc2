"""Lines of a cart: add, change, remove."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.carts.ahead import TO_ADD, TO_CHANGE
from app.carts.basket import CARRY_OUT, Basket, Delivery, Line
from app.carts.write import channel_of, finish, lock
from app.catalog.fields import storable
from app.catalog.queries import Sellable, sellable
from app.identity.fields import text
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, Path, Refusal, collect
from app.platform.ids import new_id
from app.platform.quantities import MILLI, fits_step, format_quantity

AT_TILLS = frozenset({"POS", "KIOSK"})
MOST_AT_ONCE = 100
MOST_UNITS = 1_000_000 * MILLI
MOST_ATTRIBUTES = 20
LONGEST_ATTRIBUTE = 500
LONGEST_REASON = 500
OVERRIDE = "prices.override"
# Who takes money at a counter sees the package that a label is on.
COUNTER = "payments.settle"
QUANTITY = "INVALID_QUANTITY"


@dataclass(frozen=True, slots=True)
class Override:
    """A price given by staff: one unit's, in minor units, as the channel shows prices."""

    unit_minor: int
    reason: str


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line to add. `quantity` in thousandths; `label_total` in minor units where a scale's label tells the price."""

    variant_id: UUID
    quantity: int
    attributes: tuple[tuple[str, str], ...] = ()
    override: Override | None = None
    label_total: int | None = None
    path: Path = ()


@dataclass(frozen=True, slots=True)
class LineChange:
    """A change of one line; None is left as it is, quantity 0 removes. `drop_override` takes an override away."""

    line_id: UUID
    quantity: int | None = None
    attributes: tuple[tuple[str, str], ...] | None = None
    override: Override | None = None
    drop_override: bool = False
    path: Path = ()


async def add_lines(
    tx: Tx, actor: Actor, *, cart_id: UUID | None, expected_version: int | None, lines: Sequence[NewLine]
) -> UUID:
    """Add lines and hold their stock. A variant again joins the line with the same attributes and price override.

    Raises NotFound, VersionConflict, InvalidInput, InsufficientStock; Forbidden for a price without `prices.override`.
    """
    if not lines:
        raise InvalidInput("Name at least one line.", path=("lines",), code="EMPTY")
    named = {line.variant_id for line in lines}
    basket = await lock(tx, actor, cart_id, expected_version, questions=TO_ADD, variants=named)
    channel = await channel_of(tx, basket)
    variants = await put_lines(tx, actor, basket, channel, lines)
    await finish(tx, actor, basket, channel=channel, variants=variants)
    return basket.id


async def put_lines(
    tx: Tx, actor: Actor, basket: Basket, channel: Row[Any], lines: Sequence[NewLine]
) -> dict[UUID, Sellable]:
    """Add lines to a cart in memory; the variants of all its lines. Raises InvalidInput, Forbidden."""
    check_count(lines)
    if any(line.override for line in lines):
        actor.principal.require(OVERRIDE)
    wanted = {line.variant_id for line in lines} | {line.variant_id for line in basket.lines}
    variants = await sellable(tx, wanted, channel_id=channel.id, moment=actor.now)
    at_till = channel.kind in AT_TILLS and basket.now_is("location_id") is not None
    refusals: list[Refusal] = []
    for line in lines:
        try:
            _put(basket, actor, line, variants.get(line.variant_id), at_till)
        except Refusal as refusal:
            refusals.append(refusal)
    collect(refusals)
    return variants


def _put(basket: Basket, actor: Actor, new: NewLine, variant: Sellable | None, at_till: bool) -> None:
    if variant is None or not variant.published:
        if variant is None or not actor.principal.may("catalog.read"):
            # To a shopper a draft is not there, nor is what other channels sell.
            raise NotFound("There is no such variant.", path=(*new.path, "variant"))
        raise _not_for_sale((*new.path, "variant"))
    if new.label_total is not None and not actor.principal.may(COUNTER):
        # Whoever knows how a label is made could print any price.
        raise InvalidInput(
            "A package with a printed price is sold at a till.", path=(*new.path, "variant"), code="SOLD_AT_TILLS"
        )
    if new.label_total is not None and variant.quantity_step % MILLI == 0 and new.quantity != MILLI:
        # Two for the price that one is labelled with.
        raise InvalidInput("The label is of one package.", path=(*new.path, "quantity"), code="CONTRADICTS_BARCODE")
    if new.quantity <= 0:
        raise InvalidInput("The quantity must be above 0.", path=(*new.path, "quantity"), code=QUANTITY)
    attributes = checked_attributes(new.attributes, (*new.path, "attributes"))
    line = _twin(basket, new, attributes)
    quantity = new.quantity + (line.quantity if line else 0)
    check_quantity(quantity, variant, new.path)
    if line is None:
        line = Line(
            id=new_id(),
            variant_id=new.variant_id,
            position=max((each.position for each in basket.lines), default=0) + 1,
            name=variant.name,
            sku=variant.sku,
            quantity=quantity,
            attributes=attributes,
            label_total=new.label_total,
            delivery_id=_carried_out(basket) if at_till else _with_the_others(basket, variant),
        )
        basket.lines.append(line)
    line.quantity = quantity
    line.touched, line.path = True, new.path
    if new.override is not None:
        give_price(line, actor, new.override, new.path)


def _not_for_sale(path: Path) -> InvalidInput:
    return InvalidInput("This is not for sale here.", path=path, code="NOT_FOR_SALE")


def _twin(basket: Basket, new: NewLine, attributes: list[dict[str, str]]) -> Line | None:
    """The line that a new one joins. A package with a printed price is a line of its own."""
    override = new.override.unit_minor if new.override else None
    if new.label_total is not None:
        return None
    return next(
        (
            line
            for line in basket.lines
            if line.variant_id == new.variant_id
            and line.attributes == attributes
            and line.override == override
            and line.label_total is None
        ),
        None,
    )


def _carried_out(basket: Basket) -> UUID:
    """At a till a line is carried out unless told otherwise."""
    location_id = basket.now_is("location_id")
    for delivery in basket.deliveries:
        if delivery.method == CARRY_OUT and delivery.location_id == location_id:
            return delivery.id
    basket.deliveries.append(Delivery(id=new_id(), method=CARRY_OUT, location_id=location_id))
    return basket.deliveries[-1].id


def _with_the_others(basket: Basket, variant: Sellable) -> UUID | None:
    """A cart that goes one way takes what is added along; else the line waits to be told."""
    ways = {line.delivery_id for line in basket.lines if line.delivery_id is not None}
    return ways.pop() if len(ways) == 1 and variant.requires_shipping else None


async def update_lines(
    tx: Tx, actor: Actor, *, cart_id: UUID | None, expected_version: int | None, changes: Sequence[LineChange]
) -> UUID:
    """Change lines: quantity (0 removes), attributes, price override. What is left out stays.

    Raises NotFound, VersionConflict, InvalidInput, InsufficientStock; Forbidden for giving a price, taking one away or
    selling more at one without `prices.override`.
    """
    if not changes:
        raise InvalidInput("Name at least one line.", path=("lines",), code="EMPTY")
    check_count(changes)
    # A line that grows takes from where it is chosen to, as one that is added.
    grows = any(change.quantity for change in changes)
    basket = await lock(tx, actor, cart_id, expected_version, questions=TO_ADD if grows else TO_CHANGE)
    channel = await channel_of(tx, basket)
    by_id = {line.id: line for line in basket.lines}
    variants = await sellable(tx, {line.variant_id for line in basket.lines}, channel_id=channel.id, moment=actor.now)
    refusals: list[Refusal] = []
    seen: set[UUID] = set()
    for change in changes:
        try:
            line = by_id.get(change.line_id)
            if line is None:
                raise NotFound("The cart has no such line.", path=(*change.path, "lineId"))
            if line.id in seen:
                raise InvalidInput("Name a line only once.", path=(*change.path, "lineId"), code="NAMED_TWICE")
            seen.add(line.id)
            _change(line, actor, change, variants.get(line.variant_id))
        except Refusal as refusal:
            refusals.append(refusal)
    collect(refusals)
    basket.lines = [line for line in basket.lines if line.quantity]
    await finish(tx, actor, basket, channel=channel, variants=variants)
    return basket.id


def _change(line: Line, actor: Actor, change: LineChange, variant: Sellable | None) -> None:
    line.path = change.path
    if change.override is not None or (change.drop_override and line.override is not None):
        actor.principal.require(OVERRIDE)
    if change.quantity is not None and change.quantity != line.quantity:
        _change_quantity(line, actor, change, variant)
    if change.attributes is not None:
        line.attributes = checked_attributes(change.attributes, (*change.path, "attributes"))
    if change.override is not None:
        give_price(line, actor, change.override, change.path)
    elif change.drop_override and line.override is not None:
        line.override = line.override_was = line.override_reason = line.override_staff_id = None
        # What it cost before was not promised: it is quoted as a new line.
        line.quoted = None


def _change_quantity(line: Line, actor: Actor, change: LineChange, variant: Sellable | None) -> None:
    quantity = change.quantity or 0
    line.touched = True
    if quantity and line.label_total is not None:
        raise InvalidInput(
            "A package with a printed price is sold whole.", path=(*change.path, "quantity"), code=QUANTITY
        )
    if quantity and variant is not None:
        check_quantity(quantity, variant, change.path)
    if quantity > line.quantity:
        if variant is None or not variant.published:
            raise _not_for_sale((*change.path, "quantity"))
        if line.override is not None:
            actor.principal.require(OVERRIDE)
    line.quantity = quantity


def give_price(line: Line, actor: Actor, override: Override, path: Path) -> None:
    """Put a price given by staff on a line, with the reason. What it was before is filled in by the quote."""
    where = (*path, "priceOverride")
    reason = text(override.reason, (*where, "reason"), most=LONGEST_REASON)
    if override.unit_minor < 0:
        raise InvalidInput("A price is not negative.", path=(*where, "unitPrice", "amount"), code="INVALID_AMOUNT")
    line.override = override.unit_minor
    line.override_reason = reason
    line.override_staff_id = actor.principal.staff_id


def check_count(lines: Sequence[object], name: str = "lines") -> None:
    """Raises InvalidInput at the field of this name for more lines than one call takes."""
    if len(lines) > MOST_AT_ONCE:
        raise InvalidInput(f"At most {MOST_AT_ONCE} lines a call.", path=(name,), code="TOO_MANY")


def check_quantity(quantity: int, variant: Sellable, path: Path) -> None:
    """Raises InvalidInput for a quantity that is not above 0, too large, or no multiple of the variant's step."""
    where = (*path, "quantity")
    if quantity <= 0:
        raise InvalidInput("The quantity must be above 0.", path=where, code=QUANTITY)
    if quantity > MOST_UNITS:
        raise InvalidInput(f"At most {MOST_UNITS // MILLI:,} of one thing.", path=where, code=QUANTITY)
    if not fits_step(quantity, variant.quantity_step):
        step = format_quantity(variant.quantity_step)
        raise InvalidInput(f"This is sold in steps of {step} {variant.unit}.", path=where, code=QUANTITY)


def checked_attributes(attributes: Sequence[tuple[str, str]], path: Path) -> list[dict[str, str]]:
    """Attributes as they are stored, sorted by key. Raises InvalidInput for too many, too long, or a key twice."""
    if len(attributes) > MOST_ATTRIBUTES:
        raise InvalidInput(f"At most {MOST_ATTRIBUTES} attributes.", path=path, code="TOO_MANY")
    for index, pair in enumerate(attributes):
        if not pair[0].strip() or max(map(len, pair)) > LONGEST_ATTRIBUTE or not all(map(storable, pair)):
            raise InvalidInput(
                f"An attribute has a key, and at most {LONGEST_ATTRIBUTE} characters that can be kept.",
                path=(*path, str(index)),
                code="INVALID_ATTRIBUTE",
            )
    if len({key for key, _ in attributes}) != len(attributes):
        raise InvalidInput("A key stands twice.", path=path, code="NAMED_TWICE")
    return [{"key": key, "value": value} for key, value in sorted(attributes)]
