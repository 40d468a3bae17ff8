"""The plan of a run: its settings, its issue days by product, what has to be fitted for a request, and its tasks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from forecast.backtest.costs import series_a_task
from forecast.ensemble.calibration import earlier_days
from forecast.realtime.releases import VintagesByProduct, all_series, cutoffs
from forecast.registry import COMBINATION, DEFAULT_ENGINE, MEMBERS, MODELS, REGISTRY, STAND_IN, check_engine
from forecast.tables.frames import latest_figures
from forecast.tables.schema import FIGURE_KEY, SeriesKey

EXPERIENCE = "shipped"
"""What is known of measures from other panels where nothing is said."""

ORIGINS = 24
"""How many origins a backtest has where nothing is said."""

CELLS_AT_A_TIME = 1_200
"""Series times days for which what the structural model says may wait in memory at once, and travel to where models are
fitted to it; a run of more goes by days."""

DAYS_ENOUGH = 8
"""Days, or spells of days that share parameters, from which a run goes by these: enough for several processes."""

WIDE = 1_000
"""Series of a task from which its chunks may go to several processes."""

IssueDays = Mapping[str, Sequence[date]]
"""Issue days by product."""


@dataclass(frozen=True)
class Settings:
    """All arguments that numbers depend on, beside the tables; ``run.json`` and a checkpoint's fingerprint hold them.

    Attributes
    ----------
    models
        Names, in the order of the rows.
    horizon
        Months ahead.
    window
        Months up to the product's cutoff that models are shown; None shows all.
    refit
        Months after which parameters that can be held are estimated again.
    learn
        Whether effects of events have priors from all series.
    calibrate
        Whether the combination learns from the forecasts of earlier origins.
    experience
        ``shipped``: what open panels of other goods and countries taught of each kind by the end of the year before
        (`forecast.episodes.experience`); ``none``: stated priors and the user's own series alone.
    seed, engine
        Of whatever draws at random; ``compiled`` or ``reference``.

    Raises
    ------
    ValueError
        When a number is below one, or there is no such engine.
    """

    models: tuple[str, ...] = MODELS
    horizon: int = 1
    window: int | None = None
    refit: int = 1
    learn: bool = True
    calibrate: bool = True
    seed: int = 0
    engine: str = DEFAULT_ENGINE
    experience: str = EXPERIENCE

    def __post_init__(self) -> None:
        check_engine(self.engine)
        if self.experience not in ("shipped", "none"):
            raise ValueError(f"experience: expected shipped or none, found {self.experience!r}.")
        for name in ("window", "refit", "horizon"):
            positive(name, getattr(self, name))

    @property
    def learns_from_errors(self) -> bool:
        """Whether there is a combination that learns from earlier forecasts."""
        return self.calibrate and COMBINATION in self.models


def positive(name: str, number: int | None) -> int | None:
    """The number, where it is one or more or there is none.

    Raises
    ------
    ValueError
        When it is below one.
    """
    if number is not None and number < 1:
        raise ValueError(f"{name}: expected one or more, found {number}.")
    return number


@dataclass(frozen=True)
class Request:
    """Request of a run: the series that it is to forecast, on issue days by product."""

    days: IssueDays
    series: Sequence[SeriesKey]

    def replayed(self, vintages: VintagesByProduct, settings: Settings) -> Request:
        """The days and series that models are fitted on.

        A combination that learns needs more than is given: the members on earlier days, for every series of a product.
        """
        if not settings.learns_from_errors:
            return self
        days = {
            product: sorted({*of_product}.union(*(earlier_days(vintages[product], day) for day in of_product)))
            for product, of_product in self.days.items()
        }
        return Request(days, all_series(vintages, self.days))

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of a table that were requested."""
        if not len(table):
            return table
        places, (products, codes, days) = zip(
            *(pd.factorize(table[name]) for name in ("product", "destination", "issued")), strict=True
        )
        asked = {(*key, day) for key in self.series for day in self.days[key[0]]}
        shape = len(products), len(codes), len(days)
        different, inverse = np.unique(np.ravel_multi_index(places, shape), return_inverse=True)
        found = zip(*np.unravel_index(different, shape), strict=True)
        requested = np.array([(products[at], codes[of], days[on]) in asked for at, of, on in found])[inverse]
        return table if requested.all() else table[requested]

    def tasks(self, exports: pd.DataFrame, settings: Settings) -> list[Task]:
        """The `plan` of what models are fitted on."""
        return plan(self.days, self.series, settings, estimation_days(exports, self.days, settings.refit))

    def written_down(self) -> dict[str, Any]:
        """Series and issue days as JSON holds them."""
        days = {product: [day.isoformat() for day in of_product] for product, of_product in self.days.items()}
        return {"series": [" ".join(key) for key in self.series], "origins": days}


@dataclass(frozen=True)
class Task:
    """A piece of work: some series at some origins with some models. Tasks share nothing, so any order will do.

    ``cells`` are the series of each origin. A task that has ``whole_days``, every series and model of its origins, fits
    the structural model itself; to others comes what that says of their series.
    """

    cells: Mapping[date, tuple[SeriesKey, ...]]
    models: tuple[str, ...]
    whole_days: bool = False

    @property
    def series(self) -> tuple[SeriesKey, ...]:
        """All series that it has on any day."""
        return tuple(dict.fromkeys(key for own in self.cells.values() for key in own))

    @property
    def products(self) -> dict[date, set[str]]:
        """Products by day."""
        return {day: {product for product, _ in own} for day, own in self.cells.items()}


# Days ----------------------------------------------------------------------------------------------------------------


def issue_days(exports: pd.DataFrame, products: Sequence[str], issued: date | Sequence[date] | None) -> list[date]:
    """The days on which a forecast is made: those given in order, or that of the latest release of ``products``.

    Raises
    ------
    ValueError
        When nothing was known of the products on the first of them.
    """
    rows = exports.loc[exports["product"].isin(products), ["volume_t", "released"]]
    released = rows["released"]
    days = [released.max()] if issued is None else [issued] if isinstance(issued, date) else sorted(set(issued))
    first = released[rows["volume_t"].notna()]
    if first.empty or days[0] < first.min():
        raise ValueError(f"Nothing of {', '.join(products)} was released by {days[0]}: issue on a later day.")
    return days


def backtest_origins(
    exports: pd.DataFrame,
    products: Sequence[str],
    destinations: Sequence[str] | None = None,
    *,
    last: int | None = None,
    first: pd.Period | None = None,
    to: pd.Period | None = None,
) -> dict[str, list[date]]:
    """Days by product on which its cutoff moved and the month after has an actual for one of ``destinations``.

    ``first`` and ``to`` bound that month, both included, and ``last`` takes the last so many of what is left (None: 24,
    or all where there is a bound). A product without such a day has an empty list.

    Raises
    ------
    ValueError
        When no product has such a day, or ``last`` is below one.

    Examples
    --------
    >>> import forecast as fc
    >>> days = backtest_origins(fc.read_exports(), ["rare_earth_magnets"], ["USA"], to=pd.Period("2025-05"))
    >>> [str(day) for day in days["rare_earth_magnets"][-3:]]  # to forecast February and March, then April, then May
    ['2025-03-20', '2025-04-20', '2025-05-20']
    """
    count = ORIGINS if last is None and first is None and to is None else last
    if count is not None:
        positive("last", count)
    found = {}
    for product in products:
        series = selected_series(exports, [product], destinations)
        chosen = exports["product"].eq(product) & exports["destination"].isin([code for _, code in series])
        rows = exports.loc[chosen, [*FIGURE_KEY, "volume_t", "released"]]
        rows = latest_figures(rows) if rows["volume_t"].isna().any() else rows
        months = {month for month in rows["month"].unique() if (first or month) <= month <= (to or month)}
        days = [day for day, cutoff in cutoffs(exports, product).items() if cutoff + 1 in months]
        found[product] = days[-count:] if count else days
    if not any(found.values()):
        raise ValueError(f"{', '.join(products)}: expected a month with figures before it, found none to forecast.")
    return found


def estimation_days(exports: pd.DataFrame, days: IssueDays, refit: int) -> dict[tuple[str, date], date]:
    """The day on which parameters held on an issue day were estimated, by product and issue day; empty for refit 1.

    It is the first origin of the block of ``refit`` months (counted from January 1970) that the cutoff of the issue day
    lies in, and depends on no other issue day.

    Raises
    ------
    ValueError
        When ``refit`` is below one.
    """
    if positive("refit", refit) == 1:
        return {}
    estimated = {}
    for product, issue_days in days.items():
        starts = cutoffs(exports, product)
        firsts: dict[int, date] = {}
        for day, cutoff in starts.items():
            firsts.setdefault(cutoff.ordinal // refit, day)
        for issued in issue_days:
            known = [cutoff for day, cutoff in starts.items() if day <= issued]
            if known:
                estimated[product, issued] = firsts[known[-1].ordinal // refit]
    return estimated


# Tasks ---------------------------------------------------------------------------------------------------------------


def selected_series(
    exports: pd.DataFrame, products: Sequence[str], destinations: Sequence[str] | None = None
) -> list[SeriesKey]:
    """The (product, destination) pairs of ``exports`` among ``products`` and ``destinations`` (None: all), sorted."""
    rows = exports.loc[exports["product"].isin(products), ["product", "destination"]]
    pairs = (rows if destinations is None else rows[rows["destination"].isin(destinations)]).drop_duplicates()
    return sorted(zip(pairs["product"], pairs["destination"], strict=True))


def plan(
    days: IssueDays, series: Sequence[SeriesKey], settings: Settings, estimated: Mapping[tuple[str, date], date]
) -> list[Task]:
    """Tasks that cover every series, origin and model.

    Where there are enough days or many cells, a task is a day, or the days on which parameters of one earlier day are
    held (`estimation_days`). Else panel models go by origin, and the others by handfuls of series; how many series are
    a handful is up to `forecast.backtest.costs`. It is the same for any number of processes, so that a run can be
    resumed with another number of them.

    Examples
    --------
    >>> days = {"magnets": [date(2025, month, 20) for month in (5, 6)]}
    >>> of = lambda count: plan(days, [("magnets", str(place)) for place in range(count)], Settings(("theta",)), {})
    >>> [len(task.cells) for task in of(2)], [len(task.cells) for task in of(601)]  # handfuls of series, whole days
    ([2, 2], [1, 1])
    """
    names = tuple(fitted_models(settings.models))
    of_day = {day: tuple(key for key in series if key[0] in products) for day, products in by_day(days).items()}
    bound = _bound_together(days, estimated)
    if len(bound) >= DAYS_ENOUGH or sum(map(len, of_day.values())) > CELLS_AT_A_TIME:
        return [Task({day: of_day[day] for day in own}, names, whole_days=True) for own in bound]
    panel = tuple(name for name in names if is_panel(name))
    single = tuple(name for name in names if not is_panel(name))
    tasks = [
        Task(dict.fromkeys(days[product], handful), single)
        for product, of_product in groupby(series, key=lambda key: key[0])
        for handful in _handfuls(list(of_product), len(days[product]), single, settings.engine)
    ]
    tasks += [Task({day: own}, panel) for day, own in of_day.items()]
    return [task for task in tasks if task.cells and task.models]


def _bound_together(days: IssueDays, estimated: Mapping[tuple[str, date], date]) -> list[tuple[date, ...]]:
    """Issue days in order; those on which parameters of one earlier day are held come together."""
    found: list[tuple[date, ...]] = []
    held: set[date] = set()
    for day, products in by_day(days).items():
        own = {estimated.get((product, day), day) for product in products}
        found = [*found[:-1], (*found[-1], day)] if held & own else [*found, (day,)]
        held = held | own if held & own else own
    return found


def by_day(days: IssueDays) -> dict[date, set[str]]:
    """Products by issue day, in order, of issue days by product."""
    found: dict[date, set[str]] = {}
    for product, of_product in days.items():
        for day in of_product:
            found.setdefault(day, set()).add(product)
    return {day: found[day] for day in sorted(found)}


@dataclass(frozen=True)
class StageDay:
    """A day on which the structural model is fitted, and the products whose series are forecast on it."""

    issued: date
    products: tuple[str, ...]


def stage_days(days: Mapping[date, Collection[str]], estimated: Mapping[tuple[str, date], date]) -> list[StageDay]:
    """The days of ``days`` (products by day) and earlier ones whose parameters hold on them, in order."""
    products = {day: {*own} for day, own in days.items()}
    for (product, issued), day in estimated.items():
        if issued in days:
            products.setdefault(day, set()).add(product)
    return [StageDay(day, tuple(sorted(products[day]))) for day in sorted(products)]


def is_wide(task: Task) -> bool:
    """Whether the series of a task of whole days are enough for several processes."""
    return task.whole_days and len(task.series) >= WIDE


def is_panel(name: str) -> bool:
    """Whether a model is fitted to all series at once."""
    return name in REGISTRY and REGISTRY[name].panel


def fitted_models(models: Sequence[str]) -> list[str]:
    """The models to fit where ``models`` are asked for: those, or all members of the combination where it stands alone.

    Examples
    --------
    >>> fitted_models(["theta", "combination"]), fitted_models(["combination"])
    (['theta'],
     ['seasonal_naive', 'theta', 'arima', 'ets', 'ces', 'structural', 'pooled', 'naive'])
    """
    own = [name for name in models if name != COMBINATION]
    return own or [*MEMBERS, STAND_IN]


def _handfuls(
    series: Sequence[SeriesKey], count: int, models: Sequence[str], engine: str
) -> list[tuple[SeriesKey, ...]]:
    size = series_a_task(len(series), count, models, engine)
    return [tuple(series[start : start + size]) for start in range(0, len(series), size)]
