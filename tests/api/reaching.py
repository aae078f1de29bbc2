"""Which types of a schema lead to which."""

from collections.abc import Iterable
from typing import Any

from graphql import GraphQLSchema, get_named_type, is_abstract_type


def reachable(graph: GraphQLSchema, types: Iterable[Any], *, inputs: bool = False) -> set[str]:
    """The names of these types and of all that their fields lead to; `inputs`: by their arguments too, and to the
    interfaces that they implement.
    """
    reached: set[str] = set()
    waiting = list(types)
    while waiting:
        type_ = waiting.pop()
        if type_.name in reached:
            continue
        reached.add(type_.name)
        if is_abstract_type(type_):
            waiting += graph.get_possible_types(type_)
        for field in getattr(type_, "fields", {}).values():
            waiting.append(get_named_type(field.type))
            if inputs:
                waiting += [get_named_type(argument.type) for argument in getattr(field, "args", {}).values()]
        if inputs:
            waiting += getattr(type_, "interfaces", ())
    return reached
