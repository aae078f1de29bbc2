"""Writing categories, collections and media."""

from collections.abc import Awaitable, Callable

import strawberry

from app.api.catalog import payloads
from app.api.catalog import shelf_inputs as inputs
from app.api.catalog.decode import all_ids, kept, media_draft, optional_id, texts_kept, texts_of
from app.api.context import Info
from app.api.perform import Command, Result, perform
from app.catalog import categories, collections, media
from app.catalog.categories import CategoryDraft
from app.catalog.collections import MAX_PRODUCTS, CollectionDraft
from app.identity.fields import at_most
from app.identity.principal import Actor
from app.platform import ids
from app.platform.db import Tx

Members = Callable[..., Awaitable[None]]


@strawberry.type
class CategoryMutations:
    @strawberry.mutation(description="Create a category.")
    async def category_create(
        self, info: Info, input: inputs.CategoryCreateInput
    ) -> payloads.CategoryCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            draft = CategoryDraft(
                name=texts_of(input.names),
                slug=kept(input.slug),
                parent_id=optional_id("Category", input.parent_id, ("parentId",)),
                position=kept(input.position),
            )
            return {"category": await categories.create_category(tx, actor, draft)}

        return await perform(info, payloads.CategoryCreatePayload, input, command)

    @strawberry.mutation(description="Rename, move or place a category.")
    async def category_update(
        self, info: Info, input: inputs.CategoryUpdateInput
    ) -> payloads.CategoryUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            key = ids.require("Category", input.category_id, ("categoryId",))
            draft = CategoryDraft(
                name=texts_kept(input.names),
                slug=kept(input.slug),
                parent_id=optional_id("Category", input.parent_id, ("parentId",)),
                position=kept(input.position),
            )
            await categories.update_category(tx, actor, key, draft, expected_version=input.expected_version)
            return {"category": key}

        return await perform(info, payloads.CategoryUpdatePayload, input, command)

    @strawberry.mutation(description="Take a category off the shelves, or bring it back.")
    async def category_archive(
        self, info: Info, input: inputs.CategoryArchiveInput
    ) -> payloads.CategoryArchivePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            key = ids.require("Category", input.category_id, ("categoryId",))
            await categories.archive_category(
                tx, actor, key, archived=input.archived, expected_version=input.expected_version
            )
            return {"category": key}

        return await perform(info, payloads.CategoryArchivePayload, input, command)


def _members(change: Members, input: inputs.CollectionProductsInput) -> Command:
    async def command(tx: Tx, actor: Actor) -> Result:
        at_most(input.product_ids, MAX_PRODUCTS, ("productIds",))
        key = ids.require("Collection", input.collection_id, ("collectionId",))
        product_ids = all_ids("Product", input.product_ids, ("productIds",))
        await change(tx, actor, key, product_ids, expected_version=input.expected_version)
        return {"collection": key}

    return command


@strawberry.type
class CollectionMutations:
    @strawberry.mutation(description="Create a collection, empty.")
    async def collection_create(
        self, info: Info, input: inputs.CollectionCreateInput
    ) -> payloads.CollectionCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            draft = CollectionDraft(name=texts_of(input.names), slug=kept(input.slug))
            return {"collection": await collections.create_collection(tx, actor, draft)}

        return await perform(info, payloads.CollectionCreatePayload, input, command)

    @strawberry.mutation(description="Rename a collection.")
    async def collection_update(
        self, info: Info, input: inputs.CollectionUpdateInput
    ) -> payloads.CollectionUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            key = ids.require("Collection", input.collection_id, ("collectionId",))
            draft = CollectionDraft(name=texts_kept(input.names), slug=kept(input.slug))
            await collections.update_collection(tx, actor, key, draft, expected_version=input.expected_version)
            return {"collection": key}

        return await perform(info, payloads.CollectionUpdatePayload, input, command)

    @strawberry.mutation(description="Take a collection away from shoppers, or bring it back.")
    async def collection_archive(
        self, info: Info, input: inputs.CollectionArchiveInput
    ) -> payloads.CollectionArchivePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            key = ids.require("Collection", input.collection_id, ("collectionId",))
            await collections.archive_collection(
                tx, actor, key, archived=input.archived, expected_version=input.expected_version
            )
            return {"collection": key}

        return await perform(info, payloads.CollectionArchivePayload, input, command)

    @strawberry.mutation(description="Add products to a collection, at its end.")
    async def collection_products_add(
        self, info: Info, input: inputs.CollectionProductsAddInput
    ) -> payloads.CollectionProductsAddPayload | None:
        command = _members(collections.add_products, input)
        return await perform(info, payloads.CollectionProductsAddPayload, input, command)

    @strawberry.mutation(description="Take products out of a collection.")
    async def collection_products_remove(
        self, info: Info, input: inputs.CollectionProductsRemoveInput
    ) -> payloads.CollectionProductsRemovePayload | None:
        command = _members(collections.remove_products, input)
        return await perform(info, payloads.CollectionProductsRemovePayload, input, command)

    @strawberry.mutation(description="Put products of a collection first, in this order.")
    async def collection_products_reorder(
        self, info: Info, input: inputs.CollectionProductsReorderInput
    ) -> payloads.CollectionProductsReorderPayload | None:
        command = _members(collections.reorder_products, input)
        return await perform(info, payloads.CollectionProductsReorderPayload, input, command)


@strawberry.type
class MediaMutations:
    @strawberry.mutation(description="Make a picture, video or file known, by its address.")
    async def media_create(self, info: Info, input: inputs.MediaCreateInput) -> payloads.MediaCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            return {"media": await media.create_media(tx, actor, media_draft(input))}

        return await perform(info, payloads.MediaCreatePayload, input, command)

    @strawberry.mutation(description="Describe a media in other words.")
    async def media_update(self, info: Info, input: inputs.MediaUpdateInput) -> payloads.MediaUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            key = ids.require("Media", input.media_id, ("mediaId",))
            await media.update_media(tx, actor, key, texts_kept(input.alt), expected_version=input.expected_version)
            return {"media": key}

        return await perform(info, payloads.MediaUpdatePayload, input, command)

    @strawberry.mutation(description="Show a media nowhere any more, or again.")
    async def media_archive(self, info: Info, input: inputs.MediaArchiveInput) -> payloads.MediaArchivePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            key = ids.require("Media", input.media_id, ("mediaId",))
            await media.archive_media(tx, actor, key, archived=input.archived, expected_version=input.expected_version)
            return {"media": key}

        return await perform(info, payloads.MediaArchivePayload, input, command)
