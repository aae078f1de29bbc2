"""The table of operations: what was carried out, under which client-made id, by whom."""

from sqlalchemy import Column, DateTime, LargeBinary, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

from app.platform.db import id_column, metadata

operation = Table(
    "operation",
    metadata,
    id_column(),
    Column("principal", Text, nullable=False),
    Column("mutation", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    # Entity ids and plain results, never rendered JSON: a repeat reads the entities as they are then.
    Column("result", JSONB),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp(), index=True),
)
