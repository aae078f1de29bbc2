"""Top-level errors: the five codes there are, and how whatever went wrong becomes one of them."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import uuid4

import structlog
from graphql import FieldNode, GraphQLError
from strawberry.exceptions import StrawberryInputCoercionError

log = structlog.get_logger("feira.graphql")

INTERNAL_MESSAGE = "Something went wrong on our side."
_LONGEST = 500


class Code(StrEnum):
    """`extensions.code` of a top-level error; there are no others."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    BAD_REQUEST = "BAD_REQUEST"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    INTERNAL = "INTERNAL"


class RequestError(Exception):
    """What a resolver, a guard or `context_for` raises to answer a top-level error with this code and message.

    `retry_after` is in seconds and becomes the header of that name. `extensions` are shown beside the code.
    """

    def __init__(
        self,
        code: Code | str,
        message: str,
        *,
        retry_after: float | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = Code(code)
        self.message = message
        self.retry_after = retry_after
        self.details = extensions

    def formatted(self) -> dict[str, Any]:
        """As it stands in a response's `errors`."""
        extensions: dict[str, Any] = {"code": self.code.value}
        if self.retry_after is not None:
            extensions["retryAfter"] = round(self.retry_after, 3)
        if self.details:
            extensions = {**self.details, **extensions}
        return {"message": self.message, "extensions": extensions}


class Refused(Exception):
    """An operation that did not run. `errors` are formatted; there is no `data`."""

    def __init__(self, errors: list[dict[str, Any]], *, retry_after: float | None = None) -> None:
        super().__init__(errors[0]["message"])
        self.errors = errors
        self.retry_after = retry_after

    @classmethod
    def by(cls, error: RequestError) -> "Refused":
        """The refusal that one `RequestError` stands for."""
        return cls([error.formatted()], retry_after=error.retry_after)

    @property
    def code(self) -> str:
        """The code of the first error."""
        return str(self.errors[0]["extensions"]["code"])


def refused(code: Code, errors: Iterable[GraphQLError]) -> Refused:
    """Errors of parsing, validation or coercion, all with `code`."""
    told = list(errors)
    made = Refused([_with_code(error, code) for error in told])
    _let_go(told)
    return made


_Answer: TypeAlias = Callable[[Exception], RequestError | None]
_TRANSLATIONS: list[tuple[type[Exception], _Answer]] = []


def translate(kind: type[Exception], answer: _Answer) -> None:
    """Say what a client is told of an exception that is no RequestError and no fault of ours either; None: it is one of
    ours all the same.
    """
    _TRANSLATIONS.append((kind, answer))


def translated(error: BaseException) -> BaseException:
    """The RequestError that the app answers this exception with, or the exception."""
    for kind, answer in _TRANSLATIONS:
        if isinstance(error, kind) and (known := answer(error)) is not None:
            return known
    return error


def internal_error(error: BaseException, **where: Any) -> dict[str, Any]:
    """Logs `error` with its trace and answers what a client may know of it: nothing but a request id to quote."""
    request_id = structlog.contextvars.get_contextvars().get("request_id") or uuid4().hex
    log.error("graphql.internal_error", request_id=request_id, exc_info=error, **where)
    return {"message": INTERNAL_MESSAGE, "extensions": {"code": Code.INTERNAL.value, "requestId": str(request_id)}}


def field_errors(errors: Iterable[GraphQLError]) -> list[dict[str, Any]]:
    """Formats what fields raised. Unexpected exceptions are masked, each logged once however many fields it hit."""
    masked: dict[int, dict[str, Any]] = {}
    found = list(errors)
    told = [_field_error(error, masked) for error in found]
    _let_go(found)
    return told


def _let_go(errors: Iterable[BaseException | None]) -> None:
    """Forget where these were raised, now that they are told: the frames there hold all of the request, and the errors,
    and so would stay until the collector of cycles comes.
    """
    for each in errors:
        error = each
        while error is not None and error.__traceback__ is not None:
            error.__traceback__ = None
            _let_go([error.__context__, getattr(error, "original_error", None)])
            error = error.__cause__


def _field_error(error: GraphQLError, masked: dict[int, dict[str, Any]]) -> dict[str, Any]:
    cause = translated(_root_cause(error))
    if isinstance(cause, RequestError):
        body = cause.formatted()
    elif _is_the_callers_fault(cause):
        return _with_code(error, Code.BAD_REQUEST)
    else:
        body = masked.get(id(cause)) or internal_error(cause, path=error.path)
        masked[id(cause)] = body
    located = {"message": body["message"], "extensions": body["extensions"]}
    if error.locations:
        located["locations"] = [location.formatted for location in error.locations]
    if error.path is not None:
        located["path"] = error.path
    return located


def _root_cause(error: GraphQLError) -> BaseException:
    cause: BaseException = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _is_the_callers_fault(cause: BaseException) -> bool:
    """Coercing an argument fails at the node of a value; coercing what a resolver returned at a field, or at none."""
    if isinstance(cause, StrawberryInputCoercionError):
        return True
    return isinstance(cause, GraphQLError) and any(not isinstance(node, FieldNode) for node in cause.nodes or ())


def _with_code(error: GraphQLError, code: Code) -> dict[str, Any]:
    # graphql-core quotes values whole, however long.
    message = error.message if len(error.message) <= _LONGEST else f"{error.message[:_LONGEST]}…"
    body: dict[str, Any] = {"message": message, "extensions": {"code": code.value}}
    if error.locations:
        body["locations"] = [location.formatted for location in error.locations]
    if error.path is not None:
        body["path"] = error.path
    return body
