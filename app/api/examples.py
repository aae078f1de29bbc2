"""The operations in GraphiQL's tabs: documents of the shop's own clients, with variables that fit the demo shop."""

import re
from functools import cache
from pathlib import Path
from typing import Any

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
    wanted = [spread for spread in SPREAD.findall(text) if spread in known]
    own = set(FRAGMENT.findall(text))
    added: dict[Path, str] = {}
    while wanted:
        name = wanted.pop()
        if name in own or known[name] in added:
            continue
        added[known[name]] = more = known[name].read_text(encoding="utf-8")
        wanted += [spread for spread in SPREAD.findall(more) if spread in known]
    return "\n".join([text, *added.values()])


@cache
def fragments(folder: str) -> dict[str, Path]:
    """The file that defines each fragment of a client's folder."""
    return {
        name: path
        for path in sorted((DOCUMENTS / folder).glob("*.graphql"))
        for name in FRAGMENT.findall(path.read_text(encoding="utf-8"))
    }


def examples() -> list[Example]:
    """GraphiQL's tabs."""
    return [
        Example(name=title, query=document(*path.split("/")), variables=variables, headers=headers)
        for title, path, variables, headers in _TABS
    ]
