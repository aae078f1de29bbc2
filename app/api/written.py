"""What an input says: the fields that it gives; and the entity that a payload answers."""

from enum import Enum
from typing import Any, TypeVar, cast
from uuid import UUID

from strawberry import UNSET

from app.api.context import Context
from app.api.nodes import LOADERS, Node

N = TypeVar("N", bound=Node)


def written(given: Any, *names: str) -> Any:
    """These fields of an input by name, enum values as their value; what was left out is absent."""
    said = ((name, getattr(given, name)) for name in names)
    return {name: value.value if isinstance(value, Enum) else value for name, value in said if value is not UNSET}


async def one(kind: type[N], context: Context, key: UUID | None) -> N | None:
    """The entity of this type and id as the caller may see it now; None for none."""
    return None if key is None else cast("N | None", (await LOADERS[kind.__name__](context, [key]))[0])
