"""User errors: the one place that turns a domain's refusals into what a payload answers."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import strawberry
from sqlalchemy.exc import DBAPIError

from app.api.context import Info
from app.api.engine.errors import Code, RequestError, translate
from app.api.nodes import Node, load_nodes
from app.platform import errors


@strawberry.interface(
    description="Why a write was refused. `path` leads to the input field at fault; "
    "concrete types carry what a client needs to go on."
)
class UserError:
    code: str = strawberry.field(description="The kind of error, in capitals.")
    message: str = strawberry.field(description="What is wrong, for a developer to read.")
    path: list[str] | None = strawberry.field(description="Where in the arguments: input, lines, 0, quantity.")


@strawberry.type(description="The input contradicts itself, a limit or the state of things.")
class InvalidInput(UserError):
    pass


@strawberry.type(description="No such thing, or none that the caller may see.")
class NotFound(UserError):
    pass


@strawberry.type(description="`expectedVersion` is stale: somebody else wrote meanwhile.")
class VersionConflict(UserError):
    current_version: int = strawberry.field(description="The version it has now.")
    entity: strawberry.Private[tuple[str, UUID]]

    @strawberry.field(description="The entity as it is now.")
    async def current(self, info: Info) -> Node | None:
        return (await load_nodes(info.context, [self.entity]))[0]


translate(errors.Forbidden, lambda error: RequestError(Code.FORBIDDEN, str(error)))
translate(
    errors.Busy,
    lambda _: RequestError(Code.LIMIT_EXCEEDED, "Too much is asked at once; try again.", retry_after=1.0),
)


def _not_reached(error: Exception) -> RequestError | None:
    if isinstance(error, DBAPIError) and not error.connection_invalidated:
        return None
    return RequestError(Code.INTERNAL, "The database cannot be reached at this moment; try again.", retry_after=1.0)


# It is gone, or begins or ends: none is to be opened, or one was cut off and could not be replaced.
for _kind in (DBAPIError, ConnectionError, asyncpg.CannotConnectNowError):
    translate(_kind, _not_reached)

_ANSWERS: dict[type[errors.Refusal], Callable[..., UserError]] = {
    errors.InvalidInput: InvalidInput,
    errors.OperationIdReused: InvalidInput,
    errors.NotFound: NotFound,
    errors.VersionConflict: VersionConflict,
}


def answers(refusal: type[errors.Refusal], error: Callable[..., UserError]) -> None:
    """Say which type of the API answers a refusal: made with code, message, path and the refusal's own attributes."""
    _ANSWERS[refusal] = error


def user_error(refusal: errors.Refusal) -> UserError:
    """What a payload says of this refusal. Paths begin at the mutation's argument."""
    kind: type[Any] | None = type(refusal)
    while kind is not None and kind not in _ANSWERS:
        kind = kind.__base__
    if kind is None:
        raise TypeError(f"nothing answers {type(refusal).__name__}")
    return _ANSWERS[kind](
        code=refusal.code,
        message=refusal.message,
        path=["input", *refusal.path] if refusal.path else None,
        **errors.details(refusal),
    )


@strawberry.interface(description="Every mutation's answer.")
class Payload:
    result: strawberry.Private[dict[str, Any]]
    user_errors: list[UserError] = strawberry.field(description="Why nothing was written; empty on success.")
    replayed: bool = strawberry.field(description="Whether this operation id had been carried out before.")

    def key(self, name: str) -> UUID | None:
        """An entity's id in the stored result."""
        value = self.result.get(name)
        return UUID(value) if value else None

    def keys(self, name: str) -> list[UUID]:
        return [UUID(value) for value in self.result.get(name, ())]
