"""Figures: what a series did, which events act on it, and where it is forecast to go. The only file with matplotlib.

Figures are made without pyplot, so that no window, back end or other state is touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, MonthLocator, YearLocator
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import StrMethodFormatter

from forecast.realtime.events import TIGHTENING, Members, covers_whole
from forecast.realtime.releases import Snapshot, as_of
from forecast.report.acting import ActingCalendar, since
from forecast.report.text import spoken
from forecast.safety.inert import show_letters
from forecast.tables.frames import latest_figures, records
from forecast.tables.schema import SeriesKey

YEARS_SHOWN = 4

ACTUALS_SHOWN = 12
"""A figure reaches further back where its years hold fewer actuals than these."""

_HEADROOM = 2.5
"""The axis ends at this multiple of the largest median or actual, if not before; bounds beyond are written there."""

APART = 0.022
"""Share of the width that the numbers of two events need between them to stand in one row."""

MONTHS_BEFORE_TRACK = 12
"""Months of actuals before the first issue in a hedgehog plot."""

_INK, _FAINT, OUTLOOK = "#222222", "#8a8a8a", "#009e73"
COLOURS = {"tightening": "#d55e00", "easing": "#0072b2"}
"""Colours that stay apart for every eye: the palette of Okabe and Ito. Easings are dashed as well."""

_EPOCH = date(1970, 1, 1)
_WIDTH, _HEIGHT, _LINE, _NUMBER = 9.0, 4.0, 0.19, 0.12
_LEFT, _RIGHT, _TITLE, _AXIS = 0.85, 0.25, 0.45, 0.55
"""Inches."""


@dataclass(frozen=True)
class Mark:
    """An event in a figure: where it stands (days since 1970), in which row its number, and what the list says.

    ``part`` says that it acts on a part of the destination only.
    """

    text: str
    direction: str
    part: bool
    place: float
    row: int


def plot_forecast(
    exports: pd.DataFrame,
    events: pd.DataFrame,
    groups: Members,
    forecasts: pd.DataFrame,
    product: str,
    destination: str,
    *,
    model: str = "combination",
    issued: date | None = None,
    first: pd.Period | None = None,
    names: Mapping[str, str] | None = None,
    estimates: pd.DataFrame | None = None,
) -> Figure:
    """A figure of one series: tonnes by month as known on the issue day, numbered events, and the forecast.

    A line joins neighbouring months only, so that gaps show. Each month forecast has a bar for its 80 and its 95 %
    interval and a dot for its median. Events stand on their day of effect, tightenings and easings apart, with a list
    below. Rows that are judged (`forecast.ensemble.judgement.as_judged`) have a thin line at the model's median.
    Months that ``estimates`` of the run holds, known only inside a sum, are hollow, with their 80 % interval.
    ``issued`` defaults to the latest issue day of ``forecasts``, ``first`` to the month four years before the
    cutoff, or earlier where few months are known; ``names`` gives destinations by their codes.

    Examples
    --------
    >>> import forecast as fc
    >>> tables = fc.read_exports(), fc.read_events(), fc.read_groups()
    >>> run = fc.forecast_all(*tables, products=["gallium"], destinations=["WLD"], models=["naive"])
    >>> figure = fc.plot_forecast(*tables, run.forecasts, "gallium", "WLD", model="naive")
    >>> figure.axes[0].get_ylabel()
    'tonnes a month'
    """
    known = as_of(exports, events, issued or forecasts["issued"].max())
    shown: dict[str, Any] = {"model": model, "first": first, "names": names, "estimates": estimates}
    return plot_series(known, groups, forecasts, (product, destination), **shown)


def plot_series(
    known: Snapshot,
    groups: Members,
    forecasts: pd.DataFrame,
    series: SeriesKey,
    *,
    model: str,
    first: pd.Period | None = None,
    names: Mapping[str, str] | None = None,
    estimates: pd.DataFrame | None = None,
) -> Figure:
    """The figure of `plot_forecast` from the snapshot of the issue day, for whoever draws many."""
    (product, destination), issued, names = series, known.issued, names or {}
    volume = known.volumes[product].get(destination, pd.Series(dtype=float))
    rows = _rows(forecasts, product, destination, model, issued)
    first, last = first or _first(volume, known.cutoff(product)), max([known.cutoff(product) + 1, *rows["month"]])
    history = volume.loc[first:]
    marks = event_marks(ActingCalendar(known.events, groups, product), destination, first, last, names)

    figure, axes, below = _sheet(marks)
    _draw_history(axes, history)
    if estimates is not None:
        _draw_estimates(axes, _of_series(estimates, product, destination, issued), first)
    _draw_forecast(axes, rows)
    _limit(axes, history, rows, first, last)
    _dress(axes, last.ordinal - first.ordinal)
    _draw_marks(axes, marks)
    _write_key(below, marks, model, judged=not _judged(rows).empty)
    _write_titles(figure, f"{spoken(product)}: {names.get(destination, destination)}", rows, issued)
    show_letters(figure)
    return figure


def _rows(forecasts: pd.DataFrame, product: str, destination: str, model: str, issued: date) -> pd.DataFrame:
    return _of_series(forecasts[forecasts["model"] == model], product, destination, issued)


def _of_series(table: pd.DataFrame, product: str, destination: str, issued: date) -> pd.DataFrame:
    of_series = (table["product"] == product) & (table["destination"] == destination)
    return table[of_series & (table["issued"] == issued)]


def _first(volume: pd.Series, cutoff: pd.Period) -> pd.Period:
    months: list[pd.Period] = [cutoff - 12 * YEARS_SHOWN, *volume.dropna().index[-ACTUALS_SHOWN:]]
    return min(months)


def event_marks(
    calendar: ActingCalendar, destination: str, first: pd.Period, last: pd.Period, names: Mapping[str, str]
) -> list[Mark]:
    """The events that take effect from ``first`` to ``last``, in order; before them those that already act throughout.

    Numbers that would touch are put in rows, the lowest that is free.
    """
    begin, end = first.start_time.date(), last.end_time.date()
    still = {event.event for find in (calendar.acting, calendar.ended) for event in find(destination, last)}
    events = [event for event in calendar.on(destination) if event.effective < (event.ends or date.max)]
    shown = [event for event in events if event.effective <= end and (event.effective >= begin or event.event in still)]
    marks: list[Mark] = []
    rightmost: list[float] = []
    for event in shown:
        place = max(_place(event.effective), _place(begin))
        free = [row for row, right in enumerate(rightmost) if place - right > APART * (_place(end) - _place(begin))]
        row = min(free, default=len(rightmost))
        rightmost[row : row + 1] = [place]
        part = not covers_whole(event.destinations, destination, calendar.groups)
        direction = "tightening" if event.kind in TIGHTENING else "easing"
        marks.append(Mark(f"{spoken(event.kind)} {since(event, names)}", direction, part, place, row))
    return marks


def _place(day: date) -> float:
    """Where a day stands on the axis: days since 1970."""
    return float((day - _EPOCH).days)


def _month(month: pd.Period) -> tuple[float, float]:
    """Where a month begins and ends."""
    return _place(month.start_time.date()), _place((month + 1).start_time.date())


# Parts ---------------------------------------------------------------------------------------------------------------


def _sheet(marks: Sequence[Mark]) -> tuple[Figure, Axes, Axes]:
    """A figure with axes for the series and, below, axes in inches for the key and the list of events."""
    key = (_lines(marks) + 2) * _LINE
    title = _TITLE + _NUMBER * (1 + max([mark.row for mark in marks], default=0))
    height = _HEIGHT + title + _AXIS + key
    figure = Figure(figsize=(_WIDTH, height), dpi=150, facecolor="white")
    width = _WIDTH - _LEFT - _RIGHT
    axes = figure.add_axes((_LEFT / _WIDTH, (key + _AXIS) / height, width / _WIDTH, _HEIGHT / height))
    below = figure.add_axes((_LEFT / _WIDTH, 0.0, width / _WIDTH, key / height))
    below.set(xlim=(0, width), ylim=(key, 0))
    below.axis("off")
    return figure, axes, below


def _lines(marks: Sequence[Mark]) -> int:
    """Lines of the list of events in two columns."""
    return -(-len(marks) // 2)


def _draw_history(axes: Axes, history: pd.Series) -> None:
    places = [sum(_month(month)) / 2 for month in history.index]
    axes.plot(places, history.to_numpy(), color=_INK, linewidth=1.1, marker="o", markersize=3, zorder=3)


def _draw_estimates(axes: Axes, rows: pd.DataFrame, first: pd.Period) -> None:
    """A hollow dot with a whisker over its 80 % interval for each month known only inside a sum."""
    for row in records(rows[rows["month"] >= first]):
        place = sum(_month(row.month)) / 2
        axes.plot([place, place], [row.lower_80, row.upper_80], color=_FAINT, linewidth=1.0, zorder=2)
        axes.plot(place, row.volume_t, "o", color=_FAINT, markerfacecolor="white", markersize=4, zorder=3)


def _draw_forecast(axes: Axes, rows: pd.DataFrame) -> None:
    """Two bars as wide as the month, and a dot on the median, for each month forecast."""
    for row in records(rows):
        start, end = _month(row.month)
        for level, strength in ((95, 0.25), (80, 0.5)):
            low, high = getattr(row, f"lower_{level}"), getattr(row, f"upper_{level}")
            bar = Rectangle((start, low), end - start, high - low, color=OUTLOOK, alpha=strength, linewidth=0, zorder=2)
            axes.add_patch(bar)
    for row in records(_judged(rows)):
        axes.plot(_month(row.month), [row.model_t] * 2, color=_INK, linewidth=0.9, zorder=4)
    places = [sum(_month(month)) / 2 for month in rows["month"]]
    axes.plot(places, rows["volume_t"], "D", color=OUTLOOK, markersize=5, markeredgecolor=_INK, zorder=4)


def _judged(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that somebody judged: they have the model's median as ``model_t``."""
    return rows[rows["model_t"].notna()] if "model_t" in rows else rows.iloc[:0]


def _limit(axes: Axes, history: pd.Series, rows: pd.DataFrame, first: pd.Period, last: pd.Period) -> None:
    """Axes from zero to above what was and what is expected; bounds far beyond that are written at the edge."""
    largest = max([*history.dropna(), *rows["volume_t"], *_judged(rows).get("model_t", [])], default=0.0) or 1.0
    top = 1.1 * max([largest, *rows["upper_95"].clip(upper=_HEADROOM * largest)])
    axes.set(xlim=(_month(first)[0], _month(last + 1)[1]), ylim=(0, top))
    beyond = [(level, rows[f"upper_{level}"].max()) for level in (80, 95)]
    written = [f"{level} % up to {upper:,.0f} t" for level, upper in beyond if upper > top]
    if written:
        ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        place = _month(rows["month"].min())[0] - 8
        axes.text(place, 0.99 * top, ", ".join(written), ha="right", va="top", fontsize=8, color=OUTLOOK, bbox=ground)


def _dress(axes: Axes, months: int) -> None:
    """Labels with units, dates as in the tables, and a light grid."""
    axes.set_xlabel("month", fontsize=9)
    axes.set_ylabel("tonnes a month", fontsize=9)
    half_years = MonthLocator(bymonth=(1, 7))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(half_years if months <= 72 else YearLocator())  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%Y-%m"))  # type: ignore[no-untyped-call]
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)


def _draw_marks(axes: Axes, marks: Sequence[Mark]) -> None:
    """A line on the day of effect of each event, faint where it acts on a part, and its number above."""
    for number, mark in enumerate(marks, start=1):
        colour = COLOURS[mark.direction]
        axes.axvline(mark.place, color=colour, linestyle=_stroke(mark), linewidth=0.9, alpha=0.3 if mark.part else 0.9,
                     zorder=1)  # fmt: skip
        axes.annotate(
            str(number), (mark.place, 1.0), (0, 2 + 72 * _NUMBER * mark.row), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="center", va="bottom", fontsize=7, color=colour,
        )  # fmt: skip


def _stroke(mark: Mark) -> Literal["-", "--"]:
    return "-" if mark.direction == "tightening" else "--"


def _write_key(below: Axes, marks: Sequence[Mark], model: str, *, judged: bool) -> None:
    """What lines and colours mean, then the events by number in two columns."""
    events = {mark.direction: Line2D([], [], color=COLOURS[mark.direction], linestyle=_stroke(mark)) for mark in marks}
    handles: dict[str, Artist] = {
        "actual": Line2D([], [], color=_INK, marker="o", markersize=3, linewidth=1.1),
        "judged forecast" if judged else f"median forecast ({spoken(model)})": Line2D(
            [], [], color=OUTLOOK, marker="D", markersize=5, markeredgecolor=_INK, linewidth=0
        ),
        **({spoken(model): Line2D([], [], color=_INK, linewidth=0.9)} if judged else {}),
        "80 %": Patch(color=OUTLOOK, alpha=0.6, linewidth=0),
        "95 %": Patch(color=OUTLOOK, alpha=0.25, linewidth=0),
        **{direction: events[direction] for direction in COLOURS if direction in events},
    }
    if any(mark.part for mark in marks):
        handles["faint: on a part"] = Line2D([], [], color=_FAINT, alpha=0.5, linewidth=0.9)
    below.legend(handles.values(), handles.keys(), loc="upper left", ncols=len(handles), fontsize=8, frameon=False,
                 borderpad=0, borderaxespad=0, columnspacing=1.4, handletextpad=0.5)  # fmt: skip
    for place, mark in enumerate(marks):
        column, line = divmod(place, _lines(marks))
        where = (column * below.get_xlim()[1] / 2, (line + 1.6) * _LINE)
        below.text(*where, f"{place + 1}  {mark.text}", fontsize=7.5, va="center", color=COLOURS[mark.direction])


def _write_titles(figure: Figure, what: str, rows: pd.DataFrame, issued: date) -> None:
    months = [str(month) for month in sorted(set(rows["month"]))]
    of_months = f"forecast for {' to '.join(dict.fromkeys([months[0], months[-1]]))}" if months else "no forecast"
    left, height = _LEFT / _WIDTH, figure.get_figheight()
    figure.text(left, 1 - 0.12 / height, f"Exports of {what}", fontsize=11, weight="bold", va="top", color=_INK)
    figure.text(1 - _RIGHT / _WIDTH, 1 - 0.14 / height, f"{of_months}, issued {issued}", fontsize=8.5, va="top",
                ha="right", color=_FAINT)  # fmt: skip


def plot_track(
    exports: pd.DataFrame, forecasts: pd.DataFrame, product: str, model: str, code: str, name: str
) -> Figure:
    """A hedgehog plot of one series: the actual by month, and from the cutoff of each issue its medians with 80 % bars.

    ``exports`` are the figures as known (of a month the latest release counts), ``forecasts`` every issue's rows.
    """
    own = exports[(exports["product"] == product) & (exports["destination"] == code)]
    volume = latest_figures(own).set_index("month")["volume_t"].sort_index()
    chosen = forecasts["product"].eq(product) & forecasts["destination"].eq(code) & forecasts["model"].eq(model)
    rows = forecasts[chosen]
    figure = Figure(figsize=(_WIDTH, 3.6), dpi=150, layout="constrained", facecolor="white")
    axes = figure.subplots()
    since = min(rows["cutoff"]) - MONTHS_BEFORE_TRACK if len(rows) else volume.index.min()
    shown = volume.loc[since:]
    axes.plot(pd.PeriodIndex(shown.index).to_timestamp(), shown.to_numpy(), color=_INK, linewidth=1.6, label="actual")
    for _, issue in rows.groupby("issued", sort=True):
        _draw_spine(axes, issue, volume)
    axes.set_ylabel("tonnes a month")
    axes.set_ylim(bottom=0)
    axes.set_title(f"{spoken(product)}: {name}, what was issued and the actual", loc="left", fontsize=10)
    axes.plot([], [], color=OUTLOOK, marker="o", markersize=3, label=f"{spoken(model)} as issued, 80 % interval")
    axes.legend(loc="best", fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _draw_spine(axes: Axes, issue: pd.DataFrame, volume: pd.Series) -> None:
    """One issue: a line from the last figure known through its medians."""
    rows = issue.sort_values("month").drop_duplicates("month")
    months = rows["month"].dt.to_timestamp()
    last = rows["last_known"].iloc[0]
    start = [volume[last]] if last in volume.index else []
    places = [*([last.to_timestamp()] if start else []), *months]
    axes.plot(places, [*start, *rows["volume_t"]], color=OUTLOOK, linewidth=0.8, alpha=0.8)
    axes.plot(months, rows["volume_t"].to_numpy(), "o", color=OUTLOOK, markersize=3)
    axes.vlines(months, rows["lower_80"], rows["upper_80"], color=OUTLOOK, linewidth=1.2, alpha=0.35)
