"""A product while its rows come in: options, variants and images gathered from one block of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from app.catalog.formats import values
from app.catalog.formats.cells import Cells
from app.catalog.formats.columns import Columns
from app.catalog.formats.handles import made_sku
from app.catalog.formats.product import continued_product, read_product
from app.catalog.formats.records import ImageRecord, Limits, Lost, ProductRecord, RowError, VariantRecord, digested
from app.catalog.formats.values import shown
from app.catalog.formats.variant import NAME_FIELDS, VALUE_FIELDS, option_places, option_values, read_variant

# What makes a later row a variant; exports repeat weight units and flags even on rows that only add an image.
VARIANT_SIGNS = (*VALUE_FIELDS, "sku", "barcode", "price", "quantity")

MAX_KEPT_PROBLEMS = 10_000


@dataclass(slots=True)
class Picture:
    """An image of the draft; `place` as the file has it, None: after the one before. `listed`: not only a variant's."""

    src: str
    alt: str
    line: int
    place: int | None
    listed: bool


@dataclass(slots=True)
class Draft:
    """One block. `earlier` is the line on which the handle stood first, None: here. `places` are the option columns in
    use (None until a row tells) and `options` their names. `lost`: nothing of it is imported. `passed_over`: its rows
    are not looked at, as when the first is broken and nothing can be said of those below.
    """

    first: Cells
    earlier: int | None
    product: ProductRecord
    last_line: int = 0
    rows: int = 0
    variant_rows: int = 0
    extra_size: int = 0
    lost: bool = False
    passed_over: bool = False
    retitled: bool = False
    places: tuple[int, ...] | None = None
    options: tuple[str, ...] = ()
    variants: list[VariantRecord] = field(default_factory=list)
    lines_of_values: dict[tuple[str, ...], int] = field(default_factory=dict)
    lines_of_skus: dict[str, int] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)
    problems: list[RowError] = field(default_factory=list)

    @property
    def handle(self) -> str:
        return self.first.handle


def begin(cells: Cells, columns: Columns, *, earlier: int | None) -> Draft:
    """A draft from its block's first row, which is still to be added. `earlier`: the line of the block it continues."""
    product = read_product(cells, columns) if earlier is None else continued_product(cells)
    passed_over = earlier is None and not cells.raw("title")
    return Draft(cells, earlier, product, extra_size=_size(product.extra), passed_over=passed_over)


def add_row(draft: Draft, cells: Cells, columns: Columns, limits: Limits) -> None:
    """Take the variant, the image or both that a row holds; what is wrong with it joins the draft's problems."""
    draft.last_line = cells.last_line
    draft.rows += 1
    first = cells is draft.first
    if draft.passed_over:
        _settle(draft, cells)
        return
    if draft.rows > limits.variants + limits.images:
        if draft.rows == limits.variants + limits.images + 1:
            cells.fault("handle", f"has more than {limits.variants + limits.images} rows", Lost.PRODUCT)
            _settle(draft, cells)
        return
    if not first:
        _compare_title(draft, cells)
    is_variant = cells.any_of(*VARIANT_SIGNS)
    if draft.places is None and (is_variant or cells.any_of(*NAME_FIELDS)):
        _set_options(draft, cells)
    if is_variant:
        _add_variant(draft, cells, columns, limits)
    if cells.raw("image_src"):
        _add_listed_picture(draft, cells, limits, alone=not is_variant and not first)
    elif not is_variant and not first:
        cells.fault("handle", "the row has neither a variant (option values, SKU, price) nor an image", Lost.ROW)
    if draft.extra_size > limits.extra and not draft.lost:
        cells.fault("handle", f"has more than {limits.extra} characters in columns that are only kept", Lost.PRODUCT)
    _settle(draft, cells)


def refuse(draft: Draft, reason: str) -> None:
    """Lose the whole block, and look at no more of its rows."""
    draft.passed_over = True
    draft.first.fault("handle", reason, Lost.PRODUCT)
    _settle(draft, draft.first)


def in_turn(draft: Draft | None, problems: list[RowError]) -> Iterator[RowError]:
    """Errors of rows that belong to no product: kept until the draft's own are told, unless they are very many."""
    if draft and len(draft.problems) < MAX_KEPT_PROBLEMS:
        draft.problems.extend(problems)
    else:
        yield from problems


def finish(draft: Draft, columns: Columns, limits: Limits) -> Iterator[ProductRecord | RowError]:
    """The block's errors in the file's order, then its product, unless that is lost or nothing of it is left."""
    if not draft.lost and draft.earlier is None:
        if not draft.variant_rows:
            draft.places, draft.options = (), ()
            _add_variant(draft, draft.first, columns, limits)
            _settle(draft, draft.first)
        if not draft.variants:
            refuse(draft, "none of its variants can be read")
    for problem in sorted(draft.problems, key=lambda problem: problem.line):
        yield msgspec.structs.replace(problem, last_line=draft.last_line) if problem.lost is Lost.PRODUCT else problem
    if draft.lost or not (draft.variants or draft.pictures):
        return
    product = msgspec.structs.replace(
        draft.product,
        last_line=draft.last_line,
        options=draft.options,
        variants=_with_skus(draft),
        images=_in_order(draft),
    )
    yield digested(product, columns.shape.fields)


def _settle(draft: Draft, cells: Cells) -> None:
    draft.lost |= cells.loses(Lost.PRODUCT)
    draft.problems.extend(cells.problems)
    cells.problems.clear()


def _compare_title(draft: Draft, cells: Cells) -> None:
    title = " ".join(cells.raw("title").split())
    if title and draft.earlier is None and not draft.retitled and title != " ".join(draft.first.raw("title").split()):
        draft.retitled = True
        cells.fault("title", "differs from the product's first row, whose title is taken", Lost.NOTHING)


def _set_options(draft: Draft, cells: Cells) -> None:
    continues = draft.earlier is not None
    places, options = option_places(cells, continues=continues)
    if places or not continues:
        draft.places, draft.options = places, options


def _add_variant(draft: Draft, cells: Cells, columns: Columns, limits: Limits) -> None:
    draft.variant_rows += 1
    if draft.variant_rows > limits.variants:
        if draft.variant_rows == limits.variants + 1:
            cells.fault("handle", f"has more than {limits.variants} variants", Lost.PRODUCT)
        return
    if draft.places is None:
        reason = f"the handle stands on line {draft.earlier} already; a further variant needs its option values"
        cells.fault("option1_value", reason, Lost.ROW)
        return
    chosen = option_values(cells, draft.places, draft.options)
    variant = read_variant(cells, columns, chosen, first=cells is draft.first)
    identity = tuple(value.casefold() for value in chosen)
    if identity in draft.lines_of_values:
        name = f"«{' / '.join(chosen)}»" if chosen else "the product's only variant"
        reason = f"{name} is on line {draft.lines_of_values[identity]} already"
        cells.fault("option1_value", shown(reason), Lost.ROW)
    if variant.sku and variant.sku in draft.lines_of_skus:
        cells.fault("sku", f"is on line {draft.lines_of_skus[variant.sku]} already", Lost.ROW)
    if cells.loses(Lost.ROW) or cells.loses(Lost.PRODUCT):
        return
    draft.lines_of_values[identity] = cells.line
    if variant.sku:
        draft.lines_of_skus[variant.sku] = cells.line
    draft.extra_size += _size(variant.extra)
    if variant.image and not _add_picture(draft, Picture(variant.image, "", cells.line, None, False), limits):
        cells.fault("variant_image", f"the product has more than {limits.images} images", Lost.VALUE)
        variant = msgspec.structs.replace(variant, image=None)
    draft.variants.append(variant)


def _add_listed_picture(draft: Draft, cells: Cells, limits: Limits, *, alone: bool) -> None:
    lost = Lost.ROW if alone else Lost.VALUE
    src = cells.take("image_src", values.address, None, lost)
    place = cells.take("image_position", values.position, None, Lost.VALUE)
    alt = cells.take("image_alt", values.line_of_text(values.MAX_ALT), "", Lost.VALUE)
    if src and not _add_picture(draft, Picture(src, alt, cells.line, place, True), limits):
        cells.fault("image_src", f"the product has more than {limits.images} images", lost)


def _add_picture(draft: Draft, picture: Picture, limits: Limits) -> bool:
    """False where the product has as many images as it may. An address that is there already is one image."""
    known = draft.pictures.get(picture.src)
    if known is None:
        if len(draft.pictures) >= limits.images:
            return False
        draft.pictures[picture.src] = picture
    elif picture.listed and not known.listed:
        # Taken out first, so that it stands among the listed ones in the order of their rows.
        del draft.pictures[picture.src]
        draft.pictures[picture.src] = picture
    else:
        known.alt = known.alt or picture.alt
    return True


def _in_order(draft: Draft) -> tuple[ImageRecord, ...]:
    """By the places that the file gives; an image without one follows the row before; variants' own images are last."""
    placed: list[tuple[bool, int, Picture]] = []
    place = 0
    for picture in draft.pictures.values():
        if picture.listed:
            place = picture.place or place
        placed.append((not picture.listed, place if picture.listed else 0, picture))
    placed.sort(key=lambda entry: entry[:2])
    return tuple(
        ImageRecord(src=picture.src, alt=picture.alt, position=position, line=picture.line)
        for position, (_, _, picture) in enumerate(placed, start=1)
    )


def _with_skus(draft: Draft) -> tuple[VariantRecord, ...]:
    taken = {sku.casefold() for sku in draft.lines_of_skus}
    return tuple(
        variant
        if variant.sku
        else msgspec.structs.replace(variant, sku=made_sku(draft.handle, variant.option_values, taken), sku_made=True)
        for variant in draft.variants
    )


def _size(extra: dict[str, str]) -> int:
    return sum(map(len, extra.values()))
