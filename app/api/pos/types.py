"""Registers, as the API shows them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.channels.types import Channel, Location
from app.api.context import Context
from app.api.engine.batch import Batch, batched
from app.api.nodes import Node, loads
from app.channels.queries import channels_by_ids, locations_by_ids
from app.platform import ids
from app.pos import queries


@strawberry.type(description="A till's place: in a channel, at a location.")
class Register(Node):
    location_key: strawberry.Private[UUID]
    channel_key: strawberry.Private[UUID]
    version: int = strawberry.field(description="Counts its writes; for `expectedVersion`.")
    code: str = strawberry.field(description="Its name for programs and receipts, unique: centro-1.")
    name: str = strawberry.field(description="Its name for people.")
    last_sequence: int = strawberry.field(description="The highest sequence that a till of this register has synced.")
    active: bool = strawberry.field(description="Whether it is in use.")

    @classmethod
    def of(cls, row: Row[Any], _: Context) -> "Register":
        return cls(
            id=strawberry.ID(ids.encode("Register", row.id)),
            location_key=row.location_id,
            channel_key=row.channel_id,
            version=row.version,
            code=row.code,
            name=row.name,
            last_sequence=row.last_sequence,
            active=row.active,
        )

    @batched(description="Where it stands; its sales are carried out from here.")
    @staticmethod
    async def location(parents: Sequence["Register"], batch: Batch[Context]) -> list[Location]:
        rows = await locations_by_ids(batch.context.db, {parent.location_key for parent in parents})
        return [Location.of(rows[parent.location_key], batch.context) for parent in parents]

    @batched(description="The channel that it sells in.")
    @staticmethod
    async def channel(parents: Sequence["Register"], batch: Batch[Context]) -> list[Channel]:
        rows = await channels_by_ids(batch.context.db, {parent.channel_key for parent in parents})
        return [Channel.of(rows[parent.channel_key], batch.context) for parent in parents]


@loads("Register")
async def load_registers(context: Context, keys: Sequence[UUID]) -> list[Register | None]:
    """Registers as they are found: closed ones by who may open them again."""
    found = await load_known_registers(context, keys)
    return [each if each is not None and may_find(context, active=each.active) else None for each in found]


def may_find(context: Context, *, active: bool) -> bool:
    """Whether the caller finds such a register where they work: closed ones are for who may write registers."""
    return active or context.may("settings.write")


async def load_known_registers(context: Context, keys: Sequence[UUID]) -> list[Register | None]:
    """Registers that an order or a device names, closed ones too, for who may read registers and works there."""
    if not context.may("registers.read"):
        return [None] * len(keys)
    rows = await queries.registers_by_ids(context.db, keys)
    return [
        Register.of(rows[key], context) if key in rows and context.principal.works_at(rows[key].location_id) else None
        for key in keys
    ]
