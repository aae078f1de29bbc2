"""How a mutation runs: claim its operation id, run the command, store what it led to; commit, or roll back."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar
from uuid import UUID, uuid4

from strawberry import UNSET

from app.api.context import Info
from app.api.errors import Payload, user_error
from app.events.outbox import gathering
from app.identity.principal import Actor
from app.platform import operations
from app.platform.db import Database, Tx
from app.platform.errors import Refusal, Refusals

P = TypeVar("P", bound=Payload)
T = TypeVar("T")
Result = dict[str, Any]
Command = Callable[[Tx, Actor], Awaitable[Result]]


async def perform(
    info: Info,
    payload: Callable[..., P],
    given: Any,
    command: Command,
    *,
    harmless: bool = False,
    outcome: Result | None = None,
    reads_first: bool = False,
) -> P:
    """Carry out a mutation once. `given`: its input. `command` answers the ids and plain values that its payload reads.

    The command may run again, from its beginning, after a deadlock: it must keep nothing between two runs. `harmless`:
    it may as well be carried out twice; of one without an operation id nothing is kept. `outcome`: what the command
    will answer, where its input says so: it is kept with the claim. `reads_first`: it knows how to read before it locks
    (`operations.read_first`).
    """
    context = info.context
    actor = context.actor
    named = getattr(given, "operation_id", None)
    operation_id = named or uuid4()
    body = {name: value for name, value in plain(given).items() if name != "operation_id"}
    fingerprint = operations.fingerprint(info.field_name, body)

    expected = portable(outcome)
    claimed = operations.claimed(
        operation_id, principal=actor.key, mutation=info.field_name, fingerprint=fingerprint, outcome=expected
    )

    async def write(tx: Tx, *, early: bool = False) -> tuple[Result, bool, Tx]:
        if harmless and named is None:
            async with gathering(tx):
                result = portable(await command(tx, actor))
            return result, False, tx
        try:
            await (operations.read_first if early else operations.claim)(tx, claimed)
            async with gathering(tx):
                result = portable(await command(tx, actor))
                if result not in (expected, tx.outcome):
                    await operations.store(tx, result)
        except operations.Repeated as repeated:
            return repeated.stored, True, tx
        return result, False, tx

    try:
        result, replayed, tx = await _run(context.db, write, reads_first=reads_first, repeats=named is not None)
    except (Refusal, Refusals) as refused:
        return payload(result={}, user_errors=[user_error(one) for one in refused.refusals], replayed=False)
    finally:
        # The payload, and what comes after it in the document, reads anew.
        context.memory.clear()
    context.wrote_now(tx.told)
    context.memory |= tx.remembered
    return payload(result=result, user_errors=[], replayed=replayed)


async def _run(db: Database, write: Callable[..., Awaitable[T]], *, reads_first: bool, repeats: bool) -> T:
    """Run a write; where it reads first, again in the plain way when what it read was not so any more.

    `repeats`: it may be one that was carried out before. Who repeats is answered what that came to, and is refused
    nothing: a refusal before the claim was made is none yet.
    """

    async def early(tx: Tx) -> T:
        try:
            return await write(tx, early=True)
        except (Refusal, Refusals):
            if repeats and not operations.is_claimed(tx):
                raise operations.Outdated from None
            raise

    if reads_first:
        with suppress(operations.Outdated):
            return await db.run(early, repeatable=True)
    return await db.run(write, repeatable=True)


def plain(value: Any) -> Any:
    """An input as dicts, lists and plain values; what was left out is absent."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name))
            for field in fields(value)
            if getattr(value, field.name) is not UNSET
        }
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def portable(value: Any) -> Any:
    """A result as it is stored."""
    match value:
        case UUID():
            return str(value)
        case dict():
            return {name: portable(item) for name, item in value.items()}
        case list() | tuple():
            return [portable(item) for item in value]
    return value
