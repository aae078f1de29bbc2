"""Who tells when variants come into sight or out of it (`catalog.watching`): whoever writes products imports this."""

from app.inventory.sight import tell_stock
from app.pricing.sight import tell_prices

__all__ = ["tell_prices", "tell_stock"]
