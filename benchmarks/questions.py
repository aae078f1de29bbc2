"""What a shop is asked: the same of ours and of a peer (`peers/vendure/questions.py`), field by field."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from benchmarks.catalog import SIZES, articles
from benchmarks.measuring import Request, Target

PAGE: Final = 20
SEARCHED: Final = ("laptop", "camera", "chair", "tent", "bottle", "speaker", "premium", "rugged", "wireless", "monitor")

WANTED: Final = "SYN-00001-P"
"""What too many buyers are after; of its product nothing else is bought."""

LISTING: Final = """query Listing($after: String, $sort: ProductSort) {
  products(first: 20, after: $after, sort: $sort) { nodes {
    id slug name
    variants(first: 3) { nodes { id sku price { unitPrice { amount } } availability { available } } }
  } pageInfo { endCursor } } }"""

EDGES: Final = """query Edges($after: String, $sort: ProductSort) {
  products(first: 100, after: $after, sort: $sort) { edges { cursor } } }"""

SORTS: Final = {
    "NAME": {"key": "NAME"},
    "PRICE": {"key": "PRICE"},
    "NEWEST": {"key": "CREATED_AT", "descending": True},
}

PRODUCT: Final = """query Product($slug: String!) { product(by: {slug: $slug}) {
  id slug name description brand
  category { slug name } collections { slug name }
  options { name values }
  variants(first: 50) { nodes {
    id sku name selectedOptions { name value }
    price { unitPrice { amount currency } } availability { status available }
  } } } }"""

SEARCH: Final = """query Search($term: String!) { products(first: 20, search: $term, sort: {key: RELEVANCE}) {
  totalCount
  nodes { id slug name availability priceRange { min { amount currency } max { amount currency } } }
  facets { name label values { value label count } } } }"""

CART: Final = """fragment CartView on Cart {
  id version totals { subtotal { amount } total { amount currency } itemCount }
  lines { id name sku quantity heldUntil unitPrice { gross { amount } } total { gross { amount } } variant { id } } }"""

REFUSED: Final = "userErrors { code message }"

CREATE: Final = f"""mutation Create($input: CartCreateInput!) {{
  cartCreate(input: $input) {{ cart {{ ...CartView }} {REFUSED} }} }} {CART}"""

ADD: Final = f"""mutation Add($input: CartLinesAddInput!) {{
  cartLinesAdd(input: $input) {{ cart {{ ...CartView }} {REFUSED} }} }} {CART}"""

DELIVER: Final = f"""mutation Deliver($input: CartDeliverySetInput!) {{
  cartDeliverySet(input: $input) {{ cart {{
    id totals {{ delivery {{ amount }} total {{ amount currency }} }}
    deliveries {{ id method option price {{ gross {{ amount }} }} address {{ name city country }} }}
  }} {REFUSED} }} }}"""

COMPLETE: Final = f"""mutation Complete($input: CheckoutCompleteInput!) {{
  checkoutComplete(input: $input) {{ order {{
    id number status email totals {{ total {{ amount currency }} }} payments {{ id status amount {{ amount }} }}
  }} {REFUSED} }} }}"""

HOME: Final = {
    "name": "Bench Buyer",
    "line1": "Rua Augusta 1500",
    "city": "São Paulo",
    "region": "SP",
    "postalCode": "01304-001",
    "country": "BR",
}


def listings(target: Target, products: int, order: str = "NAME") -> list[Request]:
    """Every page of twenty, in turn; at most fifty."""
    found: list[Request] = []
    after = None
    for _ in range(min(50, products // PAGE)):
        found.append(target.request(LISTING, {"after": after, "sort": SORTS[order]}))
        after = target.answer(found[-1])[0]["products"]["pageInfo"]["endCursor"]
    return found


def listings_once(target: Target, products: int) -> list[Request]:
    """A page of twenty behind each of these products: none that was asked for before, of documents that are kept."""
    found: list[Request] = []
    after = None
    for _ in range(products // 100):
        edges = target.answer(target.request(EDGES, {"after": after, "sort": SORTS["NAME"]}))[0]["products"]["edges"]
        found += [target.request(LISTING, {"after": edge["cursor"], "sort": SORTS["NAME"]}) for edge in edges]
        after = edges[-1]["cursor"]
    # The last of them have less than a page behind them.
    return found[:-PAGE]


def product_pages(target: Target, products: int) -> list[Request]:
    """A product's page each."""
    return [target.request(PRODUCT, {"slug": one.slug}) for one in islice(articles(), products)]


def searches(target: Target) -> list[Request]:
    """A word each."""
    return [target.request(SEARCH, {"term": word}) for word in SEARCHED]


def skus(products: int) -> Iterator[str]:
    """SKUs of variants far from one another, again and again."""
    known = [one.sku(size) for one in islice(articles(), products) for size in SIZES]
    known = [sku for sku in known if sku[:-1] != WANTED[:-1]]
    place = 0
    while True:
        place = (place + 7919) % len(known)
        yield known[place]


def first_adds(target: Target, variants: Iterator[str], count: int) -> list[Request]:
    """So many carts that are made with a line in them."""
    return [target.request(CREATE, {"input": {"lines": [_line(sku)]}}) for sku in islice(variants, count)]


def adds(target: Target, variants: Iterator[str], count: int) -> list[Request]:
    """A second line for each of so many carts, which are made here with their first."""
    found = []
    for request in first_adds(target, variants, count):
        cart = target.answer(request)[0]["cartCreate"]["cart"]["id"]
        found.append(target.request(ADD, {"input": {"cartId": cart, "lines": [_line(next(variants))]}}))
    return found


def _line(sku: str) -> dict[str, Any]:
    return {"variant": {"sku": sku}, "quantity": 1}
