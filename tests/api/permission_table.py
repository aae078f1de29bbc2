"""What each kind of caller may do, written down by hand from what the shop wants, not from the code that enforces it.

`x`: may. `.`: FORBIDDEN, before anything runs. `-`: null, because what the field stands on is not the caller's to see.
Whose cart, order or location it may be is tested in `test_reach.py`.
"""

from collections.abc import Mapping
from typing import Final

TABLE: Final = """
                                               owner manager cashier catalog service readonly device client anonymous
# what shoppers read
Query.node                                       x      x       x       x       x       x       x      x        x
Query.nodes                                      x      x       x       x       x       x       x      x        x
Query.viewer                                     x      x       x       x       x       x       x      x        x
Query.channel                                    x      x       x       x       x       x       x      x        x
Query.channels                                   x      x       x       x       x       x       x      x        x
Query.locations                                  x      x       x       x       x       x       x      x        x
Query.product                                    x      x       x       x       x       x       x      x        x
Query.products                                   x      x       x       x       x       x       x      x        x
Query.variant                                    x      x       x       x       x       x       x      x        x
Query.scan                                       x      x       x       x       x       x       x      x        x
Query.categories                                 x      x       x       x       x       x       x      x        x
Query.collections                                x      x       x       x       x       x       x      x        x
Query.cart                                       x      x       x       x       x       x       x      x        x
Query.order                                      x      x       x       x       x       x       x      x        x
# what is followed: what of it, `test_following.py` tests
Query.changes                                    x      x       x       x       x       x       x      x        x
Query.convergence                                x      x       .       .       x       x       .      .        .
Mutation.followerAcknowledge                     x      x       x       x       x       x       x      x        .
Subscription.changes                             x      x       x       x       x       x       x      x        x
Subscription.cart                                x      x       x       x       x       x       x      x        x
Subscription.order                               x      x       x       x       x       x       x      x        x
Subscription.availability                        x      x       x       x       x       x       x      x        x
# what the shop reads
Query.registers                                  x      x       x       .       x       x       x      .        .
Query.devices                                    x      x       x       .       x       x       x      .        .
Query.customers                                  x      x       x       .       x       x       x      .        .
Query.customer                                   x      x       x       .       x       x       x      .        .
Query.customerGroups                             x      x       x       .       x       x       x      .        .
Query.carts                                      x      x       x       .       x       x       x      .        .
Query.orders                                     x      x       x       .       x       x       x      .        .
Query.priceLists                                 x      x       x       x       x       x       x      .        .
Query.priceList                                  x      x       x       x       x       x       x      .        .
Query.prices                                     x      x       x       x       x       x       x      .        .
Query.taxClasses                                 x      x       x       x       x       x       x      .        .
Query.stockLevels                                x      x       x       x       x       x       x      .        .
Query.stockMovements                             x      x       x       x       x       x       x      .        .
Query.channelViews                               x      x       .       x       x       x       .      .        .
Query.deliveryMethods                            x      .       .       .       .       .       .      .        .
Query.webhook                                    x      .       .       .       .       .       .      .        .
Query.webhooks                                   x      .       .       .       .       .       .      .        .
Query.staff                                      x      .       .       .       .       .       .      .        .
Query.apiClients                                 x      .       .       .       .       .       .      .        .
Query.tokens                                     x      .       .       .       .       .       .      .        .
# selling: shoppers, and who sells to them; nobody else of the shop
Mutation.cartCreate                              x      x       x       .       x       .       x      x        x
Mutation.cartLinesAdd                            x      x       x       .       x       .       x      x        x
Mutation.cartLinesUpdate                         x      x       x       .       x       .       x      x        x
Mutation.cartCustomerSet                         x      x       x       .       x       .       x      x        x
Mutation.cartDeliverySet                         x      x       x       .       x       .       x      x        x
Mutation.checkoutComplete                        x      x       x       .       x       .       x      x        x
# orders
Mutation.orderCancel                             x      x       x       .       x       .       x      .        .
Mutation.fulfillmentCreate                       x      x       x       .       x       .       x      .        .
Mutation.paymentSettle                           x      x       x       .       .       .       x      .        .
# customers
Mutation.customerCreate                          x      x       x       .       x       .       .      .        .
Mutation.customerUpdate                          x      x       x       .       x       .       .      .        .
Mutation.customerGroupsSet                       x      x       x       .       x       .       .      .        .
Mutation.customerGroupCreate                     x      x       x       .       x       .       .      .        .
Mutation.customerGroupUpdate                     x      x       x       .       x       .       .      .        .
# the catalog
Mutation.productCreate                           x      x       .       x       .       .       .      .        .
Mutation.productUpdate                           x      x       .       x       .       .       .      .        .
Mutation.productBulkCreate                       x      x       .       x       .       .       .      .        .
Mutation.productBulkUpdate                       x      x       .       x       .       .       .      .        .
Mutation.productArchive                          x      x       .       x       .       .       .      .        .
Mutation.productPublish                          x      x       .       x       .       .       .      .        .
Mutation.productUnpublish                        x      x       .       x       .       .       .      .        .
Mutation.productMediaSet                         x      x       .       x       .       .       .      .        .
Mutation.variantCreate                           x      x       .       x       .       .       .      .        .
Mutation.variantUpdate                           x      x       .       x       .       .       .      .        .
Mutation.variantBulkCreate                       x      x       .       x       .       .       .      .        .
Mutation.variantBulkUpdate                       x      x       .       x       .       .       .      .        .
Mutation.variantArchive                          x      x       .       x       .       .       .      .        .
Mutation.variantMediaSet                         x      x       .       x       .       .       .      .        .
Mutation.categoryCreate                          x      x       .       x       .       .       .      .        .
Mutation.categoryUpdate                          x      x       .       x       .       .       .      .        .
Mutation.categoryArchive                         x      x       .       x       .       .       .      .        .
Mutation.collectionCreate                        x      x       .       x       .       .       .      .        .
Mutation.collectionUpdate                        x      x       .       x       .       .       .      .        .
Mutation.collectionArchive                       x      x       .       x       .       .       .      .        .
Mutation.collectionProductsAdd                   x      x       .       x       .       .       .      .        .
Mutation.collectionProductsRemove                x      x       .       x       .       .       .      .        .
Mutation.collectionProductsReorder               x      x       .       x       .       .       .      .        .
Mutation.mediaCreate                             x      x       .       x       .       .       .      .        .
Mutation.mediaUpdate                             x      x       .       x       .       .       .      .        .
Mutation.mediaArchive                            x      x       .       x       .       .       .      .        .
Mutation.productsImport                          x      x       .       .       .       .       .      .        .
# prices and taxes
Mutation.priceListCreate                         x      x       .       x       .       .       .      .        .
Mutation.priceListUpdate                         x      x       .       x       .       .       .      .        .
Mutation.pricesSet                               x      x       .       x       .       .       .      .        .
Mutation.taxClassCreate                          x      x       .       x       .       .       .      .        .
Mutation.taxClassUpdate                          x      x       .       x       .       .       .      .        .
Mutation.taxRateSet                              x      x       .       x       .       .       .      .        .
# stock
Mutation.stockAdjust                             x      x       .       .       .       .       .      .        .
Mutation.stockPolicySet                          x      x       .       .       .       .       .      .        .
# settings, and who may
Mutation.channelCreate                           x      .       .       .       .       .       .      .        .
Mutation.channelUpdate                           x      .       .       .       .       .       .      .        .
Mutation.channelLocationsSet                     x      .       .       .       .       .       .      .        .
Mutation.locationCreate                          x      .       .       .       .       .       .      .        .
Mutation.locationUpdate                          x      .       .       .       .       .       .      .        .
Mutation.registerCreate                          x      .       .       .       .       .       .      .        .
Mutation.registerUpdate                          x      .       .       .       .       .       .      .        .
Mutation.deliveryMethodCreate                    x      .       .       .       .       .       .      .        .
Mutation.deliveryMethodUpdate                    x      .       .       .       .       .       .      .        .
Mutation.webhookCreate                           x      .       .       .       .       .       .      .        .
Mutation.webhookUpdate                           x      .       .       .       .       .       .      .        .
Mutation.webhookPause                            x      .       .       .       .       .       .      .        .
Mutation.webhookResume                           x      .       .       .       .       .       .      .        .
Mutation.webhookSecretRotate                     x      .       .       .       .       .       .      .        .
Mutation.webhookDelete                           x      .       .       .       .       .       .      .        .
Mutation.webhookReplay                           x      .       .       .       .       .       .      .        .
Mutation.webhookTest                             x      .       .       .       .       .       .      .        .
Mutation.webhookDeliveryRedeliver                x      .       .       .       .       .       .      .        .
Mutation.staffCreate                             x      .       .       .       .       .       .      .        .
Mutation.staffUpdate                             x      .       .       .       .       .       .      .        .
Mutation.deviceCreate                            x      .       .       .       .       .       .      .        .
Mutation.deviceUpdate                            x      .       .       .       .       .       .      .        .
Mutation.apiClientCreate                         x      .       .       .       .       .       .      .        .
Mutation.apiClientUpdate                         x      .       .       .       .       .       .      .        .
Mutation.tokenCreate                             x      .       .       .       .       .       .      .        .
Mutation.tokenRevoke                             x      .       .       .       .       .       .      .        .
# fields with a permission of their own; `-`: what they stand on is not the caller's to see
Customer.note                                    x      x       x       -       x       x       x      -        -
Customer.groups                                  x      x       x       -       x       x       x      -        -
Customer.orders                                  x      x       x       -       x       x       x      -        -
Staff.email                                      x      .       .       .       .       .       .      -        -
Staff.role                                       x      .       .       .       .       .       .      -        -
Staff.active                                     x      .       .       .       .       .       .      -        -
Staff.version                                    x      .       .       .       .       .       .      -        -
Staff.locations                                  x      .       .       .       .       .       .      -        -
Staff.channels                                   x      .       .       .       .       .       .      -        -
Channel.settings                                 x      .       .       .       .       .       .      .        .
Order.events                                     x      x       x       .       x       x       x      .        .
Product.publications                             x      x       .       x       x       x       .      .        .
Product.texts                                    x      x       .       x       x       x       .      .        .
Product.taxClassId                               x      x       .       x       x       x       .      .        .
Variant.backorderAllowance                       x      x       x       x       x       x       x      .        .
Variant.taxClassId                               x      x       .       x       x       x       .      .        .
VariantPrice.explanation                         x      x       x       x       x       x       x      .        .
# arguments that need more than their field does
Query.products(filter.status)                    x      x       .       x       x       x       .      .        .
Query.products(filter.published)                 x      x       .       x       x       x       .      .        .
Query.categories(archived)                       x      x       .       x       x       x       .      .        .
Query.collections(archived)                      x      x       .       x       x       x       .      .        .
Product.variants(archived)                       x      x       .       x       x       x       .      .        .
Mutation.cartCreate(lines.priceOverride)         x      x       x       .       .       .       .      .        .
Mutation.cartLinesAdd(lines.priceOverride)       x      x       x       .       .       .       .      .        .
Mutation.cartLinesUpdate(lines.priceOverride)    x      x       x       .       .       .       .      .        .
Mutation.cartCustomerSet(customerId)             x      x       x       .       x       .       x      .        .
"""

# What nobody needs a credential to come upon: every object type that an anonymous shopper can be shown.
_SHOWN: Final = """
    Address Attribute Availability Cart CartCreatePayload CartCustomerSetPayload
    CartDeliverySetPayload CartLine CartLinesAddPayload CartLinesUpdatePayload CartNotice CartVisit
    Category Change ChangePage Channel CheckoutCompletePayload Collection CollectionConnection CollectionEdge Delivery
    DeliveryOption Discount Facet FacetValue Fulfillment FulfillmentLine InsufficientStock
    InvalidInput LocalizedText Location LocationAvailability Media Money NotFound Order OrderLine
    PageInfo Payment PriceChanged PriceOverride PriceRange Product ProductConnection ProductEdge
    ProductOption Refund Scan SelectedOption TaxLine TaxedMoney Totals Variant
    VariantConnection VariantEdge VariantPrice VersionConflict Viewer
"""
SHOWN_TO_SHOPPERS: Final = frozenset(_SHOWN.split())


def _read(table: str) -> Mapping[str, Mapping[str, str]]:
    lines = [line for line in table.splitlines() if line.strip() and not line.startswith("#")]
    callers = lines[0].split()
    rows = {}
    for line in lines[1:]:
        name, *cells = line.split()
        assert len(cells) == len(callers), line
        assert name not in rows, f"{name} stands there twice"
        rows[name] = dict(zip(callers, cells, strict=True))
    return rows


MAY: Final = _read(TABLE)
