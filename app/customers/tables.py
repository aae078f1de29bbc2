"""Customers, their addresses, and customer groups."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, Uuid, func, text

from app.platform.db import id_column, metadata, moment, sort_key, version_column

customer = Table(
    "customer",
    metadata,
    id_column(),
    Column("email", Text),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("phone", Text),
    Column("tax_id", Text),
    Column("note", Text),
    # Lower case without accents, of name, e-mail, phone and tax id: what staff search in.
    sort_key("search_key"),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
    Index("uq_customer_email", func.lower(text("email")), unique=True),
    Index(
        "ix_customer_search_key", "search_key", postgresql_using="gin", postgresql_ops={"search_key": "gin_trgm_ops"}
    ),
)

customer_address = Table(
    "customer_address",
    metadata,
    id_column(),
    Column("customer_id", Uuid, ForeignKey("customer.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("line1", Text, nullable=False),
    Column("line2", Text),
    Column("city", Text, nullable=False),
    Column("region", Text),
    Column("postal_code", Text),
    Column("country", Text, nullable=False),
    Column("phone", Text),
    # From 0; the first is used unless told otherwise.
    Column("position", Integer, nullable=False),
    moment("created_at"),
)

customer_group = Table(
    "customer_group",
    metadata,
    id_column(),
    sort_key("code"),
    Column("name", Text, nullable=False),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
    Index("uq_customer_group_code", "code", unique=True),
)

customer_group_member = Table(
    "customer_group_member",
    metadata,
    Column("customer_id", Uuid, ForeignKey("customer.id"), primary_key=True),
    Column("customer_group_id", Uuid, ForeignKey("customer_group.id"), primary_key=True, index=True),
)
