"""Figures of a backtest: forecasts against actuals, misses by month, errors, calibration, what events added.

What has a colour (palette of Okabe and Ito) has a shape or a line of its own too, and every axis has its unit.
Figures are made without pyplot, so no window or back end is touched.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from forecast.realtime.events import TIGHTENING
from forecast.report.page.analysis import (
    added_by_events,
    calendar_of,
    calendar_on,
    interval_counts,
    main_destinations,
    miss_factors,
    series_rows,
    where_actuals_fell,
)
from forecast.report.page.run_tables import Replay, actuals_of
from forecast.report.text import spoken, times
from forecast.safety.inert import show_letters
from forecast.scoring.significance import Measure
from forecast.tables.frames import records

INK, FAINT, BLUE, ORANGE, GREEN = "#222222", "#8a8a8a", "#0072b2", "#d55e00", "#009e73"
BAND_95, BAND_80 = "#cfe3f1", "#8fbfe0"
MARKS = {
    "naive": ("o", "#8a8a8a"),
    "seasonal_naive": ("s", "#222222"),
    "theta": ("^", "#009e73"),
    "arima": ("v", "#cc79a7"),
    "ets": ("<", "#117733"),
    "ces": (">", "#882255"),
    "prophet": ("P", "#d55e00"),
    "pooled": ("X", "#e69f00"),
    "combination": ("D", "#0072b2"),
}
OTHER_MARK = ("*", "#56b4e9")
DIRECTIONS: dict[str, tuple[str, Any]] = {"tightening": (ORANGE, "-"), "easing": (GREEN, (0, (4, 2)))}
PHASE_NAMES = {"phase=event": "event", "phase=after": "three months after", "phase=calm": "calm"}

HEADROOM = 1.7
"""The axis ends at this multiple of the largest actual or median, if not before; bounds beyond are cut."""

LEAST = 1e-6
"""Actuals and medians below this share of the highest bound are as good as zero: the bounds set the axis."""

FACTOR_STEPS = (0.0, 1 / 4, 1 / 2, 1 / 1.5, 1 / 1.2, 1.2, 1.5, 2.0, 4.0, np.inf)
"""Classes of forecast over actual in the table of misses: far too low, ..., about right, ..., far too high."""

FACTOR_COLOURS = (
    "#b35806", "#e08214", "#fdb863", "#fee0b6", "#f7f7f7", "#d8daeb", "#b2abd2", "#8073ac", "#542788",
)  # fmt: skip

_WIDTH, _DPI = 11.0, 170


@dataclass(frozen=True)
class Picture:
    """A figure that a notebook shows, with words for those who cannot see it."""

    figure: Figure
    words: str

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, bytes], dict[str, dict[str, Any]]]:
        stream = io.BytesIO()
        show_letters(self.figure)
        self.figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
        width = round(self.figure.get_figwidth() * 100)
        return {"image/png": stream.getvalue()}, {"image/png": {"width": width, "alt": self.words}}


def _figure(height: float, width: float = _WIDTH) -> Figure:
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def _quiet(axes: Axes, grid: str = "y") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9, colors=INK)
    axes.grid(axis=grid, color="#e6e6e6", linewidth=0.7)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def _days(months: Iterable[pd.Period]) -> list[float]:
    """Where months stand on an axis of days: on their fifteenth."""
    return [_place(month.start_time.date().replace(day=15)) for month in months]


def _place(day: date) -> float:
    return float(date2num(day))  # type: ignore[no-untyped-call]


# Forecasts and actuals -----------------------------------------------------------------------------------------------


def forecasts_and_actuals(replay: Replay, product: str) -> Picture:
    """One panel per main destination: tonnes a month, the shown model's forecasts, and the events."""
    codes = main_destinations(replay, product)
    columns = min(2, len(codes))
    rows = -(-len(codes) // columns)
    figure = Figure(figsize=(_WIDTH, 0.7 + 3.1 * rows), layout=ConstrainedLayoutEngine(h_pad=0.12), facecolor="white")
    panels = figure.subplots(rows, columns, squeeze=False)
    calendar = calendar_of(replay, product)
    own = {code: calendar_on(calendar, product, code) for code in codes}
    for place, (panel, code) in enumerate(zip(panels.flat, codes, strict=False)):
        beside = codes[place - place % columns :][:columns]
        _draw_series(panel, replay, product, code, own[code])
        panel.set_title(_panel_title(replay, product, code), loc="left", fontsize=10.5, color=INK,
                        pad=max(_strip(own[other]) for other in beside))  # fmt: skip
    for panel in panels.flat[len(codes) :]:
        panel.set_visible(False)
    figure.legend(handles=_series_legend(replay.shown), loc="outside upper left", ncols=6, frameon=False, fontsize=9)
    names = ", ".join(replay.name(code) for code in codes)
    return Picture(figure, f"{spoken(product)}: forecasts of {replay.shown} and actual tonnes a month for {names}.")


def _draw_series(axes: Axes, replay: Replay, product: str, code: str, events: pd.DataFrame) -> None:
    rows = series_rows(replay, product, code)
    actual = actuals_of(replay, product, code)
    first, last = rows["month"].min() - 3, rows["month"].max()
    actual = actual[(actual.index >= first) & (actual.index <= last)]
    highest = max(actual.max(), rows["upper_95"].max())
    top = HEADROOM * max(actual.max(), rows["volume_t"].max())
    _draw_bands(axes, rows)
    _draw_line(axes, actual)
    axes.plot(_days(rows["month"]), rows["volume_t"], "D", color=BLUE, markersize=4.5, markeredgecolor="white",
              markeredgewidth=0.6)  # fmt: skip
    axes.set_ylim(0, min(top if top > LEAST * highest else HEADROOM * rows["upper_80"].max(), 1.08 * highest) or 1.0)
    _month_axis(axes, first, last)
    _mark_events(axes, events, first, last)
    axes.set_ylabel("tonnes a month", fontsize=9, color=INK)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda volume, _: f"{volume:,.6g}"))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    _quiet(axes)


def _panel_title(replay: Replay, product: str, code: str) -> str:
    return f"{replay.name(code)} (n = {len(series_rows(replay, product, code))})"


def _draw_bands(axes: Axes, rows: pd.DataFrame) -> None:
    days = _days(rows["month"])
    for level, colour in ((95, BAND_95), (80, BAND_80)):
        low, high = rows[f"lower_{level}"], rows[f"upper_{level}"]
        axes.bar(days, high - low, bottom=low, width=26, color=colour, linewidth=0)


def _draw_line(axes: Axes, actual: pd.Series) -> None:
    """A line joins neighbouring months only, so that gaps show."""
    whole = actual.reindex(pd.period_range(actual.index.min(), actual.index.max(), freq="M"))
    axes.plot(_days(whole.index), whole.to_numpy(), "-o", color=INK, markersize=3.2, linewidth=1.2)


def _month_axis(axes: Axes, first: pd.Period, last: pd.Period) -> None:
    axes.set_xlim(_place(first.start_time.date()), _place(last.end_time.date()))
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))  # type: ignore[no-untyped-call]


def _by_month(events: pd.DataFrame) -> list[tuple[pd.Period, pd.DataFrame]]:
    months = [pd.Period(effective, "M") for effective in events["effective"]]
    return [(month, rows) for month, rows in events.groupby(pd.PeriodIndex(months, freq="M"), sort=True)]


def _strip(events: pd.DataFrame) -> float:
    """Points that the numbers of events need above the panel."""
    return 6 + 10.5 * max((len(rows) for _, rows in _by_month(events)), default=0)


def _mark_events(axes: Axes, events: pd.DataFrame, first: pd.Period, last: pd.Period) -> None:
    """A line on each day of effect, and the numbers of a month's events one above the other over the panel."""
    for month, rows in _by_month(events):
        if not first <= month <= last:
            continue
        for place, event in enumerate(records(rows)):
            colour, style = DIRECTIONS["tightening" if event.kind in TIGHTENING else "easing"]
            axes.axvline(_place(event.effective), color=colour, linestyle=style, linewidth=1.0, alpha=0.8)
            axes.annotate(
                str(event.number), (_days([month])[0], 1.0), xycoords=("data", "axes fraction"), ha="center",
                xytext=(0, 3 + 10.5 * place), textcoords="offset points", fontsize=8, color=colour, fontweight="bold",
                annotation_clip=False,
            )  # fmt: skip


def _series_legend(model: str) -> list[Any]:
    return [
        Line2D([], [], color=INK, marker="o", markersize=4, label="actual"),
        Line2D([], [], color=BLUE, marker="D", linestyle="", markersize=5, label=f"{model}: median"),
        Patch(color=BAND_80, label="80 %"),
        Patch(color=BAND_95, label="95 %"),
        *(
            Line2D([], [], color=colour, linestyle=style, label=f"{name} takes effect")
            for name, (colour, style) in DIRECTIONS.items()
        ),
    ]


# Misses by month -----------------------------------------------------------------------------------------------------


def misses_by_month(replay: Replay, product: str, most: int = 3) -> Picture:
    """Forecast over actual of every model and month, for the largest destinations: who was hurt when."""
    codes = main_destinations(replay, product, most)
    tables = [miss_factors(replay, product, code) for code in codes]
    heights = [len(table) for table in tables]
    figure = _figure(0.9 + sum(0.34 * height + 0.75 for height in heights))
    panels = figure.subplots(len(codes), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, code, table in zip(panels, codes, tables, strict=True):
        _draw_factors(axes, table, replay.name(code))
    figure.legend(handles=_factor_legend(), loc="outside lower center", ncols=9, frameon=False, fontsize=8.5,
                  title="forecast over actual", title_fontsize=9)  # fmt: skip
    names = ", ".join(replay.name(code) for code in codes)
    return Picture(figure, f"{spoken(product)}: forecast over actual by model and month for {names}.")


def _draw_factors(axes: Axes, table: pd.DataFrame, name: str) -> None:
    shades = ListedColormap(FACTOR_COLOURS)
    edges = np.arange(len(FACTOR_STEPS))
    classes = np.searchsorted(FACTOR_STEPS[1:-1], table.to_numpy(), side="right").astype(float)
    classes[table.isna().to_numpy()] = np.nan
    axes.pcolormesh(np.ma.masked_invalid(classes), cmap=shades, norm=BoundaryNorm(edges - 0.5, shades.N),
                    edgecolors="white", linewidth=1.5)  # fmt: skip
    size = 8 if table.shape[1] <= 22 else 6.5
    for (row, column), factor in np.ndenumerate(table.to_numpy()):
        if not np.isnan(factor):
            dark = classes[row, column] in (0, 7, 8)
            axes.text(column + 0.5, row + 0.5, times(factor), ha="center", va="center", fontsize=size,
                      color="white" if dark else INK)  # fmt: skip
    axes.set_yticks(np.arange(len(table)) + 0.5, table.index, fontsize=9)
    axes.set_xticks(
        np.arange(table.shape[1]) + 0.5, [_short(month) for month in pd.PeriodIndex(table.columns)], fontsize=8
    )
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(name, loc="left", fontsize=10.5, color=INK)


def _short(month: pd.Period) -> str:
    return f"{month:%b}\n{month:%Y}" if month.month == 1 else f"{month:%b}\n{month:%y}"


def _factor_legend() -> list[Patch]:
    names = ["under ¼", "¼ to ½", "½ to 0.67", "0.67 to 0.83", "about right", "1.2 to 1.5", "1.5 to 2", "2 to 4",
             "over 4"]  # fmt: skip
    return [
        Patch(facecolor=colour, edgecolor="#bbbbbb", label=name)
        for colour, name in zip(FACTOR_COLOURS, names, strict=True)
    ]


# Errors --------------------------------------------------------------------------------------------------------------


def errors(replay: Replay, product: str, most: int = 8) -> Picture:
    """Mean absolute error over mean actual (WAPE), by phase and by destination: a dot per model.

    Hollow where a model has fewer than half as many forecasts as the shown one, whose n stands at the axis.
    """
    places = [f"destination={code}" for code in main_destinations(replay, product, most)]
    scores = replay.scores[replay.scores["product"] == product]
    phases = [label for label in PHASE_NAMES if label in set(scores["slice"])]
    labels = [phases, places] if phases else [places]
    names = PHASE_NAMES | {label: replay.name(label.partition("=")[2]) for label in places}
    figure = _figure(1.1 + 0.5 * max(len(part) for part in labels))
    panels = figure.subplots(1, len(labels), squeeze=False)[0]
    for axes, part in zip(panels, labels, strict=True):
        _draw_dots(axes, replay, scores, part, names)
    handles = [Line2D([], [], label=model, **_style(model)) for model in replay.models]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), frameon=False, fontsize=9)
    shown = "error of every model as a share of the mean actual, by phase and place"
    return Picture(figure, f"{spoken(product)}: {shown}.")


def _draw_dots(axes: Axes, replay: Replay, scores: pd.DataFrame, labels: Sequence[str], names: dict[str, str]) -> None:
    count = len(replay.models)
    shown = scores[scores["model"] == replay.shown].set_index("slice")["n"]
    for place, label in enumerate(labels):
        for row in records(scores[scores["slice"] == label]):
            shift = 0.6 * (replay.models.index(row.model) / max(count - 1, 1) - 0.5)
            few = row.n < shown.get(label, 0) / 2
            axes.plot(100 * row.wape, place + shift, **_style(row.model, few), clip_on=False)
    axes.set_yticks(range(len(labels)), [f"{names[label]}\nn = {shown.get(label, 0)}" for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel("mean absolute error, % of the mean actual", fontsize=9, color=INK)
    _quiet(axes, "x")
    for edge in range(1, len(labels)):
        axes.axhline(edge - 0.5, color="#e6e6e6", linewidth=0.7)


def _style(model: str, hollow: bool = False) -> dict[str, Any]:
    marker, colour = MARKS.get(model, OTHER_MARK)
    return {"marker": marker, "color": "white" if hollow else colour, "markersize": 7.5, "linestyle": "",
            "markeredgecolor": colour if hollow else "white", "markeredgewidth": 1.3 if hollow else 0.7}  # fmt: skip


# Calibration ---------------------------------------------------------------------------------------------------------


def calibration(replay: Replay, product: str) -> Picture:
    """Left: how often each model's intervals held, with binomial bounds. Right: where actuals fell, shown model."""
    rows = replay.scored[replay.scored["product"] == product]
    figure = _figure(3.7)
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    _draw_coverage(left, replay, interval_counts(rows, ["model"]))
    _draw_places(right, where_actuals_fell(rows[rows["model"] == replay.shown]), replay.shown)
    return Picture(figure, f"{spoken(product)}: share of actuals inside the intervals, and where they fell.")


def _draw_coverage(axes: Axes, replay: Replay, counts: pd.DataFrame) -> None:
    rank = {model: place for place, model in enumerate(replay.models)}
    for level, colour, marker, shift in ((80, ORANGE, "s", -0.16), (95, BLUE, "o", 0.16)):
        rows = counts[counts["level"] == level]
        place = rows["model"].map(rank) + shift
        share = 100 * rows["held"] / rows["n"]
        reach = np.abs(100 * rows[["low", "high"]].to_numpy().T - share.to_numpy())
        axes.errorbar(share, place, xerr=reach, fmt=marker, color=colour, markersize=5, capsize=2.5, linewidth=1.2,
                      label=f"{level} % interval")  # fmt: skip
        axes.axvline(level, color=colour, linestyle=(0, (4, 2)), linewidth=1)
    n = counts.groupby("model")["n"].first()
    axes.set_yticks(range(len(rank)), [f"{model} (n = {n.get(model, 0)})" for model in rank])
    axes.set_ylim(len(rank) - 0.5, -0.5)
    axes.set_xlim(0, 102)
    axes.set_xlabel("actuals inside, %; dashed: promised", fontsize=9, color=INK)
    axes.legend(loc="lower left", frameon=True, fontsize=8.5, framealpha=0.95, edgecolor="none")
    _quiet(axes, "x")


def _draw_places(axes: Axes, places: pd.DataFrame, model: str) -> None:
    axes.bar(range(len(places)), places["count"], width=0.65, color=BAND_80, edgecolor=BLUE, label="actuals")
    axes.plot(range(len(places)), places["expected"], "D", color=ORANGE, markersize=6, label="expected")
    for place, (count, expected) in enumerate(zip(places["count"], places["expected"], strict=True)):
        height = max(count, expected) if abs(count - expected) < 0.08 * places["count"].max() else count
        axes.annotate(str(count), (place, height), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=9)
    words = ["below\n95 %", "80–95 %\nlow", "80 %\nlow half", "80 %\nhigh half", "80–95 %\nhigh", "above\n95 %"]
    axes.set_xticks(range(len(places)), words, fontsize=8)
    axes.set_ylabel("number of actuals", fontsize=9, color=INK)
    axes.set_title(f"{model}: where {places['count'].sum()} actuals fell", loc="left", fontsize=10, color=INK)
    axes.margins(y=0.12)
    axes.legend(frameon=False, fontsize=8.5)
    _quiet(axes)
    axes.tick_params(axis="x", labelsize=8)


# Events --------------------------------------------------------------------------------------------------------------


def added(replay: Replay, product: str) -> Picture:
    """Mean loss of every model with events (filled) and without (hollow), by phase; left of its twin is better."""
    titles: dict[Measure, str] = {"mae_t": "mean absolute error, tonnes", "wis": "weighted interval score, tonnes"}
    tables = [added_by_events(replay, measure) for measure in titles]
    tables = [_ordered_pairs(replay, table[table["product"] == product]) for table in tables]
    figure = _figure(1.2 + 0.24 * len(tables[0]))
    for axes, table, title in zip(figure.subplots(1, 2, sharey=True), tables, titles.values(), strict=True):
        _draw_pairs(axes, table)
        axes.set_xlabel(title, fontsize=9, color=INK)
    handles = [
        Line2D([], [], marker="o", linestyle="", color=BLUE, markersize=7, label="with events"),
        Line2D([], [], marker="o", linestyle="", color=ORANGE, markerfacecolor="white", markersize=7,
               label="without events"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False, fontsize=9)
    return Picture(figure, f"{spoken(product)}: mean loss with and without events by model and phase.")


def _ordered_pairs(replay: Replay, table: pd.DataFrame) -> pd.DataFrame:
    """All rows and the phases, each with its models in their order."""
    labels = ["all", *PHASE_NAMES]
    rows = table[table["slice"].isin(labels)]
    ranks = pd.DataFrame({"slice": rows["slice"].map(labels.index), "model": rows["model"].map(replay.models.index)})
    return rows.loc[ranks.sort_values(["slice", "model"]).index]


def _draw_pairs(axes: Axes, table: pd.DataFrame) -> None:
    words = {"all": "all"} | PHASE_NAMES
    places = np.arange(len(table))
    axes.hlines(places, table["with"], table["without"], color=FAINT, linewidth=1.4, zorder=1)
    axes.plot(table["without"], places, "o", color=ORANGE, markerfacecolor="white", markersize=7, markeredgewidth=1.6)
    axes.plot(table["with"], places, "o", color=BLUE, markersize=7)
    axes.set_yticks(places, [f"{words[row.slice]}: {row.model} (n = {row.n})" for row in records(table)])
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.set_xlim(left=0)
    changes = (table["slice"] != table["slice"].shift()).to_numpy()
    for place in places[changes][1:]:
        axes.axhline(place - 0.5, color="#c9c9c9", linewidth=0.8)
    _quiet(axes, "x")
