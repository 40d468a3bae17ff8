"""What events are expected to do to a series: regressor by regressor, month by month, and in given months ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from forecast.design.effect_priors import COLUMNS, FAMILIES, PLACES, Evidence, Experience, experience
from forecast.design.regressors import bent, regressors, series_scope
from forecast.realtime.events import ACTING_KINDS, DECAY, SHAPES, Members, Scope, acting_events, events_by_kind
from forecast.realtime.releases import Snapshot, as_of
from forecast.tables.quantiles import HALF_WIDTH
from forecast.tables.schema import SeriesKey

SINCE = 6
"""Months since effect that a path reaches."""

TELLING = 0.01
"""Evidence on an effect tells of it where it would narrow a prior as wide as the spread of products by a hundredth."""

REGRESSOR_COLUMNS = [
    "product", "destination", "kind", "shape", "events", "prior", "prior_lower_80", "prior_upper_80", "learned_from",
    "estimate", "lower_80", "upper_80", "months",
]  # fmt: skip
PATH_COLUMNS = [
    "product", "destination", "kind", "since", "prior", "prior_lower_80", "prior_upper_80", "estimate", "lower_80",
    "upper_80",
]  # fmt: skip


# In given months ------------------------------------------------------------------------------------------------------


def loadings(events: pd.DataFrame, scope: Scope, months: pd.PeriodIndex, mean: np.ndarray) -> np.ndarray:
    """How strongly ``events`` act on a series: a row per month (consecutive), a column for each of `effects.COLUMNS`.

    Row x of it times effects b (logs) is the change of the log volume, exact at ``mean`` in months covered in part.
    """
    shares = regressors(acting_events(events), scope, months)
    names = [str(name) for name in shares if name in PLACES]
    places = [PLACES[name] for name in names]
    found = np.zeros((len(months), len(COLUMNS)))
    found[:, places] = bent(shares[names], dict(zip(names, mean[places], strict=True)))
    return found


# As tables ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LearnedEffects:
    """What was believed of the effects of events on a day; volumes against those without the event, as fractions.

    Attributes
    ----------
    regressors
        A row per series, kind and shape, for the kinds that act on the series or that others had.
        ``events`` are those known to act on the series; ``prior`` is the median effect of a whole month at full
        strength as other series show it, with its 80 % interval, and ``learned_from`` their products (its own name
        holds for other destinations of the same product); ``estimate`` is the same with the series' own months, of
        which ``months`` have a volume and the event acting.
    paths
        The same as a path, a row per series, kind and month ``since`` an effect on the first of month 0: level shift
        and temporary change together, intervals with the covariance of both.
    """

    issued: date
    regressors: pd.DataFrame
    paths: pd.DataFrame


def learned_effects(
    exports: pd.DataFrame,
    events: pd.DataFrame,
    groups: Members,
    *,
    issued: date | None = None,
    products: Sequence[str] | None = None,
    destinations: Sequence[str] | None = None,
    totals: pd.DataFrame | None = None,
) -> LearnedEffects:
    """What events did to each of the selected series, learned from all series known on ``issued``.

    Arguments and defaults are those of `forecast.forecast_all`: what is shown here is what the forecasts of that day
    start from. A series of which nothing was known has no rows.

    Raises
    ------
    ValueError
        When nothing was known of the products on the issue day.

    Examples
    --------
    On the day of the first figures after licensing had begun, from gallium, germanium, graphite and antimony:

    >>> from datetime import date
    >>> import forecast as fc
    >>> found = fc.learned_effects(
    ...     fc.read_exports(), fc.read_events(), fc.read_groups(),
    ...     issued=date(2025, 4, 20), products=["rare_earth_magnets"], destinations=["WLD"],
    ... )
    >>> path = found.paths.query("kind == 'licensing' and since <= 2")
    >>> [f"{effect:.0%}" for effect in path["estimate"]]
    ['-81%', '-75%', '-69%']
    """
    selected = list(products or exports["product"].unique())
    released = exports.loc[exports["product"].isin(selected), "released"]
    day = issued or released.max()
    if released.empty or day < released.min():
        raise ValueError(f"Nothing of {', '.join(selected)} was released by {day}: issue on a later day.")
    known = as_of(exports, events, day, totals)
    with threadpool_limits(1):  # so that sums are made in the same order as for a forecast
        learned = experience(known, groups)
    lessons = [
        _lesson(learned, known, groups, key)
        for key in learned.series
        if key[0] in selected and (destinations is None or key[1] in destinations)
    ]
    by_regressor = [row for lesson in lessons for row in _regressor_rows(lesson)]
    by_month = [row for lesson in lessons for row in _path_rows(lesson)]
    return LearnedEffects(
        day, pd.DataFrame(by_regressor, columns=REGRESSOR_COLUMNS), pd.DataFrame(by_month, columns=PATH_COLUMNS)
    )


@dataclass(frozen=True)
class _Lesson:
    """One series: events by kind, own months by regressor, teachers by kind, prior and belief."""

    key: SeriesKey
    events: dict[str, tuple[str, ...]]
    months: dict[str, int]
    teachers: dict[str, tuple[str, ...]]
    prior: tuple[np.ndarray, np.ndarray]
    belief: tuple[np.ndarray, np.ndarray]

    @property
    def kinds(self) -> list[str]:
        """Kinds that act on the series or acted on any other."""
        return [kind for kind in ACTING_KINDS if kind in self.events or self.teachers[f"{kind}_step"]]


def _lesson(learned: Experience, known: Snapshot, groups: Members, key: SeriesKey) -> _Lesson:
    volumes = known.volumes[key[0]]
    scope = series_scope(*key, volumes, groups)
    acting = regressors(known.acting, scope, pd.PeriodIndex(volumes.index))
    observed = volumes[key[1]].notna().to_numpy()
    return _Lesson(
        key,
        {kind: tuple(event.event for event in rows) for kind, rows in events_by_kind(known.acting, scope).items()},
        {str(name): int((observed & (acting[name] > 0).to_numpy()).sum()) for name in acting},
        {name: _teachers(learned, key, name) for name in COLUMNS},
        learned.prior(key),
        learned.belief(key),
    )


def _teachers(learned: Experience, key: SeriesKey, name: str) -> tuple[str, ...]:
    """The products that a prior comes from: others that tell of its kind, or of the likest; then other destinations.

    For these stands the name of the product itself.
    """
    kind, _, shape = name.rpartition("_")
    family = next((family for family in FAMILIES if kind in family), ())
    others = {product: found for product, found in learned.destinations.items() if product != key[0]}
    likest = [f"{like}_{shape}" for like in (kind, *family)]
    lenders = [like for like in likest if any(_precision(found, like) > 0 for found in others.values())]
    lender = lenders[0] if lenders else name
    siblings = [found for other, found in learned.series.items() if other[0] == key[0] and other != key]
    own = any(_tells(found, name, learned) for found in siblings)
    products = tuple(product for product, found in others.items() if _tells(found, lender, learned))
    return (*products, key[0]) if own else products


def _precision(found: Evidence, name: str) -> float:
    return float(found.precision[PLACES[name], PLACES[name]])


def _tells(found: Evidence, name: str, learned: Experience) -> bool:
    return bool(_precision(found, name) * learned.spread[PLACES[name]] > TELLING)


def _regressor_rows(lesson: _Lesson) -> Iterator[tuple[Any, ...]]:
    for kind in lesson.kinds:
        for shape in SHAPES:
            name = f"{kind}_{shape}"
            at_full = np.zeros(len(COLUMNS))
            at_full[PLACES[name]] = 1.0
            lived = lesson.months.get(f"{kind}_anticipation" if shape == "anticipation" else f"{kind}_step", 0)
            prior, estimate = (_as_fractions(at_full, *effects) for effects in (lesson.prior, lesson.belief))
            events = lesson.events.get(kind, ())
            yield (*lesson.key, kind, shape, events, *prior, lesson.teachers[name], *estimate, lived)


def _path_rows(lesson: _Lesson) -> Iterator[tuple[Any, ...]]:
    for kind in lesson.kinds:
        for since in range(SINCE + 1):
            acting = np.zeros(len(COLUMNS))
            acting[PLACES[f"{kind}_step"]] = 1.0
            acting[PLACES[f"{kind}_temporary"]] = DECAY**since * (1 - DECAY) / -np.log(DECAY)
            prior, estimate = (_as_fractions(acting, *effects) for effects in (lesson.prior, lesson.belief))
            yield (*lesson.key, kind, since, *prior, *estimate)


def _as_fractions(acting: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> tuple[float, float, float]:
    """Median and 80 % interval of a change of volume, of regressors at ``acting``."""
    centre, half = acting @ mean, HALF_WIDTH[80] * np.sqrt(acting @ covariance @ acting)
    change = np.expm1([centre, centre - half, centre + half])
    return float(change[0]), float(change[1]), float(change[2])
