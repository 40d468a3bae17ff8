"""Nowcasts: forecasts of a month whose headline is out, conditioned on it before the figures themselves are.

A headline is the total of a product that contains the one forecast, such as all rare earth products, published before
magnets. What it holds besides, the rest, is a quantity of its own: its log is normal about a mean that the months in
which both were out have taught. The headline less the rest is one belief about the world's volume, the forecast is
another, and the nowcast is their product by Bayes' rule. Destinations follow by the correlation of their errors with
the world's, which for a part of a whole is not nothing: where parts err alone, that of a part with the whole is its
share times the ratio of the spreads, and shocks common to all come on top.

References
----------
Banbura, Giannone, Modugno and Reichlin (2013), Now-casting and the real-time data flow,
doi 10.1016/B978-0-444-53683-9.00004-9.
Murphy (2007), Conjugate Bayesian analysis of the Gaussian distribution, section 5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from forecast.realtime.data import Data
from forecast.realtime.releases import Snapshot
from forecast.tables.quantiles import LOWER, MEDIAN, NORMAL_SCORES, PROBABILITIES, UPPER, VOLUME_QUANTILES, volumes
from forecast.tables.run import correlation_matrix
from forecast.tables.schema import RUN_TABLES, WORLD
from forecast.totals.hierarchy import error_correlation
from forecast.vocabulary.products import Headline

REST_SD, REST_DEGREES, REST_MONTHS = 0.4, 3.0, 1.0
"""Prior of the log of the rest: its standard deviation, the degrees of freedom of that, and the months with both
figures that a stated share counts for."""

LEAST_MONTHS_WITH_BOTH = 3
"""Months with both figures without which a headline of which no share is stated says nothing."""

LEAST_REST = 0.005
"""Share of the headline below which its rest is not believed: revisions and rounding make it zero or less."""

_YEAR = 12
SCORES_WEIGHED = np.linspace(-6.0, 6.0, 2401)
"""Normal scores of the forecast at which it is weighed against the headline."""

MOST_CORRELATED = 0.95
COMMON = 0.2
"""Correlation of a part's errors with the whole's beyond what it makes up of the whole: shocks common to destinations.
On a panel of 60 destinations of another product it was 0.22."""

_CELL = ["product", "issued", "cutoff"]


class Rest(NamedTuple):
    """Belief about the log of the rest of a headline: Student's t with ``degrees``, ``mean`` and ``scale``."""

    mean: float
    scale: float
    degrees: float


def rest_of_headline(headline: np.ndarray, own: np.ndarray, share: float | None) -> Rest | None:
    """What the next rest is believed to be, from months in which both figures were out; None where too few are known.

    ``headline`` and ``own`` (months,) in tonnes, NaN where not known; ``share`` is the stated part of the headline that
    is the product, in terms of the product's mean over its last twelve months.

    Examples
    --------
    >>> headline, own = np.array([1100.0, 1250.0, 1160.0]), np.array([1000.0, 1100.0, 1050.0])
    >>> rest = rest_of_headline(headline, own, None)
    >>> round(float(np.exp(rest.mean)))
    118
    >>> rest_of_headline(headline[:1], own[:1], None) is None
    True
    """
    both = np.isfinite(headline) & np.isfinite(own) & (headline > 0)
    seen = np.log(np.maximum(headline[both] - own[both], LEAST_REST * headline[both]))
    known = own[np.isfinite(own)][-_YEAR:]
    stated = share is not None and 0 < share < 1 and len(known) > 0 and known.mean() > 0
    if not stated and len(seen) < LEAST_MONTHS_WITH_BOTH:
        return None
    prior_months = REST_MONTHS if stated else 0.0
    prior = np.log((1 / share - 1) * known.mean()) if stated and share is not None else 0.0
    months, degrees = prior_months + len(seen), REST_DEGREES + len(seen)
    mean = (prior_months * prior + seen.sum()) / months
    squares = REST_DEGREES * REST_SD**2 + ((seen - mean) ** 2).sum() + prior_months * (prior - mean) ** 2
    return Rest(float(mean), float(np.sqrt(squares / degrees * (1 + 1 / months))), degrees)


@dataclass(frozen=True)
class WorldScore:
    """Posterior of the world's volume: its quantiles in tonnes, and mean and spread of its normal score under the
    forecast before the headline.
    """

    quantiles: np.ndarray
    mean: float
    sd: float


def conditioned_world(quantiles: np.ndarray, headline: float, rest: Rest) -> WorldScore:
    """The forecast ``quantiles`` of a world total, in tonnes, conditioned on its ``headline`` in tonnes.

    Where the forecast is so sure of more than the headline holds that no score on the grid agrees, the headline less
    its rest stands alone.

    Examples
    --------
    >>> forecast = np.array([500.0, 700.0, 1000.0, 1400.0, 2000.0])
    >>> found = conditioned_world(forecast, 880.0, Rest(np.log(80.0), 0.1, 30.0))
    >>> found.quantiles.round().tolist()
    [782.0, 789.0, 800.0, 810.0, 815.0]
    """
    tonnes = volumes(SCORES_WEIGHED, quantiles)
    left = np.maximum(headline - tonnes, LEAST_REST * headline)
    distance = (np.log(left) - rest.mean) / rest.scale
    belief = (1 + distance**2 / rest.degrees) ** (-(rest.degrees + 1) / 2) / left
    weight = np.exp(-(SCORES_WEIGHED**2) / 2) * np.where(tonnes < headline, belief, 0.0)
    if not weight.sum() > 0:
        alone = np.exp(rest.mean + rest.scale * stdtrit(rest.degrees, 1 - PROBABILITIES))
        return WorldScore(np.maximum(headline - alone, 0.0), float(SCORES_WEIGHED[0]), 0.0)
    weight = weight / weight.sum()
    mean = float(weight @ SCORES_WEIGHED)
    below = np.cumsum(weight) - weight / 2
    scores = np.interp(PROBABILITIES, below, SCORES_WEIGHED)
    return WorldScore(volumes(scores, quantiles), mean, float(np.sqrt(weight @ (SCORES_WEIGHED - mean) ** 2)))


def conditioned(quantiles: np.ndarray, correlation: float, mean: float, sd: float) -> np.ndarray:
    """Quantiles in tonnes of a series whose normal score has a ``correlation`` with one that is now ``mean``, ``sd``.

    Examples
    --------
    >>> own = np.array([50.0, 70.0, 100.0, 140.0, 200.0])
    >>> conditioned(own, 0.0, -2.0, 0.1).round().tolist()
    [50.0, 70.0, 100.0, 140.0, 200.0]
    >>> conditioned(own, 0.9, -2.0, 0.1).round().tolist()
    [35.0, 41.0, 54.0, 71.0, 77.0]
    """
    spread = np.sqrt(1 - correlation**2 * (1 - sd**2))
    return volumes(correlation * mean + spread * NORMAL_SCORES, quantiles)


def correlation_of_part(part: np.ndarray, whole: np.ndarray) -> float:
    """Correlation in logs of a part with its whole where no other is known, from the quantiles of both in tonnes.

    Share times the ratio of spreads is that of parts that err independently; `COMMON` of the rest is added.

    Examples
    --------
    >>> whole = np.exp(0.2 * NORMAL_SCORES)
    >>> round(correlation_of_part(0.25 * np.exp(0.4 * NORMAL_SCORES), whole), 3)
    0.6
    """
    if not (part[MEDIAN] > 0 and whole[MEDIAN] > 0):
        return COMMON
    spread = [np.log(max(one[UPPER[80]], 1e-12) / max(one[LOWER[80]], 1e-12)) for one in (part, whole)]
    share = min(part[MEDIAN] / whole[MEDIAN], 1.0)
    alone = share * spread[0] / spread[1] if spread[1] > 0 else 0.0
    return float(min(COMMON + (1 - COMMON) * alone, MOST_CORRELATED))


def nowcast(
    combined: pd.DataFrame,
    earlier: pd.DataFrame,
    correlations: pd.DataFrame,
    data: Data,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the combination, those of months whose headline is out conditioned on it; and the table ``nowcasts``.

    ``combined`` and ``correlations`` are rows of the combination, ``earlier`` rows of its members on earlier origins as
    well. Months after the one whose headline is out follow by the correlation of a series' errors between months.

    Returns
    -------
    tuple of pandas.DataFrame
        The first has the rows of ``combined``, the second a row for each one that was conditioned.
    """
    rows, notes = combined.reset_index(drop=True), []
    values = rows[list(VOLUME_QUANTILES)].to_numpy(dtype=float)
    by_product = {one.product: one for one in data.headlines}
    for key, own in rows[rows["product"].isin(by_product)].groupby(_CELL, sort=True):
        cell: dict[str, Any] = dict(zip(_CELL, key, strict=True))
        for out in _out(by_product[str(cell["product"])], cell, own, data.as_of(cell["issued"])):
            found = _conditioned_rows(out, own, values, earlier, correlations, data)
            for place, quantiles in found:
                series = tuple(own.at[place, name] for name in ("product", "destination", "issued", "month"))
                notes.append((*series, out.headline, out.month, out.tonnes, *_shown(values[place])))
                values[place] = quantiles
    made = rows.assign(**dict(zip(VOLUME_QUANTILES, values.T, strict=True)))[combined.columns]
    return made.set_axis(combined.index), RUN_TABLES["nowcasts"].from_rows(notes)


class _Out(NamedTuple):
    """A headline that is out before its product: what it is of, its month, its tonnes, and its rest."""

    headline: str
    cell: dict[str, Any]
    month: pd.Period
    tonnes: float
    rest: Rest


def _out(headline: Headline, cell: dict[str, Any], own: pd.DataFrame, known: Snapshot) -> Iterator[_Out]:
    """The last month of the headline beyond the product's cutoff, if it is out and the world is forecast."""
    world = known.volumes.get(headline.headline, pd.DataFrame())
    if WORLD not in world or WORLD not in known.volumes[headline.product]:
        return
    ahead = world[WORLD].dropna().loc[cell["cutoff"] + 1 :]
    months = own.loc[own["destination"] == WORLD, "month"]
    shown = [month for month in ahead.index if month in set(months)]
    ours = known.volumes[headline.product][WORLD]
    rest = rest_of_headline(
        world[WORLD].reindex(ours.index).to_numpy(dtype=float),
        ours.to_numpy(dtype=float),
        headline.share_on(known.issued),
    )
    if shown and rest is not None and ahead[shown[-1]] > 0:
        yield _Out(headline.headline, cell, shown[-1], float(ahead[shown[-1]]), rest)


def _conditioned_rows(
    out: _Out,
    own: pd.DataFrame,
    values: np.ndarray,
    earlier: pd.DataFrame,
    correlations: pd.DataFrame,
    data: Data,
) -> list[tuple[int, np.ndarray]]:
    """Places of the rows from the month of the headline on, with their conditioned quantiles."""
    of_month = own[own["month"] == out.month]
    places = dict(zip(of_month["destination"], of_month.index, strict=True))
    order = [*(code for code in places if code != WORLD), WORLD]
    estimated = error_correlation(earlier, data, out.cell, order)[:, -1]
    whole = values[places[WORLD]]
    world = conditioned_world(whole, out.tonnes, out.rest)
    found: list[tuple[int, np.ndarray]] = []
    for code, estimate in zip(order, estimated, strict=True):
        before = values[places[code]]
        strength = 1.0 if code == WORLD else max(float(estimate), correlation_of_part(before, whole))
        mean, sd = strength * world.mean, np.sqrt(1 - strength**2 * (1 - world.sd**2))
        moved = world.quantiles if code == WORLD else conditioned(before, strength, world.mean, world.sd)
        found.append((places[code], moved))
        later = own[(own["destination"] == code) & (own["month"] > out.month)]
        pairs = correlations[(correlations["destination"] == code) & (correlations["issued"] == out.cell["issued"])]
        for place, month in zip(later.index, later["month"], strict=True):
            between = correlation_matrix(pd.PeriodIndex([out.month, month]), pairs, missing=0.0)[0, 1]
            found.append((place, conditioned(values[place], float(between), mean, float(sd))))
    return found


def _shown(quantiles: np.ndarray) -> tuple[float, float, float]:
    """Median and 80 % bounds."""
    return float(quantiles[MEDIAN]), float(quantiles[LOWER[80]]), float(quantiles[UPPER[80]])
