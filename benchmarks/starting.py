"""`make up` on data that is there: how long until the first answer."""

import json
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Final

from benchmarks.figures import Board, Figure
from benchmarks.measuring import ROOT, free_port

ROUNDS: Final = 5
# The environment is there already: only what `up` itself does is timed, with make's own start.
UP: Final = ("make", "--old-file=run-env", "up")
QUESTION: Final = json.dumps({"query": "{ products(first: 1) { nodes { name } } }"}).encode()


def report(board: Board) -> None:
    """The demo shop, made once and started again and again."""
    folder = Path(tempfile.mkdtemp(prefix="feira-up-"))
    try:
        first = start(folder)
        again = [start(folder) for _ in range(ROUNDS)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    of = f"median of {ROUNDS}, the worst {max(again):.1f} s; with the demo shop to make it took {first:.1f} s"
    board.add(Figure("make up on existing data: start to first answer", statistics.median(again), "s", of, "<= 3"))


def start(folder: Path) -> float:
    """Seconds from the command to the first product that is answered; it is stopped then."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FEIRA_")}
    environment |= {"FEIRA_DATA_DIR": str(folder), "FEIRA_PORT": str(port)}
    log = folder.parent / f"{folder.name}.log"
    with log.open("wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(UP, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True)
        try:
            while not _answers(port):
                if process.poll() is not None or time.monotonic() - began > 300:
                    raise RuntimeError(f"it did not start: {log.read_text(errors='replace')[-1000:]}")
                time.sleep(0.01)
            return time.monotonic() - began
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)
            log.unlink()


def _answers(port: int) -> bool:
    sent = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", data=QUESTION, headers={"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(sent, timeout=5) as answer:
            return bool(json.load(answer)["data"]["products"]["nodes"])
    except OSError:
        return False
