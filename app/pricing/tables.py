"""Price lists, the append-only prices in them, tax classes and rates, and each channel's public price of a variant."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.platform.db import id_column, localized, metadata, milli, minor, moment, sort_key, version_column

price_list = Table(
    "price_list",
    metadata,
    id_column(),
    sort_key("code"),
    localized("name"),
    Column("currency", Text, nullable=False),
    # The base list of its currency applies everywhere; the others override it where and for whom they name.
    Column("is_base", Boolean, nullable=False, server_default=text("false")),
    Column("includes_tax", Boolean, nullable=False),
    # Higher wins among the lists that apply.
    Column("priority", Integer, nullable=False, server_default=text("0")),
    # Null: any.
    Column("channel_ids", ARRAY(Uuid)),
    Column("location_ids", ARRAY(Uuid)),
    Column("customer_group_ids", ARRAY(Uuid)),
    milli("min_quantity", default=0),
    moment("starts_at", nullable=True),
    moment("ends_at", nullable=True),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
    Index("uq_price_list_code", "code", unique=True),
    Index("uq_price_list_base", "currency", unique=True, postgresql_where=text("is_base")),
)

# Append-only: a price ends by getting an `ends_at`, and a new row begins.
price = Table(
    "price",
    metadata,
    id_column(),
    Column("price_list_id", Uuid, ForeignKey("price_list.id"), nullable=False),
    Column("variant_id", Uuid, ForeignKey("variant.id"), nullable=False),
    milli("min_quantity", default=0),
    minor("amount"),
    minor("compare_at", nullable=True),
    moment("starts_at"),
    moment("ends_at", nullable=True),
    moment("created_at"),
    Index("ix_price_variant", "variant_id", "price_list_id", "min_quantity", "starts_at"),
    Index("ix_price_list", "price_list_id", "id"),
    # Of two open prices one would never end.
    Index(
        "uq_price_open",
        "variant_id",
        "price_list_id",
        "min_quantity",
        unique=True,
        postgresql_where=text("ends_at IS NULL"),
    ),
    CheckConstraint("amount >= 0 AND min_quantity >= 0 AND (ends_at IS NULL OR ends_at >= starts_at)", name="sane"),
)

# All prices of a variant as one thing: who writes them locks this row, in the order of the ids.
priced_variant = Table(
    "priced_variant",
    metadata,
    Column("variant_id", Uuid, ForeignKey("variant.id"), primary_key=True),
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    # When one of its prices, their lists or its taxes next begins or ends.
    moment("next_at", nullable=True),
    Index("ix_priced_variant_next_at", "next_at", postgresql_where=text("next_at IS NOT NULL")),
)

tax_class = Table(
    "tax_class",
    metadata,
    id_column(),
    sort_key("code"),
    localized("name"),
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
    Index("uq_tax_class_code", "code", unique=True),
    Index("uq_tax_class_is_default", "is_default", unique=True, postgresql_where=text("is_default")),
)

tax_rate = Table(
    "tax_rate",
    metadata,
    id_column(),
    Column("tax_class_id", Uuid, ForeignKey("tax_class.id"), nullable=False, index=True),
    Column("country", Text, nullable=False),
    # Null: the whole country.
    Column("region", Text),
    # A region's rate stands beside the country's, or in its place.
    Column("replaces_country", Boolean, nullable=False, server_default=text("false")),
    localized("name"),
    # Millionths: 180000 is 18 %.
    Column("rate_ppm", Integer, nullable=False),
    moment("starts_at", nullable=True),
    moment("ends_at", nullable=True),
    moment("created_at"),
    CheckConstraint("rate_ppm >= 0 AND rate_ppm <= 10000000", name="rate"),
)

# What anybody pays for one unit in a channel: price() of each variant, kept for sorting and filtering by price.
channel_price = Table(
    "channel_price",
    metadata,
    # No foreign keys: who sets a channel holds its row while prices wait to be worked out.
    Column("channel_id", Uuid, primary_key=True),
    Column("variant_id", Uuid, primary_key=True, index=True),
    Column("product_id", Uuid, nullable=False),
    # As the channel shows prices, with or without tax.
    minor("amount"),
    # The tax that is in it, or that comes on top.
    minor("tax"),
    minor("compare_at", nullable=True),
    moment("valid_until", nullable=True),
    # False only where another price of the product in the channel comes before it, of a variant that is not archived
    # (`lowest`).
    Column("lowest", Boolean, nullable=False, server_default=text("true")),
    Index("ix_channel_price_product", "channel_id", "product_id", "amount"),
)

# All prices of a product as one thing: who writes some locks this row after those of their variants (`lowest`).
priced_product = Table(
    "priced_product",
    metadata,
    Column("product_id", Uuid, primary_key=True),
)
