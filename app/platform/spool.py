"""Files that are costly to make and good for many: made once, kept for a while in a folder of this machine.

A file's name tells all that is known of it, so the folder is the only state: processes of one machine share it, and a
process that starts again goes on with it. Of one key one file at a time is made in a process.
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

from app.platform import clock
from app.platform.errors import Busy
from app.platform.ids import new_id

FRESH: Final = timedelta(minutes=5)
"""How long a file is given to those who come, unless it says that it is good for less."""
KEPT: Final = timedelta(minutes=30)
"""How long it stays for those who got a part of it."""
MOST_BYTES: Final = 4 << 30
"""Of all files that are kept; the one that was made last stays in any case."""
AT_ONCE: Final = 2
"""How many are made at once."""
MOST_WAITING: Final = 16
"""How many may wait for that."""

_NAME: Final = re.compile(r"([0-9a-f]+)\.(\d+)\.(\d+)\.(\d+)\.[0-9a-f]+")
_SUFFIX: Final = ".gz"
_UNFINISHED: Final = ".part"


@dataclass(frozen=True, slots=True)
class Spooled:
    """A file that is whole. `tag` names it and nothing else; `position`: what its maker said that it is of."""

    path: Path
    key: str
    made_at: datetime
    fresh_until: datetime
    position: int

    @property
    def tag(self) -> str:
        return self.path.name.removesuffix(_SUFFIX)


@dataclass(frozen=True, slots=True)
class Filled:
    """What the maker of a file says of it: what it is of, and until when it is good; None: as long as any."""

    position: int
    good_until: datetime | None


Fill = Callable[[BinaryIO], Awaitable[Filled]]


class Spool:
    """The files of one folder, which holds nothing else. Only who runs this process may read them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._making: dict[str, asyncio.Task[Spooled]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def get(self, key: str, fill: Fill, *, least: int = 0) -> Spooled:
        """The newest file of a key, hexadecimal digits, that is fresh; else one that `fill` writes now.

        Who asks for it meanwhile waits for the same one. `least`: one of a position before this is not wanted. Raises
        Busy when too many others are being made.
        """
        found = await asyncio.to_thread(self._fresh, key, least)
        if found is not None:
            return found
        making = self._making.get(key)
        if making is None:
            if len(self._making) >= AT_ONCE + MOST_WAITING:
                raise Busy("too many files are being made")
            making = self._making[key] = asyncio.create_task(self._make(key, fill), name=f"spool {key}")
            making.add_done_callback(lambda _: self._making.pop(key))
        # Who gives up leaves the others waiting for it.
        return await asyncio.shield(making)

    async def named(self, key: str, tag: str) -> Spooled | None:
        """The file of this key with this tag, as long as it is kept."""
        found = await asyncio.to_thread(self._all)
        return next((each for each in found if each.key == key and each.tag == tag), None)

    async def close(self) -> None:
        """Stop making files."""
        making = list(self._making.values())
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)

    async def _make(self, key: str, fill: Fill) -> Spooled:
        async with self._turns:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self.folder / f"{new_id().hex}{_UNFINISHED}"
            try:
                with open(draft, "xb", opener=_private) as file:  # noqa: ASYNC230
                    filled = await fill(file)
                made_at = clock.now()
                fresh_until = min(made_at + FRESH, filled.good_until or made_at + FRESH)
                times = f"{_milliseconds(made_at)}.{_milliseconds(fresh_until)}"
                path = self.folder / f"{key}.{times}.{filled.position}.{draft.stem[-8:]}{_SUFFIX}"
                draft.rename(path)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
            await asyncio.to_thread(self._forget, path)
            return Spooled(path, key, made_at, fresh_until, filled.position)

    def _fresh(self, key: str, least: int) -> Spooled | None:
        now = clock.now()
        fresh = [each for each in self._all() if each.key == key and now < each.fresh_until and each.position >= least]
        return max(fresh, key=lambda each: each.made_at, default=None)

    def _all(self) -> list[Spooled]:
        try:
            paths = list(self.folder.iterdir())
        except FileNotFoundError:
            return []
        return [spooled for path in paths if (spooled := _read(path)) is not None]

    def _forget(self, newest: Path) -> None:
        """Remove what is too old, and the oldest while there is too much; files that are being read stay readable."""
        now, total = clock.now(), newest.stat().st_size
        for each in sorted(self._all(), key=lambda each: each.made_at, reverse=True):
            if each.path != newest:
                total += _size(each.path)
                if each.made_at + KEPT < now or total > MOST_BYTES:
                    each.path.unlink(missing_ok=True)
        for draft in self.folder.glob(f"*{_UNFINISHED}"):
            if datetime.fromtimestamp(_changed(draft), tz=now.tzinfo) + KEPT < now:
                draft.unlink(missing_ok=True)


def _read(path: Path) -> Spooled | None:
    found = _NAME.fullmatch(path.name.removesuffix(_SUFFIX)) if path.name.endswith(_SUFFIX) else None
    if found is None:
        return None
    return Spooled(path, found[1], _moment(found[2]), _moment(found[3]), int(found[4]))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return clock.now().timestamp()


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _moment(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, tz=clock.now().tzinfo)
