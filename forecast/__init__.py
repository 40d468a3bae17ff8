"""Forecasts of next month's exports by destination that know the policy calendar, and only what was known on the day.

Everything that flows is a table (a pandas DataFrame): exports and events in, forecasts and scores out.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forecast.audit import look_ahead_audit
    from forecast.backtest import backtest_all, compare_events, forecast_all
    from forecast.checkpoint import Checkpoint
    from forecast.events import known_events
    from forecast.models import load
    from forecast.origin import Forecasts
    from forecast.output import read_run
    from forecast.parity import parity_sample
    from forecast.plots import plot_forecast
    from forecast.proposals import proposed_events
    from forecast.responses import learned_effects
    from forecast.scenario import scenario_all
    from forecast.sources.frames import check_events, check_exports
    from forecast.sources.importing import import_exports
    from forecast.sources.plain import read_destinations, read_events, read_exports, read_groups, read_period_totals
    from forecast.sources.scenario import read_scenario
    from forecast.sources.validation import validate_exports
    from forecast.tables import TableError

_HOMES = {
    "Checkpoint": "forecast.checkpoint",
    "Forecasts": "forecast.origin",
    "TableError": "forecast.tables",
    "backtest_all": "forecast.backtest",
    "check_events": "forecast.sources.frames",
    "check_exports": "forecast.sources.frames",
    "compare_events": "forecast.backtest",
    "forecast_all": "forecast.backtest",
    "import_exports": "forecast.sources.importing",
    "known_events": "forecast.events",
    "learned_effects": "forecast.responses",
    "load": "forecast.models",
    "look_ahead_audit": "forecast.audit",
    "parity_sample": "forecast.parity",
    "plot_forecast": "forecast.plots",
    "proposed_events": "forecast.proposals",
    "read_destinations": "forecast.sources.plain",
    "read_events": "forecast.sources.plain",
    "read_exports": "forecast.sources.plain",
    "read_groups": "forecast.sources.plain",
    "read_period_totals": "forecast.sources.plain",
    "read_run": "forecast.output",
    "read_scenario": "forecast.sources.scenario",
    "scenario_all": "forecast.scenario",
    "validate_exports": "forecast.sources.validation",
}

__all__ = [
    "Checkpoint",
    "Forecasts",
    "TableError",
    "backtest_all",
    "check_events",
    "check_exports",
    "compare_events",
    "forecast_all",
    "import_exports",
    "known_events",
    "learned_effects",
    "load",
    "look_ahead_audit",
    "parity_sample",
    "plot_forecast",
    "proposed_events",
    "read_destinations",
    "read_events",
    "read_exports",
    "read_groups",
    "read_period_totals",
    "read_run",
    "read_scenario",
    "scenario_all",
    "validate_exports",
]


def __getattr__(name: str) -> Any:
    """Public names are imported where they are first used, so that `import forecast` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'forecast' has no attribute {name!r}; it has {', '.join(_HOMES)}.")
    return getattr(import_module(_HOMES[name]), name)
