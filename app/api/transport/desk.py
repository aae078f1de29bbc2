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
from .request import Request

ContextFor: TypeAlias = Callable[[Request], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Observation:
    """What a metric may want to know of an operation that is over. `outcome`: "ok", "errors" or "refused".

    A refused operation may have neither kind nor name. `seconds` of a subscription are those that it was open.
    `executor`: "plan" or "core", which ran it; None where none did.
    """

    name: str | None
    kind: str | None
    transport: str
    seconds: float
    outcome: str
    cost: int = 0
    codes: tuple[str, ...] = ()
    executor: str | None = None


Observe: TypeAlias = Callable[[Observation], None]
ExtensionsFor: TypeAlias = Callable[[Any], Awaitable[Mapping[str, Any]]]
CallerOf: TypeAlias = Callable[[Any, Request], Hashable]


def _by_credential(_context: Any, request: Request) -> Hashable:
    return request.authorization or request.address


@dataclass(slots=True)
class Admitted:
    """An operation that may run: its context is made and its cost is paid."""

    operation: Operation
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
    caller_of: CallerOf = _by_credential
    extensions_for: ExtensionsFor | None = None
    observe: Observe | None = None

    def prepare(self, parameters: Parameters, transport: str) -> Operation:
        """The operation asked for. Raises Refused, Malformed."""
        text = parameters.text
        try:
            return self.engine.operation(text, parameters.operationName)
        except Refused as refused:
            self._tell_refused(refused, None, None, transport, perf_counter())
            raise

    async def admit(self, operation: Operation, parameters: Parameters, request: Request) -> Admitted:
        """Makes the context and takes the cost from the caller's budget. Raises Refused."""
        began = perf_counter()
        variables = parameters.variables or {}
        try:
            cost = self.engine.cost(operation, variables)
            context = await self.context(request)
            paid = self._pay(cost, context, request)
        except Refused as refused:
            self._tell_refused(refused, operation.name, operation.kind.value, request.transport, began)
            raise
        return Admitted(operation, variables, request, context, paid, began)

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
            result = await self.engine.execute(admitted.operation, admitted.variables, admitted.context)
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
                )
            )

    def _tell_refused(self, refused: Refused, name: str | None, kind: str | None, transport: str, began: float) -> None:
        if self.observe is not None:
            seconds = perf_counter() - began
            self.observe(Observation(name, kind, transport, seconds, "refused", 0, (refused.code,)))
