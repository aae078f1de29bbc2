"""Live updates. Each source waits for the process's follower, and reads what there is once its last answer has gone.

So a subscriber who is slow is caught up from the feed, and nothing is kept for them meanwhile.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Annotated, Final
from uuid import UUID

import strawberry

from app.api.carts.types import Cart, load_carts
from app.api.catalog.by import VariantBy
from app.api.catalog.queries import variant_by
from app.api.catalog.variants import Variant, load_variants
from app.api.context import Context, Info
from app.api.engine.errors import Code, RequestError
from app.api.engine.execute import Event
from app.api.events.types import ChangePage, Topic, require_theirs, topics_of
from app.api.ids_given import key_given
from app.api.orders.queries import OrderBy, find_order
from app.api.orders.types import Order
from app.api.scalars import Position
from app.events import outbox
from app.events.feed import Page, page, page_of
from app.events.follower import Follower, Key, Watch
from app.identity.following import scopes_of
from app.platform import ids

PAGE: Final = 100
"""Changes of one event at most."""
QUIET_SECONDS: Final = 15.0
"""A quiet follower is told at least so often how far the feed is."""
MOST_VARIANTS: Final = 100

argument = strawberry.argument


@strawberry.type(description="What can be followed. A subscription goes on until either side ends it.")
class Subscription:
    @strawberry.subscription(
        description="Every change from `after` on, the missed ones first, then live: nothing is skipped across a "
        "reconnect. A page as soon as there is one, and an empty one at least every 15 s: its `endPosition` keeps a "
        "quiet follower up to date. It ends after a page with `snapshotRequired`: `after` is not of this history, or "
        "no longer kept."
    )
    async def changes(
        self,
        info: Info,
        after: Annotated[
            Position | None, argument(description="The position that is known; from now on when left out.")
        ] = None,
        topics: Annotated[
            list[Topic] | None,
            argument(
                description="Only of these kinds; all that the caller may see when left out. FORBIDDEN for one that is "
                "never theirs."
            ),
        ] = None,
        compacted: Annotated[
            bool, argument(description="Of each entity only its newest change within a page's range.")
        ] = False,
    ) -> AsyncGenerator[ChangePage | None, None]:
        feed, wanted = _feed(info.context), topics_of(topics, info.context)
        position = feed.position if after is None else int(after)
        epoch = info.context.epoch or feed.epoch
        quiet_since = monotonic()
        with _watching(feed, outbox.Topic if wanted is None else wanted) as watch:
            while True:
                context = await _again(info.context)
                require_theirs(wanted or (), context.principal)
                found = await _page(context, feed, position, epoch, wanted, compacted)
                position = found.end
                if found.changes or found.snapshot_required or monotonic() - quiet_since >= QUIET_SECONDS:
                    yield ChangePage(page=found)
                    quiet_since = monotonic()
                if found.snapshot_required:
                    return
                if not found.has_more:
                    await watch.wait(max(0.0, quiet_since + QUIET_SECONDS - monotonic()))

    @strawberry.subscription(
        description="The cart now, and again after changes to it (the newest state, not each one); null when the "
        "caller may no longer see it."
    )
    async def cart(
        self, info: Info, id: Annotated[strawberry.ID, argument(description="The cart's id.")]
    ) -> AsyncGenerator[Cart | None, None]:
        key = key_given("Cart", id, "id")

        async def read(context: Context) -> Cart | None:
            return (await load_carts(context, [key]))[0]

        shown = True
        with _watching(_feed(info.context), [(outbox.Topic.CART, key)]) as watch:
            while True:
                # Whoever may not see it is told so once, and not whenever something is done to it.
                before, shown = shown, await read(await _again(info.context)) is not None
                if before or shown:
                    yield Event(read)  # type: ignore[misc]
                await watch.wait()

    @strawberry.subscription(
        description="The order now, and again after changes to it (the newest state, not each one); null while there "
        "is none, and when the caller may no longer see it."
    )
    async def order(
        self, info: Info, by: Annotated[OrderBy, argument(description="Which one.")]
    ) -> AsyncGenerator[Order | None, None]:
        _check_ids(by)

        async def read(context: Context) -> Order | None:
            return await find_order(context, by)

        feed, keys = _feed(info.context), await _order_keys(info.context, by)
        while keys:
            with _watching(feed, keys) as watch:
                found = keys
                while found == keys:
                    yield Event(read)  # type: ignore[misc]
                    await watch.wait()
                    found = await _order_keys(await _again(info.context), by)
            keys = found
        yield Event(read)  # type: ignore[misc]

    @strawberry.subscription(
        description="Each of these variants now, and again whenever its availability changes; at most 100. Null when "
        "one of them is not sold any more."
    )
    async def availability(
        self, info: Info, variants: Annotated[list[VariantBy], argument(description="Which ones.")]
    ) -> AsyncGenerator[Variant | None, None]:
        keys = await _variant_keys(info.context, variants)
        feed, waiting = _feed(info.context), dict.fromkeys(keys)
        with _watching(feed, [(outbox.Topic.AVAILABILITY, key) for key in keys]) as watch:
            while True:
                while waiting:
                    key, _ = next(iter(waiting.items()))
                    del waiting[key]
                    yield Event(_read_variant(key), moment=(key, feed.position))  # type: ignore[misc]
                    # What changed while this one went out is told once.
                    waiting |= _changed(await watch.wait(0))
                waiting |= _changed(await watch.wait())


def _feed(context: Context) -> Follower:
    if context.feed is None:
        raise RequestError(Code.BAD_REQUEST, "This server does not follow the feed.")
    return context.feed


@contextmanager
def _watching(feed: Follower, keys: Iterable[Key | outbox.Topic]) -> Iterator[Watch]:
    watch = feed.watch(keys)
    try:
        yield watch
    finally:
        watch.close()


async def _again(context: Context) -> Context:
    """The subscriber as they may see things now. Raises RequestError when the credential holds no more."""
    return context if context.again is None else await context.again()


async def _page(
    context: Context,
    feed: Follower,
    after: int,
    epoch: str,
    topics: list[outbox.Topic] | None,
    compacted: bool,
) -> Page:
    """What the subscriber is told next: from what the process has at hand, else from the database."""
    scopes = scopes_of(context.principal, context.channel.id)
    rows = feed.recent(after) if after <= feed.position and epoch == feed.epoch else None
    if rows is None:
        return await page(
            context.db, scopes, after=after, first=PAGE, topics=topics, compacted=compacted, epoch=epoch or None
        )
    return page_of(rows, scopes, after=after, head=feed.position, first=PAGE, topics=topics, compacted=compacted)


def _check_ids(by: OrderBy) -> None:
    """Raises BAD_REQUEST for what no order and no cart can have as their id: to wait for it would be in vain."""
    for name, kind, given in (("id", "Order", by.id), ("cartId", "Cart", by.cart_id)):
        if given:
            key_given(kind, given, f"by.{name}")


async def _order_keys(context: Context, by: OrderBy) -> list[Key]:
    """What an order is followed by: its own changes, and those of the cart that it comes from; nothing where there is
    neither, or they are not the caller's to see.
    """
    cart_id = ids.decode("Cart", by.cart_id) if by.cart_id else None
    known = cart_id is not None and (await load_carts(context, [cart_id]))[0] is not None
    keys: list[Key] = [(outbox.Topic.CART, cart_id)] if cart_id is not None and known else []
    order = await find_order(context, by)
    return keys if order is None else [*keys, (outbox.Topic.ORDER, order.row.id)]


async def _variant_keys(context: Context, variants: list[VariantBy]) -> list[UUID]:
    if not 0 < len(variants) <= MOST_VARIANTS:
        raise RequestError(Code.BAD_REQUEST, f"`variants` holds from 1 to {MOST_VARIANTS}, there are {len(variants)}.")
    keys: list[UUID] = []
    for place, by in enumerate(variants):
        found = await variant_by(context, by)
        if found is None:
            raise RequestError(Code.BAD_REQUEST, f"There is no variant as `variants[{place}]` says.")
        keys.append(found.key)
    return list(dict.fromkeys(keys))


def _read_variant(key: UUID) -> Callable[[Context], Awaitable[Variant | None]]:
    async def read(context: Context) -> Variant | None:
        return (await load_variants(context, [key]))[0]

    return read


def _changed(keys: set[Key | outbox.Topic]) -> dict[UUID, None]:
    return {key[1]: None for key in keys if isinstance(key, tuple)}
