"""What categories and collections have in common: texts by language, slugs of their own or made from a name."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Select

from app.catalog.drafts import Kept
from app.catalog.fields import MAX_NAME, Problems, check_slug, check_texts
from app.catalog.formats.handles import handle_of
from app.platform.db import Tx
from app.platform.errors import InvalidInput
from app.platform.texts import DEFAULT_LOCALE, name_of

SUFFIXES = range(2, 1000)


def check_shelf(problems: Problems, name: Mapping[str, str], slug: str | Kept) -> None:
    """Add what is wrong with the name or with a slug that was given."""
    check_texts(problems, name, ("names",), most=MAX_NAME)
    if not isinstance(slug, Kept):
        check_slug(problems, slug)


async def free_slug(
    tx: Tx, by_slug: Select[Any], slug: str | Kept, name: Mapping[str, str], own_id: UUID | None = None
) -> str:
    """The slug given, or a free one made from the name. Raises InvalidInput (TAKEN). `by_slug` finds rows by `keys`."""
    if not isinstance(slug, Kept):
        rows = await tx.rows(by_slug, {"keys": [slug]})
        if any(row.id != own_id for row in rows):
            raise InvalidInput("Another one has this slug.", path=("slug",), code="TAKEN")
        return slug
    base = handle_of(name_of(name, DEFAULT_LOCALE))[:200].strip("-_.") or "sem-nome"
    candidates = [base, *(f"{base}-{suffix}" for suffix in SUFFIXES)]
    taken = {row.slug for row in await tx.rows(by_slug, {"keys": candidates})}
    free = next((one for one in candidates if one not in taken), None)
    if free is None:
        raise InvalidInput("Too many have this name: give a slug.", path=("slug",), code="TAKEN")
    return free
