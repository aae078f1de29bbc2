"""Signatures, against the vector that Standard Webhooks' own libraries are tested with."""

import base64
from datetime import UTC, datetime

from app.events.webhooks import sign

KEY = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
BODY = b'{"test": 2432232314}'


def test_the_known_vector():
    found = sign.signature(KEY, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, BODY)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_one_signature_for_each_key():
    now = datetime(2026, 5, 17, 9, 30, 0, 900_000, tzinfo=UTC)
    made = sign.headers([KEY, b"other"], "hookd_1", now, BODY)
    stamp = int(now.timestamp())
    assert made["webhook-timestamp"] == str(stamp)
    assert made["webhook-signature"].split(" ") == [
        sign.signature(KEY, "hookd_1", stamp, BODY), sign.signature(b"other", "hookd_1", stamp, BODY),
    ]  # fmt: skip


def test_a_secret_is_as_receivers_expect_it():
    drawn = sign.draw()
    assert len(drawn) == 32
    secret = sign.secret_of(drawn)
    assert secret.startswith("whsec_")
    assert base64.b64decode(secret.removeprefix("whsec_")) == drawn
