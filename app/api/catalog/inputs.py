"""What is written of products and variants."""

from datetime import datetime
from enum import Enum
from uuid import UUID

import strawberry
from strawberry import UNSET

from app.api.catalog.enums import MediaKind
from app.api.customers.inputs import EXPECTED, OPERATION
from app.api.scalars import Quantity

field = strawberry.field

TEXT = "One text a language."
ARCHIVED = "False brings it back."


@strawberry.enum(description="What a product may be set to; archiving has a mutation of its own.")
class ProductStatusSet(Enum):
    DRAFT = strawberry.enum_value("DRAFT", description="Not ready: no channel sells it.")
    ACTIVE = strawberry.enum_value("ACTIVE", description="Sold by the channels that it is published in.")


@strawberry.input(description="A text in one language.")
class LocalizedTextInput:
    locale: str = field(description="The language, one of the shop's: pt-BR, en.")
    text: str = field(description="The text, at most 500 characters.")


@strawberry.input(description="A product's texts in one language. What is left out stays.")
class ProductTextInput:
    locale: str = field(description="The language, one of the shop's: pt-BR, en.")
    name: str | None = field(default=UNSET, description="Needed with the first text of a language; at most 500.")
    description: str | None = field(
        default=UNSET, description="HTML of the shop's own staff, given out as it came; at most 65,536 characters."
    )
    seo_title: str | None = field(default=UNSET, description="For search engines; null takes it away.")
    seo_description: str | None = field(default=UNSET, description="For search engines; null takes it away.")


@strawberry.input(description="A value of an option.")
class OptionValueInput:
    names: list[LocalizedTextInput] = field(description=TEXT)
    was: str | None = field(
        default=None, description="How it was called so far, in the default language: variants follow."
    )


@strawberry.input(description="What variants of a product may differ in.")
class ProductOptionInput:
    names: list[LocalizedTextInput] = field(description=TEXT)
    values: list[OptionValueInput] = field(description="Its values, in order.")
    was: str | None = field(
        default=None, description="How it was called so far, in the default language: variants follow."
    )


@strawberry.input(description="The value that a variant has of an option, both in the default language.")
class SelectedOptionInput:
    name: str = field(description="The option.")
    value: str = field(description="Its value.")


@strawberry.input(description="A picture, video or file by its address.")
class ProductMediaInput:
    url: str = field(description="Where it is: https://… or a path of the shop's own; known again by it.")
    kind: MediaKind = field(default=MediaKind.IMAGE, description="What it is.")
    alt: list[LocalizedTextInput] | None = field(default=UNSET, description="What it shows, for who cannot see it.")
    width: int | None = field(default=UNSET, description="In pixels.")
    height: int | None = field(default=UNSET, description="In pixels.")


@strawberry.input(description="A variant's fields. What is left out stays, or takes its default.")
class VariantFieldsInput:
    selected_options: list[SelectedOptionInput] | None = field(
        default=UNSET, description="One value for each of the product's options."
    )
    sku: str | None = field(default=UNSET, description="Unique in the shop, at most 255; made when left out.")
    barcode: str | None = field(
        default=UNSET, description="EAN, UPC or any other code, unique, at most 64. A GTIN's check digit must be right."
    )
    scale_code: str | None = field(
        default=UNSET, description="The five digits by which a scale's labels name it, unique."
    )
    unit: str | None = field(default=UNSET, description="What quantities count: un, kg, m; un unless given.")
    quantity_step: Quantity | None = field(default=UNSET, description="The step they come in; 1 unless given.")
    weight_grams: int | None = field(default=UNSET, description="Of one unit.")
    requires_shipping: bool | None = field(default=UNSET, description="False: nothing is sent; true unless given.")
    track_stock: bool | None = field(default=UNSET, description="False: always there; true unless given.")
    backorder_allowance: Quantity | None = field(
        default=UNSET,
        description="How far below nothing new stock levels may be sold; null: without bound; 0 unless given.",
    )
    tax_class_id: strawberry.ID | None = field(default=UNSET, description="Null: the product's.")
    position: int | None = field(default=UNSET, description="Its place among the product's variants, from 1; last.")


@strawberry.input(description="A variant of a product that is written with it.")
class ProductVariantInput(VariantFieldsInput):
    variant_id: strawberry.ID | None = field(
        default=None, description="A variant that is there; left out: the one with these options, else a new one."
    )


@strawberry.input(description="A product's fields. What is left out stays, or takes its default.")
class ProductFieldsInput:
    slug: str | None = field(default=UNSET, description="Its name in addresses, unique; made from the name.")
    status: ProductStatusSet | None = field(default=UNSET, description="DRAFT unless given.")
    brand: str | None = field(default=UNSET, description="Its brand, at most 500 characters.")
    product_type: str | None = field(default=UNSET, description="What kind of thing it is, in the shop's own words.")
    tags: list[str] | None = field(default=UNSET, description="All of its tags, at most 250.")
    category_id: strawberry.ID | None = field(default=UNSET, description="Where it stands in the tree; null: nowhere.")
    collection_ids: list[strawberry.ID] | None = field(default=UNSET, description="All collections that it is in.")
    tax_class_id: strawberry.ID | None = field(default=UNSET, description="Null: the shop's default class.")
    options: list[ProductOptionInput] | None = field(
        default=UNSET, description="All of its options, in order, at most 5. Variants must go on to fit them."
    )
    variants: list[ProductVariantInput] | None = field(
        default=UNSET, description="Variants to create or change; at most 2,048 a product. Others stay."
    )
    media: list[ProductMediaInput] | None = field(default=UNSET, description="All of its media, in order, at most 250.")


@strawberry.input(description="A new product.")
class ProductCreateItemInput(ProductFieldsInput):
    texts: list[ProductTextInput] = field(description="Its texts, in at least one language.")


@strawberry.input(description="A new product, not published anywhere yet.")
class ProductCreateInput(ProductCreateItemInput):
    operation_id: UUID | None = field(default=None, description=OPERATION)


@strawberry.input(description="Changes to a product. What is left out stays.")
class ProductUpdateItemInput(ProductFieldsInput):
    product_id: strawberry.ID = field(description="The product.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    texts: list[ProductTextInput] | None = field(default=UNSET, description="Texts of these languages; others stay.")


@strawberry.input(description="Changes to a product. What is left out stays.")
class ProductUpdateInput(ProductUpdateItemInput):
    operation_id: UUID | None = field(default=None, description=OPERATION)


@strawberry.input(description="New products, at most 100; each by itself.")
class ProductBulkCreateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    items: list[ProductCreateItemInput] = field(description="At most 100.")


@strawberry.input(description="Changes to products, at most 100; each by itself.")
class ProductBulkUpdateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    items: list[ProductUpdateItemInput] = field(description="At most 100, each product once.")


@strawberry.input(description="A product to take out of sale, or back.")
class ProductArchiveInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    product_id: strawberry.ID = field(description="The product.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    archived: bool = field(default=True, description="False brings it back, as a draft.")


@strawberry.input(description="Where a product is to be sold, and when.")
class ProductPublishInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    product_id: strawberry.ID = field(description="The product.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    channels: list[str] | None = field(default=None, description="Codes of channels; left out: all that are active.")
    starts_at: datetime | None = field(default=None, description="Left out: as it is, else now.")
    ends_at: datetime | None = field(default=UNSET, description="Null: without end.")


@strawberry.input(description="Where a product is to be sold no more.")
class ProductUnpublishInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    product_id: strawberry.ID = field(description="The product.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    channels: list[str] | None = field(default=None, description="Codes of channels; left out: all.")


@strawberry.input(description="A new variant.")
class VariantCreateItemInput(VariantFieldsInput):
    product_id: strawberry.ID = field(description="Its product.")


@strawberry.input(description="A new variant.")
class VariantCreateInput(VariantCreateItemInput):
    operation_id: UUID | None = field(default=None, description=OPERATION)
    expected_version: int | None = field(default=None, description="Refuse unless the product stands at this version.")


@strawberry.input(description="Changes to a variant. What is left out stays.")
class VariantUpdateItemInput(VariantFieldsInput):
    variant_id: strawberry.ID = field(description="The variant.")
    expected_version: int | None = field(default=None, description=EXPECTED)


@strawberry.input(description="Changes to a variant. What is left out stays.")
class VariantUpdateInput(VariantUpdateItemInput):
    operation_id: UUID | None = field(default=None, description=OPERATION)


@strawberry.input(description="New variants, at most 100; each by itself.")
class VariantBulkCreateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    items: list[VariantCreateItemInput] = field(description="At most 100.")


@strawberry.input(description="Changes to variants, at most 100; each by itself.")
class VariantBulkUpdateInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    items: list[VariantUpdateItemInput] = field(description="At most 100, each variant once.")


@strawberry.input(description="A variant to take out of sale, or back. Its SKU and barcode stay its own.")
class VariantArchiveInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    variant_id: strawberry.ID = field(description="The variant.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    archived: bool = field(default=True, description=ARCHIVED)


@strawberry.input(description="All media of a product.")
class ProductMediaSetInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    product_id: strawberry.ID = field(description="The product.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    media_ids: list[strawberry.ID] = field(description="In order, at most 250.")


@strawberry.input(description="A variant's own media.")
class VariantMediaSetInput:
    operation_id: UUID | None = field(default=None, description=OPERATION)
    variant_id: strawberry.ID = field(description="The variant.")
    expected_version: int | None = field(default=None, description=EXPECTED)
    media_ids: list[strawberry.ID] = field(description="Some of its product's media, in order.")
