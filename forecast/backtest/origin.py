"""One forecast origin: every model's forecasts of some series as of its day, or the reason why there is none."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, cast

import numpy as np
import pandas as pd

from forecast.backtest.plan import Settings
from forecast.design.effect_priors import Expectation, experience, informed
from forecast.design.regressors import Design, candidates, chosen_design, series_scope
from forecast.kernels import KernelError
from forecast.models.protocol import EffectsFit, FitError, Fitted, FollowingFit
from forecast.realtime.data import Data
from forecast.realtime.releases import Snapshot, months_ahead
from forecast.registry import REGISTRY, load
from forecast.tables.quantiles import QUANTILES, VOLUME_QUANTILES
from forecast.tables.run import Forecasts, RowBuffer
from forecast.tables.schema import RUN_TABLES, SeriesKey

SNAPSHOTS_KEPT = 64
"""Days of which a process keeps the snapshot: tasks pass over the same ones again."""

REACH = 11
"""Months that models look beyond the horizon, so that reporting further months never changes the nearer ones."""

_AS_IN_TABLE = [VOLUME_QUANTILES.index(name) for name in RUN_TABLES["forecasts"].columns if name in VOLUME_QUANTILES]


@dataclass(frozen=True)
class RunContext:
    """Context that all origins of a run share.

    Attributes
    ----------
    data, settings
        The tables, and the arguments that numbers depend on.
    estimated
        By product and issue day, the earlier day whose parameters are held on it; without one, the same day.
    expected
        Priors of the effects of events on a day, by series; on a day that is not there nothing was learned, and each
        series affords its few regressors without a prior.
    """

    data: Data
    settings: Settings
    estimated: Mapping[tuple[str, date], date] = field(default_factory=dict)
    expected: Mapping[date, Mapping[SeriesKey, Expectation]] = field(default_factory=dict)

    @cached_property
    def _snapshots(self) -> dict[date, Snapshot]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another process: the fields, and nothing worked out from them."""
        return {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}

    def as_of(self, issued: date) -> Snapshot:
        """Snapshot as of a day, as far back as the window reaches; the last `SNAPSHOTS_KEPT` days are kept."""
        if issued not in self._snapshots:
            if len(self._snapshots) == SNAPSHOTS_KEPT:
                del self._snapshots[next(iter(self._snapshots))]
            self._snapshots[issued] = self.data.as_of(issued, self.settings.window)
        return self._snapshots[issued]


def effect_expectations(context: RunContext, issued: date) -> Mapping[SeriesKey, Expectation]:
    """Effect priors of every series as of a day."""
    return experience(context.as_of(issued), context.data.groups).expectations()


def forecast_origins(
    context: RunContext, days: Sequence[date], series: Sequence[SeriesKey], models: Sequence[str]
) -> Forecasts:
    """The forecasts that ``models`` make of ``series`` on each of ``days``, which come in order."""
    rows, estimation = RowBuffer(), EstimationOrigins(context)
    for issued in days:
        OriginForecaster(estimation.on(issued), estimation, rows).forecast(series, models)
    return rows.tables()


@dataclass(frozen=True)
class Origin:
    """One origin: its snapshot, and the design of each series, made once."""

    context: RunContext
    snapshot: Snapshot
    _designs: dict[SeriesKey, Design] = field(default_factory=dict)
    _fits: dict[tuple[str, SeriesKey], tuple[Fitted, str]] = field(default_factory=dict)
    _months: dict[str, pd.PeriodIndex] = field(default_factory=dict)

    @property
    def issued(self) -> date:
        """The issue day."""
        return self.snapshot.issued

    def design(self, key: SeriesKey) -> Design:
        """The design of a series on this day."""
        if key not in self._designs:
            self._designs[key] = self._design(key)
        return self._designs[key]

    def _design(self, key: SeriesKey) -> Design:
        product, destination = key
        volumes, horizon = self.snapshot.volumes[product], self.context.settings.horizon
        scope = series_scope(product, destination, volumes, self.context.data.groups)
        series = candidates(volumes[destination], self.snapshot.acting, scope, horizon + REACH)
        expected = self.context.expected.get(self.issued)
        return informed(series, expected[key], horizon) if expected else chosen_design(series, horizon)

    def months(self, product: str) -> pd.PeriodIndex:
        """The months reported of a product."""
        if product not in self._months:
            vintages, cutoff = self.context.data.vintages[product], self.snapshot.cutoff(product)
            self._months[product] = months_ahead(vintages, cutoff, self.context.settings.horizon)
        return self._months[product]

    def estimate(self, name: str, key: SeriesKey) -> tuple[Fitted, str]:
        """A model of one series estimated on this day, and why the reference did it in place of the kernel, if it did.

        Raises
        ------
        FitError
            When the series cannot be fitted.
        """
        if (name, key) not in self._fits:
            try:
                self._fits[name, key] = self.estimate_by(name, key, self.context.settings.engine), ""
            except KernelError as error:
                self._fits[name, key] = self.estimate_by(name, key, "reference"), str(error)
        return self._fits[name, key]

    def estimate_by(self, name: str, key: SeriesKey, engine: str) -> Fitted:
        """A model of one series estimated by one engine.

        Raises
        ------
        FitError
            When the series cannot be fitted.
        KernelError
            When the compiled engine cannot fit it, and the reference may.
        """
        design = self.design(key)
        model: Any = seeded(load(name, engine), self.context.settings.seed, key, self.issued)
        fitted: Fitted = model.fit(design.y, design.X, design.prior)
        return fitted


class EstimationOrigins:
    """The origins of a run by day; of those whose parameters hold on later days the last one is kept with its fits."""

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self._kept: Origin | None = None

    def on(self, issued: date) -> Origin:
        """The origin of a day."""
        if self._kept is not None and self._kept.issued == issued:
            return self._kept
        origin = Origin(self.context, self.context.as_of(issued))
        if issued in self.context.estimated.values():
            self._kept = origin
        return origin

    def for_parameters(self, product: str, issued: date) -> Origin:
        """The origin whose parameters hold on a day."""
        return self.on(self.context.estimated.get((product, issued), issued))


@dataclass(frozen=True)
class OriginForecaster:
    """The forecasts of one origin, noted in ``rows``."""

    origin: Origin
    estimation: EstimationOrigins
    rows: RowBuffer

    def forecast(self, series: Sequence[SeriesKey], models: Sequence[str]) -> None:
        """Note the forecasts that ``models`` make of ``series``, and once for all models what designs leave out."""
        single = False
        for name in models:
            known = [key for key in series if self.is_known(key, name)]
            if name in REGISTRY and REGISTRY[name].panel:
                self.add_panel(name, known)
                continue
            single = True
            for key in known:
                self.add_single(name, key)
        if single:
            self.add_dropped(series)

    def is_known(self, key: SeriesKey, name: str) -> bool:
        """Whether any figure of the series was out; if not, that is the failure of model ``name``."""
        product, destination = key
        volumes, window = self.origin.snapshot.volumes, self.origin.context.settings.window
        if product in volumes and destination in volumes[product]:
            return True
        months = f" for the {window} months to the cutoff" if window else ""
        self.fail(key, name, f"No figure of {destination}{months} was released by {self.origin.issued}.")
        return False

    def fail(self, key: SeriesKey, name: str, reason: str) -> None:
        """Note why ``name`` has no forecast of a series."""
        self.rows.add("failures", (*key, name, self.origin.issued, reason))

    def add_single(self, name: str, key: SeriesKey) -> None:
        """Fit a model of one series and note its forecast and its effects."""
        design = self.origin.design(key)
        try:
            fitted = self.fit(name, key)
            quantiles = fitted.predict(design.X_future)
        except FitError as error:
            self.fail(key, name, str(error))
            return
        self.add_rows(name, key, quantiles)
        self.add_correlations(name, key, fitted, design.X_future)
        if REGISTRY[name].effects:
            self.add_effects(name, key, cast(EffectsFit, fitted).effects())

    def fit(self, name: str, key: SeriesKey) -> Fitted:
        """A model of one series fitted to what was known on this day, with earlier parameters where they hold.

        Raises
        ------
        FitError
            When the series cannot be fitted.
        """
        fitted, left_to_reference = self.followed(name, key) or self.origin.estimate(name, key)
        if left_to_reference:
            self.rows.add("reference_fits", (*key, name, self.origin.issued, left_to_reference))
        return fitted

    def followed(self, name: str, key: SeriesKey) -> tuple[Fitted, str] | None:
        """The fit of the day whose parameters hold on this one, on later figures; None where a new fit is needed.

        Where the kernel cannot follow with these parameters the reference estimates its own on this day.

        Raises
        ------
        FitError
            When the figures cannot be followed.
        """
        if not (name in REGISTRY and REGISTRY[name].follows):
            return None
        earlier, design = self.estimation.for_parameters(key[0], self.origin.issued), self.origin.design(key)
        if earlier.issued == self.origin.issued or key[1] not in earlier.snapshot.volumes[key[0]]:
            return None
        if list(earlier.design(key).X) != list(design.X):
            return None
        try:
            fitted, left_to_reference = earlier.estimate(name, key)
        except FitError:
            return None
        try:
            return cast(FollowingFit, fitted).follow(design.y, design.X), left_to_reference
        except KernelError as error:
            return self.origin.estimate_by(name, key, "reference"), str(error)

    def add_panel(self, name: str, series: Sequence[SeriesKey]) -> None:
        """Fit a model of all series known on this day and note its forecasts of ``series``."""
        snapshot = self.origin.snapshot
        everything = [(product, str(code)) for product, wide in snapshot.volumes.items() for code in wide]
        designs = {key: self.origin.design(key) for key in everything}
        panel = {key: (design.y, design.panel_X) for key, design in designs.items()}
        beliefs = {key: design.belief for key, design in designs.items() if design.belief is not None}
        model: Any = load(name)
        fits, refused = model.fit(panel, beliefs), model.refusals(panel)
        for key in series:
            if key in fits:
                X_future = designs[key].panel_X_future
                self.add_rows(name, key, fits[key].predict(X_future))
                self.add_correlations(name, key, fits[key], X_future)
            else:
                self.fail(key, name, refused[key])

    def add_rows(self, name: str, key: SeriesKey, quantiles: pd.DataFrame) -> None:
        """Note a forecast given in logs over the months from the one after the cutoff on."""
        design, months, issued = self.origin.design(key), self.origin.months(key[0]), self.origin.issued
        logs = quantiles[list(QUANTILES)].to_numpy()[: len(months)]
        volumes = design.to_volume(logs)[:, _AS_IN_TABLE]
        finite = np.isfinite(volumes).all(axis=1)
        if len(volumes) < len(months) or not finite.all():
            missing = ", ".join(str(month) for month in months if month not in months[: len(volumes)][finite])
            self.fail(key, name, f"{name} cannot say anything of {missing}.")
        cutoff, last_known = self.origin.snapshot.cutoff(key[0]).ordinal, design.last_known.ordinal
        for month, row in zip(months.asi8[: len(volumes)][finite].tolist(), volumes[finite].tolist(), strict=True):
            cell = (*key, name, issued, cutoff, month, month - cutoff)
            self.rows.add("forecasts", (*cell, *row, last_known))

    def add_correlations(self, name: str, key: SeriesKey, fitted: Fitted, X_future: pd.DataFrame) -> None:
        """Note the correlation of the errors of each two months of the horizon."""
        horizon = self.origin.context.settings.horizon
        if horizon == 1:
            return
        X = X_future.iloc[:horizon]
        month, other = np.triu_indices(len(X), 1)
        pairs = X.index[month], X.index[other], fitted.correlation(X)[month, other]
        series = (*key, name, self.origin.issued)
        self.rows.add("correlations", *[(*series, *pair) for pair in zip(*pairs, strict=True)])

    def add_effects(self, name: str, key: SeriesKey, effects: pd.DataFrame) -> None:
        """Note the effect of each regressor on log volume."""
        series = (*key, name, self.origin.issued)
        found = zip(effects.index, effects.to_numpy().tolist(), strict=True)
        self.rows.add("effects", *[(*series, regressor, *row) for regressor, row in found])

    def add_dropped(self, series: Sequence[SeriesKey]) -> None:
        """Note what was left out of the designs of ``series``."""
        volumes = self.origin.snapshot.volumes
        for key in (key for key in series if key[0] in volumes and key[1] in volumes[key[0]]):
            dropped = self.origin.design(key).dropped
            self.rows.add("dropped", *[(*key, self.origin.issued, *column) for column in dropped])


def seeded(model: Any, seed: int, key: SeriesKey, issued: date) -> Any:
    """The model with a seed of its own for this series and day, where it draws at random; else the model itself."""
    if "seed" not in {item.name for item in dataclasses.fields(model)}:
        return model
    label = f"{model.name}|{key[0]}|{key[1]}|{issued.isoformat()}"
    stream = np.random.SeedSequence([seed, zlib.crc32(label.encode())])
    return dataclasses.replace(model, seed=int(stream.generate_state(1)[0]))
