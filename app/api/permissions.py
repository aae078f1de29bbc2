"""Which permission each field needs: one table, wrapped around the whole schema before anything can run.

A root field without an entry is a mistake that keeps the server from starting. On other types only what is listed is
guarded; the rest can be reached by whoever could reach its parent. Whose cart, order or location it may be is decided
per row in `identity.access`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from graphql import GraphQLSchema, is_object_type
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from app.api.context import Context
from app.api.engine.errors import Code, RequestError
from app.identity.access import works_here

EVERYBODY: Final = None


@dataclass(frozen=True, slots=True)
class Selling:
    """What every shopper may; but of those who work here only who has this permission."""

    permission: str


@dataclass(frozen=True, slots=True)
class Known:
    """What everybody may who has a credential, whatever it allows."""


SELLING: Final = Selling("carts.write")
KNOWN: Final = Known()
ROOTS: Final = frozenset({"Query", "Mutation", "Subscription"})

NEEDS: Final[Mapping[str, str | Selling | Known | None]] = {
    # --- what shoppers read
    "Query.node": EVERYBODY,
    "Query.nodes": EVERYBODY,
    "Query.viewer": EVERYBODY,
    "Query.channel": EVERYBODY,
    "Query.channels": EVERYBODY,
    "Query.locations": EVERYBODY,
    "Query.product": EVERYBODY,
    "Query.products": EVERYBODY,
    "Query.variant": EVERYBODY,
    "Query.scan": EVERYBODY,
    "Query.categories": EVERYBODY,
    "Query.collections": EVERYBODY,
    "Query.cart": EVERYBODY,
    "Query.order": EVERYBODY,
    # --- what is followed: by topic, `identity.following` says what of it
    "Query.changes": EVERYBODY,
    "Query.convergence": "feed.read",
    "Mutation.followerAcknowledge": KNOWN,
    "Subscription.changes": EVERYBODY,
    "Subscription.cart": EVERYBODY,
    "Subscription.order": EVERYBODY,
    "Subscription.availability": EVERYBODY,
    # --- the back office reads
    "Query.staff": "staff.write",
    "Query.apiClients": "staff.write",
    "Query.tokens": "staff.write",
    "Query.devices": "registers.read",
    "Query.registers": "registers.read",
    "Query.customers": "customers.read",
    "Query.customer": "customers.read",
    "Query.customerGroups": "customers.read",
    "Query.channelViews": "catalog.read",
    "Query.priceLists": "prices.read",
    "Query.priceList": "prices.read",
    "Query.prices": "prices.read",
    "Query.taxClasses": "prices.read",
    "Query.stockLevels": "stock.read",
    "Query.stockMovements": "stock.read",
    "Query.deliveryMethods": "settings.write",
    "Query.webhook": "settings.write",
    "Query.webhooks": "settings.write",
    "Query.carts": "carts.read",
    "Query.orders": "orders.read",
    # --- what shoppers write
    "Mutation.cartCreate": SELLING,
    "Mutation.cartLinesAdd": SELLING,
    "Mutation.cartLinesUpdate": SELLING,
    "Mutation.cartCustomerSet": SELLING,
    "Mutation.cartDeliverySet": SELLING,
    "Mutation.checkoutComplete": SELLING,
    # --- the catalog
    "Mutation.productCreate": "catalog.write",
    "Mutation.productUpdate": "catalog.write",
    "Mutation.productBulkCreate": "catalog.write",
    "Mutation.productBulkUpdate": "catalog.write",
    "Mutation.productsImport": "catalog.write",
    "Mutation.productArchive": "catalog.write",
    "Mutation.productPublish": "catalog.write",
    "Mutation.productUnpublish": "catalog.write",
    "Mutation.productMediaSet": "catalog.write",
    "Mutation.variantCreate": "catalog.write",
    "Mutation.variantUpdate": "catalog.write",
    "Mutation.variantBulkCreate": "catalog.write",
    "Mutation.variantBulkUpdate": "catalog.write",
    "Mutation.variantArchive": "catalog.write",
    "Mutation.variantMediaSet": "catalog.write",
    "Mutation.categoryCreate": "catalog.write",
    "Mutation.categoryUpdate": "catalog.write",
    "Mutation.categoryArchive": "catalog.write",
    "Mutation.collectionCreate": "catalog.write",
    "Mutation.collectionUpdate": "catalog.write",
    "Mutation.collectionArchive": "catalog.write",
    "Mutation.collectionProductsAdd": "catalog.write",
    "Mutation.collectionProductsRemove": "catalog.write",
    "Mutation.collectionProductsReorder": "catalog.write",
    "Mutation.mediaCreate": "catalog.write",
    "Mutation.mediaUpdate": "catalog.write",
    "Mutation.mediaArchive": "catalog.write",
    # --- prices and tax
    "Mutation.priceListCreate": "prices.write",
    "Mutation.priceListUpdate": "prices.write",
    "Mutation.pricesSet": "prices.write",
    "Mutation.taxClassCreate": "prices.write",
    "Mutation.taxClassUpdate": "prices.write",
    "Mutation.taxRateSet": "prices.write",
    # --- stock
    "Mutation.stockAdjust": "stock.write",
    "Mutation.stockPolicySet": "stock.write",
    # --- orders
    "Mutation.orderCancel": "orders.write",
    "Mutation.fulfillmentCreate": "orders.write",
    "Mutation.paymentSettle": "payments.settle",
    # --- customers
    "Mutation.customerCreate": "customers.write",
    "Mutation.customerUpdate": "customers.write",
    "Mutation.customerGroupsSet": "customers.write",
    "Mutation.customerGroupCreate": "customers.write",
    "Mutation.customerGroupUpdate": "customers.write",
    # --- the shop's settings
    "Mutation.channelCreate": "settings.write",
    "Mutation.channelUpdate": "settings.write",
    "Mutation.channelLocationsSet": "settings.write",
    "Mutation.locationCreate": "settings.write",
    "Mutation.locationUpdate": "settings.write",
    "Mutation.registerCreate": "settings.write",
    "Mutation.registerUpdate": "settings.write",
    "Mutation.deliveryMethodCreate": "settings.write",
    "Mutation.deliveryMethodUpdate": "settings.write",
    # --- webhooks: of those who have it, who works everywhere
    "Mutation.webhookCreate": "settings.write",
    "Mutation.webhookUpdate": "settings.write",
    "Mutation.webhookPause": "settings.write",
    "Mutation.webhookResume": "settings.write",
    "Mutation.webhookSecretRotate": "settings.write",
    "Mutation.webhookDelete": "settings.write",
    "Mutation.webhookReplay": "settings.write",
    "Mutation.webhookTest": "settings.write",
    "Mutation.webhookDeliveryRedeliver": "settings.write",
    # --- who may
    "Mutation.staffCreate": "staff.write",
    "Mutation.staffUpdate": "staff.write",
    "Mutation.deviceCreate": "staff.write",
    "Mutation.deviceUpdate": "staff.write",
    "Mutation.apiClientCreate": "staff.write",
    "Mutation.apiClientUpdate": "staff.write",
    "Mutation.tokenCreate": "staff.write",
    "Mutation.tokenRevoke": "staff.write",
    # --- fields with a permission of their own: null and FORBIDDEN
    "Customer.note": "customers.read",
    "Customer.groups": "customers.read",
    "Customer.orders": "orders.read",
    "Staff.email": "staff.write",
    "Staff.role": "staff.write",
    "Staff.active": "staff.write",
    "Staff.version": "staff.write",
    "Staff.locations": "staff.write",
    "Staff.channels": "staff.write",
    "Channel.settings": "settings.write",
    "Order.events": "orders.read",
    "Product.publications": "catalog.read",
    "Product.texts": "catalog.read",
    "Product.taxClassId": "catalog.read",
    "Variant.taxClassId": "catalog.read",
    "Variant.backorderAllowance": "stock.read",
    "VariantPrice.explanation": "prices.read",
}


class UnguardedField(Exception):
    """A root field that the table does not know, or an entry for a field that the schema does not have."""


def name_of(type_name: str, field: StrawberryField) -> str:
    """How the table names a field."""
    return f"{type_name}.{field.graphql_name or to_camel_case(field.python_name)}"


def guard(type_name: str, field: StrawberryField) -> Callable[[Context], None] | None:
    """The check of a field, for the engine to wrap around its resolver; None where everybody may.

    Raises UnguardedField for a root field that the table does not know.
    """
    name = name_of(type_name, field)
    if type_name in ROOTS and name not in NEEDS:
        raise UnguardedField(f"say in app/api/permissions.py what {name} needs")
    need = NEEDS.get(name)
    if isinstance(need, Selling):
        return selling(need.permission)
    if isinstance(need, Known):
        return known
    return None if need is None else needs(need)


def needs(permission: str) -> Callable[[Context], None]:
    """A check for this permission: FORBIDDEN before anything runs."""

    def check(context: Context) -> None:
        if not context.principal.may(permission):
            raise RequestError(Code.FORBIDDEN, f"This needs the permission {permission!r}.")

    return check


def known(context: Context) -> None:
    """FORBIDDEN for who has no credential at all."""
    if context.principal.kind == "anonymous":
        raise RequestError(Code.FORBIDDEN, "This needs a credential.")


def selling(permission: str) -> Callable[[Context], None]:
    """A check for this permission that lets shoppers pass, with or without an API client between."""
    of_staff = needs(permission)

    def check(context: Context) -> None:
        if works_here(context.principal):
            of_staff(context)

    return check


def check_table(schema: GraphQLSchema) -> None:
    """Raises UnguardedField for an entry that names no field of the schema."""
    for name in NEEDS:
        type_name, _, field_name = name.partition(".")
        owner = schema.type_map.get(type_name)
        if not is_object_type(owner) or field_name not in owner.fields:
            raise UnguardedField(f"app/api/permissions.py guards {name}, which does not exist")
