"""What regression with ARIMA errors is fitted to, and which orders it is chosen among: the same for every engine."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from forecast.models.protocol import FitError, mean_and_sd
from forecast.models.season import LEAST_OBSERVED, LEAST_OBSERVED_FOR_SEASON, SEASON

LOG_DIGITS = 10
"""Decimals of the centred logs: what is added to a series and taken off again leaves no trace."""

LEAST_OBSERVED_FOR_TWO = 24
LEAST_PAIRS = 6
_LEAST_RANGE = 1e-9
ARMA = [(1, 1), (0, 1), (1, 0), (0, 0), (0, 2), (2, 0)]
SHORT_ARMA = [(0, 1), (1, 0), (0, 0)]
SEASONAL_ARMA = {0: [(0, 0), (1, 0)], 1: [(0, 1)]}
LARGEST_ROOT = 0.9
"""No autoregressive root beyond this is chosen beside a difference: growth would go on and on, and so its variance."""

Order = tuple[int, int, int]


@dataclass(frozen=True)
class Training:
    """What is fitted: logs ``y`` less their ``centre``, regressors ``X`` as an array, and (mean, sd) of the prior."""

    y: np.ndarray
    X: np.ndarray
    centre: float
    regressors: list[str]
    months: pd.PeriodIndex
    prior: np.ndarray | None

    @property
    def observed(self) -> np.ndarray:
        """True where a month was observed."""
        known: np.ndarray = np.isfinite(self.y)
        return known

    @property
    def calendar(self) -> np.ndarray:
        """Calendar months, January being 0."""
        months: np.ndarray = self.months.asi8 % SEASON
        return months

    @property
    def count(self) -> int:
        """How many months were observed."""
        return int(self.observed.sum())

    @property
    def complete(self) -> bool:
        """Whether every month was observed."""
        return self.count == len(self.y)

    @property
    def prior_table(self) -> pd.DataFrame | None:
        """The prior as it was given, a row per regressor."""
        return None if self.prior is None else pd.DataFrame(self.prior, self.regressors, ["mean", "sd"])

    def followed(self, y: pd.Series, X: pd.DataFrame) -> Training:
        """Later months of the same series about the same centre, with the same prior.

        Raises
        ------
        ValueError
            When ``X`` has other columns.
        FitError
            As `trained_on`.
        """
        self.refuse_other_columns(X)
        later = trained_on(y, X, None)
        return replace(later, y=later.y + (later.centre - self.centre), centre=self.centre, prior=self.prior)

    def refuse_other_columns(self, X: pd.DataFrame) -> None:
        """Refuse ``X`` with other columns than those that were fitted."""
        if X.columns.tolist() != self.regressors:
            raise ValueError(
                f"arima was fitted with regressors {self.regressors} and is asked to predict with"
                f" {X.columns.tolist()}: give the same columns in the same order."
            )

    def refuse_other_months(self, months: pd.PeriodIndex) -> None:
        """Refuse months that do not go on from the last month of ``y``."""
        if (months.asi8 != self.months.asi8[-1] + np.arange(1, len(months) + 1)).any():
            expected = self.months[-1] + 1
            raise ValueError(f"arima predicts consecutive months from {expected} on and was given {months[0]} first.")


def trained_on(y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None) -> Training:
    """Log volumes ``y`` about their mean, regressors ``X`` and their ``prior``, as arrays.

    Raises
    ------
    FitError
        With fewer than twelve observed months.
    """
    values = y.to_numpy(dtype=float)
    observed = values[~np.isnan(values)]
    if len(observed) < LEAST_OBSERVED:
        raise FitError(f"arima needs {LEAST_OBSERVED} observed months and found {len(observed)}.")
    centre = float(observed.mean())
    return Training(
        y=np.round(values - centre, LOG_DIGITS),
        X=X.to_numpy(dtype=float),
        centre=centre,
        regressors=X.columns.tolist(),
        months=pd.PeriodIndex(y.index),
        prior=None if prior is None or not len(X.columns) else _prior(prior, X.columns),
    )


def _prior(prior: pd.DataFrame, regressors: pd.Index) -> np.ndarray:
    """Mean and sd of each of ``regressors``, every one of which must stand in ``prior``."""
    return mean_and_sd(prior if prior.index.equals(regressors) else prior.loc[regressors])


def candidates(
    training: Training, order: Order | None, seasonal_order: Order | None
) -> tuple[list[Order], list[Order]]:
    """Orders and seasonal orders to choose among, all of one d and one D, the most general first.

    Where d is not given it is one: without a difference a forecast returns to the mean of all months, long gone or
    before an event that no regressor knows. A level that does stay is not lost: a moving average near -1 gives back
    its mean.
    """
    D = seasonal_order[1] if seasonal_order else seasonal_differences(training)
    d = order[1] if order else 1
    arma = ARMA if training.count >= LEAST_OBSERVED_FOR_TWO else SHORT_ARMA
    orders = [order] if order else [(p, d, q) for p, q in arma]
    if seasonal_order:
        return orders, [seasonal_order]
    seasonal = SEASONAL_ARMA[D] if training.count >= LEAST_OBSERVED_FOR_SEASON else [(0, 0)]
    return orders, [(P, D, Q) for P, Q in seasonal]


def constants(d: int, D: int) -> int:
    """How many constants are estimated: one without any difference, and else none, since it would be a drift."""
    return int(d == 0 and D == 0)


def largest_root(ar: np.ndarray) -> float:
    """The modulus of the largest inverse root of ``1 - ar[0] B - ar[1] B**2 - ...``, 1 being the unit circle.

    Examples
    --------
    >>> largest_root(np.array([0.9])), largest_root(np.array([]))
    (0.9, 0.0)
    """
    if len(ar) < 2:
        return float(np.abs(ar).sum())
    return float(np.abs(np.roots(np.append(1.0, -ar))).max())


def seasonal_differences(training: Training) -> int:
    """One where a season shows in the changes or in the level, else zero.

    In the changes from month to month it shows when their autocorrelation at lag 12 is above two standard errors: a
    wandering level hides a season there less. In the level, where noise hides it less, it shows when the narrowest of
    all differences is a yearly one. Both are taken of what least squares on a trend and the regressors that move,
    differenced alike, leaves, so that neither of them looks like a season. It is zero with fewer than 30 observed
    months, where some calendar month was observed less than twice, and where yearly differences would take a regressor
    away.
    """
    years = np.bincount(training.calendar[training.observed], minlength=SEASON)
    if training.count < LEAST_OBSERVED_FOR_SEASON or years.min() < 2 or _unidentified(training, 1, 1):
        return 0
    trend = np.column_stack([moving(training), np.arange(len(training.y))])
    detrended = replace(training, X=trend)
    if _changes_return(detrended):
        return 1
    narrowest = [min(_width(detrended, 0, D), _width(detrended, 1, D)) for D in (0, 1)]
    return int(narrowest[1] < narrowest[0])


def moving(training: Training) -> np.ndarray:
    """The columns of ``X`` that move within the observed months: what the others do cannot be seen in these."""
    known = training.X[training.observed]
    columns: np.ndarray = training.X[:, np.ptp(known, axis=0) > 0]
    return columns


def _changes_return(training: Training) -> bool:
    change = residuals(training, 1, 0)
    products = change[SEASON:] * change[:-SEASON]
    pairs = np.isfinite(products).sum()
    return bool(pairs >= LEAST_PAIRS and np.nanmean(products) > 2 / np.sqrt(pairs) * np.nanmean(change**2))


def _width(training: Training, d: int, D: int) -> float:
    """Residual standard deviation of the differenced logs; infinite with fewer than six degrees of freedom."""
    left = residuals(training, d, D)
    freedom = np.isfinite(left).sum() - training.X.shape[1] - 1
    return float(np.sqrt(np.nansum(left**2) / freedom)) if freedom >= LEAST_PAIRS else np.inf


def residuals(training: Training, d: int, D: int) -> np.ndarray:
    """Residuals of least squares of the differenced logs on a constant and the differenced regressors, gaps as NaN."""
    y, X = _differenced(training.y, d, D), _differenced(training.X, d, D)
    known = np.isfinite(y)
    design = np.column_stack([np.ones(len(y)), X])
    left: np.ndarray = y - design @ np.linalg.lstsq(design[known], y[known])[0]
    return left


def _differenced(values: np.ndarray, d: int, D: int) -> np.ndarray:
    for lag in [SEASON] * D + [1] * d:
        values = values[lag:] - values[:-lag]
    return values


def refuse_unidentified(training: Training, d: int, D: int) -> None:
    """Refuse what no number of likelihood evaluations can find, given the differences that are taken."""
    seen = np.unique(training.calendar[training.observed])
    if D and len(seen) < SEASON:
        raise FitError(f"arima takes yearly differences and needs every calendar month, but observed only {len(seen)}.")
    regressor = _unidentified(training, d, D)
    if regressor:
        raise FitError(
            f"arima cannot tell regressor {regressor!r} apart: in the {training.count} observed months it is constant,"
            " or made up of the season, the trend and the regressors before it. Leave it out or give it a prior."
        )


def _unidentified(training: Training, d: int, D: int) -> str | None:
    """The first regressor that differencing and the regressors before it leave nothing of; with a prior, none is."""
    if training.prior is not None:
        return None
    known = np.flatnonzero(training.observed)
    basis = np.vander(known.astype(float), max(d, 1) + D)
    if D:
        basis = np.column_stack([basis, np.eye(SEASON)[training.calendar[known], 1:]])
    for regressor, column in zip(training.regressors, training.X[known].T, strict=True):
        rest = column - basis @ np.linalg.lstsq(basis, column)[0]
        if float(np.linalg.norm(rest)) <= _LEAST_RANGE * float(np.linalg.norm(column)):
            return regressor
        basis = np.column_stack([basis, column])
    return None


def parameter_count(training: Training, order: Order, seasonal_order: Order) -> int:
    """How many are estimated: ARMA, constant, coefficients without a prior, and the variance."""
    (p, d, q), (P, D, Q) = order, seasonal_order
    coefficients = len(training.regressors) if training.prior is None else 0
    return p + q + P + Q + constants(d, D) + coefficients + 1


def spare_months(training: Training, order: Order, seasonal_order: Order) -> int:
    """Observed months that differences and parameters leave, less one: the denominator of AICc."""
    lost = order[1] + SEASON * seasonal_order[1]
    return training.count - lost - parameter_count(training, order, seasonal_order) - 1


def affordable(training: Training, orders: list[Order], seasonal_order: Order) -> list[Order]:
    """Those of ``orders`` that leave months to spare.

    Raises
    ------
    FitError
        When none does.
    """
    left = [order for order in orders if spare_months(training, order, seasonal_order) > 0]
    if not left:
        raise FitError(
            f"arima needs more months than parameters and found {training.count} observed months, which every candidate"
            f" with {len(training.regressors)} regressors uses up."
        )
    return left
