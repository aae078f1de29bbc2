"""Fulfillments: goods that left, or are about to, from one location."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Table, Text, Uuid

from app.platform.db import id_column, metadata, milli, moment

fulfillment = Table(
    "fulfillment",
    metadata,
    id_column(),
    Column("order_id", Uuid, ForeignKey("order.id"), nullable=False, index=True),
    Column("method", Text, nullable=False),
    Column("location_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("carrier", Text),
    Column("tracking_number", Text),
    Column("tracking_url", Text),
    moment("created_at"),
    moment("updated_at"),
    CheckConstraint(
        "state IN ('PREPARING','READY_FOR_PICKUP','IN_TRANSIT','COMPLETED','EXPIRED','CANCELLED')", name="state"
    ),
)

fulfillment_line = Table(
    "fulfillment_line",
    metadata,
    Column("fulfillment_id", Uuid, ForeignKey("fulfillment.id"), primary_key=True),
    Column("order_line_id", Uuid, ForeignKey("order_line.id"), primary_key=True, index=True),
    milli("quantity"),
    CheckConstraint("quantity > 0", name="quantity"),
)
