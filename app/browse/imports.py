"""Importing a product file into a shop: catalog, prices and stock in batches, each of them whole or not at all.

A file is read as it is imported, so that its size does not matter. The same file again changes nothing; an import that
was cut short is finished by starting it again.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final, TextIO
from uuid import UUID

import app.browse.watched  # noqa: F401
from app.browse.import_plan import ImportPlan
from app.browse.import_prices import import_prices, payable
from app.browse.import_stock import Counted, import_policies, import_stock
from app.browse.rehearsal import Rehearsal
from app.catalog.formats.records import FileShape, Lost, ProductRecord, RowError
from app.catalog.formats.shopify import Entry, read_products
from app.catalog.importing.drafting import Target
from app.catalog.importing.products import Imported, import_products
from app.events.outbox import write_gathered
from app.identity.principal import Actor
from app.platform import clock
from app.platform.db import Tx

MOST_PRODUCTS: Final = 300
MOST_VARIANTS: Final = 1_000
"""Of one batch, unless a single product has more."""

Command = Callable[[Tx], Awaitable["Done"]]
CarryOut = Callable[[Command], Awaitable["Done"]]
Report = Callable[[RowError], None]
Progress = Callable[[], None]


@dataclass(slots=True)
class Summary:
    """What became of a file. `errors` lost something, `notices` did not. `refused`: products that lost everything.

    `prices` are variants whose price changed, `stocked` the quantities that were written.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    variants_created: int = 0
    prices: int = 0
    stocked: int = 0
    errors: int = 0
    notices: int = 0

    @property
    def imported(self) -> int:
        """Products that are in the shop as the file says."""
        return self.created + self.updated + self.unchanged

    def __str__(self) -> str:
        return (
            f"products: {self.created} created, {self.updated} updated, {self.unchanged} unchanged, "
            f"{self.refused} refused; variants created: {self.variants_created}; prices set: {self.prices}; "
            f"quantities set: {self.stocked}; errors: {self.errors}, notices: {self.notices}"
        )


@dataclass(slots=True)
class Done:
    """What became of a batch."""

    imported: list[Imported] = field(default_factory=list)
    priced: set[UUID] = field(default_factory=set)
    stocked: int = 0
    errors: list[RowError] = field(default_factory=list)


@dataclass(slots=True)
class _Batch:
    records: list[ProductRecord] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    variants: int = 0

    @property
    def full(self) -> bool:
        return len(self.records) >= MOST_PRODUCTS or self.variants >= MOST_VARIANTS or len(self.errors) >= MOST_VARIANTS


def line_of(file: str, error: RowError) -> str:
    """An error in one line, as compilers tell theirs: file, line, column, reason, and the value in question."""
    where = [file, str(error.line), *([f" {error.column}"] if error.column else [])]
    return f"{':'.join(where)}: {error.reason}" + (f" («{error.value}»)" if error.value else "")


async def import_file(
    stream: BinaryIO | TextIO,
    plan: ImportPlan,
    actor: Actor,
    *,
    carry_out: CarryOut,
    report: Report,
    progress: Progress = lambda: None,
) -> Summary:
    """Import a file; what became of it. `carry_out` runs a batch in a transaction, which may be one of its own.

    Each error is reported once its batch is written, in the order of the file within a batch. Errors of the file never
    raise; `progress` is called after each batch.
    """
    reading = await asyncio.to_thread(read_products, stream)
    shape = reading.shape
    summary = Summary()
    rehearsal = Rehearsal(shape) if plan.dry_run and shape is not None else None
    async with aclosing(_ahead(_batches(reading))) as batches:
        async for batch in batches:
            errors = batch.errors
            if shape is not None and batch.records:
                done = await _carry_out(batch.records, shape, plan, actor, carry_out, rehearsal)
                errors += done.errors
                _count(summary, done)
            summary.refused += len({error.handle for error in errors if error.lost is Lost.PRODUCT})
            for error in sorted(errors, key=lambda error: error.line):
                summary.notices += error.lost is Lost.NOTHING
                summary.errors += error.lost is not Lost.NOTHING
                report(error)
            progress()
    return summary


async def _carry_out(
    records: list[ProductRecord],
    shape: FileShape,
    plan: ImportPlan,
    actor: Actor,
    carry_out: CarryOut,
    rehearsal: Rehearsal | None,
) -> Done:
    repeated: list[RowError] = []
    if rehearsal is not None:
        records, repeated = rehearsal.before(records)

    async def command(tx: Tx) -> Done:
        who = replace(actor, now=max(actor.now, clock.now()))
        return await (_import if rehearsal is None else _rehearse)(tx, who, plan, shape, records)

    done = await carry_out(command)
    if rehearsal is not None:
        rehearsal.after(done.imported)
        done.errors += repeated
    return done


def _batches(entries: Iterator[Entry]) -> Iterator[_Batch]:
    batch = _Batch()
    for entry in entries:
        if isinstance(entry, RowError):
            batch.errors.append(entry)
        else:
            batch.records.append(entry)
            batch.variants += len(entry.variants)
        if batch.full:
            yield batch
            batch = _Batch()
    if batch.records or batch.errors:
        yield batch


async def _ahead(batches: Iterator[_Batch]) -> AsyncGenerator[_Batch]:
    """The batches, each read in a thread while the one before is written."""
    read = asyncio.create_task(asyncio.to_thread(next, batches, None))
    try:
        while batch := await read:
            read = asyncio.create_task(asyncio.to_thread(next, batches, None))
            yield batch
    finally:
        # The thread cannot be stopped, and reads the caller's stream: wait until it lets go of it.
        await asyncio.wait([read])


async def _rehearse(tx: Tx, actor: Actor, plan: ImportPlan, shape: FileShape, records: Sequence[ProductRecord]) -> Done:
    """As `_import`, and nothing of it stays."""
    await write_gathered(tx)
    emitted, told = tx.emitted, tx.told
    savepoint = await tx.connection.begin_nested()
    try:
        return await _import(tx, actor, plan, shape, records)
    finally:
        tx.emitted, tx.told = emitted, told
        await savepoint.rollback()


async def _import(tx: Tx, actor: Actor, plan: ImportPlan, shape: FileShape, records: Sequence[ProductRecord]) -> Done:
    done = Done()
    target = Target(shape, plan.locale, plan.channel_ids, key=str(plan.price_list_id))
    sets = plan.inventory == "set"
    good = [payable(record, shape, plan.currency) for record in records]
    done.errors += [error for one in good for error in one.errors]
    for wave in _waves([one.record for one in good if one.record is not None]):
        done.imported += await import_products(tx, actor, target, wave, find_variants=sets)
    done.errors += [error for one in done.imported for error in one.errors]
    fresh = _counted(one for one in done.imported if not one.known)
    done.priced = await import_prices(tx, actor, plan, shape, [each for _, each in fresh])
    await import_policies(tx, actor, shape, fresh)
    done.stocked, errors = await import_stock(tx, actor, plan, shape, _counted(done.imported) if sets else fresh)
    done.errors += errors
    return done


def _counted(imported: Iterable[Imported]) -> list[Counted]:
    """Each variant once, as the file says it last."""
    return list({each.variant_id: (one.record, each) for one in imported for each in one.variants}.values())


def _waves(records: Sequence[ProductRecord]) -> list[list[ProductRecord]]:
    """The records in their order, so that each wave has a handle once: what continues a product follows it."""
    waves: list[list[ProductRecord]] = []
    places: dict[str, int] = {}
    for record in records:
        place = places.get(record.handle, -1) + 1
        places[record.handle] = place
        if place == len(waves):
            waves.append([])
        waves[place].append(record)
    return waves


def _count(summary: Summary, done: Done) -> None:
    for one in done.imported:
        if one.outcome == "refused":
            continue
        summary.variants_created += sum(each.before is None for each in one.variants)
        if one.record.continues:
            continue
        priced = any(each.variant_id in done.priced for each in one.variants)
        summary.created += one.outcome == "created"
        summary.updated += one.outcome == "updated" or (one.outcome == "unchanged" and priced)
        summary.unchanged += one.outcome == "unchanged" and not priced
    summary.prices += len(done.priced)
    summary.stocked += done.stocked
