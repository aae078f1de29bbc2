"""How each field of the schema gets its value, worked out once: the shortest way, and the guard before it."""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from enum import Enum, auto
from operator import attrgetter
from typing import Any, TypeAlias, cast

import strawberry
from strawberry.types.field import StrawberryField

from .batch import BatchResolver, batch_resolver
from .inputs import Inputs
from .run import Info

Check: TypeAlias = Callable[[Any], None]
Guard: TypeAlias = Callable[[str, StrawberryField], Check | None]
"""Asked once for every field of the schema, by its type's name: a check of the context, or None where none is needed.

The check raises a `RequestError` to refuse the field before its resolver runs."""


class Event:
    """What a subscription's source may yield: a value that is only read in the context of its event.

    `moment`: tells events of one source apart from earlier ones of the same arguments. Who follows the same with the
    same words, and may see the same, is then given one answer, which is worked out once.
    """

    __slots__ = ("moment", "read")

    def __init__(self, read: Callable[[Any], Awaitable[Any]], moment: Hashable = None) -> None:
        self.read = read
        self.moment = moment


class Kind(Enum):
    """READ: a function of the parent alone. BATCH: a function of all parents, a `Batch` and its arguments.

    CALL: a function of a parent, an info and a mapping of its arguments, as the resolver takes them.
    """

    READ = auto()
    BATCH = auto()
    CALL = auto()


class Way:
    """One field's way to its value. `function` is what `kind` says; `definition` is Strawberry's view of the field."""

    __slots__ = ("check", "definition", "function", "kind", "lasting", "make")

    def __init__(self, kind: Kind, function: Callable[..., Any], definition: Any = None) -> None:
        self.kind = kind
        self.function = function
        self.definition = definition
        self.check: Check | None = None
        # Of a batch function: whether its values last as long as their parents, always or for a time (`kept`).
        self.lasting: Any = False
        # The resolver's arguments, made of coerced values by their GraphQL names.
        self.make: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict


Ways: TypeAlias = Mapping[tuple[str, str], Way]
"""By the names of type and field."""


def ways_of(schema: strawberry.Schema, guard: Guard | None) -> Ways:
    """The way of every field that Strawberry defined. Gives graphql-core's fields resolvers that go the same ways."""
    ways: dict[tuple[str, str], Way] = {}
    inputs = Inputs(schema)
    for type_ in schema._schema.type_map.values():
        for name, field in getattr(type_, "fields", {}).items():
            definition = getattr(field, "extensions", {}).get("strawberry-definition")
            if not isinstance(definition, StrawberryField) or not hasattr(field, "resolve"):
                continue
            way = _shortest(schema, definition)
            if way is None:
                way = Way(Kind.CALL, _call(schema, definition, field.resolve), definition)
            else:
                field.resolve = _resolver(way, schema)
            way.make = _making(way, inputs)
            way.check = guard(type_.name, definition) if guard is not None else None
            if way.check is not None:
                field.resolve = _guarded(field.resolve, way.check)
                if field.subscribe is not None:
                    field.subscribe = _guarded(field.subscribe, way.check)
            ways[type_.name, name] = way
    return ways


def _shortest(schema: strawberry.Schema, field: StrawberryField) -> Way | None:
    """A way without Strawberry's layers, which cost more than most fields; None where the layers are needed."""
    resolver, name = field.base_resolver, field.python_name
    if isinstance(resolver, BatchResolver):
        way = Way(Kind.BATCH, cast("Callable[..., Any]", resolver.wrapped_func), field)
        way.lasting = resolver.lasting
        return way
    if field.is_subscription:
        return Way(Kind.CALL, _event_value, field)
    if field.extensions or schema.exception_handlers:
        return None
    if resolver is None:
        return Way(Kind.READ, attrgetter(name), field) if schema.config.default_resolver is getattr else None
    takes_itself = resolver.self_parameter is not None and len(resolver.signature.parameters) == 1
    if takes_itself and not resolver.is_async:
        return Way(Kind.READ, cast("Callable[[Any], Any]", resolver.wrapped_func), field)
    return None


def _resolver(way: Way, schema: strawberry.Schema) -> Callable[..., Any]:
    """The way as graphql-core calls it: for one parent, with an info."""
    if way.kind is Kind.BATCH:
        return batch_resolver(way.definition, way.definition.base_resolver, schema)
    if way.kind is Kind.READ:
        read = way.function
        return lambda source, _info: read(source)
    return way.function


def _making(way: Way, inputs: Inputs) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    if way.function is _event_value or getattr(way.function, "takes_raw", False):
        return dict
    return inputs.arguments(way.definition.arguments)


def _call(schema: strawberry.Schema, field: StrawberryField, resolve: Callable[..., Any]) -> Callable[..., Any]:
    """Calls a resolver as Strawberry does; through Strawberry where it would do more than that."""
    resolver = field.base_resolver
    if resolver is None or field.extensions or schema.exception_handlers:

        def through(source: Any, info: Info, arguments: Mapping[str, Any]) -> Any:
            return resolve(source, info, **arguments)

        through.takes_raw = True  # type: ignore[attr-defined]
        return through
    function = cast("Callable[..., Any]", resolver.wrapped_func)
    info_class = schema.config.info_class
    takes_self = resolver.self_parameter is not None
    parents = [each.name for each in (resolver.parent_parameter, resolver.root_parameter) if each is not None]
    told = resolver.info_parameter.name if resolver.info_parameter is not None else None

    def call(source: Any, info: Info, arguments: Mapping[str, Any]) -> Any:
        given = dict(arguments)
        for name in parents:
            given[name] = source
        if told is not None:
            given[told] = info_class(_raw_info=info, _field=field)  # type: ignore[arg-type]
        return function(source, **given) if takes_self else function(**given)

    return call


def _event_value(event: Any, info: Info, *_arguments: Any, **_named: Any) -> Any:
    return event.read(info.context) if isinstance(event, Event) else event


def _guarded(resolve: Callable[..., Any], check: Check) -> Callable[..., Any]:
    def guarded(source: Any, info: Info, **arguments: Any) -> Any:
        check(info.context)
        return resolve(source, info, **arguments)

    return guarded
