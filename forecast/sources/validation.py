"""What looks wrong in a table of exports although every cell is as it must be, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

VALIDATION_COLUMNS = ["check", "product", "destination", "months", "found", "suggestion"]

MONTHS_AROUND = 3
"""Months on either side that a month is compared with."""

SLIPS = {1000.0: "kilograms?", 100.0: "hundreds of kilograms, or a slip of the decimal mark?"}
"""How many times its neighbours a month is that was written in another unit, and which."""

CLOSE = 2.0
"""How far from such a multiple a ratio may be, either way."""

SAMPLE_T = 0.01
"""Up to this many tonnes a shipment is a sample."""

NOMENCLATURE_CHANGES = ("2012-01", "2017-01", "2022-01", "2028-01")
"""Months in which the Harmonized System changes and codes move."""

BREAK = 3.0
"""Ratio of the levels around a change of codes from which it is said."""

ORDER = [
    "unit slip", "duplicated series", "repeated year", "parts above the whole", "partial last month",
    "vanished destination", "level break at a code change", "repeated month", "estimated weights", "samples",
]  # fmt: skip
"""Checks, the worst first."""

Rows = list[dict[str, Any]]
Groups = Mapping[str, Iterable[str]]


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
    latest = exports.sort_values("released", kind="stable").drop_duplicates(
        ["product", "destination", "month"], keep="last"
    )
    found: Rows = []
    for (product, destination), rows in latest.groupby(["product", "destination"], sort=True, observed=True):
        series = rows.set_index("month")["volume_t"].astype(float).sort_index()
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
    grave = found[found["check"].isin(ORDER[:4])]
    if grave.empty:
        return ""
    more = f" {len(grave) - 1} more: forecast validate." if len(grave) > 1 else ""
    return f"Look at this first: {in_words(grave.iloc[0].to_dict())}.{more}"


# One series -----------------------------------------------------------------------------------------------------------


def _slips(series: pd.Series) -> Rows:
    """Months about 1,000 or 100 times their neighbours, or that part of them."""
    positive = series[series > 0]
    found = []
    for place, (month, volume) in enumerate(positive.items()):
        around = positive.iloc[max(0, place - MONTHS_AROUND) : place + MONTHS_AROUND + 1].drop(month)
        if len(around) < 2 or around.quantile(0.75) > 8 * around.quantile(0.25):
            continue
        ratio = volume / around.median()
        for times, unit in SLIPS.items():
            if max(ratio, 1 / ratio) > times / CLOSE and max(ratio, 1 / ratio) < times * CLOSE:
                words = f"{ratio:,.0f} times its neighbours" if ratio > 1 else f"1/{1 / ratio:,.0f} of its neighbours"
                suggestion = unit if ratio > 1 else "thousands of tonnes?" if times > 500 else unit
                found.append(_row("unit slip", str(month), f"{volume:,.6g} t, {words}", suggestion))
    return found


def _repeats(series: pd.Series) -> Rows:
    """Months that repeat the last to four digits or more."""
    found = []
    pairs = list(zip(series.index, series, strict=True))
    for (before, first), (month, volume) in pairwise(pairs):
        if volume == first and volume > 0 and month == before + 1 and _digits(volume) >= 4:
            words = f"{volume:,.6g} t, exactly as the month before"
            found.append(_row("repeated month", str(month), words, "is it carried forward?"))
    return found


def _same_years(series: pd.Series) -> Rows:
    """The months of a year that equal those of the year before, six at least."""
    before = series.copy()
    before.index = before.index + 12
    both = pd.concat([series, before], axis=1, keys=["now", "before"]).dropna()
    both = both[both["now"] > 0]
    found = []
    for year, months in both.groupby([month.year for month in both.index]):
        if len(months) >= 6 and (months["now"] == months["before"]).all() and months["now"].nunique() > 1:
            words = f"{len(months)} months equal those of {int(str(year)) - 1}"
            found.append(_row("repeated year", str(year), words, "is one download there under two years?"))
    return found


def _samples(series: pd.Series) -> Rows:
    small = series[(series > 0) & (series <= SAMPLE_T)]
    if small.empty:
        return []
    words = f"{len(small)} of {len(series)} months of {SAMPLE_T * 1000:g} kg or less"
    return [_row("samples", _span(small), words, "samples; a forecast of them says little")]


def _code_changes(series: pd.Series) -> Rows:
    """Levels that differ by `BREAK` times around a revision of the Harmonized System."""
    found = []
    for text in NOMENCLATURE_CHANGES:
        start = pd.Period(text, freq="M")
        before = series[(series.index >= start - 12) & (series.index < start)]
        after = series[(series.index >= start) & (series.index < start + 12)]
        if min(len(before), len(after)) < 6 or not (before.median() > 0 and after.median() > 0):
            continue
        if abs(np.log(after.median() / before.median())) > np.log(BREAK):
            words = f"the level goes from {before.median():,.4g} t to {after.median():,.4g} t as HS codes change"
            found.append(_row("level break at a code change", text, words, "is it the same code before and after?"))
    return found


def _estimated(rows: pd.DataFrame) -> Rows:
    estimated = rows[rows["status"].astype(str) == "estimated"]
    if estimated.empty:
        return []
    words = f"{len(estimated)} of {len(rows)} weights are estimated by the source"
    return [_row("estimated weights", _span(estimated.set_index("month")["volume_t"]), words, "rounder than they look")]


SERIES_CHECKS: list[Callable[[pd.Series], Rows]] = [_slips, _repeats, _same_years, _samples, _code_changes]
"""Functions of one series, its volumes by month."""


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


PRODUCT_CHECKS: list[Callable[[pd.DataFrame, Groups], Rows]] = [_parts, _vanished, _partial, _twins]
"""Functions of all series of a product: months down, destinations across."""


def _row(check: str, months: str, found: str, suggestion: str) -> dict[str, Any]:
    return {"check": check, "months": months, "found": found, "suggestion": suggestion}


def _span(series: pd.Series) -> str:
    first, last = series.index.min(), series.index.max()
    return str(first) if first == last else f"{first} to {last}"


def _digits(volume: float) -> int:
    """Significant digits of a volume as it is written shortest."""
    return len(f"{volume:.10g}".replace(".", "").replace("-", "").strip("0"))
