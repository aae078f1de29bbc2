"""Categories and collections, as the API shows them."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.catalog.sight import followed, sees_all
from app.api.catalog.texts import LocalizedText
from app.api.catalog.together import together
from app.api.context import Context
from app.api.engine.batch import Batch, batched
from app.api.nodes import Node, loads
from app.browse.facts import Entry
from app.browse.followed import CATEGORIES, COLLECTIONS
from app.catalog import queries
from app.platform import ids
from app.platform.texts import name_of


@strawberry.type(description="A place in the catalog's tree. A product is in one, and in all those above it.")
class Category(Node):
    key: strawberry.Private[UUID]
    parent_key: strawberry.Private[UUID | None]
    slug: str = strawberry.field(description="Its name in addresses and filters, unique.")
    name: str = strawberry.field(description="Its name, in the caller's language.")
    names: list[LocalizedText] = strawberry.field(description="Its name in each language that it has one in.")
    archived: bool = strawberry.field(description="Whether it is put away: shoppers do not see it.")
    version: int = strawberry.field(description="Counts its writes; for `expectedVersion`.")

    @classmethod
    def of(cls, row: Row[Any], context: Context) -> "Category":
        """From a row of `category`."""
        return cls(
            id=strawberry.ID(ids.encode("Category", row.id)),
            key=row.id,
            parent_key=row.parent_id,
            slug=row.slug,
            name=name_of(row.name, context.locale),
            names=LocalizedText.all_of(row.name),
            archived=row.archived,
            version=row.version,
        )

    @batched(lasting=True, description="The category above it; null at the top.")
    @staticmethod
    async def parent(parents: Sequence["Category"], batch: Batch[Context]) -> list["Category | None"]:
        return await categories_seen(batch.context, [parent.parent_key for parent in parents])

    @batched(description="The categories right below it, in the shop's order.")
    @staticmethod
    async def children(parents: Sequence["Category"], batch: Batch[Context]) -> list[list["Category"]]:
        context = batch.context
        found = await queries.children_of_categories(
            context.db, {parent.key for parent in parents}, archived=sees_all(context)
        )
        return [[Category.of(row, context) for row in found.get(parent.key, ())] for parent in parents]


@strawberry.type(description="Products put together by hand: gluten-free, for a barbecue.")
class Collection(Node):
    key: strawberry.Private[UUID]
    slug: str = strawberry.field(description="Its name in addresses and filters, unique.")
    name: str = strawberry.field(description="Its name, in the caller's language.")
    names: list[LocalizedText] = strawberry.field(description="Its name in each language that it has one in.")
    archived: bool = strawberry.field(description="Whether it is put away: shoppers do not see it.")
    version: int = strawberry.field(description="Counts its writes; for `expectedVersion`.")

    @classmethod
    def of(cls, row: Row[Any], context: Context) -> "Collection":
        """From a row of `collection`."""
        return cls(
            id=strawberry.ID(ids.encode("Collection", row.id)),
            key=row.id,
            slug=row.slug,
            name=name_of(row.name, context.locale),
            names=LocalizedText.all_of(row.name),
            archived=row.archived,
            version=row.version,
        )


async def categories_seen(context: Context, keys: Sequence[UUID | None]) -> list[Category | None]:
    """The categories with these ids in their order; None for none, and for one that is not the caller's to see."""
    wanted = {key for key in keys if key is not None}
    if not wanted:
        return [None] * len(keys)
    if (catalog := followed(context)) is not None:
        entries = await catalog.categories(wanted, context.now)
        return [_shown(entries.get(key), Category, context) if key is not None else None for key in keys]
    rows = await together(context, "categories", wanted, lambda some: queries.categories_by_ids(context.db, some))
    seen = {key: Category.of(row, context) for key, row in rows.items() if not row.archived or sees_all(context)}
    return [None if key is None else seen.get(key) for key in keys]


def categories_kept(context: Context, keys: Sequence[UUID | None]) -> list[Category | None] | None:
    """The same as `categories_seen`, where nothing has to be read."""
    wanted, catalog = {key for key in keys if key is not None}, followed(context)
    entries = catalog.kept(CATEGORIES, wanted, context.now) if catalog is not None and wanted else None
    if entries is None:
        return None if wanted else [None] * len(keys)
    return [_shown(entries[key], Category, context) if key is not None else None for key in keys]


def collections_kept(context: Context, keys: Sequence[Sequence[UUID]]) -> list[list[Collection]] | None:
    """The same as `collections_seen`, where nothing has to be read."""
    wanted, catalog = {key for some in keys for key in some}, followed(context)
    entries = catalog.kept(COLLECTIONS, wanted, context.now) if catalog is not None and wanted else None
    if entries is None:
        return None if wanted else [[] for _ in keys]
    return _by_slug(keys, {key: _shown(entry, Collection, context) for key, entry in entries.items()})


async def collections_seen(context: Context, keys: Sequence[Sequence[UUID]]) -> list[list[Collection]]:
    """For each of these the collections with these ids by slug, without those that are not the caller's to see."""
    wanted = {key for some in keys for key in some}
    found = dict(zip(wanted, await load_collections(context, list(wanted)), strict=True)) if wanted else {}
    return _by_slug(keys, found)


def _by_slug(keys: Sequence[Sequence[UUID]], found: Mapping[UUID, Collection | None]) -> list[list[Collection]]:
    seen = [[each for key in some if (each := found[key]) is not None] for some in keys]
    return [sorted(some, key=lambda each: each.slug) for some in seen]


S = TypeVar("S", Category, Collection)


def _shown(entry: Entry | None, kind: type[S], context: Context) -> S | None:
    """What shoppers see of an entry of the followed catalog, made once for each language."""
    if entry is None or entry.value.archived:
        return None
    made: S | None = entry.shown.get(context.locale)
    if made is None:
        made = entry.shown[context.locale] = kind.of(entry.value, context)
    return made


@loads("Category")
async def load_categories(context: Context, keys: Sequence[UUID]) -> list[Category | None]:
    """Archived categories are seen with `catalog.read` alone."""
    return await categories_seen(context, keys)


@loads("Collection")
async def load_collections(context: Context, keys: Sequence[UUID]) -> list[Collection | None]:
    """Archived collections are seen with `catalog.read` alone."""
    if (catalog := followed(context)) is not None:
        entries = await catalog.collections(keys, context.now)
        return [_shown(entries.get(key), Collection, context) for key in keys]
    rows = await queries.collections_by_ids(context.db, keys)
    return [
        Collection.of(rows[key], context) if key in rows and (not rows[key].archived or sees_all(context)) else None
        for key in keys
    ]
