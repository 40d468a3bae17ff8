"""Exports and forecasts in the frames of other libraries, and the forecast as an estimator of scikit-learn's kind.

Nothing of those libraries is imported but scikit-learn's base class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from forecast.backtest.run import forecast_all
from forecast.registry import COMBINATION, DEFAULT_ENGINE, MODELS
from forecast.tables.frames import latest_figures, usual_release
from forecast.tables.quantiles import LEVELS
from forecast.tables.schema import EVENTS, EXPORTS

JOINED_BY = "/"
"""Between product and destination in ``unique_id``."""

_KEY = ["product", "destination", "month"]


def _latest(exports: pd.DataFrame) -> pd.DataFrame:
    """The latest release of each figure, sorted by series and month."""
    return latest_figures(exports).sort_values(_KEY, kind="stable").reset_index(drop=True)


def to_nixtla(exports: pd.DataFrame) -> pd.DataFrame:
    """The latest figures as ``unique_id, ds, y``: ``product/destination``, the month's first day, tonnes.

    Examples
    --------
    >>> may = pd.Period("2025-05", freq="M")
    >>> row = {"product": "magnets", "destination": "USA", "month": may, "volume_t": 46.0}
    >>> to_nixtla(pd.DataFrame([row | {"released": date(2025, 6, 20)}])).astype(str).values.tolist()
    [['magnets/USA', '2025-05-01', '46.0']]
    """
    rows = _latest(exports)
    names = rows["product"].astype(str) + JOINED_BY + rows["destination"].astype(str)
    return pd.DataFrame({"unique_id": names, "ds": _starts(rows["month"]), "y": rows["volume_t"].astype(float)})


def from_nixtla(frame: pd.DataFrame) -> pd.DataFrame:
    """An exports table from ``unique_id, ds, y``; released on the usual day, as such frames do not say it.

    Raises
    ------
    ValueError
        When a column is missing or a ``unique_id`` is not ``product/destination``.
    """
    missing = [name for name in ("unique_id", "ds", "y") if name not in frame]
    if missing:
        raise ValueError(f"expected columns unique_id, ds, y; found no {missing[0]}. Rename it.")
    parts = frame["unique_id"].astype(str).str.rpartition(JOINED_BY)
    if not (parts[1] == JOINED_BY).all():
        odd = frame["unique_id"][parts[1] != JOINED_BY].iloc[0]
        raise ValueError(f"expected unique_id as product{JOINED_BY}destination, found {odd!r}. Join them so.")
    months = pd.Series(pd.PeriodIndex(frame["ds"], freq="M"))
    rows = {"product": parts[0].to_numpy(), "destination": parts[2].to_numpy(), "month": months}
    released = [usual_release(month) for month in months]
    known = {"volume_t": frame["y"].to_numpy(dtype=float), "released": released, "status": "reported"}
    return pd.DataFrame({**rows, **known, "precision_t": float("nan"), "source": ""})[EXPORTS.columns]


def forecasts_to_nixtla(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Forecasts with a column a model (``theta``, ``theta-lo-80``): ``unique_id, ds, cutoff`` and, if known, ``y``.

    Examples
    --------
    >>> import forecast as fc
    >>> magnets = fc.read_exports(), fc.read_events(), fc.read_groups()
    >>> run = fc.forecast_all(*magnets, products=["gallium"], destinations=["WLD"], models=["naive"])
    >>> forecasts_to_nixtla(run.forecasts).columns.tolist()
    ['unique_id', 'ds', 'cutoff', 'naive', 'naive-lo-80', 'naive-hi-80', 'naive-lo-95', 'naive-hi-95']
    """
    names = forecasts["product"].astype(str) + JOINED_BY + forecasts["destination"].astype(str)
    rows = forecasts.assign(unique_id=names, ds=_starts(forecasts["month"]), cutoff=_starts(forecasts["cutoff"]))
    keys = ["unique_id", "ds", "cutoff"]
    wide = rows[keys].drop_duplicates().reset_index(drop=True)
    if "actual_t" in rows:
        actual = rows[[*keys, "actual_t"]].drop_duplicates(keys).rename(columns={"actual_t": "y"})
        wide = wide.merge(actual, on=keys)
    for model, own in rows.groupby("model", sort=False, observed=True):
        wide = wide.merge(own[[*keys, *_BOUNDS]].rename(columns=_named(str(model))), on=keys, how="left")
    return wide


_BOUNDS = {"volume_t": "", **{f"{side}_{level}": f"-{mark}-{level}" for level in LEVELS
                              for side, mark in (("lower", "lo"), ("upper", "hi"))}}  # fmt: skip


def _named(model: str) -> dict[str, str]:
    return {column: f"{model}{ending}" for column, ending in _BOUNDS.items()}


def _starts(months: pd.Series) -> pd.Series:
    return pd.Series(pd.PeriodIndex(months, freq="M").to_timestamp(), index=months.index)


def to_sktime(exports: pd.DataFrame) -> pd.DataFrame:
    """The latest figures as sktime's hierarchical panel: ``volume_t`` by product, destination and month (periods).

    A month without a figure between the first and the last of a series is NaN.
    """
    parts = []
    for (product, destination), own in _latest(exports).groupby(["product", "destination"], sort=True):
        series = own.set_index(pd.PeriodIndex(own["month"], freq="M"))["volume_t"].astype(float).resample("M").asfreq()
        index = pd.MultiIndex.from_product([[product], [destination], series.index], names=_KEY)
        parts.append(pd.DataFrame({"volume_t": series.to_numpy()}, index=index))
    return pd.concat(parts)


def from_sktime(panel: pd.DataFrame) -> pd.DataFrame:
    """An exports table from a panel as `to_sktime` gives it; released on the usual day."""
    rows = panel.dropna().rename_axis(_KEY).set_axis(["volume_t"], axis=1).reset_index()
    released = [usual_release(month) for month in rows["month"]]
    known = rows.assign(released=released, status="reported", precision_t=float("nan"), source="")
    return known[EXPORTS.columns]


class ExportForecaster(BaseEstimator):  # type: ignore[misc]
    """The forecast as an estimator: ``fit`` takes the tables, ``predict`` gives rows in the forecasts format.

    Parameters
    ----------
    models, horizon, engine, calibrate, seed
        As in `forecast.forecast_all`.
    issued
        The issue day; None is the day of the latest release.
    events, groups
        The calendar and members by group; None means none.

    Examples
    --------
    >>> import forecast as fc
    >>> exports = fc.read_exports().query("product == 'gallium' and destination == 'WLD'")
    >>> ExportForecaster(models=("naive",)).fit(exports).predict()["model"].unique().tolist()
    ['naive']
    """

    def __init__(
        self,
        *,
        models: Sequence[str] = MODELS,
        horizon: int = 1,
        engine: str = DEFAULT_ENGINE,
        calibrate: bool = True,
        seed: int = 0,
        issued: date | None = None,
        events: pd.DataFrame | None = None,
        groups: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.models = models
        self.horizon = horizon
        self.engine = engine
        self.calibrate = calibrate
        self.seed = seed
        self.issued = issued
        self.events = events
        self.groups = groups

    def fit(self, X: pd.DataFrame, y: Any = None) -> ExportForecaster:
        """Take an exports table and make the forecast; ``y`` is not used. Nothing that was given is changed."""
        events = EVENTS.empty().astype(object) if self.events is None else self.events
        self.run_ = forecast_all(
            X, events, self.groups or {}, issued=self.issued, models=self.models, horizon=self.horizon,
            engine=self.engine, calibrate=self.calibrate, seed=self.seed,
        )  # fmt: skip
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X: pd.DataFrame | None = None) -> pd.DataFrame:
        """The forecasts; with ``X`` only those of the series and months that it has, with every model.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        """
        rows = self._rows()
        keys = [] if X is None else [name for name in _KEY if name in X]
        if X is None or not keys:
            return rows
        wanted = pd.MultiIndex.from_frame(X[keys])
        return rows[pd.MultiIndex.from_frame(rows[keys]).isin(wanted)].reset_index(drop=True)

    def score(self, X: pd.DataFrame, y: Any = None) -> float:
        """The negative mean absolute error in tonnes of the shown model, over the figures of ``X`` that were forecast.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        ValueError
            When ``X`` has no month that was forecast.
        """
        rows = self._rows()
        model = COMBINATION if COMBINATION in self.models else self.models[0]
        both = rows[rows["model"] == model].merge(_latest(X), on=_KEY, suffixes=("", "_actual"))
        if both.empty:
            raise ValueError("expected figures of a month that was forecast, found none. Give later figures.")
        return -float((both["volume_t"] - both["volume_t_actual"]).abs().mean())

    def _rows(self) -> pd.DataFrame:
        if not hasattr(self, "run_"):
            raise NotFittedError("This ExportForecaster has no forecast yet: call fit with an exports table first.")
        return self.run_.forecasts.copy()
