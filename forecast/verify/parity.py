"""How closely the compiled engine agrees with the libraries: random fits of a run, redone by statsmodels and Prophet.

The kernels maximise the libraries' own objectives, so at the same order both should come to the same forecast. What a
run says of a month is held against what the library says of it, fitted to the design of that day.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import pandas as pd

from forecast.backtest.origin import EstimationOrigins, OriginForecaster, RunContext
from forecast.backtest.parallel import parallel_map
from forecast.backtest.plan import Settings
from forecast.backtest.run import run_context
from forecast.episodes.design import Design
from forecast.kernels.prophet import NOISE_SD
from forecast.models.protocol import Fitted, beliefs, quantiles_of
from forecast.realtime.data import Data
from forecast.realtime.events import Members
from forecast.registry import DEFAULT_ENGINE, ENGINES, REGISTRY, load
from forecast.tables.frames import stacked
from forecast.tables.quantiles import QUANTILES
from forecast.tables.run import Forecasts, RowBuffer
from forecast.tables.schema import SeriesKey

if TYPE_CHECKING:
    from forecast.models.arima import ArimaFit
    from forecast.models.compiled import CompiledArimaFit
    from forecast.models.prophet import ProphetFit

_COMPILED = [name for name, entry in REGISTRY.items() if entry.compiled]

FIT = ["model", "product", "destination", "issued"]
"""What tells one fit from another."""

PARITY_COLUMNS = [
    *["product", "destination", "model", "issued", "month", "order", "compiled_t", "reference_t"],
    *["difference", "width", "gain", "reason"],
]


class Drawn(NamedTuple):
    """A fit to be redone."""

    model: str
    product: str
    destination: str
    issued: date


class Redone(NamedTuple):
    """A fit by the library: `QUANTILES` in tonnes by month, or without rows and the ``reason``."""

    volumes: pd.DataFrame
    order: str = ""
    gain: float = np.nan
    reason: str = ""


def parity_sample(
    run: Forecasts,
    exports: pd.DataFrame,
    events: pd.DataFrame,
    groups: Members,
    *,
    count: int = 4,
    horizon: int = 1,
    window: int | None = None,
    refit: int = 1,
    totals: pd.DataFrame | None = None,
    learn: bool = True,
    seed: int = 0,
    engine: str = DEFAULT_ENGINE,
) -> pd.DataFrame:
    """A row for each month of ``count`` random fits of ``run``, redone by the libraries: columns `PARITY_COLUMNS`.

    ``run`` comes of `forecast.backtest_all` or `forecast.forecast_all` with the same tables and options. Its fits of
    arima and prophet take turns, each drawn without regard to what it came to; those left to the reference are not
    among them, and with ``engine="reference"`` there is none. A fit is redone on what was known on its day, arima at
    the order that the kernel chose: whether statsmodels would have chosen it is not asked. Parameters that were held
    since an earlier day are held by the library too.

    ``compiled_t`` is the median of the run and ``reference_t`` that of the library, in tonnes; ``difference`` is the
    log of their ratio and ``width`` that of the ratio of the widths of the 80 % intervals (zero where both are zero,
    infinite where one is). ``gain`` is the library's own objective where the kernel ended less that where the library
    ended, in logs: the likelihood of statsmodels, the posterior of Prophet with the noise at its best. Above zero the
    kernel found the better. Where the library cannot fit or forecast, ``reason`` says why.

    Raises
    ------
    ValueError
        When ``count`` is below zero.

    Examples
    --------
    >>> import forecast as fc
    >>> tables = fc.read_exports(), fc.read_events(), fc.read_groups()
    >>> asked = {"products": ["gallium"], "destinations": ["WLD"], "models": ["arima"], "last": 2}
    >>> run = fc.backtest_all(*tables, first=pd.Period("2023-05"), engine="compiled", **asked)
    >>> sample = fc.parity_sample(run, *tables, count=1, engine="compiled")
    >>> len(sample), bool(sample["difference"].abs().max() < 0.01)
    (1, True)
    """
    if count < 0:
        raise ValueError(f"count: expected zero or more, found {count}.")
    data = Data(exports, events, groups, totals)
    settings = Settings(horizon=horizon, window=window, refit=refit, learn=learn, seed=seed, engine=engine)
    drawn = _drawn(run, count if engine == "compiled" else 0, seed)
    days: dict[str, list[date]] = {}
    for fit in drawn:
        days.setdefault(fit.product, []).append(fit.issued)
    context = run_context(data, settings, days)
    found = dict(parallel_map(redone, context, drawn, 1))
    nothing = pd.DataFrame(columns=PARITY_COLUMNS)
    return stacked([nothing, *(_compared(run, fit, found[place]) for place, fit in enumerate(drawn))])


def _drawn(run: Forecasts, count: int, seed: int) -> list[Drawn]:
    """At most ``count`` fits of the kernels in the order of `FIT`: one of each model in turn, as long as there are."""
    fits = run.forecasts.loc[run.forecasts["model"].isin(_COMPILED), FIT].drop_duplicates()
    by_reference = pd.MultiIndex.from_frame(run.reference_fits[FIT])
    fits = fits[~pd.MultiIndex.from_frame(fits).isin(by_reference)].sort_values(FIT)
    fits = fits.sample(frac=1, random_state=np.random.default_rng(seed))
    turns = fits.assign(turn=fits.groupby("model").cumcount()).sort_values(["turn", "model"])
    return [Drawn(*fit) for fit in turns.head(count).sort_values(FIT)[FIT].itertuples(index=False)]


def redone(context: RunContext, fit: Drawn) -> Redone:
    """Refit of one series on one day by the library."""
    estimation = EstimationOrigins(context)
    forecaster = OriginForecaster(estimation.on(fit.issued), estimation, RowBuffer())
    key, by_library = (fit.product, fit.destination), _arima if fit.model == "arima" else _prophet
    design = forecaster.origin.design(key)
    try:
        fitted, order, gain = by_library(forecaster, key)
        ahead = fitted.predict(design.X_future)
    except ValueError as error:  # FitError, KernelError, and what statsmodels itself refuses
        none = pd.DataFrame(columns=QUANTILES, index=pd.PeriodIndex([], freq="M"), dtype=float)
        return Redone(none, reason=str(error))
    volumes = design.to_volume(design.with_effects(quantiles_of(ahead)))
    return Redone(pd.DataFrame(volumes, ahead.index, pd.Index(QUANTILES)), order, gain)


# By the libraries ----------------------------------------------------------------------------------------------------


def _arima(forecaster: OriginForecaster, key: SeriesKey) -> tuple[Fitted, str, float]:
    """Statsmodels' fit at the kernel's order, the order in words, and the gain."""
    origin, earlier = forecaster.origin, forecaster.followed("arima", key)
    first = origin if earlier is None else forecaster.estimation.for_parameters(key[0], origin.issued)
    compiled: Any = first.estimate_by("arima", key, "compiled") if earlier is None else earlier[0]
    model: Any = load("arima")
    model, design = replace(model, order=compiled.order, seasonal_order=compiled.seasonal_order), first.design(key)
    fitted = model.fit(design.y, design.X, design.prior)
    gain = _arima_gain(compiled, fitted)
    if earlier is not None:
        fitted = fitted.follow(origin.design(key).y, origin.design(key).X)
    return fitted, _in_words(compiled), gain


def _arima_gain(compiled: CompiledArimaFit, reference: ArimaFit) -> float:
    """Statsmodels' log-likelihood at the parameters of a compiled fit, less that of its own fit of the same order."""
    kernel = compiled.kernel
    intercept = compiled.constant * (1 - kernel.ar.sum()) * (1 - kernel.seasonal_ar.sum())
    coefficients = kernel.coefficients if compiled.training.prior is None else kernel.coefficients[:0]
    arma = [kernel.ar, kernel.ma, kernel.seasonal_ar, kernel.seasonal_ma]
    params = np.concatenate([intercept, coefficients, *arma, [kernel.variance]])
    return float(reference.results.model.loglike(params) - reference.results.llf)


def _prophet(forecaster: OriginForecaster, key: SeriesKey) -> tuple[Fitted, str, float]:
    """Prophet's fit, no order, and the gain."""
    origin = forecaster.origin
    compiled, reference = (cast(Any, origin.estimate_by("prophet", key, engine)) for engine in ENGINES)
    design = origin.design(key)
    return reference, "", _log_posterior(compiled, design) - _log_posterior(reference, design)


def _log_posterior(fit: ProphetFit, design: Design) -> float:
    """Prophet's log posterior, less constants, at the coefficients of a fit and the variance that is best with them.

    Normal priors but for changes of trend, which have Laplace priors. The variance v maximises what depends on it,
    - n log(v) / 2 - squares / 2v - v / 2 noise², where ``noise`` is the scale of its prior.
    """
    from forecast.models.prophet import LEAST_PRIOR_SD, History

    known = np.isfinite(design.y.to_numpy())
    months, X = pd.PeriodIndex(design.y.index).asi8[known], design.X.to_numpy(dtype=float)[known]
    mean, sd = beliefs(design.prior, design.X.columns)
    y = design.y.to_numpy()[known] - X @ mean - fit.centre
    history = History(months, y, X, design.X.columns, mean, np.maximum(sd, LEAST_PRIOR_SD))
    model: Any = load("prophet")
    changes, scale = len(fit.basis.changes), np.abs(y).max()
    pulls = fit.coefficients / (scale * model.prior_sd(changes, fit.basis.order, model.scales(history)))
    bends, rest = pulls[2 : 2 + changes], np.delete(pulls, slice(2, 2 + changes))
    squares = float(np.sum((y - fit.basis.columns(months, X) @ fit.coefficients) ** 2))
    noise = NOISE_SD * scale
    variance = noise**2 / 2 * (np.sqrt(len(y) ** 2 + 4 * squares / noise**2) - len(y))
    density = -0.5 * (len(y) * np.log(variance) + squares / variance + variance / noise**2)
    return float(density - rest @ rest / 2 - np.sqrt(2) * np.abs(bends).sum())


def _in_words(fit: CompiledArimaFit) -> str:
    """The order as people write it: ``(1,1,1)(0,1,1)12``."""
    order, seasonal = (f"({','.join(map(str, part))})" for part in (fit.order, fit.seasonal_order))
    return f"{order}{seasonal}12" if any(fit.seasonal_order) else order


def _compared(run: Forecasts, fit: Drawn, by_library: Redone) -> pd.DataFrame:
    """The rows of one fit: a month of the run and the same month by the library."""
    own = run.forecasts[(run.forecasts[FIT] == list(fit)).all(axis=1)]
    other = by_library.volumes.reindex(pd.PeriodIndex(own["month"], freq="M"))
    compiled_t, reference_t = own["volume_t"].to_numpy(), other["median"].to_numpy()
    widths = [(table["upper_80"] - table["lower_80"]).to_numpy() for table in (own, other)]
    return own.assign(
        order=by_library.order,
        compiled_t=compiled_t,
        reference_t=reference_t,
        difference=_log_ratio(compiled_t, reference_t),
        width=_log_ratio(*widths),
        gain=by_library.gain,
        reason=by_library.reason,
    )[PARITY_COLUMNS]


def _log_ratio(compiled: np.ndarray, reference: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(compiled == reference, 0.0, np.log(compiled / reference))
