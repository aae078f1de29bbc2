"""Orders of the caller's locations and channels, with their lines and payments."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from app.browse.exports.asking import Asked
from app.browse.exports.cells import Cell, Record, amount, moment, number, quantity
from app.channels.queries import all_channels, all_locations
from app.orders.queries import OrdersWanted, lines_of_orders, list_orders
from app.payments.tenders import payments_of
from app.platform import ids
from app.platform.db import Reader
from app.platform.texts import name_of

BATCH: Final = 300
_ORDER: Final = (
    *("number", "status", "paymentStatus", "fulfillmentStatus", "channel", "location", "receiptNumber", "placedAt"),
    *("updatedAt", "customerId", "email", "phone", "taxId", "currency"),
)
_SUMS: Final = ("subtotal", "discount", "delivery", "tax", "rounding", "total", "refunded")
_SUMS_OF_LINE: Final = ("unitNet", "unitGross", "totalNet", "totalGross")
COLUMNS: Final = (
    *("Number", "Status", "Payment status", "Fulfillment status", "Channel", "Location", "Receipt number"),
    *("Placed at", "Updated at", "Customer id", "E-mail", "Phone", "Tax id", "Currency"),
    *("Subtotal", "Discount", "Delivery", "Tax", "Rounding", "Total", "Refunded", "Payment methods"),
    *("Line SKU", "Line name", "Line quantity", "Line fulfilled", "Line cancelled", "Line returned"),
    *("Line unit net", "Line unit gross", "Line total net", "Line total gross"),
)


async def batches(db: Reader, asked: Asked) -> AsyncIterator[list[Record]]:
    """The newest first."""
    channels = {row.id: row.code for row in await all_channels(db)}
    locations = {row.id: row.code for row in await all_locations(db)}
    wanted = OrdersWanted(
        statuses=asked.statuses,
        channel_ids=asked.channel_ids,
        location_ids=asked.location_ids,
        customer_id=asked.customer_id,
        placed_from=asked.placed_from,
        placed_to=asked.placed_to,
        updated_from=asked.updated_from,
        updated_to=asked.updated_to,
    )
    after = None
    while found := (await list_orders(db, asked.principal, wanted, first=BATCH, after=after))[:BATCH]:
        keys = [row.id for row in found]
        lines, payments = await lines_of_orders(db, keys), await payments_of(db, keys)
        yield [
            _record(row, channels[row.channel_id], locations.get(row.location_id))
            | {
                "payments": [_payment(each) for each in payments.get(row.id, ())],
                "lines": [_line(each, row.currency, asked.locale) for each in lines.get(row.id, ())],
            }
            for row in found
        ]
        after = found[-1].placed_at, found[-1].id


def _record(row: Any, channel: str, location: str | None) -> Record:
    return {
        "id": ids.encode("Order", row.id),
        "number": row.number,
        "status": row.status,
        "paymentStatus": row.payment_status,
        "fulfillmentStatus": row.fulfillment_status,
        "channel": channel,
        "location": location,
        "receiptNumber": row.receipt_number,
        "placedAt": moment(row.placed_at),
        "updatedAt": moment(row.updated_at),
        "customerId": None if row.customer_id is None else ids.encode("Customer", row.customer_id),
        "email": row.email,
        "phone": row.phone,
        "taxId": row.tax_id,
        "currency": row.currency,
        **{name: amount(getattr(row, name), row.currency) for name in _SUMS},
    }


def _line(row: Any, currency: str, locale: str) -> Record:
    return {
        "sku": row.sku,
        "name": name_of(row.name, locale),
        "quantity": quantity(row.quantity),
        "fulfilled": quantity(row.fulfilled),
        "cancelled": quantity(row.cancelled),
        "returned": quantity(row.returned),
        "unitNet": amount(row.unit_net, currency),
        "unitGross": amount(row.unit_gross, currency),
        "totalNet": amount(row.total_net, currency),
        "totalGross": amount(row.total_gross, currency),
    }


def _payment(row: Any) -> Record:
    return {
        "method": row.method,
        "label": row.label,
        "status": row.status,
        "amount": amount(row.amount, row.currency),
        "refunded": amount(row.refunded, row.currency),
    }


def rows(record: Record) -> Sequence[Sequence[Cell]]:
    """A line of a CSV for each of the order's; what is the order's stands on each."""
    methods = ", ".join(dict.fromkeys(each["method"] for each in record["payments"]))
    own = (*(record[name] for name in _ORDER), *(number(record[name]) for name in _SUMS), methods)
    return [
        (
            *own,
            *(value for name, value in line.items() if name not in _SUMS_OF_LINE),
            *(number(line[name]) for name in _SUMS_OF_LINE),
        )
        for line in record["lines"]
    ]
