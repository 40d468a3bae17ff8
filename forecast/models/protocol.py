"""What a model is: hyper-parameters that fit one series (or a panel), and a fit that predicts.

Everything here is in logs of volume. A model knows months, log volumes and regressors, and nothing of products,
events or release days: what it is handed is all that was known on the issue day.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pandas as pd
from scipy.special import ndtri

LEVELS = (80, 95)
BOUNDS = ["median", "lower_80", "upper_80", "lower_95", "upper_95"]

SeriesKey = tuple[str, str]
"""(product, destination)"""


class FitError(ValueError):
    """Why this series cannot be fitted by this model, in one sentence; it becomes a row of ``failures.csv``."""


class Fitted(Protocol):
    """A model fitted to one series."""

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Median and bounds in logs over ``X.index``, the months after the last row of ``y``: columns `BOUNDS`."""
        ...

    def correlation(self, X: pd.DataFrame) -> np.ndarray:
        """Correlation of the errors in logs between the months of ``X.index``: positive semi-definite, ones diagonal.

        What it says of two months depends on no later one.
        """
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


def gaussian_bounds(mean: np.ndarray, sd: np.ndarray, index: pd.PeriodIndex) -> pd.DataFrame:
    """Median and bounds of normal distributions in logs: one row per month of ``index``, columns `BOUNDS`.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> month = pd.period_range("2025-05", periods=1, freq="M")
    >>> gaussian_bounds(np.array([0.0]), np.array([1.0]), month).round(2).loc["2025-05"].tolist()
    [0.0, -1.28, 1.28, -1.96, 1.96]
    """
    bounds = {"median": mean}
    for level in LEVELS:
        half = float(ndtri(0.5 + level / 200)) * sd
        bounds[f"lower_{level}"] = mean - half
        bounds[f"upper_{level}"] = mean + half
    return pd.DataFrame(bounds, index=index, columns=BOUNDS)


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
