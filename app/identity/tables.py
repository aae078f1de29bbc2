"""Staff, devices, API clients and the tokens that stand for them."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    Uuid,
    column,
    func,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.platform.db import id_column, metadata, moment, version_column

# What credentials follow of registers, channels and locations, whose tables are further up, in `pos` and `channels`.
register_place = table(
    "register",
    column("id", Uuid),
    column("code", Text),
    column("location_id", Uuid),
    column("channel_id", Uuid),
    column("active", Boolean),
)
channel_state = table("channel", column("id", Uuid), column("code", Text), column("active", Boolean))
location_state = table("location", column("id", Uuid), column("active", Boolean))

staff = Table(
    "staff",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("role", Text, nullable=False),
    # Where this role holds; null: everywhere.
    Column("location_ids", ARRAY(Uuid)),
    Column("channel_ids", ARRAY(Uuid)),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
    Index("uq_staff_email", func.lower(text("email")), unique=True),
    CheckConstraint("role IN ('owner','manager','cashier','catalog','service','readonly')", name="role"),
)

device = Table(
    "device",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    Column("register_id", Uuid, ForeignKey("register.id"), nullable=False, index=True),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
)

api_client = Table(
    "api_client",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    Column("channel_id", Uuid, ForeignKey("channel.id"), nullable=False, index=True),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    # Whether it may send no other document than those that the operator registered.
    Column("trusted_documents_only", Boolean, nullable=False, server_default=text("false")),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
)

token = Table(
    "token",
    metadata,
    id_column(),
    # SHA-256 of the token: it is random and long, so a slow hash would add nothing but time to each request.
    Column("hash", LargeBinary, nullable=False, unique=True),
    # The token's first characters, to tell tokens apart in a list.
    Column("hint", Text, nullable=False),
    Column("label", Text, nullable=False, server_default=""),
    Column("demo", Boolean, nullable=False, server_default=text("false")),
    Column("staff_id", Uuid, ForeignKey("staff.id"), index=True),
    Column("device_id", Uuid, ForeignKey("device.id"), index=True),
    Column("api_client_id", Uuid, ForeignKey("api_client.id"), index=True),
    moment("created_at"),
    moment("expires_at", nullable=True),
    moment("revoked_at", nullable=True),
    moment("last_used_at", nullable=True),
    CheckConstraint("num_nonnulls(staff_id, device_id, api_client_id) = 1", name="one_bearer"),
)
