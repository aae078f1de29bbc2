"""Lists counted by sets, compared with what the tables say of them."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.browse.common_words import find_listed
from app.browse.counting import narrowed_by, total_of
from app.browse.facets import facets_of
from app.browse.listing import Order
from app.browse.matching import Matching, count
from app.browse.pages import Asked, find_products
from app.browse.search import read_search
from app.browse.sight import Sight
from app.catalog.tables import category, collection, product
from app.platform import clock
from app.pricing.tables import channel_price
from tests.api.keeping import Keeping

TYPED = (None, "azul", "xicara", "cheia", "copa", "outra", "novas", "g", "azul -peixe", '"bone azul"', "de", "AZUL")


def of(keeps: Keeping, moment: datetime | None = None, channel: str = "web", **wanted: Any) -> Matching:
    sight = Sight(keeps.shop.channels[channel], moment or clock.now())
    defaults: dict[str, Any] = {"locale": "pt-BR", "location_ids": tuple(keeps.shop.locations.values())}
    return Matching(sight=sight, search=read_search(wanted.pop("search", None)), **defaults | wanted)


async def agrees(keeps: Keeping, matching: Matching, said: Any = None) -> int | None:
    """How many, which is what the tables say, as are the facets and the page."""
    db, catalog = keeps.shop.db, keeps.catalog
    total = await count(db, matching)
    assert await total_of(db, catalog, matching) == total, (said, matching)
    assert await narrowed_by(db, catalog, matching) == await facets_of(db, matching), (said, matching)
    if matching.search is not None:
        how: dict[str, Any] = {"descending": False, "after": None, "first": 3}
        how["stock"] = Asked(3, matching.location_ids, matching.ignores_safety_stock)
        there = await find_products(db, matching, Order.RELEVANCE, **how)
        assert await find_listed(db, catalog, matching, Order.RELEVANCE, **how) == there, (said, matching)
    return total


async def bounds_of(keeps: Keeping) -> list[dict[str, Any]]:
    """Bounds that some prices lie on, between and beyond; the last leave out the dearest and the cheapest."""
    rows = await keeps.shop.db.rows(select(channel_price.c.amount).distinct().order_by(channel_price.c.amount))
    amounts = [row.amount for row in rows] or [0]
    low, middle, high = amounts[0], amounts[len(amounts) // 2], amounts[-1]
    return [
        *({"price_min": low}, {"price_max": high}, {"price_max": low}, {"price_min": high}, {"price_max": middle - 1}),
        *({"price_min": middle, "price_max": middle}, {"price_min": high, "price_max": low}, {"price_min": high + 1}),
        *({"price_min": middle}, {"price_min": low + 1, "price_max": high - 1}),
    ]


async def all_agree(keeps: Keeping, moment: datetime | None = None, said: Any = None) -> int:
    """Of every field and search; how many products were counted."""
    rows = await keeps.shop.db.rows(select(product))
    filed = tuple(row.id for row in await keeps.shop.db.rows(select(category.c.id)))
    held = tuple(row.id for row in await keeps.shop.db.rows(select(collection.c.id)))
    brands = tuple({row.brand for row in rows if row.brand})
    tags = tuple({tag for row in rows for tag in row.tags})
    filters: list[dict[str, Any]] = [
        *({}, {"category_ids": filed[:1]}, {"category_ids": filed}, {"collection_ids": held}),
        *({"brands": (*brands[:1], "nobody")}, {"tags": tags[:2]}, {"brands": brands, "tags": tags}),
        {"category_ids": filed, "collection_ids": held[:1], "locale": "en"},
    ]
    bounds = await bounds_of(keeps)
    filters += [*bounds, *({"category_ids": filed[:1], **each} for each in bounds), {"brands": brands, **bounds[-1]}]
    counted = 0
    for channel in ("web", "pos"):
        for each in filters:
            counted += await agrees(keeps, of(keeps, moment, channel, **each), said) or 0
    narrowed: list[dict[str, Any]] = [{}, {"category_ids": filed[:1]}, bounds[-1]]
    for typed in TYPED:
        for each in narrowed:
            counted += await agrees(keeps, of(keeps, moment, search=typed, **each), said) or 0
    return counted
