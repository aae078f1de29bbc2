"""The front of the executor: from a document's text, variables and a context to `data` and `errors`."""

from asyncio import Future, ensure_future, shield
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping
from contextlib import aclosing
from time import monotonic
from typing import Any, TypeAlias, cast

import strawberry
from graphql import ExecutionResult, GraphQLError, GraphQLSchema
from graphql.execution import create_source_event_stream
from graphql.execution.values import VariableValues, get_variable_values

from .documents import Documents, Operation, check_cost
from .errors import Code, Refused, RequestError, field_errors, internal_error, refused
from .kept import Lasting
from .limits import Limits
from .numbers import accept_exact_numbers
from .planned import Planned, Planner
from .run import Run
from .ways import Check, Event, Guard, ways_of

__all__ = ["Check", "Engine", "Event", "Guard", "RequestError", "Result"]

Sight: TypeAlias = Callable[[Any], Hashable]
"""What of a context decides what its caller sees; None: nobody else sees the same."""

_VARIABLE_ERRORS = 10
_SHARED = 256
"""Answers to events that are kept for those who ask for the same a moment later."""
_SHARED_SECONDS = 1.0


class Result:
    """What ran: `data`, null when an error reached the root, and formatted `errors`. `context`: that it ran in.

    `planned`: whether by a plan of ours, or by graphql-core.
    """

    __slots__ = ("context", "data", "errors", "planned")

    def __init__(
        self, data: dict[str, Any] | None, errors: list[dict[str, Any]], context: Any = None, *, planned: bool = False
    ) -> None:
        self.data = data
        self.errors = errors
        self.context = context
        self.planned = planned


class Engine:
    """Runs operations of one schema. `production` hides introspection and suggestions.

    `planned` False leaves every operation to graphql-core: to compare the two. `lasting`: what rows are kept by.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        *,
        limits: Limits | None = None,
        production: bool = False,
        guard: Guard | None = None,
        sight: Sight | None = None,
        planned: bool = True,
        lasting: Lasting | None = None,
    ) -> None:
        self._lasting = lasting
        self.limits = limits or Limits()
        self._sight = sight
        self._shared: dict[Hashable, tuple[float, Future[Result]]] = {}
        self.schema: GraphQLSchema = schema._schema
        self.production = production
        self.documents = Documents(self.schema, self.limits, production=production)
        accept_exact_numbers()
        ways = ways_of(schema, guard)
        self._planner = Planner(schema, ways, hide_suggestions=production) if planned else None

    def operation(self, text: str, name: str | None = None) -> Operation:
        """The operation to run, parsed, measured and validated, from the cache when known. Raises Refused."""
        return self.documents.get(text).operation(name)

    def cost(self, operation: Operation, variables: Mapping[str, Any]) -> int:
        """What the operation may cost with these variables, at least 1. Refused when that is too much."""
        cost = operation.cost if isinstance(operation.cost, int) else operation.cost(variables)
        try:
            check_cost(cost, self.limits)
        except RequestError as error:
            raise Refused.by(error) from None
        return max(1, cost)

    async def execute(
        self, operation: Operation, variables: Mapping[str, Any], context: Any, *, to_encode: bool = False
    ) -> Result:
        """Runs a query or mutation. Raises Refused when the variables do not fit; errors of fields are in it.

        `to_encode`: its data is encoded and nothing else, so that parts of it may be `msgspec.Raw`.
        """
        values = self._values(operation, variables)
        plan = self._planner.plan(operation, values) if self._planner is not None else None
        try:
            if plan is not None:
                run = Planned(plan, operation, values, context)
                run.lasting = self._lasting if to_encode else None
                return _planned(await plan.run(run), context)
            return await self._by_core(operation, values, context)
        except Exception as error:
            raise Refused([internal_error(error, operation=operation.name)]) from error

    async def _by_core(self, operation: Operation, values: VariableValues, context: Any) -> Result:
        run = self._run(operation, values, context)
        try:
            result = cast("ExecutionResult | Awaitable[ExecutionResult]", run.execute_operation())
            return _result(await result if isinstance(result, Awaitable) else result, context)
        finally:
            run.abandon()

    async def subscribe(
        self,
        operation: Operation,
        variables: Mapping[str, Any],
        context: Any,
        renew: Callable[[], Awaitable[Any]] | None = None,
    ) -> AsyncGenerator[Result, None]:
        """Runs a subscription, one result an event; close it to end the source. Each event gets a context from `renew`,
        so that it sees the data, the time and the permissions of its moment. Raises Refused when there is no stream, or
        when it breaks.
        """
        values = self._values(operation, variables)
        run = self._run(operation, values, context)
        said = repr(sorted(variables.items())).encode()
        async with aclosing(await _source(run, operation)) as source:
            while True:
                try:
                    payload = await anext(source)
                except StopAsyncIteration:
                    return
                except Exception as error:
                    raise _broken(error, operation) from error
                yield await self._event(run, payload, renew, (operation, said))

    async def _event(
        self, run: Run, payload: Any, renew: Callable[[], Awaitable[Any]] | None, words: tuple[Operation, bytes]
    ) -> Result:
        context = run.context_value
        if renew is not None:
            try:
                context = await renew()
            except RequestError as error:
                raise Refused.by(error) from error
        sight = self._sight(context) if self._sight is not None and isinstance(payload, Event) else None
        if sight is None or payload.moment is None:
            return await self._run_event(run, words[0], payload, context)
        return await self._shared_event(run, words[0], payload, context, (*words, sight, payload.moment))

    async def _shared_event(self, run: Run, operation: Operation, payload: Any, context: Any, key: Hashable) -> Result:
        """The answer that somebody else is given, or one for all who ask while it is worked out, and a little after."""
        began, answer = self._shared.get(key, (-_SHARED_SECONDS, None))
        if answer is None or began < monotonic() - _SHARED_SECONDS:
            answer = ensure_future(self._run_event(run, operation, payload, context))
            self._shared.pop(key, None)
            self._shared[key] = (monotonic(), answer)
            while len(self._shared) > _SHARED:
                del self._shared[next(iter(self._shared))]
        # Whoever leaves while waiting takes nothing from the others.
        return await shield(answer)

    async def _run_event(self, run: Run, operation: Operation, payload: Any, context: Any) -> Result:
        if self._planner is not None:
            plan = self._planner.plan(operation, run.variable_values)
            if plan is not None:
                return _planned(
                    await plan.run(Planned(plan, operation, run.variable_values, context, payload)), context
                )
        event = run.build_per_event_executor(payload)
        event.context_value = context
        try:
            result = cast("ExecutionResult | Awaitable[ExecutionResult]", event.execute_operation(False))
            return _result(await result if isinstance(result, Awaitable) else result, event.context_value)
        finally:
            event.abandon()

    def _values(self, operation: Operation, variables: Mapping[str, Any]) -> VariableValues:
        try:
            values = get_variable_values(
                self.schema,
                operation.node.variable_definitions or (),
                cast("dict[str, Any]", variables),
                max_errors=_VARIABLE_ERRORS,
                hide_suggestions=self.production,
            )
        except RecursionError:
            raise Refused.by(RequestError(Code.BAD_REQUEST, "The variables are nested too deeply.")) from None
        except GraphQLError as error:
            raise refused(Code.BAD_REQUEST, [error]) from error
        if isinstance(values, list):
            raise refused(Code.BAD_REQUEST, values)
        return values

    def _run(self, operation: Operation, values: VariableValues, context: Any) -> Run:
        return Run(
            self.schema,
            operation.definitions,
            operation.fragments,
            context,
            operation.node,
            values,
            self.production,
        )


async def _source(run: Run, operation: Operation) -> AsyncGenerator[Any, None]:
    try:
        stream = create_source_event_stream(run)
        found = await stream if isinstance(stream, Awaitable) else stream
    except Exception as error:
        raise _broken(error, operation) from error
    if isinstance(found, ExecutionResult):
        raise Refused(field_errors(found.errors or ()))
    return cast("AsyncGenerator[Any, None]", found)


def _broken(error: Exception, operation: Operation) -> Refused:
    if isinstance(error, Refused):
        return error
    if isinstance(error, RequestError):
        return Refused.by(error)
    return Refused([internal_error(error, operation=operation.name)])


def _planned(found: tuple[dict[str, Any] | None, list[GraphQLError]], context: Any) -> Result:
    data, errors = found
    return Result(data, field_errors(errors) if errors else [], context, planned=True)


def _result(result: ExecutionResult, context: Any) -> Result:
    return Result(result.data, field_errors(result.errors) if result.errors else [], context)
