"""Forecast combination: the weighted interquartile mean in logs of the members, quantile by quantile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.kernels.nonnegative import nonnegative_least_squares
from forecast.registry import COMBINATION, MEMBERS, STAND_IN
from forecast.tables.quantiles import MEDIAN, VOLUME_QUANTILES
from forecast.tables.schema import RUN_TABLES

PAIR = ["product", "destination", "issued", "month", "other"]
CELL = ["product", "destination", "issued", "cutoff", "month", "horizon", "last_known"]

LEAST_COUNTED = 0.01
"""Of the middle half's arithmetic mean, what a volume counts for at least: zero has no logarithm."""

CELLS_AT_ONCE = 10_000
"""Cells whose models are in order at once: the steps of the mean take several times the memory of the volumes."""

SHRINKAGE = 24.0
"""Cells of equally good members that the weights take for granted beside those that were seen."""


@dataclass(frozen=True)
class Cells:
    """Forecasts of several models by cell.

    ``keys`` has a row per cell (columns `CELL`), ``volumes`` tonnes of shape (cells, models, quantiles) along
    `VOLUME_QUANTILES`: the members, then the stand-in. NaN where a model has none, and for a stand-in not needed.
    """

    keys: pd.DataFrame
    volumes: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)


def laid_out(forecasts: pd.DataFrame, members: Sequence[str] = MEMBERS) -> Cells:
    """The rows of ``members`` and of the stand-in, in the forecasts format, by cell in the order of appearance."""
    models = {name: place for place, name in enumerate([*members, STAND_IN])}
    rows = forecasts[forecasts["model"].isin(models)]
    cell = rows.groupby(CELL, sort=False).ngroup().to_numpy()
    keys = rows[CELL].iloc[np.unique(cell, return_index=True)[1]].reset_index(drop=True)
    volumes = np.full((len(keys), len(models), len(VOLUME_QUANTILES)), np.nan)
    volumes[cell, rows["model"].map(models).to_numpy(dtype=int)] = rows[list(VOLUME_QUANTILES)].to_numpy(dtype=float)
    volumes[np.isfinite(volumes[:, :-1, MEDIAN]).any(axis=1), -1] = np.nan
    return Cells(keys, volumes)


def combination(forecasts: pd.DataFrame, members: Sequence[str] = MEMBERS) -> pd.DataFrame:
    """Rows of model ``combination``: the interquartile mean in logs of the members' rows of each cell, bound by bound.

    ``forecasts`` holds rows of several models in the forecasts format. A cell without a member
    takes the naive row; a cell with neither has no row.

    References
    ----------
    Petropoulos & Svetunkov (2020), https://doi.org/10.1016/j.ijforecast.2019.01.006
    Jose & Winkler (2008), https://doi.org/10.1016/j.ijforecast.2007.06.001

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({name: ["x"] * 2 for name in CELL} | {"model": ["theta", "arima"]})
    >>> rows = rows.assign(volume_t=[100.0, 400.0], lower_80=1.0, upper_80=4.0, lower_95=1.0, upper_95=9.0)
    >>> combination(rows)["volume_t"].round(6).tolist()
    [200.0]
    """
    cells = laid_out(forecasts, members)
    return as_rows(cells.keys, interquartile_mean(cells.volumes, np.ones(cells.volumes.shape[:2])))


def as_rows(keys: pd.DataFrame, volumes: np.ndarray) -> pd.DataFrame:
    """Rows of model ``combination`` in the forecasts format, of cells and their ``volumes`` (cells, quantiles)."""
    return keys.assign(model=COMBINATION, **dict(zip(VOLUME_QUANTILES, volumes.T, strict=True)))


def interquartile_mean(volumes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean in logs of the middle half of the models' weight: tonnes (cells, quantiles), zero allowed.

    ``volumes`` are those of `Cells`, with at least one model in each cell; ``weights``, of shape (cells, models), count
    among the models that a cell has. The models of a cell stand in the order of their volumes, each with its weight, a
    quarter of which is cut off at either end. No volume counts for less than a hundredth of the arithmetic mean of the
    middle half, so that one model that says nothing does not decide for all. The mean is monotone and continuous in
    every volume and weight; of three equal models the middle one has two thirds.

    Examples
    --------
    >>> three = np.array([100.0, 200.0, 400.0])[None, :, None]
    >>> interquartile_mean(three, np.array([[1.0, 1.0, 1.0]])).round(6).tolist()
    [[200.0]]
    >>> interquartile_mean(three, np.array([[1.0, 0.0, 1.0]])).round(6).tolist()
    [[200.0]]
    >>> interquartile_mean(three, np.array([[1.0, 1.0, 2.0]])).round().tolist()  # half the middle, half the last
    [[283.0]]
    >>> interquartile_mean(np.array([0.0, 400.0, 500.0])[None, :, None], np.array([[1.2, 1.0, 1.0]])).round().tolist()
    [[122.0]]
    """
    blocks = [slice(first, first + CELLS_AT_ONCE) for first in range(0, max(len(volumes), 1), CELLS_AT_ONCE)]
    return np.concatenate([_middle_half(volumes[block], weights[block]) for block in blocks])


def _middle_half(volumes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    order = np.argsort(volumes, axis=1)
    ordered = np.take_along_axis(volumes, order, axis=1)
    weight = np.take_along_axis(np.broadcast_to(weights[:, :, None], volumes.shape), order, axis=1)
    weight = np.where(np.isfinite(ordered), weight, 0.0)
    end = np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True)
    start = np.concatenate([np.zeros_like(end[:, :1]), end[:, :-1]], axis=1)
    middle = 2 * (np.clip(end, 0.25, 0.75) - np.clip(start, 0.25, 0.75))
    heard = middle > 0
    least = LEAST_COUNTED * np.where(heard, middle * ordered, 0.0).sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        logs = np.where(heard, np.log(np.maximum(ordered, least)), 0.0)
    mean = np.exp((middle * logs).sum(axis=1))
    return np.asarray(np.clip(mean, np.nanmin(volumes, axis=1), np.nanmax(volumes, axis=1)))


def precision_weights(errors: np.ndarray) -> np.ndarray:
    """Weights of models that would have made the mean square of their weighted mean error least, shrunk to equal.

    ``errors`` in logs, of shape (cells, models). Weights are not negative and add to one. `SHRINKAGE` cells of
    unrelated errors of the same size are counted beside those given.

    References
    ----------
    Bates & Granger (1969), https://doi.org/10.1057/jors.1969.103

    Examples
    --------
    A model whose errors are twice as large, and unrelated, has a fourth of the precision:

    >>> signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    >>> precision_weights(np.tile(signs * [1.0, 2.0], (100_000, 1))).round(3).tolist()
    [0.8, 0.2]
    """
    count, models = errors.shape
    moments = errors.T @ errors / count
    size = np.trace(moments) / models
    if not size > 0:
        return np.full(models, 1 / models)
    shrunk = moments / size + np.eye(models) * (SHRINKAGE / count + 1e-9)
    found = nonnegative_least_squares(shrunk, np.ones(models))  # in the proportions of those that add to one
    return np.asarray(found / found.sum())


def combined_correlations(correlations: pd.DataFrame, members: Sequence[str] = MEMBERS) -> pd.DataFrame:
    """Rows of model ``combination``: the mean correlation of the members' errors in each pair of months.

    ``correlations`` is the table of a run. The mean of correlation matrices is one. A
    pair without a member takes that of the naive model, as `combination` does. It is an approximation: a trimmed
    mean of forecasts has no joint distribution of its own.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({name: ["x"] * 2 for name in PAIR} | {"model": ["theta", "arima"]})
    >>> combined_correlations(rows.assign(correlation=[0.2, 0.6]))[["model", "correlation"]].values.tolist()
    [['combination', 0.4]]
    """
    own = correlations[correlations["model"].isin(members)]
    stand_in = correlations[correlations["model"] == STAND_IN]
    alone = ~pd.MultiIndex.from_frame(stand_in[PAIR]).isin(pd.MultiIndex.from_frame(own[PAIR]).unique())
    rows = pd.concat([own, stand_in[alone]])
    if rows.empty:
        return rows
    means = rows.groupby(PAIR, sort=False)["correlation"].mean()
    combined: pd.DataFrame = means.reset_index().assign(model=COMBINATION)[RUN_TABLES["correlations"].columns]
    return combined
