"""Figures that are sums since the beginning of the year, and the months that they are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from forecast.sources.extract import Reading, unused_rows
from forecast.sources.files.sheet import Table
from forecast.tables.frames import latest_figures
from forecast.tables.read import TableError
from forecast.vocabulary.countries import listed
from forecast.vocabulary.text import counted, folded, shown
from forecast.vocabulary.words.month_names import MONTH_NAMES

_SUMMED = re.compile(
    r"\b(?:[ck]umul|ak+umuliert|ac+umul(?!ator|ador|ateur)|aufgelaufen|gecumul|narastaj|cum\b|[cf]?ytd\b"
    r"|(?<!up )to date\b"
    r"|running total|progressivo|sedert januari|depuis (?:janvier|le debut)|desde (?:enero|janeiro|o inicio|el inicio)"
    r"|(?:since|from the beginning of|seit|ab|da|od) (?:the )?(?:january|jan\b|januar|jahres|gennaio|inizio|start|year)"
    r"|from january$|jahresbeginn|en lo que va d|(?:no|do) ano ate|ate o mes|нараста|накоплен|с начала)"
    r"|累[计計積积]|至[当當]月|年初来|自年初|누계|누적"
)
"""Words, folded, for a sum since the beginning of a year; a range such as *from January 2023 to* is none."""

_OVER_MONTHS = re.compile(
    r"\b(?:rolling|moving|trailing|movil|movel|moveis|glissant\w*|gleitend\w*)\b"
    r"|\b(?:12|twelve|zwolf|douze|doce|doze) ?(?:m|months?|monate|mois|meses)\b|近12个月"
    r"|\b(?:[2-9]|1[01]|two|three|four|six|nine|zwei|drei|sechs|neun|deux|trois|dos|tres|seis) "
    r"(?:months?|monate|mois|meses) (?:to|ended|ending|sum|total|average|bis|jusqu|hasta|ate)\b|近[2-9三六]个月"
)
"""Words, folded, for sums over the last months whatever the year."""

_OTHER_YEAR = re.compile(r"\b(?:fytd|(?:fiscal|financial|crop|marketing|season\w*) year)\b|年度累")
_BEGINS = re.compile(r"\b(?:since|from|seit|ab|depuis|desde|da|od)(?: the)? (?P<after>[^\W\d_]{3,})\b"
                     r"|\b(?P<before>[^\W\d_]{3,}) to date\b")  # fmt: skip
_MONTHLY = re.compile(r"\b(?:monthly|this month|current month|(?:in|of|during) (?:the )?month|im monat|mensuel\w*"
                      r"|mensual\w*|mensal|no mes|del mes|du mois|mensile)\b|当月|當月|本月|単月|월별")  # fmt: skip

_WAY_OUT = "give the file figures of single months"

LEAST_STEPS, RISING, LEFT_IN_FIRST = 8, 0.95, 0.6
"""Steps from month to month by which figures are judged, the share of them that must not fall, and the most that the
first month of a year may be of the last before it."""


def says_cumulative(text: str) -> bool:
    """Whether a heading, a title or a label calls figures sums since the beginning of a year, or over several months.

    Examples
    --------
    >>> [says_cumulative(text) for text in ("YTD tonnes", "Kumuliert (t)", "1至当月累计", "Jan-to-date, t", "Weight")]
    [True, True, True, True, False]
    """
    words = folded(text)
    monthly = _MONTHLY.search(words.replace("至当月", "").replace("至當月", ""))
    return bool(_SUMMED.search(words) or _OVER_MONTHS.search(words)) and not monthly


def summed_in(file: str, heading: str, lines: Iterable[str], others: Iterable[str]) -> str:
    """What calls figures sums since the beginning of a year: their heading, else one of the ``lines`` beside the table.

    It is empty where they are of single months. Where one of the ``others``, which are headings too, is that of sums, a
    line may speak of it.

    Raises
    ------
    TableError
        Where they are sums over the last months, or over a year of which nothing says when it begins.
    """
    said = [heading] if says_cumulative(heading) else []
    if not said and not _MONTHLY.search(folded(heading)) and not any(map(says_cumulative, others)):
        said = [line for line in lines if says_cumulative(line)][:1]
    if not said:
        return ""
    if _OVER_MONTHS.search(folded(said[0])):
        raise TableError(f"{file}: figures are sums or means of several months ({shown(said[0])}): {_WAY_OUT}.")
    if _OTHER_YEAR.search(folded(said[0])) and not _named_first(said[0]):
        why = f"sums since the beginning of a year that is not the calendar's ({shown(said[0])})"
        raise TableError(f"{file}: figures are {why}: {_WAY_OUT}, or write 'since' and its first month in the heading.")
    return said[0]


def summed_rows(table: Table, labels: Iterable[str]) -> tuple[np.ndarray, str]:
    """Which rows one of the columns ``labels`` calls sums; where that is all of them, none, and the words for it."""
    marked, words = np.zeros(len(table.cells), dtype=bool), ""
    for heading in labels:
        column = table.coded(heading)
        said = [str(text) for text in column.cat.categories if says_cumulative(str(text))]
        words = words or next(iter(said), "")
        marked |= column.isin(said).to_numpy()
    return (np.zeros_like(marked), words) if len(marked) and marked.all() else (marked, "")


def _named_first(words: str) -> int:
    """The number of the month that is named as the first of the year; 0 where none is."""
    found = [word for match in _BEGINS.finditer(folded(words)) for word in match.groups() if word in MONTH_NAMES]
    return MONTH_NAMES[found[0]] if found else 0


def of_single_months(reading: Reading, words: str) -> Reading:
    """A table of sums since the beginning of each year as one of months: each sum less that of the month before.

    A month whose month before has no figure is left out with the reason. Nothing is changed where ``words``, which call
    the figures sums, are empty.

    Raises
    ------
    TableError
        Where the figures do not rise within the year, or there are several of one month.
    """
    if not words or reading.rows.empty:
        return reading
    first, said = _named_first(words) or 1, f"{reading.file}: {shown(words)!r} says that figures are sums"
    rows = reading.rows.reset_index(drop=True)
    series = rows.groupby(["exporter", "product", "destination"], sort=False, observed=True).ngroup().to_numpy()
    ordinals = pd.PeriodIndex(rows["month"].astype(str), freq="M").asi8
    if pd.DataFrame({"series": series, "month": ordinals}).duplicated().any():
        raise TableError(f"{said}, and some months stand there more than once: leave one figure of each month.")
    order = np.lexsort((ordinals, series))
    volume, month, group = rows["volume_t"].to_numpy(dtype=float)[order], ordinals[order], series[order]
    begins = month % 12 == first - 1
    inner = np.append(False, (np.diff(group) == 0) & (np.diff(month) == 1)) & ~begins
    step = volume - np.append(0.0, volume[:-1])
    falls = inner & (step < 0)
    if falls.sum() > (1 - RISING) * inner.sum():
        many = f"but {counted(int(falls.sum()), 'month')} of {int(inner.sum())} are below the month before"
        raise TableError(f"{said}, {many}: {_WAY_OUT}, or correct those words.")
    single = rows.iloc[order].assign(volume_t=np.where(begins, volume, _rounded(step, volume)))
    reasons = {
        "a sum since the beginning of the year, without that of the month before": ~(begins | inner),
        "a sum since the beginning of the year that is below that of the month before": falls,
    }
    lost = [unused_rows(reading.file, rows.iloc[order[mask]], why) for why, mask in reasons.items() if mask.any()]
    start = pd.Period(year=2000, month=first, freq="M").strftime("%B")
    note = f"Figures are sums since {start} of each year ({shown(words)}): each is taken less that of the month before."
    unused = pd.concat([part for part in (reading.unused, *lost) if len(part)] or [reading.unused], ignore_index=True)
    used = single[begins | (inner & ~falls)].sort_index()
    return replace(reading, rows=used, unused=unused, notes=(*reading.notes, note))


def _rounded(step: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """Differences without the noise of floats: to ten digits of the larger sum."""
    digits = 10 - np.ceil(np.log10(np.maximum(np.abs(volume), 1e-9)))
    scale = 10.0**digits
    return np.asarray(np.round(step * scale) / scale)


def cumulative_course(wide: pd.DataFrame, groups: Mapping[str, Iterable[str]]) -> list[dict[str, Any]]:
    """A finding where the figures of nearly all destinations rise in each month of each year and fall back in January.

    ``wide`` has months down and destinations across, in tonnes; ``groups`` is not looked at.
    """
    index = pd.period_range(wide.index.min(), wide.index.max(), freq="M")
    table = wide.reindex(index)
    now, before = table.to_numpy(dtype=float)[1:], table.to_numpy(dtype=float)[:-1]
    january = np.asarray(index[1:].month == 1)[:, None]
    known = ~np.isnan(now) & ~np.isnan(before) & (before > 0)
    inner, turns = known & ~january, known & january
    if inner.sum() < LEAST_STEPS or not turns.any():
        return []
    rising = float((now[inner] >= before[inner]).mean())
    strictly = float((now[inner] > before[inner]).mean())
    falling = float((now[turns] <= LEFT_IN_FIRST * before[turns]).mean())
    if rising < RISING or strictly < 0.5 or falling < RISING:
        return []
    words = f"figures rise in {rising:.0%} of the months within a year and fall back in January"
    suggestion = "are they sums since January? Write 'since January' in the heading and import again"
    span = f"{index[0]} to {index[-1]}"
    return [{"check": "cumulative figures", "destination": "ALL", "months": span, "found": words,
             "suggestion": suggestion}]  # fmt: skip


def cumulative_notes(exports: pd.DataFrame) -> list[str]:
    """A sentence on the products of ``exports`` whose figures look like sums since January; else none."""
    found = [
        str(product)
        for product, rows in latest_figures(exports).groupby("product", observed=True, sort=False)
        if cumulative_course(rows.pivot(index="month", columns="destination", values="volume_t").sort_index(), {})
    ]
    if not found:
        return []
    of = f"of {listed(found, 3)} rise within each year and fall back in January"
    return [f"Figures {of}: if they are sums since January, write 'since January' in their heading and import again."]
