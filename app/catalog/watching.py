"""What hangs on who sees a variant: its price and its availability, which others tell, in the same transaction.

Prices and stock stand above the catalog, and say here how they tell of variants that come into sight or out of it. Who
writes products in a program that did not import them all (`browse.watched`) is told so.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar
from uuid import UUID

from sqlalchemy import func, select

from app.platform.db import Tx


@dataclass(frozen=True, slots=True)
class Seen:
    """The channels that sell a variant, before (None: it is new) and after.

    `counted`: whether its stock is counted in another way than before, so that another amount can be promised.
    `turned`: whether it was archived or brought back, sold or not.
    """

    variant_id: UUID
    before: frozenset[UUID] | None
    after: frozenset[UUID]
    counted: bool = False
    turned: bool = False

    @property
    def moved(self) -> bool:
        """Whether others see it than before."""
        return self.before != self.after


Watch = Callable[[Tx, Sequence[Seen]], Awaitable[None]]
W = TypeVar("W", bound=Watch)

# A number of our own for PostgreSQL's advisory locks: "feira:sight" as bytes.
_SIGHT: Final = 0x73696768
HOLD_SIGHT: Final = select(func.pg_advisory_xact_lock_shared(_SIGHT))
KEEP_SIGHT: Final = select(func.pg_advisory_xact_lock(_SIGHT))

_watches: dict[str, Watch] = {}


def watches(what: Literal["prices", "stock"]) -> Callable[[W], W]:
    """Registers how this is told of variants. It is called after they are written, with their products locked."""

    def register(watch: W) -> W:
        _watches[what] = watch
        return watch

    return register


async def hold_sight(tx: Tx) -> None:
    """Before variants come into sight or out of it: whoever tells of all of them waits, or is waited for."""
    await tx.execute(HOLD_SIGHT)


async def tell_watchers(tx: Tx, seen: Sequence[Seen]) -> None:
    """Let all tell of these variants, in the order in which they lock (DESIGN, «Locks»)."""
    if not seen:
        return
    if missing := {"prices", "stock"} - _watches.keys():
        raise RuntimeError(f"nobody is here to tell of {', '.join(sorted(missing))}: import app.browse.watched")
    await _watches["prices"](tx, seen)
    if others := [each for each in seen if each.moved or each.counted]:
        await _watches["stock"](tx, others)


async def keep_sight(tx: Tx) -> None:
    """Until the transaction ends nobody changes who sees what: for who tells of all variants.

    It comes before all other locks, that of the frame of prices too.
    """
    await tx.execute(KEEP_SIGHT)
