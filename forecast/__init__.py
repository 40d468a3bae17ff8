"""Forecasts of next month's exports by destination that know the policy calendar, and only what was known on the day.

Everything that flows is a table (a pandas DataFrame): exports and events in, forecasts and scores out.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forecast.backtest.ablation import compare_events
    from forecast.backtest.checkpoint import Checkpoint
    from forecast.backtest.plan import Settings
    from forecast.backtest.run import backtest_all, forecast_all
    from forecast.ensemble.aggregates import sums
    from forecast.ensemble.judgement import judged_run, parse_judgement
    from forecast.episodes.effects import episode_effects
    from forecast.level_shifts.propose import proposed_events
    from forecast.realtime.events import known_events
    from forecast.realtime.rest_of_world import with_rest_of_world
    from forecast.registry import load
    from forecast.report.explain import explained
    from forecast.report.plots import plot_forecast
    from forecast.scenario.forecast import scenario_all
    from forecast.scoring.scores import scores
    from forecast.scoring.significance import significance
    from forecast.sources.frames import check_events, check_exports
    from forecast.sources.importing import import_exports
    from forecast.sources.plain import read_destinations, read_events, read_exports, read_groups, read_period_totals
    from forecast.sources.scenario import read_scenario
    from forecast.sources.validation import validate_exports
    from forecast.store.database import Store
    from forecast.store.update import Routine, run_update
    from forecast.tables.read import TableError
    from forecast.tables.run import Forecasts
    from forecast.tables.run_folder import read_run
    from forecast.verify.look_ahead import look_ahead_audit
    from forecast.verify.parity import parity_sample

_HOMES = {
    "Checkpoint": "forecast.backtest.checkpoint",
    "Forecasts": "forecast.tables.run",
    "Routine": "forecast.store.update",
    "Settings": "forecast.backtest.plan",
    "Store": "forecast.store.database",
    "TableError": "forecast.tables.read",
    "backtest_all": "forecast.backtest.run",
    "check_events": "forecast.sources.frames",
    "check_exports": "forecast.sources.frames",
    "compare_events": "forecast.backtest.ablation",
    "forecast_all": "forecast.backtest.run",
    "import_exports": "forecast.sources.importing",
    "explained": "forecast.report.explain",
    "judged_run": "forecast.ensemble.judgement",
    "known_events": "forecast.realtime.events",
    "episode_effects": "forecast.episodes.effects",
    "load": "forecast.registry",
    "look_ahead_audit": "forecast.verify.look_ahead",
    "parity_sample": "forecast.verify.parity",
    "parse_judgement": "forecast.ensemble.judgement",
    "plot_forecast": "forecast.report.plots",
    "proposed_events": "forecast.level_shifts.propose",
    "read_destinations": "forecast.sources.plain",
    "read_events": "forecast.sources.plain",
    "read_exports": "forecast.sources.plain",
    "read_groups": "forecast.sources.plain",
    "read_period_totals": "forecast.sources.plain",
    "read_run": "forecast.tables.run_folder",
    "read_scenario": "forecast.sources.scenario",
    "run_update": "forecast.store.update",
    "scenario_all": "forecast.scenario.forecast",
    "scores": "forecast.scoring.scores",
    "significance": "forecast.scoring.significance",
    "sums": "forecast.ensemble.aggregates",
    "validate_exports": "forecast.sources.validation",
    "with_rest_of_world": "forecast.realtime.rest_of_world",
}

__all__ = [
    "Checkpoint",
    "Forecasts",
    "Routine",
    "Settings",
    "Store",
    "TableError",
    "backtest_all",
    "check_events",
    "check_exports",
    "compare_events",
    "episode_effects",
    "explained",
    "forecast_all",
    "import_exports",
    "judged_run",
    "known_events",
    "load",
    "look_ahead_audit",
    "parity_sample",
    "parse_judgement",
    "plot_forecast",
    "proposed_events",
    "read_destinations",
    "read_events",
    "read_exports",
    "read_groups",
    "read_period_totals",
    "read_run",
    "read_scenario",
    "run_update",
    "scenario_all",
    "scores",
    "significance",
    "sums",
    "validate_exports",
    "with_rest_of_world",
]


def __getattr__(name: str) -> Any:
    """Public names are imported where they are first used, so that `import forecast` costs nothing."""
    if name == "__version__":
        return import_module("importlib.metadata").version("export-forecast")
    if name not in _HOMES:
        raise AttributeError(f"module 'forecast' has no attribute {name!r}; it has {', '.join(_HOMES)}.")
    return getattr(import_module(_HOMES[name]), name)
