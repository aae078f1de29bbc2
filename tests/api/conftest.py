"""What tests of the API share."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.api.engine import forms as engine_forms
from app.api.engine import kept as engine_kept
from app.events import follower


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were made of forms, each time that some were."""
    seen: list[int] = []

    def told(forms: Sequence[Any], *given: Any) -> Any:
        seen.append(len(forms))
        return engine_forms.told(forms, *given)

    monkeypatch.setattr(engine_kept, "told", told)
    return seen


@pytest.fixture
def believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The follower reads when the test says so, and is believed meanwhile."""
    monkeypatch.setattr(follower, "TRUSTED_FOR", 600)
