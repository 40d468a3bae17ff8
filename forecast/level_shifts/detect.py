"""Level shifts (structural breaks) in single series that no event on file explains, detected in forecast errors.

A change is a run of months on one side of what was expected before the first of them; it is found by its first two or
three, whose summed error is more than the intervals, corrected by how far the series was off before, allow for. What
makes it a finding was fixed on simulated series, whose truth is known (``experiments/05-unlabelled-breaks``).

References
----------
Page (1954), doi 10.2307/2333009, for sums of errors from every possible onset; Grundy, Killick and Svetunkov (2025),
arXiv 2502.14173, for changes sought in forecast errors rather than in the series.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtr

from forecast.level_shifts.errors import MONTHS_COMPARED, ForecastErrors, ForecastPath
from forecast.realtime.phases import MONTHS_AFTER
from forecast.tables.schema import SeriesKey

_MONTHS_A_YEAR = 12

Released = Mapping[tuple[str, str, pd.Period], date]
"""The day on which a month of a series first came out, by product, destination and month."""


@dataclass(frozen=True)
class DetectionRule:
    """Thresholds by which a candidate is a level shift.

    Attributes
    ----------
    evidence
        Months of a change, from its first, that are tested: at least two, since one odd month is no change.
    nearer
        A month belongs to a change while it lies at least this part as far from what was expected as the change does
        on average: at a half, nearer to the change than to nothing.
    prior_months
        Months of its own errors that weigh as much as what was believed of a series' spread; also the degrees of
        freedom of Student's t.
    false_a_year
        Findings a year, over all series together, where nothing happens.
    series_a_false
        With fewer series than this each has only its own share: a false finding in so many years.
    """

    evidence: tuple[int, ...] = (2, 3)
    nearer: float = 0.5
    prior_months: int = 12
    false_a_year: float = 1.0
    series_a_false: int = 20

    def limit(self, series: int) -> float:
        """The p-value up to which a change that begins in a month is one, where so many series are tested.

        Examples
        --------
        >>> [round(1 / DetectionRule().limit(series)) for series in (3, 20, 100)]
        [240, 240, 1200]
        """
        return self.false_a_year / _MONTHS_A_YEAR / max(series, self.series_a_false)

    def length(self, path: ForecastPath) -> int:
        """Months that a change from the first month of ``path`` on has lasted, 0 where there is none.

        It ends before a month without a figure, or with an explanation.
        """
        clear = path.clear
        end = len(clear) if clear.all() else int(np.argmin(clear))
        length = max((count for count in self.evidence if count <= end and self.runs(path.logs[:count])), default=0)
        while 0 < length < end and self.runs(path.logs[: length + 1]):
            length += 1
        return length

    def returns(self, path: ForecastPath, former: Sequence[ForecastPath]) -> bool:
        """Whether the first months of ``path`` only return to what was expected earlier, at any of the origins before.

        After an odd month all that is normal looks like a change.
        """
        size = path.logs[: self.evidence[0]].mean()
        for earlier in former:
            place = (path.first - earlier.first).n
            logs = earlier.logs[place : place + self.evidence[0]]
            if len(logs) == self.evidence[0] and not logs.mean() * np.sign(size) >= self.nearer * abs(size):
                return True
        return False

    def runs(self, logs: np.ndarray) -> bool:
        """Whether months are one change: all on one side, the first two and the last near enough to the mean.

        Examples
        --------
        >>> [DetectionRule().runs(np.array([-0.5, second])) for second in (-0.3, -0.1, 0.5)]
        [True, False, False]
        """
        mean = logs.mean()
        near = np.append(logs[:2], logs[-1]) * np.sign(mean) >= self.nearer * abs(mean)
        return bool(near.all() and (logs * mean > 0).all())

    def scale(self, errors: np.ndarray, believed: float) -> float:
        """The spread of standardised ``errors`` about zero by their median, drawn to the one ``believed`` before.

        Examples
        --------
        Half way between a variance of 1 and one of 4:

        >>> round(DetectionRule().scale(np.full(12, 0.6745), 2.0) ** 2, 3)
        2.5
        """
        seen = np.abs(errors[np.isfinite(errors)])
        own = float(np.median(seen)) / float(ndtri(0.75)) if len(seen) else 0.0
        weighed = len(seen) * own**2 + self.prior_months * believed**2
        return float(np.sqrt(weighed / (len(seen) + self.prior_months)))

    def p_value(self, path: ForecastPath, count: int, scale: float) -> float:
        """Two-sided p-value of the sum of the first ``count`` logs, where intervals are off by the factor ``scale``."""
        statistic = path.logs[:count].sum() / (scale * path.spread(count))
        return float(2 * stdtr(self.prior_months, -abs(statistic)))


# Every month tested ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CandidateShift:
    """A month in which a level shift may have begun, with the test of it.

    Attributes
    ----------
    path
        The forecast path from it on, with the actuals.
    length
        Months that a change from it on has lasted, 0 where there is none or only an earlier one ends.
    scale
        What the standard deviations have to be multiplied by, from the months before.
    p_values
        By the number of months tested.
    limit
        The p-value up to which the change is a finding.
    """

    path: ForecastPath
    length: int
    scale: float
    p_values: Mapping[int, float]
    limit: float

    @property
    def p_value(self) -> float:
        """The smallest p-value, 1 where no change was tested."""
        return min(self.p_values.values(), default=1.0)

    @property
    def evidence(self) -> int:
        """Months after which the change was a finding; 0 if it is none."""
        return min((count for count, p_value in self.p_values.items() if p_value <= self.limit), default=0)


def candidate_shifts(series: Sequence[ForecastErrors], rule: DetectionRule) -> dict[SeriesKey, list[CandidateShift]]:
    """Test every month of every series that came out as the first of a level shift."""
    counts = Counter(path.first for one in series for path in one.paths if path.clear[0])
    limits = {month: rule.limit(count) for month, count in counts.items()}
    panels = {
        product: _standardised_errors([one for one in series if one.key[0] == product])
        for product in {one.key[0] for one in series}
    }
    return {one.key: _candidate_shifts(one, panels[one.key[0]], limits, rule) for one in series}


def _standardised_errors(series: Sequence[ForecastErrors]) -> pd.DataFrame:
    """Standardised errors of all months of several series, by month."""
    rows = [(path.first.ordinal, path.standardised_error) for one in series for path in one.paths]
    return pd.DataFrame(rows, columns=["month", "error"]).sort_values("month", ignore_index=True)


def _candidate_shifts(
    one: ForecastErrors, panel: pd.DataFrame, limits: Mapping[pd.Period, float], rule: DetectionRule
) -> list[CandidateShift]:
    """The months of one series. Its spread before each is drawn to that of its product, and that to the intervals'."""
    own = np.array([path.standardised_error for path in one.paths])
    months, errors = panel["month"].to_numpy(), panel["error"].to_numpy()
    found = []
    for place, path in enumerate(one.paths):
        of_product = rule.scale(errors[: np.searchsorted(months, path.first.ordinal)], 1.0)
        scale, length = rule.scale(own[:place], of_product), rule.length(path)
        if length and rule.returns(path, one.paths[max(place - MONTHS_COMPARED, 0) : place]):
            length = 0
        p_values = {count: rule.p_value(path, count, scale) for count in rule.evidence if count <= length}
        found.append(CandidateShift(path, length, scale, p_values, limits.get(path.first, 0.0)))
    return found


def first_releases(exports: pd.DataFrame) -> Released:
    """The day on which each month of each series first came out."""
    filled = exports[exports["volume_t"].notna()]
    ordered = filled.sort_values("released", kind="stable").drop_duplicates(["product", "destination", "month"])
    cells = zip(ordered["product"], ordered["destination"], ordered["month"], strict=True)
    return dict(zip(cells, ordered["released"], strict=True))


# Changes --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LevelShift:
    """A level shift of one series.

    Attributes
    ----------
    key, first, last
        Product and destination, first and last month.
    actual_t, expected_t
        Actual and expected tonnes of its months, medians added up.
    deviation
        Standard deviation in logs of what was expected of a month, on average over the months.
    p_value
        Of its first months.
    shown, over_shown
        The days of the figures that showed it, and that it was over: None where they do not.
    """

    key: SeriesKey
    first: pd.Period
    last: pd.Period
    actual_t: float
    expected_t: float
    deviation: float
    p_value: float
    shown: date
    over_shown: date | None

    @property
    def gap_t(self) -> float:
        """Actual less expected, in tonnes."""
        return self.actual_t - self.expected_t

    @property
    def rises(self) -> bool:
        """Whether the actual is above what was expected."""
        return self.gap_t > 0


def detected_shifts(key: SeriesKey, tested: Sequence[CandidateShift], released: Released) -> list[LevelShift]:
    """Level shifts of a series in order of time, so that later figures do not take back what was found.

    While one lasts none begins, and its end explains what goes the other way in the three months after.
    """
    found: list[LevelShift] = []
    for candidate in tested:
        during = bool(found) and candidate.path.first <= found[-1].last
        if candidate.evidence and not during and not (found and _returns(found[-1], candidate.path)):
            found.append(_level_shift(key, candidate, released))
    return found


def _returns(former: LevelShift, path: ForecastPath) -> bool:
    """Whether what begins with ``path`` is only the end of a change."""
    return path.first <= former.last + MONTHS_AFTER and (path.logs[0] > 0) != former.rises


def _level_shift(key: SeriesKey, candidate: CandidateShift, released: Released) -> LevelShift:
    path, count = candidate.path, candidate.length
    over = count < len(path.months) and bool(path.clear[count])
    return LevelShift(
        key=key,
        first=path.first,
        last=path.months[count - 1],
        actual_t=float(path.actual[:count].sum()),
        expected_t=float(path.median[:count].sum()),
        deviation=candidate.scale * path.spread(count) / count,
        p_value=candidate.p_value,
        shown=released[(*key, path.months[candidate.evidence - 1])],
        over_shown=released[(*key, path.months[count])] if over else None,
    )
