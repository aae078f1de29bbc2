"""What does not concern who asks: answers that anyone may keep, and who may ask for trusted documents alone.

Public is what a shopper, or a storefront's key, asks of the catalog and of the places where the shop sells. A guest's
cart and order are theirs although nobody says who they are: the id is in the address. `node` may be any of these.
"""

from collections.abc import Callable, Iterator
from typing import Final

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

from app.api.context import Context
from app.api.engine.documents import Operation
from app.api.transport.route import PublicFor

PUBLIC: Final = frozenset(
    {
        *("product", "products", "variant", "scan", "categories", "collections"),
        *("channel", "channels", "locations", "__typename"),
    }
)
"""Root fields below which nothing is a person's (`tests/api/test_public.py` walks what can be reached from them)."""

SHOPPERS: Final = frozenset({"anonymous", "client"})

VARY: Final = ("Feira-Channel", "Accept-Language", "Feira-Min-Position", "X-Forwarded-Proto")
"""Headers that `authenticate` reads, beside the credential: what they say decides the answer."""


def public_for(seconds: int) -> PublicFor:
    """For how long anyone may keep an answer: so many seconds if it is public; 0 for never.

    Whom it is for is decided by the credential: staff and tills see drafts, costs and other channels through the same
    fields.
    """

    def decide(context: Context, operation: Operation) -> int | None:
        if not seconds or context.principal.kind not in SHOPPERS or not operation.is_query:
            return None
        roots = _root_fields(operation.node.selection_set, operation.definitions, set())
        return seconds if PUBLIC.issuperset(roots) else None

    return decide


def only_trusted(shop: bool) -> Callable[[Context], bool]:
    """Whether a caller may send trusted documents alone: each API client has that of its own, all others the shop's."""

    def decide(context: Context) -> bool:
        principal = context.principal
        return principal.trusted_documents_only if principal.kind == "client" else shop

    return decide


def _root_fields(
    selections: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode], seen: set[str]
) -> Iterator[str]:
    """The names of the root fields that an operation may ask for, whatever its variables skip."""
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            yield selection.name.value
        elif isinstance(selection, InlineFragmentNode):
            yield from _root_fields(selection.selection_set, fragments, seen)
        elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
            seen.add(selection.name.value)
            yield from _root_fields(fragments[selection.name.value].selection_set, fragments, seen)
