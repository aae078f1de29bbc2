"""Customer groups: who a price list may name."""

from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update

from app.customers.tables import customer_group
from app.identity import fields
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import NotFound, check_version
from app.platform.ids import new_id

UNIQUE: Final = {"uq_customer_group_code": "code"}

INSERT: Final = insert(customer_group)
LOCK: Final = select(customer_group.c.version).where(customer_group.c.id == bindparam("group_id")).with_for_update()
UPDATE: Final = update(customer_group).where(customer_group.c.id == bindparam("group_id"))


async def create(tx: Tx, actor: Actor, *, code: str, name: str) -> UUID:
    """Make a group. Its code is for ever. Raises InvalidInput (ALREADY_TAKEN, INVALID_CODE, …)."""
    group_id = new_id()
    row = {"id": group_id, "code": fields.code(code, ("code",)), "name": fields.text(name, ("name",))}
    with fields.unique(UNIQUE):
        await tx.execute(INSERT, row | {"created_at": actor.now, "updated_at": actor.now})
    return group_id


async def rename(tx: Tx, actor: Actor, *, group_id: UUID, name: str, expected_version: int | None = None) -> UUID:
    """Raises NotFound, VersionConflict, InvalidInput."""
    version = await tx.value(LOCK, {"group_id": group_id})
    if version is None:
        raise NotFound("There is no such group.", path=("customerGroupId",))
    check_version(expected_version, version, "CustomerGroup", group_id)
    values = {"name": fields.text(name, ("name",)), "version": version + 1, "updated_at": actor.now}
    await tx.execute(UPDATE.values(**values), {"group_id": group_id})
    return group_id
