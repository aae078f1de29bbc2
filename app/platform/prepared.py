"""What is prepared on a connection: bounded by what PostgreSQL keeps for it."""

from collections import OrderedDict
from typing import Any, Final

LONGEST: Final = 600_000
"""Characters of SQL that are prepared on one connection. PostgreSQL keeps some sixty times as many bytes of memory for
them: 9,000 characters, with which a list is searched and counted, are half a megabyte.
"""


class Prepared:
    """Prepared statements by their SQL, the one that was used last at the end: the first ones make room."""

    __slots__ = ("_kept", "_length", "_longest")

    def __init__(self, longest: int = LONGEST) -> None:
        self._kept: OrderedDict[str, Any] = OrderedDict()
        self._length = 0
        self._longest: Final = longest

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, sql: str) -> Any:
        """None where it is not prepared."""
        prepared = self._kept.get(sql)
        if prepared is not None:
            self._kept.move_to_end(sql)
        return prepared

    def keep(self, sql: str, prepared: Any) -> None:
        """asyncpg closes those that are dropped for it."""
        self._kept[sql] = prepared
        self._length += len(sql)
        while self._length > self._longest and len(self._kept) > 1:
            dropped, _ = self._kept.popitem(last=False)
            self._length -= len(dropped)

    def clear(self) -> None:
        """None of them is to be trusted any more."""
        self._kept.clear()
        self._length = 0
