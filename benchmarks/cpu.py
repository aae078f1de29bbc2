"""CPU time of process trees, from /proc: the figure to trust on a noisy machine."""

import os
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


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


def tree_seconds(roots: Iterable[int]) -> float:
    """Seconds of CPU that these processes and all below them have used."""
    processes = _processes()
    members = set(roots)
    grew = True
    while grew:
        below = {pid for pid, (parent, _) in processes.items() if parent in members} - members
        members |= below
        grew = bool(below)
    return sum(processes[pid][1] for pid in members if pid in processes) / TICKS
