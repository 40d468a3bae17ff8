"""Makes the helpers of this folder importable from every test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _kernels_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands say nothing of compiling, which they would on a machine whose first run is the tests."""
    monkeypatch.setattr("forecast.cli.speaking._notice", lambda: None)
