"""What looks wrong in a table of exports although every cell is as it must be, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecast.sources.meaning.cumulative import cumulative_course
from forecast.tables.frames import latest_figures
from forecast.vocabulary.units import POUND_T

VALIDATION_COLUMNS = ["check", "product", "destination", "months", "found", "suggestion"]

MONTHS_AROUND = 3
"""Months on either side that a month is compared with."""

_HUNDREDS = "hundreds of kilograms, or a slip of the decimal mark?"
SLIPS = {1e6: ("grams?", "millions of tonnes?"), 1e3: ("kilograms?", "thousands of tonnes?"),
         1 / POUND_T: ("pounds?", "tonnes taken for pounds?"), 1e2: (_HUNDREDS, _HUNDREDS)}  # fmt: skip
"""How many times its neighbours a month in another unit is, and which, or that part of them; no 2.2: trade moves so."""

STEADIEST, NEAR = 4.0, 1.5
"""Ratios: how far apart the neighbours of a slip may lie, and how far from their median the month in the right unit."""

LEVEL_WIDTH = 8.0
"""How far apart the months of one level may lie, as a ratio."""

CERTAIN = {times: float(np.log10(times)) for times in SLIPS if times > 500}
"""Logarithms of the factors by which a whole level can be apart."""

MOST_SLIPS = 0.05
"""Share of a series' months above which such months are its habit and no slips."""

SAMPLE_T = 0.01
"""Up to this many tonnes a shipment is a sample."""

NOMENCLATURE_CHANGES = ("2012-01", "2017-01", "2022-01", "2028-01")
"""Months in which the Harmonized System changes and codes move."""

BREAK = 3.0
"""Ratio of the levels around a change of codes from which it is said."""

LEAST_DIGITS = 3
"""Digits without which a figure below its neighbours is small and not in another unit."""

_DIGITS, COINCIDENCES = 4, 0.01
"""Digits of a month that repeats the last by no chance, and the share of months that may equal one further off."""

ORDER = [
    "cumulative figures", "unit slip", "duplicated series", "repeated year", "parts above the whole",
    "partial last month", "vanished destination", "level break at a code change", "repeated month",
    "estimated weights", "samples",
]  # fmt: skip
"""Checks, the worst first."""

Rows = list[dict[str, Any]]
Groups = Mapping[str, Iterable[str]]


@dataclass(frozen=True)
class Monthly:
    """One series: ``volumes`` (t) of months in order, these as their ``ordinals`` (months since January 1970)."""

    ordinals: np.ndarray
    volumes: np.ndarray

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Monthly:
        """The rows of one series of an exports table, a row a month."""
        ordinals = pd.PeriodIndex(rows["month"]).asi8
        order = np.argsort(ordinals, kind="stable")
        return cls(ordinals[order], rows["volume_t"].to_numpy(dtype=float)[order])

    def where(self, kept: np.ndarray) -> Monthly:
        """The months of a mask."""
        return Monthly(self.ordinals[kept], self.volumes[kept])

    def month(self, place: int) -> str:
        """The month at a place."""
        return str(pd.Period(ordinal=int(self.ordinals[place]), freq="M"))

    def span(self) -> str:
        """First and last month."""
        first, last = self.month(0), self.month(-1)
        return first if first == last else f"{first} to {last}"


def validate_exports(exports: pd.DataFrame, groups: Groups | None = None) -> pd.DataFrame:
    """A row per finding, the worst first: columns `VALIDATION_COLUMNS`.

    ``exports`` is an exports table, of which the latest release of each figure counts; ``groups`` has the members of
    groups of destinations.

    Examples
    --------
    >>> months = pd.period_range("2025-01", periods=6, freq="M")
    >>> table = pd.DataFrame({"product": "w", "destination": "USA", "month": months, "status": "reported",
    ...                       "volume_t": [100.5, 101.5, 99.5, 102_400.0, 98.5, 103.5], "released": "2026-01-01"})
    >>> validate_exports(table)[["check", "months", "suggestion"]].values.tolist()
    [['unit slip', '2025-04', 'kilograms?']]
    """
    latest = latest_figures(exports)
    found: Rows = []
    for (product, destination), rows in latest.groupby(["product", "destination"], sort=True, observed=True):
        series = Monthly.of(rows)
        said = [row for check in SERIES_CHECKS for row in check(series)] + _estimated(rows)
        found += [{"product": product, "destination": destination, **row} for row in said]
    for product, rows in latest.groupby("product", sort=True, observed=True):
        wide = rows.pivot(index="month", columns="destination", values="volume_t").sort_index()
        said = [row for check in PRODUCT_CHECKS for row in check(wide, groups or {})]
        found += [{"product": product, **row} for row in said]
    table = pd.DataFrame(found, columns=VALIDATION_COLUMNS)
    rank = table["check"].map({check: place for place, check in enumerate(ORDER)})
    return table.assign(rank=rank).sort_values("rank", kind="stable", ignore_index=True)[VALIDATION_COLUMNS]


def in_words(finding: Mapping[Any, Any]) -> str:
    """A finding as a sentence.

    Examples
    --------
    >>> in_words({"check": "unit slip", "product": "w", "destination": "USA", "months": "2025-04",
    ...           "found": "102400 t, 1000 times its neighbours", "suggestion": "kilograms?"})
    'w USA 2025-04: 102400 t, 1000 times its neighbours: kilograms? (unit slip)'
    """
    key = f"{finding['product']} {finding['destination']} {finding['months']}"
    return f"{key}: {finding['found']}: {finding['suggestion']} ({finding['check']})"


def worst_finding(exports: pd.DataFrame, groups: Groups | None = None) -> str:
    """The worst finding in a line with how many there are, empty where there is none that changes a forecast."""
    found = validate_exports(exports, groups)
    grave = found[found["check"].isin(ORDER[:5])]
    if grave.empty:
        return ""
    more = f" {len(grave) - 1} more: forecast validate." if len(grave) > 1 else ""
    return f"Look at this first: {in_words(grave.iloc[0].to_dict())}.{more}"


# One series -----------------------------------------------------------------------------------------------------------


def _slips(series: Monthly) -> Rows:
    """Months that would lie among their steady neighbours if they were as many times less, or more, as `SLIPS` says."""
    positive, named = _on_another_level(series)
    volumes = positive.volumes
    if len(volumes) < 4:
        return []
    gap = np.full(MONTHS_AROUND, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([gap, volumes, gap]), 2 * MONTHS_AROUND + 1)
    around = np.delete(windows, MONTHS_AROUND, axis=1)
    low, middle, high = np.nanmin(around, axis=1), np.nanmedian(around, axis=1), np.nanmax(around, axis=1)
    found = []
    for times, (more, less) in SLIPS.items():
        for factor, suggestion in ((times, more), (1 / times, less)):
            right = volumes / factor
            fits = (high <= STEADIEST * low) & (right >= middle / NEAR) & (right <= middle * NEAR)
            if fits.sum() > max(2, MOST_SLIPS * len(volumes)):
                continue
            places = np.flatnonzero(fits & ~named).tolist()
            for place in (one for one in places if _is_written_so(volumes[one], around[one], times)):
                named[place] = True
                ratio = volumes[place] / middle[place]
                words = f"{ratio:,.0f} times its neighbours" if ratio > 1 else f"1/{1 / ratio:,.0f} of its neighbours"
                slip = f"{volumes[place]:,.6g} t, {words}"
                found.append(_row("unit slip", positive.month(place), slip, suggestion))
    return found


def _is_written_so(volume: float, around: np.ndarray, times: float) -> bool:
    """Whether a figure has the digits that its neighbours would have in another unit: a small one has fewer.

    A slip of the decimal mark leaves them as they are; in kilograms there may be more.
    """
    neighbours = around[~np.isnan(around)]
    digits = _digits(volume)
    more = digits - _usual_digits(neighbours)
    small = volume < neighbours.min() and digits < LEAST_DIGITS
    return bool(more >= -1 and not small and (times > 500 or more <= 1))


def _runs_of_slips(series: Monthly) -> Rows:
    """Months that lie together on a level as far from that of the others as one unit from another, in one row."""
    positive, wrong = _on_another_level(series)
    if not wrong.any():
        return []
    places = np.flatnonzero(wrong)
    runs = [positive.where(run) for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)]
    ratio = float(np.median(positive.volumes[wrong]) / np.median(positive.volumes[~wrong]))
    times = f"{ratio:,.0f} times" if ratio > 1 else f"1/{1 / ratio:,.0f} of"
    unit = SLIPS[_apart(ratio, LEVEL_WIDTH / 4)][0 if ratio > 1 else 1]
    return [_row("unit slip", ", ".join(run.span() for run in runs), f"{len(places)} months, {times} the others", unit)]


def _on_another_level(series: Monthly) -> tuple[Monthly, np.ndarray]:
    """The months above zero, and which of them, the fewer, lie one of `CERTAIN` from the others, if in a row or many.

    Trade that begins or stops does not jump by just that factor from one steady level to another. A month without
    volume between two levels, or none for long, says nothing of units.
    """
    above = np.flatnonzero(series.volumes > 0)
    positive = series.where(above)
    steps = np.diff(np.log10(positive.volumes))
    borders = np.flatnonzero(np.abs(steps) >= min(CERTAIN.values()) - np.log10(LEVEL_WIDTH)) + 1
    together = (np.diff(above) == 1) & (np.diff(positive.ordinals) <= MONTHS_AROUND)
    parts = np.split(positive.volumes, borders)
    level = np.zeros(len(positive.volumes), dtype=int)
    for place, before, after in zip(borders.tolist(), parts, parts[1:], strict=False):
        if together[place - 1] and _are_far_apart(before[-MONTHS_AROUND:], after[:MONTHS_AROUND]):
            level[place:] += int(np.sign(steps[place - 1]))
    levels, counts = np.unique(level, return_counts=True)
    if len(levels) != 2:
        return positive, np.zeros(len(level), dtype=bool)
    wrong = level == (levels[1] if counts[1] <= counts[0] else levels[0])
    apart = not (wrong[1:] & wrong[:-1]).any()
    few = apart and wrong.sum() <= max(2, MOST_SLIPS * len(wrong))
    return positive, wrong & (not few and _are_of_two_units(positive.volumes[wrong], positive.volumes[~wrong]))


def _apart(ratio: float, width: float) -> float:
    """The factor of `CERTAIN` that a ratio, either way round, is but for ``width`` times at most; 0 for none."""
    log = abs(float(np.log10(ratio)))
    nearest = min(CERTAIN, key=lambda times: abs(log - CERTAIN[times]))
    return nearest if abs(log - CERTAIN[nearest]) <= np.log10(width) else 0.0


def _are_far_apart(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether two parts of a series are steady levels, one about as many times the other as `CERTAIN` says."""
    steady = all(part.max() <= LEVEL_WIDTH * part.min() for part in (before, after))
    ratio = float(np.median(after) / np.median(before))
    return bool(steady and len(before) + len(after) > MONTHS_AROUND and _apart(ratio, LEVEL_WIDTH / 2))


def _are_of_two_units(wrong: np.ndarray, right: np.ndarray) -> bool:
    """Whether months are, taken together too, one of `CERTAIN` from others, and written no more coarsely."""
    ratio = float(np.median(wrong) / np.median(right))
    fine = ratio > 1 or _usual_digits(wrong) >= max(_usual_digits(right) - 1, LEAST_DIGITS)
    return bool(fine and _apart(ratio, LEVEL_WIDTH / 4))


def _usual_digits(volumes: np.ndarray) -> float:
    return float(np.median([_digits(volume) for volume in volumes.tolist()]))


def _repeats(series: Monthly) -> Rows:
    """Months that repeat the last to more digits than chance would."""
    volumes = series.volumes
    same = (np.diff(volumes) == 0) & (np.diff(series.ordinals) == 1) & (volumes[1:] > 0)
    if not same.any():
        return []
    runs = volumes[np.append(True, np.diff(volumes) != 0) & (volumes > 0)]
    if len(runs) - len(np.unique(runs)) > COINCIDENCES * len(runs):
        return []
    fine = np.array([_digits(volume) >= _DIGITS for volume in volumes[1:].tolist()], dtype=bool)
    return [
        _row("repeated month", series.month(place + 1), f"{volumes[place + 1]:,.6g} t, exactly as the month before",
             "is it carried forward?")
        for place in np.flatnonzero(same & fine).tolist()
    ]  # fmt: skip


def _same_years(series: Monthly) -> Rows:
    """The months of a year that equal those of the year before, six at least."""
    both, now, before = np.intersect1d(series.ordinals, series.ordinals + 12, assume_unique=True, return_indices=True)
    filled = series.volumes[now] > 0
    years, now, before = 1970 + both[filled] // 12, now[filled], before[filled]
    found = []
    for year in np.unique(years).tolist():
        mine, theirs = series.volumes[now[years == year]], series.volumes[before[years == year]]
        if len(mine) >= 6 and (mine == theirs).all() and len(np.unique(mine)) > 1:
            words = f"{len(mine)} months equal those of {year - 1}"
            found.append(_row("repeated year", str(year), words, "is one download there under two years?"))
    return found


def _samples(series: Monthly) -> Rows:
    small = series.where((series.volumes > 0) & (series.volumes <= SAMPLE_T))
    if not len(small.volumes):
        return []
    words = f"{len(small.volumes)} of {len(series.volumes)} months of {SAMPLE_T * 1000:g} kg or less"
    return [_row("samples", small.span(), words, "samples; a forecast of them says little")]


def _code_changes(series: Monthly) -> Rows:
    """Years around a revision of the Harmonized System that differ by `BREAK` times, and of which no month overlaps."""
    found = []
    for text in NOMENCLATURE_CHANGES:
        ahead = series.ordinals - pd.Period(text, freq="M").ordinal
        before, after = series.volumes[(ahead >= -12) & (ahead < 0)], series.volumes[(ahead >= 0) & (ahead < 12)]
        if min(len(before), len(after)) < 6 or not (before.max() < after.min() or after.max() < before.min()):
            continue
        first, second = float(np.median(before)), float(np.median(after))
        near = float(np.median(before[-3:])), float(np.median(after[:3]))
        ratios = [max(one, other) / max(min(one, other), 1e-12) for one, other in ((first, second), near)]
        if min(first, second) > 0 and min(ratios) > BREAK:
            words = f"the level goes from {first:,.4g} t to {second:,.4g} t as HS codes change"
            found.append(_row("level break at a code change", text, words, "is it the same code before and after?"))
    return found


def _estimated(rows: pd.DataFrame) -> Rows:
    estimated = rows[rows["status"].astype(str) == "estimated"]
    if estimated.empty:
        return []
    words = f"{len(estimated)} of {len(rows)} weights are estimated by the source"
    return [_row("estimated weights", Monthly.of(estimated).span(), words, "rounder than they look")]


SERIES_CHECKS = [_slips, _runs_of_slips, _repeats, _same_years, _samples, _code_changes]
"""Functions of one series."""


# One product ----------------------------------------------------------------------------------------------------------


def _parts(wide: pd.DataFrame, groups: Groups) -> Rows:
    """Months in which countries add up to more than the total, or members to more than their group."""
    countries = [code for code in wide.columns if code != "WLD" and code not in groups]
    wholes = {"WLD": countries, **{code: [m for m in members if m in wide] for code, members in groups.items()}}
    found = []
    for whole, parts in wholes.items():
        if whole not in wide or not parts:
            continue
        total = wide[parts].sum(axis=1, min_count=1)
        above = wide.index[(total > 1.005 * wide[whole]) & (total - wide[whole] > 0.5)]
        if len(above):
            worst = max(above, key=lambda month: total[month] / max(wide.loc[month, whole], 1e-9))
            words = f"parts add to {total[worst]:,.6g} t, the whole is {wide.loc[worst, whole]:,.6g} t"
            more = f", and {len(above) - 1} more months" if len(above) > 1 else ""
            row = _row("parts above the whole", str(worst), words + more, "do the rows overlap, or differ in unit?")
            found.append({**row, "destination": whole})
    return found


def _vanished(wide: pd.DataFrame, groups: Groups) -> Rows:
    """Destinations with a figure in each of six months, and none in the last of the product."""
    last = wide.index[-1]
    found = []
    for code in wide.columns:
        known = wide[code].dropna().index
        gone = last - known[-1] if len(known) else None
        if gone is None or not 1 <= gone.n <= 12 or len(known) < 6 or known[-6] != known[-1] - 5:
            continue
        words = f"no figure after {known[-1]} though the product has figures to {last}"
        row = _row("vanished destination", str(known[-1] + 1), words, "missing, or zero? Write 0 where nothing went")
        found.append({**row, "destination": code})
    return found


def _partial(wide: pd.DataFrame, groups: Groups) -> Rows:
    """A last month in which fewer than half of the usual destinations have figures, or the total is a fraction."""
    if len(wide) < 7:
        return []
    counts = wide.notna().sum(axis=1)
    usual, now = counts.iloc[-7:-1].median(), counts.iloc[-1]
    if usual < 4 or now >= usual / 2:
        return []
    words = f"figures of {now} destinations, usually {usual:g}"
    row = _row("partial last month", str(wide.index[-1]), words, "leave the month out until it is complete")
    return [{**row, "destination": "ALL"}]


def _twins(wide: pd.DataFrame, groups: Groups) -> Rows:
    """Destinations whose figures are the same in every month, six at least."""
    found: Rows = []
    seen: dict[Any, Any] = {}
    for code in wide.columns:
        series = wide[code].dropna()
        if len(series) < 6 or series.nunique() < 3:
            continue
        mark = tuple(zip(series.index, series, strict=True))
        if mark in seen:
            words = f"all {len(series)} figures equal those of {seen[mark]}"
            row = _row("duplicated series", _span(series), words, "is one download there under two names?")
            found.append({**row, "destination": code})
        seen.setdefault(mark, code)
    return found


PRODUCT_CHECKS: list[Callable[[pd.DataFrame, Groups], Rows]] = [cumulative_course, _parts, _vanished, _partial, _twins]
"""Functions of all series of a product: months down, destinations across."""


def _row(check: str, months: str, found: str, suggestion: str) -> dict[str, Any]:
    return {"check": check, "months": months, "found": found, "suggestion": suggestion}


def _span(series: pd.Series) -> str:
    first, last = series.index.min(), series.index.max()
    return str(first) if first == last else f"{first} to {last}"


def _digits(volume: float) -> int:
    """Significant digits of a volume as it is written shortest."""
    return len(f"{volume:.10g}".replace(".", "").replace("-", "").strip("0"))
