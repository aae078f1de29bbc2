"""Pages of products, and what their list could be narrowed by."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Final
from uuid import UUID

import strawberry

from app.api.catalog.filters import ProductFilter, ProductSort, ProductSortKey, matching_of
from app.api.catalog.sight import followed
from app.api.catalog.types import Product, product_of
from app.api.context import Context, Info
from app.api.engine.errors import Code, RequestError
from app.api.engine.selection import Selection
from app.api.inventory.counted import asked_with, remember_stock
from app.api.paging import Connection, Cursors, Page, check_first, decode_cursor, encode_cursor
from app.browse import facets
from app.browse.common_words import find_listed
from app.browse.counting import narrowed_by, total_of
from app.browse.followed import IDS, Catalog
from app.browse.hits import Hits, find_hits
from app.browse.listing import Keys, Order, settle
from app.browse.matching import Matching, is_plain
from app.browse.pages import Found, list_products
from app.browse.search import FEW, is_loose
from app.browse.tallies import Tallying
from app.catalog.queries import products_by_ids

value = strawberry.enum_value

_KEYS: Final = {
    Order.RELEVANCE: int,
    Order.NAME: str,
    # What has no price comes last.
    Order.PRICE: int | None,
    Order.CREATED_AT: datetime,
    Order.UPDATED_AT: datetime,
}


@strawberry.enum(description="The field of ProductFilter that a facet is for.")
class FacetField(Enum):
    CATEGORIES = value("CATEGORIES", description="`categories`; a category counts what is below it.")
    COLLECTIONS = value("COLLECTIONS", description="`collections`.")
    BRANDS = value("BRANDS", description="`brands`.")
    TAGS = value("TAGS", description="`tags`.")
    OPTIONS = value("OPTIONS", description="`options`, with the facet's `name` as the option's.")
    IN_STOCK = value("IN_STOCK", description="`inStock`.")


@strawberry.type(description="A choice of a facet. `value` goes into the filter, `label` is shown.")
class FacetValue:
    value: str = strawberry.field(description="What the filter takes.")
    label: str = strawberry.field(description="What shoppers read, in the caller's language.")
    count: int = strawberry.field(description="How many products it would leave.")


@strawberry.type(
    description="What a list could be narrowed by. `name` and `value` go into the filter, `label` is shown. "
    "The filter's own choices in this field are left out of its counts."
)
class Facet:
    name: str = strawberry.field(description="The filter's field, or the option's name in it: brands, Tamanho.")
    label: str = strawberry.field(description="What shoppers read, in the caller's language.")
    field: FacetField = strawberry.field(description="The filter's field.")
    values: list[FacetValue] = strawberry.field(description="Those that leave most first, at most 100.")

    @classmethod
    def of(cls, facet: facets.Facet) -> "Facet":
        return cls(
            name=facet.name,
            label=facet.label,
            field=FacetField(facet.field.value),
            values=[FacetValue(value=one.value, label=one.label, count=one.count) for one in facet.values],
        )


@strawberry.type(description="Products in pages.")
class ProductConnection(Connection[Product]):
    matching: strawberry.Private[Matching]
    tallied: strawberry.Private[Tallying | None] = None

    @strawberry.field(
        description="What the list could be narrowed by, with exact counts; "
        "null where more than 10,000 products match. "
        "A facet is left out where there is nothing to choose, or more than 10,000 products to count."
    )
    async def facets(
        self,
        info: Info,
        fields: Annotated[
            list[FacetField] | None, strawberry.argument(description="Only those for these fields; left out: all.")
        ] = None,
    ) -> list[Facet] | None:
        wanted = tuple(facets.Field) if fields is None else {facets.Field(field.value) for field in fields}
        catalog = followed(info.context)
        found = await narrowed_by(info.context.db, catalog, self.matching, wanted, self.tallied)
        return None if found is None else [Facet.of(facet) for facet in found]


async def product_page(
    context: Context,
    selection: Selection,
    *,
    first: int,
    after: str | None,
    search: str | None,
    filter: ProductFilter | None,
    sort: ProductSort | None,
) -> ProductConnection:
    """A page of the products that match; rows are read where any of them is asked for."""
    size = check_first(first)
    matching = await matching_of(context, search, filter, stock="facets" in selection)
    given = sort or ProductSort(key=ProductSortKey.RELEVANCE)
    order, descending = settle(Order(given.key.value), given.descending, matching.search)
    kind = _kind(order, descending, context.locale)
    place, loosely = _place(kind, order, after)
    catalog, shows = followed(context), not selection.names.isdisjoint({"nodes", "edges", "pageInfo"})
    stock = await asked_with(context, catalog, selection) if catalog is not None and shows else None
    hits: Hits | None = None
    if matching.search is not None:
        known = catalog is not None and await catalog.sets.know(matching)
        if known and loosely is None:
            loosely = False
        if catalog is not None and order is Order.RELEVANCE and loosely is not True and not known:
            how = {"descending": descending, "after": place, "first": size, "stock": stock}
            hits = await _hits(context, catalog, matching, counted="facets" in selection, **how)
        if loosely is None:
            loosely = await _is_loose(context, matching, hits)
        matching = matching.made_loose(loosely)
        hits = hits if hits is not None and hits.page is not None and not loosely else None
    nodes: list[Product] = []
    cursors: Sequence[str] = []
    more, stopped = False, None
    if shows:
        if catalog is None:
            listed = await list_products(context.db, matching, order, descending=descending, after=place, first=size)
            nodes, keys, more = [Product.of(row, context) for row in listed.rows], listed.keys, listed.more
            stopped = listed.stopped
        else:
            found = (hits and hits.page) or await find_listed(
                context.db, catalog, matching, order, descending=descending, after=place, first=size, stock=stock
            )
            if stock is not None:
                remember_stock(context, stock, found)
            nodes, keys, more = await _nodes(context, catalog, found), found.keys, found.more
            stopped = found.stopped
        loose = int(matching.loosely)
        cursors = Cursors(kind, keys, lambda keys: (loose, *keys))

    async def total() -> int | None:
        return await total_of(context.db, catalog, matching) if hits is None else hits.total

    end = None if stopped is None else encode_cursor(kind, int(matching.loosely), *stopped)
    page = Page(nodes=nodes, cursors=cursors, more=more, before=after is not None, count=total, stopped=end)
    matched = hits.matched if hits is not None else None
    tallied = Tallying(catalog, context.now, matched) if catalog is not None and matched is not None else None
    return ProductConnection(page=page, matching=matching, tallied=tallied)


async def _hits(context: Context, catalog: Catalog, matching: Matching, *, counted: bool, **how: Any) -> Hits:
    """What a search finds, where that is not much; it is remembered where it is."""
    hits = await find_hits(context.db, matching, counted=counted and is_plain(matching.shape), **how)
    await catalog.sets.heed(matching, hits.total)
    return hits


async def _is_loose(context: Context, matching: Matching, hits: Hits | None) -> bool:
    """Whether words spelled nearly so are looked for, as `is_loose` has it, by what was found where that is enough."""
    search = matching.search
    assert search is not None, "looked for"
    if search.exacting or (hits is not None and hits.sold >= FEW):
        return False
    return (hits is not None and hits.page is not None) or await is_loose(context.db, search, matching.sight)


async def _nodes(context: Context, catalog: Catalog, found: Found) -> list[Product]:
    """The products that a page found, from their documents where these are as new as the page."""
    entries = catalog.kept(IDS, found.ids, context.now) or await catalog.documents(found.ids, context.now)
    known: dict[UUID, Product] = {}
    for key, version in zip(found.ids, found.versions, strict=True):
        entry = entries.get(key)
        if entry is not None and entry.value is not None and entry.value.version >= version:
            known[key] = product_of(context, entry, entry.value)
    if len(known) == len(found.ids):
        return list(known.values())
    read = await products_by_ids(context.db, [key for key in found.ids if key not in known])
    return [known[key] if key in known else Product.of(read[key], context) for key in found.ids]


def _kind(order: Order, descending: bool, locale: str) -> str:
    """Names a list's order in its cursors: names stand elsewhere in another language."""
    name = f"products/{order.value}/{'down' if descending else 'up'}"
    return f"{name}/{locale}" if order is Order.NAME else name


def _place(kind: str, order: Order, after: str | None) -> tuple[Keys | None, bool | None]:
    """Where a cursor stands, and whether its list was searched by spelling too. Raises BAD_REQUEST."""
    decoded = decode_cursor(kind, after, int, _KEYS[order], UUID)
    if decoded is None:
        return None, None
    loosely, key, product_id = decoded
    if loosely not in (0, 1):
        raise RequestError(Code.BAD_REQUEST, "`after` is not a cursor of this list in this order.")
    return (key, product_id), bool(loosely)
