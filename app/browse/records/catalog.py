"""Records of products with all that they are made of, of categories and of collections.

A product's version counts what its record holds and nothing else; so what it only refers to, its category or its
collections, stands by its id, whether the caller may see it or not. Addresses of media are as they were given: relative
ones are the shop's own, and relative to where the record came from.
"""

from typing import Final

from sqlalchemy import column, func, or_
from sqlalchemy.dialects.postgresql import JSONB

from app.browse.records.pieces import (
    Piece,
    each,
    flag,
    keyed,
    localized,
    members,
    moment,
    quantity,
    ref,
    string,
    strings,
    whole,
)
from app.browse.records.record import Source, source
from app.browse.records.view import EVERYTHING
from app.browse.sight import sold
from app.catalog.tables import (
    category,
    collection,
    collection_product,
    media,
    product,
    product_media,
    product_text,
    variant,
    variant_media,
)
from app.events.outbox import Topic

_option = (
    func.jsonb_array_elements(product.c.options)
    .table_valued(column("said", JSONB), with_ordinality="place", name="option", joins_implicitly=True)
    .render_derived()
)
_value = (
    func.jsonb_array_elements(_option.c.said["values"])
    .table_valued(column("said", JSONB), with_ordinality="place", name="value", joins_implicitly=True)
    .render_derived()
)
OPTIONS: Final = each(
    members(
        {
            "names": localized(_option.c.said["name"], "What it is called, by language."),
            "values": each(
                localized(_value.c.said),
                _value,
                order=[_value.c.place],
                about="Its values in their order, each by language. A variant names them in the shop's own language.",
            ),
        }
    ),
    _option,
    order=[_option.c.place],
    about="What its variants differ in.",
)
TEXTS: Final = keyed(
    product_text.c.locale,
    members(
        {
            "name": string(product_text.c.name),
            "description": string(product_text.c.description, "HTML as the shop wrote it."),
            "seoTitle": string(product_text.c.seo_title),
            "seoDescription": string(product_text.c.seo_description),
        }
    ),
    product_text,
    product_text.c.product_id == product.c.id,
    about="Its texts by language.",
)
MEDIA: Final = each(
    members(
        {
            "id": ref("Media", media.c.id),
            "kind": string(media.c.kind, among=("IMAGE", "VIDEO", "FILE")),
            "url": string(media.c.url, "Relative ones are relative to the server."),
            "alt": localized(media.c.alt, "What it shows, by language."),
            "width": whole(media.c.width, "In pixels."),
            "height": whole(media.c.height, "In pixels."),
        }
    ),
    product_media.join(media, media.c.id == product_media.c.media_id),
    product_media.c.product_id == product.c.id,
    ~media.c.archived,
    order=[product_media.c.position, media.c.id],
    about="Its pictures, videos and files, in their order.",
)
VARIANT_MEDIA: Final = each(
    ref("Media", variant_media.c.media_id),
    variant_media.join(media, media.c.id == variant_media.c.media_id),
    variant_media.c.variant_id == variant.c.id,
    ~media.c.archived,
    order=[variant_media.c.position, variant_media.c.media_id],
    about="Those of its product's media that are its own; without any, all are.",
)
VARIANTS: Final = each(
    members(
        {
            "id": ref("Variant", variant.c.id),
            "sku": string(variant.c.sku),
            "barcode": string(variant.c.barcode),
            "scaleCode": string(variant.c.scale_code, "The five digits by which a scale's labels name it."),
            "optionValues": strings(variant.c.option_values, "A value of each of the product's options."),
            "unit": string(variant.c.unit, 'What quantities count ("un", "kg").'),
            "quantityStep": quantity(variant.c.quantity_step, "The step that quantities come in."),
            "weightGrams": whole(variant.c.weight_grams),
            "requiresShipping": flag(variant.c.requires_shipping),
            "trackStock": flag(variant.c.track_stock),
            "backorderAllowance": quantity(
                variant.c.backorder_allowance, "How far below nothing new levels may be sold; null: without bound."
            ),
            "taxClassId": ref("TaxClass", variant.c.tax_class_id, "Null: its product's."),
            "archived": flag(variant.c.archived),
            "mediaIds": VARIANT_MEDIA,
        }
    ),
    variant,
    variant.c.product_id == product.c.id,
    or_(EVERYTHING, ~variant.c.archived),
    order=[variant.c.position, variant.c.id],
    about="Its variants in their order; archived ones for who may see them.",
)
_in = collection_product.c
PRODUCT: Final[dict[str, Piece]] = {
    "slug": string(product.c.slug),
    "status": string(product.c.status, among=("DRAFT", "ACTIVE", "ARCHIVED")),
    "brand": string(product.c.brand),
    "productType": string(product.c.product_type),
    "tags": strings(product.c.tags),
    "categoryId": ref("Category", product.c.category_id),
    "collectionIds": each(
        ref("Collection", _in.collection_id),
        collection_product,
        _in.product_id == product.c.id,
        order=[_in.collection_id],
        about="Of all its collections, put away or not.",
    ),
    "taxClassId": ref("TaxClass", product.c.tax_class_id, "Null: the shop's default class."),
    "options": OPTIONS,
    "texts": TEXTS,
    "media": MEDIA,
    "variants": VARIANTS,
    "createdAt": moment(product.c.created_at),
    "updatedAt": moment(product.c.updated_at),
}
CATEGORY: Final[dict[str, Piece]] = {
    "slug": string(category.c.slug),
    "names": localized(category.c.name, "By language."),
    "parentId": ref("Category", category.c.parent_id, "The category above it; null at the top."),
    "position": whole(category.c.position, "Its place among those of one parent; then by slug."),
    "archived": flag(category.c.archived),
    "createdAt": moment(category.c.created_at),
    "updatedAt": moment(category.c.updated_at),
}
COLLECTION: Final[dict[str, Piece]] = {
    "slug": string(collection.c.slug),
    "names": localized(collection.c.name, "By language."),
    "archived": flag(collection.c.archived),
    "createdAt": moment(collection.c.created_at),
    "updatedAt": moment(collection.c.updated_at),
}

PRODUCTS: Final[Source] = source(
    Topic.PRODUCT,
    "Product",
    key=product.c.id,
    version=product.c.version,
    fields=PRODUCT,
    about="What the shop sells, in all its variants.",
    origin=product,
    seen=[or_(EVERYTHING, sold())],
)
CATEGORIES: Final[Source] = source(
    Topic.CATEGORY,
    "Category",
    key=category.c.id,
    version=category.c.version,
    fields=CATEGORY,
    about="A place in the catalog's tree.",
    origin=category,
    seen=[or_(EVERYTHING, ~category.c.archived)],
)
COLLECTIONS: Final[Source] = source(
    Topic.COLLECTION,
    "Collection",
    key=collection.c.id,
    version=collection.c.version,
    fields=COLLECTION,
    about="Products put together by hand; which ones, the products say.",
    origin=collection,
    seen=[or_(EVERYTHING, ~collection.c.archived)],
)
