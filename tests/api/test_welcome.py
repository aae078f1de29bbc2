"""What `feira up` tells to try works when it is pasted into a shell."""

import io
import re
import shutil
import subprocess
import sys

import pytest

from app.api.welcome import TILL, print_welcome
from tests.test_up import Shop


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are for curl, which is not here")
def test_the_last_mug_is_sold_as_told_and_gone_from_the_site(tmp_path, database_url):
    shop = Shop(tmp_path, database_url=database_url, data_dir=tmp_path / "data")
    try:
        told = shop.told.read_text().partition("  Try\n")[2].partition("  Ctrl-C")[0]
        script = "\n".join(line for line in told.splitlines() if not re.match("  [A-Z]", line))
        assert script.count("curl ") == 4
        done = paste(script)
        assert done.returncode == 0, done.stderr
        listed, sold, gone = done.stdout.splitlines()
        assert "59.90" in listed
        assert '"number":"P' in sold
        assert '"status":"COMPLETED"' in sold
        assert "OUT_OF_STOCK" in gone

        # Whoever tries again is told why there is none.
        assert "INSUFFICIENT_STOCK" in paste(script).stderr
        assert shop.ctrl_c() == 0
    finally:
        shop.kill()


def paste(script):
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)


def test_a_shop_that_is_no_demo_is_offered_no_sale(capsys):
    print_welcome("http://127.0.0.1:8000", {}, 1.0)
    told = capsys.readouterr().out
    assert "Tokens" not in told
    assert "cartCreate" not in told
    print_welcome("http://127.0.0.1:8000", {TILL: "fdv_secret"}, 1.0)
    assert "cartCreate" in capsys.readouterr().out


def test_it_is_told_in_one_write_so_that_who_waits_for_a_line_finds_the_others(monkeypatch):
    class Told(io.StringIO):
        writes = 0

        def write(self, text):
            self.writes += 1
            return super().write(text)

    told = Told()
    monkeypatch.setattr(sys, "stdout", told)
    print_welcome("http://127.0.0.1:8000", {TILL: "fdv_secret"}, 1.0)
    assert "/health/ready" in told.getvalue()
    assert told.writes == 1
