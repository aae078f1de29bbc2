"""What an operation selects below a field: response fields with their arguments, fragments and directives resolved."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import strawberry
from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLSkipDirective,
    Node,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
)
from graphql.execution.values import get_argument_values, get_directive_values

if TYPE_CHECKING:
    from .planned import Planned
    from .run import Run

T = TypeVar("T")
Collected: TypeAlias = tuple[tuple[str, GraphQLField | None, list[FieldNode]], ...]
"""The type that each response field below is selected on, the field, and its nodes."""


class Selected:
    """One response field: its `name` in the schema, its `key` in the response, the type `on` which it is selected."""

    __slots__ = ("_arguments", "_field", "_nodes", "_run", "_selection", "key", "name", "on")

    def __init__(self, run: "Run | Planned", on: str, field: GraphQLField | None, nodes: list[FieldNode]) -> None:
        first = nodes[0]
        self.name = first.name.value
        self.key = first.alias.value if first.alias else self.name
        self.on = on
        self._run = run
        self._field = field
        self._nodes = nodes
        self._arguments: Mapping[str, Any] | None = None
        self._selection: Selection | None = None

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Coerced values by their GraphQL names, with variables filled in and defaults applied."""
        if self._arguments is None:
            field, run = self._field, self._run
            self._arguments = (
                get_argument_values(field, self._nodes[0], run.variable_values, None, run.hide_suggestions)
                if field is not None
                else {}
            )
        return self._arguments

    @property
    def is_fixed(self) -> bool:
        """Whether its arguments name no variable."""
        return not variables_in(self._nodes[0].arguments or ())

    @property
    def selection(self) -> "Selection":
        """What is selected below this field; empty for a leaf."""
        if self._selection is None:
            self._selection = Selection(self._run, self._field, self._nodes)
        return self._selection

    def __repr__(self) -> str:
        return f"<{self.on}.{self.name} as {self.key}>"


class Selection:
    """The response fields below one field, in the order of the document. Worked out when first looked at.

    Where the field's type is an interface or a union, fields of different types stand side by side: see `Selected.on`.
    """

    __slots__ = ("_field", "_fields", "_names", "_nodes", "_run")

    def __init__(self, run: "Run | Planned", field: GraphQLField | None, nodes: Sequence[FieldNode]) -> None:
        self._run = run
        self._field = field
        self._nodes = nodes
        self._fields: tuple[Selected, ...] | None = None
        self._names: frozenset[str] | None = None

    @property
    def fields(self) -> tuple[Selected, ...]:
        """All of them."""
        if self._fields is None:
            self._fields = tuple(self._collect())
        return self._fields

    @property
    def names(self) -> frozenset[str]:
        """The schema's names of what is selected."""
        if self._names is None:
            self._names = self.once("names", lambda selection: frozenset(field.name for field in selection.fields))
        return self._names

    def once(self, name: str, worked_out: "Callable[[Selection], T]") -> T:
        """What follows from the document alone, whatever its variables are: worked out once for a plan."""
        key = (name, id(self._field), *map(id, self._nodes))
        found: T | None = self._run.collected.get(key)
        if found is None:
            found = self._run.collected[key] = worked_out(self)
        return found

    def named(self, name: str) -> tuple[Selected, ...]:
        """The response fields of this name: several when aliased or selected on several types."""
        return tuple(field for field in self.fields if field.name == name)

    def under(self, *path: str) -> "Selection":
        """What is selected below all fields at this path of schema names, together: `under("edges", "node")`."""
        found = self
        for name in path:
            below = found.named(name)
            found = Selection(self._run, below[0]._field if below else None, [n for s in below for n in s._nodes])
        return found

    def __iter__(self) -> Iterator[Selected]:
        return iter(self.fields)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __len__(self) -> int:
        return len(self.fields)

    def _collect(self) -> Iterator[Selected]:
        if self._field is None:
            return
        # What stands below a field's nodes is the same whenever the same plan is run.
        key = (id(self._field), *map(id, self._nodes))
        found = self._run.collected.get(key)
        if found is None:
            found = self._run.collected[key] = tuple(self._collected())
        for on, field, nodes in found:
            yield Selected(self._run, on, field, nodes)

    def _collected(self) -> "Iterator[tuple[str, GraphQLField | None, list[FieldNode]]]":
        assert self._field is not None
        schema = self._run.schema
        grouped: dict[tuple[str, str], list[FieldNode]] = {}
        named_type = get_named_type(self._field.type)
        visited: set[tuple[str, str]] = set()
        for node in self._nodes:
            if node.selection_set:
                self._visit(node.selection_set, named_type, grouped, visited)
        for (on, _), nodes in grouped.items():
            parent = schema.type_map[on]
            field = None if nodes[0].name.value == "__typename" else schema.get_field(parent, nodes[0].name.value)  # type: ignore[arg-type]
            yield on, field, nodes

    def _visit(
        self,
        selection_set: SelectionSetNode,
        parent: Any,
        grouped: dict[tuple[str, str], list[FieldNode]],
        visited: set[tuple[str, str]],
    ) -> None:
        for node in selection_set.selections:
            if node.directives and not self._included(node):
                continue
            if isinstance(node, FieldNode):
                key = node.alias.value if node.alias else node.name.value
                grouped.setdefault((parent.name, key), []).append(node)
                continue
            if isinstance(node, FragmentSpreadNode):
                once = (node.name.value, parent.name)
                if once in visited:
                    continue
                visited.add(once)
                fragment: Any = self._run.fragment_definitions[node.name.value]
            else:
                fragment = node
            narrowed = self._narrowed(parent, fragment.type_condition)
            if narrowed is not None:
                self._visit(fragment.selection_set, narrowed, grouped, visited)

    def _narrowed(self, parent: Any, condition: Any) -> Any:
        """The type that a fragment's fields are selected on; None when no value can be of both types."""
        if condition is None or condition.name.value == parent.name:
            return parent
        schema = self._run.schema
        other: Any = schema.type_map[condition.name.value]
        if is_abstract_type(other) and schema.is_sub_type(other, parent):
            return parent
        if is_abstract_type(parent) and (is_abstract_type(other) or schema.is_sub_type(parent, other)):
            return other
        return None

    def _included(self, node: SelectionNode) -> bool:
        values, hide = self._run.variable_values, self._run.hide_suggestions
        skip = get_directive_values(GraphQLSkipDirective, node, values, None, hide)
        if skip is not None and skip["if"]:
            return False
        include = get_directive_values(GraphQLIncludeDirective, node, values, None, hide)
        return include is None or bool(include["if"])


def selection_of(info: strawberry.Info[Any, Any]) -> Selection:
    """What is selected below the field of a plain resolver, such as a root field's."""
    raw: Any = info._raw_info
    field = raw.schema.get_field(raw.parent_type, raw.field_name)
    return Selection(raw.run, field, raw.field_nodes)


def variables_in(nodes: Sequence[Node]) -> list[str]:
    """The names of the variables that these name, in whatever they hold."""
    waiting: list[Any] = list(nodes)
    found: list[str] = []
    while waiting:
        node = waiting.pop()
        if isinstance(node, VariableNode):
            found.append(node.name.value)
        value = getattr(node, "value", None)
        if isinstance(value, Node):
            waiting.append(value)
        waiting += getattr(node, "values", None) or ()
        waiting += getattr(node, "fields", None) or ()
    return found
