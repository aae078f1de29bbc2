"""What was committed to the outbox and has no position yet: how late the sequencer is."""

from datetime import datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import func, literal, select

from app.events.tables import feed, outbox
from app.platform.db import Reader

MOST_COUNTED: Final = 100_000

# What a slow transaction leaves below the highest number is not counted: it would take looking through all of it.
_above = outbox.c.id > select(func.coalesce(func.max(feed.c.outbox_id), 0)).correlate(None).scalar_subquery()
_some = select(literal(1).label("one")).select_from(outbox).where(_above).limit(MOST_COUNTED).subquery()
_oldest = select(outbox.c.occurred_at).where(_above).order_by(outbox.c.id).limit(1).scalar_subquery()
UNNUMBERED: Final = select(func.count().label("changes"), _oldest.label("oldest_at")).select_from(_some)


class Unnumbered(Struct, frozen=True):
    """How many, counted up to `MOST_COUNTED`, and when the oldest was written."""

    changes: int
    oldest_at: datetime | None

    def seconds(self, now: datetime) -> float:
        """For how long the oldest has waited; 0 when none does."""
        return 0.0 if self.oldest_at is None else max(0.0, (now - self.oldest_at).total_seconds())


async def unnumbered(db: Reader) -> Unnumbered:
    """About: see above."""
    row = await db.row(UNNUMBERED)
    assert row is not None, "an aggregate always has one"
    return Unnumbered(row.changes, row.oldest_at)
