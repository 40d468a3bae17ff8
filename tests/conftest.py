"""Makes the helpers of this folder importable from every test, and chooses the engine of those that name none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import settings

from forecast import registry

sys.path.insert(0, str(Path(__file__).parent))

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

SLOW_EXAMPLES = {
    "forecast.adapters.forecasts_to_nixtla",
    "forecast.backtest.ablation.compare_events",
    "forecast.backtest.run.backtest_all",
    "forecast.episodes.effects.episode_effects",
    "forecast.level_shifts.propose.proposed_events",
    "forecast.report.plots.plot_forecast",
    "forecast.scenario.forecast.scenario_all",
    "forecast.verify.look_ahead.look_ahead_audit",
    "forecast.verify.parity.parity_sample",
}
"""Examples in docstrings that take more than half a second, which cannot carry the mark themselves."""

OF_NO_ENGINE = {"fuzz", "kernels", "realtime", "scoring", "sources", "vocabulary", "test_house.py"}
"""What is below the models, or beside them: a test there sees the same by either engine, and one run is enough."""

collect_ignore = ["fuzz/fuzz_readers.py"]
"""Run by themselves, with the package that they need: no test."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--engine reference` fits by statsmodels and Prophet whatever names no engine."""
    parser.addoption("--engine", choices=registry.ENGINES, default="compiled", help="engine of whatever names none")


def pytest_configure(config: pytest.Config) -> None:
    """Name the default engine before any module that takes it as a default is imported."""
    registry.DEFAULT_ENGINE = config.getoption("--engine")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the examples that are slow, before the marks are asked about, and leave out what no engine changes."""
    for item in items:
        if isinstance(item, pytest.DoctestItem) and item.name in SLOW_EXAMPLES:
            item.add_marker(pytest.mark.slow)
    if registry.DEFAULT_ENGINE == "reference":
        items[:] = [item for item in items if item.path.relative_to(item.config.rootpath).parts[1] not in OF_NO_ENGINE]


@pytest.fixture(autouse=True)
def _kernels_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands say nothing of compiling, which they would on a machine whose first run is the tests."""
    monkeypatch.setattr("forecast.cli.console._notice", lambda: None)


@pytest.fixture(autouse=True)
def _no_store_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Commands find the user's data folder empty, whatever the machine has there."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.getbasetemp() / "no-data"))


@pytest.fixture(autouse=True)
def _no_cache_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Commands fit every origin and leave the user's cache folder alone; tests of the cache have one of their own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "no-cache"))
    monkeypatch.setenv("FORECAST_NO_CACHE", "1")


@pytest.fixture
def kept_origins(
    _no_cache_of_the_user: None, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Commands keep origins for each other, as for a user; for tests that replace nothing that makes numbers."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "kept"))
    monkeypatch.delenv("FORECAST_NO_CACHE")
