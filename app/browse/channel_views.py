"""One variant as every channel sees it now, side by side."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.catalog.queries import products_by_ids, publications, variants_by_ids
from app.channels.queries import all_channels
from app.platform.db import Reader
from app.platform.quantities import MILLI
from app.pricing.quotes import Ask, VariantQuote, quote_variants


@dataclass(frozen=True, slots=True)
class ChannelSees:
    """A channel (its row), whether it sells the variant now, and what it asks for one unit; None: it has no price."""

    channel: Row[Any]
    published: bool
    quote: VariantQuote | None


async def channels_see(db: Reader, variant_id: UUID, moment: datetime) -> list[ChannelSees]:
    """Every open channel by code; none for a variant that is not there."""
    variant = (await variants_by_ids(db, [variant_id])).get(variant_id)
    if variant is None:
        return []
    product = (await products_by_ids(db, [variant.product_id]))[variant.product_id]
    published = (await publications(db, [product.id])).get(product.id, {})
    ask = Ask(variant_id, MILLI, variant.tax_class_id or product.tax_class_id)
    seen = []
    for channel in await all_channels(db):
        if channel.active:
            (quote,) = await quote_variants(db, [ask], channel=channel, moment=moment)
            sold = not variant.archived and product.status == "ACTIVE" and _covers(published.get(channel.id), moment)
            seen.append(ChannelSees(channel, sold, quote))
    return seen


def _covers(publication: Row[Any] | None, moment: datetime) -> bool:
    return (
        publication is not None
        and publication.starts_at <= moment
        and (publication.ends_at is None or publication.ends_at > moment)
    )
