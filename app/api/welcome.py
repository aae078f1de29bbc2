"""What `feira up` ends with: what to open, whom to be, and what to try first."""

import json
import shlex
import sys

from rich.console import Console
from rich.markup import escape

OPEN = {
    "GraphQL, with examples": "/graphql",
    "Who is up to date": "/convergence",
    "Health": "/health/ready",
    "Metrics": "/metrics",
}
TILL = "till centro-1"
"""The token that a first sale is made with."""

PRODUCTS = "{ products(first: 3) { nodes { name availability priceRange { min { amount currency } } } } }"
START = """mutation { cartCreate(input: {lines: [{variant: {sku: "CASA-CANECA-UNICA"}}]}) { cart { id } \
userErrors { code message } } }"""
SELL = """mutation Sell($cart: ID!) { checkoutComplete(input: {cartId: $cart, tenders: [{method: CASH, \
amount: {amount: "59.90", currency: BRL}}]}) { order { number status } userErrors { message } } }"""

GONE = """{ product(by: {slug: "ultima-caneca-da-feira"}) { name availability } }"""


def print_welcome(url: str, tokens: dict[str, str], seconds: float) -> None:
    """Print it. `seconds`: how long the start took; tokens by whom they stand for, none where the shop is no demo."""
    out = Console(highlight=False, soft_wrap=True)
    with out:  # one write: who waits for a line of it finds the others too
        out.print(f"\n[bold green]The market is open[/] [dim]({seconds:.1f} s)[/]\n")
        for name, path in OPEN.items():
            out.print(f"  {name:<24}{url}{path}")
        if tokens:
            out.print("\n  Tokens of the demo shop, for the header [bold]Authorization: Bearer …[/]")
            for role, token in tokens.items():
                out.print(f"  {role:<24}{escape(token)}")
        out.print("\n  Try")
        out.print(curl(url, PRODUCTS), markup=False)
        if TILL in tokens:
            out.print("\n  Sell the last mug at the till, and see it gone from the site")
            out.print("\n".join(sale(url, tokens[TILL])), markup=False)
        out.print("\n  [dim]Ctrl-C stops it; the data stays.[/]\n")
    sys.stdout.flush()


def sale(url: str, token: str) -> list[str]:
    """Commands for a shell: a cart with the last mug, its checkout with cash, and what a shopper sees then."""
    start = curl(url, START, token=token)
    return [
        f"CART=$({start} | tee -a /dev/stderr | grep -o 'cart_[0-9a-z]*')",
        curl(url, SELL, token=token, cart="'$CART'"),
        curl(url, GONE),
    ]


def curl(url: str, query: str, *, token: str | None = None, **variables: str) -> str:
    """A command for a shell that runs this operation; a variable may leave its quotes for one of the shell's."""
    body = json.dumps({"query": query} | ({"variables": variables} if variables else {}))
    header = f" -H 'authorization: Bearer {token}'" if token else ""
    return (
        f"curl -sw '\\n' {shlex.quote(url + '/graphql')} -H 'content-type: application/json'{header} \\\n  -d '{body}'"
    )
