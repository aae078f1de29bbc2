"""How large a document is, before the schema is asked. Nothing here recurses, so that no document can exhaust us."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from .errors import Code, RequestError
from .limits import Limits, exceeded

# Unterminated strings run to the end, so that no text is read twice.
_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\"""|\\|"(?!""))*+(?:"""|\Z)'
    r'|"(?:[^"\\\n]|\\.)*+(?:"|$)'
    r"|#[^\n\r]*+"
    r"|[_A-Za-z][_0-9A-Za-z]*+|-?[0-9]++(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|\.\.\.|[!$&()\[\]{}:=@|]"
)
_NESTING = 64
_WORK = 10_000

Levels = Counter[tuple[int, str]]


def check_text(text: str, limits: Limits) -> int:
    """The number of tokens, counted without parsing. RequestError LIMIT_EXCEEDED when there are too many."""
    if len(text) > limits.document_characters:
        raise exceeded("Characters in the document", len(text), limits.document_characters)
    tokens = sum(1 for _ in islice(_TOKEN.finditer(text), limits.document_characters))
    if tokens > limits.tokens:
        raise exceeded("Tokens in the document", tokens, limits.tokens)
    return tokens


@dataclass(slots=True)
class Shape:
    """Of one definition, with the fragments that it spreads. `levels` counts response names at each depth."""

    depth: int = 0
    nesting: int = 0
    aliases: int = 0
    directives: int = 0
    roots: int = 0
    levels: Levels = field(default_factory=Counter)

    @property
    def overlaps(self) -> int:
        """Pairs of fields that validation has to compare, at most."""
        return sum(count * (count - 1) // 2 for count in self.levels.values() if count > 1)


def check_shape(document: DocumentNode, limits: Limits) -> None:
    """RequestError LIMIT_EXCEEDED, or BAD_REQUEST for fragments that form a cycle."""
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    if len(fragments) > limits.fragments:
        raise exceeded("Fragments in the document", len(fragments), limits.fragments)
    measuring = _Measuring(limits)
    for name in _innermost_first(fragments):
        measuring.fragments[name] = measuring.shape(fragments[name])
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            _check(measuring.shape(definition), limits)


def _check(shape: Shape, limits: Limits) -> None:
    for what, value, limit in (
        ("Depth of the operation", shape.depth, limits.depth),
        ("Nested selections", shape.nesting, _NESTING),
        ("Aliases in the operation", shape.aliases, limits.aliases),
        ("Directives in the operation", shape.directives, limits.directives),
        ("Root fields of the operation", shape.roots, limits.root_fields),
        ("Fields of one name at one depth, in pairs", shape.overlaps, limits.overlaps),
    ):
        if value > limit:
            raise exceeded(what, value, limit)


class _Measuring:
    def __init__(self, limits: Limits) -> None:
        self.fragments: dict[str, Shape] = {}
        self.limits = limits
        self.work = 0

    def shape(self, definition: OperationDefinitionNode | FragmentDefinitionNode) -> Shape:
        """Fragments that it spreads must have been measured; one that does not exist is left to validation."""
        shape = Shape()
        spreads: Counter[tuple[str, int, int, bool]] = Counter()
        self._count_directives(shape, definition.directives)
        stack: list[tuple[SelectionSetNode, int, int, bool]] = [(definition.selection_set, 1, 1, False)]
        while stack:
            selection_set, depth, nesting, hidden = stack.pop()
            shape.nesting = max(shape.nesting, nesting)
            for node in selection_set.selections:
                self._count_directives(shape, node.directives)
                if isinstance(node, FragmentSpreadNode):
                    spreads[node.name.value, depth, nesting, hidden] += 1
                elif isinstance(node, FieldNode):
                    # What introspection may nest has a rule of its own.
                    beneath = hidden or node.name.value.startswith("__")
                    shape.aliases += node.alias is not None
                    shape.roots += depth == 1
                    shape.depth = shape.depth if hidden else max(shape.depth, depth)
                    shape.levels[depth, node.alias.value if node.alias else node.name.value] += 1
                    if node.selection_set:
                        stack.append((node.selection_set, depth + 1, nesting + 1, beneath))
                elif node.selection_set:  # type: ignore[attr-defined]
                    stack.append((node.selection_set, depth, nesting + 1, hidden))  # type: ignore[attr-defined]
        for (name, depth, nesting, hidden), times in spreads.items():
            if name in self.fragments:
                self._add(shape, self.fragments[name], times, depth - 1, nesting, hidden)
        return shape

    def _add(self, shape: Shape, part: Shape, times: int, depth: int, nesting: int, hidden: bool) -> None:
        self.work += 1 + len(part.levels)
        if self.work > _WORK:
            raise exceeded("Fields that the fragments unfold to", f"more than {_WORK}", _WORK)
        shape.depth = shape.depth if hidden else max(shape.depth, depth + part.depth)
        shape.nesting = max(shape.nesting, nesting + part.nesting)
        shape.aliases += times * part.aliases
        shape.directives += times * part.directives
        shape.roots += times * part.roots if depth == 0 else 0
        for (level, name), count in part.levels.items():
            shape.levels[depth + level, name] += times * count

    def _count_directives(self, shape: Shape, directives: Iterable[object] | None) -> None:
        count = sum(1 for _ in directives or ())
        shape.directives += count
        if count > self.limits.directives_per_node:
            raise exceeded("Directives in one place", count, self.limits.directives_per_node)


def _innermost_first(fragments: dict[str, FragmentDefinitionNode]) -> list[str]:
    """Names of the fragments, each after those that it spreads. RequestError BAD_REQUEST when they form a cycle."""
    spreads = {name: list(_spread_names(fragment.selection_set)) for name, fragment in fragments.items()}
    done: dict[str, None] = {}
    for start in fragments:
        path = {start: iter(spreads[start])} if start not in done else {}
        while path:
            name, rest = next(reversed(path.items()))
            for spread in rest:
                if spread in path:
                    raise RequestError(Code.BAD_REQUEST, f'Fragments form a cycle: "{spread}" spreads itself.')
                if spread in spreads and spread not in done:
                    path[spread] = iter(spreads[spread])
                    break
            else:
                del path[name]
                done[name] = None
    return list(done)


def _spread_names(selection_set: SelectionSetNode) -> Iterable[str]:
    stack = [selection_set]
    while stack:
        for node in stack.pop().selections:
            if isinstance(node, FragmentSpreadNode):
                yield node.name.value
            elif node.selection_set:  # type: ignore[attr-defined]
                stack.append(node.selection_set)  # type: ignore[attr-defined]
