"""One table of several files: figures that agree are one, later ones revise earlier ones, the rest is a question."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from forecast.sources.extract import KEY, UNUSED_COLUMNS, unused_rows
from forecast.tables.frames import latest_figures, stacked
from forecast.tables.read import TableError
from forecast.tables.schema import FIGURE_KEY, SeriesKey
from forecast.vocabulary.countries import listed
from forecast.vocabulary.units import POUND_T

AGREEMENT = 1e-6
"""Relative difference up to which two figures of one month are the same, rounding apart."""

MOST_QUESTIONS = 3
"""Conflicts that are spelt out."""

LEAST_ALONE = 12
"""Months from which a series stands by itself beside another of the same product and destination."""

MONTHS_IN_COMMON, _WITHIN, _EXACTLY = 3, 0.18, 0.001
"""Months from which units are compared, and how near to a factor the logarithm of the ratio must be: in the median, or
in every month where figures can differ by such a factor in one unit too.
"""

_POUNDS = math.log10(1e-3 / POUND_T)
_OTHER_UNITS = {
    6.0: ("1,000,000 times", "g"),
    3 + _POUNDS: ("2,205 times", "lb"),
    3.0: ("1,000 times", "kg"),
    _POUNDS: ("2.2046 times", "lb"),
    -_POUNDS: ("1/2.2046 of", "kg"),
    -3.0: ("a thousandth of", "kt"),
    -3 - _POUNDS: ("1/2,205 of", "t"),
    -6.0: ("a millionth of", "mmt"),
}
"""By the logarithm of a factor the words for it, and the unit that figures are in which are as many times others."""


@dataclass(frozen=True)
class Joined:
    """Rows with one figure per key, those that were left out, and what was done in words."""

    rows: pd.DataFrame
    unused: pd.DataFrame
    notes: list[str]


def joined_sources(rows: pd.DataFrame) -> Joined:
    """``rows`` of all files (columns of a `Reading`) as one table.

    Rows of one key that agree are joined. Where they differ, figures with another stated release are vintages; a
    figure whose release is a rule's gives way to one of a stated later release.

    Raises
    ------
    TableError
        Where figures of one key differ and nothing says which is later: both numbers, and the way out.
    """
    repeated = rows.duplicated(KEY, keep=False)
    if not repeated.any():
        return _without_echoes(rows, pd.DataFrame(columns=UNUSED_COLUMNS), [])
    first = rows[repeated].groupby(KEY, sort=False, observed=True)["volume_t"].transform("first")
    scale = pd.concat([first.abs(), rows.loc[repeated, "volume_t"].abs()], axis=1).max(axis=1)
    here = rows.loc[repeated, "volume_t"]
    differ = ((here - first).abs() > AGREEMENT * scale) | (here.isna() != first.isna())
    if differ.any():
        raise TableError(*_questions(rows[repeated], differ))
    again = rows.duplicated(KEY)
    notes = [f"{int(again.sum()):,} figures stand in the files more than once and agree: each is used once."]
    return _without_echoes(rows[~again], unused_rows("", rows[again], "the same figure stands already above"), notes)


def _without_echoes(rows: pd.DataFrame, unused: pd.DataFrame, notes: list[str]) -> Joined:
    """Vintages that repeat the figure of the release before are left out; the others revise it."""
    key = KEY[:-1]
    several = rows.duplicated(key, keep=False)
    if not several.any():
        return Joined(rows, unused, notes)
    ordered = rows[several].assign(released=rows["released"].astype(str)).sort_values("released", kind="stable")
    before = ordered.groupby(key, sort=False, observed=True)["volume_t"].shift()
    echo = (ordered["volume_t"] - before).abs() <= AGREEMENT * before.abs()
    revised = int((~echo & before.notna() & ordered["volume_t"].notna()).sum())
    withdrawn = int(ordered["volume_t"].isna().sum())
    if withdrawn:
        notes = [*notes, f"{withdrawn:,} figures are withdrawn by a later release: unknown from its day on."]
    if revised:
        notes = [*notes, f"{revised:,} figures are revised by a later release: both are kept, each from its own day."]
    again = ordered.index[echo]
    reason = "a later release repeats the figure"
    return Joined(rows.drop(index=again), pd.concat([unused, unused_rows("", rows.loc[again], reason)]), notes)


def _tonnes(volume: float) -> str:
    return f"{volume:g} t" if volume == volume else "withdrawn"


def _questions(rows: pd.DataFrame, differ: pd.Series) -> list[str]:
    """A sentence for the first conflicts, and how many there are."""
    said = []
    for _, one in rows[differ].head(MOST_QUESTIONS).iterrows():
        same = rows[(rows[KEY] == one[KEY]).all(axis=1)].iloc[0]
        where = f"{same['file']} row {same['row']}" if same["file"] != one["file"] else f"row {same['row']}"
        said.append(
            f"{one['file']} row {one['row']}: {one['product']} {one['destination']} {one['month']} is "
            f"{_tonnes(one['volume_t'])} here "
            f"and {_tonnes(same['volume_t'])} in {where}. Which holds?"
        )
    count = int(differ.sum())
    more = f" ({count:,} such figures)" if count > MOST_QUESTIONS else ""
    sheets = rows["file"].astype(str).unique()
    if len(sheets) > 1 and all(" [" in name for name in sheets) and len({name.split(" [")[0] for name in sheets}) == 1:
        return [*said, f"Sheets of one workbook differ{more}: leave out all but one, or name each after its product."]
    said.append(
        f"Figures of one month differ{more}: leave out one file, import the newer with --released YYYY-MM-DD so that "
        "it revises "
        "the older, or download without the breakdown that makes several rows of one month."
    )
    return said


# Tables beside each other --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TableOfFiles:
    """A table of exports, its ``name`` in sentences, and the ``files`` of its series where it has several."""

    name: str
    exports: pd.DataFrame
    files: Mapping[SeriesKey, str]


def in_order_of_right(sources: Sequence[TableOfFiles]) -> tuple[pd.DataFrame, list[str]]:
    """One table of several, a series of a later one only where no earlier one has it, and a sentence on what gave way.

    A series of less than `LEAST_ALONE` months, as a file of the newest ones has, is joined month by month to that of a
    later one. Nothing is said of a series that gave way to the same figures.
    """
    kept = [sources[0].exports]
    said: list[str] = []
    names: dict[SeriesKey, str] = {}
    for before, source in pairwise(sources):
        names = {**{key: before.files.get(key, before.name) for key in _series(before.exports).unique()}, **names}
        own = stacked(kept)
        taken = _gives_way(source.exports, own)
        if taken.any():
            said += _replaced(own, source.exports[taken], names, source.name)
        kept = [source.exports[~taken], *kept]
    return stacked(kept).reset_index(drop=True), said


def _gives_way(other: pd.DataFrame, own: pd.DataFrame) -> np.ndarray:
    """Which rows of ``other`` have ``own`` figures in their place: of whole series, and of months of short ones."""
    months = own.groupby(["product", "destination"], observed=True)["month"].nunique()
    figure = pd.MultiIndex.from_frame(other[FIGURE_KEY]).isin(pd.MultiIndex.from_frame(own[FIGURE_KEY]))
    return np.asarray(figure | _series(other).isin(months.index[months >= LEAST_ALONE]))


def _series(exports: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(exports[["product", "destination"]])


def _replaced(own: pd.DataFrame, other: pd.DataFrame, names: Mapping[SeriesKey, str], source: str) -> list[str]:
    """A sentence for each file that has series in place of others: which, and how many figures for how many."""
    both = _side_by_side(own, other)
    unlike = ~((both["own"] - both["other"]).abs() <= AGREEMENT * both["other"].abs())
    differs = unlike[both["other"].notna()].groupby(both["series"], sort=False).any()
    gave_way = both[both["series"].isin(differs.index[differs])]
    said = []
    for file, rows in gave_way.groupby(gave_way["series"].map(names), sort=False):
        counts = rows.groupby("series", sort=False)[["own", "other"]].count()
        words = [f"{' '.join(key)} ({mine} for {theirs})" for key, mine, theirs in counts.itertuples()]
        total = f"{counts['own'].sum():,} figures are taken in place of {counts['other'].sum():,} of {source}"
        said.append(f"{file}: {total}: {listed(words, longest=80)}.")
    return said


def _side_by_side(own: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """The latest figures of the series that are in both tables: ``series``, ``own`` and ``other``, a row a month."""
    mine, theirs = (latest_figures(table) for table in (own, other))
    mine = mine[_series(mine).isin(_series(theirs))]
    columns = [table.set_index(FIGURE_KEY)["volume_t"] for table in (mine, theirs)]
    both = pd.concat(columns, axis=1, keys=["own", "other"])
    both["series"] = pd.Series([(str(product), str(code)) for product, code, _ in both.index], both.index, dtype=object)
    return both.reset_index(drop=True)


def other_unit(own: pd.DataFrame, other: pd.DataFrame, source: str) -> str:
    """A sentence on series that are in the same months one of `_OTHER_UNITS` times those of ``other``; else empty."""
    both = _side_by_side(own, other)
    both = both[(both["own"] > 0) & (both["other"] > 0)]
    if both.empty:
        return ""
    logs = (both["own"] / both["other"]).map(math.log10).groupby(both["series"], sort=False)
    named = {key: (factor, len(of_key)) for key, of_key in logs if (factor := _factor(of_key)) is not None}
    if not named:
        return ""
    first = next(iter(named.values()))[0]
    words = [f"{' '.join(map(str, key))} ({many} months)" for key, (factor, many) in named.items() if factor == first]
    times, unit = _OTHER_UNITS[first]
    how = f"forecast import FILE --unit {unit} reads them so"
    return f"Figures are {times} those of {source} in the same months: {listed(words, longest=80)}: {how}."


def _factor(logs: pd.Series) -> float | None:
    """The logarithm of `_OTHER_UNITS` that those of ratios of one series are; None for any other."""
    nearest = min(_OTHER_UNITS, key=lambda factor: abs(float(logs.median()) - factor))
    apart = (logs - nearest).abs()
    fits = apart.max() <= _EXACTLY if abs(nearest) < 1 else abs(float(logs.median()) - nearest) <= _WITHIN
    return nearest if len(logs) >= MONTHS_IN_COMMON and fits else None
