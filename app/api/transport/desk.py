"""Where every transport brings its operations: prepared, admitted, run, and told of afterwards."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeAlias

from app.api.engine.budget import Purse
from app.api.engine.documents import Operation
from app.api.engine.errors import Refused, RequestError, internal_error, translated
from app.api.engine.execute import Engine

from .parameters import Parameters, encode_json
from .persisted import Persisted, Source
from .request import Request

ContextFor: TypeAlias = Callable[[Request], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Observation:
    """What a metric may want to know of an operation that is over. `outcome`: "ok", "errors" or "refused".

    A refused operation may have neither kind nor name. `seconds` of a subscription are those that it was open.
    `executor`: "plan" or "core", which ran it; None where none did.
    `document`: how the client sent it; None where none was found.
    """

    name: str | None
    kind: str | None
    transport: str
    seconds: float
    outcome: str
    cost: int = 0
    codes: tuple[str, ...] = ()
    executor: str | None = None
    document: Source | None = None


Observe: TypeAlias = Callable[[Observation], None]
ExtensionsFor: TypeAlias = Callable[[Any], Awaitable[Mapping[str, Any]]]
CallerOf: TypeAlias = Callable[[Any, Request], Hashable]
TrustedOnly: TypeAlias = Callable[[Any], bool]
"""Whether the caller of a context may send trusted documents alone."""


def _by_credential(_context: Any, request: Request) -> Hashable:
    return request.authorization or request.address


def _anything(_context: Any) -> bool:
    return False


@dataclass(slots=True)
class Arrived:
    """A request whose caller is known, and when it came."""

    request: Request
    context: Any
    began: float


@dataclass(slots=True)
class Prepared:
    """An operation that fits the schema, and that its caller may send. `source`: how its document came."""

    operation: Operation
    source: Source
    parameters: Parameters
    arrived: Arrived


@dataclass(slots=True)
class Admitted:
    """An operation that may run: its cost is paid."""

    operation: Operation
    source: Source
    variables: Mapping[str, Any]
    request: Request
    context: Any
    cost: Mapping[str, int]
    began: float


@dataclass(slots=True)
class Answer:
    """One result to send: `data`, `errors`, and `extensions`, which a GET tells in headers alone.

    `executor`: which ran it, to be shown to developers.
    """

    data: Any
    errors: list[dict[str, Any]]
    extensions: Mapping[str, Any] = field(default_factory=dict)
    executor: str | None = None

    def body(self, *, extensions: bool = True) -> dict[str, Any]:
        """As JSON has it."""
        body: dict[str, Any] = {"errors": self.errors, "data": self.data} if self.errors else {"data": self.data}
        if extensions and self.extensions:
            body["extensions"] = self.extensions
        return body

    def encoded(self, *, extensions: bool = True) -> bytes:
        return encode_json(self.body(extensions=extensions))


@dataclass(slots=True)
class Desk:
    """The engine with what the app gives the route."""

    engine: Engine
    context_for: ContextFor
    purse: Purse | None = None
    persisted: Persisted = field(default_factory=Persisted)
    trusted_only: TrustedOnly = _anything
    caller_of: CallerOf = _by_credential
    extensions_for: ExtensionsFor | None = None
    observe: Observe | None = None

    async def arrive(self, request: Request) -> Arrived:
        """Makes the context: who calls comes before what they ask. Raises Refused."""
        began = perf_counter()
        try:
            return Arrived(request, await self.context(request), began)
        except Refused as refused:
            self._tell_refused(refused, None, None, request.transport, began)
            raise

    def prepare(self, parameters: Parameters, arrived: Arrived) -> Prepared:
        """The operation asked for, if the caller may send it. Raises Refused, Malformed."""
        try:
            asked = self.persisted.find(parameters, trusted_only=self.trusted_only(arrived.context))
            operation = self.engine.operation(asked.text, parameters.operationName)
        except Refused as refused:
            self._tell_refused(refused, None, None, arrived.request.transport, arrived.began)
            raise
        self.persisted.remember(asked)
        return Prepared(operation, asked.source, parameters, arrived)

    def admit(self, prepared: Prepared) -> Admitted:
        """Takes the cost from the caller's budget. Raises Refused."""
        operation, arrived = prepared.operation, prepared.arrived
        request, context, began = arrived.request, arrived.context, arrived.began
        variables = prepared.parameters.variables or {}
        try:
            paid = self._pay(self.engine.cost(operation, variables), context, request)
        except Refused as refused:
            self._tell_refused(refused, operation.name, operation.kind.value, request.transport, began)
            raise
        return Admitted(operation, prepared.source, variables, request, context, paid, began)

    async def context(self, request: Request) -> Any:
        """What the app makes of a request. Raises Refused for its RequestError, and for its failure."""
        try:
            return await self.context_for(request)
        except RequestError as error:
            raise Refused.by(error) from error
        except Exception as error:
            known = translated(error)
            if isinstance(known, RequestError):
                raise Refused.by(known) from error
            raise Refused([internal_error(error, where="context")]) from error

    async def run(self, admitted: Admitted) -> Answer:
        """The answer to a query or mutation. Raises Refused when its variables do not fit."""
        try:
            result = await self.engine.execute(admitted.operation, admitted.variables, admitted.context, to_encode=True)
            executor = "plan" if result.planned else "core"
            answer = Answer(result.data, result.errors, await self._extensions(admitted, admitted.context), executor)
        except Refused as refused:
            self._tell_refused(
                refused,
                admitted.operation.name,
                admitted.operation.kind.value,
                admitted.request.transport,
                admitted.began,
            )
            raise
        self._tell(admitted, "errors" if answer.errors else "ok", answer.errors, executor)
        return answer

    async def stream(self, admitted: Admitted) -> AsyncGenerator[Answer, None]:
        """The answers to any operation: one to a query or mutation. Raises Refused when it ends by an error."""
        operation, request = admitted.operation, admitted.request
        if not operation.is_subscription:
            yield await self.run(admitted)
            return
        outcome, errors = "ok", []
        try:
            events = self.engine.subscribe(
                operation, admitted.variables, admitted.context, lambda: self.context_for(request)
            )
            async with aclosing(events):
                async for result in events:
                    if result.errors:
                        outcome, errors = "errors", result.errors
                    yield Answer(result.data, result.errors, await self._extensions(admitted, result.context))
        except Refused as refused:
            outcome, errors = "refused", refused.errors
            raise
        finally:
            self._tell(admitted, outcome, errors)

    def _pay(self, cost: int, context: Any, request: Request) -> Mapping[str, int]:
        paid = {"requested": cost, "limit": self.engine.limits.cost}
        if self.purse is None:
            return paid
        try:
            return {**paid, "left": self.purse.spend(self.caller_of(context, request), cost)}
        except RequestError as error:
            raise Refused.by(error) from None

    async def _extensions(self, admitted: Admitted, context: Any) -> Mapping[str, Any]:
        if self.extensions_for is None:
            return {"cost": admitted.cost}
        try:
            return {"cost": admitted.cost, **await self.extensions_for(context)}
        except Exception as error:
            # What ran has run, and may have been a write: its answer goes out all the same.
            internal_error(error, where="extensions")
            return {"cost": admitted.cost}

    def _tell(
        self, admitted: Admitted, outcome: str, errors: list[dict[str, Any]], executor: str | None = None
    ) -> None:
        if self.observe is not None:
            operation = admitted.operation
            self.observe(
                Observation(
                    operation.name,
                    operation.kind.value,
                    admitted.request.transport,
                    perf_counter() - admitted.began,
                    outcome,
                    admitted.cost["requested"],
                    tuple(dict.fromkeys(error["extensions"]["code"] for error in errors)),
                    executor,
                    admitted.source,
                )
            )

    def _tell_refused(self, refused: Refused, name: str | None, kind: str | None, transport: str, began: float) -> None:
        if self.observe is not None:
            seconds = perf_counter() - began
            self.observe(Observation(name, kind, transport, seconds, "refused", 0, (refused.code,)))
