"""The Node interface, and finding any entity by its id."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import strawberry

if TYPE_CHECKING:
    from app.api.context import Context


@strawberry.interface(description="Anything with an id. Ids are opaque, and unique over all types.")
class Node:
    id: strawberry.ID = strawberry.field(description="Opaque id.")


# For each type: its entities by id, in that order; None for what is not there or not the caller's to see.
Load = Callable[["Context", Sequence[UUID]], Awaitable[Sequence[Node | None]]]
LOADERS: dict[str, Load] = {}
L = TypeVar("L", bound=Load)


def loads(type_name: str) -> Callable[[L], L]:
    """Registers how `node` and `nodes` find entities of this type."""

    def register(load: L) -> L:
        LOADERS[type_name] = load
        return load

    return register


async def load_nodes(context: "Context", wanted: Sequence[tuple[str, UUID] | None]) -> list[Node | None]:
    """Entities of any types in the order asked, each type read once."""
    by_type: dict[str, list[UUID]] = {}
    for name, key in filter(None, wanted):
        by_type.setdefault(name, []).append(key)
    found: dict[tuple[str, UUID], Node | None] = {}
    for name, keys in by_type.items():
        load = LOADERS.get(name)
        if load is not None:
            found.update(zip(((name, key) for key in keys), await load(context, keys), strict=True))
    return [found.get(one) if one else None for one in wanted]
