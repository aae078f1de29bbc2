"""A catalog of any size to measure on: made-up products of three variants, through the shop's own commands."""

import random
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from app.catalog.drafts import OptionDraft, OptionValueDraft, ProductDraft, PublicationDraft, TextDraft, VariantDraft
from app.catalog.products import save_products
from app.catalog.queries import categories_by_slugs, variants_of_products
from app.channels.queries import all_channels, all_locations, default_channel
from app.identity.principal import Actor, system_actor
from app.inventory.levels import MOST_CHANGES, StockChange, adjust
from app.platform import clock
from app.platform.db import Database, Tx
from app.platform.money import to_minor
from app.pricing.prices import PriceChange, set_prices
from app.pricing.queries import price_lists_by_codes

AT_ONCE = 250
SIZES = ("P", "M", "G")
ADJECTIVES = (
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
NOUNS = (
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
WORDS = (
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
STOCK = 1_000_000_000


async def add_products(database: Database, count: int, rng: random.Random) -> None:
    """So many more products, priced in the base list, a million of each variant at each location."""
    channel = await default_channel(database)
    actor = system_actor(channel.id, clock.now())
    for start in range(0, count, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, count))

        async def add(tx: Tx, numbers: range = numbers) -> None:
            await _add(tx, actor, numbers, rng)

        await database.run(add)


async def _add(tx: Tx, actor: Actor, numbers: Sequence[int], rng: random.Random) -> None:
    category = (await categories_by_slugs(tx, ["casa-e-cozinha"]))["casa-e-cozinha"]
    channels = [row.id for row in await all_channels(tx)]
    drafts = [_draft(number, category.id, channels, rng) for number in numbers]
    saved = [each.product_id for each in await save_products(tx, actor, drafts) if each.product_id is not None]
    variants = [row for rows in (await variants_of_products(tx, saved)).values() for row in rows]
    base = (await price_lists_by_codes(tx, ["base"]))["base"]
    prices = [
        PriceChange(variant_id=row.id, amount_minor=to_minor(Decimal(rng.randint(500, 90000)) / 100, "BRL"))
        for row in variants
    ]
    await set_prices(tx, actor, price_list_id=base.id, changes=prices)
    places = [row.id for row in await all_locations(tx)]
    changes = [StockChange(row.id, place, on_hand=STOCK) for row in variants for place in places]
    for start in range(0, len(changes), MOST_CHANGES):
        await adjust(tx, actor, changes=changes[start : start + MOST_CHANGES], kind="COUNT", reason="bench")


def _draft(number: int, category_id: UUID, channels: Sequence[UUID], rng: random.Random) -> ProductDraft:
    name = f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} {number:05d}"
    text = " ".join(rng.choices(WORDS, k=40))
    return ProductDraft(
        mode="create",
        slug=name.replace(" ", "-"),
        status="ACTIVE",
        category_id=category_id,
        texts=[
            TextDraft(locale="pt-BR", name=name.title(), description=f"<p>{text}</p>"),
            TextDraft(locale="en", name=name.title(), description=f"<p>{text}</p>"),
        ],
        options=[
            OptionDraft(
                texts={"pt-BR": "Tamanho", "en": "Size"},
                values=[OptionValueDraft(texts={"pt-BR": size, "en": size}) for size in SIZES],
            )
        ],
        variants=[
            VariantDraft(mode="create", option_values=[size], sku=f"SYN-{number:05d}-{size}", weight_grams=400)
            for size in SIZES
        ],
        publish=[PublicationDraft(channel_id=channel_id) for channel_id in channels],
    )
