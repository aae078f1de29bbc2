"""The delivery options of carts, as the API shows them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import Row

from app.api.carts.parts import DeliveryMethodKind, by_key
from app.api.carts.views import views_of
from app.api.channels.types import Location, load_locations
from app.api.context import Context
from app.api.customers.inputs import AddressInput
from app.api.engine.batch import Batch, batched
from app.api.engine.errors import Code, RequestError
from app.api.money import TaxedMoney
from app.carts.basket import Line
from app.carts.lines import MOST_AT_ONCE
from app.carts.offers import Offer, offers_of
from app.carts.queries import CartView
from app.channels.addresses import address as checked_address
from app.platform import ids
from app.platform.errors import Refusal, Refusals
from app.platform.texts import name_of
from app.pricing.tax import taxed


@strawberry.type(description="A way in which lines can reach the shopper, and what it costs.")
class DeliveryOption:
    location_key: strawberry.Private[UUID | None]
    code: str = strawberry.field(description="For `CartDeliverySetInput.option`.")
    name: str = strawberry.field(description="What it is called, in the caller's language.")
    method: DeliveryMethodKind = strawberry.field(description="How.")
    price: TaxedMoney = strawberry.field(description="What it costs.")
    earliest: datetime | None = strawberry.field(description="When it arrives or is ready at the earliest.")
    latest: datetime | None = strawberry.field(description="When at the latest.")

    @classmethod
    def of(cls, offer: Offer, view: CartView, context: Context) -> "DeliveryOption":
        option = offer.option
        price, _ = taxed(option.price, view.channel.prices_include_tax, option.rates)
        return cls(
            location_key=offer.location_id,
            code=option.code,
            name=name_of(option.name, context.locale),
            method=DeliveryMethodKind(option.method),
            price=TaxedMoney.of(price.net, price.gross, view.basket.row.currency),
            earliest=_in_days(context.now, option.min_days),
            latest=_in_days(context.now, option.max_days),
        )

    @batched(description="Where it is picked up.")
    @staticmethod
    async def location(parents: Sequence["DeliveryOption"], batch: Batch[Context]) -> list[Location | None]:
        return await by_key(load_locations, batch.context, [parent.location_key for parent in parents])


def _in_days(now: datetime, days: int | None) -> datetime | None:
    return None if days is None else now + timedelta(days=days)


async def delivery_options(
    context: Context,
    rows: Sequence[Row[Any]],
    line_ids: Sequence[str] | None,
    address: AddressInput | None,
) -> list[list[DeliveryOption] | Exception]:
    """What can be chosen for these carts. Lines that are not a cart's are that cart's error."""
    place = _address(address)
    keys = _line_keys(line_ids)
    views = await views_of(context, rows)
    wanted = [(view, _chosen(view, keys)) for view in views]
    asked = [(view, lines) for view, lines in wanted if not isinstance(lines, Exception)]
    offers = iter(await offers_of(context.db, asked, context.now, address=place))
    return [
        lines if isinstance(lines, Exception) else [DeliveryOption.of(each, view, context) for each in next(offers)]
        for view, lines in wanted
    ]


def _chosen(view: CartView, keys: Sequence[UUID] | None) -> list[Line] | Exception:
    lines = {line.id: line for line in view.basket.lines}
    if keys is None:
        return list(lines.values())
    if any(key not in lines for key in keys):
        return RequestError(Code.BAD_REQUEST, "`lineIds` names a line that is not in this cart.")
    return [lines[key] for key in dict.fromkeys(keys)]


def _line_keys(line_ids: Sequence[str] | None) -> list[UUID] | None:
    if line_ids is None:
        return None
    if len(line_ids) > MOST_AT_ONCE:
        raise RequestError(Code.BAD_REQUEST, f"`lineIds` names at most {MOST_AT_ONCE} lines.")
    keys = [key for key in (ids.decode("CartLine", line_id) for line_id in line_ids) if key is not None]
    if len(keys) < len(line_ids):
        raise RequestError(Code.BAD_REQUEST, "`lineIds` holds what is not the id of a CartLine.")
    return keys


def _address(given: AddressInput | None) -> dict[str, Any] | None:
    try:
        return None if given is None else checked_address(given.as_kept(), ("address",))
    except (Refusal, Refusals) as refused:
        first = refused.refusals[0]
        raise RequestError(Code.BAD_REQUEST, f"`{'.'.join(first.path)}`: {first.message}") from refused
