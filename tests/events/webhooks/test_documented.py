"""What `docs/WEBHOOKS.md` gives to copy works as it stands there."""

import json
import re
import socket
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import build_schema, parse, validate

from app.api.schema import schema
from app.platform.migrate import ROOT
from tests.events.webhooks.rig import all_done, change, products, sending, subscribe, tell, until
from tests.peers.npm import NODE

TEXT = (ROOT / "docs" / "WEBHOOKS.md").read_text(encoding="utf-8")
PROGRAMS = {"python": (sys.executable, "receiver.py"), "js": (str(NODE), "receiver.mjs")}


def given(language: str) -> list[str]:
    """The document's blocks in this language."""
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@asynccontextmanager
async def started(language: str, folder: Path, secret: str, port: int) -> AsyncIterator[Process]:
    """The documented receiver, which listens."""
    program, name = PROGRAMS[language]
    [text] = given(language)
    (folder / name).write_text(text, encoding="utf-8")
    process = await create_subprocess_exec(program, str(folder / name), secret, str(port), stdout=PIPE, stderr=PIPE)
    try:
        await until(lambda: answers(port))
        yield process
    finally:
        process.kill()
        await process.wait()


def answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


async def line(process: Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode()


@pytest.mark.parametrize("language", ["python", "js"])
async def test_the_receiver_takes_in_what_is_signed_and_nothing_else(database, tmp_path, language):
    if language == "js" and (NODE is None or not NODE.exists()):
        pytest.skip("Node is not installed")
    one, other = products(2)
    port = free_port()
    url = f"http://127.0.0.1:{port}/feira"
    hook = await subscribe(database, url)
    async with started(language, tmp_path, hook.secret, port) as process, sending(database):
        await tell(database, change(one, 1))
        assert "product.upserted" in await line(process)
        async with httpx.AsyncClient() as client:
            forged = {"webhook-id": "hookd_1", "webhook-timestamp": "1779010200", "webhook-signature": "v1,AAAA"}
            assert (await client.post(url, content=b"{}", headers=forged)).status_code == 401
            assert (await client.post(url, content=b"{}")).status_code == 401
        await tell(database, change(other, 1))
        # Of what was forged nothing was printed.
        assert "product.upserted" in await line(process)
        await until(lambda: all_done(database, hook.id, 2))


def test_the_mutations_are_what_the_schema_takes():
    [commands] = given("sh")
    bodies = [
        json.loads(body.replace("'$WEBHOOK'", "hook_1"))
        for body in re.findall(r"-d '(\{.*?\n\})'", commands, re.DOTALL)
    ]
    known = build_schema(schema.as_str())
    names = []
    for body in bodies:
        document = parse(body["query"])
        assert validate(known, document) == []
        [operation] = document.definitions
        names.append(operation.selection_set.selections[0].name.value)  # type: ignore[attr-defined]
        fields: Any = known.type_map[names[-1][0].upper() + names[-1][1:] + "Input"]
        assert set(body["variables"]["input"]) <= set(fields.fields)
    assert names == ["webhookCreate", "webhookTest"]
    shaping = bodies[0]["variables"]["input"]["document"]
    for text in [shaping, *given("graphql")]:
        assert validate(known, parse(text)) == []
