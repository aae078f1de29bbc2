"""API clients: programs that sell in one channel, such as a storefront's server or an app."""

from typing import Final, TypedDict
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update

from app.identity import fields
from app.identity.principal import Actor
from app.identity.tables import api_client, channel_state
from app.identity.tokens import Bearer, revoke_all
from app.platform.db import Tx
from app.platform.errors import NotFound, check_version
from app.platform.ids import new_id

INSERT: Final = insert(api_client)
LOCK: Final = select(api_client).where(api_client.c.id == bindparam("client_id")).with_for_update()
CHANNEL: Final = select(channel_state.c.id).where(channel_state.c.id == bindparam("channel_id"))
UPDATE: Final = update(api_client).where(api_client.c.id == bindparam("client_id"))
CHECKS: Final[dict[str, tuple[str, fields.Check]]] = {
    "name": ("name", fields.text),
    "active": ("active", fields.flag),
    "trusted_documents_only": ("trustedDocumentsOnly", fields.flag),
}


class ClientFields(TypedDict, total=False):
    """What may be written of an API client; what is left out stays. Its channel is for ever."""

    name: str
    active: bool
    trusted_documents_only: bool


async def create(tx: Tx, actor: Actor, *, name: str, channel_id: UUID, trusted_documents_only: bool = False) -> UUID:
    """Bind a new client to a channel. `trusted_documents_only`: it may send no other documents.

    Raises NotFound for a channel out of reach, InvalidInput.
    """
    client_id = new_id()
    row = {
        "id": client_id,
        "name": fields.text(name, ("name",)),
        "channel_id": channel_id,
        "trusted_documents_only": trusted_documents_only,
        "created_at": actor.now,
        "updated_at": actor.now,
    }
    if not actor.principal.works_in(channel_id) or await tx.value(CHANNEL, {"channel_id": channel_id}) is None:
        raise NotFound("There is no such channel.", path=("channelId",))
    await tx.execute(INSERT, row)
    return client_id


async def update_client(
    tx: Tx, actor: Actor, *, client_id: UUID, given: ClientFields, expected_version: int | None = None
) -> UUID:
    """Rename or deactivate a client, say which documents it may send; deactivating revokes its tokens.

    Raises NotFound, VersionConflict, InvalidInput.
    """
    found = await tx.row(LOCK, {"client_id": client_id})
    if found is None or not actor.principal.works_in(found.channel_id):
        raise NotFound("There is no such API client.", path=("apiClientId",))
    check_version(expected_version, found.version, "ApiClient", client_id)
    written = fields.checked(given, CHECKS)
    await tx.execute(
        UPDATE.values(**written, version=api_client.c.version + 1, updated_at=actor.now), {"client_id": client_id}
    )
    if found.active and not written.get("active", True):
        await revoke_all(tx, Bearer("client", client_id), actor.now)
    return client_id
