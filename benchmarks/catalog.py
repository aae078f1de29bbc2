"""A catalog of any size to measure on: made-up products of three variants, through the shop's own commands.

`articles` are the same for every shop that is measured; `peers` fill theirs from them.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final
from uuid import UUID

from app.catalog.drafts import OptionDraft, OptionValueDraft, ProductDraft, PublicationDraft, TextDraft, VariantDraft
from app.catalog.products import save_products
from app.catalog.queries import categories_by_slugs, variants_of_products
from app.channels.queries import all_channels, all_locations, default_channel
from app.identity.principal import Actor, system_actor
from app.inventory.levels import MOST_CHANGES, StockChange, adjust
from app.platform import clock
from app.platform.db import Database, Tx
from app.pricing.prices import PriceChange, set_prices
from app.pricing.queries import price_lists_by_codes

AT_ONCE: Final = 250
SIZES: Final = ("P", "M", "G")
ADJECTIVES: Final = (
    "compact",
    "rugged",
    "classic",
    "modern",
    "premium",
    "urban",
    "coastal",
    "nordic",
    "vintage",
    "portable",
    "wireless",
    "solar",
    "smart",
)
NOUNS: Final = (
    "laptop",
    "camera",
    "chair",
    "lamp",
    "tent",
    "bottle",
    "sneaker",
    "backpack",
    "keyboard",
    "monitor",
    "speaker",
    "tripod",
    "planter",
    "sofa",
)
WORDS: Final = (
    "lorem",
    "ipsum",
    "dolor",
    "sit",
    "amet",
    "durable",
    "lightweight",
    "recycled",
    "waterproof",
    "everyday",
    "reliable",
    "warranty",
    "design",
)
BRANDS: Final = (
    "Acme",
    "Umbra",
    "Borealis",
    "Canela",
    "Dunas",
    "Estrela",
    "Farol",
    "Girassol",
    "Horizonte",
    "Ipe",
    "Jacaranda",
    "Lume",
)
CATEGORIES: Final = (
    "mesa",
    "cozinha",
    "organizacao",
    "camisetas",
    "acessorios",
    "livros-e-papelaria",
    "preparo",
    "cestas",
)
STOCK: Final = 1_000_000_000
"""Thousandths of each variant at each location."""


@dataclass(frozen=True, slots=True)
class Article:
    """A product of three variants: `amounts` are its sizes' prices in minor units, `category` is a slug."""

    number: int
    name: str
    text: str
    brand: str
    category: str
    amounts: tuple[int, ...]

    @property
    def slug(self) -> str:
        return self.name.replace(" ", "-")

    def sku(self, size: str) -> str:
        return f"SYN-{self.number:05d}-{size}"


def articles(rng: random.Random | None = None) -> Iterator[Article]:
    """As many as are wanted, always the same."""
    rng = rng or random.Random(7)
    number = 0
    while True:
        yield Article(
            number=number,
            name=f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} {number:05d}",
            text=" ".join(rng.choices(WORDS, k=40)),
            brand=rng.choice(BRANDS),
            category=rng.choice(CATEGORIES),
            amounts=tuple(rng.randint(500, 90_000) for _ in SIZES),
        )
        number += 1


async def add_products(database: Database, count: int) -> None:
    """The first so many, published everywhere, priced in the base list, a million of each variant at each location."""
    channel = await default_channel(database)
    actor = system_actor(channel.id, clock.now())
    source = islice(articles(), count)
    while some := list(islice(source, AT_ONCE)):

        async def add(tx: Tx, some: Sequence[Article] = some) -> None:
            await _add(tx, actor, some)

        await database.run(add)


async def _add(tx: Tx, actor: Actor, some: Sequence[Article]) -> None:
    categories = await categories_by_slugs(tx, CATEGORIES)
    channels = [row.id for row in await all_channels(tx)]
    drafts = [_draft(one, categories[one.category].id, channels) for one in some]
    saved = [each.product_id for each in await save_products(tx, actor, drafts) if each.product_id is not None]
    variants = {row.sku: row.id for rows in (await variants_of_products(tx, saved)).values() for row in rows}
    base = (await price_lists_by_codes(tx, ["base"]))["base"]
    prices = [
        PriceChange(variant_id=variants[one.sku(size)], amount_minor=amount)
        for one in some
        for size, amount in zip(SIZES, one.amounts, strict=True)
    ]
    await set_prices(tx, actor, price_list_id=base.id, changes=prices)
    places = [row.id for row in await all_locations(tx)]
    changes = [StockChange(id_, place, on_hand=STOCK) for id_ in variants.values() for place in places]
    for start in range(0, len(changes), MOST_CHANGES):
        await adjust(tx, actor, changes=changes[start : start + MOST_CHANGES], kind="COUNT", reason="bench")


def _draft(one: Article, category_id: UUID, channels: Sequence[UUID]) -> ProductDraft:
    return ProductDraft(
        mode="create",
        slug=one.slug,
        status="ACTIVE",
        brand=one.brand,
        category_id=category_id,
        texts=[
            TextDraft(locale="pt-BR", name=one.name.title(), description=f"<p>{one.text}</p>"),
            TextDraft(locale="en", name=one.name.title(), description=f"<p>{one.text}</p>"),
        ],
        options=[
            OptionDraft(
                texts={"pt-BR": "Tamanho", "en": "Size"},
                values=[OptionValueDraft(texts={"pt-BR": size, "en": size}) for size in SIZES],
            )
        ],
        variants=[
            VariantDraft(mode="create", option_values=[size], sku=one.sku(size), weight_grams=400) for size in SIZES
        ],
        publish=[PublicationDraft(channel_id=channel_id) for channel_id in channels],
    )
