"""Every model's forecasts of some series at one origin, or the reason why there is none."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from forecast.calendar import months_of
from forecast.design import Design, candidates, chosen_design, series_scope
from forecast.effects import Expectation, experience, informed
from forecast.events import Members
from forecast.kernels import KernelError
from forecast.known import Archive, Known, known_of, months_ahead
from forecast.models import DEFAULT_ENGINE, load
from forecast.models.protocol import FitError, Fitted, SeriesKey
from forecast.tables import (
    CALIBRATION_COLUMNS,
    CORRELATION_COLUMNS,
    DROPPED_COLUMNS,
    EFFECT_COLUMNS,
    FAILURE_COLUMNS,
    FORECAST_COLUMNS,
)

PANEL_MODELS = ("pooled",)
HOLDING_MODELS = ("theta", "arima", "ets", "ces")
"""Models whose fits can ``follow`` a series: the same parameters on later figures, without a search."""

DAYS_KEPT = 64
"""Days of which a process keeps what was known: tasks pass over the same ones again."""

REACH = 11
"""Months that models look beyond the horizon, so that reporting further months never changes the nearer ones."""


@dataclass(frozen=True)
class Job:
    """What all origins of a run share: the figures, the calendar, members by group, months ahead, and the seed.

    Attributes
    ----------
    releases
        Every release by product (`forecast.known.archive`).
    window
        Months up to the product's cutoff that models are shown; None shows all.
    estimated
        By product and issue day, the earlier day whose parameters `HOLDING_MODELS` use; without one, the same day.
    totals
        Volumes known of several months together.
    expected
        What was expected of the effects of events on a day, by series; on a day that is not there nothing was learned,
        and each series affords its few regressors without a prior.
    engine
        ``reference`` or ``compiled``, as in `forecast.models.load`.
    """

    releases: Archive
    events: pd.DataFrame
    groups: Members
    horizon: int
    seed: int
    window: int | None = None
    estimated: Mapping[tuple[str, date], date] = field(default_factory=dict)
    totals: pd.DataFrame | None = None
    expected: Mapping[date, Mapping[SeriesKey, Expectation]] = field(default_factory=dict)
    engine: str = DEFAULT_ENGINE

    @cached_property
    def _days(self) -> dict[date, Known]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another process: the fields, and nothing worked out from them."""
        return {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}

    def known_on(self, issued: date) -> Known:
        """What was known on a day, as far back as the window reaches; the last `DAYS_KEPT` days are kept."""
        if issued not in self._days:
            if len(self._days) == DAYS_KEPT:
                del self._days[next(iter(self._days))]
            self._days[issued] = self._known_on(issued)
        return self._days[issued]

    def _known_on(self, issued: date) -> Known:
        known = known_of(self.releases, self.events, issued, self.totals)
        if self.window is None:
            return known
        recent = {name: wide.iloc[-self.window :].dropna(axis=1, how="all") for name, wide in known.volumes.items()}
        inside = [name in recent and start >= recent[name].index[0]
                  for name, start in zip(known.totals["product"], known.totals["start"], strict=True)]  # fmt: skip
        return replace(known, volumes=recent, totals=known.totals[np.array(inside, dtype=bool)])


@dataclass(frozen=True)
class Forecasts:
    """The tables of a run: forecasts, effects of regressors (logs), regressors left out, and failures.

    ``correlations`` says how the errors of two months of one forecast go together, for each pair of months of the
    horizon: what `forecast.sums` needs. With a horizon of one month it has no rows.

    ``reference_fits`` has a row, with the reason, for each fit that the compiled engine left to the reference, whether
    or not that came to a forecast. With the reference engine it has none.

    ``calibration`` has a row for each row of the combination: the weights of the members, the shift of the median in
    logs, and the factors of the bounds' distance, with the number of earlier forecasts that they rest on. Without
    calibration it has none.
    """

    forecasts: pd.DataFrame
    effects: pd.DataFrame
    dropped: pd.DataFrame
    failures: pd.DataFrame
    correlations: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=CORRELATION_COLUMNS))
    reference_fits: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=FAILURE_COLUMNS))
    calibration: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=CALIBRATION_COLUMNS))


def expect(job: Job, issued: date) -> Mapping[SeriesKey, Expectation]:
    """What was expected on a day of the effects on every series known by then."""
    return experience(job.known_on(issued), job.groups).expectations()


@dataclass
class Notes:
    """What was found at one or several origins, a row at a time: making a table of each would take longer."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    effects: list[tuple[Any, ...]] = field(default_factory=list)
    dropped: list[tuple[Any, ...]] = field(default_factory=list)
    failures: list[tuple[Any, ...]] = field(default_factory=list)
    correlations: list[tuple[Any, ...]] = field(default_factory=list)
    reference_fits: list[tuple[Any, ...]] = field(default_factory=list)

    def tables(self) -> Forecasts:
        """All that was noted, as tables."""
        return Forecasts(
            self._forecasts(),
            pd.DataFrame(self.effects, columns=EFFECT_COLUMNS),
            pd.DataFrame(self.dropped, columns=DROPPED_COLUMNS),
            pd.DataFrame(self.failures, columns=FAILURE_COLUMNS),
            pd.DataFrame(self.correlations, columns=CORRELATION_COLUMNS),
            pd.DataFrame(self.reference_fits, columns=FAILURE_COLUMNS),
        )

    def _forecasts(self) -> pd.DataFrame:
        rows = pd.DataFrame(self.rows, columns=FORECAST_COLUMNS)
        months = {name: months_of(rows[name].to_numpy(dtype="int64")) for name in ("cutoff", "month", "last_known")}
        return rows.assign(**months)


def forecast_origins(job: Job, days: Sequence[date], series: Sequence[SeriesKey], models: Sequence[str]) -> Forecasts:
    """The forecasts that ``models`` make of ``series`` on each of ``days``, which come in order."""
    held: dict[date, Origin] = {}
    notes = Notes()
    for issued in days:
        forecast_origin(origin_on(job, issued, held), series, models, notes)
    return notes.tables()


def origin_on(job: Job, issued: date, held: dict[date, Origin]) -> Origin:
    """The origin of a day. In ``held`` stays the last one whose parameters hold on later days: its fits take room."""
    if issued in held:
        return held[issued]
    origin = Origin(job, job.known_on(issued), held)
    if issued in job.estimated.values():
        held.clear()
        held[issued] = origin
    return origin


def forecast_origin(origin: Origin, series: Sequence[SeriesKey], models: Sequence[str], notes: Notes) -> None:
    """Note the forecasts that ``models`` make of ``series`` at one origin."""
    origin.notes = notes
    for name in models:
        known = [key for key in series if origin.is_known(key, name)]
        if name in PANEL_MODELS:
            origin.add_panel(name, known)
        else:
            for key in known:
                origin.add_single(name, key)
    origin.conclude()


@dataclass
class Origin:
    """One origin: what was known, the designs, the fits, and ``notes`` of what comes of them."""

    job: Job
    known: Known
    held: dict[date, Origin] = field(default_factory=dict)
    fits: dict[tuple[str, SeriesKey], Any] = field(default_factory=dict)
    designs: dict[SeriesKey, Design] = field(default_factory=dict)
    months: dict[str, pd.PeriodIndex] = field(default_factory=dict)
    notes: Notes = field(default_factory=Notes)
    reference_fits: dict[tuple[str, SeriesKey], str] = field(default_factory=dict)
    dropped: dict[SeriesKey, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    def conclude(self) -> None:
        """Note, once for all models, what was left out of designs and what was left to the reference."""
        issued = self.known.issued
        self.notes.dropped += [(*key, issued, *column) for key, columns in self.dropped.items() for column in columns]
        self.notes.reference_fits += [
            (*key, name, issued, reason) for (name, key), reason in self.reference_fits.items()
        ]

    def is_known(self, key: SeriesKey, name: str) -> bool:
        """Whether any figure of the series was out; if not, that is the failure of model ``name``."""
        product, destination = key
        if product in self.known.volumes and destination in self.known.volumes[product]:
            return True
        months = f" for the {self.job.window} months to the cutoff" if self.job.window else ""
        self.fail(key, name, f"No figure of {destination}{months} was released by {self.known.issued}.")
        return False

    def fail(self, key: SeriesKey, name: str, reason: str) -> None:
        """Note why ``name`` has no forecast of a series."""
        self.notes.failures.append((*key, name, self.known.issued, reason))

    def design(self, key: SeriesKey) -> Design:
        """The design of a series on this day, made once."""
        if key not in self.designs:
            product, destination = key
            volumes, horizon = self.known.volumes[product], self.job.horizon
            scope = series_scope(product, destination, volumes, self.job.groups)
            series = candidates(volumes[destination], self.known.acting, scope, horizon + REACH)
            expected = self.job.expected.get(self.known.issued)
            self.designs[key] = informed(series, expected[key], horizon) if expected else chosen_design(series, horizon)
        return self.designs[key]

    def add_single(self, name: str, key: SeriesKey) -> None:
        """Fit a model of one series and note its forecast, its effects and what it had to leave out."""
        design = self.design(key)
        self.dropped[key] = design.dropped
        try:
            fitted = self.fit(name, key)
            bounds = fitted.predict(design.X_future)
        except FitError as error:
            self.fail(key, name, str(error))
            return
        self.add_rows(name, key, bounds)
        self.add_correlations(name, key, fitted, design.X_future)
        if hasattr(fitted, "effects"):
            self.add_effects(name, key, fitted.effects())

    def fit(self, name: str, key: SeriesKey) -> Any:
        """A model of one series fitted to what was known on this day, with earlier parameters where they hold.

        Raises
        ------
        FitError
            When the series cannot be fitted.
        """
        if (name, key) in self.fits:
            return self.fits[name, key]
        design, earlier = self.design(key), self.earlier_fit(name, key)
        try:
            if earlier is not None:
                return earlier.follow(design.y, design.X)
            fitted = self.estimated(name, key, self.job.engine)
        except KernelError as error:
            self.reference_fits[name, key] = str(error)
            fitted = self.estimated(name, key, "reference")
        if self.known.issued in self.held and name in HOLDING_MODELS:
            self.fits[name, key] = fitted
        return fitted

    def estimated(self, name: str, key: SeriesKey, engine: str) -> Any:
        """A model of one series estimated from what was known on this day.

        Raises
        ------
        FitError
            When the series cannot be fitted.
        KernelError
            When the compiled engine cannot fit it, and the reference may.
        """
        design = self.design(key)
        model = seeded(load(name, engine), self.job.seed, key, self.known.issued)
        return model.fit(design.y, design.X, design.prior)

    def earlier_fit(self, name: str, key: SeriesKey) -> Any:
        """The fit of the day whose parameters hold on this one; None where the model or the columns need a new fit."""
        day = self.job.estimated.get((key[0], self.known.issued), self.known.issued)
        if name not in HOLDING_MODELS or day == self.known.issued:
            return None
        origin = origin_on(self.job, day, self.held)
        if key[1] not in origin.known.volumes[key[0]]:
            return None
        if list(origin.design(key).X) != list(self.design(key).X):
            return None
        try:
            fitted = origin.fit(name, key)
        except FitError:
            return None
        if (name, key) in origin.reference_fits:
            self.reference_fits[name, key] = origin.reference_fits[name, key]
        return fitted

    def add_panel(self, name: str, series: Sequence[SeriesKey]) -> None:
        """Fit a model of all series known on this day and note its forecasts of ``series``."""
        everything = [(product, str(code)) for product, wide in self.known.volumes.items() for code in wide]
        designs = {key: self.design(key) for key in everything}
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

    def add_rows(self, name: str, key: SeriesKey, bounds: pd.DataFrame) -> None:
        """Note a forecast given in logs over the months from the one after the cutoff on."""
        design, months = self.design(key), self.ahead(key[0])
        volumes = design.to_volume(bounds.to_numpy()[: len(months)])
        finite, issued = np.isfinite(volumes).all(axis=1), self.known.issued
        if len(volumes) < len(months) or not finite.all():
            missing = ", ".join(str(month) for month in months if month not in months[: len(volumes)][finite])
            self.fail(key, name, f"{name} cannot say anything of {missing}.")
        cutoff, last_known = self.known.cutoff(key[0]).ordinal, design.last_known.ordinal
        for month, row in zip(months.asi8[: len(volumes)][finite].tolist(), volumes[finite].tolist(), strict=True):
            self.notes.rows.append((*key, name, issued, cutoff, month, month - cutoff, *row, last_known))

    def ahead(self, product: str) -> pd.PeriodIndex:
        """The months reported of a product, looked up once."""
        if product not in self.months:
            releases, cutoff = self.job.releases[product], self.known.cutoff(product)
            self.months[product] = months_ahead(releases, cutoff, self.job.horizon)
        return self.months[product]

    def add_correlations(self, name: str, key: SeriesKey, fitted: Fitted, X_future: pd.DataFrame) -> None:
        """Note how the errors of each two months of the horizon go together."""
        if self.job.horizon == 1:
            return
        X = X_future.iloc[: self.job.horizon]
        month, other = np.triu_indices(len(X), 1)
        pairs = X.index[month], X.index[other], fitted.correlation(X)[month, other]
        self.notes.correlations += [(*key, name, self.known.issued, *pair) for pair in zip(*pairs, strict=True)]

    def add_effects(self, name: str, key: SeriesKey, effects: pd.DataFrame) -> None:
        """Note what each regressor does to log volume."""
        found = effects.to_numpy().tolist()
        self.notes.effects += [
            (*key, name, self.known.issued, regressor, *row)
            for regressor, row in zip(effects.index, found, strict=True)
        ]


def seeded(model: Any, seed: int, key: SeriesKey, issued: date) -> Any:
    """The model with a seed of its own for this series and day, where it draws at random; else the model itself."""
    if "seed" not in {item.name for item in dataclasses.fields(model)}:
        return model
    label = f"{model.name}|{key[0]}|{key[1]}|{issued.isoformat()}"
    stream = np.random.SeedSequence([seed, zlib.crc32(label.encode())])
    return dataclasses.replace(model, seed=int(stream.generate_state(1)[0]))
