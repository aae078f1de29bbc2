"""Naming one product or variant by what a client holds: an id, a slug, a SKU, a barcode."""

import strawberry
from strawberry import UNSET


@strawberry.input(description="Exactly one field.", one_of=True)
class ProductBy:
    id: strawberry.ID | None = strawberry.field(default=UNSET, description="Its id.")
    slug: str | None = strawberry.field(default=UNSET, description="Its name in addresses.")


@strawberry.input(
    description="Exactly one field. `barcode` also takes a scale barcode; what weight or price it holds, `scan` tells.",
    one_of=True,
)
class VariantBy:
    id: strawberry.ID | None = strawberry.field(default=UNSET, description="Its id.")
    sku: str | None = strawberry.field(default=UNSET, description="Its SKU.")
    barcode: str | None = strawberry.field(default=UNSET, description="Its barcode, or a label of the shop's scales.")
