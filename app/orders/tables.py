"""Orders: lines as they were sold, deliveries, and what happened since."""

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, Sequence, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from app.platform.db import id_column, localized, metadata, milli, minor, moment, sort_key, version_column

# Numbers need be unique, not without gaps: a sequence never makes one order wait for another.
order_number = Sequence("order_number", start=1001, metadata=metadata)

order = Table(
    "order",
    metadata,
    id_column(),
    sort_key("number"),
    Column("status", Text, nullable=False),
    Column("payment_status", Text, nullable=False),
    Column("fulfillment_status", Text, nullable=False),
    Column("channel_id", Uuid, nullable=False),
    Column("location_id", Uuid),
    Column("register_id", Uuid),
    Column("staff_id", Uuid),
    Column("customer_id", Uuid),
    Column("cart_id", Uuid),
    Column("email", Text),
    Column("phone", Text),
    Column("tax_id", Text),
    Column("note", Text),
    sort_key("receipt_number", nullable=True),
    Column("currency", Text, nullable=False),
    Column("shows_tax", Boolean, nullable=False),
    minor("subtotal"),
    minor("discount"),
    minor("delivery"),
    minor("tax"),
    minor("rounding"),
    minor("total"),
    Column("taxes", JSONB, nullable=False, server_default=text("'[]'")),
    # Whole units; a weighed line counts one.
    Column("item_count", Integer, nullable=False),
    # What was given back, and what a cancellation took off, of `total`.
    minor("refunded", default=0),
    version_column(),
    moment("placed_at"),
    moment("recorded_at"),
    moment("updated_at"),
    Index("uq_order_number", "number", unique=True),
    Index("uq_order_receipt_number", "receipt_number", unique=True),
    Index("uq_order_cart", "cart_id", unique=True),
    Index("ix_order_placed_at", "placed_at", "id"),
    Index("ix_order_location", "location_id", "placed_at", "id"),
    Index("ix_order_customer", "customer_id", "placed_at", "id"),
    Index("ix_order_channel", "channel_id", "placed_at", "id"),
    CheckConstraint("status IN ('OPEN','COMPLETED','CANCELLED')", name="status"),
)

order_delivery = Table(
    "order_delivery",
    metadata,
    id_column(),
    Column("order_id", Uuid, ForeignKey("order.id"), nullable=False, index=True),
    Column("method", Text, nullable=False),
    Column("option", Text),
    Column("location_id", Uuid),
    Column("address", JSONB),
    minor("net", nullable=True),
    minor("gross", nullable=True),
    Column("taxes", JSONB, nullable=False, server_default=text("'[]'")),
)

order_line = Table(
    "order_line",
    metadata,
    id_column(),
    Column("order_id", Uuid, ForeignKey("order.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("variant_id", Uuid, index=True),
    localized("name"),
    Column("sku", Text),
    milli("quantity"),
    milli("fulfilled", default=0),
    milli("returned", default=0),
    milli("cancelled", default=0),
    Column("attributes", JSONB, nullable=False, server_default=text("'[]'")),
    Column("delivery_id", Uuid),
    minor("unit_net"),
    minor("unit_gross"),
    minor("subtotal_net"),
    minor("subtotal_gross"),
    minor("total_net"),
    minor("total_gross"),
    Column("taxes", JSONB, nullable=False, server_default=text("'[]'")),
    Column("price_list_id", Uuid),
    minor("override", nullable=True),
    minor("override_was", nullable=True),
    Column("override_reason", Text),
    Column("override_staff_id", Uuid),
    Index("ix_order_line_order", "order_id", "position"),
    CheckConstraint(
        "quantity > 0 AND fulfilled >= 0 AND cancelled >= 0 AND fulfilled + cancelled <= quantity", name="quantity"
    ),
    CheckConstraint("returned >= 0 AND returned <= fulfilled", name="returned"),
)

order_event = Table(
    "order_event",
    metadata,
    id_column(),
    Column("order_id", Uuid, ForeignKey("order.id"), nullable=False),
    # placed, paid, fulfilled, cancelled, refunded, …
    Column("kind", Text, nullable=False),
    Column("details", JSONB, nullable=False, server_default=text("'{}'")),
    Column("channel_id", Uuid),
    Column("actor", Text),
    moment("at"),
    Index("ix_order_event_order", "order_id", "at", "id"),
)

order_visit = Table(
    "order_visit",
    metadata,
    Column("order_id", Uuid, ForeignKey("order.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("channel_id", Uuid, nullable=False),
    moment("at"),
)
