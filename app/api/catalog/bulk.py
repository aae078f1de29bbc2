"""Bulk mutations: what becomes of each item is kept with the operation, and told again when it is repeated."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from app.api.errors import UserError, user_error
from app.api.perform import Result
from app.platform import errors
from app.platform.errors import InvalidInput, NotFound, Refusal, Refusals, VersionConflict

T = TypeVar("T")
R = TypeVar("R")

MOST: Final = 100
"""Items of one call."""

_KINDS: Final[Mapping[str, type[Refusal]]] = {kind.__name__: kind for kind in (InvalidInput, NotFound)}


def check_items(items: Sequence[object]) -> None:
    """Raises InvalidInput (TOO_MANY, REQUIRED)."""
    if len(items) > MOST:
        raise InvalidInput(f"At most {MOST} items.", path=("items",), code="TOO_MANY")
    if not items:
        raise InvalidInput("There are no items.", path=("items",), code="REQUIRED")


async def carry_out(
    items: Sequence[T],
    decode: Callable[[T], R],
    save: Callable[[Sequence[R]], Awaitable[Sequence[tuple[UUID | None, Sequence[Refusal]]]]],
) -> Result:
    """Decode the items, save those that can be read, and keep each one's id or refusals for the payload."""
    check_items(items)
    outcomes: dict[int, dict[str, Any]] = {}
    read: dict[int, R] = {}
    for place, item in enumerate(items):
        try:
            read[place] = decode(item)
        except (Refusal, Refusals) as refused:
            outcomes[place] = _outcome(place, None, refused.refusals)
    for place, (key, refusals) in zip(read, await save(list(read.values())), strict=True):
        outcomes[place] = _outcome(place, key, refusals)
    return {"items": [outcomes[place] for place in range(len(items))]}


def _outcome(place: int, key: UUID | None, refusals: Sequence[Refusal]) -> dict[str, Any]:
    refused = [_packed(refusal.at("items", str(place))) for refusal in refusals]
    return {"id": None if refused else key, "refusals": refused}


def _packed(refusal: Refusal) -> dict[str, Any]:
    packed: dict[str, Any] = {"message": refusal.message, "path": list(refusal.path), "code": refusal.code}
    if isinstance(refusal, VersionConflict):
        return packed | {"version": refusal.current_version, "entity": list(refusal.entity)}
    return packed | {"kind": "NotFound" if isinstance(refusal, NotFound) else "InvalidInput"}


def unpacked(kept: Mapping[str, Any]) -> UserError:
    """The user error of a refusal that was kept."""
    path = tuple(kept["path"])
    if "version" in kept:
        name, key = kept["entity"]
        entity = (name, UUID(key))
        return user_error(
            errors.VersionConflict(kept["message"], current_version=kept["version"], entity=entity, path=path)
        )
    return user_error(_KINDS[kept["kind"]](kept["message"], path=path, code=kept["code"]))
