"""What Vendure is asked: `benchmarks/questions.py` in its words, field by field."""

from collections.abc import Iterator
from typing import Final

from benchmarks.catalog import articles
from benchmarks.measuring import Request, Target
from benchmarks.questions import PAGE, SEARCHED

LISTING: Final = """query Listing($skip: Int!) {
  products(options: { take: 20, skip: $skip, sort: { name: ASC } }) { items {
    id slug name variants { id sku priceWithTax stockLevel }
  } } }"""

PRODUCT: Final = """query Product($slug: String!) { product(slug: $slug) {
  id slug name description
  facetValues { id code name facet { id name } } collections { id slug name }
  optionGroups { id code name options { id code name } }
  variants { id sku name options { id code name group { id name } } priceWithTax currencyCode stockLevel }
  } }"""

SEARCH: Final = """query Search($term: String!) { search(input: { term: $term, take: 20, groupByProduct: true }) {
  totalItems
  items { productId slug productName inStock currencyCode
    priceWithTax { ... on PriceRange { min max } ... on SinglePrice { value } } }
  facetValues { count facetValue { id code name facet { id name } } } } }"""

_REFUSED: Final = "... on ErrorResult { errorCode message }"

ADD: Final = f"""mutation Add($variant: ID!) {{ addItemToOrder(productVariantId: $variant, quantity: 1) {{ __typename
  ... on Order {{ id code state subTotalWithTax totalWithTax currencyCode totalQuantity
    lines {{ id quantity unitPriceWithTax linePriceWithTax productVariant {{ id name sku }} }} }} {_REFUSED} }} }}"""

CUSTOMER: Final = f"""mutation Customer($input: CreateCustomerInput!) {{
  setCustomerForOrder(input: $input) {{ __typename
  ... on Order {{ id customer {{ emailAddress }} }} {_REFUSED} }} }}"""

ADDRESS: Final = f"""mutation Address($input: CreateAddressInput!) {{
  setOrderShippingAddress(input: $input) {{ __typename
  ... on Order {{ id shippingAddress {{ fullName city countryCode }} }} {_REFUSED} }} }}"""

SHIPPING: Final = f"""mutation Shipping($method: [ID!]!) {{
  setOrderShippingMethod(shippingMethodId: $method) {{ __typename
  ... on Order {{ id shippingWithTax totalWithTax }} {_REFUSED} }} }}"""

ARRANGE: Final = f"""mutation Arrange {{ transitionOrderToState(state: "ArrangingPayment") {{ __typename
  ... on Order {{ id state }} {_REFUSED} }} }}"""

PAY: Final = f"""mutation Pay {{
  addPaymentToOrder(input: {{ method: "standard-payment", metadata: {{}} }}) {{ __typename
  ... on Order {{ id code state totalWithTax payments {{ id state amount }} }} {_REFUSED} }} }}"""

HOME: Final = {
    "fullName": "Bench Buyer",
    "streetLine1": "Rua Augusta 1500",
    "city": "São Paulo",
    "province": "SP",
    "postalCode": "01304-001",
    "countryCode": "BR",
}
TOKEN: Final = "vendure-auth-token"


def listings(target: Target, products: int) -> list[Request]:
    """Every page of twenty, in turn; at most fifty."""
    return [target.request(LISTING, {"skip": PAGE * page}) for page in range(min(50, products // PAGE))]


def product_pages(target: Target, products: int) -> list[Request]:
    """A product's page each."""
    return [target.request(PRODUCT, {"slug": one.slug}) for one, _ in zip(articles(), range(products), strict=False)]


def searches(target: Target) -> list[Request]:
    """A word each."""
    return [target.request(SEARCH, {"term": word}) for word in SEARCHED]


def first_adds(target: Target, variants: Iterator[str], count: int) -> list[Request]:
    """So many adds without a session: each makes an order with a line in it."""
    return [target.request(ADD, {"variant": id_}) for id_, _ in zip(variants, range(count), strict=False)]


def adds(target: Target, variants: Iterator[str], count: int) -> list[Request]:
    """A second line for each of so many orders, which are made here with their first."""
    found = []
    for request in first_adds(target, variants, count):
        _, headers = target.answer(request)
        found.append(target.request(ADD, {"variant": next(variants)}, Authorization=f"Bearer {headers[TOKEN]}"))
    return found
