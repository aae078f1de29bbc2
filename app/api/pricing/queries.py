"""Reading price lists, prices and tax classes."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from app.api.context import Context, Info
from app.api.engine.errors import Code, RequestError
from app.api.ids_given import key_given
from app.api.inventory.inputs import ref_of
from app.api.paging import COUNTED_UP_TO, Connection, Page, check_first, decode_cursor, encode_cursor, slice_page
from app.api.pricing.types import Price, PriceList, TaxClass
from app.api.written import one
from app.catalog.lookup import resolve_variants
from app.platform.errors import InvalidInput
from app.pricing.queries import all_price_lists, all_tax_classes, count_prices, page_of_prices

if TYPE_CHECKING:
    from app.api.catalog.by import VariantBy

CURSOR = "prices"


@strawberry.type
class PricingQueries:
    @strawberry.field(description="The price lists by code, those that are switched off too.")
    async def price_lists(self, info: Info) -> list[PriceList] | None:
        return [PriceList.of(row, info.context) for row in await all_price_lists(info.context.db)]

    @strawberry.field(description="One price list.")
    async def price_list(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The list's id.")]
    ) -> PriceList | None:
        return await one(PriceList, info.context, key_given("PriceList", id))

    @strawberry.field(
        description="Prices with all their history, the newest first: of a list, of a variant, of both, or all."
    )
    async def prices(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many, at most 100.")],
        after: Annotated[str | None, strawberry.argument(description="Go on after this cursor.")] = None,
        price_list_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only prices of this list.")
        ] = None,
        variant: Annotated[
            Annotated["VariantBy", strawberry.lazy("app.api.catalog.by")] | None,
            strawberry.argument(description="Only prices of this variant; none where there is no such variant."),
        ] = None,
    ) -> Connection[Price] | None:
        context = info.context
        size = check_first(first)
        list_key = None if price_list_id is None else key_given("PriceList", price_list_id)
        variant_key = None if variant is None else await _variant_key(context, variant)
        if variant is not None and variant_key is None:
            return _nothing(before=after is not None)
        return await _page(context, size, after, list_key, variant_key)

    @strawberry.field(description="The tax classes by code.")
    async def tax_classes(self, info: Info) -> list[TaxClass] | None:
        return [TaxClass.of(row, info.context) for row in await all_tax_classes(info.context.db)]


async def _variant_key(context: Context, by: "VariantBy") -> UUID | None:
    try:
        ref = ref_of(by, ("variant",))
    except InvalidInput as refusal:
        raise RequestError(Code.BAD_REQUEST, refusal.message) from refusal
    return (await resolve_variants(context.db, [ref]))[0]


async def _page(
    context: Context, size: int, after: str | None, price_list_id: UUID | None, variant_id: UUID | None
) -> Connection[Price]:
    cursor = decode_cursor(CURSOR, after, UUID)
    found = await page_of_prices(
        context.db,
        most=size + 1,
        after=cursor[0] if cursor else None,
        price_list_id=price_list_id,
        variant_id=variant_id,
    )
    rows, more = slice_page(found, size)

    async def total() -> int | None:
        return await count_prices(context.db, most=COUNTED_UP_TO, price_list_id=price_list_id, variant_id=variant_id)

    return Connection(
        page=Page(
            nodes=[Price.of(row, context) for row in rows],
            cursors=[encode_cursor(CURSOR, row.id) for row in rows],
            more=more,
            before=cursor is not None,
            count=total,
        )
    )


def _nothing(*, before: bool) -> Connection[Price]:
    async def total() -> int | None:
        return 0

    return Connection(page=Page(nodes=[], cursors=[], more=False, before=before, count=total))
