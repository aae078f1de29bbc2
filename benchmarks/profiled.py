"""The server as it is, under cProfile: begins to look at SIGUSR1, and writes what it saw at SIGUSR2.

    BENCH_PROFILE=FILE python -m benchmarks.profiled

The profiler makes calls dearer than what they do, so that shares are to be read, not times.
"""

import cProfile
import io
import os
import pstats
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Final

from app.cli import main

MOST: Final = 60


class Look:
    """One profile at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.profile: cProfile.Profile | None = None

    def begin(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.profile = cProfile.Profile()
        self.profile.enable()

    def end(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.profile is None:
            return
        self.profile.disable()
        text = io.StringIO()
        for order in ("tottime", "cumulative"):
            pstats.Stats(self.profile, stream=text).strip_dirs().sort_stats(order).print_stats(MOST)
        self.path.write_text(text.getvalue())
        self.profile = None


if __name__ == "__main__":
    look = Look(Path(os.environ["BENCH_PROFILE"]))
    signal.signal(signal.SIGUSR1, look.begin)
    signal.signal(signal.SIGUSR2, look.end)
    sys.argv = ["feira", "serve"]
    main()
