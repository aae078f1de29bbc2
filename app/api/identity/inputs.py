"""What is written of staff, devices, API clients and tokens, and what is answered."""

from datetime import datetime
from uuid import UUID

import strawberry
from strawberry import UNSET

from app.api.context import Info
from app.api.customers.inputs import EXPECTED, OPERATION
from app.api.errors import Payload
from app.api.identity.types import ApiClient, Device, Staff, StaffRole, Token
from app.api.written import one

field = strawberry.field


@strawberry.input(description="New staff. Nobody gives a role or places beyond their own.")
class StaffCreateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    name: str = field(description="Their name.")
    email: str = field(description="Their e-mail address, unique among staff.")
    role: StaffRole = field(description="What they may do.")
    location_ids: list[strawberry.ID] | None = field(
        default=None, description="Where their role holds; null: everywhere."
    )
    channel_ids: list[strawberry.ID] | None = field(default=None, description="In which channels; null: in all.")


@strawberry.input(description="Changes to staff. What is left out stays.")
class StaffUpdateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    staff_id: strawberry.ID = field(description="The staff.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    name: str | None = field(default=UNSET, description="Their name.")
    email: str | None = field(default=UNSET, description="Their e-mail address, unique among staff.")
    role: StaffRole | None = field(default=UNSET, description="What they may do.")
    location_ids: list[strawberry.ID] | None = field(
        default=UNSET, description="Where their role holds; null: everywhere."
    )
    channel_ids: list[strawberry.ID] | None = field(default=UNSET, description="In which channels; null: in all.")
    active: bool | None = field(default=UNSET, description="False ends their work here and revokes their tokens.")


@strawberry.input(description="A new device, bound to a register.")
class DeviceCreateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    name: str = field(description="Its name.")
    register_id: strawberry.ID = field(description="The register that it stands for.")


@strawberry.input(description="Changes to a device. What is left out stays.")
class DeviceUpdateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    device_id: strawberry.ID = field(description="The device.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    name: str | None = field(default=UNSET, description="Its name.")
    register_id: strawberry.ID | None = field(default=UNSET, description="Moves it to another register.")
    active: bool | None = field(default=UNSET, description="False takes it out of use and revokes its tokens.")


@strawberry.input(description="A new API client, bound to a channel for ever.")
class ApiClientCreateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    name: str = field(description="Its name.")
    channel_id: strawberry.ID = field(description="The channel that it sells in.")
    trusted_documents_only: bool = field(
        default=False, description="Whether it may send no other documents than those that the operator registered."
    )


@strawberry.input(description="Changes to an API client. What is left out stays.")
class ApiClientUpdateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    api_client_id: strawberry.ID = field(description="The client.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    name: str | None = field(default=UNSET, description="Its name.")
    active: bool | None = field(default=UNSET, description="False takes it out of use and revokes its tokens.")
    trusted_documents_only: bool | None = field(
        default=UNSET, description="Whether it may send no other documents than those that the operator registered."
    )


@strawberry.input(description="Whom a token stands for. Exactly one field.", one_of=True)
class TokenBearerInput:
    staff_id: strawberry.ID | None = field(default=UNSET, description="Staff.")
    device_id: strawberry.ID | None = field(default=UNSET, description="A device.")
    api_client_id: strawberry.ID | None = field(default=UNSET, description="An API client.")


@strawberry.input(description="A new token.")
class TokenCreateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    bearer: TokenBearerInput = field(description="Whom it stands for.")
    label: str | None = field(default=None, description="What it is for.")
    expires_at: datetime | None = field(default=None, description="From when on it is refused; left out: never.")


@strawberry.input(description="A token that must not be used any more.")
class TokenRevokeInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    token_id: strawberry.ID = field(description="The token.")


@strawberry.type(description="The staff as written.")
class StaffCreatePayload(Payload):
    @strawberry.field(description="The new staff; null when refused.")
    async def staff(self, info: Info) -> Staff | None:
        return await one(Staff, info.context, self.key("staff"))


@strawberry.type(description="The staff as written.")
class StaffUpdatePayload(Payload):
    @strawberry.field(description="The staff; null when refused.")
    async def staff(self, info: Info) -> Staff | None:
        return await one(Staff, info.context, self.key("staff"))


@strawberry.type(description="The device as written.")
class DeviceCreatePayload(Payload):
    @strawberry.field(description="The new device; null when refused.")
    async def device(self, info: Info) -> Device | None:
        return await one(Device, info.context, self.key("device"))


@strawberry.type(description="The device as written.")
class DeviceUpdatePayload(Payload):
    @strawberry.field(description="The device; null when refused.")
    async def device(self, info: Info) -> Device | None:
        return await one(Device, info.context, self.key("device"))


@strawberry.type(description="The client as written.")
class ApiClientCreatePayload(Payload):
    @strawberry.field(description="The new client; null when refused.")
    async def api_client(self, info: Info) -> ApiClient | None:
        return await one(ApiClient, info.context, self.key("apiClient"))


@strawberry.type(description="The client as written.")
class ApiClientUpdatePayload(Payload):
    @strawberry.field(description="The client; null when refused.")
    async def api_client(self, info: Info) -> ApiClient | None:
        return await one(ApiClient, info.context, self.key("apiClient"))


@strawberry.type(description="The token made, with its secret, this once.")
class TokenCreatePayload(Payload):
    secret: str | None = field(
        default=None,
        description="What to send as `Authorization: Bearer …`. Shown in the answer that made it and never again: "
        "a repeat of the operation finds null, as it is not stored. Lost on the way, revoke it and make another.",
    )

    @strawberry.field(description="The new token; null when refused.")
    async def token(self, info: Info) -> Token | None:
        return await one(Token, info.context, self.key("token"))


@strawberry.type(description="The token as revoked; every server refuses it within two seconds.")
class TokenRevokePayload(Payload):
    @strawberry.field(description="The token; null when refused.")
    async def token(self, info: Info) -> Token | None:
        return await one(Token, info.context, self.key("token"))
