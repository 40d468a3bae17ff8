"""A small backtest made by hand and written as its folder: two series, four months, one event."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pandas as pd
from simulated import calendar

import forecast as fc
from forecast.realtime.phases import phases
from forecast.scoring.scores import add_actuals, scores
from forecast.scoring.significance import significance
from forecast.tables.frames import as_text
from forecast.tables.run import Forecasts
from forecast.tables.run_folder import about_run, write_run

MONTHS = pd.period_range("2025-03", periods=4, freq="M")
ACTUALS = {"USA": [500.0, 400.0, 40.0, 300.0], "DEU": [200.0, 210.0, 20.0, 190.0]}
LICENSING = {"event": "licensing-2025", "kind": "licensing", "announced": date(2025, 5, 8), "products": ("magnets",)}
ERRORS = {"naive": 60.0, "combination": 20.0}
"""What each model misses by, in tonnes and always too high; three times that without events, but for naive."""


def released(month: pd.Period) -> date:
    """The 20th of the next month."""
    return date((month + 1).year, (month + 1).month, 20)


def figures() -> pd.DataFrame:
    """Exports from a year before the first month on: 100 t a month, then the actuals."""
    rows = [
        {"product": "magnets", "destination": code, "month": month, "volume_t": volume_t, "released": released(month)}
        for code, actuals in ACTUALS.items()
        for month, volume_t in [*((month, 100.0) for month in MONTHS[0] - 12 + pd.Index(range(12))),
                                *zip(MONTHS, actuals, strict=True)]
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(status="reported", precision_t=0.5, source="by hand")


def forecasts(errors: Mapping[str, float]) -> pd.DataFrame:
    """One forecast of every series, month and model, a month ahead; bounds 30 and 50 t to either side of the median."""
    rows = [
        {
            "product": "magnets", "destination": code, "model": model, "issued": released(month - 1),
            "cutoff": month - 1, "month": month, "horizon": 1, "volume_t": actual_t + error,
            "lower_80": actual_t + error - 30, "upper_80": actual_t + error + 30,
            "lower_95": max(actual_t + error - 50, 0.0), "upper_95": actual_t + error + 50, "last_known": month - 1,
        }
        for code, actuals in ACTUALS.items()
        for month, actual_t in zip(MONTHS, actuals, strict=True)
        for model, error in errors.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def write_backtest(folder: Path, without_events: bool = True) -> Path:
    """The folder of the backtest, with the files that it read inside, and the run without events beside."""
    folder.mkdir(parents=True)
    inputs = {"exports.csv": figures(), "events.csv": calendar(LICENSING)}
    for name, table in inputs.items():
        write(table, folder / name)
    _write(folder, forecasts(ERRORS), {name: folder / name for name in inputs}, {"events": ["events.csv"]})
    if without_events:
        beside = folder / "without_events"
        beside.mkdir()
        errors = ERRORS | {"combination": 3 * ERRORS["combination"]}
        _write(beside, forecasts(errors), {"exports.csv": folder / "exports.csv"}, {"events": "none"})
    return folder


def _write(folder: Path, rows: pd.DataFrame, inputs: dict[str, Path], arguments: dict[str, object]) -> None:
    exports, events = figures(), calendar(LICENSING)
    scored = add_actuals(rows, exports)
    phase = phases(scored, events, fc.read_groups())
    about = about_run("backtest", arguments, issued=max(rows["issued"]), seed=0, cutoffs={}, inputs=inputs)
    write_run(folder, Forecasts(forecasts=rows, failures=FAILURES), about)
    write(scored, folder / "forecasts.csv")
    write(scores(scored, exports, phase), folder / "scores.csv")
    tests = [significance(scored, exports, measure=measure, phase=phase) for measure in ("mae_t", "wis")]
    write(pd.concat(tests), folder / "significance.csv")


FAILURES = pd.DataFrame(
    {
        "product": "magnets",
        "destination": "JPN",
        "model": "combination",
        "issued": [date(2025, 5, 20), date(2025, 6, 20)],
        "reason": ["No figure of JPN <yet>.", "No model could be fitted & none will."],
    }
)


def write(table: pd.DataFrame, path: Path) -> None:
    """A table as CSV, as the package writes it."""
    as_text(table).to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def digest(path: Path) -> str:
    """The sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
