"""A webhook's GraphQL document: what is wrong with it, and what it makes of a change.

It is run as the shop itself, not as the staff who wrote it: they may leave, and what is sent must not change with that.
Only who may do everything everywhere may write one (`app.api.webhooks.mutations`), so nobody gets to see more by it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from graphql import GraphQLSchema
from graphql.execution.values import get_variable_values

from app.api.context import Context
from app.api.engine.documents import Documents, Operation, check_cost
from app.api.engine.errors import Refused, RequestError
from app.api.engine.execute import Engine
from app.api.engine.limits import Limits
from app.api.transport.parameters import encode_json
from app.channels.queries import NoChannel, channels_by_ids, default_channel
from app.events.webhooks.fields import Check
from app.events.webhooks.message import Happened, Shape, Shaped
from app.identity.principal import system_actor
from app.platform import clock, ids
from app.platform.db import Database
from app.platform.ids import new_id
from app.platform.texts import DEFAULT_LOCALE

log = structlog.get_logger("feira.webhooks")

SECONDS: Final = 10.0
LONGEST_ERROR: Final = 1_000
LIMITS: Final = Limits()
VARIABLES: Final = "id, position, topic, action, version"

_documents: WeakKeyDictionary[GraphQLSchema, Documents] = WeakKeyDictionary()


def checker(schema: GraphQLSchema) -> Check:
    """What says of a document why it cannot shape a webhook: None when it can."""

    def check(text: str) -> str | None:
        try:
            operation = _operation(schema, text)
            if not operation.is_query:
                return "It must be one query: what is sent cannot write or subscribe."
            variables = _variables(operation, _SAMPLE)
            cost = operation.cost if isinstance(operation.cost, int) else operation.cost(variables)
            check_cost(cost, LIMITS)
        except (Refused, RequestError) as error:
            return str(error)
        return _misfit(schema, operation, variables)

    return check


def _misfit(schema: GraphQLSchema, operation: Operation, variables: Mapping[str, Any]) -> str | None:
    """Why the variables that are given do not fit those that the operation declares."""
    declared = operation.node.variable_definitions or ()
    found = get_variable_values(schema, declared, dict(variables))
    if isinstance(found, list):
        return f"{found[0].message} Given are {VARIABLES}."
    return None


def shaper(engine: Engine, database: Database) -> Shape:
    """What runs documents for changes."""

    async def shape(text: str, happened: Happened, channel_ids: Sequence[UUID] | None) -> Shaped:
        try:
            async with asyncio.timeout(SECONDS):
                operation = _operation(engine.schema, text)
                variables = _variables(operation, given(happened))
                engine.cost(operation, variables)
                result = await engine.execute(operation, variables, await _context(database, channel_ids))
        except Refused as error:
            return Shaped(None, _told(error.errors))
        except NoChannel as error:
            return Shaped(None, str(error))
        except TimeoutError:
            return Shaped(None, f"The document took longer than {SECONDS:g} s.")
        except Exception:
            log.exception("webhook was not shaped")
            return Shaped(None, "Something went wrong on our side.")
        data = None if result.data is None else encode_json(result.data)
        return Shaped(data, _told(result.errors) if result.errors else None)

    return shape


def given(happened: Happened) -> dict[str, Any]:
    """What a document may ask for as variables."""
    return {
        "id": happened.entity_id,
        "position": str(happened.position),
        "topic": happened.topic.value,
        "action": happened.action.value,
        "version": happened.version,
    }


_SAMPLE: Final[Mapping[str, Any]] = {
    "id": ids.encode("Product", new_id()),
    "position": "1",
    "topic": "PRODUCT",
    "action": "UPSERT",
    "version": 1,
}


def _operation(schema: GraphQLSchema, text: str) -> Operation:
    """Raises Refused."""
    documents = _documents.get(schema)
    if documents is None:
        documents = _documents[schema] = Documents(schema, LIMITS, production=False)
    return documents.get(text).operation(None)


def _variables(operation: Operation, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values that the operation declares."""
    declared = {each.variable.name.value for each in operation.node.variable_definitions or ()}
    return {name: value for name, value in values.items() if name in declared}


async def _context(database: Database, channel_ids: Sequence[UUID] | None) -> Context:
    """As the shop's owner would ask: in the filter's channel when it names one, else in the default one."""
    now = clock.now()
    named = await channels_by_ids(database, channel_ids) if channel_ids is not None and len(channel_ids) == 1 else {}
    channel = next(iter(named.values()), None) or await default_channel(database)
    principal = system_actor(channel.id, now, name="webhook").principal
    return Context(db=database, principal=principal, channel=channel, locale=DEFAULT_LOCALE, now=now)


def _told(errors: Sequence[Mapping[str, Any]]) -> str:
    """Errors in one text, each with the path to its field."""
    lines = []
    for error in errors:
        path = ".".join(map(str, error.get("path") or ()))
        lines.append(f"{path}: {error['message']}" if path else str(error["message"]))
    return "\n".join(lines)[:LONGEST_ERROR]
