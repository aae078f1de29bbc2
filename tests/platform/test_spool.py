"""Files that are made once and kept for a while: one maker a key, room bounded, no half of one ever given."""

import asyncio
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from app.platform import clock, spool
from app.platform.errors import Busy
from app.platform.spool import AT_ONCE, FRESH, KEPT, MOST_WAITING, Filled, Spool

KEY, OTHER = "a1", "b2"


class Maker:
    """Writes files, and counts them."""

    def __init__(self, until: datetime | None = None, size: int = 10) -> None:
        self.made = 0
        self.until = until
        self.size = size
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, file: BinaryIO) -> Filled:
        self.made += 1
        file.write(b"x" * self.size)
        await self.go_on.wait()
        return Filled(self.made, self.until)


@pytest.fixture
def files(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    moment = clock.now() + by
    monkeypatch.setattr(clock, "now", lambda: moment)


async def test_all_who_come_meanwhile_wait_for_one_file(files: Spool) -> None:
    maker = Maker()
    maker.go_on.clear()
    waiting = [asyncio.create_task(files.get(KEY, maker)) for _ in range(5)]
    await asyncio.sleep(0.01)
    waiting[0].cancel()
    maker.go_on.set()
    found = await asyncio.gather(*waiting[1:])
    assert maker.made == 1, "also when the first of them gave up"
    assert {each.path for each in found} == set(files.folder.iterdir())
    assert (await files.get(KEY, maker)).path == found[0].path
    assert (await Spool(files.folder).get(KEY, maker)).path == found[0].path, "another process on this machine"
    assert (await files.get(OTHER, maker)).path != found[0].path


async def test_a_file_is_given_for_its_time_and_kept_for_longer(files: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    maker = Maker()
    first = await files.get(KEY, maker)
    later(monkeypatch, FRESH)
    second = await files.get(KEY, maker)
    assert second.path != first.path
    assert await files.named(KEY, first.tag) is not None
    assert await files.named(OTHER, first.tag) is None, "a tag is no way to another's file"
    later(monkeypatch, KEPT)
    await files.get(KEY, maker)
    assert await files.named(KEY, first.tag) is None


async def test_a_file_is_not_given_past_what_it_says_nor_of_what_is_forgotten(files: Spool) -> None:
    short = Maker(until=clock.now() - timedelta(seconds=1))
    for _ in range(2):
        await files.get(KEY, short)
    assert short.made == 2
    maker = Maker()
    assert (await files.get(OTHER, maker)).position == 1
    assert (await files.get(OTHER, maker, least=2)).position == 2


async def test_who_fails_leaves_nothing_behind_and_the_next_one_tries_again(files: Spool) -> None:
    async def fail(file: BinaryIO) -> Filled:
        file.write(b"half")
        raise OSError("no room")

    for _ in range(2):
        with pytest.raises(OSError, match="no room"):
            await files.get(KEY, fail)
    assert list(files.folder.iterdir()) == []
    assert (await files.get(KEY, Maker())).position == 1


async def test_the_oldest_go_when_there_is_too_much(files: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MOST_BYTES", 25)
    kept = []
    for key in ("a1", "b2", "c3", "d4"):
        kept.append(await files.get(key, Maker()))
        await asyncio.sleep(0.002)
    assert set(files.folder.iterdir()) == {each.path for each in kept[-2:]}
    large = await files.get("e5", Maker(size=1000))
    assert set(files.folder.iterdir()) == {large.path}


async def test_what_a_process_that_was_killed_left_is_removed(files: Spool) -> None:
    files.folder.mkdir(parents=True)
    left, young = files.folder / "x.part", files.folder / "y.part"
    for path in (left, young):
        path.write_bytes(b"half")
    old = (clock.now() - 2 * KEPT).timestamp()
    os.utime(left, (old, old))
    made = await files.get(KEY, Maker())
    assert set(files.folder.iterdir()) == {young, made.path}
    assert made.path.stat().st_mode & 0o777 == 0o600


async def test_too_many_at_once_are_turned_away(files: Spool) -> None:
    maker: Any = Maker()
    maker.go_on.clear()
    keys = [f"{number:x}" for number in range(AT_ONCE + MOST_WAITING)]
    waiting = [asyncio.create_task(files.get(key, maker)) for key in keys]
    while maker.made < AT_ONCE:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.05)
    assert maker.made == AT_ONCE
    with pytest.raises(Busy):
        await files.get("ffff", maker)
    await files.close()
    assert all(
        isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*waiting, return_exceptions=True)
    )
    assert list(files.folder.iterdir()) == []
