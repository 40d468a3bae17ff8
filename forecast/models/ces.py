"""Complex exponential smoothing of log volume, with a season or without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from forecast.kernels.smoothing import COMPLEX
from forecast.models.exact import Repetition
from forecast.models.smoothing import Smoothed, smoothed

_KINDS = (COMPLEX,)
UNIT = 10.0
"""The mean that logs are given: complex smoothing depends on it, and the unit of volume must not."""


@dataclass(frozen=True)
class Ces:
    """Complex exponential smoothing [1]_, without and with an additive season ("partial"), by Akaike weights [2]_.

    A complex smoothing parameter makes one state a level and the other what is left of its errors, so that the same two
    states follow a level or a trend. First states come from the series by a pass forwards and one backwards, and do not
    count as parameters in the AICc. The season needs 30 observed months, and begins as means of the calendar months
    shrunk by their noise (`forecast.models.season`). Regressors are estimated at each value of the smoothing
    parameters. In a missing month the error is zero.

    References
    ----------
    .. [1] Svetunkov, I., Kourentzes, N. and Ord, J. K. (2022), Complex exponential smoothing. Naval Research Logistics
       69, 1108-1123. doi:10.1002/nav.22074
    .. [2] Kolassa, S. (2011), Combining exponential smoothing forecasts using Akaike weights. International Journal of
       Forecasting 27, 238-251. doi:10.1016/j.ijforecast.2010.04.006

    Examples
    --------
    >>> month = pd.period_range("2022-01", periods=36, freq="M")
    >>> y = pd.Series([5.0, 5.1, 5.1, 5.0] * 9, month)
    >>> fit = Ces().fit(y, pd.DataFrame(index=month))
    >>> fit.predict(pd.DataFrame(index=month[-1:] + 1))["median"].round(1).tolist()
    [5.0]
    """

    name: ClassVar[str] = "ces"

    def fit(self, y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None = None) -> Smoothed | Repetition:
        """Both forms of ``y`` given ``X``, weighed.

        Raises
        ------
        FitError
            With fewer than twelve observed months, or when no form can be fitted.
        """
        return smoothed(self.name, _KINDS, y, X, prior, UNIT)
