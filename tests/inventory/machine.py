"""A model of stock in plain Python that drives the real commands on the real database, and what it knows of them."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from sqlalchemy import select

from app.inventory.audit import violations
from app.inventory.levels import StockChange, StockPolicy, adjust, set_policy
from app.inventory.reservations import (
    Demand,
    Item,
    Take,
    allocate,
    cancel_order,
    extend,
    fulfill,
    hold,
    release_carts,
    return_stock,
)
from app.inventory.sweeper import sweep
from app.inventory.tables import allocation, stock_level
from app.inventory.tables import hold as held
from app.platform import clock
from app.platform.errors import Refusal, Refusals
from app.platform.ids import new_id
from tests.inventory.stock import UNIT, expire
from tests.shop import Shop

Place = tuple[int, str]
CODES = ("centro", "praia")
variants = st.integers(0, 1)
places = st.lists(st.sampled_from(CODES), min_size=1, max_size=2, unique=True)
carts = st.integers(0, 2)
units = st.integers(0, 6)


@dataclass
class Level:
    on_hand: int = 0
    safety: int = 0
    allowance: int = 0


@dataclass
class Line:
    """A cart's line, or an order's: what it has reserved, by location code, in units."""

    id: UUID
    variant: int
    cart: int = -1
    order: UUID | None = None
    has: dict[str, int] = field(default_factory=dict)

    @property
    def all(self) -> int:
        return sum(self.has.values())


class StockMachine(RuleBasedStateMachine):
    shop: ClassVar[Shop]
    runner: ClassVar[asyncio.Runner]

    def run(self, work: Awaitable[Any]) -> Any:
        async def do() -> Any:
            return await work

        return self.runner.run(do())

    def tell(self, command: Any) -> bool:
        """Whether the command was carried out; a refusal leaves all as it was, which the invariants check."""
        codes = set()
        try:
            self.run(self.shop.db.run(command))
        except (Refusal, Refusals) as refused:
            codes = {one.code for one in refused.refusals}
        assert codes <= {"INSUFFICIENT_STOCK"}
        return not codes

    @initialize(allowance=st.integers(0, 2), stock=st.lists(st.integers(0, 4), min_size=4, max_size=4))
    def begin(self, allowance: int, stock: list[int]) -> None:
        self.allowances = (0, allowance)
        self.variants = [
            self.run(self.shop.variant(f"V{new_id().hex}", price=None, backorder_allowance=each * UNIT))
            for each in self.allowances
        ]
        self.levels: dict[Place, Level] = {}
        self.lines: list[Line] = []
        self.ordered: list[Line] = []
        self.carts = [new_id() for _ in range(3)]
        self.expired: set[int] = set()
        for number, quantity in enumerate(stock):
            if quantity:
                self.count(number % 2, CODES[number // 2], quantity)

    # --- the model ---------------------------------------------------------------------------------------------------
    def level(self, place: Place) -> Level:
        """A level that is not there is as a new one would be."""
        return self.levels.get(place) or Level(allowance=self.allowances[place[0]])

    def room(self, place: Place, besides: list[Line], ignores: bool) -> int:
        """What may be taken, when what these lines hold, and what other carts hold beyond its time, is given back."""
        variant, code = place
        reserved = sum(
            line.has.get(code, 0)
            for line in self.lines + self.ordered
            if line.variant == variant
            and not any(line is other for other in besides)
            and not (line.order is None and line.cart in self.expired)
        )
        level = self.level(place)
        return level.on_hand - reserved - (0 if ignores else level.safety) + level.allowance

    def fits(self, wanted: list[tuple[Line, int]], codes: list[str], ignores: bool, given_back: list[Line]) -> bool:
        """Whether these quantities can be had, each line keeping what it has at these places."""
        for variant in {line.variant for line, _ in wanted}:
            missing = 0
            kept = dict.fromkeys(codes, 0)
            for line, quantity in wanted:
                if line.variant != variant:
                    continue
                left = quantity
                for code in codes:
                    part = min(left, line.has.get(code, 0))
                    kept[code] += part
                    left -= part
                missing += left
            rooms = [max(0, self.room((variant, code), given_back, ignores) - kept[code]) for code in codes]
            if missing > sum(rooms):
                return False
        return True

    def see(self) -> None:
        """Take over from the database which lines hold how much where: the rules say what is allowed, not which."""
        codes = {place: code for code, place in self.shop.locations.items()}
        for line in self.lines + self.ordered:
            line.has = {}
        by_id = {line.id: line for line in self.lines + self.ordered}
        for table, key in ((held, held.c.cart_line_id), (allocation, allocation.c.order_line_id)):
            statement = select(key, table.c.location_id, table.c.quantity).where(table.c.variant_id.in_(self.variants))
            for line_id, location_id, quantity in self.run(self.shop.db.rows(statement)):
                by_id[line_id].has[codes[location_id]] = quantity // UNIT

    def ids(self, codes: list[str]) -> tuple[UUID, ...]:
        return tuple(self.shop.locations[code] for code in codes)

    # --- what happens ------------------------------------------------------------------------------------------------
    @rule(what=st.integers(0, 3), variant=variants, code=st.sampled_from(CODES), one=units, other=units)
    def fact(self, what: int, variant: int, code: str, one: int, other: int) -> None:
        if what == 0:
            self.count(variant, code, one - 1)
        elif what == 1:
            self.receive([code, *(place for place in CODES if place != code)][: 1 + variant], [one - 4, other - 4])
        elif what == 2:
            self.policy(variant, code, one // 3, other // 3)
        else:
            self.give_back(variant, code, 1 + one // 4)

    def count(self, variant: int, code: str, quantity: int) -> None:
        change = StockChange(self.variants[variant], self.shop.locations[code], on_hand=quantity * UNIT)
        assert self.tell(lambda tx: adjust(tx, self.shop.actor(), changes=[change], kind="COUNT"))
        self.levels.setdefault((variant, code), self.level((variant, code))).on_hand = quantity

    def receive(self, codes: list[str], deltas: list[int]) -> None:
        keys = [(variant, code) for variant in (1, 0) for code in codes]
        changes = [
            StockChange(self.variants[variant], self.shop.locations[code], delta=deltas[variant] * UNIT)
            for variant, code in keys
        ]
        assert self.tell(lambda tx: adjust(tx, self.shop.actor(), changes=changes, kind="RECEIPT"))
        for variant, code in keys:
            self.levels.setdefault((variant, code), self.level((variant, code))).on_hand += deltas[variant]

    def policy(self, variant: int, code: str, safety: int, allowance: int) -> None:
        policy = StockPolicy(self.variants[variant], self.shop.locations[code], safety * UNIT, allowance * UNIT)
        assert self.tell(lambda tx: set_policy(tx, self.shop.actor(), policies=[policy]))
        level = self.levels.setdefault((variant, code), Level())
        level.safety, level.allowance = safety, allowance

    @rule(
        cart=carts,
        asked=st.lists(st.tuples(variants, units, st.booleans()), min_size=1, max_size=3),
        codes=places,
        ignores=st.booleans(),
    )
    def hold(self, cart: int, asked: list[tuple[int, int, bool]], codes: list[str], ignores: bool) -> None:
        """Some lines of a cart, old ones or new."""
        self.hold_lines(cart, asked, codes, ignores)

    def hold_lines(self, cart: int, asked: list[tuple[int, int, bool]], codes: list[str], ignores: bool) -> None:
        wanted: list[tuple[Line, int]] = []
        for variant, quantity, again in asked:
            mine = [line for line in self.lines if line.cart == cart and line.variant == variant]
            free = [line for line in mine if not any(line is other for other, _ in wanted)]
            line = free[0] if again and free else Line(new_id(), variant, cart)
            wanted.append((line, quantity))
        demands = [
            Demand(
                line.id,
                self.variants[line.variant],
                quantity * UNIT,
                self.ids(codes),
                backorder_allowance=self.allowances[line.variant] * UNIT,
            )
            for line, quantity in wanted
        ]
        fits = self.fits(wanted, codes, ignores, [line for line, _ in wanted])
        until = clock.now() + timedelta(minutes=15)
        # The cart's other lines are held as long: so it is with every write of a cart.
        assert fits == self.tell(lambda tx: self._hold_and_extend(tx, cart, demands, until, ignores)), (
            f"should be {'granted' if fits else 'refused'}"
        )
        if fits:
            self.lines += [line for line, _ in wanted if not any(line is other for other in self.lines)]
            self.expired.discard(cart)
            self.see()
            for line, quantity in wanted:
                assert line.all == quantity
                assert set(line.has) <= set(codes)

    @rule(cart=carts, variant=variants, quantity=units, again=st.booleans())
    def hold_anywhere(self, cart: int, variant: int, quantity: int, again: bool) -> None:
        """One line, at either place: what most shoppers do."""
        self.hold_lines(cart, [(variant, quantity, again)], list(CODES), False)

    async def _hold_and_extend(self, tx: Any, cart: int, demands: list[Demand], until: Any, ignores: bool) -> None:
        await hold(tx, cart_id=self.carts[cart], demands=demands, expires_at=until, ignores_safety_stock=ignores)
        await extend(tx, cart_id=self.carts[cart], expires_at=until)

    @precondition(lambda self: self.lines)
    @rule(cart=carts)
    def time_passes(self, cart: int) -> None:
        self.run(expire(self.shop, self.carts[cart]))
        self.expired.add(cart)

    @rule(cart=carts)
    def release(self, cart: int) -> None:
        assert self.tell(lambda tx: release_carts(tx, [self.carts[cart]]))
        self.lines = [line for line in self.lines if line.cart != cart]

    @rule()
    def sweep(self) -> None:
        self.run(sweep(self.shop.db, clock.now()))
        self.lines = [line for line in self.lines if line.cart not in self.expired]

    @rule(cart=carts, codes=places, leaves=st.booleans(), ignores=st.booleans(), more=st.integers(0, 2))
    def check_out(self, cart: int, codes: list[str], leaves: bool, ignores: bool, more: int) -> None:
        mine = [line for line in self.lines if line.cart == cart]
        wanted = [(line, line.all + (more if number == 0 else 0)) for number, line in enumerate(mine)]
        wanted = [(line, quantity) for line, quantity in wanted if quantity]
        order = new_id()
        becomes = [Line(new_id(), line.variant, order=order) for line, _ in wanted]
        takes = [
            Take(
                line.id,
                new.id,
                self.variants[line.variant],
                quantity * UNIT,
                self.ids(codes),
                leaves,
                backorder_allowance=self.allowances[line.variant] * UNIT,
            )
            for (line, quantity), new in zip(wanted, becomes, strict=True)
        ]
        fits = self.fits(wanted, codes, ignores, mine)
        taken: list[Any] = []

        async def place(tx: Any) -> None:
            taken[:] = await allocate(
                tx,
                cart_id=self.carts[cart],
                order_id=order,
                order_number="W",
                takes=takes,
                actor=self.shop.actor(),
                now=clock.now(),
                ignores_safety_stock=ignores,
            )

        assert fits == self.tell(place), f"should be {'granted' if fits else 'refused'}"
        if not fits:
            return
        assert sum(one.quantity for one in taken) == sum(quantity for _, quantity in wanted) * UNIT
        self.lines = [line for line in self.lines if line.cart != cart]
        if leaves:
            code_of = {place: code for code, place in self.shop.locations.items()}
            for one in taken:
                place_of = (self.variants.index(one.variant_id), code_of[one.location_id])
                self.levels.setdefault(place_of, self.level(place_of)).on_hand -= one.quantity // UNIT
        else:
            self.ordered += becomes
        self.see()

    @rule(which=st.integers(0, 9), code=st.sampled_from(CODES), quantity=st.integers(1, 4))
    def fulfill(self, which: int, code: str, quantity: int) -> None:
        lines = [line for line in self.ordered if line.all]
        if not lines:
            return
        line = lines[which % len(lines)]
        quantity = min(quantity, line.all)
        away = quantity - line.has.get(code, 0)
        place = (line.variant, code)
        fits = away <= 0 or (place in self.levels and away <= max(0, self.room(place, [], False)))
        item = Item(line.id, self.variants[line.variant], self.shop.locations[code], quantity * UNIT)
        assert line.order is not None
        order = line.order
        assert fits == self.tell(
            lambda tx: fulfill(
                tx, order_id=order, order_number="W", items=[item], actor=self.shop.actor(), now=clock.now()
            )
        )
        if fits:
            self.levels[place].on_hand -= quantity
            self.see()

    @rule(which=st.integers(0, 9))
    def cancel(self, which: int) -> None:
        if self.ordered:
            order = self.ordered[which % len(self.ordered)].order
            assert order is not None
            assert self.tell(lambda tx: cancel_order(tx, order_id=order))
            self.ordered = [line for line in self.ordered if line.order != order]

    def give_back(self, variant: int, code: str, quantity: int) -> None:
        items = [(self.variants[variant], self.shop.locations[code], quantity * UNIT)]
        assert self.tell(
            lambda tx: return_stock(
                tx, order_id=new_id(), order_number="W", items=items, actor=self.shop.actor(), now=clock.now()
            )
        )
        self.levels.setdefault((variant, code), self.level((variant, code))).on_hand += quantity

    # --- what always holds -------------------------------------------------------------------------------------------
    @invariant()
    def balances_are_the_models(self) -> None:
        if not hasattr(self, "levels"):
            return
        codes = {place: code for code, place in self.shop.locations.items()}
        statement = select(stock_level).where(stock_level.c.variant_id.in_(self.variants))
        rows = self.run(self.shop.db.rows(statement))
        on_hand = {(self.variants.index(row.variant_id), codes[row.location_id]): row.on_hand // UNIT for row in rows}
        for place in on_hand.keys() - self.levels.keys():
            # A backorder has made the level that it needed.
            self.levels[place] = self.level(place)
            assert self.levels[place].allowance > 0
        assert on_hand == {place: level.on_hand for place, level in self.levels.items()}
        before = [(line, dict(line.has)) for line in self.lines + self.ordered]
        self.see()
        for line, has in before:
            # Only what expired may be gone without its cart's doing.
            assert line.has == has or (line.cart in self.expired and line.has.items() < has.items())
        for row in rows:
            code, variant = codes[row.location_id], self.variants.index(row.variant_id)
            reserved = sum(line.has.get(code, 0) for line in self.lines + self.ordered if line.variant == variant)
            assert row.reserved == reserved * UNIT

    @invariant()
    def law_1_holds(self) -> None:
        assert self.run(violations(self.shop.db)) == []
