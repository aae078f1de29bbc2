"""One POST, against receivers that do their worst."""

import asyncio
import ssl
from pathlib import Path
from time import monotonic

import pytest

from app.platform.outbound.address import NOTHING, Allowed, Target, target_of
from app.platform.outbound.post import Bounds, Unanswered, post
from tests.platform.outbound import receiver as acts
from tests.platform.outbound.receiver import receiving
from tests.platform.outbound.test_address import resolving

HERE = Allowed.parse("127.0.0.1")
LOOPBACK = Allowed.parse("localhost,127.0.0.1,::1")
BOUNDS = Bounds(connect=1, read=0.3, whole=2, rest=0.1)
DATA = Path(__file__).parent / "data"


async def send(url, *, allowed=HERE, bounds=BOUNDS, tls=None, body=b"{}"):
    return await post(target_of(url, allowed), {"webhook-id": "x"}, body, allowed=allowed, bounds=bounds, tls=tls)


async def test_what_arrives_is_what_was_sent():
    async with receiving() as receiver:
        answer = await send(receiver.url("/a?b=c"), body=b'{"a":1}')
    [got] = receiver.received
    assert (answer.status, answer.body) == (200, b"ok")
    assert (got.path, got.body) == ("/a?b=c", b'{"a":1}')
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert (got.headers["content-length"], got.headers["connection"]) == ("7", "close")


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (acts.close_early, "closed the connection before it answered"),
        (acts.hang, "no answer within 0.3 s"),
        (acts.drip_head, "head of its answer is larger than"),
        (acts.raw(b"SSH-2.0-OpenSSH_9\r\n"), "did not answer as HTTP does"),
        (acts.raw(b"HTTP/1.1 200 OK\r\nContent-"), "closed the connection before it answered"),
        (acts.raw(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "another protocol|closed"),
    ],
)
async def test_no_answer(act, why):
    async with receiving() as receiver:
        receiver.act = lambda _: act
        with pytest.raises(Unanswered, match=why):
            await send(receiver.url())


@pytest.mark.parametrize("status", [204, 302, 404, 410, 500])
async def test_the_status_is_told_as_it_is_and_no_redirect_is_followed(status):
    async with receiving() as receiver:
        receiver.act = lambda _: acts.answer(status, "Location: /elsewhere", "Retry-After: 7")
        answer = await send(receiver.url())
        assert (answer.status, answer.retry_after, len(receiver.received)) == (status, "7", 1)


async def test_of_a_huge_answer_one_kilobyte_is_read():
    async with receiving() as receiver:
        receiver.act = lambda _: acts.flood
        answer = await send(receiver.url())
    assert (answer.status, answer.body) == (200, b"x" * 1_024)


async def test_an_answer_whose_body_does_not_come_is_one_all_the_same():
    async with receiving() as receiver:
        receiver.act = lambda _: slow_body
        begun = monotonic()
        answer = await send(receiver.url())
    assert (answer.status, answer.body) == (200, b"he")
    assert monotonic() - begun < 1


async def slow_body(_, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
    await writer.gone()


async def test_chunks_are_put_together_and_announcements_passed_over():
    said = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with receiving() as receiver:
        receiver.act = lambda _: acts.raw(said + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
        answer = await send(receiver.url())
    assert (answer.status, answer.body) == (200, b"abc")


async def test_an_answer_before_all_was_read_counts():
    async def at_once(reader, writer):
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()

    async with await asyncio.start_server(at_once, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await send(f"http://127.0.0.1:{port}/", body=b"x" * 200_000)
    assert answer.status == 413


async def test_one_who_never_reads_is_left():
    async def never(reader, writer):
        reader._transport.pause_reading()
        await asyncio.sleep(1)
        writer.close()

    async with await asyncio.start_server(never, "127.0.0.1", 0, limit=1) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unanswered, match=r"within|longer"):
            await send(f"http://127.0.0.1:{port}/", body=b"x" * 50_000_000)


async def test_nobody_there():
    async with receiving() as receiver:
        url = receiver.url()
    with pytest.raises(Unanswered, match="no connection: it was refused"):
        await send(url)


async def test_the_whole_is_bounded():
    async with receiving() as receiver:
        receiver.act = lambda _: acts.hang
        with pytest.raises(Unanswered, match=r"longer than 0\.1 s"):
            await send(receiver.url(), bounds=Bounds(read=5, whole=0.1))


async def test_a_closed_address_is_never_connected_to():
    async with receiving() as receiver:
        for allowed in (NOTHING, Allowed.parse("10.0.0.0/8")):
            target = target_of(receiver.url(), HERE)
            with pytest.raises(Unanswered, match=r"refused: 127\.0\.0\.1 is not a public address"):
                await post(target, {}, b"{}", allowed=allowed, bounds=BOUNDS)
    assert receiver.received == []


async def test_a_name_that_changes_its_mind_is_asked_once_and_that_answer_is_used(monkeypatch):
    """DNS rebinding: public when it is checked, private when it is connected to."""
    async with receiving() as receiver:
        asked = resolving(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
        target = Target(secure=False, host="flips.example", port=receiver.port, path="/")
        answer = await post(target, {}, b"{}", allowed=HERE, bounds=BOUNDS)
        assert (answer.status, asked) == (200, ["flips.example"])
        with pytest.raises(Unanswered, match=r"10\.0\.0\.1 is not a public address"):
            await post(target, {}, b"{}", allowed=HERE, bounds=BOUNDS)
    assert len(receiver.received) == 1


def contexts():
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(DATA / "receiver.pem", DATA / "receiver.key")
    return serving, ssl.create_default_context(cafile=DATA / "receiver.pem")


async def test_over_tls_the_name_and_the_certificate_are_checked():
    serving, trusting = contexts()
    async with receiving(serving) as receiver:
        answer = await send(receiver.url(host="localhost"), allowed=LOOPBACK, tls=trusting)
        assert answer.status == 200
        with pytest.raises(Unanswered, match=r"no secure connection: .*not valid for '127\.0\.0\.1'"):
            await send(receiver.url(), tls=trusting)
        with pytest.raises(Unanswered, match="no secure connection: self"):
            await send(receiver.url(host="localhost"), allowed=LOOPBACK)
    assert len(receiver.received) == 1


async def test_plain_talk_where_tls_was_asked_for_is_refused():
    async with receiving() as receiver:
        with pytest.raises(Unanswered, match=r"no secure connection|no connection|broke"):
            await send(receiver.url().replace("http:", "https:"))
