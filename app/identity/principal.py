"""Whom a request's credential stands for, and what follows from it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from app.identity.permissions import ROLES
from app.platform.errors import Forbidden

Kind = Literal["anonymous", "staff", "device", "client"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller: an anonymous shopper, staff, a device bound to a register, an API client bound to a channel."""

    kind: Kind
    role: str
    id: UUID | None = None
    name: str = ""
    # None: everywhere.
    location_ids: frozenset[UUID] | None = None
    channel_ids: frozenset[UUID] | None = None
    # The channel and register that the credential is bound to.
    channel_id: UUID | None = None
    register_id: UUID | None = None
    permissions: frozenset[str] = field(default=frozenset())
    # Of an API client: it may send no other document than those that the operator registered.
    trusted_documents_only: bool = False

    @property
    def key(self) -> str:
        """Tells callers apart in operations, carts and ledgers: "staff:UUID"."""
        return f"{self.kind}:{self.id}" if self.id else self.kind

    @property
    def staff_id(self) -> UUID | None:
        return self.id if self.kind == "staff" else None

    def may(self, permission: str) -> bool:
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raises Forbidden without this permission."""
        if permission not in self.permissions:
            raise Forbidden(permission)

    def works_at(self, location_id: UUID | None) -> bool:
        """Whether this location is among the caller's; what has none belongs to those who work everywhere."""
        return self.location_ids is None or location_id in self.location_ids

    def works_in(self, channel_id: UUID) -> bool:
        return self.channel_ids is None or channel_id in self.channel_ids


ANONYMOUS = Principal(kind="anonymous", role="anonymous", permissions=ROLES["anonymous"])


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in which channel, in which language, and when: what every command is told."""

    principal: Principal
    channel_id: UUID
    locale: str
    now: datetime
    # The channel's, where that was read already.
    currency: str = ""

    @property
    def key(self) -> str:
        return self.principal.key


def system_actor(channel_id: UUID, now: datetime, *, name: str = "system") -> Actor:
    """The shop itself: seeding, importing from the command line, sweeping."""
    principal = Principal(kind="staff", role="owner", name=name, permissions=ROLES["owner"])
    return Actor(principal=principal, channel_id=channel_id, locale="pt-BR", now=now)
