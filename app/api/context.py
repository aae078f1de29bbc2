"""What every resolver and mutation of one request shares: who calls, in which channel and language, when."""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import strawberry
from sqlalchemy import Row

from app.browse.followed import Catalog
from app.events.follower import Follower
from app.identity.principal import Actor, Principal
from app.platform.db import Database
from app.platform.outbound.address import NOTHING, Allowed

BEYOND: Final = 1 << 63
"""A position that no feed reaches."""


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
    # What the process keeps of the catalog, and the position that an answer must reflect: what is kept is used only
    # where it reaches that.
    catalog: Catalog | None = None
    least: int = 0
    # The epoch that the caller's positions are of, where it says so.
    epoch: str | None = None
    # The outbox's id of the last change that the request committed.
    wrote: int | None = None
    # The last write's, until it was waited for.
    _told: int | None = None
    # The same request's context at a later moment, for a subscription: the credential is looked at again.
    again: "Callable[[], Awaitable[Context]] | None" = None
    # Where webhooks may be sent beside public addresses.
    webhook_allow: Allowed = NOTHING
    # What one request need not read twice, by the name of what it is; forgotten by each of its writes.
    memory: dict[Any, Any] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        return Actor(
            principal=self.principal,
            channel_id=self.channel.id,
            locale=self.locale,
            now=self.now,
            currency=self.channel.currency,
        )

    def may(self, permission: str) -> bool:
        return self.principal.may(permission)

    @property
    def followed(self) -> Catalog | None:
        """What is kept of the catalog, where it is as new as this answer must be."""
        kept = self.catalog
        return kept if kept is not None and kept.reaches(self.least) else None

    def wrote_now(self, outbox_id: int | None) -> None:
        """The request has written; `outbox_id`: of the last change that it told. From here on it reads the tables."""
        self.least = BEYOND
        self._told = outbox_id
        if outbox_id is not None:
            self.wrote = outbox_id
            if self.feed is not None:
                self.feed.committed(outbox_id)

    async def catch_up(self) -> None:
        """After a write, wait as long as its answer does anyway for this process to have read of it: then what is kept
        is as new as the write.
        """
        if self._told is None or self.feed is None or self.catalog is None:
            return
        position = await self.feed.numbered(self._told)
        self._told = None
        # What others committed before may have been numbered with it, and after it.
        if position is not None and self.feed.is_at_head:
            self.least = position

    @property
    def sight(self) -> Hashable:
        """What decides what the caller sees, at one moment: two requests of one sight are answered the same."""
        return self.principal, self.channel.id, self.channel.version, self.locale, self.base_url


Info = strawberry.Info[Context, None]
