"""The ablation of events: the same backtest with and without them, and what they added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from forecast.backtest.run import backtest_all
from forecast.realtime.events import Members
from forecast.realtime.phases import phases
from forecast.scoring.scores import scores
from forecast.scoring.significance import Measure, significance
from forecast.tables.frames import stacked
from forecast.tables.run import Forecasts
from forecast.tables.schema import SCORE_COLUMNS


@dataclass(frozen=True)
class EventsCompared:
    """The same backtest with and without events, and what the events added.

    ``scores`` has the columns of `forecast.scoring.scores.scores` after ``events`` (``with`` or ``without``);
    ``significance`` tests each model with events against the same model without.
    """

    with_events: Forecasts
    without_events: Forecasts
    scores: pd.DataFrame
    significance: pd.DataFrame


def compare_events(
    exports: pd.DataFrame, events: pd.DataFrame, groups: Members, *, measure: Measure = "mae_t", **options: Any
) -> EventsCompared:
    """Ablation of the events: `backtest_all` with and without them, scored in the same slices and tested.

    Phases are those of the calendar in both runs. ``measure`` is that of `forecast.scoring.significance.significance`.
    Models that take no regressors come out the same.

    Examples
    --------
    >>> import forecast as fc
    >>> both = fc.compare_events(
    ...     fc.read_exports(), fc.read_events(), fc.read_groups(),
    ...     products=["rare_earth_magnets"], destinations=["USA"], models=["naive"], to=pd.Period("2025-05"), last=3,
    ... )
    >>> both.significance.loc[0, "verdict"]
    'same losses as naive without events (n = 3 months)'
    """
    runs = {"with": backtest_all(exports, events, groups, **options)}
    runs["without"] = backtest_all(exports, events.iloc[:0], groups, **options)
    phase = {name: phases(run.forecasts, events, groups) for name, run in runs.items()}
    scored = [
        scores(run.forecasts, exports, phase[name]).assign(events=name)[["events", *SCORE_COLUMNS, "n_mase"]]
        for name, run in runs.items()
    ]
    tested = [
        _with_against_without(runs, model, exports, events, groups, measure)
        for model in runs["with"].forecasts["model"].unique()
    ]
    return EventsCompared(runs["with"], runs["without"], pd.concat(scored, ignore_index=True), stacked(tested))


def _with_against_without(
    runs: Mapping[str, Forecasts],
    model: str,
    exports: pd.DataFrame,
    events: pd.DataFrame,
    groups: Members,
    measure: Measure,
) -> pd.DataFrame:
    """The significance of one model with events against itself without."""
    own = {name: run.forecasts[run.forecasts["model"] == model] for name, run in runs.items()}
    against = f"{model} without events"
    both = pd.concat([own["with"], own["without"].assign(model=against)], ignore_index=True)
    return significance(both, exports, against, measure, phases(both, events, groups))
