"""Says an operation in other words, which mean the same or less: what generators of operations never write.

Arguments become variables, some with defaults; fields get aliases and stand twice; selections move into named and
inline fragments, some of which are spread twice; @skip and @include stand on all of them, with literals and variables.
"""

import random
from collections.abc import Sequence
from typing import Any

from graphql import (
    ArgumentNode,
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    NameNode,
    OperationDefinitionNode,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    get_named_type,
    is_composite_type,
    parse,
    parse_type,
    print_ast,
    value_from_ast_untyped,
    visit,
)


def rewritten(schema: GraphQLSchema, text: str, chance: random.Random) -> tuple[str, dict[str, Any]]:
    """The document in other words, and its variables."""
    document = parse(text)
    writer = _Rewriter(schema, chance)
    info = TypeInfo(schema)
    document = visit(document, TypeInfoVisitor(info, _Variables(info, writer)))
    definitions = []
    for definition in document.definitions:
        assert isinstance(definition, OperationDefinitionNode)
        root = schema.get_root_type(definition.operation)
        selections = writer.selections(definition.selection_set, root, fixed=definition.operation.value != "query")
        definitions.append(_with(definition, selection_set=selections, variable_definitions=tuple(writer.defined)))
    return print_ast(DocumentNode(definitions=(*definitions, *writer.fragments))), writer.values


def _with(node: Any, **changes: Any) -> Any:
    return type(node)(**{key: changes.get(key, getattr(node, key)) for key in node.keys if key != "loc"})


class _Variables(Visitor):
    """Literal arguments to variables, now and then with a default, and then with or without a value."""

    def __init__(self, info: TypeInfo, writer: "_Rewriter") -> None:
        super().__init__()
        self.info, self.writer = info, writer

    def enter_argument(self, node: ArgumentNode, *_: Any) -> Any:
        wanted = self.info.get_input_type()
        writer = self.writer
        if wanted is None or writer.chance.random() > 0.5 or _has_numbers_or_variables(node.value):
            return None
        name = writer.named("v")
        default = node.value if writer.chance.random() < 0.3 and not str(wanted).endswith("!") else None
        writer.define(name, str(wanted), default)
        if default is None or writer.chance.random() < 0.5:
            writer.values[name] = value_from_ast_untyped(node.value)
        return _with(node, value=VariableNode(name=NameNode(value=name)))


def _has_numbers_or_variables(node: ValueNode) -> bool:
    """Numbers with a fraction keep their digits only in the document."""
    return "float_value" in (kinds := _kinds(node)) or "variable" in kinds


def _kinds(node: Any) -> set[str]:
    kinds = {node.kind}
    for below in (*(getattr(node, "values", None) or ()), *(getattr(node, "fields", None) or ())):
        kinds |= _kinds(below.value if below.kind == "object_field" else below)
    return kinds


class _Rewriter:
    def __init__(self, schema: GraphQLSchema, chance: random.Random) -> None:
        self.schema, self.chance = schema, chance
        self.defined: list[VariableDefinitionNode] = []
        self.values: dict[str, Any] = {}
        self.fragments: list[FragmentDefinitionNode] = []
        self._count = 0

    def named(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def define(self, name: str, type_: str, default: ValueNode | None = None) -> None:
        self.defined.append(
            VariableDefinitionNode(
                variable=VariableNode(name=NameNode(value=name)),
                type=parse_type(type_),
                default_value=default,  # type: ignore[arg-type]
                directives=(),
            )
        )

    def selections(self, given: SelectionSetNode, parent: Any, *, fixed: bool = False) -> SelectionSetNode:
        """`fixed`: a root of mutations, whose fields stay as they are."""
        made: list[Any] = []
        for node in given.selections:
            if isinstance(node, FieldNode):
                made += self._field(node, parent, fixed=fixed)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                type_ = self.schema.get_type(condition.name.value) if condition else parent
                below = self.selections(node.selection_set, type_)
                made.append(_with(node, selection_set=below, directives=self._directives()))
        if not fixed and self.chance.random() < 0.3:
            made.append(FieldNode(name=NameNode(value="__typename"), arguments=(), directives=()))
        if not fixed and made and self.chance.random() < 0.35:
            made = self._fragmented(made, parent)
        return SelectionSetNode(selections=tuple(made))

    def _field(self, node: FieldNode, parent: Any, *, fixed: bool) -> Sequence[FieldNode]:
        field = getattr(parent, "fields", {}).get(node.name.value)
        type_ = get_named_type(field.type) if field is not None else None
        below = node.selection_set
        if below is not None and is_composite_type(type_):
            below = self.selections(below, type_)
        node = _with(node, selection_set=below)
        if fixed:
            return [node]
        node = _with(node, directives=self._directives())
        if self.chance.random() < 0.25:
            node = _with(node, alias=NameNode(value=self.named("a")))
        if self.chance.random() < 0.15:
            # The same again: under another name, or to be merged.
            alias = self.chance.choice([NameNode(value=self.named("a")), node.alias])
            return [node, _with(node, alias=alias, directives=self._directives())]
        return [node]

    def _fragmented(self, nodes: list[Any], parent: Any) -> list[Any]:
        cut = self.chance.randrange(len(nodes))
        kept, moved = nodes[:cut], nodes[cut:]
        selections = SelectionSetNode(selections=tuple(moved))
        condition = NamedTypeNode(name=NameNode(value=parent.name))
        if self.chance.random() < 0.4:
            bare = self.chance.random() < 0.5
            return [
                *kept,
                InlineFragmentNode(
                    type_condition=None if bare else condition,
                    directives=self._directives(),
                    selection_set=selections,
                ),
            ]
        name = NameNode(value=self.named("F"))
        self.fragments.append(
            FragmentDefinitionNode(
                name=name,
                type_condition=condition,
                directives=(),
                selection_set=selections,
                variable_definitions=(),
            )
        )
        spreads = [FragmentSpreadNode(name=name, directives=self._directives())]
        if self.chance.random() < 0.3:
            spreads.append(FragmentSpreadNode(name=name, directives=self._directives()))
        return [spreads[0], *kept, *spreads[1:]] if self.chance.random() < 0.5 else [*kept, *spreads]

    def _directives(self) -> tuple[DirectiveNode, ...]:
        if self.chance.random() > 0.15:
            return ()
        found = []
        for name in self.chance.sample(["skip", "include"], self.chance.choice([1, 1, 2])):
            said = self.chance.random() < 0.5
            value: ValueNode = BooleanValueNode(value=said)
            if self.chance.random() < 0.6 and len(self.defined) < 40:
                variable = self.named("if")
                has_default = self.chance.random() < 0.3
                self.define(variable, "Boolean!", BooleanValueNode(value=not said) if has_default else None)
                if not has_default or self.chance.random() < 0.5:
                    self.values[variable] = said
                value = VariableNode(name=NameNode(value=variable))
            argument = ArgumentNode(name=NameNode(value="if"), value=value)
            found.append(DirectiveNode(name=NameNode(value=name), arguments=(argument,)))
        return tuple(found)
