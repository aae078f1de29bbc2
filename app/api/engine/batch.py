"""Batch functions: a field that needs data takes all its parents of one level at once.

@strawberry.type
class Product:
    @batched
    @staticmethod
    async def category(parents: Sequence["Product"], batch: Batch[Context]) -> list[Category | None]:
        "The category it is filed under."
        return await categories_by_ids(batch.context.db, [product.category_id for product in parents])
"""

import inspect
import types
from asyncio import CancelledError, Future
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Sequence as AbstractSequence
from functools import cached_property
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    NamedTuple,
    ParamSpec,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    overload,
)

from graphql import FieldNode, GraphQLObjectType
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver
from typing_extensions import TypeVar

from .run import Info, Key, Run
from .selection import Selection

if TYPE_CHECKING:
    from .kept import Lasts
    from .planned import Planned

C = TypeVar("C", default=Any)
D = TypeVar("D")
T = TypeVar("T")
P = TypeVar("P")
R = TypeVar("R")
A = ParamSpec("A")


class Batch(Generic[C]):
    """What a batch function knows besides parents and arguments: the request's `context`, and the `selection` below."""

    __slots__ = ("_key", "_nodes", "_run", "_type", "context")

    def __init__(self, run: "Run | Planned", key: Any, type_: GraphQLObjectType, nodes: list[FieldNode]) -> None:
        self.context: C = run.context_value
        self._run = run
        self._key = key
        self._type = type_
        self._nodes = nodes

    @property
    def field_name(self) -> str:
        """The field's name in the schema."""
        return self._nodes[0].name.value

    @property
    def selection(self) -> Selection:
        """The response fields below this field, so that only what was asked is read."""
        known = self._run.selections.get(self._key)
        if known is None:
            field = self._run.schema.get_field(self._type, self.field_name)
            known = self._run.selections[self._key] = Selection(self._run, field, self._nodes)
        return known


Answers: TypeAlias = Sequence[T | Exception]
"""What a batch function answers when some parents may fail: one value or error for each, in the parents' order."""

BatchFunction: TypeAlias = Callable[Concatenate[Sequence[P], Batch[D], A], Awaitable[Sequence[R]] | Sequence[R]]
_Static: TypeAlias = "staticmethod[Concatenate[Sequence[P], Batch[D], A], Awaitable[Sequence[R]] | Sequence[R]]"


class _Position(NamedTuple):
    """Tells Strawberry that a parameter is no GraphQL argument."""

    place: int

    def find(
        self, parameters: tuple[inspect.Parameter, ...], resolver: StrawberryResolver[Any]
    ) -> inspect.Parameter | None:
        if len(parameters) < 2:
            raise TypeError(f"{resolver.name} must take its parents and a Batch first")
        return parameters[self.place]


class BatchResolver(StrawberryResolver[Any]):
    """Strawberry's view of a batch function. `wrapped_func` is the function; `arguments` are the GraphQL ones.

    An engine finds it as `field.base_resolver` of the Strawberry field of a `@batched` field.
    """

    RESERVED_PARAMSPEC = (_Position(0), _Position(1))
    lasting: "bool | Lasts" = False

    @cached_property
    def type_annotation(self) -> StrawberryAnnotation | None:
        """The element type of the list that the function returns."""
        annotation = self.signature.return_annotation
        if isinstance(annotation, str) or get_origin(annotation) not in (list, AbstractSequence):
            raise TypeError(
                f"{self.name} must return a list annotated with the field's type, such as list[Category | None], "
                "in a module without `from __future__ import annotations`"
            )
        return StrawberryAnnotation(_without_errors(get_args(annotation)[0]), namespace=self._namespace)

    @cached_property
    def is_async(self) -> bool:
        """False: for one parent the resolver is a plain function that answers a future."""
        return False


def _without_errors(annotation: Any) -> Any:
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    kept = [arg for arg in get_args(annotation) if not (isinstance(arg, type) and issubclass(arg, Exception))]
    return Union[tuple(kept)]  # noqa: UP007


@overload
def batched(
    function: "_Static[P, D, A, R]",
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    deprecation_reason: str | None = None,
    metadata: Mapping[Any, Any] | None = None,
    lasting: "bool | Lasts" = False,
) -> Any: ...
@overload
def batched(
    function: "BatchFunction[P, D, A, R]",
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    deprecation_reason: str | None = None,
    metadata: Mapping[Any, Any] | None = None,
    lasting: "bool | Lasts" = False,
) -> Any: ...
@overload
def batched(
    *,
    name: str | None = None,
    description: str | None = None,
    deprecation_reason: str | None = None,
    metadata: Mapping[Any, Any] | None = None,
    lasting: "bool | Lasts" = False,
) -> Callable[["BatchFunction[P, D, A, R] | _Static[P, D, A, R]"], Any]: ...
def batched(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    deprecation_reason: str | None = None,
    metadata: Mapping[Any, Any] | None = None,
    lasting: "bool | Lasts" = False,
) -> Any:
    """Makes a Strawberry field of a batch function; its type is the element type of the list that the function returns.

    The function takes all parents of the field at one level, a `Batch`, and the field's arguments, and returns as many
    values in the same order. An element that is an Exception becomes that parent's error; an exception raised becomes
    every parent's. The docstring is the description unless one is given. In a class body put `@batched` above
    `@staticmethod`; a function from elsewhere is assigned: `category: Category | None = batched(categories)`.

    `lasting`: its values for a parent that is kept, or that is the same object in other requests, follow from it, the
    arguments and the engine's token, for as long as that lasts or a function says (`kept.Lasts`).
    """

    def field(function: Any) -> StrawberryField:
        resolver = BatchResolver(function.__func__ if isinstance(function, staticmethod) else function)
        resolver.lasting = lasting
        return StrawberryField(
            graphql_name=name,
            description=description or inspect.getdoc(resolver.wrapped_func),
            deprecation_reason=deprecation_reason,
            metadata=metadata,
        )(resolver)

    return field if function is None else field(function)


class Pending:
    """The parents of one field that have come by at one level, waiting to leave together."""

    __slots__ = ("_arguments", "_function", "_key", "_nodes", "_places", "_run", "_seen", "_type", "parents")

    def __init__(
        self,
        run: "Run | Planned",
        key: Key,
        asked: tuple[GraphQLObjectType, list[FieldNode]],
        function: Any,
        arguments: Mapping[str, Any],
    ) -> None:
        self.parents: list[Any] = []
        self._run = run
        self._key = key
        self._type, self._nodes = asked
        self._function = function
        self._arguments = arguments
        # A future for one parent has no number.
        self._places: list[tuple[Future[Any], int | None]] = []
        self._seen = 0

    def add(self, parent: Any) -> Future[Any]:
        """A future of this parent's value."""
        return self._wait([parent], None)

    def add_all(self, parents: Sequence[Any]) -> Future[Any]:
        """A future of the list of these parents' values."""
        return self._wait(parents, len(parents))

    def _wait(self, parents: Sequence[Any], number: int | None) -> Future[Any]:
        loop = self._run.loop
        place: Future[Any] = loop.create_future()
        if not self._places:
            loop.call_soon(self._ripen)
        self.parents += parents
        self._places.append((place, number))
        return place

    def _ripen(self) -> None:
        """Leaves once a turn of the loop has passed without another parent: siblings may lie a task deeper."""
        if len(self._places) > self._seen:
            self._seen = len(self._places)
            self._run.loop.call_soon(self._ripen)
            return
        run = self._run
        del run.batches[self._key]
        try:
            batch: Batch[Any] = Batch(run, self._key, self._type, self._nodes)
            answer = self._function(self.parents, batch, **self._arguments)
        except Exception as error:
            self._fail(error)
            return
        if isinstance(answer, Awaitable):
            task = run.loop.create_task(self._settle(answer))
            run.tasks.add(task)
            task.add_done_callback(run.tasks.discard)
        else:
            self._deliver(answer)

    async def _settle(self, answer: Awaitable[Sequence[Any]]) -> None:
        try:
            values = await answer
        except CancelledError:
            for place, _ in self._places:
                place.cancel()
            raise
        except Exception as error:
            self._fail(error)
        else:
            self._deliver(values)

    def _deliver(self, values: Sequence[Any]) -> None:
        if len(values) != len(self.parents):
            name = f"{self._type.name}.{self._nodes[0].name.value}"
            self._fail(RuntimeError(f"{name} answered {len(values)} values for {len(self.parents)} parents"))
            return
        begin = 0
        for place, number in self._places:
            value = values[begin] if number is None else list(values[begin : begin + number])
            begin += 1 if number is None else number
            if not place.done():
                place.set_result(value)

    def _fail(self, error: Exception) -> None:
        # As a result, not as an exception: graphql-core raises it, and a place that nobody waits for stays silent.
        for place, number in self._places:
            if not place.done():
                place.set_result(error if number is None else [error] * number)


def batch_resolver(field: StrawberryField, resolver: BatchResolver, schema: Any) -> Callable[..., Future[Any]]:
    """What graphql-core calls for one parent of a `@batched` field: a plain function, so loading starts at once."""
    function = resolver.wrapped_func
    config, registry = schema.config, schema.schema_converter.scalar_registry

    def resolve(parent: Any, info: Info, **raw: Any) -> Future[Any]:
        run, nodes = info.run, info.field_nodes
        # The arguments follow from the nodes: within a run, one node has one set of variables.
        key: Key = (function, id(nodes[0])) if len(nodes) == 1 else (function, *map(id, nodes))
        pending = run.batches.get(key)
        if pending is None:
            arguments = convert_arguments(raw, field.arguments, registry, config) if raw else {}
            pending = run.batches[key] = Pending(run, key, (info.parent_type, nodes), function, arguments)
        return pending.add(parent)

    return resolve
