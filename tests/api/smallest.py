"""The smallest arguments that a field takes, made from the schema: a new field is walked without a word said of it."""

import re
from typing import Any
from uuid import uuid4

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    get_named_type,
    is_composite_type,
    is_required_argument,
    is_required_input_field,
)

from app.platform import ids
from app.platform.ids import new_id

SCALARS: dict[str, Any] = {
    "String": "x1",
    "Int": 1,
    "Float": 1,
    "Boolean": False,
    "Decimal": "1.00",
    "Quantity": 1,
    "DateTime": "2030-01-01T00:00:00Z",
    "UUID": str(uuid4()),
    "CurrencyCode": "BRL",
    "CountryCode": "BR",
    "JSON": {},
    "Position": "1",
}
# Fields whose name does not say whose id they take.
OF: dict[str, str] = {"lineId": "CartLine", "mediaIds": "Media", "groupIds": "CustomerGroup", "id": "Variant"}


def id_of(name: str, owner: str) -> str:
    """A well-formed id that nothing has, of the type that an argument or input field of this name takes."""
    stem = re.sub(r"Ids?$", "", name)
    kind = stem[:1].upper() + stem[1:]
    if kind not in ids.PREFIXES:
        kind = OF.get(name, owner if owner in ids.PREFIXES else "Variant")
    return ids.encode(kind, new_id())


def value_of(type_: Any, name: str, owner: str = "") -> Any:
    """A value of an input type; of an object only what is required, of a @oneOf the first field."""
    if isinstance(type_, GraphQLNonNull):
        return value_of(type_.of_type, name, owner)
    if isinstance(type_, GraphQLList):
        return [value_of(type_.of_type, name, owner)]
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    if isinstance(type_, GraphQLInputObjectType):
        fields = type_.fields
        taken = list(fields)[:1] if type_.is_one_of else [key for key in fields if is_required_input_field(fields[key])]
        return {key: value_of(fields[key].type, key, re.sub("By$", "", type_.name)) for key in taken}
    return id_of(name, owner) if type_.name == "ID" else SCALARS[type_.name]


def call(name: str, field: GraphQLField, prefix: str) -> tuple[str, list[str], dict[str, Any]]:
    """A field with its required arguments as a selection; the variables' definitions; their values."""
    owner = get_named_type(field.type).name
    definitions, arguments, values = [], [], {}
    for key, argument in field.args.items():
        if is_required_argument(argument):
            variable = f"{prefix}_{key}"
            definitions.append(f"${variable}: {argument.type}")
            arguments.append(f"{key}: ${variable}")
            values[variable] = value_of(argument.type, key, owner)
    given = f"({', '.join(arguments)})" if arguments else ""
    below = " { __typename }" if is_composite_type(get_named_type(field.type)) else ""
    return f"{name}{given}{below}", definitions, values


def document(schema: GraphQLSchema, kind: str, names: list[str]) -> tuple[str, dict[str, Any]]:
    """One operation that calls these root fields; its variables."""
    root = schema.query_type if kind == "query" else schema.mutation_type
    assert root is not None
    selections: list[str] = []
    definitions: list[str] = []
    values: dict[str, Any] = {}
    for name in names:
        selection, more, given = call(name, root.fields[name], name)
        selections.append(selection)
        definitions += more
        values |= given
    head = f"({', '.join(definitions)})" if definitions else ""
    return f"{kind} Walk{head} {{ {' '.join(selections)} }}", values
