"""Plans: an operation worked out once for each set of fields that it may include, and run breadth-first.

What is not planned is left to graphql-core: introspection, directives that it does not know, operations of very many
fields, a subscription's source. The resolvers are the same in both.
"""

from asyncio import AbstractEventLoop, Task, get_running_loop
from collections.abc import Awaitable, Sequence
from typing import Any, Final
from weakref import WeakValueDictionary

import strawberry
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_named_type,
    is_composite_type,
)
from graphql.execution.values import VariableValues

from .batch import Pending
from .collect import Choices, Collector, Unplanned, selections_of
from .columns import Arguments, Column, LeafColumn, TypeNameColumn, Values
from .documents import Operation
from .kept import Lasting, Layout
from .levels import BUBBLE, Faults, Level
from .objects import ObjectColumn, Rows
from .ways import Kind, Ways

_MOST_FIELDS: Final = 1_000
"""A plan of more would take longer to make than to run; fragments unfold to so many only in made-up operations."""
_MOST_PLANS: Final = 16
"""Of one operation: one for each set of what @skip and @include leave of it."""


class Planned:
    """One run of a plan: what its resolvers are told of the operation, and what went wrong."""

    __slots__ = (
        "batches", "collected", "context_value", "faults", "fragment_definitions", "hide_suggestions", "lasting",
        "loop", "operation", "root_value", "schema", "seen", "selections", "tasks", "variable_values",
    )  # fmt: skip

    def __init__(
        self, plan: "Plan", operation: Operation, values: VariableValues, context: Any, root_value: Any = None
    ) -> None:
        self.schema = plan.schema
        self.hide_suggestions = plan.hide_suggestions
        self.fragment_definitions: dict[str, FragmentDefinitionNode] = operation.definitions
        self.operation: OperationDefinitionNode = operation.node
        self.variable_values = values
        self.context_value = context
        self.root_value = root_value
        self.faults = Faults()
        # Selections of this run; and what their fields were found to be, which is the same in every run.
        self.selections: dict[Any, Any] = {}
        self.collected: dict[Any, Any] = plan.collected
        # What waits for others of its kind.
        self.loop: AbstractEventLoop = get_running_loop()
        self.batches: dict[Any, Pending] = {}
        self.tasks: set[Task[None]] = set()
        # Where rows may be JSON that is kept; and which columns were filled, in a run that is watched.
        self.lasting: Lasting | None = None
        self.seen: list[tuple[Column, Level, Sequence[Any]]] | None = None

    def apart(self) -> "Planned":
        """The same run with faults of its own."""
        twin = self._twin()
        twin.faults = Faults()
        return twin

    def watched(self) -> "Planned":
        """The same run, which notes what its watched columns are filled for."""
        twin = self._twin()
        twin.seen = []
        return twin

    def _twin(self) -> "Planned":
        # Several times faster than `copy`.
        twin = Planned.__new__(Planned)
        for name in Planned.__slots__:
            setattr(twin, name, getattr(self, name))
        return twin


class Plan:
    """The rows of an operation's root."""

    __slots__ = ("collected", "hide_suggestions", "root", "schema", "serially")

    def __init__(self, schema: GraphQLSchema, root: Rows, *, serially: bool, hide_suggestions: bool) -> None:
        self.schema = schema
        self.root = root
        self.serially = serially
        self.hide_suggestions = hide_suggestions
        self.collected: dict[Any, Any] = {}

    async def run(self, run: Planned) -> tuple[dict[str, Any] | None, list[GraphQLError]]:
        """The data, null when an error reached the root, and the errors."""
        level, parents = Level(), [run.root_value]
        try:
            if self.serially:
                data = await self._one_after_the_other(run, level, parents)
            else:
                filled = self.root.fill(run, level, parents)
                (data,) = filled if type(filled) is list else await filled  # type: ignore[misc]
        finally:
            for task in run.tasks:
                task.cancel()
            # They hold the run: what holds itself stays until the collector of cycles comes.
            run.selections.clear()
        if data is BUBBLE:
            run.faults.absorbed([])
            data = None
        return data, run.faults.errors()

    async def _one_after_the_other(self, run: Planned, level: Level, parents: Sequence[Any]) -> Any:
        """What changes something is done when the one before is done, its answer too."""
        data: dict[str, Any] = {}
        for column in self.root.columns:
            filled = column.fill(run, level, parents)
            values: Values = await filled if isinstance(filled, Awaitable) else filled
            if values[0] is BUBBLE:
                return BUBBLE
            data[column.key] = values[0]
        return data


class Planner:
    """Makes and remembers the plans of one schema's operations."""

    def __init__(self, schema: strawberry.Schema, ways: Ways, *, hide_suggestions: bool) -> None:
        self._strawberry = schema
        self._schema = schema._schema
        self._ways = ways
        self._hide = hide_suggestions

    def plan(self, operation: Operation, values: VariableValues) -> Plan | None:
        """The operation's plan for these variables; None where it is left to graphql-core."""
        if operation.choosing is None:
            return None
        coerced = values.coerced
        key = tuple([coerced.get(name) for name in operation.choosing]) if operation.choosing else ()
        plans: dict[Any, Plan | None] = operation.plans
        if key in plans:
            return plans[key]
        choices = {name: said for name, said in zip(operation.choosing, key, strict=True) if isinstance(said, bool)}
        if len(plans) >= _MOST_PLANS or len(choices) < len(key):
            return None
        plans[key] = made = self._made(operation, choices)
        operation.planned()
        return made

    def _made(self, operation: Operation, choices: Choices) -> Plan | None:
        root = self._schema.get_root_type(operation.kind)
        if root is None:
            return None
        making = _Making(self._strawberry, self._ways, Collector(self._schema, operation.definitions, choices))
        try:
            rows = making.rows(root, [operation.node.selection_set])
        except Unplanned:
            return None
        return Plan(self._schema, rows, serially=operation.kind is OperationType.MUTATION, hide_suggestions=self._hide)


class _Making:
    def __init__(self, schema: strawberry.Schema, ways: Ways, collector: Collector) -> None:
        self._strawberry = schema
        self._ways = ways
        self._collector = collector
        self._fields = 0
        # An interface's columns make rows later on, and hold this meanwhile: it must not hold them.
        self._batches: WeakValueDictionary[Any, Column] = WeakValueDictionary()

    def rows(self, type_: GraphQLObjectType, sets: Any) -> Rows:
        grouped = self._collector.below(sets, type_)
        self._fields += len(grouped)
        if self._fields > _MOST_FIELDS:
            raise Unplanned("too many fields")
        rows = Rows(type_, [self._column(type_, key, nodes) for key, nodes in grouped.items()])
        definition = (type_.extensions or {}).get("strawberry-definition")
        if definition is not None and hasattr(definition.origin, "kept"):
            layout = Layout(rows)
            rows.layout = layout if layout.is_lasting else None
        return rows

    def _column(self, type_: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> Column:
        name = nodes[0].name.value
        if name == "__typename":
            return TypeNameColumn(key, type_.name)
        field = type_.fields.get(name)
        way = self._ways.get((type_.name, name))
        if field is None or way is None:
            raise Unplanned(name)
        arguments = Arguments(field, nodes[0], way.make)
        column: Column
        if is_composite_type(get_named_type(field.type)):
            sets = selections_of(nodes)
            column = ObjectColumn(key, type_, field, nodes, way, arguments, below=lambda below: self.rows(below, sets))
        else:
            column = LeafColumn(key, type_, field, nodes, way, arguments)
        if way.kind is Kind.BATCH:
            other = self._batches.setdefault(column.same(), column)
            if other is not column:
                other.shared = column.shared = True
        return column
