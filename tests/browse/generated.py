"""A made-up shop whose products are alike in some ways and not in others, and the plain way to list it."""

from random import Random
from typing import Any

from sqlalchemy import select

from app.browse import pages, sold_out
from app.browse.listing import Keys, Order
from app.browse.matching import Matching
from app.browse.search import found
from app.catalog.tables import product
from tests.browse.catalog import Catalog, days_ago
from tests.shop import Shop

NOUNS = ["copo", "prato", "vaso", "xale"]
ADJECTIVES = ["azul", "branco", "raro"]
ORDERS = [Order.NAME, Order.PRICE, Order.CREATED_AT, Order.UPDATED_AT]


async def generated(shop: Shop, seed: int, products: int) -> Catalog:
    """Half are blue and a tenth are rare; some have no price, no variant, no stock, one name alone, or are not sold."""
    random, catalog = Random(seed), Catalog(shop)
    for number in range(products):
        noun = random.choice(NOUNS)
        adjective = random.choices(ADJECTIVES, [5, 4, 1])[0]
        # Some have the same name, and some are called so in one language only.
        own, other = f"{noun} {adjective} {number % 7}", f"{adjective} {random.choice(NOUNS)}"
        name = random.choice([{"pt-BR": own, "en": other}, {"pt-BR": own}, {"en": other}, {"pt-BR": own, "en": own}])
        variants: list[dict[str, Any]] = [
            {
                "sku": f"{'azul' if random.random() < 0.1 else 'sku'}-{number}-{place}",
                "price": random.choice([None, 100, 200, 200, 300]),
                "values": [str(place)],
                "archived": random.random() < 0.2,
                "stock": {"centro": 1000} if random.random() < 0.4 else {},
            }
            for place in range(random.choice([0, 1, 1, 2]))
        ]
        await catalog.product(
            f"p{number}",
            name=name,
            variants=variants,
            channels=random.choice([("web",), ("web", "pos"), ("web",), ("pos",)]),
            status=random.choice(["ACTIVE"] * 5 + ["DRAFT"]),
            brand=random.choice(["Feira", "Mar"]),
            created_at=days_ago(number % 5),
            updated_at=days_ago(random.randrange(6)),
        )
    return catalog


async def listed(catalog: Catalog, wanted: Matching, order: Order, descending: bool, **without: Any) -> list[str]:
    """The plain way: the whole list without its search, in order, and of it those that the words find."""
    assert wanted.search is not None
    ids = select(product.c.slug).where(product.c.id.in_(found(len(wanted.search.words), loosely=False)))
    slugs = {row.slug for row in await catalog.shop.db.rows(ids, wanted.parameters)}
    everything = await catalog.page(catalog.matching(locale=wanted.locale, **without), order, descending=descending)
    assert not everything.more
    return [row.slug for row in everything.rows if row.slug in slugs]


async def walked(
    catalog: Catalog, wanted: Matching, order: Order, descending: bool, first: int, *, rows: bool = False
) -> list[str]:
    """All of it, page by page: each full that is not the last, or it says where it stopped. `rows`: read as rows alone,
    and not in every way that there is.
    """
    slugs: list[str] = []
    after: Keys | None = None
    for _ in range(200):
        if rows:
            how: dict[str, Any] = {"descending": descending, "after": after, "first": first}
            page = await pages.list_products(catalog.shop.db, wanted, order, **how)
        else:
            page = await catalog.page(wanted, order, descending=descending, after=after, first=first)
        slugs += [row.slug for row in page.rows]
        assert len(page.rows) <= first
        if not page.more:
            return slugs
        assert len(page.rows) == first or page.stopped is not None
        after = page.stopped or page.keys[-1]
    raise AssertionError("it goes on")


def forget_statements() -> None:
    """The bounds are written into the statements."""
    for each in (
        pages._found,
        pages._found_unpriced,
        pages._tried,
        sold_out._places,
    ):
        each.cache_clear()
