"""What each role may do. A permission names a kind of thing and what is done to it; `viewer` lists the caller's."""

from typing import Final

PERMISSIONS: Final = {
    "catalog.read": "See drafts, archived and unpublished products, and all channels side by side.",
    "catalog.write": "Write products, variants, categories, collections, media, publication; importing needs more.",
    "prices.read": "See price lists, and every rule that was tried for a price.",
    "prices.write": "Write price lists, prices, tax classes and rates.",
    "prices.override": "Give a line of a cart another price, with a reason.",
    "stock.read": "See stock levels and movements.",
    "stock.write": "Adjust, receive and count stock; set safety stock and backorder allowance.",
    "carts.read": "See carts of the caller's locations and channels, customers' carts too.",
    "carts.write": "Write such carts.",
    "orders.read": "See orders of the caller's locations and channels.",
    "orders.write": "Fulfill and cancel such orders.",
    "payments.settle": "Say that money was received: cash, card terminal, other.",
    "customers.read": "See customers and their history.",
    "customers.write": "Write customers and groups.",
    "registers.read": "See registers and devices.",
    "feed.read": "See who follows the feed and how far they are, and where channels are at odds.",
    "settings.write": "Write channels, locations, registers and delivery methods; everywhere, webhooks too.",
    "staff.write": "Write staff, devices and API clients; make and revoke tokens.",
}

_READ = frozenset(
    {
        *("catalog.read", "prices.read", "stock.read", "carts.read", "orders.read", "customers.read"),
        *("registers.read", "feed.read"),
    }
)
_SELL = frozenset(
    {"carts.read", "carts.write", "orders.read", "payments.settle", "stock.read", "prices.read", "registers.read"}
)

ROLES: Final[dict[str, frozenset[str]]] = {
    "owner": frozenset(PERMISSIONS),
    "manager": frozenset(PERMISSIONS) - {"staff.write", "settings.write"},
    "cashier": _SELL | {"customers.read", "customers.write", "orders.write", "prices.override"},
    "catalog": frozenset({"catalog.read", "catalog.write", "prices.read", "prices.write", "stock.read"}),
    "service": _READ | {"carts.write", "customers.write", "orders.write"},
    "readonly": _READ,
    # A till: what any cashier does at it without a sign-in of their own.
    "device": _SELL | {"customers.read", "orders.write"},
    "client": frozenset(),
    "anonymous": frozenset(),
}
