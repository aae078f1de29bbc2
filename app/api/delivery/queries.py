"""Reading delivery methods."""

import strawberry

from app.api.context import Info
from app.api.delivery.types import DeliveryMethod
from app.delivery.queries import all_methods


@strawberry.type
class DeliveryQueries:
    @strawberry.field(description="The delivery methods in the order that they are offered in, those switched off too.")
    async def delivery_methods(self, info: Info) -> list[DeliveryMethod] | None:
        return [DeliveryMethod.of(row, info.context) for row in await all_methods(info.context.db)]
