"""The server as it is, but for the outbox: nothing is told. What emitting costs is what this one saves.

python -m benchmarks.unemitting
"""

import sys
from collections.abc import Iterable

from app.cli import main
from app.events import outbox
from app.platform.db import Tx


async def say_nothing(tx: Tx, changes: Iterable[outbox.Change]) -> None:  # noqa: ARG001
    """In the place of `emit`: what is to be told is worked out, and not written."""
    list(changes)


def not_by_itself(tx: Tx) -> bool:  # noqa: ARG001
    """In the place of `tells_at_once`."""
    return False


if __name__ == "__main__":
    # In place, for those who have it by name already.
    outbox.emit.__code__ = say_nothing.__code__
    outbox.tells_at_once.__code__ = not_by_itself.__code__
    sys.argv = ["feira", "serve"]
    main()
