"""Commands that write the tree of categories. Whoever moves a branch holds the whole tree, so that no cycle closes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Uuid, any_, bindparam, cast, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from app.catalog.drafts import KEEP, Kept, given
from app.catalog.fields import MAX_POSITION, Problems, check_number
from app.catalog.queries import ALL_CATEGORIES, CATEGORIES_BY_SLUG
from app.catalog.repeat import SHELVES_KEY, TAKE_TURNS, again_when_taken
from app.catalog.search_text import rewrite_search
from app.catalog.shelves import check_shelf, free_slug
from app.catalog.tables import category, product
from app.events.outbox import Change, Topic, emit
from app.events.scopes import shelf_scopes
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import InvalidInput, NotFound, check_version, collect
from app.platform.ids import new_id
from app.platform.texts import key_of, name_of

MAX_DEPTH: Final = 10

_IDS: Final = any_(bindparam("ids", type_=ARRAY(Uuid)))
LOCK_TREE: Final = select(category).order_by(category.c.id).with_for_update()
LOCK: Final = select(category).where(category.c.id == _IDS).order_by(category.c.id).with_for_update()
INSERT: Final = insert(category)
UPDATE: Final = update(category).where(category.c.id == bindparam("key"))
LAST_POSITION: Final = select(func.coalesce(func.max(category.c.position), 0)).where(
    category.c.parent_id.is_not_distinct_from(bindparam("parent_id", type_=Uuid))
)
CHILD: Final = select(category.c.id).where(category.c.parent_id == bindparam("id"), ~category.c.archived).limit(1)
PRODUCTS_UNDER: Final = (
    select(product.c.id)
    .join(category, category.c.id == product.c.category_id)
    .where(category.c.lineage.contains(func.array_append(cast([], ARRAY(Uuid)), bindparam("id", type_=Uuid))))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryDraft:
    """A category as wanted: names by language (merged over those that are there), place among its siblings."""

    name: Mapping[str, str] | Kept = KEEP
    slug: str | Kept = KEEP
    parent_id: UUID | Kept | None = KEEP
    position: int | Kept = KEEP


async def create_category(tx: Tx, actor: Actor, draft: CategoryDraft) -> UUID:
    """A new category, last among its siblings unless told. Raises InvalidInput (TAKEN, TOO_DEEP), NotFound (parent)."""
    problems: Problems = []
    name = given(draft.name, {})
    check_shelf(problems, name, draft.slug)
    check_number(problems, given(draft.position, None), ("position",), least=0, most=MAX_POSITION)
    collect(problems)

    async def create() -> UUID:
        key = new_id()
        parent_id = given(draft.parent_id, None)
        parent = await _parent(tx, parent_id)
        last = await tx.value(LAST_POSITION, {"parent_id": parent_id})
        row = {
            "id": key, "slug": await free_slug(tx, CATEGORIES_BY_SLUG, draft.slug, name), "name": dict(name),
            "parent_id": parent_id, "lineage": [*(parent.lineage if parent else ()), key],
            "position": given(draft.position, last + 1), "created_at": actor.now, "updated_at": actor.now,
        }  # fmt: skip
        await tx.many(INSERT, [row])
        await emit(tx, [Change(Topic.CATEGORY, key, 1, after=shelf_scopes(archived=False), before=())])
        return key

    return await again_when_taken(tx, create)


async def update_category(
    tx: Tx, actor: Actor, category_id: UUID, draft: CategoryDraft, *, expected_version: int | None = None
) -> None:
    """Rename, move or place a category. Its products are found by the new name at once.

    Raises NotFound, VersionConflict, InvalidInput: TAKEN (slug), CYCLE (below itself), TOO_DEEP, ARCHIVED.
    """
    moves = not isinstance(draft.parent_id, Kept)
    rows = {row.id: row for row in await tx.rows(LOCK_TREE if moves else LOCK, {"ids": [category_id]})}
    row = _require(rows.get(category_id), expected_version)
    name = {**row.name, **given(draft.name, {})}
    position = given(draft.position, row.position)
    problems: Problems = []
    check_shelf(problems, name, draft.slug)
    check_number(problems, position, ("position",), least=0, most=MAX_POSITION)
    collect(problems)

    async def write() -> None:
        slug = row.slug
        if not isinstance(draft.slug, Kept):
            slug = await free_slug(tx, CATEGORIES_BY_SLUG, draft.slug, name, category_id)
        changes = {row.id: {"slug": slug, "name": name, "position": position}}
        if moves:
            for key, values in _moved(rows, row, given(draft.parent_id, None)).items():
                changes[key] = changes.get(key, {}) | values
        await _write(tx, actor, rows, changes)

    await again_when_taken(tx, write)
    if name != row.name or moves:
        await _rewrite_products(tx, category_id)


async def archive_category(
    tx: Tx, actor: Actor, category_id: UUID, *, archived: bool = True, expected_version: int | None = None
) -> None:
    """Take a category off the shop's shelves; its products stay in it and in sale. `archived` False: back.

    Raises NotFound, VersionConflict, InvalidInput: HAS_CHILDREN, or PARENT_ARCHIVED on the way back.
    """
    rows = {row.id: row for row in await tx.rows(LOCK_TREE)}
    row = _require(rows.get(category_id), expected_version)
    if row.archived == archived:
        return
    if archived and await tx.value(CHILD, {"id": category_id}) is not None:
        raise InvalidInput("Categories below it are in use: move or archive them first.", code="HAS_CHILDREN")
    if not archived and row.parent_id and rows[row.parent_id].archived:
        raise InvalidInput("The category above it is archived.", code="PARENT_ARCHIVED")
    await _write(tx, actor, rows, {category_id: {"archived": archived}})
    await _rewrite_products(tx, category_id)


async def ensure_categories(
    tx: Tx, actor: Actor, paths: Sequence[tuple[str, ...]], *, locale: str
) -> dict[tuple[str, ...], UUID]:
    """The category at the end of each path of names from the root down; what is missing is made.

    Names are compared in `locale`, without case and accents, among categories that are not archived.
    """
    steps = sorted({path[: depth + 1] for path in paths for depth in range(len(path))}, key=len)
    found = await _walk(tx, steps, locale)
    if len(found) < len(steps):
        await tx.rows(TAKE_TURNS, {"key": SHELVES_KEY})
        found = await _walk(tx, steps, locale)
    for step in steps:
        if step not in found:
            parent_id = found[step[:-1]] if len(step) > 1 else None
            found[step] = await create_category(tx, actor, CategoryDraft(name={locale: step[-1]}, parent_id=parent_id))
    return {path: found[path] for path in paths if path}


async def _walk(tx: Tx, steps: Sequence[tuple[str, ...]], locale: str) -> dict[tuple[str, ...], UUID]:
    """Those of these paths that are there; shorter ones come first."""
    rows = await tx.rows(ALL_CATEGORIES, {"archived": False})
    there = {(row.parent_id, key_of(name_of(row.name, locale))): row.id for row in reversed(rows)}
    found: dict[tuple[str, ...], UUID] = {}
    for step in steps:
        above = found.get(step[:-1])
        key = there.get((above, key_of(step[-1]))) if above or len(step) == 1 else None
        if key is not None:
            found[step] = key
    return found


def _require(row: Row[Any] | None, expected_version: int | None) -> Row[Any]:
    if row is None:
        raise NotFound("There is no such category.", path=("categoryId",))
    check_version(expected_version, row.version, "Category", row.id)
    return row


async def _parent(tx: Tx, parent_id: UUID | None) -> Row[Any] | None:
    """The category above, locked: it moves or is archived before or after, not meanwhile."""
    if parent_id is None:
        return None
    row = await tx.row(LOCK, {"ids": [parent_id]})
    _check_parent(row, below=1)
    return row


def _check_parent(row: Row[Any] | None, *, below: int) -> None:
    if row is None or row.archived:
        raise NotFound("There is no such category to be below.", path=("parentId",))
    if len(row.lineage) + below > MAX_DEPTH:
        raise InvalidInput(f"The tree is at most {MAX_DEPTH} deep.", path=("parentId",), code="TOO_DEEP")


def _moved(rows: Mapping[UUID, Row[Any]], row: Row[Any], parent_id: UUID | None) -> dict[UUID, dict[str, Any]]:
    """The new lineage of a branch, by category."""
    branch = [one for one in rows.values() if row.id in one.lineage]
    above: list[UUID] = []
    if parent_id is not None:
        parent = rows.get(parent_id)
        _check_parent(parent, below=max(len(one.lineage) for one in branch) - len(row.lineage) + 1)
        above = list(rows[parent_id].lineage)
        if row.id in above:
            raise InvalidInput("A category cannot be below itself.", path=("parentId",), code="CYCLE")
    start = len(row.lineage) - 1
    moved = {one.id: {"lineage": [*above, *one.lineage[start:]]} for one in branch}
    return {key: values | ({"parent_id": parent_id} if key == row.id else {}) for key, values in moved.items()}


async def _write(tx: Tx, actor: Actor, rows: Mapping[UUID, Row[Any]], changes: Mapping[UUID, dict[str, Any]]) -> None:
    """Write and tell the categories of which something differs."""
    told: list[Change] = []
    for key in sorted(changes):
        row, values = rows[key], changes[key]
        if all(getattr(row, name) == value for name, value in values.items()):
            continue
        version = row.version + 1
        await tx.execute(UPDATE, {"key": key, **values, "version": version, "updated_at": actor.now})
        before = shelf_scopes(archived=row.archived)
        after = shelf_scopes(archived=values.get("archived", row.archived))
        told.append(Change(Topic.CATEGORY, key, version, before=before, after=after))
    await emit(tx, told)


async def _rewrite_products(tx: Tx, category_id: UUID) -> None:
    rows = await tx.rows(PRODUCTS_UNDER, {"id": category_id})
    await rewrite_search(tx, [row.id for row in rows])
