"""The product's own fields, from the first row of its block."""

from __future__ import annotations

from app.catalog.formats import values
from app.catalog.formats.cells import Cells
from app.catalog.formats.columns import Columns
from app.catalog.formats.records import Lost, ProductRecord, Status

_TEXT = values.line_of_text()
_STATUSES = frozenset(status.value for status in Status)


def read_product(cells: Cells, columns: Columns) -> ProductRecord:
    """A record without options, variants and images; problems with it are left in `cells`.

    What decides whether and as what it is sold loses the product when it cannot be read, the rest only itself.
    """
    if not cells.raw("title"):
        cells.fault("title", "is missing on the product's first row", Lost.PRODUCT)
    status, listed = cells.take("status", _status, (Status.ACTIVE, True), Lost.PRODUCT)
    return ProductRecord(
        handle=cells.handle,
        line=cells.line,
        last_line=cells.last_line,
        continues=False,
        title=cells.take("title", _TEXT, "", Lost.PRODUCT),
        body_html=cells.take("body", str, "", Lost.PRODUCT),
        vendor=cells.take("vendor", _TEXT, "", Lost.PRODUCT),
        type=cells.take("type", _TEXT, "", Lost.PRODUCT),
        category_path=cells.take("category", values.path, (), Lost.VALUE),
        collection=cells.take("collection", _TEXT, "", Lost.VALUE),
        tags=cells.take("tags", values.tags, (), Lost.VALUE),
        status=status,
        published=cells.take("published", values.flag, True, Lost.PRODUCT) and listed,
        gift_card=cells.take("gift_card", values.flag, False, Lost.PRODUCT),
        seo_title=cells.take("seo_title", values.line_of_text(values.MAX_SEO), "", Lost.VALUE),
        seo_description=cells.take("seo_description", values.line_of_text(values.MAX_SEO), "", Lost.VALUE),
        options=(),
        variants=(),
        images=(),
        extra=cells.kept(columns.product_extra),
    )


def continued_product(cells: Cells) -> ProductRecord:
    """The record of a later block, which only brings variants and images to the product of that handle."""
    return ProductRecord(
        handle=cells.handle,
        line=cells.line,
        last_line=cells.last_line,
        continues=True,
        title="",
        body_html="",
        vendor="",
        type="",
        category_path=(),
        collection="",
        tags=(),
        status=Status.ACTIVE,
        published=True,
        gift_card=False,
        seo_title="",
        seo_description="",
        options=(),
        variants=(),
        images=(),
        extra={},
    )


def _status(value: str) -> tuple[Status, bool]:
    """The status and whether it may be listed: Shopify's «unlisted» is active, but in no list."""
    word = value.casefold()
    if word == "unlisted":
        return Status.ACTIVE, False
    if word not in _STATUSES:
        raise values.BadValue("must be active, draft or archived")
    return Status(word), True
