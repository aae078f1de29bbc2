"""Writing the catalog: the mutations of products, variants, categories, collections and media together."""

import strawberry

from app.api.catalog.product_mutations import ProductMutations, VariantMutations
from app.api.catalog.shelf_mutations import CategoryMutations, CollectionMutations, MediaMutations


@strawberry.type
class CatalogMutations(ProductMutations, VariantMutations, CategoryMutations, CollectionMutations, MediaMutations):
    pass
