"""What every resolver and mutation of one request shares: who calls, in which channel and language, when."""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import strawberry
from sqlalchemy import Row

from app.events.follower import Follower
from app.identity.principal import Actor, Principal
from app.platform.db import Database
from app.platform.outbound.address import NOTHING, Allowed


@dataclass(slots=True)
class Context:
    """One request's. `channel` is the row of the request's sales channel; `locale` a language that the shop has."""

    db: Database
    principal: Principal
    channel: Row[Any]
    locale: str
    now: datetime
    request_id: str = ""
    # Base of the links to the shop's own media: "http://127.0.0.1:8000".
    base_url: str = ""
    # This process's place in the feed, and where that was when the request began.
    feed: Follower | None = None
    as_of: int = 0
    # The epoch that the caller's positions are of, where it says so.
    epoch: str | None = None
    # The outbox's id of the last change that the request committed.
    wrote: int | None = None
    # The same request's context at a later moment, for a subscription: the credential is looked at again.
    again: "Callable[[], Awaitable[Context]] | None" = None
    # Where webhooks may be sent beside public addresses.
    webhook_allow: Allowed = NOTHING
    # What one request need not read twice, by the name of what it is; forgotten by each of its writes.
    memory: dict[Any, Any] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        return Actor(principal=self.principal, channel_id=self.channel.id, locale=self.locale, now=self.now)

    def may(self, permission: str) -> bool:
        return self.principal.may(permission)

    @property
    def sight(self) -> Hashable:
        """What decides what the caller sees, at one moment: two requests of one sight are answered the same."""
        return self.principal, self.channel.id, self.channel.version, self.locale, self.base_url


Info = strawberry.Info[Context, None]
