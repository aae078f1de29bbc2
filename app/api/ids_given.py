"""Public ids that a query was given, as keys: one that is none, or another type's, is a BAD_REQUEST."""

from uuid import UUID

from app.api.engine.errors import Code, RequestError
from app.platform import ids


def key_given(type_name: str, text: str, where: str | None = None) -> UUID:
    """The UUID in an id of this type. `where`: the argument that it stands in. Raises BAD_REQUEST."""
    key = ids.decode(type_name, text)
    if key is None:
        what = "This" if where is None else f"`{where}`"
        raise RequestError(Code.BAD_REQUEST, f"{what} is not the id of {ids.named(type_name)}.")
    return key
