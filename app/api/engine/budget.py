"""The callers' budgets: a token bucket of cost for each, in this process, for a bounded number of callers."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from math import ceil
from time import monotonic

from .errors import Code, RequestError
from .limits import Budget


class Purse:
    """Token buckets by caller. The caller who has not asked for longest is forgotten first: theirs is fullest."""

    __slots__ = ("_budget", "_clock", "_kept")

    def __init__(self, budget: Budget, clock: Callable[[], float] = monotonic) -> None:
        self._budget = budget
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def spend(self, caller: Hashable, cost: int) -> int:
        """Takes `cost` from the caller's bucket and answers what is left.

        An operation dearer than the whole burst is let through on a full bucket, which then is in debt, for it could
        never run otherwise. RequestError LIMIT_EXCEEDED with the seconds to wait when there is not enough.
        """
        budget, now = self._budget, self._clock()
        left, then = self._kept.pop(caller, (float(budget.burst), now))
        left = min(float(budget.burst), left + (now - then) * budget.per_second)
        needed = min(cost, budget.burst)
        if left < needed:
            self._keep(caller, left, now)
            wait = (needed - left) / budget.per_second
            raise RequestError(
                Code.LIMIT_EXCEEDED,
                f"Cost: {cost}, left of your budget is {int(left)} of {budget.burst}; try again in {ceil(wait)} s.",
                retry_after=wait,
            )
        self._keep(caller, left - cost, now)
        return int(left - cost)

    def __len__(self) -> int:
        return len(self._kept)

    def _keep(self, caller: Hashable, left: float, now: float) -> None:
        self._kept[caller] = (left, now)
        if len(self._kept) > self._budget.callers:
            self._kept.popitem(last=False)
