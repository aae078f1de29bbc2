"""One execution by graphql-core: its executor with what batches and selections need, and a cheap resolve info."""

from asyncio import AbstractEventLoop, Task, get_running_loop
from typing import TYPE_CHECKING, Any, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
)
from graphql.execution import Executor
from graphql.execution.values import VariableValues
from graphql.pyutils import Path

if TYPE_CHECKING:
    from .batch import Pending
    from .selection import Selection

Key = tuple[Any, ...]


def is_awaitable(value: object) -> bool:
    """Coroutines, futures and tasks. Generators made by `types.coroutine` are not worth the check on every leaf."""
    return hasattr(type(value), "__await__")


class Info:
    """What graphql-core's `GraphQLResolveInfo` tells, looked up when asked for instead of copied for every field."""

    __slots__ = ("field_name", "field_nodes", "parent_type", "path", "return_type", "run")

    def __init__(
        self,
        run: "Run",
        field_nodes: list[FieldNode],
        return_type: GraphQLOutputType,
        parent_type: GraphQLObjectType,
        path: Path,
    ) -> None:
        self.run = run
        self.field_nodes = field_nodes
        self.field_name = field_nodes[0].name.value
        self.return_type = return_type
        self.parent_type = parent_type
        self.path = path

    @property
    def schema(self) -> GraphQLSchema:
        return self.run.schema

    @property
    def fragments(self) -> dict[str, FragmentDefinitionNode]:
        return self.run.fragment_definitions

    @property
    def root_value(self) -> Any:
        return self.run.root_value

    @property
    def operation(self) -> OperationDefinitionNode:
        return self.run.operation

    @property
    def variable_values(self) -> dict[str, Any]:
        # Strawberry reads the plain coerced values.
        return self.run.variable_values.coerced

    @property
    def context(self) -> Any:
        return self.run.context_value

    @property
    def is_awaitable(self) -> Any:
        return is_awaitable

    @property
    def abort_signal(self) -> None:
        return None

    @property
    def async_helpers(self) -> Any:
        return getattr(self.run, "async_helpers", None)

    @property
    def operation_extensions(self) -> dict[str, Any]:
        return {}


class Run(Executor[None]):
    """graphql-core's executor of one operation, or of one event of a subscription, and its batches under way."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragment_definitions: dict[str, FragmentDefinitionNode],
        fragments: dict[str, Any],
        context: Any,
        operation: OperationDefinitionNode,
        variable_values: VariableValues,
        hide_suggestions: bool,
    ) -> None:
        super().__init__(
            schema,
            fragment_definitions,
            fragments,
            None,
            context,
            operation,
            variable_values,
            _attribute,
            _no_type,
            _attribute,
            is_awaitable=is_awaitable,  # type: ignore[arg-type]
            hide_suggestions=hide_suggestions,
        )
        self._begin()

    def _begin(self) -> None:
        self.loop: AbstractEventLoop = get_running_loop()
        self.batches: dict[Key, Pending] = {}
        self.selections: dict[Key, Selection] = {}
        self.collected: dict[Any, Any] = {}
        self.tasks: set[Task[None]] = set()

    def build_per_event_executor(self, payload: Any) -> "Run":
        """A run for one event of this subscription, with batches of its own."""
        run = cast("Run", super().build_per_event_executor(payload))
        run._begin()
        return run

    def build_resolve_info(
        self,
        field_def: GraphQLField,
        field_nodes: list[FieldNode],
        parent_type: GraphQLObjectType,
        path: Path,
    ) -> Any:
        """Our `Info`, which answers to the names of graphql-core's."""
        return Info(self, field_nodes, field_def.type, parent_type, path)

    def abandon(self) -> None:
        """Stops the batches that nobody waits for any more: the caller is gone, or an error took their place."""
        for task in self.tasks:
            task.cancel()


def _attribute(source: Any, info: Info, **_arguments: Any) -> Any:
    return getattr(source, info.field_name)


def _no_type(_value: Any, _info: Any, abstract_type: Any) -> str:
    raise TypeError(f"{abstract_type.name} cannot tell the type of its values")
