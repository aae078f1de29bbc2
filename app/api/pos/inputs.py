"""What is written of registers, and what is answered."""

from uuid import UUID

import strawberry
from strawberry import UNSET

from app.api.context import Info
from app.api.customers.inputs import EXPECTED, OPERATION
from app.api.errors import Payload
from app.api.pos.types import Register
from app.api.written import one

field = strawberry.field


@strawberry.input(description="A new register. Its code is for ever.")
class RegisterCreateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    code: str = field(description="Its name for programs and receipts, unique: 1 to 40 of a-z, 0-9 and -.")
    name: str = field(description="Its name for people.")
    location_id: strawberry.ID = field(description="Where it stands: a location that the channel sells from.")
    channel_id: strawberry.ID = field(description="The channel that it sells in.")


@strawberry.input(description="Changes to a register. What is left out stays.")
class RegisterUpdateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    register_id: strawberry.ID = field(description="The register.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    name: str | None = field(default=UNSET, description="Its name for people.")
    location_id: strawberry.ID | None = field(default=UNSET, description="Moves it, and its devices, there.")
    channel_id: strawberry.ID | None = field(default=UNSET, description="The channel that it sells in.")
    active: bool | None = field(default=UNSET, description="False takes it out of use: its devices are refused.")


@strawberry.type(description="The register as written.")
class RegisterCreatePayload(Payload):
    @strawberry.field(description="The new register; null when refused.")
    async def register(self, info: Info) -> Register | None:
        return await one(Register, info.context, self.key("register"))


@strawberry.type(description="The register as written.")
class RegisterUpdatePayload(Payload):
    @strawberry.field(description="The register; null when refused.")
    async def register(self, info: Info) -> Register | None:
        return await one(Register, info.context, self.key("register"))
