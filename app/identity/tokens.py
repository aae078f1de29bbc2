"""Tokens: the secrets that stand for staff, devices and API clients.

A token is its kind's prefix and 43 characters of base62 drawn at random (256 bits). It is shown once, when made; stored
is its SHA-256 alone. Tokens are found by equality of that hash, so that how long it takes tells nothing of the secret.
"""

import hashlib
import re
import secrets
import string
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import Row, Update, bindparam, insert, or_, select, update

from app.identity import fields
from app.identity.access import reaches
from app.identity.errors import BeyondReach
from app.identity.permissions import ROLES
from app.identity.principal import Actor, Principal
from app.identity.queries import api_clients_by_ids, devices_by_ids, staff_by_ids, tokens_by_ids
from app.identity.tables import api_client, device, staff, token
from app.platform.config import ConfigError
from app.platform.db import Reader, Tx
from app.platform.errors import InvalidInput, NotFound
from app.platform.ids import new_id

BearerKind = Literal["staff", "device", "client"]

PREFIXES: Final[dict[BearerKind, str]] = {"staff": "fst", "device": "fdv", "client": "fcl"}

_ALPHABET: Final = string.digits + string.ascii_letters
_LENGTH: Final = 43
_FORM: Final = re.compile(rf"(?:{'|'.join(PREFIXES.values())})_[0-9A-Za-z]{{{_LENGTH}}}", re.ASCII)
_HINT: Final = 8

BEARERS: Final = {"staff": staff, "device": device, "client": api_client}
COLUMNS: Final = {"staff": token.c.staff_id, "device": token.c.device_id, "client": token.c.api_client_id}
LOCKS: Final = {
    kind: select(table.c.id).where(table.c.id == bindparam("bearer_id")).with_for_update()
    for kind, table in BEARERS.items()
}
INSERT: Final = insert(token)


def _revoke() -> Update:
    return update(token).where(token.c.revoked_at.is_(None)).values(revoked_at=bindparam("now"))


REVOKE: Final = _revoke().where(token.c.id == bindparam("token_id"))
REVOKE_DEMO: Final = update(token).where(token.c.demo, token.c.revoked_at.is_(None)).values(revoked_at=bindparam("now"))
REVOKE_OF: Final = {kind: _revoke().where(column == bindparam("bearer_id")) for kind, column in COLUMNS.items()}
A_DEMO_TOKEN: Final = (
    select(token.c.id)
    .where(
        token.c.demo,
        token.c.revoked_at.is_(None),
        or_(token.c.expires_at.is_(None), token.c.expires_at > bindparam("now")),
    )
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a token stands for."""

    kind: BearerKind
    id: UUID


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made. `secret` is nowhere else, and not to be stored or logged."""

    id: UUID
    secret: str

    def __repr__(self) -> str:
        return f"NewToken({self.id})"


def draw(kind: BearerKind) -> str:
    """A new secret of this kind."""
    return PREFIXES[kind] + "_" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def digest(secret: str) -> bytes | None:
    """What is stored of a secret; None for text that is no secret of ours."""
    return hashlib.sha256(secret.encode()).digest() if _FORM.fullmatch(secret) else None


async def create(
    tx: Tx, actor: Actor, *, bearer: Bearer, label: str = "", expires_at: datetime | None = None, demo: bool = False
) -> NewToken:
    """Make a token. The caller hands the secret on and forgets it.

    Raises NotFound, BeyondReach, InvalidInput (INACTIVE, IN_THE_PAST, TOO_LONG).
    """
    label = fields.optional_text(label, ("label",)) or ""
    if expires_at is not None and expires_at <= actor.now:
        raise InvalidInput("This is in the past.", path=("expiresAt",), code="IN_THE_PAST")
    # Locked, so that who deactivates the bearer meanwhile revokes this token too.
    await tx.row(LOCKS[bearer.kind], {"bearer_id": bearer.id})
    found = await _bearer(tx, actor.principal, bearer)
    if not found.active:
        raise InvalidInput(f"The {bearer.kind} is not active.", path=("bearer",), code="INACTIVE")
    made = NewToken(new_id(), draw(bearer.kind))
    row = {
        "id": made.id,
        "hash": digest(made.secret),
        "hint": made.secret[:_HINT],
        "label": label,
        "demo": demo,
        "staff_id": bearer.id if bearer.kind == "staff" else None,
        "device_id": bearer.id if bearer.kind == "device" else None,
        "api_client_id": bearer.id if bearer.kind == "client" else None,
        "created_at": actor.now,
        "expires_at": expires_at,
    }
    await tx.execute(INSERT, row)
    return made


async def revoke(tx: Tx, actor: Actor, *, token_id: UUID) -> UUID:
    """Revoke a token, for good; again is no error. See `authentication` for when it takes effect. Raises NotFound."""
    if token_id not in await tokens_by_ids(tx, [token_id], actor.principal):
        raise NotFound("There is no such token.", path=("tokenId",))
    await tx.execute(REVOKE, {"token_id": token_id, "now": actor.now})
    return token_id


async def revoke_all(tx: Tx, bearer: Bearer, now: datetime) -> None:
    """Revoke every token of a bearer that is locked: it was deactivated, and must not come back with old tokens."""
    await tx.execute(REVOKE_OF[bearer.kind], {"bearer_id": bearer.id, "now": now})


async def revoke_demo(tx: Tx, now: datetime) -> int:
    """Revoke every token that came with the demo shop; how many."""
    return await tx.execute(REVOKE_DEMO, {"now": now})


async def has_demo_tokens(db: Reader, now: datetime) -> bool:
    """Whether a token that came with the demo shop could still be used. A shop in production must have none."""
    return await db.value(A_DEMO_TOKEN, {"now": now}) is not None


async def refuse_demo_tokens(db: Reader, now: datetime) -> None:
    """Raises ConfigError when a shop in earnest has tokens that came with the demo shop."""
    if await has_demo_tokens(db, now):
        raise ConfigError(
            "FEIRA_ENV=production: this shop has demo tokens: `feira token revoke --demo`, or start an empty one"
        )


async def _bearer(tx: Tx, principal: Principal, bearer: Bearer) -> Row[Any]:
    """The bearer within the caller's reach. Raises NotFound, BeyondReach."""
    match bearer.kind:
        case "staff":
            found = (await staff_by_ids(tx, [bearer.id])).get(bearer.id)
            role = found.role if found else ""
            near = found and reaches(principal, location_ids=found.location_ids, channel_ids=found.channel_ids)
        case "device":
            found = (await devices_by_ids(tx, [bearer.id])).get(bearer.id)
            role = "device"
            near = found and reaches(principal, location_ids=[found.location_id], channel_ids=[found.channel_id])
        case "client":
            found = (await api_clients_by_ids(tx, [bearer.id])).get(bearer.id)
            role = "client"
            near = found and principal.works_in(found.channel_id)
    if found is None or not near:
        raise NotFound(f"There is no such {bearer.kind}.", path=("bearer",))
    if not ROLES[role] <= principal.permissions:
        raise BeyondReach("a role with permissions", path=("bearer",))
    return found
