"""Importing records: a batch is found, drafted, saved and told in few statements; what is refused leaves the rest."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import bindparam, select, update

from app.catalog.categories import MAX_DEPTH, ensure_categories
from app.catalog.collections import ensure_collections
from app.catalog.drafts import KEEP, ProductDraft, Saved
from app.catalog.formats.records import Lost, ProductRecord, RowError, VariantRecord
from app.catalog.importing.drafting import Shelf, Target, category_path, options_of, product_draft
from app.catalog.importing.faults import Trial, fault
from app.catalog.products import LOCK_CATEGORIES, LOCK_COLLECTIONS, save_products
from app.catalog.queries import KEYS, variants_of_products
from app.catalog.repeat import TAKE_TURNS
from app.catalog.tables import product
from app.catalog.whole import Values, Whole, lock_wholes
from app.identity.principal import Actor
from app.platform.db import Tx
from app.platform.errors import Refusal
from app.platform.texts import key_of

IMPORT_KEY: Final = 0x696D706F7274
"""Imports take turns batch by batch: two of one file never meet half way through a product."""
ROUNDS: Final = 20
"""How often what is left of a product is tried; each round takes out what was refused."""
TOO_OFTEN: Final = "it is refused again and again"
NO_PRODUCT: Final = "its product, further up, was not imported"

KNOWN: Final = select(product.c.id, product.c.slug, product.c.import_digest, product.c.options).where(
    product.c.slug == KEYS
)
SET_DIGEST: Final = update(product).where(product.c.id == bindparam("key"))

Outcome = Literal["created", "updated", "unchanged", "refused"]


@dataclass(frozen=True, slots=True)
class ImportedVariant:
    """A variant of the file and the one in the shop. `before`: its columns before the import; None: a new one."""

    record: VariantRecord
    variant_id: UUID
    before: Values | None

    @property
    def tracked(self) -> bool:
        """Whether its stock is tracked now."""
        return self.record.tracked or (self.before is not None and bool(self.before["track_stock"]))


@dataclass(slots=True)
class Imported:
    """What became of a record. `known`: it had been imported before just so, and was not looked at any closer; its
    variants are told only where they were asked for."""

    record: ProductRecord
    outcome: Outcome
    known: bool = False
    variants: list[ImportedVariant] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)


async def import_products(
    tx: Tx, actor: Actor, target: Target, records: Sequence[ProductRecord], *, find_variants: bool = False
) -> list[Imported]:
    """Carry out the records, each handle at most once among them; what became of each, in their order.

    `find_variants`: tell the variants of products that are known too. A record without a digest is always carried out,
    and not known the next time.
    """
    await tx.rows(TAKE_TURNS, {"key": IMPORT_KEY})
    known = {row.slug: row for row in await tx.rows(KNOWN, {"keys": [record.handle for record in records]})}
    digests = {record.handle: _digest(target, record) for record in records}
    open_records: list[ProductRecord] = []
    done: dict[str, Imported] = {}
    for record in records:
        row = known.get(record.handle)
        if row is not None and digests[record.handle] is not None and row.import_digest == digests[record.handle]:
            done[record.handle] = Imported(record, "unchanged", known=True)
        else:
            open_records.append(record)
    if find_variants and done:
        ids = {handle: known[handle].id for handle in done}
        rows = await variants_of_products(tx, ids.values())
        for handle, one in done.items():
            there = [row._asdict() for row in rows[ids[handle]]]
            found = options_of(target, one.record, known[handle].options).find(there)
            one.variants = [
                ImportedVariant(variant, row["id"], row)
                for variant, row in zip(one.record.variants, found, strict=True)
                if row is not None
            ]
    if open_records:
        done |= await _carry_out(tx, actor, target, open_records, digests)
    return [done[record.handle] for record in records]


def _digest(target: Target, record: ProductRecord) -> bytes | None:
    if record.continues or not record.digest:
        return None
    places = ",".join(sorted(str(channel_id) for channel_id in target.channel_ids))
    return hashlib.sha256(b"\0".join((record.digest, f"{target.locale};{places};{target.key}".encode()))).digest()


async def _carry_out(
    tx: Tx, actor: Actor, target: Target, records: Sequence[ProductRecord], digests: Mapping[str, bytes | None]
) -> dict[str, Imported]:
    trials = [Trial(target.shape, record) for record in records]
    shelves = await _shelves(tx, actor, target, trials)
    locked = await lock_wholes(tx, slugs=[record.handle for record in records])
    wholes = {whole.product["slug"]: whole for whole in locked.values()}
    for trial in trials:
        if trial.record is not None and trial.record.continues and trial.record.handle not in wholes:
            trial.lose(NO_PRODUCT)
    saved: dict[str, Saved] = {}
    for _ in range(ROUNDS):
        tried = [trial for trial in trials if trial.record is not None and trial.record.handle not in saved]
        if not tried:
            break
        drafts = [_draft(target, trial, wholes, shelves, digests) for trial in tried]
        for trial, one in zip(tried, await save_products(tx, actor, drafts), strict=True):
            assert trial.record is not None
            if one.refusals:
                trial.refuse(one.refusals)
            else:
                saved[trial.record.handle] = one
    for trial in trials:
        if trial.record is not None and trial.record.handle not in saved:
            trial.lose(TOO_OFTEN)
    imported = {
        record.handle: _imported(record, trial, wholes.get(record.handle), saved.get(record.handle), target)
        for record, trial in zip(records, trials, strict=True)
    }
    await _remember(tx, imported, wholes, saved, digests)
    return imported


def _draft(
    target: Target,
    trial: Trial,
    wholes: Mapping[str, Whole],
    shelves: Mapping[str, Shelf],
    digests: Mapping[str, bytes | None],
) -> ProductDraft:
    record = trial.record
    assert record is not None
    before = wholes.get(record.handle)
    digest = digests[record.handle] if before is None and not trial.errors else None
    shelf = shelves.get(record.handle, Shelf())
    return product_draft(target, record, before, shelf, trial.dropped, KEEP if digest is None else digest)


async def _shelves(tx: Tx, actor: Actor, target: Target, trials: Sequence[Trial]) -> dict[str, Shelf]:
    """Category and collection of each record by its handle, made where missing, and locked."""
    paths: dict[tuple[str, ...], list[Trial]] = {}
    spellings: dict[tuple[str, ...], tuple[str, ...]] = {}
    names: set[str] = set()
    for trial in trials:
        record = trial.record
        if record is None or record.continues:
            continue
        path = category_path(record)
        if len(path) > MAX_DEPTH:
            trial.refuse([Refusal(f"Categories are at most {MAX_DEPTH} deep.", path=("categoryId",))])
        elif path:
            paths.setdefault(_spelled_first(spellings, path), []).append(trial)
        if record.collection:
            names.add(record.collection)
    categories = await _categories(tx, actor, target, paths)
    collections = await ensure_collections(tx, actor, names, locale=target.locale) if names else {}
    await tx.rows(LOCK_CATEGORIES, {"ids": list(categories.values())})
    await tx.rows(LOCK_COLLECTIONS, {"ids": list(collections.values())})
    return {
        trial.record.handle: Shelf(
            categories.get(_spelled_first(spellings, category_path(trial.record))),
            collections.get(trial.record.collection),
        )
        for trial in trials
        if trial.record is not None
    }


def _spelled_first(spellings: dict[tuple[str, ...], tuple[str, ...]], path: tuple[str, ...]) -> tuple[str, ...]:
    """The path as the batch spells each of its steps first: a category of other letters is the same one."""
    if path in spellings:
        return spellings[path]
    spelled: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    for name in path:
        keys = (*keys, "\0" + key_of(name))
        spelled = spellings.setdefault(keys, (*spelled, name))
    spellings[path] = spelled
    return spelled


async def _categories(
    tx: Tx, actor: Actor, target: Target, paths: Mapping[tuple[str, ...], Sequence[Trial]]
) -> dict[tuple[str, ...], UUID]:
    try:
        return await ensure_categories(tx, actor, sorted(paths), locale=target.locale)
    except Refusal:
        found: dict[tuple[str, ...], UUID] = {}
    for path, trials in sorted(paths.items()):
        try:
            found |= await ensure_categories(tx, actor, [path], locale=target.locale)
        except Refusal as refused:
            for trial in trials:
                trial.refuse([Refusal(refused.message, path=("categoryId",))])
    return found


def _imported(
    record: ProductRecord, trial: Trial, before: Whole | None, saved: Saved | None, target: Target
) -> Imported:
    if trial.record is None or saved is None:
        return Imported(record, "refused", errors=trial.errors)
    outcome: Outcome = "created" if saved.created else "updated" if saved.changed else "unchanged"
    rows = before.variants if before else {}
    variants = [
        ImportedVariant(variant, key, rows.get(key))
        for variant, key in zip(trial.record.variants, saved.variant_ids, strict=True)
    ]
    return Imported(trial.record, outcome, variants=variants, errors=trial.errors + _notices(target, trial.record))


def _notices(target: Target, record: ProductRecord) -> list[RowError]:
    """What is taken, but does not mean here what it meant where the file comes from."""
    free = next((variant for variant in record.variants if not variant.taxable), None)
    if free is None:
        return []
    told = Refusal("Is kept, but taxes follow the product's tax class: set one without tax")
    return [fault(target.shape, record, "taxable", "false", told, Lost.NOTHING, free.line)]


async def _remember(
    tx: Tx,
    imported: Mapping[str, Imported],
    wholes: Mapping[str, Whole],
    saved: Mapping[str, Saved],
    digests: Mapping[str, bytes | None],
) -> None:
    """Keep the digests of products that were there before: by themselves, since they are no change of the product.

    One that came in with errors has none, so that they are told again.
    """
    rows = []
    for handle, whole in wholes.items():
        one = imported[handle]
        if handle not in saved or one.record.continues:
            continue
        digest = None if any(error.lost is not Lost.NOTHING for error in one.errors) else digests[handle]
        if digest != whole.product["import_digest"]:
            rows.append({"key": whole.id, "import_digest": digest})
    await tx.many(SET_DIGEST, rows)
