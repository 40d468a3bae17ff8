"""What a model is: hyper-parameters that fit one series (or a panel), and a fit that predicts.

Everything here is in logs of volume. A model knows months, log volumes and regressors, and nothing of products,
events or release days: what it is handed is all that was known on the issue day.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pandas as pd

from forecast.tables.quantiles import HALF_WIDTH, NORMAL_SCORES, QUANTILES
from forecast.tables.schema import SeriesKey

MEAN_AND_SD = pd.Index(["mean", "sd"])
"""Columns of a prior."""

_QUANTILES, _EFFECTS = pd.Index(QUANTILES), pd.Index(["estimate", "lower", "upper"])


class FitError(ValueError):
    """Why this series cannot be fitted by this model, in one sentence; it becomes a row of ``failures.csv``."""


class Fitted(Protocol):
    """A model fitted to one series."""

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Median and bounds in logs over ``X.index``, the months after the last row of ``y``: columns `QUANTILES`."""
        ...

    def correlation(self, X: pd.DataFrame) -> np.ndarray:
        """Correlation of the errors in logs between the months of ``X.index``: positive semi-definite, ones diagonal.

        What it says of two months depends on no later one.
        """
        ...


class FollowingFit(Fitted, Protocol):
    """A fit whose parameters can be held on later figures (``follows`` in the registry)."""

    def follow(self, y: pd.Series, X: pd.DataFrame) -> Fitted:
        """The same parameters on ``y`` and ``X``, without a search.

        Raises
        ------
        FitError
            When the figures cannot be followed with them.
        """
        ...


class EffectsFit(Fitted, Protocol):
    """A fit that reports the effects of regressors (``effects`` in the registry)."""

    def effects(self) -> pd.DataFrame:
        """Effects in logs with 95 % intervals: columns estimate, lower and upper, a row per regressor."""
        ...


class Model(Protocol):
    """A model of one series: a frozen dataclass of hyper-parameters."""

    @property
    def name(self) -> str: ...

    def fit(self, y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None = None) -> Fitted:
        """The model fitted to ``y``, log volume by month with gaps as NaN, and ``X`` on the same index.

        ``prior`` has a row per regressor with columns ``mean`` and ``sd``, in logs; None means flat.

        Raises
        ------
        FitError
            When the series is too short or degenerate for this model.
        """
        ...


class PanelModel(Protocol):
    """A model of all series at once."""

    @property
    def name(self) -> str: ...

    def fit(
        self,
        panel: dict[SeriesKey, tuple[pd.Series, pd.DataFrame]],
        priors: dict[SeriesKey, pd.DataFrame] | None = None,
    ) -> dict[SeriesKey, Fitted]:
        """A fit for every series of ``panel`` that the model can say something about; the others are left out."""
        ...

    def refusals(self, panel: dict[SeriesKey, tuple[pd.Series, pd.DataFrame]]) -> dict[SeriesKey, str]:
        """Why the series that are left out have no fit, in one sentence each."""
        ...


def quantiles_of(forecast: pd.DataFrame) -> np.ndarray:
    """The `QUANTILES` of a forecast that has them as columns, among others or in another order: (months, quantile)."""
    columns = forecast.columns
    own = forecast if columns is _QUANTILES or columns.equals(_QUANTILES) else forecast[[*QUANTILES]]
    return own.to_numpy()


def gaussian_bounds(mean: np.ndarray, sd: np.ndarray, index: pd.PeriodIndex) -> pd.DataFrame:
    """Median and bounds of normal distributions in logs: one row per month of ``index``, columns `QUANTILES`.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> month = pd.period_range("2025-05", periods=1, freq="M")
    >>> gaussian_bounds(np.array([0.0]), np.array([1.0]), month).round(2).loc["2025-05"].tolist()
    [-1.96, -1.28, 0.0, 1.28, 1.96]
    """
    bounds = mean[:, None] + sd[:, None] * NORMAL_SCORES
    return pd.DataFrame(bounds, index=index, columns=_QUANTILES)


def gaussian_effects(estimate: np.ndarray, sd: np.ndarray, regressors: pd.Index) -> pd.DataFrame:
    """Effects in logs with their 95 % intervals: columns estimate, lower and upper, a row per regressor.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> effect = gaussian_effects(np.array([-0.5]), np.array([0.1]), pd.Index(["licensing"]))
    >>> effect.round(2).loc["licensing"].to_dict()
    {'estimate': -0.5, 'lower': -0.7, 'upper': -0.3}
    """
    half = HALF_WIDTH[95] * sd
    return pd.DataFrame(
        np.column_stack([estimate, estimate - half, estimate + half]),
        index=regressors.rename("regressor"),
        columns=_EFFECTS,
    )


def beliefs(prior: pd.DataFrame | None, regressors: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Prior means and standard deviations of ``regressors``: 0 and infinite where ``prior`` says nothing.

    Examples
    --------
    >>> prior = pd.DataFrame({"mean": [-0.5], "sd": [0.2]}, index=["licensing"])
    >>> mean, sd = beliefs(prior, pd.Index(["truce", "licensing"]))
    >>> mean.tolist(), sd.tolist()
    ([0.0, -0.5], [inf, 0.2])
    """
    if prior is None:
        return np.zeros(len(regressors)), np.full(len(regressors), np.inf)
    mean, sd = mean_and_sd(prior).T
    if not prior.index.equals(regressors):
        place = prior.index.get_indexer(regressors)
        mean, sd = np.append(mean, np.nan)[place], np.append(sd, np.nan)[place]
    return np.where(np.isnan(mean), 0.0, mean), np.where(np.isnan(sd), np.inf, sd)


def mean_and_sd(prior: pd.DataFrame) -> np.ndarray:
    """The columns `MEAN_AND_SD` of a prior as an array, at once: one by one they would take four times as long."""
    own = prior if prior.columns.equals(MEAN_AND_SD) else prior[MEAN_AND_SD]
    return own.to_numpy(dtype=float)


def values_of(X: pd.DataFrame, regressors: pd.Index) -> np.ndarray:
    """The columns ``regressors`` of ``X`` as an array, in that order.

    Raises
    ------
    KeyError
        When ``X`` lacks one of them.
    """
    chosen = X if X.columns.equals(regressors) else X[regressors]
    return chosen.to_numpy(dtype=float)


def as_correlation(covariance: np.ndarray) -> np.ndarray:
    """The correlation matrix of a ``covariance`` matrix whose variances are above zero.

    Examples
    --------
    A random walk one and four months ahead has variances 1 and 4, and shares the first step.

    >>> as_correlation(np.array([[1.0, 1.0], [1.0, 4.0]])).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    sd = np.sqrt(np.diag(covariance))
    correlation: np.ndarray = covariance / np.outer(sd, sd)
    np.fill_diagonal(correlation, 1.0)
    return correlation
