"""How often intervals of the shown model held, by destination: in a store, the shipped backtest, or the run itself."""

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


def first_known(*records: pd.DataFrame | None) -> pd.DataFrame | None:
    """The rows of several records, of each series and model those of the first that has it; None without any.

    Examples
    --------
    >>> row = {"product": "magnets", "destination": "USA", "model": "combination", "level": 80, "held": 9, "n": 10}
    >>> own = pd.DataFrame([row | {"first_month": None, "last_month": None}])[TRACK_COLUMNS]
    >>> first_known(None, own, own.assign(held=1))["held"].tolist()
    [9]
    """
    found: pd.DataFrame | None = None
    for record in records:
        if record is None or record.empty:
            continue
        if found is None:
            found = record[TRACK_COLUMNS]
            continue
        key = ["product", "destination", "model", "level"]
        known = pd.MultiIndex.from_frame(record[key]).isin(pd.MultiIndex.from_frame(found[key]))
        found = pd.concat([found, record.loc[~known, TRACK_COLUMNS]], ignore_index=True)
    return found
