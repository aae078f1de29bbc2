"""What is written of categories, collections and media."""

from uuid import UUID

import strawberry
from strawberry import UNSET

from app.api.catalog.inputs import ARCHIVED, LocalizedTextInput, ProductMediaInput
from app.api.customers.inputs import EXPECTED, OPERATION

field = strawberry.field

NAMES = "Its name, one text a language."
SLUG = "Its name in addresses, unique; made from the name when left out."


@strawberry.input(description="A new category.")
class CategoryCreateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    names: list[LocalizedTextInput] = field(description=NAMES)
    slug: str | None = field(default=UNSET, description=SLUG)
    parent_id: strawberry.ID | None = field(default=None, description="The category above; left out: at the top.")
    position: int | None = field(default=UNSET, description="Its place among its siblings; last when left out.")


@strawberry.input(description="Changes to a category. What is left out stays.")
class CategoryUpdateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    category_id: strawberry.ID = field(description="The category.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    names: list[LocalizedTextInput] | None = field(default=UNSET, description="Names in these languages; others stay.")
    slug: str | None = field(default=UNSET, description="Its name in addresses, unique.")
    parent_id: strawberry.ID | None = field(default=UNSET, description="Moves it, with all below it; null: to the top.")
    position: int | None = field(default=UNSET, description="Its place among its siblings.")


@strawberry.input(description="A category to take off the shelves, or back. Its products stay in it and in sale.")
class CategoryArchiveInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    category_id: strawberry.ID = field(description="The category; none below it may be in use.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    archived: bool = field(default=True, description=ARCHIVED)


@strawberry.input(description="A new collection.")
class CollectionCreateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    names: list[LocalizedTextInput] = field(description=NAMES)
    slug: str | None = field(default=UNSET, description=SLUG)


@strawberry.input(description="Changes to a collection. What is left out stays.")
class CollectionUpdateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    collection_id: strawberry.ID = field(description="The collection.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    names: list[LocalizedTextInput] | None = field(default=UNSET, description="Names in these languages; others stay.")
    slug: str | None = field(default=UNSET, description="Its name in addresses, unique.")


@strawberry.input(description="A collection to take away from shoppers, or back.")
class CollectionArchiveInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    collection_id: strawberry.ID = field(description="The collection.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    archived: bool = field(default=True, description=ARCHIVED)


@strawberry.input(description="Products of a collection.")
class CollectionProductsInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    collection_id: strawberry.ID = field(description="The collection.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    product_ids: list[strawberry.ID] = field(description="At most 250.")


@strawberry.input(description="Products to add at the end of a collection, in this order.")
class CollectionProductsAddInput(CollectionProductsInput):
    pass


@strawberry.input(description="Products to take out of a collection.")
class CollectionProductsRemoveInput(CollectionProductsInput):
    pass


@strawberry.input(
    description="Products of a collection that come first, in this order; the others follow as they stood."
)
class CollectionProductsReorderInput(CollectionProductsInput):
    pass


@strawberry.input(description="A new media, of no product yet.")
class MediaCreateInput(ProductMediaInput):
    operation_id: UUID | None = field(default=None, description=OPERATION)


@strawberry.input(description="What a media shows, in other words.")
class MediaUpdateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    media_id: strawberry.ID = field(description="The media.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    alt: list[LocalizedTextInput] | None = field(default=UNSET, description="Texts in these languages; others stay.")


@strawberry.input(description="A media to show nowhere any more, or again.")
class MediaArchiveInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    media_id: strawberry.ID = field(description="The media.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    archived: bool = field(default=True, description=ARCHIVED)
