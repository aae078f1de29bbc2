"""Whom a request looks at the catalog as."""

from collections.abc import Hashable
from datetime import datetime
from uuid import UUID

from app.api.context import Context
from app.browse.followed import Catalog
from app.browse.sight import Sight


def sees_all(context: Context) -> bool:
    """Whether drafts, archived and unpublished things are in the caller's sight."""
    return context.may("catalog.read")


def sight_of(context: Context, *, everything: bool | None = None) -> Sight:
    """In the request's channel, at its moment; `everything` False: as a shopper, whoever asks."""
    return Sight(context.channel.id, context.now, sees_all(context) if everything is None else everything)


def followed(context: Context) -> Catalog | None:
    """What the process keeps of the catalog, for who sees what shoppers see; None: read the tables."""
    return None if sees_all(context) else context.followed


def lasting_token(context: Context) -> tuple[Hashable, datetime] | None:
    """What all that is told of a kept product depends on besides, but what is asked each time; and the moment."""
    catalog = followed(context)
    settings = catalog.settings_kept() if catalog is not None else None
    if settings is None:
        return None
    channel, location_id = context.channel, till_location(context)
    ground = None if location_id is None else settings.ground(location_id)
    return (channel.id, channel.version, settings.number, ground), context.now


def till_location(context: Context) -> UUID | None:
    """The location of the till that asks; None for who asks elsewhere."""
    principal = context.principal
    if principal.register_id is None or not principal.location_ids:
        return None
    (location_id,) = principal.location_ids
    return location_id


async def followed_by_now(context: Context) -> Catalog | None:
    """The same; for a payload once this process has read of its write."""
    if sees_all(context):
        return None
    await context.catch_up()
    return context.followed
