"""Money in the API: exact amounts with their currency."""

from decimal import Decimal

import strawberry

from app.api.scalars import CurrencyCode
from app.platform import money
from app.platform.errors import InvalidInput, Path


@strawberry.type(description="An exact amount of money.")
class Money:
    amount: Decimal = strawberry.field(description="The amount in the currency's own unit, such as 19.90.")
    currency: CurrencyCode = strawberry.field(description="Its currency.")

    @classmethod
    def of(cls, minor: int, currency: str) -> "Money":
        """From minor units."""
        return cls(amount=money.from_minor(minor, currency), currency=CurrencyCode(currency))


@strawberry.type(description="An amount without and with its tax. `net` + `tax` = `gross`.")
class TaxedMoney:
    net: Money = strawberry.field(description="Without tax.")
    gross: Money = strawberry.field(description="With tax.")
    tax: Money = strawberry.field(description="The tax.")

    @classmethod
    def of(cls, net: int, gross: int, currency: str) -> "TaxedMoney":
        """From minor units."""
        return cls(net=Money.of(net, currency), gross=Money.of(gross, currency), tax=Money.of(gross - net, currency))


@strawberry.input(description="An exact amount of money.")
class MoneyInput:
    amount: Decimal = strawberry.field(description='The amount, such as "19.90".')
    currency: CurrencyCode = strawberry.field(description="Its currency: the cart's or order's.")


def minor_of(given: MoneyInput, currency: str, path: Path) -> int:
    """Minor units of an amount that must be in this currency. Raises InvalidInput at `path` (WRONG_CURRENCY)."""
    if given.currency != currency:
        raise InvalidInput(f"The currency must be {currency}.", path=(*path, "currency"), code="WRONG_CURRENCY")
    try:
        return money.to_minor(given.amount, currency)
    except InvalidInput as error:
        raise error.at(*path, "amount") from None
