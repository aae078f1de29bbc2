"""What shipping costs: tiers by weight or by the goods' total. Pure.

Weights are grams, amounts minor units of one currency.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal

from msgspec import Struct, convert


class ShipTier(Struct, frozen=True, rename={"start": "from"}):
    """From this weight or total on, up to just before the next tier, shipping costs `price`."""

    start: int
    price: int


class ShipRule(Struct, frozen=True, kw_only=True):
    """What a delivery method charges. Raises ValueError when made of tiers that contradict each other."""

    rated_by: Literal["WEIGHT", "TOTAL"] = "TOTAL"
    """What `start` of a tier counts."""
    tiers: tuple[ShipTier, ...]
    """Ascending. Below the first the method is not offered."""
    free_from: int | None = None
    """Free where the goods come to this much or more."""
    max_weight_grams: int | None = None
    """The heaviest that is taken."""

    def __post_init__(self) -> None:
        starts = [tier.start for tier in self.tiers]
        if not starts or starts[0] < 0 or any(later <= start for start, later in pairwise(starts)):
            raise ValueError("tiers begin at 0 or more, and each above the one before")
        if any(tier.price < 0 for tier in self.tiers):
            raise ValueError("a tier's price is not negative")
        if (self.free_from or 0) < 0 or (self.max_weight_grams or 0) < 0:
            raise ValueError("a threshold is not negative")


def rule_of(method: Mapping[str, Any]) -> ShipRule:
    """The rule in a delivery method's columns by name, stored or about to be. Raises ValueError as `ShipRule` does."""
    return ShipRule(
        rated_by=method.get("rated_by", "TOTAL"),
        tiers=tuple(convert(method["tiers"], list[ShipTier])),
        free_from=method.get("free_from"),
        max_weight_grams=method.get("max_weight_grams"),
    )


def ship_price(rule: ShipRule, weight_grams: int, goods_total_minor: int) -> int | None:
    """The price as the method states it, in minor units; None where the method is not offered.

    `goods_total_minor`: what the goods cost the shopper, discounts taken off. Too heavy is not offered, even where it
    would be free.
    """
    if rule.max_weight_grams is not None and weight_grams > rule.max_weight_grams:
        return None
    measured = weight_grams if rule.rated_by == "WEIGHT" else goods_total_minor
    reached = [tier.price for tier in rule.tiers if tier.start <= measured]
    if not reached:
        return None
    if rule.free_from is not None and goods_total_minor >= rule.free_from:
        return 0
    return reached[-1]
