"""From inputs to what the commands of carts take. Raises a refusal at the field at fault."""

from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

from strawberry import UNSET

from app.api.carts.inputs import AttributeInput, CartLineInput, CartLineUpdateInput, PriceOverrideInput
from app.api.inventory.inputs import ref_of
from app.api.money import minor_of
from app.carts.ahead import foresee
from app.carts.lines import LineChange, NewLine, Override, check_count
from app.carts.queries import carts_by_ids
from app.carts.write import may_open
from app.catalog.barcodes import read_scale_label
from app.catalog.lookup import Scanned, VariantRef, findable, read_codes, resolve_variants
from app.identity.principal import Actor
from app.platform import ids
from app.platform.ahead import Questions
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, Path, Refusal, Refusals, collect
from app.platform.quantities import MILLI, format_quantity

Given = TypeVar("Given", CartLineInput, CartLineUpdateInput)


async def currency_of(tx: Tx, actor: Actor, cart_id: UUID, lines: Sequence[Any]) -> str:
    """The currency that prices given by staff must be in; "" where none is given, or there is no cart for them."""
    if not any(line.price_override for line in lines):
        return ""
    cart = (await carts_by_ids(tx, [cart_id])).get(cart_id)
    # Without a cart the command itself refuses.
    return cart.currency if cart is not None and may_open(actor, cart) else ""


async def foresee_lines(
    tx: Tx, actor: Actor, cart_id: UUID, given: Sequence[CartLineInput], questions: Questions
) -> None:
    """Read what these lines name together with what their cart will ask. Codes are read by themselves, later."""
    check_count(given)
    variants, skus = set(), set()
    for place, line in enumerate(given):
        ref = _ref(line, place, [])
        if ref is not None and isinstance(ref.value, UUID):
            variants.add(ref.value)
        elif ref is not None and ref.kind == "sku" and findable(sku := str(ref.value).strip()):
            skus.add(sku)
    await foresee(tx, actor, cart_id, questions=questions, variants=variants, skus=skus)


async def new_lines(tx: Tx, given: Sequence[CartLineInput], currency: str) -> list[NewLine]:
    """Lines to add; scanned codes tell quantity and printed price. Raises InvalidInput, NotFound."""
    check_count(given)
    refusals: list[Refusal] = []
    refs: list[VariantRef | None] = [_ref(line, place, refusals) for place, line in enumerate(given)]
    found = await _meant(tx, [ref for ref in refs if ref is not None])
    lines = []
    for place, (line, ref) in enumerate(zip(given, refs, strict=True)):
        path = ("lines", str(place))
        if ref is None:
            continue
        try:
            lines.append(_new_line(line, found.get(ref), ref, path, currency))
        except Refusal as refusal:
            refusals.append(refusal)
    collect(refusals)
    return lines


def _ref(line: CartLineInput, place: int, refusals: list[Refusal]) -> VariantRef | None:
    try:
        return ref_of(line.variant, ("lines", str(place), "variant"))
    except Refusal as refusal:
        refusals.append(refusal)
        return None


async def _meant(tx: Tx, refs: Sequence[VariantRef]) -> dict[VariantRef, Scanned | None]:
    """What each of these names: a variant, with the quantity and printed price of a scale's label."""
    codes = list({ref for ref in refs if ref.kind == "barcode"})
    named = list({ref for ref in refs if ref.kind == "sku"})
    # Whether an id is anybody's shows when the variant is read.
    found: dict[VariantRef, Scanned | None] = {
        ref: Scanned(ref.value, MILLI, None) for ref in refs if isinstance(ref.value, UUID)
    }
    if codes:
        found |= zip(codes, await read_codes(tx, [str(ref.value) for ref in codes]), strict=True)
    if named:
        keys = await resolve_variants(tx, named)
        found |= {ref: None if key is None else Scanned(key, MILLI, None) for ref, key in zip(named, keys, strict=True)}
    return found


def _new_line(line: CartLineInput, scanned: Scanned | None, ref: VariantRef, path: Path, currency: str) -> NewLine:
    if scanned is None:
        raise NotFound("There is no such variant.", path=(*path, "variant"))
    quantity = scanned.quantity_milli
    if line.quantity is not None:
        label = read_scale_label(str(ref.value)) if ref.kind == "barcode" else None
        if label is not None and label.quantity_milli == quantity != line.quantity:
            raise InvalidInput(
                f"The label says {format_quantity(quantity)}.", path=(*path, "quantity"), code="CONTRADICTS_BARCODE"
            )
        quantity = line.quantity
    return NewLine(
        variant_id=scanned.variant_id,
        quantity=quantity,
        attributes=_attributes(line.attributes or ()),
        override=_override(line.price_override, currency, path),
        label_total=scanned.label_total_minor,
        path=path,
    )


def line_changes(given: Sequence[CartLineUpdateInput], currency: str) -> list[LineChange]:
    """Changes of lines. Raises InvalidInput."""
    check_count(given)
    changes = []
    refusals: list[Refusal] = []
    for place, change in enumerate(given):
        try:
            changes.append(_line_change(change, ("lines", str(place)), currency))
        except (Refusal, Refusals) as refused:
            refusals += refused.refusals
    collect(refusals)
    return changes


def _line_change(given: CartLineUpdateInput, path: Path, currency: str) -> LineChange:
    return LineChange(
        line_id=ids.require("CartLine", given.line_id, (*path, "lineId")),
        quantity=given.quantity if given.quantity is not UNSET else None,
        attributes=_attributes(given.attributes) if isinstance(given.attributes, list) else None,
        override=_override(given.price_override, currency, path),
        drop_override=given.price_override is None,
        path=path,
    )


def _attributes(given: Sequence[AttributeInput]) -> tuple[tuple[str, str], ...]:
    return tuple((each.key, each.value) for each in given)


def _override(given: PriceOverrideInput | None, currency: str, path: Path) -> Override | None:
    if not given:
        return None
    unit = minor_of(given.unit_price, currency, (*path, "priceOverride", "unitPrice")) if currency else 0
    return Override(unit_minor=unit, reason=given.reason)
