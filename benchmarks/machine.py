"""The machine: which core a process may use, what it has used, and what else was going on meanwhile.

With two cores or more the server has the first and PostgreSQL the second, which it shares with the load generator: a
core each, for us, for the floor and for every peer. CPU time from /proc is the figure to trust on a noisy machine.
"""

import os
import resource
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

TICKS: Final = os.sysconf("SC_CLK_TCK")
_CORES: Final = sorted(os.sched_getaffinity(0))
SERVER_CORE: Final = _CORES[0]
DATABASE_CORE: Final = _CORES[1] if len(_CORES) > 1 else _CORES[0]
PINNED: Final = len(_CORES) > 1 and shutil.which("taskset") is not None


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """The command on one core, all its threads and children with it; as it is where nothing can be pinned."""
    return ["taskset", "-c", str(core), *command] if PINNED else list(command)


def pin_tree(root: int, core: int) -> None:
    """Put a process and all below it on one core; what it starts later inherits that."""
    if PINNED:
        for pid in _below([root], _processes()):
            try:
                os.sched_setaffinity(pid, {core})
            except ProcessLookupError:
                continue


def describe() -> str:
    """One line: what measured, and how busy it was when it began."""
    where = f"server on core {SERVER_CORE}, PostgreSQL and load on core {DATABASE_CORE}" if PINNED else "nothing pinned"
    return f"{len(_CORES)} cores, {where}; load average {os.getloadavg()[0]:.1f} at the start"


def tree_seconds(roots: Iterable[int]) -> float:
    """Seconds of CPU that these processes and all below them have used."""
    processes = _processes()
    return sum(processes[pid][1] for pid in _below(roots, processes) if pid in processes) / TICKS


def tree_megabytes(root: int) -> float:
    """Memory that a process and all below it have in use now."""
    pages = 0
    for pid in _below([root], _processes()):
        try:
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except OSError:
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def busy_seconds() -> float:
    """Seconds of CPU that the whole machine has used since it began."""
    used = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(used) - used[3] - used[4]) / TICKS


def own_seconds() -> float:
    """Seconds of CPU that this process and its ended children have used."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


def _processes() -> dict[int, tuple[int, int]]:
    """Parent and ticks (own and of children that ended) by process id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue
            fields = text[text.rindex(")") + 2 :].split()
            found[int(entry.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    return found


def _below(roots: Iterable[int], processes: dict[int, tuple[int, int]]) -> set[int]:
    members = set(roots)
    grew = True
    while grew:
        below = {pid for pid, (parent, _) in processes.items() if parent in members} - members
        members |= below
        grew = bool(below)
    return members
