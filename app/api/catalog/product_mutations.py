"""Writing products and variants."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import strawberry

import app.browse.watched  # noqa: F401
from app.api.catalog import inputs, payloads
from app.api.catalog.bulk import carry_out
from app.api.catalog.decode import all_ids, nullable, product_draft, variant_draft
from app.api.catalog.taxing import changes_tax, retax, unknown_tax_classes
from app.api.context import Info
from app.api.perform import Result, perform
from app.catalog import media, products, variants
from app.catalog.drafts import ProductDraft, PublicationDraft
from app.catalog.fields import MAX_MEDIA
from app.catalog.publication import publish_product, unpublish_product
from app.catalog.variants import VariantChange
from app.channels.queries import all_channels, channels_by_codes
from app.identity.fields import at_most
from app.identity.principal import Actor
from app.platform import ids
from app.platform.db import Tx
from app.platform.errors import NotFound, Refusal, Refusals, collect

MOST_CHANNELS: Final = 100

Outcome = tuple[UUID | None, Sequence[Refusal]]


async def save_products(tx: Tx, actor: Actor, drafts: Sequence[ProductDraft]) -> list[Outcome]:
    """Each product's id, or its refusals."""
    unknown = await unknown_tax_classes(tx, drafts)
    saved = iter(
        await products.save_products(
            tx, actor, [draft for draft, refusals in zip(drafts, unknown, strict=True) if not refusals]
        )
    )
    outcomes: list[Outcome] = []
    for refusals in unknown:
        one = None if refusals else next(saved)
        outcomes.append((one.product_id, one.refusals) if one else (None, refusals))
    written = zip(drafts, outcomes, strict=True)
    await retax(tx, [key for draft, (key, refusals) in written if not refusals and changes_tax(draft)], actor.now)
    return outcomes


async def save_variants(tx: Tx, actor: Actor, changes: Sequence[VariantChange]) -> list[Outcome]:
    """Each variant's id, or its refusals."""
    unknown = await unknown_tax_classes(tx, [change.draft for change in changes])
    good = [change for change, refusals in zip(changes, unknown, strict=True) if not refusals]
    saved = await variants.save_variants(tx, actor, good)
    taxed = zip(good, saved, strict=True)
    await retax(tx, [one.product_id for change, one in taxed if changes_tax(change.draft)], actor.now)
    rest = iter(saved)
    outcomes: list[Outcome] = []
    for refusals in unknown:
        one = None if refusals else next(rest)
        outcomes.append((one.variant_id, one.refusals) if one else (None, refusals))
    return outcomes


def only(outcomes: Sequence[Outcome]) -> UUID | None:
    """The id of the one that was written. Raises its refusals."""
    ((key, refusals),) = outcomes
    collect(list(refusals))
    return key


@contextmanager
def paths(names: dict[str, tuple[str, ...]]) -> Generator[None]:
    """Refusals of a command at these fields of its draft are at those of the input."""
    try:
        yield
    except (Refusal, Refusals) as refused:
        for refusal in refused.refusals:
            if refusal.path and refusal.path[0] in names:
                first, *rest = refusal.path
                refusal.path = names[first] if first == "publish" else (*names[first], *rest)
        raise


async def channel_ids(tx: Tx, codes: Sequence[str] | None, *, active: bool) -> list[UUID]:
    """Channels by code; None: all, or all active ones. Raises NotFound for each unknown code."""
    if codes is None:
        return [row.id for row in await all_channels(tx) if row.active or not active]
    at_most(codes, MOST_CHANNELS, ("channels",))
    found = await channels_by_codes(tx, [code for code in codes if "\0" not in code])
    message = "There is no such channel."
    collect([NotFound(message, path=("channels", str(at))) for at, code in enumerate(codes) if code not in found])
    return list(dict.fromkeys(found[code].id for code in codes))


def variant_create(given: inputs.VariantCreateItemInput, expected_version: int | None = None) -> VariantChange:
    product_id = ids.require("Product", given.product_id, ("productId",))
    return VariantChange(variant_draft(given, mode="create"), product_id=product_id, expected_version=expected_version)


def variant_update(given: inputs.VariantUpdateItemInput) -> VariantChange:
    key = ids.require("Variant", given.variant_id, ("variantId",))
    return VariantChange(variant_draft(given, mode="update", id=key, expected_version=given.expected_version))


@strawberry.type
class ProductMutations:
    @strawberry.mutation(description="Create a product, with its variants, texts and media.")
    async def product_create(
        self, info: Info, input: inputs.ProductCreateInput
    ) -> payloads.ProductCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            return {"product": only(await save_products(tx, actor, [product_draft(input)]))}

        return await perform(info, payloads.ProductCreatePayload, input, command)

    @strawberry.mutation(description="Change a product, its variants, texts and media.")
    async def product_update(
        self, info: Info, input: inputs.ProductUpdateInput
    ) -> payloads.ProductUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            return {"product": only(await save_products(tx, actor, [product_draft(input)]))}

        return await perform(info, payloads.ProductUpdatePayload, input, command)

    @strawberry.mutation(description="Create at most 100 products; each that is refused leaves the others.")
    async def product_bulk_create(
        self, info: Info, input: inputs.ProductBulkCreateInput
    ) -> payloads.ProductBulkCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            return await carry_out(input.items, product_draft, lambda drafts: save_products(tx, actor, drafts))

        return await perform(info, payloads.ProductBulkCreatePayload, input, command)

    @strawberry.mutation(description="Change at most 100 products; each that is refused leaves the others.")
    async def product_bulk_update(
        self, info: Info, input: inputs.ProductBulkUpdateInput
    ) -> payloads.ProductBulkUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            return await carry_out(input.items, product_draft, lambda drafts: save_products(tx, actor, drafts))

        return await perform(info, payloads.ProductBulkUpdatePayload, input, command)

    @strawberry.mutation(description="Take a product out of sale everywhere, or bring it back as a draft.")
    async def product_archive(
        self, info: Info, input: inputs.ProductArchiveInput
    ) -> payloads.ProductArchivePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            key = ids.require("Product", input.product_id, ("productId",))
            archive = products.archive_product if input.archived else products.unarchive_product
            await archive(tx, actor, key, expected_version=input.expected_version)
            return {"product": key}

        return await perform(info, payloads.ProductArchivePayload, input, command)

    @strawberry.mutation(description="Let channels sell a product, from a time on, up to a time.")
    async def product_publish(
        self, info: Info, input: inputs.ProductPublishInput
    ) -> payloads.ProductPublishPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            key = ids.require("Product", input.product_id, ("productId",))
            ends_at = nullable(input.ends_at)
            wanted = [
                PublicationDraft(channel_id=channel_id, starts_at=input.starts_at, ends_at=ends_at)
                for channel_id in await channel_ids(tx, input.channels, active=True)
            ]
            with paths({"publish": ("endsAt",)}):
                await publish_product(tx, actor, key, wanted, expected_version=input.expected_version)
            return {"product": key}

        return await perform(info, payloads.ProductPublishPayload, input, command)

    @strawberry.mutation(description="Let channels sell a product no more.")
    async def product_unpublish(
        self, info: Info, input: inputs.ProductUnpublishInput
    ) -> payloads.ProductUnpublishPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            key = ids.require("Product", input.product_id, ("productId",))
            channels = await channel_ids(tx, input.channels, active=False)
            await unpublish_product(tx, actor, key, channels, expected_version=input.expected_version)
            return {"product": key}

        return await perform(info, payloads.ProductUnpublishPayload, input, command)

    @strawberry.mutation(description="Say which media a product has, in their order.")
    async def product_media_set(
        self, info: Info, input: inputs.ProductMediaSetInput
    ) -> payloads.ProductMediaSetPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            at_most(input.media_ids, MAX_MEDIA, ("mediaIds",))
            key = ids.require("Product", input.product_id, ("productId",))
            wanted = all_ids("Media", input.media_ids, ("mediaIds",))
            with paths({"media": ("mediaIds",)}):
                await media.set_product_media(tx, actor, key, wanted, expected_version=input.expected_version)
            return {"product": key}

        return await perform(info, payloads.ProductMediaSetPayload, input, command)


@strawberry.type
class VariantMutations:
    @strawberry.mutation(description="Create a variant.")
    async def variant_create(
        self, info: Info, input: inputs.VariantCreateInput
    ) -> payloads.VariantCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            change = variant_create(input, input.expected_version)
            return {"variant": only(await save_variants(tx, actor, [change]))}

        return await perform(info, payloads.VariantCreatePayload, input, command)

    @strawberry.mutation(description="Change a variant.")
    async def variant_update(
        self, info: Info, input: inputs.VariantUpdateInput
    ) -> payloads.VariantUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            return {"variant": only(await save_variants(tx, actor, [variant_update(input)]))}

        return await perform(info, payloads.VariantUpdatePayload, input, command)

    @strawberry.mutation(description="Create at most 100 variants; each that is refused leaves the others.")
    async def variant_bulk_create(
        self, info: Info, input: inputs.VariantBulkCreateInput
    ) -> payloads.VariantBulkCreatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            return await carry_out(input.items, variant_create, lambda changes: save_variants(tx, actor, changes))

        return await perform(info, payloads.VariantBulkCreatePayload, input, command)

    @strawberry.mutation(description="Change at most 100 variants; each that is refused leaves the others.")
    async def variant_bulk_update(
        self, info: Info, input: inputs.VariantBulkUpdateInput
    ) -> payloads.VariantBulkUpdatePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            return await carry_out(input.items, variant_update, lambda changes: save_variants(tx, actor, changes))

        return await perform(info, payloads.VariantBulkUpdatePayload, input, command)

    @strawberry.mutation(description="Take a variant out of sale, or bring it back.")
    async def variant_archive(
        self, info: Info, input: inputs.VariantArchiveInput
    ) -> payloads.VariantArchivePayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            key = ids.require("Variant", input.variant_id, ("variantId",))
            await variants.archive_variant(
                tx, actor, key, archived=input.archived, expected_version=input.expected_version
            )
            return {"variant": key}

        return await perform(info, payloads.VariantArchivePayload, input, command)

    @strawberry.mutation(description="Say which of its product's media show a variant, in their order.")
    async def variant_media_set(
        self, info: Info, input: inputs.VariantMediaSetInput
    ) -> payloads.VariantMediaSetPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            at_most(input.media_ids, MAX_MEDIA, ("mediaIds",))
            key = ids.require("Variant", input.variant_id, ("variantId",))
            wanted = all_ids("Media", input.media_ids, ("mediaIds",))
            with paths({"media": ("mediaIds",)}):
                await media.set_variant_media(tx, actor, key, wanted, expected_version=input.expected_version)
            return {"variant": key}

        return await perform(info, payloads.VariantMediaSetPayload, input, command)
