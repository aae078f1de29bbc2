"""Registers: a till's place in a channel, at a location."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text, Uuid, text

from app.platform.db import id_column, metadata, moment, sort_key, version_column

register = Table(
    "register",
    metadata,
    id_column(),
    sort_key("code"),
    Column("name", Text, nullable=False),
    Column("location_id", Uuid, ForeignKey("location.id"), nullable=False, index=True),
    Column("channel_id", Uuid, ForeignKey("channel.id"), nullable=False),
    # The highest sequence that a till of this register has synced.
    Column("last_sequence", BigInteger, nullable=False, server_default=text("0")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
    Index("uq_register_code", "code", unique=True),
)
