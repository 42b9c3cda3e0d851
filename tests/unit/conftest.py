"""Fixtures of the unit tests."""

import os

import pytest


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the project is set."""
    for name in list(os.environ):
        if name.upper().startswith("CHARGELIGHT_"):
            monkeypatch.delenv(name)
