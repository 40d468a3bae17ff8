"""One forecast origin: every model's forecasts of some series as of its day, or the reason why there is none."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, cast

import numpy as np
import pandas as pd

from forecast.backtest.plan import Settings, StageDay
from forecast.episodes.alone import Chunked, here
from forecast.episodes.design import Design
from forecast.episodes.experience import known_from_elsewhere
from forecast.episodes.stage import StageResult, TaughtStage, taught_stage
from forecast.kernels import KernelError
from forecast.models.protocol import FitError, Fitted, FollowingFit, quantiles_of
from forecast.realtime.data import Data, KnownOn
from forecast.realtime.releases import Snapshot, months_ahead
from forecast.registry import REGISTRY, load
from forecast.tables.quantiles import VOLUME_QUANTILES
from forecast.tables.run import Forecasts, RowBuffer
from forecast.tables.schema import REST_OF_WORLD, RUN_TABLES, SeriesKey

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
    stages, designs
        What the structural model says of each series on a day, while models are fitted to it; or only what these see.
    known
        What was known on a day, where that has come without ``data``.
    """

    data: Data
    settings: Settings
    estimated: Mapping[tuple[str, date], date] = field(default_factory=dict)
    stages: Mapping[date, Mapping[SeriesKey, StageResult]] = field(default_factory=dict)
    designs: Mapping[date, Mapping[SeriesKey, Design]] = field(default_factory=dict)
    known: Mapping[date, KnownOn] = field(default_factory=dict)

    def as_of(self, issued: date) -> Snapshot:
        """Snapshot as of a day, as far back as the window reaches."""
        return self.known[issued].snapshot if self.known else self.data.as_of(issued, self.settings.window)

    def months(self, product: str, issued: date) -> pd.PeriodIndex:
        """The months reported of a product on a day."""
        if self.known:
            return self.known[issued].months[product]
        return months_ahead(self.data.vintages[product], self.as_of(issued).cutoff(product), self.settings.horizon)

    def is_heard_of(self, key: SeriesKey, issued: date) -> bool:
        """Whether anything had come out of a series by a day."""
        if self.known:
            return key in self.known[issued].heard_of
        return self.data.vintages[key[0]].first_heard_of[key[1]] <= issued

    def known_on(self, issued: date, series: Collection[SeriesKey], months: Mapping[str, pd.PeriodIndex]) -> KnownOn:
        """What was known on a day of some series, and the ``months`` reported."""
        snapshot = self.as_of(issued)
        there = [key for key in series if key[0] in snapshot.volumes and key[1] in snapshot.volumes[key[0]]]
        return KnownOn(snapshot.only(there), months, frozenset(key for key in series if self.is_heard_of(key, issued)))

    def without_figures(self) -> RunContext:
        """The context without figures, for series that come with what was known of them."""
        data = self.data
        return replace(self, data=replace(data, exports=data.exports.iloc[:0], totals=None), stages={}, designs={})


def stage_on(context: RunContext, day: StageDay) -> dict[SeriesKey, StageResult]:
    """What the structural model says on a day of the series of some products."""
    return taught_on(context, day).results()


def taught_on(context: RunContext, day: StageDay, chunked: Chunked = here) -> TaughtStage:
    """The same before the series are fitted."""
    settings = context.settings
    experience = known_from_elsewhere(day.issued) if settings.experience == "shipped" else None
    snapshot, ahead = context.as_of(day.issued), settings.horizon + REACH
    return taught_stage(snapshot, context.data.groups, ahead, day.products, settings.learn, experience, chunked)


def forecast_origins(
    context: RunContext, cells: Mapping[date, Sequence[SeriesKey]], models: Sequence[str]
) -> Forecasts:
    """The forecasts that ``models`` make of the series of each day, packed; the days come in order."""
    rows, estimation = RowBuffer(), EstimationOrigins(context)
    for issued, series in cells.items():
        OriginForecaster(estimation.on(issued), estimation, rows).forecast(series, models)
    return rows.packed()


@dataclass(frozen=True)
class Origin:
    """One origin: its snapshot, and the fits whose parameters may hold on later days."""

    context: RunContext
    snapshot: Snapshot
    _fits: dict[tuple[str, SeriesKey], tuple[Fitted, str]] = field(default_factory=dict)
    _months: dict[str, pd.PeriodIndex] = field(default_factory=dict)

    @property
    def issued(self) -> date:
        """The issue day."""
        return self.snapshot.issued

    def stage(self, key: SeriesKey) -> StageResult:
        """What the structural model says of a series on this day.

        Raises
        ------
        FitError
            When the series has too few figures for it.
        """
        stages = self.context.stages.get(self.issued, {})
        if key not in stages:
            raise FitError(f"a forecast needs an observed month of {key[1]} and found none.")
        return stages[key]

    def design(self, key: SeriesKey) -> Design:
        """What models are fitted to for a series on this day.

        Raises
        ------
        FitError
            When the series has too few figures.
        """
        own = self.context.designs.get(self.issued, {})
        return own[key] if key in own else self.stage(key).design

    def months(self, product: str) -> pd.PeriodIndex:
        """The months reported of a product."""
        if product not in self._months:
            self._months[product] = self.context.months(product, self.issued)
        return self._months[product]

    def estimate(self, name: str, key: SeriesKey) -> tuple[Fitted, str]:
        """A model of one series estimated on this day, and why the reference did it in place of the kernel, if it did.

        Raises
        ------
        FitError
            When the series cannot be fitted.
        """
        found = self._fits.get((name, key))
        if found is None:
            try:
                found = self.estimate_by(name, key, self.context.settings.engine), ""
            except KernelError as error:
                found = self.estimate_by(name, key, "reference"), str(error)
            if self.context.estimated:  # for later days, whose parameters these may be
                self._fits[name, key] = found
        return found

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
        y = design.raw if REGISTRY[name].benchmark else design.y
        fitted: Fitted = model.fit(y, design.X, design.prior)
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
        """Note the forecasts that ``models`` make of ``series``, and once for all models what their episodes do."""
        single = False
        for name in models:
            known = [key for key in series if self.is_known(key, name)]
            entry = REGISTRY.get(name)
            if entry is not None and entry.panel:
                self.add_panel(name, known)
                continue
            single = True
            for key in known:
                if entry is not None and entry.stage:
                    self.add_stage(name, key)
                else:
                    self.add_single(name, key)
        if single:
            self.add_episodes(series)

    def is_known(self, key: SeriesKey, name: str) -> bool:
        """Whether any figure of the series is there; if there only was one, that is the failure of model ``name``.

        Of a series that nobody had heard of by the day nothing is said: that there is one was not known.
        """
        product, destination = key
        volumes, window = self.origin.snapshot.volumes, self.origin.context.settings.window
        if product in volumes and destination in volumes[product]:
            return True
        if not self.origin.context.is_heard_of(key, self.origin.issued):
            return False
        months = f" for the {window} months to the cutoff" if window else ""
        self.fail(key, name, f"No figure of {destination}{months} was released by {self.origin.issued}.")
        return False

    def fail(self, key: SeriesKey, name: str, reason: str) -> None:
        """Note why ``name`` has no forecast of a series."""
        self.rows.add("failures", (*key, name, self.origin.issued, reason))

    def add_stage(self, name: str, key: SeriesKey) -> None:
        """Note the structural model's own forecast, and what its episodes do."""
        try:
            found = self.origin.stage(key)
        except FitError as error:
            self.fail(key, name, str(error))
            return
        self.add_rows(name, key, found.quantiles)
        self.add_correlations(name, key, found.correlation)

    def add_single(self, name: str, key: SeriesKey) -> None:
        """Fit a model of one series and note its forecast."""
        try:
            design = self.origin.design(key)
            fitted = self.fit(name, key)
            own = quantiles_of(fitted.predict(design.X_future))
        except FitError as error:
            self.fail(key, name, str(error))
            return
        self.add_forecast(name, key, fitted, own)

    def add_forecast(self, name: str, key: SeriesKey, fitted: Fitted, own: np.ndarray) -> None:
        """Note a model's forecast ``own`` (months x quantile, logs), effects of episodes added unless it has none."""
        design, horizon = self.origin.design(key), self.origin.context.settings.horizon
        knows = not REGISTRY[name].benchmark
        self.add_rows(name, key, design.with_effects(own) if knows else own)
        if horizon > 1:
            correlation = fitted.correlation(design.X_future.iloc[:horizon])
            self.add_correlations(
                name, key, design.correlation_with_effects(correlation, own) if knows else correlation
            )

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
        """Fit a model of all series forecast on this day and note its forecasts of ``series``."""
        designs = {key: one.design for key, one in self.origin.context.stages.get(self.origin.issued, {}).items()}
        for fits in panel_fits(name, designs, series):
            self.add_fits(name, fits)

    def add_fits(self, name: str, fits: PanelFits) -> None:
        """Note the forecasts of series that a panel model was fitted to, and why there is none of others."""
        for key, fitted in fits.items():
            if isinstance(fitted, str):
                self.fail(key, name, fitted)
            else:
                own = quantiles_of(fitted.predict(self.origin.design(key).X_future))
                self.add_forecast(name, key, fitted, own)

    def add_rows(self, name: str, key: SeriesKey, logs: np.ndarray) -> None:
        """Note a forecast, quantiles in logs (months x quantile) from the month after the cutoff on."""
        design, months, issued = self.origin.design(key), self.origin.months(key[0]), self.origin.issued
        seen = design.without_effects() if REGISTRY[name].benchmark else design
        volumes = seen.to_volume(logs[: len(months)])[:, _AS_IN_TABLE]
        finite = np.isfinite(volumes).all(axis=1)
        if len(volumes) < len(months) or not finite.all():
            missing = ", ".join(str(month) for month in months if month not in months[: len(volumes)][finite])
            self.fail(key, name, f"{name} cannot say anything of {missing}.")
        cutoff, last_known = self.origin.snapshot.cutoff(key[0]).ordinal, design.last_known.ordinal
        for month, row in zip(months.asi8[: len(volumes)][finite].tolist(), volumes[finite].tolist(), strict=True):
            cell = (*key, name, issued, cutoff, month, month - cutoff)
            self.rows.add("forecasts", (*cell, *row, last_known))

    def add_correlations(self, name: str, key: SeriesKey, correlation: np.ndarray) -> None:
        """Note how the errors of each two months of the horizon go together."""
        horizon = self.origin.context.settings.horizon
        if horizon == 1:
            return
        ahead = self.origin.design(key).X_future.index[:horizon]
        month, other = np.triu_indices(horizon, 1)
        pairs = ahead[month], ahead[other], correlation[month, other]
        series = (*key, name, self.origin.issued)
        self.rows.add("correlations", *[(*series, *pair) for pair in zip(*pairs, strict=True)])

    def add_episodes(self, series: Sequence[SeriesKey]) -> None:
        """Note what the episodes of ``series`` do by phase, the parts of the forecast, and events left out."""
        stages, issued = self.origin.context.stages.get(self.origin.issued, {}), self.origin.issued
        for key in (key for key in series if key in stages):
            found = stages[key]
            self.rows.add("effects", *[(*key, issued, *row) for row in found.effects()])
            self.rows.add("dropped", *[(*key, issued, *column) for column in found.dropped])


PanelFits = dict[SeriesKey, Fitted | str]
"""Fits of a panel model by series, or why there is none."""


def panel_fits(name: str, designs: Mapping[SeriesKey, Design], series: Sequence[SeriesKey]) -> Iterator[PanelFits]:
    """The fits of a panel model to all ``designs`` of a day, of ``series``.

    The rest of the world is what others leave of the total: it is forecast with all, and they without it.
    """
    rest = [key for key in series if key[1] == REST_OF_WORLD]
    for own in ([key for key in series if key not in rest], rest):
        if own:
            kept = (key for key in designs if own is rest or key[1] != REST_OF_WORLD)
            panel = {key: (designs[key].y, designs[key].X) for key in kept}
            model: Any = load(name)
            fits, refused = model.fit(panel, {}), model.refusals(panel)
            none = f"{name} needs an observed month and found none."
            yield {key: fits[key] if key in fits else refused.get(key, none) for key in own}


def seeded(model: Any, seed: int, key: SeriesKey, issued: date) -> Any:
    """The model with a seed of its own for this series and day, where it draws at random; else the model itself."""
    if "seed" not in {item.name for item in dataclasses.fields(model)}:
        return model
    label = f"{model.name}|{key[0]}|{key[1]}|{issued.isoformat()}"
    stream = np.random.SeedSequence([seed, zlib.crc32(label.encode())])
    return dataclasses.replace(model, seed=int(stream.generate_state(1)[0]))
