"""Pages of products, and what their list could be narrowed by."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID
from zlib import crc32

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
from app.browse.followed import Catalog
from app.browse.hits import Hits, find_hits
from app.browse.kept_lists import Counting, KeptList, key_of
from app.browse.listing import Keys, Order, settle
from app.browse.matching import Matching, count, is_plain, is_priced
from app.browse.pages import Asked as Stock
from app.browse.pages import Found, Listed, list_products
from app.browse.search import FEW, is_loose
from app.browse.stocked import places_of
from app.browse.tallies import Tallying
from app.catalog.queries import products_by_ids

value = strawberry.enum_value

_NOTHING: Final = Listed([], [], False)
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
    tallied: strawberry.Private[Counting | None] = None

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


@dataclass(frozen=True, slots=True)
class _Asked:
    """A page of products as it was asked for. `shows`: whether any of them; `counted`: whether facets are counted."""

    matching: Matching
    order: Order
    descending: bool
    place: Keys | None
    loosely: bool | None
    first: int
    shows: bool
    counted: bool

    @property
    def key(self) -> Hashable | None:
        """What its list is kept under; None: it is always read."""
        how = self.order, self.descending, self.place, self.loosely, self.first, self.counted
        return key_of(self.matching, *how) if self.shows else None


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
    faceted = "facets" in selection
    matching = await matching_of(context, search, filter, stock=faceted)
    given = sort or ProductSort(key=ProductSortKey.RELEVANCE)
    order, descending = settle(Order(given.key.value), given.descending, matching.search)
    kind = _kind(order, descending, matching)
    place, loosely = _place(kind, order, after)
    shows = not selection.names.isdisjoint({"nodes", "edges", "pageInfo"})
    counted = faceted and is_plain(matching.shape)
    asked = _Asked(matching, order, descending, place, loosely, size, shows, counted)
    catalog = followed(context)
    if catalog is None:
        return await _read_page(context, asked, kind)
    return await _followed_page(context, catalog, asked, kind, selection)


async def _read_page(context: Context, asked: _Asked, kind: str) -> ProductConnection:
    """The page by the tables alone."""
    matching, loosely, listed = asked.matching, asked.loosely, _NOTHING
    if matching.search is not None:
        matching = matching.made_loose(await _is_loose(context, matching, None) if loosely is None else loosely)
    if asked.shows:
        listed = await list_products(
            context.db, matching, asked.order, descending=asked.descending, after=asked.place, first=asked.first
        )
    nodes = [Product.of(row, context) for row in listed.rows]
    page = _page(kind, asked, matching, nodes, listed, partial(count, context.db, matching))
    return ProductConnection(page=page, matching=matching)


async def _followed_page(
    context: Context, catalog: Catalog, asked: _Asked, kind: str, selection: Selection
) -> ProductConnection:
    """The page by what is kept of the catalog and of lists, and the stock of it."""
    lists, key, stock = catalog.lists, asked.key, None
    mark, known = lists.mark, None if key is None else lists.find(key, context.now)
    if known is None and asked.shows:
        # Of a list that is kept, stock is asked for by who shows it.
        stock = await asked_with(context, catalog, selection)
    kept = known or await _find(context, catalog, asked, stock)
    found, matched, matching = kept.page, kept.matched, asked.matching.made_loose(kept.loosely)
    if known is None and key is not None:
        lists.keep(mark, key, kept)
    if known is not None and matched is not None:
        out = await catalog.sets.stocked.count_out(context.db, matched.numbers, places_of(matching))
        matched = replace(matched, sold_out=out)
    if found is not None and stock is not None:
        remember_stock(context, stock, found)
    nodes = await _nodes(context, catalog, found) if found is not None else []
    tallied: Counting | None = None
    if matched is not None:
        tallied = partial(lists.tallies, key, kept, Tallying(catalog, context.now, matched))
    total = partial(lists.total, kept, partial(total_of, context.db, catalog, matching))
    return ProductConnection(
        page=_page(kind, asked, matching, nodes, found or _NOTHING, total), matching=matching, tallied=tallied
    )


async def _find(context: Context, catalog: Catalog, asked: _Asked, stock: Stock | None) -> KeptList:
    """What is asked for, as it is found now."""
    matching, loosely, page = asked.matching, asked.loosely, None
    how: dict[str, Any] = {
        "descending": asked.descending, "after": asked.place, "first": asked.first, "stock": stock,
    }  # fmt: skip
    hits: Hits | None = None
    if matching.search is not None:
        known = await catalog.sets.know(matching)
        if known and loosely is None:
            loosely = False
        if asked.order is Order.RELEVANCE and loosely is not True and not known:
            marks = catalog.sets.stocked.ends
            hits = await find_hits(context.db, matching, counted=asked.counted, **how)
            if hits.matched is not None:
                catalog.sets.stocked.learn(hits.matched.states, places_of(matching), marks)
            await catalog.sets.heed(matching, hits.total)
        if loosely is None:
            loosely = await _is_loose(context, matching, hits)
        matching = matching.made_loose(loosely)
        hits = hits if hits is not None and hits.page is not None and not loosely else None
    if asked.shows:
        page = (hits and hits.page) or await find_listed(context.db, catalog, matching, asked.order, **how)
    priced = asked.order is Order.PRICE or is_priced(matching.shape)
    found = KeptList(priced, matching.loosely, context.now, page)
    if hits is not None:
        found.matched, found.total, found.counted = hits.matched, hits.total, True
    return found


def _page(
    kind: str,
    asked: _Asked,
    matching: Matching,
    nodes: Sequence[Product],
    listed: Listed | Found,
    total: Callable[[], Awaitable[int | None]],
) -> Page[Product]:
    loose = int(matching.loosely)
    return Page(
        nodes=nodes,
        cursors=Cursors(kind, listed.keys, lambda keys: (loose, *keys)),
        more=listed.more,
        before=asked.place is not None,
        count=total,
        stopped=None if listed.stopped is None else encode_cursor(kind, loose, *listed.stopped),
    )


async def _is_loose(context: Context, matching: Matching, hits: Hits | None) -> bool:
    """Whether words spelled nearly so are looked for, as `is_loose` has it, by what was found where that is enough."""
    search = matching.search
    assert search is not None, "looked for"
    if search.exacting or (hits is not None and hits.sold >= FEW):
        return False
    return (hits is not None and hits.page is not None) or await is_loose(context.db, search, matching.sight)


async def _nodes(context: Context, catalog: Catalog, found: Found) -> list[Product]:
    """The products that a page found, from their documents where these are as new as the page."""
    kept = catalog.documents_kept(found.ids, context.now)
    if kept is not None:
        nodes = [
            product_of(context, entry, entry.value)
            for entry, version in zip(kept, found.versions, strict=True)
            if entry.value is not None and entry.value.version >= version
        ]
        if len(nodes) == len(kept):
            return nodes
    entries = await catalog.documents(found.ids, context.now)
    known: dict[UUID, Product] = {}
    for key, version in zip(found.ids, found.versions, strict=True):
        entry = entries.get(key)
        if entry is not None and entry.value is not None and entry.value.version >= version:
            known[key] = product_of(context, entry, entry.value)
    if len(known) == len(found.ids):
        return list(known.values())
    read = await products_by_ids(context.db, [key for key in found.ids if key not in known])
    return [known[key] if key in known else Product.of(read[key], context) for key in found.ids]


def _kind(order: Order, descending: bool, matching: Matching) -> str:
    """Names a list's order in its cursors: names stand elsewhere in another language, and the best of another search
    are others.
    """
    name = f"products/{order.value}/{'down' if descending else 'up'}"
    if order is Order.RELEVANCE and matching.search is not None:
        return f"{name}/{matching.locale}/{crc32(matching.search.text.encode()):08x}"
    return f"{name}/{matching.locale}" if order is Order.NAME else name


def _place(kind: str, order: Order, after: str | None) -> tuple[Keys | None, bool | None]:
    """Where a cursor stands, and whether its list was searched by spelling too. Raises BAD_REQUEST."""
    decoded = decode_cursor(kind, after, int, _KEYS[order], UUID)
    if decoded is None:
        return None, None
    loosely, key, product_id = decoded
    if loosely not in (0, 1):
        raise RequestError(Code.BAD_REQUEST, "`after` is not a cursor of this list in this order.")
    return (key, product_id), bool(loosely)
