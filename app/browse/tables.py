"""Indexes that listings read, on tables of the domains below: they serve shoppers, not the domain's own work."""

from sqlalchemy import Index, text

from app.catalog.tables import variant
from app.pricing.tables import channel_price

# Walked from the cheapest on, or from the dearest, it gives the products of a channel by price.
Index(
    "ix_channel_price_amount",
    channel_price.c.channel_id,
    channel_price.c.amount,
    channel_price.c.product_id,
    channel_price.c.variant_id,
)
# Finds the few variants that have a rare option value.
Index(
    "ix_variant_option_values",
    variant.c.option_values,
    postgresql_using="gin",
    postgresql_where=text("NOT archived"),
)
