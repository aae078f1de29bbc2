"""A variant's fields and options, from one row."""

from __future__ import annotations

from decimal import Decimal

from app.catalog.formats import values
from app.catalog.formats.cells import Cells
from app.catalog.formats.columns import Columns
from app.catalog.formats.records import Lost, VariantRecord

PLACES = (1, 2, 3)
VALUE_FIELDS = tuple(f"option{place}_value" for place in PLACES)
NAME_FIELDS = tuple(f"option{place}_name" for place in PLACES)
DEFAULT_NAME = "title"
DEFAULT_VALUE = "default title"

_TEXT = values.line_of_text()


def option_places(cells: Cells, *, continues: bool) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Which of the three option columns the product uses, and their names; nothing where it has no choice.

    In a block that continues an earlier one the names may be left out: they are empty then.
    """
    names = {place: cells.take(f"option{place}_name", _TEXT, "", Lost.PRODUCT) for place in PLACES}
    named = tuple(place for place in PLACES if names[place])
    given = tuple(place for place in PLACES if cells.raw(f"option{place}_value"))
    if _no_choice(cells, names, named, given):
        return (), ()
    if continues and not named:
        return given, ()
    for place in given:
        if place not in named:
            cells.fault(f"option{place}_name", "is missing, while the option has a value", Lost.PRODUCT)
    folded = [names[place].casefold() for place in named]
    for index, place in enumerate(named):
        if folded[index] in folded[:index]:
            cells.fault(f"option{place}_name", "names two options alike", Lost.PRODUCT)
    return named, tuple(names[place] for place in named)


def _no_choice(cells: Cells, names: dict[int, str], named: tuple[int, ...], given: tuple[int, ...]) -> bool:
    if named not in ((), (1,)) or given not in ((), (1,)):
        return False
    return names[1].casefold() in ("", DEFAULT_NAME) and cells.raw("option1_value").casefold() in ("", DEFAULT_VALUE)


def option_values(cells: Cells, places: tuple[int, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """The row's values of the product's options, with a fault for each that is missing, or is of no option."""
    found: list[str] = []
    for place in PLACES:
        value_field, name_field = f"option{place}_value", f"option{place}_name"
        value = cells.take(value_field, _TEXT, "", Lost.ROW)
        if place not in places:
            if value and not (place == 1 and not places and value.casefold() == DEFAULT_VALUE):
                cells.fault(value_field, "the product's first row names no such option", Lost.ROW)
            continue
        name = names[places.index(place)] if names else ""
        again = " ".join(cells.raw(name_field).split())
        if again and name and again.casefold() != name.casefold():
            cells.fault(name_field, f"the product's first row names this option «{name}»", Lost.ROW)
        if not value and not cells.raw(value_field):
            cells.fault(value_field, f"the value of the option «{name or place}» is missing", Lost.ROW)
        found.append(value)
    return tuple(found)


def read_variant(cells: Cells, columns: Columns, option_values: tuple[str, ...], *, first: bool) -> VariantRecord:
    """A record whose `sku` is "" where the file has none, and whose `image` is only an address yet.

    `first`: the product keeps this row's columns of no meaning, so that only those of a variant are kept here.
    """
    tracker = cells.take("tracker", _TEXT, "", Lost.ROW)
    quantity = cells.take("quantity", values.quantity, None, Lost.ROW)
    unit = cells.take("weight_unit", values.weight_unit, "", Lost.VALUE)
    columns_kept = columns.variant_extra if first else columns.product_extra + columns.variant_extra
    return VariantRecord(
        line=cells.line,
        option_values=option_values,
        sku=_code(cells, "sku", Lost.ROW) or "",
        sku_made=False,
        barcode=_barcode(cells),
        price=cells.take("price", values.amount, None, Lost.ROW),
        compare_at=cells.take("compare_at", values.compare_at, None, Lost.ROW),
        cost=cells.take("cost", values.amount, None, Lost.VALUE),
        weight_grams=_grams(cells, unit),
        weight_unit=unit,
        tracked=bool(tracker) or bool(quantity),
        quantity=quantity,
        backorder=cells.take("policy", values.backorder, False, Lost.ROW),
        requires_shipping=cells.take("requires_shipping", values.flag, True, Lost.ROW),
        taxable=cells.take("taxable", values.flag, True, Lost.ROW),
        image=cells.take("variant_image", values.address, None, Lost.VALUE),
        extra=cells.kept(columns_kept),
    )


def _grams(cells: Cells, unit: str) -> Decimal | None:
    """Shopify's own column is in grams and its unit only for display; other tools write a weight in that unit."""
    if cells.raw("grams"):
        return cells.take("grams", values.weight("g"), None, Lost.ROW)
    if unit or not cells.raw("weight_unit"):
        return cells.take("weight", values.weight(unit), None, Lost.ROW)
    cells.fault("weight", "has no unit that is known", Lost.ROW)
    return None


def _code(cells: Cells, field: str, lost: Lost) -> str | None:
    found = cells.take(field, values.mended_code, None, lost)
    if found is None:
        return None
    code, mended = found
    if mended:
        cells.fault(field, mended, Lost.NOTHING)
    return code


def _barcode(cells: Cells) -> str | None:
    """The first barcode: the newest template lets a variant have several."""
    code = _code(cells, "barcode", Lost.VALUE)
    if code is None or ";" not in code:
        return code
    cells.fault("barcode", "a variant has one barcode here; the first is taken", Lost.NOTHING)
    return code.split(";")[0].strip() or None
