"""Where others may be called: at public addresses over TLS, and at what the operator allows besides.

Checked is the address that a connection is made to, after the name was resolved and before it is used: a name that is
public when it is written down and private when it is called gets nothing.
"""

import re
import socket
from asyncio import AbstractEventLoop, Future, get_running_loop, shield
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit
from weakref import WeakKeyDictionary

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LONGEST: Final = 2_000
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")
_HOST: Final = re.compile(
    r"(?=.{1,253}\.?$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?"
)
# What the C library reads as an IPv4 address although nobody writes one so: 2130706433, 0x7f.1, 0177.0.0.1.
_NUMERIC: Final = re.compile(r"(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d+))*\.?")

# Written out, because what Python calls global differs from release to release.
CLOSED: Final[tuple[Network, ...]] = tuple(
    ip_network(each)
    for each in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # Of IPv6 only what is assigned as global unicast is open at all.
        *("::/3", "4000::/2", "8000::/1", "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
)
# Addresses that hold an IPv4 address, which is then the one that counts: its last 32 bits.
_HOLDING: Final = (ip_network("::ffff:0:0/96"), ip_network("64:ff9b::/96"))


class Unfit(ValueError):
    """Nothing may be sent there; the message says why."""


@dataclass(frozen=True)
class Allowed:
    """What an operator opens: hosts by name and networks, private and over plain HTTP too.

    Plain HTTP goes to a name that is opened, or to an address, written as one, in a network that is: so that what is
    saved and what is sent are refused for the same reasons.
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """From names, addresses and networks in CIDR form, with commas between. Raises Unfit."""
        hosts, networks = set(), []
        for entry in filter(None, (each.strip().lower() for each in text.split(","))):
            try:
                networks.append(ip_network(entry.strip("[]")))
            except ValueError:
                if not _HOST.fullmatch(entry) or _NUMERIC.fullmatch(entry):
                    raise Unfit(f"{entry!r} is neither a host's name nor an address nor a network") from None
                hosts.add(entry.rstrip("."))
        return cls(frozenset(hosts), tuple(networks))

    def names(self, host: str) -> bool:
        return host.rstrip(".") in self.hosts

    def holds(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self.networks)


NOTHING: Final = Allowed()


@dataclass(frozen=True)
class Target:
    """A URL taken apart. `host` is lower case, without brackets; `path` has the query."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """As the header Host says it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def target_of(url: str, allowed: Allowed) -> Target:
    """The parts of a URL that may be sent to, as far as it can be told without asking for its name. Raises Unfit."""
    if len(url) > LONGEST:
        raise Unfit(f"it is longer than {LONGEST} characters")
    if not _PRINTABLE.fullmatch(url):
        raise Unfit("it is empty, or has spaces or characters beyond ASCII: encode them")
    parts, port = _split(url)
    if parts.scheme not in ("http", "https"):
        raise Unfit("it must begin with https://")
    if parts.username is not None or parts.password is not None:
        raise Unfit("it must not hold a name or a password")
    if parts.fragment:
        raise Unfit("it must not have a fragment")
    host = (parts.hostname or "").lower()
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    target = Target(secure, host, port if port is not None else (443 if secure else 80), path)
    literal = _literal(host)
    if literal is not None:
        check(target, literal, allowed)
    elif not secure and not allowed.names(host):
        # Where a name leads is another's to say, tomorrow too: a network that is allowed makes none fit for plain HTTP.
        raise Unfit("it must begin with https://, unless this very name is allowed")
    return target


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Unfit("it is not a URL") from error
    if port == 0:
        raise Unfit("its port is 0")
    return parts, port


def _literal(host: str) -> Address | None:
    """The address that a host is, None for a name. Raises Unfit."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    if not _HOST.fullmatch(host):
        raise Unfit("it names no host")
    if _NUMERIC.fullmatch(host):
        raise Unfit("its host is a number: write an address as four decimals")
    return None


def check(target: Target, address: Address, allowed: Allowed) -> None:
    """Raises Unfit when nothing may be sent to this address under this name."""
    seen = plain(address)
    if allowed.names(target.host) or allowed.holds(address) or allowed.holds(seen):
        return
    if not is_public(seen):
        raise Unfit(f"{address} is not a public address")
    if not target.secure:
        raise Unfit("it must begin with https://")


def plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, else the address itself."""
    if isinstance(address, IPv6Address) and any(address in network for network in _HOLDING):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether anybody on the internet may be behind it, and nobody of this network."""
    return not any(address.version == network.version and address in network for network in CLOSED)


# Asking for a name takes a thread, and cannot be given up: a name server that hangs must not use up everybody's.
# So these have threads of their own, and a name no more than one at a time.
_threads: Final = ThreadPoolExecutor(64, thread_name_prefix="resolve")
_asked: Final[WeakKeyDictionary[AbstractEventLoop, dict[str, "Future[list[str]]"]]] = WeakKeyDictionary()


async def resolve(target: Target, allowed: Allowed) -> list[str]:
    """The addresses to connect to, all of them checked. Raises Unfit when there is none, or one that is closed."""
    try:
        addresses = await _addresses(target.host)
    except OSError as error:
        raise Unfit(f"the name {target.host} was not found: {error.strerror or error}") from error
    if not addresses:
        raise Unfit(f"the name {target.host} has no address")
    for address in addresses:
        # An address with a zone, fe80::1%eth0, is one of a link.
        check(target, ip_address(address.partition("%")[0]), allowed)
    return addresses


async def _addresses(host: str) -> list[str]:
    """What the name resolves to now; whoever asks while it is asked for shares the answer."""
    loop = get_running_loop()
    asked = _asked.setdefault(loop, {})
    if host not in asked:
        asked[host] = loop.run_in_executor(_threads, _look_up, host)
        asked[host].add_done_callback(lambda _: asked.pop(host))
    return await shield(asked[host])


def _look_up(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return _distinct(str(sockaddr[0]) for *_, sockaddr in found)


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
