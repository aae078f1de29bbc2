"""Which fields of a document stand below which type, once the variables of its directives are known.

@skip and @include take a variable or a literal. For one set of values of those variables (`Choices`) a document always
has the same fields, so that they are worked out once for each set that is met.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    is_abstract_type,
)

Choices: TypeAlias = Mapping[str, bool]
Grouped: TypeAlias = dict[str, list[FieldNode]]
Fragments: TypeAlias = Mapping[str, FragmentDefinitionNode]


class Unplanned(Exception):
    """The operation has something that is left to graphql-core."""


def choosing(operation: OperationDefinitionNode, fragments: Fragments) -> tuple[str, ...] | None:
    """The variables that decide what the operation includes, by name; None where other directives decide."""
    try:
        return tuple(sorted(_choosing(operation, fragments)))
    except Unplanned:
        return None


def _choosing(operation: OperationDefinitionNode, fragments: Fragments) -> set[str]:
    names: set[str] = set()
    waiting: list[SelectionSetNode] = [operation.selection_set]
    # One that is never spread is only looked at in vain.
    waiting += [fragment.selection_set for fragment in fragments.values()]
    while waiting:
        for node in waiting.pop().selections:
            for directive in node.directives or ():
                value = _condition(directive)
                if isinstance(value, VariableNode):
                    names.add(value.name.value)
            below = getattr(node, "selection_set", None)
            if below is not None:
                waiting.append(below)
    return names


def _condition(directive: DirectiveNode) -> Any:
    if directive.name.value not in ("skip", "include"):
        raise Unplanned(f"@{directive.name.value}")
    return next((argument.value for argument in directive.arguments or () if argument.name.value == "if"), None)


class Collector:
    """Groups the fields of one operation by response key, in the order of the document, as the specification says."""

    def __init__(self, schema: GraphQLSchema, fragments: Fragments, choices: Choices) -> None:
        self._schema = schema
        self._fragments = fragments
        self._choices = choices

    def below(self, sets: Iterable[SelectionSetNode], type_: GraphQLObjectType) -> Grouped:
        """The fields that these selections ask of one object of this type."""
        grouped: Grouped = {}
        spread: set[str] = set()
        for selections in sets:
            for node in self._fields(selections, type_, spread):
                grouped.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
        return grouped

    def _fields(self, selections: SelectionSetNode, type_: GraphQLObjectType, spread: set[str]) -> Iterator[FieldNode]:
        for node in selections.selections:
            if node.directives and not self._included(node):
                continue
            if isinstance(node, FieldNode):
                yield node
                continue
            fragment: Any = node
            name = getattr(node, "name", None)
            if name is not None:
                if name.value in spread:
                    continue
                fragment = self._fragments[name.value]
                if self._fits(fragment, type_):
                    spread.add(name.value)
            if self._fits(fragment, type_):
                yield from self._fields(fragment.selection_set, type_, spread)

    def _included(self, node: SelectionNode) -> bool:
        said: dict[str, bool] = {}
        for directive in node.directives or ():
            said.setdefault(directive.name.value, self._value(_condition(directive)))
        return said.get("include", True) and not said.get("skip", False)

    def _value(self, node: Any) -> bool:
        if isinstance(node, VariableNode):
            return self._choices[node.name.value]
        if isinstance(node, BooleanValueNode):
            return node.value
        raise Unplanned("a condition that is no Boolean")

    def _fits(self, fragment: Any, type_: GraphQLObjectType) -> bool:
        condition = fragment.type_condition
        if condition is None or condition.name.value == type_.name:
            return True
        other: Any = self._schema.type_map.get(condition.name.value)
        return is_abstract_type(other) and self._schema.is_sub_type(other, type_)


def selections_of(nodes: Sequence[FieldNode]) -> list[SelectionSetNode]:
    """What all the nodes of one response field select."""
    return [node.selection_set for node in nodes if node.selection_set is not None]
