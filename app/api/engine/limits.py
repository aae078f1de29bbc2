"""What an operation may ask for, at most. All of it is checked before anything runs."""

from dataclasses import dataclass

from .errors import Code, RequestError


@dataclass(frozen=True, slots=True)
class Budget:
    """A token bucket of cost per caller: `burst` at once, `per_second` back. `callers` buckets are kept at most."""

    burst: int = 100_000
    per_second: float = 5_000
    callers: int = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one operation, of the transports that carry it, and of the cache of documents.

    `cost` counts objects: a list's cost is its size times what is below it. A list's size is its `first`, `last` or the
    number of `ids`; that of a list named in `pages` is the size of the page that it stands in; any other list counts as
    `list_size`. `overlaps` counts pairs of fields that share a response name at a depth, which is what validation
    has to compare. `budget` None: no caller is throttled.
    """

    body_bytes: int = 1_048_576
    document_characters: int = 100_000
    tokens: int = 2_000
    fragments: int = 100
    depth: int = 16
    aliases: int = 100
    directives: int = 100
    directives_per_node: int = 5
    root_fields: int = 20
    overlaps: int = 5_000
    cost: int = 20_000
    list_size: int = 10
    pages: frozenset[str] = frozenset({"nodes", "edges"})
    mutation_cost: int = 10
    introspection_cost: int = 100
    validation_errors: int = 10
    budget: Budget | None = Budget()

    cached_documents: int = 2_000
    cached_bytes: int = 64 * 1_048_576

    operations_per_connection: int = 50
    connection_init_seconds: float = 10.0
    keep_alive_seconds: float = 12.0
    send_seconds: float = 30.0


def exceeded(what: str, value: object, limit: object) -> RequestError:
    """The refusal of an operation that asks for more than `limit`."""
    return RequestError(Code.LIMIT_EXCEEDED, f"{what}: {value}, the limit is {limit}.")
