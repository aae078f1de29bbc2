"""Where nothing is sent: addresses of this machine and this network, however they are written or named."""

import asyncio
import socket
import threading
from ipaddress import ip_address

import pytest

from app.platform.config import ConfigError, Settings
from app.platform.outbound.address import NOTHING, Allowed, Unfit, is_public, plain, resolve, target_of

CLOSED = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
    *("169.254.169.254", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1"),
    *("255.255.255.255", "192.0.0.8", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *("::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1"),
    *("fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1", "3fff::1", "5f00::1"),
]
OPEN = ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", CLOSED)
def test_addresses_that_are_not_public_are_closed(address):
    assert not is_public(plain(ip_address(address)))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Unfit, match="not a public address"):
        target_of(f"https://{host}/hook", NOTHING)


@pytest.mark.parametrize("address", OPEN)
def test_public_addresses_are_open(address):
    assert is_public(plain(ip_address(address)))
    host = f"[{address}]" if ":" in address else address
    assert target_of(f"https://{host}/hook", NOTHING).port == 443


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://2130706433/", "number"),
        ("https://0x7f000001/", "number"),
        ("https://0x7f.1/", "number"),
        ("https://0177.0.0.1/", "number"),
        ("https://127.1/", "number"),
        ("https://127.0.0.1./", "number"),
        ("http://erp.example/", "https"),
        ("http://1.1.1.1/", "https"),
        ("ftp://erp.example/", "https"),
        ("file:///etc/passwd", "https"),
        ("//erp.example/", "https"),
        ("https://", "no host"),
        ("https:///hook", "no host"),
        ("https://a..b/", "no host"),
        ("https://-a.example/", "no host"),
        ("https://user:secret@erp.example/", "password"),
        ("https://erp.example\\@127.0.0.1/", "password"),
        ("https://erp.example/#here", "fragment"),
        ("https://erp.example:0/", "port"),
        ("https://erp.example:99999/", "not a URL"),
        ("https://[::1/", "not a URL"),
        ("https://erp.example/\r\nX-Evil: 1", "spaces"),
        ("https://erp.example/a b", "spaces"),
        ("https://lojä.example/", "ASCII"),
        ("", "empty"),
        ("https://erp.example/" + "x" * 2_000, "longer"),
    ],
)
def test_urls_that_are_refused_when_they_are_saved(url, why):
    with pytest.raises(Unfit, match=why):
        target_of(url, NOTHING)


def test_a_url_taken_apart():
    target = target_of("https://ERP.example:8443?shop=1", NOTHING)
    assert (target.host, target.port, target.path, target.authority) == (
        "erp.example", 8443, "/?shop=1", "erp.example:8443",
    )  # fmt: skip
    assert target_of("https://[2606:4700:4700::1111]/", NOTHING).authority == "[2606:4700:4700::1111]"


async def test_a_name_counts_as_what_it_resolves_to():
    target = target_of("https://localhost/", NOTHING)
    with pytest.raises(Unfit, match="not a public address"):
        await resolve(target, NOTHING)
    assert await resolve(target, Allowed.parse("localhost")) != []


def resolving(monkeypatch, *answers):
    """Let names resolve to these addresses, one list a question; the last one from then on."""
    asked = []

    def getaddrinfo(host, port, *_, **__):
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, 1, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


async def test_a_name_server_that_hangs_takes_one_thread_a_name_and_holds_up_no_other(monkeypatch):
    hangs, asked = threading.Event(), []

    def getaddrinfo(host, *_, **__):
        asked.append(host)
        if host.startswith("slow"):
            hangs.wait(10)
        return [(socket.AF_INET, 1, 6, "", ("1.1.1.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    slow = [target_of(f"https://slow{number % 4}.example/", NOTHING) for number in range(200)]
    waiting = [asyncio.create_task(resolve(one, NOTHING)) for one in slow]
    try:
        async with asyncio.timeout(5):
            assert await resolve(target_of("https://quick.example/", NOTHING), NOTHING) == ["1.1.1.1"]
        waiting[0].cancel()
    finally:
        hangs.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert found[1:] == [["1.1.1.1"]] * 199
    assert len(asked) == 5


async def test_one_closed_address_among_open_ones_closes_the_name(monkeypatch):
    resolving(monkeypatch, ["1.1.1.1", "10.0.0.1"])
    with pytest.raises(Unfit, match=r"10\.0\.0\.1"):
        await resolve(target_of("https://erp.example/", NOTHING), NOTHING)


async def test_an_address_of_a_link_is_closed(monkeypatch):
    resolving(monkeypatch, ["fe80::1%eth0"])
    with pytest.raises(Unfit, match="fe80"):
        await resolve(target_of("https://erp.example/", NOTHING), NOTHING)


def test_what_the_operator_allows():
    allowed = Allowed.parse(" erp.internal, 10.1.0.0/16 ,::1,[fd00::1] ")
    assert target_of("http://erp.internal/", allowed).secure is False
    assert target_of("http://10.1.2.3/", allowed).port == 80
    assert target_of("https://[::1]/", allowed).host == "::1"
    assert target_of("http://[fd00::1]/", allowed).host == "fd00::1"
    # An address inside another is the inner one.
    assert target_of("http://[::ffff:10.1.2.3]/", allowed).secure is False
    for url in ("https://10.2.0.1/", "https://127.0.0.1/", "http://1.1.1.1/"):
        with pytest.raises(Unfit):
            target_of(url, allowed)


@pytest.mark.parametrize("text", ["http://erp.internal", "10.0.0.0/99", "a b", "2130706433", "*"])
def test_an_allowance_that_makes_no_sense_keeps_the_server_from_starting(text):
    with pytest.raises(Unfit):
        Allowed.parse(text)
    with pytest.raises(ConfigError, match="FEIRA_WEBHOOK_ALLOW"):
        Settings.from_environment({"FEIRA_WEBHOOK_ALLOW": text})


async def test_plain_http_to_a_name_needs_an_allowance_for_the_name(monkeypatch):
    """Known when it is saved: a name that leads into an allowed network does so over TLS."""
    allowed = Allowed.parse("10.1.0.0/16,erp.internal")
    with pytest.raises(Unfit, match="this very name"):
        target_of("http://erp.example/", allowed)
    resolving(monkeypatch, ["10.1.2.3"], ["10.1.2.3"], ["10.2.0.1"])
    assert await resolve(target_of("http://erp.internal/", allowed), allowed) == ["10.1.2.3"]
    target = target_of("https://erp.example/", allowed)
    assert await resolve(target, allowed) == ["10.1.2.3"]
    with pytest.raises(Unfit, match="not a public address"):
        await resolve(target, allowed)
