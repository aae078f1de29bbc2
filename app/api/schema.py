"""The schema: every domain's queries and mutations, merged into one."""

from typing import Annotated

import strawberry
from graphql import GraphQLSchema, get_named_type, is_input_object_type
from strawberry.schema.config import StrawberryConfig

from app.api.carts.mutations import CartMutations
from app.api.carts.queries import CartQueries
from app.api.catalog.imports import ImportMutations
from app.api.catalog.mutations import CatalogMutations
from app.api.catalog.queries import CatalogQueries
from app.api.channels.mutations import ChannelsMutations
from app.api.channels.queries import ChannelsQueries
from app.api.context import Info
from app.api.customers.mutations import CustomersMutations
from app.api.customers.queries import CustomersQueries
from app.api.delivery.mutations import DeliveryMutations
from app.api.delivery.queries import DeliveryQueries
from app.api.engine.errors import Code, RequestError
from app.api.errors import InvalidInput, NotFound, VersionConflict
from app.api.events.convergence import ConvergenceQueries
from app.api.events.followers import FollowerMutations
from app.api.events.queries import EventQueries
from app.api.events.subscriptions import Subscription
from app.api.identity.mutations import IdentityMutations
from app.api.identity.queries import IdentityQueries
from app.api.inventory.errors import InsufficientStock, StockMoved
from app.api.inventory.mutations import InventoryMutations
from app.api.inventory.queries import InventoryQueries
from app.api.nodes import Node, load_nodes
from app.api.orders.mutations import OrderMutations, PriceChanged
from app.api.orders.queries import OrderQueries
from app.api.pos.mutations import PosMutations
from app.api.pos.queries import PosQueries
from app.api.pricing.mutations import PricingMutations
from app.api.pricing.queries import PricingQueries
from app.api.scalars import SCALARS
from app.api.webhooks.mutations import WebhookMutations
from app.api.webhooks.queries import WebhookQueries
from app.platform import ids

MOST_NODES = 100


@strawberry.type
class NodeQueries:
    @strawberry.field(description="Anything by its id; null for what is not there or not the caller's to see.")
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> Node | None:
        return (await load_nodes(info.context, [ids.decode_any(id)]))[0]

    @strawberry.field(description="Things by their ids, in that order, at most 100; null where `node` would be null.")
    async def nodes(
        self,
        info: Info,
        ids_: Annotated[list[strawberry.ID], strawberry.argument(name="ids", description="Their ids.")],
    ) -> list[Node | None]:
        if len(ids_) > MOST_NODES:
            raise RequestError(Code.BAD_REQUEST, f"`ids` holds at most {MOST_NODES}, there are {len(ids_)}.")
        return await load_nodes(info.context, [ids.decode_any(each) for each in ids_])


@strawberry.type(description="What can be read.")
class Query(
    NodeQueries,
    IdentityQueries,
    ChannelsQueries,
    CatalogQueries,
    PricingQueries,
    InventoryQueries,
    DeliveryQueries,
    CartQueries,
    OrderQueries,
    CustomersQueries,
    PosQueries,
    EventQueries,
    ConvergenceQueries,
    WebhookQueries,
):
    pass


@strawberry.type(
    description="What can be done. Each takes one `input`, whose `operationId` makes it happen once, and answers a "
    "payload."
)
class Mutation(
    CatalogMutations,
    ImportMutations,
    PricingMutations,
    InventoryMutations,
    CartMutations,
    OrderMutations,
    DeliveryMutations,
    CustomersMutations,
    ChannelsMutations,
    PosMutations,
    IdentityMutations,
    FollowerMutations,
    WebhookMutations,
):
    pass


def describe_inputs(schema: GraphQLSchema) -> None:
    """What a mutation's `input` is, its type says: an argument without a description of its own takes that one."""
    assert schema.mutation_type is not None
    for field in schema.mutation_type.fields.values():
        for argument in field.args.values():
            argument.description = argument.description or get_named_type(argument.type).description


def tell_one_of(schema: GraphQLSchema) -> None:
    """Let validation and introspection know what is @oneOf; Strawberry tells the printed schema alone."""
    for kind in schema.type_map.values():
        if is_input_object_type(kind):
            kind.is_one_of = getattr(kind.extensions.get("strawberry-definition"), "is_one_of", False)


schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    # Reached through interfaces alone.
    types=[InvalidInput, NotFound, VersionConflict, InsufficientStock, StockMoved, PriceChanged],
    config=StrawberryConfig(scalar_map=SCALARS),
)
describe_inputs(schema._schema)
tell_one_of(schema._schema)
