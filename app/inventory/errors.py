"""What inventory refuses."""

from typing import Literal
from uuid import UUID

from app.platform.errors import InvalidInput, Path, Refusal
from app.platform.quantities import format_quantity

LineType = Literal["CartLine", "OrderLine"]


class InsufficientStock(Refusal):
    """One line, or one level, is short. Quantities in thousandths.

    `available` is what the line could have: what it holds already and what is left, backorder allowance included.
    `location_id` is None where several locations could have served it.
    """

    def __init__(
        self,
        *,
        line_id: UUID | None,
        variant_id: UUID,
        location_id: UUID | None,
        requested: int,
        available: int,
        line_type: LineType = "CartLine",
        path: Path = (),
    ) -> None:
        super().__init__(
            f"Asked for {format_quantity(requested)}, there are {format_quantity(available)}.",
            path=path,
        )
        self.line_id = line_id
        self.line_type = line_type
        self.variant_id = variant_id
        self.location_id = location_id
        self.requested = requested
        self.available = available


class StockMoved(InvalidInput):
    """A compare-and-set found another quantity on hand than the caller expected. `on_hand`: what it is, in thousandths.

    `level_id` is nobody's where there is no level yet, and so nothing on hand.
    """

    def __init__(self, *, level_id: UUID, on_hand: int, expected: int, path: Path) -> None:
        super().__init__(
            f"It has moved: you expected {format_quantity(expected)} on hand, there are {format_quantity(on_hand)}.",
            path=path,
        )
        self.level_id = level_id
        self.on_hand = on_hand
