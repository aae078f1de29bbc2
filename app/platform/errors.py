"""Refusals: a rule said no and nothing was written; the client can go on.

A command raises one `Refusal`, or `Refusals` when several things are wrong at once. One place in `api` turns them into
`userErrors`. Anything else that is raised is a bug.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

Path = tuple[str, ...]


class Refusal(Exception):
    """The base of all refusals. `path` leads to the input field at fault: ("lines", "0", "quantity")."""

    default_code: ClassVar[str] = "INVALID"

    def __init_subclass__(cls) -> None:
        cls.default_code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).upper()

    def __init__(self, message: str, *, path: Path = (), code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.code = code or self.default_code

    @property
    def refusals(self) -> Sequence["Refusal"]:
        return (self,)

    def at(self, *prefix: str) -> "Refusal":
        """The same refusal, its path begun with `prefix`."""
        self.path = (*prefix, *self.path)
        return self


class Refusals(Exception):
    """Several refusals of one command."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__("; ".join(refusal.message for refusal in refusals))
        self.refusals = tuple(refusals)


class InvalidInput(Refusal):
    """The input contradicts itself or a limit. Its code is finer where that helps: INVALID_ID, TOO_MANY."""


class NotFound(Refusal):
    """No such thing, or none that this caller may see."""


class VersionConflict(Refusal):
    """`expectedVersion` is stale. Carries the type and id of the entity, which the API shows as it is now."""

    def __init__(self, message: str, *, current_version: int, entity: tuple[str, UUID], path: Path = ()) -> None:
        super().__init__(message, path=path)
        self.current_version = current_version
        self.entity = entity


class OperationIdReused(InvalidInput):
    """This operation id was carried out with another input or by another caller."""


class Forbidden(Exception):
    """The caller's role does not reach this far: a top-level FORBIDDEN, whatever the mutation."""

    def __init__(self, permission: str) -> None:
        super().__init__(f"This needs the permission {permission!r}.")
        self.permission = permission


class Busy(Exception):
    """Too much is asked at once: no connection or lock was to be had in time. Nothing was written; try again."""


def check_version(expected: int | None, current: int, type_name: str, entity_id: UUID) -> None:
    """Raises VersionConflict when `expected` is given and is not `current`."""
    if expected is not None and expected != current:
        raise VersionConflict(
            f"It has changed: you expected version {expected}, it is {current}.",
            current_version=current,
            entity=(type_name, entity_id),
            path=("expectedVersion",),
        )


def collect(refusals: list[Refusal]) -> None:
    """Raise what was collected, if anything was."""
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        raise Refusals(refusals)


def details(refusal: Refusal) -> dict[str, Any]:
    """What a refusal carries beyond its message, by attribute name."""
    return {name: value for name, value in vars(refusal).items() if name not in {"message", "path", "code"}}
