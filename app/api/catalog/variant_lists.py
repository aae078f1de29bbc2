"""A product's variants in pages: of rows that were read, or of those that are kept."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Final
from uuid import UUID

from app.api.catalog.variants import Variant
from app.api.engine.errors import Code, RequestError
from app.api.paging import Connection, Cursors, Page, decode_cursor, encode_cursor
from app.browse.variants import VariantPage

VARIANTS: Final = "variants"
_PLACE: Final = attrgetter("position", "key")


def variant_place(after: str | None) -> tuple[int, UUID] | None:
    """Where a cursor stands. Raises BAD_REQUEST."""
    place = decode_cursor(VARIANTS, after, int, UUID)
    if place is None:
        return None
    position, key = place
    if abs(position) >= 1 << 31:
        raise RequestError(Code.BAD_REQUEST, "`after` is not a cursor of this list in this order.")
    return position, key


def variant_connection(page: VariantPage, *, before: bool, total: int) -> Connection[Variant]:
    """A page of rows; `total`: of all of the product's variants."""

    async def count() -> int:
        return total

    return Connection(
        page=Page(
            nodes=[Variant.of(row) for row in page.rows],
            cursors=[encode_cursor(VARIANTS, row.position, row.id) for row in page.rows],
            more=page.more,
            before=before,
            count=count,
        )
    )


def known_page(variants: Sequence[Variant], first: int, after: tuple[int, UUID] | None) -> Connection[Variant]:
    """A page of variants that are kept, all of a product's."""
    total = len(variants)
    if after is not None:
        variants = [each for each in variants if (each.position, each.key) > after]
    nodes = variants[:first]

    async def count() -> int:
        return total

    return Connection(
        page=Page(
            nodes=nodes,
            cursors=Cursors(VARIANTS, nodes, _PLACE),
            more=len(variants) > first,
            before=after is not None,
            count=count,
        )
    )
