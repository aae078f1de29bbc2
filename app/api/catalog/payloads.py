"""What the catalog's mutations answer: the entities as they are now, read by id after the commit."""

from typing import TYPE_CHECKING, Annotated, Any, cast
from uuid import UUID

import strawberry

from app.api.catalog.bulk import unpacked
from app.api.context import Context, Info
from app.api.errors import Payload, UserError
from app.api.nodes import load_nodes

if TYPE_CHECKING:
    from app.api.catalog.types import Category, Collection, Media, Product, Variant

LazyProduct = Annotated["Product", strawberry.lazy("app.api.catalog.types")]
LazyVariant = Annotated["Variant", strawberry.lazy("app.api.catalog.types")]
LazyCategory = Annotated["Category", strawberry.lazy("app.api.catalog.types")]
LazyCollection = Annotated["Collection", strawberry.lazy("app.api.catalog.types")]
LazyMedia = Annotated["Media", strawberry.lazy("app.api.catalog.types")]

REFUSED = "Null when refused."


async def node(context: Context, type_name: str, key: UUID | None) -> Any:
    """The entity as the caller sees it now; None for none."""
    return None if key is None else (await load_nodes(context, [(type_name, key)]))[0]


@strawberry.type
class ProductWritten(Payload):
    @strawberry.field(description=REFUSED)
    async def product(self, info: Info) -> LazyProduct | None:
        return cast("Product | None", await node(info.context, "Product", self.key("product")))


@strawberry.type(description="The new product.")
class ProductCreatePayload(ProductWritten):
    pass


@strawberry.type(description="The product with its changes.")
class ProductUpdatePayload(ProductWritten):
    pass


@strawberry.type(description="The product, archived or back.")
class ProductArchivePayload(ProductWritten):
    pass


@strawberry.type(description="The product, published.")
class ProductPublishPayload(ProductWritten):
    pass


@strawberry.type(description="The product, sold in fewer channels.")
class ProductUnpublishPayload(ProductWritten):
    pass


@strawberry.type(description="The product with its media.")
class ProductMediaSetPayload(ProductWritten):
    pass


@strawberry.type
class VariantWritten(Payload):
    @strawberry.field(description=REFUSED)
    async def variant(self, info: Info) -> LazyVariant | None:
        return cast("Variant | None", await node(info.context, "Variant", self.key("variant")))


@strawberry.type(description="The new variant.")
class VariantCreatePayload(VariantWritten):
    pass


@strawberry.type(description="The variant with its changes.")
class VariantUpdatePayload(VariantWritten):
    pass


@strawberry.type(description="The variant, archived or back.")
class VariantArchivePayload(VariantWritten):
    pass


@strawberry.type(description="The variant with its media.")
class VariantMediaSetPayload(VariantWritten):
    pass


@strawberry.type
class CategoryWritten(Payload):
    @strawberry.field(description=REFUSED)
    async def category(self, info: Info) -> LazyCategory | None:
        return cast("Category | None", await node(info.context, "Category", self.key("category")))


@strawberry.type(description="The new category.")
class CategoryCreatePayload(CategoryWritten):
    pass


@strawberry.type(description="The category with its changes.")
class CategoryUpdatePayload(CategoryWritten):
    pass


@strawberry.type(description="The category, archived or back.")
class CategoryArchivePayload(CategoryWritten):
    pass


@strawberry.type
class CollectionWritten(Payload):
    @strawberry.field(description=REFUSED)
    async def collection(self, info: Info) -> LazyCollection | None:
        return cast("Collection | None", await node(info.context, "Collection", self.key("collection")))


@strawberry.type(description="The new collection.")
class CollectionCreatePayload(CollectionWritten):
    pass


@strawberry.type(description="The collection with its changes.")
class CollectionUpdatePayload(CollectionWritten):
    pass


@strawberry.type(description="The collection, archived or back.")
class CollectionArchivePayload(CollectionWritten):
    pass


@strawberry.type(description="The collection that the products joined.")
class CollectionProductsAddPayload(CollectionWritten):
    pass


@strawberry.type(description="The collection that the products left.")
class CollectionProductsRemovePayload(CollectionWritten):
    pass


@strawberry.type(description="The collection in its new order.")
class CollectionProductsReorderPayload(CollectionWritten):
    pass


@strawberry.type
class MediaWritten(Payload):
    @strawberry.field(description=REFUSED)
    async def media(self, info: Info) -> LazyMedia | None:
        return cast("Media | None", await node(info.context, "Media", self.key("media")))


@strawberry.type(description="The new media.")
class MediaCreatePayload(MediaWritten):
    pass


@strawberry.type(description="The media with its changes.")
class MediaUpdatePayload(MediaWritten):
    pass


@strawberry.type(description="The media, archived or back.")
class MediaArchivePayload(MediaWritten):
    pass


@strawberry.type(description="What became of one product of a bulk write.")
class ProductBulkResult:
    index: int = strawberry.field(description="Its place in `items`, from 0.")
    product: LazyProduct | None = strawberry.field(description=REFUSED)
    user_errors: list[UserError] = strawberry.field(description="Why it was not written; empty on success.")


@strawberry.type(description="What became of one variant of a bulk write.")
class VariantBulkResult:
    index: int = strawberry.field(description="Its place in `items`, from 0.")
    variant: LazyVariant | None = strawberry.field(description=REFUSED)
    user_errors: list[UserError] = strawberry.field(description="Why it was not written; empty on success.")


@strawberry.type
class ProductsWritten(Payload):
    @strawberry.field(description="One for each item, in their order; empty when the whole call was refused.")
    async def results(self, info: Info) -> list[ProductBulkResult]:
        return [
            ProductBulkResult(index=place, product=product, user_errors=user_errors)
            for place, (product, user_errors) in enumerate(await _items(self, info.context, "Product"))
        ]


@strawberry.type(description="The new products, each by itself.")
class ProductBulkCreatePayload(ProductsWritten):
    pass


@strawberry.type(description="The products with their changes, each by itself.")
class ProductBulkUpdatePayload(ProductsWritten):
    pass


@strawberry.type
class VariantsWritten(Payload):
    @strawberry.field(description="One for each item, in their order; empty when the whole call was refused.")
    async def results(self, info: Info) -> list[VariantBulkResult]:
        return [
            VariantBulkResult(index=place, variant=variant, user_errors=user_errors)
            for place, (variant, user_errors) in enumerate(await _items(self, info.context, "Variant"))
        ]


@strawberry.type(description="The new variants, each by itself.")
class VariantBulkCreatePayload(VariantsWritten):
    pass


@strawberry.type(description="The variants with their changes, each by itself.")
class VariantBulkUpdatePayload(VariantsWritten):
    pass


async def _items(payload: Payload, context: Context, type_name: str) -> list[tuple[Any, list[UserError]]]:
    """Each item's entity, all read at once, and its errors."""
    items = payload.result.get("items", [])
    wanted = [(type_name, UUID(str(item["id"]))) if item["id"] else None for item in items]
    entities = await load_nodes(context, wanted)
    return [
        (entity, [unpacked(refusal) for refusal in item["refusals"]])
        for entity, item in zip(entities, items, strict=True)
    ]
