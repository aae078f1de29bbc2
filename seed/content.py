"""Reads the demo shop's content from `seed/data` and refuses it unless all of it holds together.

`shop.json`, `catalog.json`, `people.json`, `prices.json` and `delivery.json` hold one kind of thing each, and
`products/<top category>.json` the products of a category. The shapes are those of `seed.shapes`, the rules those of
`seed.checks`. Tax rates are there to show the machinery, and are no advice on Brazilian tax.
"""

from pathlib import Path
from typing import TypeVar

import msgspec

from seed.checks import problems
from seed.shapes import CatalogFile, Content, DeliveryOption, PeopleFile, PriceList, Product, ShopFile

DATA = Path(__file__).parent / "data"
MEDIA = Path(__file__).parent / "media"

T = TypeVar("T")


class BadContent(Exception):
    """The content contradicts itself; `problems` says where, a line each."""

    def __init__(self, found: list[str]) -> None:
        super().__init__("\n".join(found))
        self.problems = found


def load(data: Path = DATA, media: Path = MEDIA) -> Content:
    """Everything in `data`, checked. Raises BadContent with every fault, or with the first file of another shape."""
    content = read(data)
    if found := problems(content, {file.name for file in media.glob("*.svg")}):
        raise BadContent(found)
    return content


def read(data: Path = DATA) -> Content:
    """Everything in `data`, of the right shape, its rules not yet checked."""
    catalog = _decode(data / "catalog.json", CatalogFile)
    products: list[Product] = []
    for category in catalog.categories:
        if category.parent is None:
            products += _decode(data / "products" / f"{category.slug}.json", list[Product])
    return Content(
        shop=_decode(data / "shop.json", ShopFile),
        catalog=catalog,
        products=products,
        people=_decode(data / "people.json", PeopleFile),
        price_lists=_decode(data / "prices.json", list[PriceList]),
        delivery_options=_decode(data / "delivery.json", list[DeliveryOption]),
    )


def _decode(file: Path, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(file.read_bytes(), type=shape)
    except msgspec.DecodeError as error:
        raise BadContent([f"{file.name}: {error}"]) from error
