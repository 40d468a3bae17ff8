"""What the shipped backtest says of the shown model: how often its intervals held, by destination."""

from __future__ import annotations

import pandas as pd

from forecast.vocabulary.shipped import shipped

TRACK_RECORD = "track_record.csv"
TRACK_PHASES = "track_phases.csv"
PHASE_COLUMNS = ["product", "phase", "n", "held_80", "held_95", "mae_t"]
TRACK_COLUMNS = ["product", "destination", "model", "level", "held", "n", "first_month", "last_month"]


def read_track_record() -> pd.DataFrame:
    """How often intervals held one month ahead in the shipped backtest: columns `TRACK_COLUMNS`, ``held`` of ``n``.

    A row per product, destination, model and ``level`` (80 or 95); ``first_month`` and ``last_month`` are periods. A
    series that the backtest could not score has no row. It is made by ``experiments/run.py`` from the first experiment.

    Examples
    --------
    >>> record = read_track_record()
    >>> world = record.query("product == 'rare_earth_magnets' and destination == 'WLD' and level == 80")
    >>> len(world), bool((record["held"] <= record["n"]).all())
    (1, True)
    """
    raw = pd.read_csv(shipped(TRACK_RECORD), dtype=str, keep_default_na=False, encoding="utf-8")
    months = {name: pd.PeriodIndex(raw[name], freq="M") for name in ("first_month", "last_month")}
    counts = {name: raw[name].astype(int) for name in ("level", "held", "n")}
    return raw.assign(**months, **counts)[TRACK_COLUMNS]


def read_track_phases() -> pd.DataFrame:
    """How often forecasts of the shipped backtest were right by phase, one month ahead: columns `PHASE_COLUMNS`.

    Examples
    --------
    >>> sorted(set(read_track_phases()["phase"]) - {"event", "after", "calm"})
    []
    """
    return pd.read_csv(shipped(TRACK_PHASES), keep_default_na=False, encoding="utf-8")[PHASE_COLUMNS]


def beside_shipped(own: pd.DataFrame, shipped_record: pd.DataFrame | None) -> pd.DataFrame | None:
    """The record of a store, and the shipped one for series and models that the store lacks; None for neither.

    Examples
    --------
    >>> row = {"product": "magnets", "destination": "USA", "model": "combination", "level": 80, "held": 9, "n": 10}
    >>> own = pd.DataFrame([row | {"first_month": None, "last_month": None}])[TRACK_COLUMNS]
    >>> beside_shipped(own, own.assign(held=1))["held"].tolist()
    [9]
    """
    if shipped_record is None:
        return own if len(own) else None
    key = ["product", "destination", "model", "level"]
    known = pd.MultiIndex.from_frame(shipped_record[key]).isin(pd.MultiIndex.from_frame(own[key]))
    return pd.concat([own, shipped_record[~known]], ignore_index=True) if len(own) else shipped_record
