"""What the tests of services share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key or proxy of whoever runs the tests; without the extra there is nothing to test."""
    pytest.importorskip("httpx", reason="the extra `services` is not installed")
    for name in ("COMTRADE_API_KEY", "CENSUS_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
