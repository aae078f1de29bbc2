"""Importing a product file through the API: what fits into one request, in one transaction."""

import io
from enum import Enum
from typing import Any, Final
from uuid import UUID

import strawberry
from strawberry import UNSET

from app.api.context import Info
from app.api.errors import Payload
from app.api.perform import Result, perform
from app.browse.import_plan import NEEDED, ImportPlan, Inventory, plan_import
from app.browse.imports import Command, Done, import_file
from app.catalog.formats.records import RowError
from app.identity.principal import Actor
from app.platform import ids
from app.platform.db import Tx
from app.platform.errors import InvalidInput, Refusal, Refusals

field = strawberry.field

MOST_CHARACTERS: Final = 1_000_000
MOST_ERRORS: Final = 1_000
PATHS: Final = {"location": "locationId", "priceList": "priceListId"}


@strawberry.enum(description="The format of a product file.")
class ProductFileFormat(Enum):
    SHOPIFY = strawberry.enum_value("SHOPIFY", description="Shopify's product CSV, of any of its templates.")


@strawberry.enum(description="Which variants get the quantities of a file.")
class ImportInventory(Enum):
    ONCE = strawberry.enum_value("once", description="Those whose stock nobody has told yet: no sale is undone.")
    SET = strawberry.enum_value("set", description="All of them, as a count does.")


@strawberry.enum(description="What is not imported because of an error.")
class ImportLoss(Enum):
    NOTHING = strawberry.enum_value("nothing", description="Nothing: it was mended as the reason says.")
    VALUE = strawberry.enum_value("value", description="This cell; the rest of its row is imported.")
    ROW = strawberry.enum_value("row", description="The variant or image that the row adds.")
    PRODUCT = strawberry.enum_value("product", description="The product, or what these lines were to add to it.")
    FILE = strawberry.enum_value("file", description="Everything from here on.")


@strawberry.input(description="A product file, and where what it says belongs.")
class ProductsImportInput:
    operation_id: UUID | None = field(
        default=None, description="A UUID made by the client: the same again does nothing twice."
    )
    csv: str = field(
        description="The file's text, at most 1,000,000 characters; larger ones come in by `feira import products`."
    )
    format: ProductFileFormat = field(
        default=ProductFileFormat.SHOPIFY, description="Its format; the header must be one that the format knows."
    )
    location_id: strawberry.ID | None = field(
        default=UNSET, description="Where its stock is; left out, where the default channel ships from first."
    )
    price_list_id: strawberry.ID | None = field(
        default=UNSET, description="The list of its prices; left out, the base list of the default channel's currency."
    )
    channels: list[str] | None = field(
        default=UNSET, description="Codes of the channels that sell what is published; left out, all active ones."
    )
    locale: str | None = field(
        default=UNSET, description="The file's language, one of the shop's; left out, the default channel's."
    )
    inventory: ImportInventory = field(default=ImportInventory.ONCE, description="Which variants get its quantities.")
    dry_run: bool = field(default=False, description="Write nothing, and tell everything.")


@strawberry.type(description="Why something of a file was not imported, and where it stands.")
class ImportRowError:
    line: int = field(description="The line on which its row begins, from 1.")
    last_line: int = field(description="The last line that is lost with it.")
    column: str | None = field(description="The column as the file spells it; null: the whole row.")
    value: str = field(description="What stands there, shortened to 60 characters.")
    reason: str = field(description="What is wrong, for a person to read.")
    lost: ImportLoss = field(description="What is not imported because of it.")
    handle: str | None = field(description="The product's handle, where it is known.")


def _count(name: str, description: str) -> Any:
    def resolve(self: "ProductsImportPayload") -> int | None:
        found: int | None = self.result.get(name)
        return found

    return strawberry.field(resolver=resolve, description=f"{description} Null when refused.")


@strawberry.type(description="What became of a product file.")
class ProductsImportPayload(Payload):
    created: int | None = _count("created", "Products that are new.")
    updated: int | None = _count("updated", "Products of which something changed.")
    unchanged: int | None = _count("unchanged", "Products that were so already.")
    refused: int | None = _count("refused", "Products of which nothing came in.")
    variants_created: int | None = _count("variants_created", "Variants that are new.")
    prices_set: int | None = _count("prices", "Variants whose price changed.")
    quantities_set: int | None = _count("stocked", "Stock levels whose quantity changed.")
    error_count: int | None = _count("errors", "Errors by which something was lost.")
    notice_count: int | None = _count("notices", "Values that were mended and used.")

    @strawberry.field(description="Errors and notices in the order of the file, at most 1,000.")
    def row_errors(self) -> list[ImportRowError]:
        return [
            ImportRowError(
                line=one["line"],
                last_line=one["last_line"],
                column=one["column"] or None,
                value=one["value"],
                reason=one["reason"],
                lost=ImportLoss(one["lost"]),
                handle=one["handle"] or None,
            )
            for one in self.result.get("rows", ())
        ]


@strawberry.type
class ImportMutations:
    @strawberry.mutation(
        description="Import a product file: catalog, prices and stock. A bad row is told and leaves the rest; "
        "the same file again changes nothing."
    )
    async def products_import(self, info: Info, input: ProductsImportInput) -> ProductsImportPayload | None:
        async def command(tx: Tx, actor: Actor) -> Result:
            for permission in NEEDED:
                actor.principal.require(permission)
            if len(input.csv) > MOST_CHARACTERS:
                message = "At most 1,000,000 characters: use `feira import products` for larger files."
                raise InvalidInput(message, path=("csv",), code="TOO_LONG")
            return await _import(tx, actor, input.csv, await _plan(tx, actor, input))

        return await perform(info, ProductsImportPayload, input, command)


async def _plan(tx: Tx, actor: Actor, given: ProductsImportInput) -> ImportPlan:
    inventory: Inventory = "set" if given.inventory is ImportInventory.SET else "once"
    try:
        return await plan_import(
            tx,
            actor,
            location=ids.require("Location", given.location_id, ("location",)) if given.location_id else None,
            price_list=ids.require("PriceList", given.price_list_id, ("priceList",)) if given.price_list_id else None,
            channels=given.channels if isinstance(given.channels, list) else None,
            locale=given.locale or None,
            inventory=inventory,
            dry_run=given.dry_run,
        )
    except (Refusal, Refusals) as refused:
        for refusal in refused.refusals:
            refusal.path = tuple(PATHS.get(step, step) for step in refusal.path)
        raise


async def _import(tx: Tx, actor: Actor, csv: str, plan: ImportPlan) -> Result:
    rows: list[dict[str, Any]] = []

    def report(error: RowError) -> None:
        if len(rows) < MOST_ERRORS:
            rows.append(
                {
                    "line": error.line,
                    "last_line": error.last_line,
                    "column": error.column,
                    "value": error.value,
                    "reason": error.reason,
                    "lost": error.lost.value,
                    "handle": error.handle,
                }
            )

    async def carry_out(batch: Command) -> Done:
        return await batch(tx)

    summary = await import_file(io.StringIO(csv, newline=""), plan, actor, carry_out=carry_out, report=report)
    return {
        "created": summary.created,
        "updated": summary.updated,
        "unchanged": summary.unchanged,
        "refused": summary.refused,
        "variants_created": summary.variants_created,
        "prices": summary.prices,
        "stocked": summary.stocked,
        "errors": summary.errors,
        "notices": summary.notices,
        "rows": rows,
    }
