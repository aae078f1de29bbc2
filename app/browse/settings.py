"""What prices and promises stand in: price lists, taxes, and where each channel sells from."""

from collections.abc import Hashable, Mapping, Sequence
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import Row

from app.channels.queries import all_channels, all_locations, locations_of_channels
from app.events.feed import Head, head_of
from app.platform.db import Database
from app.pricing.frame import Frame, frame_of


class Settings(Struct, frozen=True):
    """`frame`: the lists that are active and all taxes. `locations`: rows by id. `places`: the active ones that each
    channel sells from, in its order. `number`: no other settings of this process have it.
    """

    frame: Frame
    locations: Mapping[UUID, Row[Any]]
    places: Mapping[UUID, Sequence[Row[Any]]]
    number: int = msgspec.field(default_factory=count().__next__)
    grounds: dict[UUID, Hashable] = msgspec.field(default_factory=dict)
    """What `ground` has answered."""

    @property
    def rows(self) -> int:
        """How many rows they were made of."""
        places = sum(map(len, self.places.values()))
        return len(self.frame.lists) + len(self.frame.rates) + len(self.locations) + places

    def ground(self, location_id: UUID) -> Hashable:
        """What prices at the tills of a location depend on beside their channel: where it is, and which lists are for
        it. Whatever has a price at one location has the same at another of the same ground.
        """
        found = self.grounds.get(location_id)
        if found is None:
            location, rules = self.locations.get(location_id), self.frame.lists.values()
            own = tuple([each.id for each in rules if location_id in (each.location_ids or ())])
            found = (location_id,) if location is None else (location.country, location.region, own)
            self.grounds[location_id] = found
        return found

    def fresh_frame(self) -> Frame:
        """The frame without what was worked out for other moments."""
        return msgspec.structs.replace(self.frame, known={})


async def read_settings(db: Database) -> tuple[Head, Settings]:
    """The settings of one moment, and the head of the feed then."""
    async with db.snapshot() as tx:
        head = await head_of(tx)
        frame = await frame_of(tx)
        locations = {row.id: row for row in await all_locations(tx)}
        places = await locations_of_channels(tx, [row.id for row in await all_channels(tx)])
    return head, Settings(frame, locations, places)
