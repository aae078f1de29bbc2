"""What tests of kept rows share."""

import pytest

from app.api.engine import kept as engine_kept
from tests.api.engine.books import Library


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    monkeypatch.setattr(engine_kept, "_RUNS", 0)
    return Library()
