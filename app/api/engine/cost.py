"""What an operation may cost, worked out before it runs: objects that it can touch, lists multiplied by their size.

A cost is a number where it can be known from the document alone, else a function of the variables; compiled once.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
)
from graphql.pyutils import Undefined

from .limits import Limits, exceeded

Variables: TypeAlias = Mapping[str, Any]
Scope: TypeAlias = tuple[Variables, dict[int, int]]
Cost: TypeAlias = int | Callable[[Scope], int]

_SIZES = ("first", "last")
_WORK = 10_000
_HUGE = 10**12


def cost_of(
    schema: GraphQLSchema,
    fragments: Mapping[str, FragmentDefinitionNode],
    operation: OperationDefinitionNode,
    limits: Limits,
) -> int | Callable[[Variables], int]:
    """The operation's cost, or a function of its raw variables. Selections that the schema lacks cost nothing here."""
    root = schema.get_root_type(operation.operation)
    cost: Cost = 0
    if root is not None:
        compiler = _Compiler(schema, fragments, operation, limits)
        cost = compiler.selections(operation.selection_set, root, None)
    if isinstance(cost, int):
        return cost
    unknown = cost
    return lambda variables: unknown((variables, {}))


def _total(parts: Iterable[Cost]) -> Cost:
    known, unknown = 0, []
    for part in parts:
        if isinstance(part, int):
            known += part
        else:
            unknown.append(part)
    if not unknown:
        return known
    return lambda scope: known + sum([part(scope) for part in unknown])


def _most(parts: list[Cost]) -> Cost:
    if all(isinstance(part, int) for part in parts):
        return max(parts, default=0)  # type: ignore[type-var]
    return lambda scope: max(part if isinstance(part, int) else part(scope) for part in parts)


def _times(size: Cost, cost: Cost) -> Cost:
    if isinstance(size, int) and isinstance(cost, int):
        return size * cost
    return lambda scope: (
        (size if isinstance(size, int) else size(scope)) * (cost if isinstance(cost, int) else cost(scope))
    )


def _once(cost: Cost) -> Cost:
    """A fragment's cost, worked out once for each operation however often it is spread."""
    if isinstance(cost, int):
        return cost

    def remembered(scope: Scope) -> int:
        memory = scope[1]
        known = memory.get(id(cost))
        if known is None:
            known = memory[id(cost)] = cost(scope)
        return known

    return remembered


class _Compiler:
    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        operation: OperationDefinitionNode,
        limits: Limits,
    ) -> None:
        self.schema = schema
        self.fragments = fragments
        self.limits = limits
        self.mutates = operation.operation == OperationType.MUTATION
        self.root = schema.get_root_type(operation.operation)
        self.defaults = {d.variable.name.value: d.default_value for d in operation.variable_definitions or ()}
        self.known: dict[tuple[str, str, Any], Cost] = {}
        # Kept alive, for `known` goes by their identity.
        self.pages: list[Cost | None] = []
        self.work = 0

    def selections(self, selection_set: SelectionSetNode, parent: Any, page: Cost | None) -> Cost:
        """Of all fields; of fragments on different object types the dearest, since a value is of one type only."""
        parts: list[Cost] = []
        by_type: dict[str, list[Cost]] = defaultdict(list)
        for node in selection_set.selections:
            self.work += 1
            if self.work > _WORK:
                raise exceeded("Fields that the fragments unfold to", f"more than {_WORK}", _WORK)
            if isinstance(node, FieldNode):
                parts.append(self._included(node, self._field(node, parent, page)))
                continue
            condition, cost = self._fragment(node, parent, page)
            if condition is None or condition is parent or is_abstract_type(condition):
                parts.append(self._included(node, cost))
            else:
                by_type[condition.name].append(self._included(node, cost))
        if by_type:
            parts.append(_most([_total(costs) for costs in by_type.values()]))
        return _total(parts)

    def _fragment(self, node: SelectionNode, parent: Any, page: Cost | None) -> tuple[Any, Cost]:
        fragment: Any = node
        if isinstance(node, FragmentSpreadNode):
            fragment = self.fragments.get(node.name.value)
            if fragment is None:
                return None, 0
        condition = fragment.type_condition
        type_: Any = self.schema.get_type(condition.name.value) if condition else parent
        if not hasattr(type_, "fields") and not is_abstract_type(type_):
            return None, 0
        if not isinstance(node, FragmentSpreadNode):
            return type_, self.selections(fragment.selection_set, type_, page)
        key = (node.name.value, type_.name, page if isinstance(page, int | None) else id(page))
        known = self.known.get(key)
        if known is None:
            known = self.known[key] = _once(self.selections(fragment.selection_set, type_, page))
            self.pages.append(page)
        return type_, known

    def _field(self, node: FieldNode, parent: Any, page: Cost | None) -> Cost:
        name = node.name.value
        if name.startswith("__"):
            return self.limits.introspection_cost if node.selection_set else 0
        field: GraphQLField | None = getattr(parent, "fields", {}).get(name)
        if field is None:
            return 0
        weight = self._weight(field, parent)
        size = self._size(node, field)
        many = is_list_type(get_nullable_type(field.type))
        below: Cost = 0
        if node.selection_set:
            below = self.selections(node.selection_set, get_named_type(field.type), None if many else size)
        cost = _total([weight, below])
        if not many or cost == 0:
            return cost
        if size is None:
            size = page if page is not None and name in self.limits.pages else self.limits.list_size
        return _times(size, cost)

    def _weight(self, field: GraphQLField, parent: Any) -> int:
        definition = field.extensions.get("strawberry-definition")
        stated = (getattr(definition, "metadata", None) or {}).get("cost")
        if isinstance(stated, int):
            return stated
        if self.mutates and parent is self.root:
            return self.limits.mutation_cost
        return 0 if is_leaf_type(get_named_type(field.type)) else 1

    def _size(self, node: FieldNode, field: GraphQLField) -> Cost | None:
        """What the arguments say of a list's size; None when they say nothing."""
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        for name in (*_SIZES, "ids"):
            argument = field.args.get(name)
            if argument is None:
                continue
            if name in given:
                return self._value(given[name], _counted(argument.default_value))
            default = argument.default.value if argument.default is not None else argument.default_value
            if (size := _counted(default)) is not None:
                return size
        return None

    def _value(self, node: ValueNode, otherwise: int | None) -> Cost | None:
        if not isinstance(node, VariableNode):
            return _literal(node) if _literal(node) is not None else otherwise
        name = node.name.value
        default = self.defaults.get(name)
        fallback = (_literal(default) if default is not None else None) or otherwise or self.limits.list_size

        def from_variables(scope: Scope) -> int:
            size = _counted(scope[0].get(name))
            return fallback if size is None else size

        return from_variables

    def _included(self, node: SelectionNode, cost: Cost) -> Cost:
        """What @skip and @include leave out by a variable costs nothing."""
        for directive in node.directives or ():
            if directive.name.value not in ("skip", "include") or cost == 0:
                continue
            condition = next((a.value for a in directive.arguments or () if a.name.value == "if"), None)
            if isinstance(condition, VariableNode):
                cost = self._when(condition.name.value, directive.name.value == "include", cost)
        return cost

    def _when(self, variable: str, wanted: bool, cost: Cost) -> Cost:
        default = getattr(self.defaults.get(variable), "value", None)

        def included(scope: Scope) -> int:
            if scope[0].get(variable, default) is not wanted:
                return 0
            return cost if isinstance(cost, int) else cost(scope)

        return included


def _literal(node: ValueNode) -> int | None:
    if isinstance(node, IntValueNode):
        return max(0, int(node.value)) if len(node.value) < 20 else _HUGE
    return len(node.values) if isinstance(node, ListValueNode) else None


def _counted(value: Any) -> int | None:
    if value is Undefined or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return max(0, value)
    if isinstance(value, Decimal):
        return _HUGE if value > _HUGE else max(0, int(value))
    return len(value) if isinstance(value, list) else None
