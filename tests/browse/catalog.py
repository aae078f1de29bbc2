"""A catalog to browse: products with texts, options, prices and stock, put there row by row."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select

from app.browse.hits import find_hits
from app.browse.listing import Keys, Order
from app.browse.matching import Matching, count, is_plain
from app.browse.pages import Asked, Found, Listed, find_products, list_products
from app.browse.search import FEW, is_loose, read_search
from app.browse.sight import Sight
from app.catalog.search_text import rewrite_search
from app.catalog.tables import (
    category,
    collection,
    collection_product,
    product,
    product_text,
    publication,
    variant,
)
from app.inventory.availability import read_stocked
from app.platform.clock import now
from app.platform.ids import new_id
from app.platform.texts import key_of
from app.pricing.listing import refresh
from tests.shop import LONG_AGO, STAMPS, Shop


class Catalog:
    """Ids by slug. Amounts in centavos, quantities in thousandths; what is not named is published everywhere."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.products: dict[str, UUID] = {}
        self.categories: dict[str, tuple[UUID, list[UUID]]] = {}
        self.collections: dict[str, UUID] = {}

    async def category(self, slug: str, parent: str | None = None, **columns: Any) -> UUID:
        above = self.categories[parent][1] if parent else []
        key = new_id()
        self.categories[slug] = key, [*above, key]
        row: dict[str, Any] = {"id": key, "slug": slug, "name": {"pt-BR": slug.title()}, "lineage": [*above, key]}
        row |= {"parent_id": above[-1] if above else None, "position": len(self.categories)}
        await self.shop.db.run(lambda tx: tx.execute(insert(category).values(**row | columns, **STAMPS)))
        return key

    async def collection(self, slug: str, **columns: Any) -> UUID:
        key = self.collections[slug] = new_id()
        row = {"id": key, "slug": slug, "name": {"pt-BR": slug.title()}}
        await self.shop.db.run(lambda tx: tx.execute(insert(collection).values(**row | columns, **STAMPS)))
        return key

    async def product(
        self,
        slug: str,
        *,
        name: str | Mapping[str, str] | None = None,
        variants: Sequence[Mapping[str, Any]] = ({},),
        category: str | None = None,
        collections: Sequence[str] = (),
        options: Mapping[str, Sequence[str]] | Sequence[Mapping[str, Any]] = (),
        channels: Sequence[str] = ("web", "app", "pos"),
        description: str = "",
        **columns: Any,
    ) -> UUID:
        """`variants`: columns of `variant`, and `price` (1990; None: none), `stock` by location code, and `values`."""
        key = self.products[slug] = new_id()
        names = name if isinstance(name, Mapping) else dict.fromkeys(("pt-BR", "en"), name or slug.title())
        row = {
            "id": key, "slug": slug, "status": "ACTIVE", "tax_class_id": self.shop.tax_class_id,
            "category_id": self.categories[category][0] if category else None, "options": _options(options), **STAMPS,
        } | columns  # fmt: skip
        async with self.shop.db.transaction() as tx:
            await tx.execute(insert(product).values(**row))
            for locale, text in names.items():
                words = {"name": text, "name_key": key_of(text), "description": description}
                await tx.execute(insert(product_text).values(product_id=key, locale=locale, **words))
            for code in channels:
                link = {"product_id": key, "channel_id": self.shop.channels[code], "starts_at": LONG_AGO}
                await tx.execute(insert(publication).values(link))
            for code in collections:
                link = {"collection_id": self.collections[code], "product_id": key}
                await tx.execute(insert(collection_product).values(link))
            for place, wanted in enumerate(variants):
                await self._variant(
                    tx, key, place, {"sku": f"{slug.upper()}-{place}" if place else slug.upper(), **wanted}
                )
            await rewrite_search(tx, [key])
        return key

    async def _variant(self, tx: Any, product_id: UUID, place: int, wanted: Mapping[str, Any]) -> None:
        columns = dict(wanted)
        amount, stock = columns.pop("price", 1990), columns.pop("stock", {})
        key = self.shop.variants[columns["sku"]] = new_id()
        row = {"id": key, "product_id": product_id, "position": place, "option_values": columns.pop("values", [])}
        await tx.execute(insert(variant).values(**row | columns, **STAMPS))
        if amount is not None:
            await self.shop.price(tx, key, amount)
            await refresh(tx, [key], None, now())
        for code, quantity in stock.items():
            await self.shop.stock(tx, key, code, quantity)

    def matching(self, channel: str = "web", *, moment: datetime | None = None, **wanted: Any) -> Matching:
        """What a shopper of this channel looks for; `search` as typed."""
        sight = Sight(self.shop.channels[channel], moment or now())
        search = read_search(wanted.pop("search", None))
        defaults: dict[str, Any] = {"locale": "pt-BR", "location_ids": tuple(self.shop.locations.values())}
        return Matching(sight=sight, search=search, **defaults | wanted)

    async def page(
        self,
        matching: Matching,
        order: Order = Order.NAME,
        *,
        descending: bool = False,
        after: Keys | None = None,
        first: int = 100,
    ) -> Listed:
        """A page as rows; the same is found by who knows the rows, with the stock that is there."""
        db, how = self.shop.db, {"descending": descending, "after": after, "first": first}
        listed = await list_products(db, matching, order, **how)  # type: ignore[arg-type]
        # Who looks for what is in stock looks at the same places.
        places, ignores = matching.location_ids, matching.ignores_safety_stock
        for stock in (None, Asked(1, places, ignores), Asked(100, places, ignores)):
            found = await find_products(db, matching, order, stock=stock, **how)  # type: ignore[arg-type]
            assert list(found.ids) == [row.id for row in listed.rows]
            assert list(found.versions) == [row.version for row in listed.rows]
            assert (found.keys, found.more, found.stopped) == (listed.keys, listed.more, listed.stopped)
            if stock is not None:
                await self._check_stock(found, stock)
        if matching.search is not None and order is Order.RELEVANCE and not matching.loosely:
            await self._check_hits(matching, listed, **how)
        return listed

    async def _check_hits(self, matching: Matching, listed: Listed, **how: Any) -> None:
        """What one statement says of a search is what many say."""
        stock = Asked(100, matching.location_ids, matching.ignores_safety_stock)
        counted = is_plain(matching.shape)
        hits = await find_hits(self.shop.db, matching, **how, stock=stock, counted=counted)
        total = await count(self.shop.db, matching)
        if hits.page is None:
            assert hits.matched is None
            return
        assert list(hits.page.ids) == [row.id for row in listed.rows]
        assert list(hits.page.versions) == [row.version for row in listed.rows]
        assert (hits.page.keys, hits.page.more, hits.total) == (listed.keys, listed.more, total)
        await self._check_stock(hits.page, stock)
        assert matching.search is not None
        if not matching.search.exacting:
            assert (hits.sold < FEW) is await is_loose(self.shop.db, matching.search, matching.sight)
        if counted:
            assert hits.matched is not None
            assert len(hits.matched.versions) == total
            assert {row.id.bytes for row in listed.rows} <= hits.matched.versions.keys()
            assert hits.matched.sold_out == await count(self.shop.db, replace(matching, in_stock=False))

    async def _check_stock(self, found: Found, asked: Asked) -> None:
        """What a page tells of stock is what is told of its variants, at the places that were asked for."""
        where = (variant.c.product_id.in_(found.ids), ~variant.c.archived, variant.c.position <= asked.variants)
        rows = await self.shop.db.rows(select(variant).where(*where))
        assert {row.id.bytes for row in rows} <= set(found.counted)
        ignores = asked.ignores_safety_stock
        keys = [row.id for row in rows]
        there = (await read_stocked(self.shop.db, keys, asked.location_ids, ignores_safety_stock=ignores)).stocked
        assert {key.bytes: found.stocked[key.bytes] for key in keys if key.bytes in found.stocked} == there

    async def slugs(self, order: Order = Order.NAME, *, descending: bool = False, **wanted: Any) -> list[str]:
        """The slugs of all that match, in order; spelling is looked at as a first page would."""
        matching = self.matching(**wanted)
        if matching.search and await is_loose(self.shop.db, matching.search, matching.sight):
            matching = self.matching(**wanted, loosely=True)
        return [row.slug for row in (await self.page(matching, order, descending=descending)).rows]


def _options(options: Mapping[str, Sequence[str]] | Sequence[Mapping[str, Any]]) -> list[Any]:
    if isinstance(options, Mapping):
        return [
            {"name": {"pt-BR": name}, "values": [{"pt-BR": value} for value in values]}
            for name, values in options.items()
        ]
    return list(options)


def days_ago(days: int) -> datetime:
    return now() - timedelta(days=days)
