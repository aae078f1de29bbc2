"""Writing staff, devices, API clients and tokens."""

from typing import Any

import strawberry
from strawberry import UNSET

from app.api.context import Info
from app.api.identity.inputs import (
    ApiClientCreateInput,
    ApiClientCreatePayload,
    ApiClientUpdateInput,
    ApiClientUpdatePayload,
    DeviceCreateInput,
    DeviceCreatePayload,
    DeviceUpdateInput,
    DeviceUpdatePayload,
    StaffCreateInput,
    StaffCreatePayload,
    StaffUpdateInput,
    StaffUpdatePayload,
    TokenBearerInput,
    TokenCreateInput,
    TokenCreatePayload,
    TokenRevokeInput,
    TokenRevokePayload,
)
from app.api.perform import Result, perform
from app.api.written import written
from app.identity import clients, devices, fields, staff, tokens
from app.identity.principal import Actor
from app.platform import ids
from app.platform.db import Tx


def _staff(given: StaffCreateInput | StaffUpdateInput, *names: str) -> Any:
    found = written(given, "name", "email", "role", "location_ids", "channel_ids", *names)
    for name, path, kind in (("location_ids", "locationIds", "Location"), ("channel_ids", "channelIds", "Channel")):
        if found.get(name) is not None:
            fields.at_most(found[name], staff.MOST_PLACES, (path,))
            found[name] = [ids.require(kind, key, (path, str(index))) for index, key in enumerate(found[name])]
    return found


def _bearer(given: TokenBearerInput) -> tokens.Bearer:
    if given.staff_id not in (None, UNSET):
        return tokens.Bearer("staff", ids.require("Staff", str(given.staff_id), ("bearer", "staffId")))
    if given.device_id not in (None, UNSET):
        return tokens.Bearer("device", ids.require("Device", str(given.device_id), ("bearer", "deviceId")))
    return tokens.Bearer("client", ids.require("ApiClient", str(given.api_client_id), ("bearer", "apiClientId")))


@strawberry.type
class StaffMutations:
    @strawberry.mutation(description="Take on staff.")
    async def staff_create(self, info: Info, input: StaffCreateInput) -> StaffCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            return {"staff": await staff.create(tx, actor, _staff(input))}

        return await perform(info, StaffCreatePayload, input, command)

    @strawberry.mutation(description="Change staff: their role, where it holds, whether they still work here.")
    async def staff_update(self, info: Info, input: StaffUpdateInput) -> StaffUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            staff_id = await staff.update_staff(
                tx,
                actor,
                staff_id=ids.require("Staff", input.staff_id, ("staffId",)),
                given=_staff(input, "active"),
                expected_version=input.expected_version,
            )
            return {"staff": staff_id}

        return await perform(info, StaffUpdatePayload, input, command)


@strawberry.type
class DeviceMutations:
    @strawberry.mutation(description="Bind a new device to a register.")
    async def device_create(self, info: Info, input: DeviceCreateInput) -> DeviceCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            register_id = ids.require("Register", input.register_id, ("registerId",))
            given: devices.DeviceFields = {"name": input.name, "register_id": register_id}
            return {"device": await devices.create(tx, actor, given)}

        return await perform(info, DeviceCreatePayload, input, command)

    @strawberry.mutation(description="Rename, move or deactivate a device.")
    async def device_update(self, info: Info, input: DeviceUpdateInput) -> DeviceUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            given = written(input, "name", "register_id", "active")
            if given.get("register_id") is not None:
                given["register_id"] = ids.require("Register", given["register_id"], ("registerId",))
            device_id = await devices.update_device(
                tx,
                actor,
                device_id=ids.require("Device", input.device_id, ("deviceId",)),
                given=given,
                expected_version=input.expected_version,
            )
            return {"device": device_id}

        return await perform(info, DeviceUpdatePayload, input, command)


@strawberry.type
class ClientMutations:
    @strawberry.mutation(description="Bind a new API client to a channel.")
    async def api_client_create(self, info: Info, input: ApiClientCreateInput) -> ApiClientCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            channel_id = ids.require("Channel", input.channel_id, ("channelId",))
            client_id = await clients.create(
                tx,
                actor,
                name=input.name,
                channel_id=channel_id,
                trusted_documents_only=input.trusted_documents_only,
            )
            return {"apiClient": client_id}

        return await perform(info, ApiClientCreatePayload, input, command)

    @strawberry.mutation(description="Rename or deactivate an API client, or say which documents it may send.")
    async def api_client_update(self, info: Info, input: ApiClientUpdateInput) -> ApiClientUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            client_id = await clients.update_client(
                tx,
                actor,
                client_id=ids.require("ApiClient", input.api_client_id, ("apiClientId",)),
                given=written(input, "name", "active", "trusted_documents_only"),
                expected_version=input.expected_version,
            )
            return {"apiClient": client_id}

        return await perform(info, ApiClientUpdatePayload, input, command)


@strawberry.type
class TokenMutations:
    @strawberry.mutation(description="Make a token. Its secret is answered once.")
    async def token_create(self, info: Info, input: TokenCreateInput) -> TokenCreatePayload | None:
        made: tokens.NewToken | None = None

        async def command(tx: Tx, actor: Actor) -> Result:
            nonlocal made
            made = await tokens.create(
                tx, actor, bearer=_bearer(input.bearer), label=input.label or "", expires_at=input.expires_at
            )
            # The secret is not among what is stored of the operation: it leaves the server here, and once.
            return {"token": made.id}

        payload = await perform(info, TokenCreatePayload, input, command)
        if made is not None and payload.key("token") == made.id and not payload.replayed:
            payload.secret = made.secret
        return payload

    @strawberry.mutation(description="Revoke a token, for good.")
    async def token_revoke(self, info: Info, input: TokenRevokeInput) -> TokenRevokePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            token_id = ids.require("Token", input.token_id, ("tokenId",))
            return {"token": await tokens.revoke(tx, actor, token_id=token_id)}

        return await perform(info, TokenRevokePayload, input, command)


@strawberry.type
class IdentityMutations(StaffMutations, DeviceMutations, ClientMutations, TokenMutations):
    """All of them."""
