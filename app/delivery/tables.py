"""Delivery methods: the options that a shopper is offered for SHIP and PICKUP, and what they cost."""

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.platform.db import id_column, localized, metadata, minor, moment, sort_key, version_column

delivery_method = Table(
    "delivery_method",
    metadata,
    id_column(),
    sort_key("code"),
    localized("name"),
    Column("method", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("includes_tax", Boolean, nullable=False, server_default=text("true")),
    Column("tax_class_id", Uuid),
    # Null: any.
    Column("channel_ids", ARRAY(Uuid)),
    Column("countries", ARRAY(Text)),
    Column("regions", ARRAY(Text)),
    # What the tiers are of: WEIGHT (grams) or TOTAL (minor units of the goods).
    Column("rated_by", Text, nullable=False, server_default="TOTAL"),
    # [{"from": 0, "price": 1290}, …], ascending; the last tier that is not above the weight or total counts.
    Column("tiers", JSONB, nullable=False),
    minor("free_from", nullable=True),
    Column("max_weight_grams", Integer),
    Column("min_days", Integer),
    Column("max_days", Integer),
    Column("position", Integer, nullable=False, server_default=text("0")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
    Index("uq_delivery_method_code", "code", unique=True),
    CheckConstraint("method IN ('SHIP','PICKUP') AND rated_by IN ('WEIGHT','TOTAL')", name="kinds"),
)
