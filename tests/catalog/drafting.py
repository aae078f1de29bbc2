"""What the catalog's tests draft products with, and how they look at what was written."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, text

from app.catalog import queries
from app.catalog.drafts import OptionDraft, OptionValueDraft, ProductDraft, Saved, TextDraft, VariantDraft
from app.catalog.products import save_products
from app.catalog.tables import product_text
from app.events.tables import outbox
from app.identity.principal import Actor
from app.platform.errors import Refusal
from tests.shop import Shop


def camiseta(**changes: Any) -> ProductDraft:
    """A T-shirt in two sizes."""
    given: dict[str, Any] = {
        "slug": "camiseta",
        "status": "ACTIVE",
        "texts": (
            TextDraft(locale="pt-BR", name="Camiseta Feira", description="<p>Algodão macio</p>"),
            TextDraft(locale="en", name="Feira T-shirt", description="<p>Soft cotton</p>"),
        ),
        "options": (option("Tamanho", "P", "M"),),
        "variants": (
            VariantDraft(option_values=("P",), sku="CAM-P", barcode="7891234567895"),
            VariantDraft(option_values=("M",), sku="CAM-M"),
        ),
    }
    return ProductDraft(**given | changes)


def plain(slug: str, sku: str | None = None, **changes: Any) -> ProductDraft:
    """A product without options."""
    variants = (VariantDraft(option_values=(), sku=sku or slug.upper()),)
    texts = (TextDraft(locale="pt-BR", name=slug.title()),)
    return ProductDraft(**{"slug": slug, "status": "ACTIVE", "texts": texts, "variants": variants} | changes)


def option(name: str, *values: str) -> OptionDraft:
    return OptionDraft(texts={"pt-BR": name}, values=[OptionValueDraft(texts={"pt-BR": value}) for value in values])


async def save(shop: Shop, *drafts: ProductDraft, actor: Actor | None = None) -> list[Saved]:
    who = actor or shop.actor()
    return await shop.db.run(lambda tx: save_products(tx, who, drafts))


async def save_one(shop: Shop, draft: ProductDraft, actor: Actor | None = None) -> Saved:
    saved = (await save(shop, draft, actor=actor))[0]
    assert saved.refusals == (), said(saved.refusals)
    return saved


def said(refusals: Sequence[Refusal]) -> list[tuple[str, str]]:
    """Code and path of each refusal."""
    return [(refusal.code, ".".join(refusal.path)) for refusal in refusals]


async def told(shop: Shop, topic: str = "PRODUCT") -> list[Row[Any]]:
    """What the outbox holds of a topic, in order."""
    return list(await shop.db.rows(select(outbox).where(outbox.c.topic == topic).order_by(outbox.c.id)))


async def version_of(shop: Shop, product_id: UUID | None) -> int:
    assert product_id is not None
    version: int = (await queries.products_by_ids(shop.db, [product_id]))[product_id].version
    return version


async def finds(shop: Shop, words: str, locale: str = "pt-BR") -> set[UUID]:
    """Products whose kept search text matches all the words."""
    configuration = "portuguese" if locale == "pt-BR" else "english"
    query = func.plainto_tsquery(text(f"'{configuration}'"), words)
    rows = await shop.db.rows(
        select(product_text.c.product_id).where(product_text.c.search.op("@@")(query), product_text.c.locale == locale)
    )
    return {row.product_id for row in rows}
