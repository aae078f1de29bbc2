"""Inputs as resolvers take them: made of coerced values by functions that are put together once for each type.

They do what Strawberry's `convert_arguments` does, which looks everything up again for each value. What they do not
know is left to it.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import MISSING
from typing import Any, TypeAlias

import strawberry
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.scalars import is_scalar
from strawberry.types.arguments import StrawberryArgument, convert_argument
from strawberry.types.base import StrawberryList, StrawberryMaybe, StrawberryOptional, has_object_definition
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.lazy_type import LazyType
from strawberry.types.maybe import Some
from strawberry.types.unset import UNSET

Make: TypeAlias = Callable[[Any], Any]


class Inputs:
    """The functions of one schema's types."""

    def __init__(self, schema: strawberry.Schema) -> None:
        self._config = schema.config
        self._scalars = schema.schema_converter.scalar_registry
        self._made: dict[Any, Make] = {}

    def arguments(self, arguments: Sequence[StrawberryArgument]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        """Makes a resolver's arguments, by their Python names, of coerced values by their GraphQL names."""
        name_of = self._config.name_converter.from_argument
        known = {name_of(each): (each.python_name, self._maker(each.type)) for each in arguments}

        def make(raw: Mapping[str, Any]) -> dict[str, Any]:
            made = {}
            for name, value in raw.items():
                found = known.get(name)
                if found is not None:
                    made[found[0]] = found[1](value)
            return made

        return make

    def _maker(self, type_: Any) -> Make:
        if isinstance(type_, StrawberryMaybe):
            return self._maybe(type_)
        if isinstance(type_, StrawberryOptional):
            return self._maker(type_.of_type)
        if isinstance(type_, LazyType):
            return self._maker(type_.resolve_type())
        if isinstance(type_, StrawberryList):
            return self._list(type_)
        if is_scalar(type_, self._scalars) or isinstance(type_, StrawberryEnumDefinition) or has_enum_definition(type_):
            return _leaf
        if has_object_definition(type_) and type_.__strawberry_definition__.from_input is None:
            return self._object(type_)
        return lambda value: convert_argument(value, type_, self._scalars, self._config)

    def _maybe(self, type_: StrawberryMaybe) -> Make:
        inner = self._maker(type_.of_type)
        if isinstance(type_.of_type, StrawberryOptional):
            return lambda value: Some(inner(value))

        def some(value: Any) -> Any:
            if value is None:
                raise StrawberryInputCoercionError("Expected a value, found null.")
            return Some(inner(value))

        return some

    def _list(self, type_: StrawberryList) -> Make:
        inner = self._maker(type_.of_type)

        def items(value: Any) -> Any:
            return value if value is None or value is UNSET else [inner(item) for item in value]

        return items

    def _object(self, type_: Any) -> Make:
        known = self._made.get(type_)
        if known is not None:
            return known
        definition = type_.__strawberry_definition__
        fields: dict[str, tuple[str, Make]] = {}
        # None for whatever may be left out and has no default of its own.
        absent = {
            field.python_name: None
            for field in definition.fields
            if definition.is_input and field.default_value is MISSING and field.default_factory is MISSING
        }

        def made(value: Any) -> Any:
            if value is None or value is UNSET:
                return value
            given = dict(absent)
            for name, said in value.items():
                found = fields.get(name)
                if found is not None:
                    given[found[0]] = found[1](said)
            return type_(**given)

        # Before its fields, for some hold others of its kind.
        self._made[type_] = made
        for field in definition.fields:
            of = field.resolve_type(type_definition=definition)
            fields[self._config.name_converter.from_field(field)] = (field.python_name, self._maker(of))
        return made


def _leaf(value: Any) -> Any:
    # JSON: whoever changes it must not change another request's.
    return deepcopy(value) if value.__class__ is dict or value.__class__ is list else value
