"""The operations in GraphiQL's tabs: documents of the shop's own clients, with variables that fit the demo shop."""

from typing import Any

from app.api.documents import document
from app.api.transport.explorer import Example

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


def examples() -> list[Example]:
    """GraphiQL's tabs."""
    return [
        Example(name=title, query=document(*path.split("/")), variables=variables, headers=headers)
        for title, path, variables, headers in _TABS
    ]
