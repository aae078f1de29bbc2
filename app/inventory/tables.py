"""Stock levels, the ledger under them, and the two kinds of reservation."""

from sqlalchemy import CheckConstraint, Column, Index, PrimaryKeyConstraint, Table, Text, Uuid

from app.platform.db import id_column, metadata, milli, moment, version_column

# The law of stock stands here (DESIGN, law 1). No foreign key points to a level, so that it can be sharded by variant.
stock_level = Table(
    "stock_level",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("variant_id", Uuid, nullable=False),
    Column("location_id", Uuid, nullable=False),
    milli("on_hand", default=0),
    milli("reserved", default=0),
    milli("safety_stock", default=0),
    milli("backorder_allowance", default=0),
    milli("shortfall", default=0),
    milli("incoming", default=0),
    version_column(),
    moment("updated_at"),
    PrimaryKeyConstraint("variant_id", "location_id"),
    Index("uq_stock_level_id", "id", unique=True),
    Index("ix_stock_level_location", "location_id", "variant_id"),
    CheckConstraint("on_hand - reserved - safety_stock + backorder_allowance + shortfall >= 0", name="never_oversold"),
    CheckConstraint(
        "shortfall >= 0 AND reserved >= 0 AND safety_stock >= 0 AND backorder_allowance >= 0", name="positive"
    ),
)

stock_movement = Table(
    "stock_movement",
    metadata,
    id_column(),
    Column("variant_id", Uuid, nullable=False),
    Column("location_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    milli("quantity"),
    milli("on_hand_after"),
    Column("reason", Text),
    # What led to it, in words a person can look up: an order's number, a count's name.
    Column("reference", Text),
    Column("order_id", Uuid, index=True),
    Column("actor", Text),
    moment("occurred_at"),
    moment("recorded_at"),
    Index("ix_stock_movement_level", "variant_id", "location_id", "occurred_at", "id"),
    Index("ix_stock_movement_occurred_at", "occurred_at", "id"),
    CheckConstraint(
        "kind IN ('RECEIPT','SALE','RETURN','ADJUSTMENT','COUNT','TRANSFER_OUT','TRANSFER_IN')", name="kind"
    ),
)

# A cart's claim, until it expires. Deleted when it is released, together with its share of the level's counter.
hold = Table(
    "hold",
    metadata,
    id_column(),
    Column("cart_id", Uuid, nullable=False, index=True),
    Column("cart_line_id", Uuid, nullable=False),
    Column("variant_id", Uuid, nullable=False),
    Column("location_id", Uuid, nullable=False),
    milli("quantity"),
    moment("expires_at"),
    Index("ix_hold_level", "variant_id", "location_id", "expires_at"),
    Index("ix_hold_expires_at", "expires_at"),
    Index("uq_hold_line_location", "cart_line_id", "location_id", unique=True),
    CheckConstraint("quantity > 0", name="quantity"),
)

# An order's claim, until it is fulfilled or cancelled. Deleted (or lowered) then.
allocation = Table(
    "allocation",
    metadata,
    id_column(),
    Column("order_id", Uuid, nullable=False, index=True),
    Column("order_line_id", Uuid, nullable=False),
    Column("variant_id", Uuid, nullable=False),
    Column("location_id", Uuid, nullable=False),
    milli("quantity"),
    moment("created_at"),
    Index("ix_allocation_level", "variant_id", "location_id"),
    Index("uq_allocation_line_location", "order_line_id", "location_id", unique=True),
    CheckConstraint("quantity > 0", name="quantity"),
)
