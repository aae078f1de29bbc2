"""Stock that came with a page of products: what of it the selection will ask for, and where it is found again."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final

from app.api.context import Context
from app.api.engine.selection import Selection
from app.api.paging import MOST
from app.browse.followed import Catalog
from app.browse.pages import Asked, Found
from app.inventory.availability import Stocked

_ENTRIES: Final = (("nodes",), ("edges", "node"))


@dataclass(slots=True)
class Counted:
    """The variants that were looked at, at so many locations, and those of them that have a level; by ids' bytes."""

    variants: Set[bytes]
    stocked: Mapping[bytes, Stocked]
    places: int

    def add(self, variants: Set[bytes], stocked: Mapping[bytes, Stocked]) -> None:
        """These were looked at too. What is given stays as it is, and is what `stocked` is where nothing else was."""
        if not self.variants:
            self.variants, self.stocked = variants, stocked
        else:
            self.variants, self.stocked = self.variants | variants, {**self.stocked, **stocked}


async def asked_with(context: Context, catalog: Catalog, selection: Selection) -> Asked | None:
    """What stock a selection of products will ask for; None: none, or not in the way that a page can tell."""
    variants = selection.once("stock", _variants_asked)
    if variants < 0:
        # It is a matter of variables.
        variants = _most(selection)
    if not variants:
        return None
    settings = catalog.settings_kept() or await catalog.settings(context.now)
    places = settings.places.get(context.channel.id, ())
    if not places:
        return None
    return Asked(variants, [place.id for place in places], context.channel.ignores_safety_stock)


def _variants_asked(selection: Selection) -> int:
    """Of how many variants of each product, at most; less than none where variables say so."""
    some = [variants for path in _ENTRIES for variants in selection.under(*path).named("variants")]
    return _most(selection) if all(variants.is_fixed for variants in some) else -1


def _most(selection: Selection) -> int:
    most = 0
    for path in _ENTRIES:
        products = selection.under(*path)
        if "availability" in products:
            return MOST
        for variants in products.named("variants"):
            below = [variants.selection.under(*way) for way in _ENTRIES]
            if variants.arguments.get("after") is None and any("availability" in each for each in below):
                most = max(most, variants.arguments["first"])
    return min(most, MOST)


def remember_stock(context: Context, asked: Asked, found: Found) -> None:
    """Keep what a page told for who asks for it later in the request."""
    known = counted(context, len(asked.location_ids))
    known.add(set(found.counted), found.stocked)


def counted_so_far(context: Context) -> Counted | None:
    """What of stock is known in this request, if anything is."""
    # What a request read before it wrote is of another moment.
    known: Counted | None = context.memory.get(("counted", context.channel.id, context.wrote))
    return known


def counted(context: Context, places: int) -> Counted:
    """The same, to be added to; `places`: how many locations its channel has."""
    known: Counted = context.memory.setdefault(
        ("counted", context.channel.id, context.wrote), Counted(set(), {}, places)
    )
    return known
