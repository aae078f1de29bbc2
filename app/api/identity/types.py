"""Staff, devices, API clients, tokens and the viewer, as the API shows them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.channels.types import Channel, Location
from app.api.context import Context
from app.api.customers.types import Customer
from app.api.engine.batch import Batch, batched
from app.api.nodes import Node, loads
from app.api.pos.types import Register, load_known_registers
from app.channels.queries import all_locations, channels_by_ids, locations_by_ids
from app.identity import access, queries
from app.platform import ids

value = strawberry.enum_value


@strawberry.enum(description="What staff may do.")
class StaffRole(Enum):
    OWNER = value("owner", description="Everything.")
    MANAGER = value("manager", description="Everything but settings, staff and tokens.")
    CASHIER = value("cashier", description="Sell, and look after orders and customers at the counter.")
    CATALOG = value("catalog", description="Write the catalog and its prices.")
    SERVICE = value(
        "service", description="Customer service: read everything of the trade, write carts, orders, customers."
    )
    READONLY = value("readonly", description="Read, and write nothing.")


async def _locations(parents: Sequence["Staff"], context: Context) -> list[list[Location] | None]:
    rows = await locations_by_ids(context.db, _union(parent.location_keys for parent in parents))
    return [
        None if parent.location_keys is None else _in_order(Location, rows, parent.location_keys, context)
        for parent in parents
    ]


async def _channels(parents: Sequence["Staff"], context: Context) -> list[list[Channel] | None]:
    rows = await channels_by_ids(context.db, _union(parent.channel_keys for parent in parents))
    return [
        None if parent.channel_keys is None else _in_order(Channel, rows, parent.channel_keys, context)
        for parent in parents
    ]


def _union(keys: Iterable[Sequence[UUID] | None]) -> set[UUID]:
    return {key for some in keys for key in some or ()}


def _in_order(kind: Any, rows: dict[UUID, Row[Any]], keys: Sequence[UUID], context: Context) -> list[Any]:
    return [kind.of(row, context) for row in sorted((rows[key] for key in keys), key=lambda row: row.code)]


@strawberry.type(description="Who works at a till or in the back office.")
class Staff(Node):
    location_keys: strawberry.Private[Sequence[UUID] | None]
    channel_keys: strawberry.Private[Sequence[UUID] | None]
    name: str = strawberry.field(description="Their name.")
    email: str | None = strawberry.field(description="Their e-mail address, unique among staff.")
    role: StaffRole | None = strawberry.field(description="What they may do.")
    active: bool | None = strawberry.field(description="Whether they still work here.")
    version: int | None = strawberry.field(description="Counts its writes; for `expectedVersion`.")

    @classmethod
    def of(cls, row: Row[Any], _: Context) -> "Staff":
        return cls(
            id=strawberry.ID(ids.encode("Staff", row.id)),
            location_keys=row.location_ids,
            channel_keys=row.channel_ids,
            name=row.name,
            email=row.email,
            role=StaffRole(row.role),
            active=row.active,
            version=row.version,
        )

    @batched(description="Where their role holds; null: everywhere.")
    @staticmethod
    async def locations(parents: Sequence["Staff"], batch: Batch[Context]) -> list[list[Location] | None]:
        return await _locations(parents, batch.context)

    @batched(description="The channels in which it holds; null: all.")
    @staticmethod
    async def channels(parents: Sequence["Staff"], batch: Batch[Context]) -> list[list[Channel] | None]:
        return await _channels(parents, batch.context)


@strawberry.type(description="A till: a machine that sells at one register.")
class Device(Node):
    register_key: strawberry.Private[UUID]
    name: str = strawberry.field(description="Its name.")
    active: bool = strawberry.field(description="Whether its tokens may be used.")
    version: int = strawberry.field(description="Counts its writes; for `expectedVersion`.")

    @classmethod
    def of(cls, row: Row[Any], _: Context) -> "Device":
        return cls(
            id=strawberry.ID(ids.encode("Device", row.id)),
            register_key=row.register_id,
            name=row.name,
            active=row.active,
            version=row.version,
        )

    @batched(description="The register that it stands for.")
    @staticmethod
    async def register(parents: Sequence["Device"], batch: Batch[Context]) -> list[Register | None]:
        return await _some(load_known_registers, batch.context, [parent.register_key for parent in parents])


@strawberry.type(description="A program that sells in one channel: a storefront's server, an app.")
class ApiClient(Node):
    channel_key: strawberry.Private[UUID]
    name: str = strawberry.field(description="Its name.")
    active: bool = strawberry.field(description="Whether its tokens may be used.")
    trusted_documents_only: bool = strawberry.field(
        description="Whether it may send no other documents than those that the operator registered."
    )
    version: int = strawberry.field(description="Counts its writes; for `expectedVersion`.")

    @classmethod
    def of(cls, row: Row[Any], _: Context) -> "ApiClient":
        return cls(
            id=strawberry.ID(ids.encode("ApiClient", row.id)),
            channel_key=row.channel_id,
            name=row.name,
            active=row.active,
            trusted_documents_only=row.trusted_documents_only,
            version=row.version,
        )

    @batched(description="The channel that it sells in.")
    @staticmethod
    async def channel(parents: Sequence["ApiClient"], batch: Batch[Context]) -> list[Channel]:
        rows = await channels_by_ids(batch.context.db, {parent.channel_key for parent in parents})
        return [Channel.of(rows[parent.channel_key], batch.context) for parent in parents]


@strawberry.type(
    description="A credential: what a caller sends as `Authorization: Bearer …`. Its secret is shown once, when made."
)
class Token(Node):
    staff_key: strawberry.Private[UUID | None]
    device_key: strawberry.Private[UUID | None]
    client_key: strawberry.Private[UUID | None]
    hint: str = strawberry.field(description="Its first characters, to tell tokens apart.")
    label: str = strawberry.field(description="What it is for.")
    demo: bool = strawberry.field(description="Whether it came with the demo shop; no shop in production takes those.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime | None = strawberry.field(description="From when on it is refused; null: never.")
    revoked_at: datetime | None = strawberry.field(description="When it was revoked.")
    last_used_at: datetime | None = strawberry.field(description="When it was last used, to the minute.")

    @classmethod
    def of(cls, row: Row[Any], _: Context) -> "Token":
        return cls(
            id=strawberry.ID(ids.encode("Token", row.id)),
            staff_key=row.staff_id,
            device_key=row.device_id,
            client_key=row.api_client_id,
            hint=row.hint,
            label=row.label,
            demo=row.demo,
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
            last_used_at=row.last_used_at,
        )

    @batched(description="The staff whom it stands for.")
    @staticmethod
    async def staff(parents: Sequence["Token"], batch: Batch[Context]) -> list[Staff | None]:
        return await _some(load_staff, batch.context, [parent.staff_key for parent in parents])

    @batched(description="The device that it stands for.")
    @staticmethod
    async def device(parents: Sequence["Token"], batch: Batch[Context]) -> list[Device | None]:
        return await _some(load_devices, batch.context, [parent.device_key for parent in parents])

    @batched(description="The API client that it stands for.")
    @staticmethod
    async def api_client(parents: Sequence["Token"], batch: Batch[Context]) -> list[ApiClient | None]:
        return await _some(load_api_clients, batch.context, [parent.client_key for parent in parents])


async def _some(load: Any, context: Context, keys: Sequence[UUID | None]) -> list[Any]:
    """What `load` finds for those that have a key."""
    wanted = list({key for key in keys if key is not None})
    found = dict(zip(wanted, await load(context, wanted), strict=True))
    return [found.get(key) if key else None for key in keys]


@strawberry.type(description="Whom the request's credential stands for.")
class Viewer:
    @strawberry.field(description="The request's sales channel.")
    def channel(self, info: strawberry.Info[Context, None]) -> Channel:
        return Channel.of(info.context.channel, info.context)

    @strawberry.field(description="The customer who is signed in.")
    def customer(self) -> Customer | None:
        return None

    @batched(description="The staff whose token it is.")
    @staticmethod
    async def staff(parents: Sequence["Viewer"], batch: Batch[Context]) -> list[Staff | None]:
        principal = batch.context.principal
        return await _some(load_staff, batch.context, [principal.staff_id for _ in parents])

    @batched(description="The device whose token it is.")
    @staticmethod
    async def device(parents: Sequence["Viewer"], batch: Batch[Context]) -> list[Device | None]:
        principal = batch.context.principal
        key = principal.id if principal.kind == "device" else None
        return await _some(load_devices, batch.context, [key for _ in parents])

    @batched(description="The register that the device stands for.")
    @staticmethod
    async def register(parents: Sequence["Viewer"], batch: Batch[Context]) -> list[Register | None]:
        return await _some(load_known_registers, batch.context, [batch.context.principal.register_id for _ in parents])

    @batched(description="Where the caller works: their locations, or all of them; none for shoppers.")
    @staticmethod
    async def locations(parents: Sequence["Viewer"], batch: Batch[Context]) -> list[list[Location]]:
        context = batch.context
        if not access.works_here(context.principal):
            return [[] for _ in parents]
        rows = await all_locations(context.db)
        own = [row for row in rows if row.active and context.principal.works_at(row.id)]
        return [[Location.of(row, context) for row in own] for _ in parents]

    @strawberry.field(description="What the caller may do, by name.")
    def permissions(self, info: strawberry.Info[Context, None]) -> list[str]:
        return sorted(info.context.principal.permissions)


@loads("Staff")
async def load_staff(context: Context, keys: Sequence[UUID]) -> list[Staff | None]:
    """Colleagues are seen by staff and tills: who sold this, who approved that. Shoppers see nobody."""
    if not access.works_here(context.principal):
        return [None] * len(keys)
    rows = await queries.staff_by_ids(context.db, keys)
    return [Staff.of(rows[key], context) if key in rows else None for key in keys]


@loads("Device")
async def load_devices(context: Context, keys: Sequence[UUID]) -> list[Device | None]:
    """Devices are seen by who may read registers and works where they stand."""
    principal = context.principal
    if not principal.may("registers.read"):
        return [None] * len(keys)
    rows = await queries.devices_by_ids(context.db, keys)
    return [
        Device.of(rows[key], context) if key in rows and principal.works_at(rows[key].location_id) else None
        for key in keys
    ]


@loads("ApiClient")
async def load_api_clients(context: Context, keys: Sequence[UUID]) -> list[ApiClient | None]:
    """API clients are seen by who may write them, in their channels."""
    principal = context.principal
    if not principal.may("staff.write"):
        return [None] * len(keys)
    rows = await queries.api_clients_by_ids(context.db, keys)
    return [
        ApiClient.of(rows[key], context) if key in rows and principal.works_in(rows[key].channel_id) else None
        for key in keys
    ]


@loads("Token")
async def load_tokens(context: Context, keys: Sequence[UUID]) -> list[Token | None]:
    """Tokens are seen by who may make them, within their reach."""
    if not context.may("staff.write"):
        return [None] * len(keys)
    rows = await queries.tokens_by_ids(context.db, keys, context.principal)
    return [Token.of(rows[key], context) if key in rows else None for key in keys]
