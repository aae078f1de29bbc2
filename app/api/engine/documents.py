"""Documents: parsed, measured and validated once, then kept in a cache bounded in entries and bytes."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any
from weakref import ref

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.collect_fields import FragmentDetails
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from .collect import choosing
from .cost import Variables, cost_of
from .errors import Code, Refused, RequestError, refused
from .limits import Limits
from .shape import check_shape, check_text
from .shelves import Shelves

_BYTES_PER_TOKEN = 1_000
_BYTES_PER_PLAN_TOKEN = 260
_BYTES_PER_DOCUMENT = 4_000


class Operation:
    """One operation of a document, ready to run. `cost` is a number, or a function of the raw variables.

    `plans`: what it was worked out to be, by the values of the variables named in `choosing`; None where it has none.
    """

    __slots__ = ("_document", "choosing", "cost", "definitions", "fragments", "kind", "name", "node", "plans")

    def __init__(
        self,
        document: "Document",
        node: OperationDefinitionNode,
        fragments: dict[str, FragmentDefinitionNode],
        cost: int | Callable[[Variables], int],
    ) -> None:
        self._document = ref(document)
        self.node = node
        self.kind: OperationType = node.operation
        self.name = node.name.value if node.name else None
        self.definitions = fragments
        self.fragments = {name: FragmentDetails(fragment, None) for name, fragment in fragments.items()}
        self.cost = cost
        self.choosing = choosing(node, fragments)
        self.plans: dict[Any, Any] = {}

    def planned(self) -> None:
        """It has a plan more, which its document weighs as long as it is kept."""
        document = self._document()
        if document is not None:
            document.planned()

    @property
    def is_query(self) -> bool:
        return self.kind is OperationType.QUERY

    @property
    def is_mutation(self) -> bool:
        return self.kind is OperationType.MUTATION

    @property
    def is_subscription(self) -> bool:
        return self.kind is OperationType.SUBSCRIPTION


class Document:
    """What a text came to: its operations by name, or the errors that it gets each time. `weight`: bytes, about.

    Nothing in it leads back to it, so that it is gone when the cache drops it: what holds itself stays in memory until
    all that is alive is looked through, which comes seldom (`serving.spare_the_collector`).
    """

    __slots__ = ("__weakref__", "_tokens", "errors", "operations", "weight")

    def __init__(self, text: str, tokens: int = 0, refusal: Refused | None = None) -> None:
        self.operations: dict[str | None, Operation] = {}
        self.errors = refusal.errors if refusal is not None else None
        self.weight = 8 * len(text) + _BYTES_PER_TOKEN * tokens + _BYTES_PER_DOCUMENT
        self._tokens = tokens

    def planned(self) -> None:
        """One of its operations has a plan more."""
        self.weight += _BYTES_PER_PLAN_TOKEN * self._tokens

    def operation(self, name: str | None) -> Operation:
        """The operation of this name; without a name the only one. Refused BAD_REQUEST when there is no such."""
        if self.errors is not None:
            raise Refused(self.errors)
        if name is None:
            if len(self.operations) == 1:
                return next(iter(self.operations.values()))
            raise _bad_request("Must provide operation name if query contains multiple operations.")
        if name not in self.operations:
            raise _bad_request(f'Unknown operation named "{name[:100]}".')
        return self.operations[name]


class Documents:
    """A cache from text to `Document`: see `Shelves`."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, production: bool) -> None:
        self._schema = schema
        self._limits = limits
        self._production = production
        rules = [*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule]
        self._rules = [*rules, NoSchemaIntrospectionCustomRule] if production else rules
        self._shelves: Shelves[Document] = Shelves(limits.cached_documents, limits.cached_bytes, attrgetter("weight"))
        self._for_good: dict[str, Document] = {}
        self._room = limits.cached_bytes // 2

    def keep(self, text: str) -> Document:
        """The document of a text that the operator chose, which stays: no other drives it out.

        Such have half of the cache's bytes again, and beyond that they come and go as all others. What has errors is
        not kept.
        """
        document = self.get(text)
        if document.errors is None and text not in self._for_good and document.weight <= self._room:
            self._shelves.take(text)
            self._for_good[text] = document
            self._room -= document.weight
        return document

    def get(self, text: str) -> Document:
        """The document of a text, made when it is not known."""
        document = self._for_good.get(text)
        if document is not None:
            return document
        document = self._shelves.get(text)
        if document is None:
            document = self._make(text)
            self._shelves.put(text, document)
        return document

    def __len__(self) -> int:
        return len(self._shelves) + len(self._for_good)

    @property
    def weight(self) -> int:
        """Bytes that the documents hold, about."""
        return self._shelves.weight + sum(document.weight for document in self._for_good.values())

    def _make(self, text: str) -> Document:
        try:
            return self._checked(text)
        except RequestError as error:
            return Document(text, refusal=Refused.by(error))
        except GraphQLSyntaxError as error:
            return Document(text, refusal=refused(Code.BAD_REQUEST, [error]))
        except RecursionError:
            return Document(text, refusal=_bad_request("The document is nested too deeply."))

    def _checked(self, text: str) -> Document:
        limits = self._limits
        tokens = check_text(text, limits)
        ast = parse(text, max_lexical_tokens=limits.tokens)
        _unchain(ast)
        check_shape(ast, limits)
        document = Document(text, tokens)
        self._add_operations(document, ast)
        for operation in document.operations.values():
            if isinstance(operation.cost, int):
                check_cost(operation.cost, limits)
        errors = validate(
            self._schema, ast, self._rules, max_errors=limits.validation_errors, hide_suggestions=self._production
        )
        if errors:
            return Document(text, refusal=refused(Code.BAD_REQUEST, [_detached(error) for error in errors]))
        return document

    def _add_operations(self, document: Document, ast: DocumentNode) -> None:
        fragments: dict[str, FragmentDefinitionNode] = {}
        nodes: list[OperationDefinitionNode] = []
        for definition in ast.definitions:
            if isinstance(definition, FragmentDefinitionNode):
                fragments[definition.name.value] = definition
            elif isinstance(definition, OperationDefinitionNode):
                nodes.append(definition)
        if not nodes:
            raise RequestError(Code.BAD_REQUEST, "The document holds no operation.")
        for node in nodes:
            operation = Operation(document, node, fragments, cost_of(self._schema, fragments, node, self._limits))
            document.operations[operation.name] = operation


def check_cost(cost: int, limits: Limits) -> None:
    """RequestError LIMIT_EXCEEDED when an operation costs more than one may."""
    if cost > limits.cost:
        shown = str(cost) if cost < 10**12 else "more than 10^12"
        raise RequestError(
            Code.LIMIT_EXCEEDED,
            f"Cost of the operation: {shown}, the limit is {limits.cost}.",
            extensions={"cost": _shown_cost(cost, limits)},
        )


def _shown_cost(cost: int, limits: Limits) -> Mapping[str, Any]:
    return {"requested": min(cost, 10**12), "limit": limits.cost}


def _unchain(ast: DocumentNode) -> None:
    """Part the tokens of a syntax tree, each of which knows the ones beside it. A node knows where it stands itself."""
    token: Any = ast.loc.start_token if ast.loc is not None else None
    while token is not None:
        after, token.prev, token.next = token.next, None, None
        token = after


def _detached(error: GraphQLError) -> GraphQLError:
    """The error without the syntax tree, which would stay in memory with it."""
    bare = GraphQLError(error.message)
    bare.locations = error.locations
    return bare


def _bad_request(message: str) -> Refused:
    return Refused.by(RequestError(Code.BAD_REQUEST, message))
