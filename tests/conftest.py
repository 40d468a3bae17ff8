"""Makes the helpers of this folder importable from every test, and chooses the engine of those that name none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from forecast import registry

ROOT = Path(__file__).resolve().parents[1]

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

OF_AN_ENGINE = {
    "tests/backtest/test_backtest.py",
    "tests/cli/test_cli_backtest.py",
    "tests/ensemble/test_aggregates.py",
    "tests/episodes/test_no_trade.py",
    "tests/models/test_arima.py",
    "tests/models/test_compiled.py",
    "tests/models/test_exact.py",
    "tests/models/test_laws.py",
    "tests/models/test_season.py",
    "tests/store/test_update.py",
}
"""Files with a quick test in which a model that has two engines is fitted by the default one. Other quick tests see the
same by either, and one run is enough."""

collect_ignore = ["fuzz/fuzz_readers.py"]
"""Run by themselves, with the package that they need: no test."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--engine reference` fits by statsmodels and Prophet whatever names no engine."""
    parser.addoption("--engine", choices=registry.ENGINES, default="compiled", help="engine of whatever names none")


def pytest_configure(config: pytest.Config) -> None:
    """Name the default engine before any module that takes it as a default is imported."""
    registry.DEFAULT_ENGINE = config.getoption("--engine")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave whole files out of the quick run by the reference engine, which takes less than to collect their tests."""
    quick = registry.DEFAULT_ENGINE == "reference" and config.getoption("markexpr") == "not slow"
    return (quick and collection_path.suffix == ".py" and _name(collection_path) not in OF_AN_ENGINE) or None


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the examples that are slow, before the marks are asked about, and leave out those no engine changes."""
    for item in items:
        if isinstance(item, pytest.DoctestItem) and item.name in SLOW_EXAMPLES:
            item.add_marker(pytest.mark.slow)
    if registry.DEFAULT_ENGINE == "reference":
        items[:] = [item for item in items if item.get_closest_marker("slow") or _name(item.path) in OF_AN_ENGINE]


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
    """Commands keep origins for each other, as for a user; for tests that replace nothing that makes numbers.

    Workers of one run keep them together: an entry is named by all that its numbers depend on, and written whole.
    """
    own = tmp_path_factory.getbasetemp()
    place = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "kept"))
    monkeypatch.delenv("FORECAST_NO_CACHE")
