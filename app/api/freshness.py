"""How new an answer is: `extensions.asOf` and `epoch`, and what `Feira-Min-Position` asks for.

Reads go to the primary, so an answer reflects at least what the process had read of the feed when the request began.
"""

from collections.abc import Mapping
from typing import Any, Final

from app.api.context import BEYOND, Context
from app.api.engine.errors import Code, RequestError
from app.events.follower import Follower

EXTENSION_HEADERS: Final = {"asOf": "Feira-Position", "epoch": "Feira-Epoch", "commit": "Feira-Commit"}
COMMIT: Final = "c"
"""What a commit's token begins with, before the outbox's id of its last change."""
WAITS: Final = 0.5
"""Seconds that a request waits for this process to have read the position that it asks for."""
LONGEST: Final = 20


async def wait_for(feed: Follower, least: str) -> int:
    """Wait a little until this position, or this commit, was read here. Raises BAD_REQUEST for what is neither.

    Answers the position. Past that the request goes on: what it reads comes from the primary, where the position was
    given out, and nothing from what the process keeps.
    """
    given = least.strip()
    digits = given.removeprefix(COMMIT)
    if not (digits.isascii() and digits.isdigit() and len(digits) < LONGEST):
        raise RequestError(Code.BAD_REQUEST, "`Feira-Min-Position` is a position or a commit's token.")
    if given.startswith(COMMIT):
        position = await feed.number_of(int(digits), WAITS)
        return BEYOND if position is None else position
    await feed.reach(int(digits), WAITS)
    return int(digits)


async def extensions_of(context: Context) -> Mapping[str, Any]:
    """The position that an answer reflects at least, a write of its own included; a token while that has no number."""
    feed = context.feed
    if feed is None:
        return {}
    as_of, more = context.as_of, {}
    if context.wrote is not None:
        position = await feed.numbered(context.wrote)
        if position is None:
            more["commit"] = f"{COMMIT}{context.wrote}"
        else:
            as_of = max(as_of, position)
    return {"asOf": str(as_of), "epoch": feed.epoch, **more}
