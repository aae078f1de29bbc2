"""The front of the executor: from a document's text, variables and a context to `data` and `errors`."""

from asyncio import Future, ensure_future, shield
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping
from contextlib import aclosing
from time import monotonic
from typing import Any, TypeAlias, cast

import strawberry
from graphql import ExecutionResult, GraphQLError, GraphQLSchema
from graphql.execution import create_source_event_stream
from graphql.execution.values import get_variable_values
from strawberry.types.field import StrawberryField

from .batch import BatchResolver, batch_resolver
from .documents import Documents, Operation, check_cost
from .errors import Code, Refused, RequestError, field_errors, internal_error, refused
from .limits import Limits
from .numbers import accept_exact_numbers
from .run import Info, Run

__all__ = ["Engine", "Event", "Guard", "RequestError", "Result"]

Check: TypeAlias = Callable[[Any], None]
Guard: TypeAlias = Callable[[str, StrawberryField], Check | None]
"""Asked once for every field of the schema, by its type's name: a check of the context, or None where none is needed.

The check raises a `RequestError` to refuse the field before its resolver runs."""

Sight: TypeAlias = Callable[[Any], Hashable]
"""What of a context decides what its caller sees; None: nobody else sees the same."""

_VARIABLE_ERRORS = 10
_SHARED = 256
"""Answers to events that are kept for those who ask for the same a moment later."""
_SHARED_SECONDS = 1.0


class Result:
    """What ran: `data`, null when an error reached the root, and formatted `errors`. `context`: that it ran in."""

    __slots__ = ("context", "data", "errors")

    def __init__(self, data: dict[str, Any] | None, errors: list[dict[str, Any]], context: Any = None) -> None:
        self.data = data
        self.errors = errors
        self.context = context


class Event:
    """What a subscription's source may yield: a value that is only read in the context of its event.

    `moment`: tells events of one source apart from earlier ones of the same arguments. Who follows the same with the
    same words, and may see the same, is then given one answer, which is worked out once.
    """

    __slots__ = ("moment", "read")

    def __init__(self, read: Callable[[Any], Awaitable[Any]], moment: Hashable = None) -> None:
        self.read = read
        self.moment = moment


class Engine:
    """Runs operations of one schema. `production` hides introspection and suggestions."""

    def __init__(
        self,
        schema: strawberry.Schema,
        *,
        limits: Limits | None = None,
        production: bool = False,
        guard: Guard | None = None,
        sight: Sight | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._sight = sight
        self._shared: dict[Hashable, tuple[float, Future[Result]]] = {}
        self.schema: GraphQLSchema = schema._schema
        self.production = production
        self.documents = Documents(self.schema, self.limits, production=production)
        accept_exact_numbers()
        _prepare(schema, guard)

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

    async def execute(self, operation: Operation, variables: Mapping[str, Any], context: Any) -> Result:
        """Runs a query or mutation. Raises Refused when the variables do not fit; errors of fields are in it."""
        run = self._run(operation, variables, context)
        try:
            result = cast("ExecutionResult | Awaitable[ExecutionResult]", run.execute_operation())
            if isinstance(result, Awaitable):
                result = await result
        except Exception as error:
            raise Refused([internal_error(error, operation=operation.name)]) from error
        finally:
            run.abandon()
        return _result(result, context)

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
        run = self._run(operation, variables, context)
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
            return await self._run_event(run, payload, context)
        return await self._shared_event(run, payload, context, (*words, sight, payload.moment))

    async def _shared_event(self, run: Run, payload: Any, context: Any, key: Hashable) -> Result:
        """The answer that somebody else is given, or one for all who ask while it is worked out, and a little after."""
        began, answer = self._shared.get(key, (-_SHARED_SECONDS, None))
        if answer is None or began < monotonic() - _SHARED_SECONDS:
            answer = ensure_future(self._run_event(run, payload, context))
            self._shared.pop(key, None)
            self._shared[key] = (monotonic(), answer)
            while len(self._shared) > _SHARED:
                del self._shared[next(iter(self._shared))]
        # Whoever leaves while waiting takes nothing from the others.
        return await shield(answer)

    async def _run_event(self, run: Run, payload: Any, context: Any) -> Result:
        event = run.build_per_event_executor(payload)
        event.context_value = context
        try:
            result = cast("ExecutionResult | Awaitable[ExecutionResult]", event.execute_operation(False))
            return _result(await result if isinstance(result, Awaitable) else result, event.context_value)
        finally:
            event.abandon()

    def _run(self, operation: Operation, variables: Mapping[str, Any], context: Any) -> Run:
        definitions = operation.node.variable_definitions or ()
        try:
            values = get_variable_values(
                self.schema,
                definitions,
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


def _result(result: ExecutionResult, context: Any) -> Result:
    return Result(result.data, field_errors(result.errors) if result.errors else [], context)


def _prepare(schema: strawberry.Schema, guard: Guard | None) -> None:
    """Gives each field the shortest way to its value, and its guard."""
    for type_ in schema._schema.type_map.values():
        for field in getattr(type_, "fields", {}).values():
            definition = getattr(field, "extensions", {}).get("strawberry-definition")
            if not isinstance(definition, StrawberryField) or not hasattr(field, "resolve"):
                continue
            field.resolve = _shortest(schema, definition) or field.resolve
            check = guard(type_.name, definition) if guard is not None else None
            if check is not None:
                field.resolve = _guarded(field.resolve, check)
                if field.subscribe is not None:
                    field.subscribe = _guarded(field.subscribe, check)


def _shortest(schema: strawberry.Schema, field: StrawberryField) -> Callable[..., Any] | None:
    """A resolver without Strawberry's layers, which cost more than most fields; None where the layers are needed."""
    resolver, name = field.base_resolver, field.python_name
    if isinstance(resolver, BatchResolver):
        return batch_resolver(field, resolver, schema)
    if field.is_subscription:
        return _event_value
    if field.extensions or schema.exception_handlers:
        return None
    if resolver is None:
        return (lambda source, _info: getattr(source, name)) if schema.config.default_resolver is getattr else None
    takes_itself = resolver.self_parameter is not None and len(resolver.signature.parameters) == 1
    if takes_itself and not resolver.is_async:
        method = cast("Callable[[Any], Any]", resolver.wrapped_func)
        return lambda source, _info: method(source)
    return None


def _event_value(event: Any, info: Info, **_arguments: Any) -> Any:
    return event.read(info.context) if isinstance(event, Event) else event


def _guarded(resolve: Callable[..., Any], check: Check) -> Callable[..., Any]:
    def guarded(source: Any, info: Info, **arguments: Any) -> Any:
        check(info.context)
        return resolve(source, info, **arguments)

    return guarded
