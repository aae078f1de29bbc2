"""The catalog's tables."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from app.platform.db import id_column, localized, metadata, milli, moment, sort_key, version_column
from app.platform.texts import LOCALES

category = Table(
    "category",
    metadata,
    id_column(),
    sort_key("slug"),
    localized("name"),
    Column("parent_id", Uuid, ForeignKey("category.id"), index=True),
    # Itself and all above it, the root first: a category's products are those whose category has it here.
    Column("lineage", ARRAY(Uuid), nullable=False),
    Column("position", Integer, nullable=False, server_default=text("0")),
    Column("archived", Boolean, nullable=False, server_default=text("false")),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
    Index("uq_category_slug", "slug", unique=True),
    Index("ix_category_lineage", "lineage", postgresql_using="gin"),
)

collection = Table(
    "collection",
    metadata,
    id_column(),
    sort_key("slug"),
    localized("name"),
    Column("archived", Boolean, nullable=False, server_default=text("false")),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
    Index("uq_collection_slug", "slug", unique=True),
)

product = Table(
    "product",
    metadata,
    id_column(),
    sort_key("slug"),
    Column("status", Text, nullable=False, server_default="DRAFT"),
    Column("brand", Text),
    Column("product_type", Text),
    Column("tags", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("category_id", Uuid, ForeignKey("category.id"), index=True),
    # Of `pricing`; null: the shop's default class.
    Column("tax_class_id", Uuid),
    # [{"name": {"pt-BR": …}, "values": [{"pt-BR": …}, …]}, …]; a filter names them in the default language.
    Column("options", JSONB, nullable=False, server_default=text("'[]'")),
    # What an import read and nothing here uses, kept for the way back.
    Column("extra", JSONB, nullable=False, server_default=text("'{}'")),
    Column("import_digest", LargeBinary),
    # When a publication of it next begins or ends; until then it is sold where it was told to be (`selling`).
    moment("next_at", nullable=True),
    # Given by the database, in the order of writing, and never shown: processes keep sets of products by it.
    Column("number", Integer, nullable=False, server_default=text("nextval('product_number')")),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
    Index("uq_product_slug", "slug", unique=True),
    Index("uq_product_number", "number", unique=True),
    Index("ix_product_next_at", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    Index("ix_product_created_at_id", "created_at", "id"),
    Index("ix_product_updated_at_id", "updated_at", "id"),
    Index("ix_product_brand", "brand"),
    Index("ix_product_tags", "tags", postgresql_using="gin"),
    CheckConstraint("status IN ('DRAFT','ACTIVE','ARCHIVED')", name="status"),
)

product_text = Table(
    "product_text",
    metadata,
    Column("product_id", Uuid, ForeignKey("product.id"), primary_key=True),
    Column("locale", Text, primary_key=True),
    Column("name", Text, nullable=False),
    # Lower case without accents: sorts the same on every database.
    sort_key("name_key"),
    Column("description", Text, nullable=False, server_default=""),
    Column("seo_title", Text),
    Column("seo_description", Text),
    # Stems of name (A), brand, tags, SKUs (B), category and collections (C), description (D), accents taken off first.
    Column("search", TSVECTOR, nullable=False, server_default=text("''")),
    # The same words but the description's, unstemmed, each once and with a blank between, for typing errors.
    Column("search_words", Text, nullable=False, server_default=""),
    # One for each language, or stems that texts in another have would be read and left out: `browse.search.in_locale`.
    *(
        Index(
            f"ix_product_text_search_{locale.partition('-')[0]}",
            "search",
            postgresql_using="gin",
            postgresql_where=text(f"locale IS NOT DISTINCT FROM '{locale}'"),
        )
        for locale in LOCALES
    ),
    # COLLATE "C", as `search_word.word` is, or it would be no index of such words; alembic cannot tell.
    Index("ix_product_text_spelled", text("string_to_array(search_words, ' ')"), postgresql_using="gin"),
    Index("ix_product_text_name", "locale", "name_key", "product_id"),
)

# The words of all `search_words`, those that no text has any more too, but no codes or numbers. Nothing forbids a word
# to stand twice: who brings a new one need not wait for another who brings it at the same time.
search_word = Table(
    "search_word",
    metadata,
    sort_key("word"),
    Index("ix_search_word_word", "word"),
    Index(
        "ix_search_word_alike",
        "word",
        postgresql_using="gin",
        postgresql_ops={"word": "gin_trgm_ops"},
        postgresql_with={"fastupdate": "off"},
    ),
)

variant = Table(
    "variant",
    metadata,
    id_column(),
    Column("product_id", Uuid, ForeignKey("product.id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    sort_key("sku"),
    sort_key("barcode", nullable=True),
    # One key for all ways to write a GTIN: UPC-A 036000291452 and EAN-13 0036000291452 are the same code.
    Column(
        "barcode_key",
        Text(collation="C"),
        Computed(
            "CASE WHEN barcode ~ '^([0-9]{8}|[0-9]{12,14})$' THEN lpad(barcode, 14, '0') ELSE barcode END",
            persisted=True,
        ),
    ),
    # The in-store item number that a scale prints into its labels.
    sort_key("scale_code", nullable=True),
    # One value for each of the product's options, in their order and in the default language.
    Column("option_values", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("unit", Text, nullable=False, server_default="un"),
    milli("quantity_step", default=1000),
    Column("weight_grams", Integer),
    Column("requires_shipping", Boolean, nullable=False, server_default=text("true")),
    # False: it is always there, and has no stock levels.
    Column("track_stock", Boolean, nullable=False, server_default=text("true")),
    # How far below nothing new levels may be sold; null: without bound.
    milli("backorder_allowance", nullable=True, default=0),
    # Of `pricing`; null: the product's.
    Column("tax_class_id", Uuid),
    Column("extra", JSONB, nullable=False, server_default=text("'{}'")),
    Column("archived", Boolean, nullable=False, server_default=text("false")),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
    Index("uq_variant_sku", "sku", unique=True),
    Index("uq_variant_barcode", "barcode_key", unique=True),
    Index("uq_variant_scale_code", "scale_code", unique=True),
    Index("uq_variant_options", "product_id", "option_values", unique=True, postgresql_where=text("NOT archived")),
    CheckConstraint("quantity_step > 0", name="quantity_step"),
)

media = Table(
    "media",
    metadata,
    id_column(),
    Column("kind", Text, nullable=False),
    Column("url", Text, nullable=False),
    localized("alt"),
    Column("width", Integer),
    Column("height", Integer),
    Column("archived", Boolean, nullable=False, server_default=text("false")),
    version_column(),
    moment("created_at"),
    moment("updated_at"),
    CheckConstraint("kind IN ('IMAGE','VIDEO','FILE')", name="kind"),
)

product_media = Table(
    "product_media",
    metadata,
    Column("product_id", Uuid, ForeignKey("product.id"), primary_key=True),
    Column("media_id", Uuid, ForeignKey("media.id"), primary_key=True, index=True),
    Column("position", Integer, nullable=False),
)

variant_media = Table(
    "variant_media",
    metadata,
    Column("variant_id", Uuid, ForeignKey("variant.id"), primary_key=True),
    Column("media_id", Uuid, ForeignKey("media.id"), primary_key=True, index=True),
    Column("position", Integer, nullable=False),
)

collection_product = Table(
    "collection_product",
    metadata,
    Column("collection_id", Uuid, ForeignKey("collection.id"), primary_key=True),
    Column("product_id", Uuid, ForeignKey("product.id"), primary_key=True, index=True),
    Column("position", Integer, nullable=False, server_default=text("0")),
)

# A channel sells a product while it is ACTIVE and this moment lies in its publication there.
publication = Table(
    "publication",
    metadata,
    Column("product_id", Uuid, ForeignKey("product.id"), primary_key=True),
    Column("channel_id", Uuid, ForeignKey("channel.id"), primary_key=True),
    moment("starts_at"),
    moment("ends_at", nullable=True),
    Index("ix_publication_channel", "channel_id", "product_id"),
)
