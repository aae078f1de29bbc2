"""Reading registers."""

import strawberry

from app.api.context import Info
from app.api.pos.types import Register, may_find
from app.pos.queries import all_registers


@strawberry.type
class PosQueries:
    @strawberry.field(description="Registers at the caller's locations; closed ones are seen by who may write them.")
    async def registers(self, info: Info) -> list[Register] | None:
        context = info.context
        return [
            Register.of(row, context)
            for row in await all_registers(context.db)
            if context.principal.works_at(row.location_id) and may_find(context, active=row.active)
        ]
