"""Running the web application: its port, its processes, and the moment when it is ready."""

import ctypes
import errno
import gc
import http.client
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from app.platform.config import Settings
from app.platform.heads import BoundedHeads

# What is still being answered when the server is told to stop may take so long, seconds.
DRAINS_WITHIN = 20

# A server that was told to stop a moment ago may still have the port, seconds.
PORT_FREED_WITHIN = 2.0

# Bytes of a message of a WebSocket that are read: of its most characters each takes four at most.
WS_LONGEST = 4 * 1_048_576

PR_SET_PDEATHSIG = 1

# Objects made, net of those that went, before the youngest are looked at; then how many rounds before the older are.
COLLECTED_AFTER = (20_000, 20, 50)


class ServeError(Exception):
    """The server cannot run; the message is one line for the operator."""


def listen(settings: Settings) -> socket.socket:
    """A socket bound to the host and port. Raises ServeError when they cannot be had."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise ServeError(f"FEIRA_HOST: there is no address {settings.host!r} here") from error
    family, kind, protocol, _, address = found[0]
    deadline = time.monotonic() + PORT_FREED_WITHIN
    while True:
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            # A second server that bound the port meanwhile shows only now.
            bound.listen(2048)
        except OSError as error:
            bound.close()
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise ServeError(_why_not(settings, error)) from error
            time.sleep(0.1)
        else:
            return bound


def url_of(bound: socket.socket) -> str:
    """Where a browser on this machine finds what listens on `bound`."""
    host, port = bound.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{reachable}:{port}"


def serve(factory: str, bound: socket.socket, *, workers: int, when_ready: Callable[[], None]) -> None:
    """Serve what `factory` ("module:function") makes until SIGINT or SIGTERM, then drain.

    With more than one worker each is a process with an application of its own, which reads its settings itself.
    `when_ready` is called once, from another thread. Raises ServeError when the application does not start.
    """
    config = uvicorn.Config(
        factory,
        factory=True,
        loop="uvloop",
        http=BoundedHeads,
        ws="websockets-sansio",
        ws_max_size=WS_LONGEST,
        lifespan="on",
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAINS_WITHIN,
    )
    stopped = threading.Event()
    threading.Thread(target=_announce, args=(url_of(bound), when_ready, stopped), daemon=True).start()
    try:
        if workers > 1:
            supervisor = Multiprocess(config, sockets=[bound])
            supervisor.run()
            started = all(process.exitcode != STARTUP_FAILURE for process in supervisor.processes)
        else:
            server = uvicorn.Server(config)
            server.run(sockets=[bound])
            started = server.started
    except KeyboardInterrupt:
        return
    finally:
        stopped.set()
    if not started:
        raise ServeError("the server did not start; its log says why")


def spare_the_collector() -> None:
    """Once all that stays is loaded: let the collector of cycles pass it over, and come less often.

    It looks at every object that is alive to find the few that are not: with a schema, plans and thousands of
    subscribers in memory that takes as long as many requests, again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)


def end_with_parent() -> None:
    """In a worker process: ask the kernel to end it when its parent is killed, so that no orphan keeps the port."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent.pid:
        os.kill(os.getpid(), signal.SIGTERM)


def _announce(url: str, when_ready: Callable[[], None], stopped: threading.Event) -> None:
    host = url.removeprefix("http://")
    while not stopped.is_set():
        connection = http.client.HTTPConnection(host, timeout=2)
        try:
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                when_ready()
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.02)


def _why_not(settings: Settings, error: OSError) -> str:
    where = f"port {settings.port} of {settings.host}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use: stop what uses it, or set FEIRA_PORT to another"
    if error.errno == errno.EACCES:
        return f"{where} may not be used by this user: set FEIRA_PORT to 1024 or above"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"FEIRA_HOST: {settings.host} is not an address of this machine"
    return f"{where} cannot be used: {error.strerror}"
