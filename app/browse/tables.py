"""Indexes that listings read, on tables of the domains below: they serve shoppers, not the domain's own work.
And what the last sweep over all channels found to be at odds.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.catalog.tables import variant
from app.platform.db import metadata, moment
from app.pricing.tables import channel_price

# Finds the variants of a channel by price.
Index(
    "ix_channel_price_amount",
    channel_price.c.channel_id,
    channel_price.c.amount,
    channel_price.c.product_id,
    channel_price.c.variant_id,
)
# The same of those prices by which products are listed.
Index(
    "ix_channel_price_lowest",
    channel_price.c.channel_id,
    channel_price.c.amount,
    channel_price.c.product_id,
    channel_price.c.variant_id,
    postgresql_where=text("lowest"),
)
# Finds the few variants that have a rare option value.
Index(
    "ix_variant_option_values",
    variant.c.option_values,
    postgresql_using="gin",
    postgresql_where=text("NOT archived"),
)

# A variant that channels show differently, though no rule says so.
divergence = Table(
    "divergence",
    metadata,
    Column("variant_id", Uuid, nullable=False),
    # How, in words.
    Column("what", Text, nullable=False),
    # Their codes.
    Column("channels", ARRAY(Text), nullable=False),
    # The kind of difference, the code of the location that it is at, and what each channel shows, by code. Null in what
    # an earlier version of Feira found.
    Column("aspect", Text),
    Column("location", Text),
    Column("shown", JSONB),
    # The end of the first sweep that found it; each one since has found it again.
    Column("since", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    PrimaryKeyConstraint("variant_id", "what"),
)

# One row: the last sweep that ended.
divergence_sweep = Table(
    "divergence_sweep",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    moment("checked_at"),
    # How many variants it looked at, and how much was at odds: more than is kept, if that is very much.
    Column("variants", BigInteger, nullable=False),
    Column("divergent", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one"),
)
