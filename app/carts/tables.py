"""Carts, their lines with the quote they were promised, their deliveries, and the channels that touched them."""

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from app.platform.db import localized, metadata, milli, minor, moment, version_column

cart = Table(
    "cart",
    metadata,
    # 128 random bits: for a guest, holding it is the right to the cart.
    Column("id", Uuid, primary_key=True),
    Column("status", Text, nullable=False, server_default="ACTIVE"),
    Column("channel_id", Uuid, nullable=False),
    Column("location_id", Uuid),
    Column("register_id", Uuid),
    Column("customer_id", Uuid),
    Column("email", Text),
    Column("phone", Text),
    Column("tax_id", Text),
    Column("note", Text),
    Column("currency", Text, nullable=False),
    # As the quote was made: with tax in the line prices, or without.
    Column("shows_tax", Boolean, nullable=False),
    # The quote, on the side that the cart shows; the taxes are [{"name": {…}, "rate_ppm": …, "base": …, "amount": …}].
    minor("subtotal", default=0),
    minor("discount", default=0),
    minor("delivery", default=0),
    minor("tax", default=0),
    minor("rounding", default=0),
    minor("total", default=0),
    Column("taxes", JSONB, nullable=False, server_default=text("'[]'")),
    # Whole units; a weighed line counts one.
    Column("item_count", Integer, nullable=False, server_default=text("0")),
    moment("prices_promised_until", nullable=True),
    Column("order_id", Uuid),
    Column("merged_into_id", Uuid),
    # The principal that made it.
    Column("created_by", Text, nullable=False),
    # The one of the shop that said which account buys: it goes on with the cart, which is a guest's no more.
    Column("served_by", Text),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
    moment("expires_at", nullable=True),
    Index("ix_cart_updated_at", "updated_at", "id"),
    Index("ix_cart_location", "location_id", "updated_at", "id"),
    Index("ix_cart_customer", "customer_id", "updated_at", "id"),
    Index("ix_cart_expires_at", "expires_at", postgresql_where=text("status IN ('ACTIVE','PARKED')")),
    CheckConstraint("status IN ('ACTIVE','PARKED','ORDERED','MERGED','EXPIRED')", name="status"),
)

cart_delivery = Table(
    "cart_delivery",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("cart_id", Uuid, ForeignKey("cart.id"), nullable=False, index=True),
    Column("method", Text, nullable=False),
    # The code of a delivery method; null until one is chosen.
    Column("option", Text),
    Column("location_id", Uuid),
    Column("address", JSONB),
    minor("net", nullable=True),
    minor("gross", nullable=True),
    Column("taxes", JSONB, nullable=False, server_default=text("'[]'")),
    CheckConstraint("method IN ('CARRY_OUT','SHIP','PICKUP')", name="method"),
)

cart_line = Table(
    "cart_line",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("cart_id", Uuid, ForeignKey("cart.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("variant_id", Uuid, nullable=False),
    # As they were when the line was added, for when the variant is gone.
    localized("name"),
    Column("sku", Text),
    milli("quantity"),
    # [{"key": …, "value": …}], sorted by key: part of what makes a line.
    Column("attributes", JSONB, nullable=False, server_default=text("'[]'")),
    Column("delivery_id", Uuid),
    # The quote: one unit, the quantity before discounts, and after them; net + tax = gross.
    minor("unit_net"),
    minor("unit_gross"),
    minor("subtotal_net"),
    minor("subtotal_gross"),
    minor("total_net"),
    minor("total_gross"),
    Column("taxes", JSONB, nullable=False, server_default=text("'[]'")),
    Column("price_list_id", Uuid),
    # What a scale printed on the label: charged instead of unit × quantity.
    minor("label_total", nullable=True),
    # Where the price moved while the quantity grew: [{"unit": …, "quantity": …}], what was promised first comes first.
    # So much of the quantity still sells at these unit prices, the rest at the line's own.
    Column("promised", JSONB, nullable=False, server_default=text("'[]'")),
    # A price given by staff, as the channel shows prices, and what it was before.
    minor("override", nullable=True),
    minor("override_was", nullable=True),
    Column("override_reason", Text),
    Column("override_staff_id", Uuid),
    Index("ix_cart_line_cart", "cart_id", "position"),
    CheckConstraint("quantity > 0", name="quantity"),
)

cart_visit = Table(
    "cart_visit",
    metadata,
    Column("cart_id", Uuid, ForeignKey("cart.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("channel_id", Uuid, nullable=False),
    moment("at"),
)
