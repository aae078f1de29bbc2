"""Asking a server: one question, or a load of them from another process, with the CPU that it cost."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from benchmarks.machine import DATABASE_CORE, busy_seconds, own_seconds, pinned, tree_seconds

ROOT: Final = Path(__file__).parents[1]
IDLE_SECONDS: Final = 3.0
MOST_LOOKS: Final = 8
SETTLED: Final = 0.8
Request = dict[str, Any]
"""As the load generator takes it: `path`, `body`, `headers`."""


@dataclass(frozen=True)
class Target:
    """A server to ask and the processes that its answers cost: its own, and PostgreSQL's."""

    port: int
    pid: int
    postgres_pid: int
    path: str = "/graphql"

    def request(self, document: str, variables: dict[str, Any] | None = None, **headers: str) -> Request:
        """A GraphQL request of this server."""
        body = json.dumps({"query": document, "variables": variables or {}})
        return {"path": self.path, "body": body, "headers": headers}

    def answer(self, request: Request) -> tuple[Any, dict[str, str]]:
        """One request's data, which must have come without errors, and its headers."""
        sent = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{request['path']}",
            data=request["body"].encode(),
            headers={"content-type": "application/json", "accept": "application/json"} | request["headers"],
        )
        with urllib.request.urlopen(sent, timeout=60) as answer:
            told = json.load(answer)
            headers = {name.lower(): value for name, value in answer.headers.items()}
        if told.get("errors"):
            raise RuntimeError(str(told["errors"])[:500])
        return told.get("data"), headers

    def ask(self, document: str, variables: dict[str, Any] | None = None, **headers: str) -> Any:
        """One question's data."""
        return self.answer(self.request(document, variables, **headers))[0]


@dataclass(frozen=True)
class Load:
    """What a run of the load generator came to. `foreign`: cores that others kept busy meanwhile."""

    requests: int
    seconds: float
    p50: float
    p99: float
    server_us: float
    postgres_us: float
    foreign: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_us(self) -> float:
        return self.server_us + self.postgres_us

    def __str__(self) -> str:
        return (
            f"{self.cpu_us:,.0f} µs (server {self.server_us:,.0f} + PostgreSQL {self.postgres_us:,.0f}), "
            f"{self.per_second:,.1f}/s, {self.foreign:.1f} cores busy with others"
        )


class Meter:
    """The CPU that a server and its PostgreSQL use between two looks, less what they use when nobody asks.

    Ours does its background work in the same process, and PostgreSQL serves every shop of the stand: on a slow day that
    would be charged to whoever is asked. It is looked at once for each server and part of a run, when what a server
    does first is over: ours compares its channels for some seconds.
    """

    idle: ClassVar[dict[int, tuple[float, float]]] = {}

    def __init__(self, target: Target) -> None:
        self.target = target
        if target.pid not in self.idle:
            self.idle[target.pid] = self._settled()
        self.began = self._look()

    def _settled(self) -> tuple[float, float]:
        """The rates, of the server and of PostgreSQL, once they hardly sink any more."""
        rates = [self._idle()]
        while len(rates) < MOST_LOOKS:
            rates.append(self._idle())
            if sum(rates[-1]) > SETTLED * sum(rates[-2]):
                break
        return min(rates, key=sum)

    def _idle(self) -> tuple[float, float]:
        before = self._look()
        time.sleep(IDLE_SECONDS)
        elapsed, server, postgres, *_ = (now - then for now, then in zip(self._look(), before, strict=True))
        return server / elapsed, postgres / elapsed

    def _look(self) -> tuple[float, float, float, float, float]:
        servers, databases = tree_seconds([self.target.pid]), tree_seconds([self.target.postgres_pid])
        return time.perf_counter(), servers, databases, own_seconds(), busy_seconds()

    def over(self, requests: int, seconds: float, p50: float, p99: float) -> Load:
        """What was used since, for so many requests."""
        elapsed, server, postgres, own, busy = (now - then for now, then in zip(self._look(), self.began, strict=True))
        foreign = max(0.0, busy - server - postgres - own) / elapsed
        idle_server, idle_postgres = (rate * elapsed for rate in self.idle[self.target.pid])
        each = 1_000_000 / requests
        server_us, postgres_us = max(0.0, server - idle_server) * each, max(0.0, postgres - idle_postgres) * each
        return Load(requests, seconds, p50, p99, server_us, postgres_us, foreign)


def measure(target: Target, requests: list[Request], *, concurrency: int, seconds: float, once: bool = False) -> Load:
    """Run the load generator against a server. Raises RuntimeError when an answer was not what it should be."""
    lines = "\n".join(json.dumps(request) for request in requests)
    command = [sys.executable, "-m", "benchmarks.load", "127.0.0.1", str(target.port), str(concurrency), str(seconds)]
    meter = Meter(target)
    done = subprocess.run(
        pinned(DATABASE_CORE, [*command, *(["--once"] if once else [])]),
        input=lines,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        check=True,
    )
    told = json.loads(done.stdout)
    if told["failures"] or not told["requests"]:
        raise RuntimeError(f"{told['failures']} of {told['requests']} answers failed: {told['sample']}")
    return meter.over(told["requests"], told["seconds"], told["p50"], told["p99"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
