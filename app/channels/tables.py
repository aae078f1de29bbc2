"""Channels, locations, and which channel sells from which location."""

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from app.platform.db import id_column, metadata, milli, minor, moment, sort_key, version_column

channel = Table(
    "channel",
    metadata,
    id_column(),
    sort_key("code"),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("region", Text),
    Column("locale", Text, nullable=False, server_default="pt-BR"),
    Column("prices_include_tax", Boolean, nullable=False),
    # Begins the numbers of this channel's orders.
    Column("order_prefix", Text, nullable=False, unique=True),
    Column("hold_minutes", Integer, nullable=False, server_default=text("30")),
    Column("price_promise_minutes", Integer, nullable=False, server_default=text("60")),
    Column("cart_days", Integer, nullable=False, server_default=text("30")),
    # A POS channel may sell what safety stock keeps back from the others.
    Column("ignores_safety_stock", Boolean, nullable=False, server_default=text("false")),
    # False: shoppers are told a status, not how many there are.
    Column("shows_quantities", Boolean, nullable=False, server_default=text("true")),
    milli("low_stock", default=5000),
    # Cash totals are rounded to a multiple of this; 1: not at all.
    minor("cash_rounding", default=1),
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
    Index("uq_channel_code", "code", unique=True),
    Index("uq_channel_is_default", "is_default", unique=True, postgresql_where=text("is_default")),
    CheckConstraint("hold_minutes > 0 AND price_promise_minutes >= 0 AND cash_rounding >= 1", name="settings"),
)

location = Table(
    "location",
    metadata,
    id_column(),
    sort_key("code"),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("offers_pickup", Boolean, nullable=False, server_default=text("false")),
    Column("ships", Boolean, nullable=False, server_default=text("true")),
    Column("country", Text, nullable=False),
    Column("region", Text),
    # As the contract's Address: name, line1, line2, city, region, postalCode, country, phone.
    Column("address", JSONB),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
    Index("uq_location_code", "code", unique=True),
    CheckConstraint("kind IN ('STORE','WAREHOUSE')", name="kind"),
)

channel_location = Table(
    "channel_location",
    metadata,
    Column("channel_id", Uuid, ForeignKey("channel.id"), primary_key=True),
    Column("location_id", Uuid, ForeignKey("location.id"), primary_key=True, index=True),
    # Lower ships first.
    Column("priority", Integer, nullable=False, server_default=text("0")),
)
