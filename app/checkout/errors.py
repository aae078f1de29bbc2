"""Refusals of checkout."""

from uuid import UUID

from app.platform.errors import Path, Refusal


class PriceChanged(Refusal):
    """The total is another than the shopper agreed to. Amounts in minor units of `currency`; nothing was sold."""

    def __init__(
        self, message: str, *, cart_id: UUID, was: int, now: int, currency: str, line_id: UUID | None, path: Path = ()
    ) -> None:
        super().__init__(message, path=path)
        self.cart_id = cart_id
        self.was = was
        self.now = now
        self.currency = currency
        self.line_id = line_id
