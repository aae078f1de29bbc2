"""From inputs to the catalog's drafts. Raises a refusal at the field at fault; paths begin at the item."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from strawberry import UNSET

from app.api.catalog import inputs
from app.catalog.drafts import (
    KEEP,
    Kept,
    MediaDraft,
    OptionDraft,
    OptionValueDraft,
    ProductDraft,
    TextDraft,
    VariantDraft,
)
from app.platform import ids
from app.platform.errors import Path

T = TypeVar("T")


def kept(value: T | None) -> T | Kept:
    """A field that can be left out but not emptied: null says as little as leaving it out."""
    return KEEP if value is UNSET or value is None else value


def nullable(value: T | None) -> T | Kept | None:
    """A field that null empties."""
    return KEEP if value is UNSET else value


def optional_id(type_name: str, value: str | None, path: Path) -> UUID | Kept | None:
    """An id that null takes away."""
    if value is UNSET:
        return KEEP
    return None if value is None else ids.require(type_name, value, path)


def all_ids(type_name: str, values: Iterable[str], path: Path) -> list[UUID]:
    return [ids.require(type_name, value, (*path, str(place))) for place, value in enumerate(values)]


def texts_of(given: Sequence[inputs.LocalizedTextInput] | None) -> dict[str, str]:
    """Texts by language; the last one of a language counts."""
    return {one.locale: one.text for one in given or ()}


def texts_kept(given: Sequence[inputs.LocalizedTextInput] | None) -> dict[str, str] | Kept:
    return KEEP if given is UNSET or given is None else texts_of(given)


def product_draft(given: Any) -> ProductDraft:
    """The draft of a ProductCreateItemInput or a ProductUpdateItemInput."""
    is_new = isinstance(given, inputs.ProductCreateItemInput)
    return ProductDraft(
        id=None if is_new else ids.require("Product", given.product_id, ("productId",)),
        mode="create" if is_new else "update",
        expected_version=None if is_new else given.expected_version,
        slug=kept(given.slug),
        status=given.status.value if given.status else KEEP,
        brand=nullable(given.brand),
        product_type=nullable(given.product_type),
        tags=kept(given.tags),
        category_id=optional_id("Category", given.category_id, ("categoryId",)),
        collection_ids=KEEP
        if isinstance(kept(given.collection_ids), Kept)
        else all_ids("Collection", given.collection_ids, ("collectionIds",)),
        tax_class_id=optional_id("TaxClass", given.tax_class_id, ("taxClassId",)),
        texts=[_text(one) for one in given.texts or ()],
        options=KEEP if not isinstance(given.options, list) else [_option(one) for one in given.options],
        variants=[_product_variant(one, ("variants", str(at))) for at, one in enumerate(given.variants or ())],
        media=KEEP if not isinstance(given.media, list) else [media_draft(one) for one in given.media],
    )


def _text(given: inputs.ProductTextInput) -> TextDraft:
    return TextDraft(
        locale=given.locale,
        name=kept(given.name),
        description="" if given.description is None else kept(given.description),
        seo_title=nullable(given.seo_title),
        seo_description=nullable(given.seo_description),
    )


def _option(given: inputs.ProductOptionInput) -> OptionDraft:
    values = [OptionValueDraft(texts=texts_of(value.names), was=value.was) for value in given.values]
    return OptionDraft(texts=texts_of(given.names), values=values, was=given.was)


def _product_variant(given: inputs.ProductVariantInput, path: Path) -> VariantDraft:
    key = ids.require("Variant", given.variant_id, (*path, "variantId")) if given.variant_id else None
    return variant_draft(given, path, id=key, mode="update" if key else "upsert")


def variant_draft(given: inputs.VariantFieldsInput, path: Path = (), **named: Any) -> VariantDraft:
    """The draft of a variant's fields; `named`: what else the draft holds."""
    options = given.selected_options
    return VariantDraft(
        option_values={one.name: one.value for one in options} if isinstance(options, list) else KEEP,
        sku=kept(given.sku),
        barcode=nullable(given.barcode),
        scale_code=nullable(given.scale_code),
        unit=kept(given.unit),
        quantity_step=kept(given.quantity_step),
        weight_grams=nullable(given.weight_grams),
        requires_shipping=kept(given.requires_shipping),
        track_stock=kept(given.track_stock),
        backorder_allowance=nullable(given.backorder_allowance),
        tax_class_id=optional_id("TaxClass", given.tax_class_id, (*path, "taxClassId")),
        position=kept(given.position),
        **named,
    )


def media_draft(given: inputs.ProductMediaInput) -> MediaDraft:
    kind: Any = given.kind.value
    return MediaDraft(
        url=given.url,
        kind=kind,
        alt=texts_kept(given.alt),
        width=nullable(given.width),
        height=nullable(given.height),
    )
