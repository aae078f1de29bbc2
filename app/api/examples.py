"""The operations in GraphiQL's tabs: documents of the shop's own clients, with variables that fit the demo shop."""

import re
from functools import cache
from typing import Any

from graphql import FragmentDefinitionNode, parse

from app.api.transport.explorer import Example
from app.platform.migrate import ROOT

DOCUMENTS = ROOT / "graphql"
SPREAD = re.compile(r"\.\.\.\s*([A-Z]\w*)")
FRAGMENT = re.compile(r"^fragment\s+(\w+)\s+on\s", re.MULTILINE)

TILL = {"Authorization": "Bearer PASTE_THE_TILLS_TOKEN"}

_TABS: tuple[tuple[str, str, dict[str, Any], dict[str, str]], ...] = (
    ("Shop window", "storefront/listProducts", {"first": 10}, {"Accept-Language": "pt-BR"}),
    ("Search", "storefront/searchProducts", {"first": 10, "search": "cafe"}, {"Accept-Language": "en"}),
    ("Product page", "storefront/productPage", {"slug": "ultima-caneca-da-feira"}, {}),
    (
        "Add to a new cart",
        "storefront/createCart",
        {"input": {"lines": [{"variant": {"sku": "CASA-CANECA-UNICA"}, "quantity": 1}]}},
        {},
    ),
    ("Who am I (till)", "pos/whoAmI", {}, TILL),
    (
        "Start a sale (till)",
        "pos/startSale",
        {"input": {"lines": [{"variant": {"sku": "CASA-CANECA-UNICA"}}]}},
        TILL,
    ),
)


def document(folder: str, name: str) -> str:
    """A client's document together with the fragments of its folder that it uses."""
    text = (DOCUMENTS / folder / f"{name}.graphql").read_text(encoding="utf-8")
    known = fragments(folder)
    there = set(FRAGMENT.findall(text))
    parts, new = [text], text
    while new:
        wanted = [spread for spread in dict.fromkeys(SPREAD.findall(new)) if spread in known and spread not in there]
        there.update(wanted)
        new = "\n\n".join(known[spread] for spread in wanted)
        parts.append(new)
    return "\n".join(part.rstrip() for part in parts if part) + "\n"


@cache
def fragments(folder: str) -> dict[str, str]:
    """The fragments of a client's folder, by name."""
    found = {}
    for path in sorted((DOCUMENTS / folder).glob("*.graphql")):
        text = path.read_text(encoding="utf-8")
        for definition in parse(text).definitions:
            if isinstance(definition, FragmentDefinitionNode) and definition.loc is not None:
                found[definition.name.value] = text[definition.loc.start : definition.loc.end]
    return found


def examples() -> list[Example]:
    """GraphiQL's tabs."""
    return [
        Example(name=title, query=document(*path.split("/")), variables=variables, headers=headers)
        for title, path, variables, headers in _TABS
    ]
