"""What the notebooks of the experiments show beside the sections of a report."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from answers import last_of_each
from matplotlib.figure import Figure

from forecast.episodes.course import KNOTS
from forecast.report.page.figures import BLUE, INK, ORANGE, Picture
from forecast.report.page.sections import Html, table


def effects_picture(results: Path) -> Picture:
    """Every effect at the last origin: estimate with 95 % interval, and the truth, a row per episode, phase, place."""
    estimates = _last(results)
    episodes = list(dict.fromkeys(estimates["episode"]))
    place = range(len(estimates))
    figure = Figure(figsize=(11, 0.9 + 0.26 * len(estimates)), layout="constrained", facecolor="white")
    axes = figure.subplots()
    reach = [estimates["estimate"] - estimates["lower"], estimates["upper"] - estimates["estimate"]]
    axes.errorbar(estimates["estimate"], place, xerr=reach, fmt="o", color=BLUE, markersize=5, capsize=2,
                  linewidth=1.2, label="estimate, 95 %")  # fmt: skip
    axes.plot(estimates["effect"], place, "|", color=INK, markersize=14, markeredgewidth=2.5, label="truth")
    names = zip(estimates["episode"], estimates["phase"], estimates["destination"], strict=True)
    axes.set_yticks(place, [f"{episode}, {phase.replace('_', ' ')}, {code}" for episode, phase, code in names])
    axes.tick_params(axis="y", labelsize=9)
    axes.set_ylim(len(estimates) - 0.4, -0.6)
    axes.axvline(0, color="#c9c9c9", linewidth=0.8)
    axes.set_xlabel("log effect of a whole month in the phase (-0.7 halves a volume)", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=9)
    return Picture(figure, f"Estimated and true log effects of {', '.join(episodes)} by phase and destination.")


def episodes_picture(cells: pd.DataFrame) -> Picture:
    """Every cell in percent of the base: forecast with its 80 % interval, actual, and the last figure known."""
    share = {
        name: 100 * cells[name] / cells["base_t"] for name in ("volume_t", "lower_80", "upper_80", "actual_t", "last_t")
    }
    place = range(len(cells))
    figure = Figure(figsize=(11, 0.9 + 0.3 * len(cells)), layout="constrained", facecolor="white")
    axes = figure.subplots()
    reach = [share["volume_t"] - share["lower_80"], share["upper_80"] - share["volume_t"]]
    axes.errorbar(share["volume_t"], place, xerr=reach, fmt="o", color=BLUE, markersize=5, capsize=2, linewidth=1.2,
                  label="forecast, 80 %")  # fmt: skip
    axes.plot(share["last_t"], place, "s", color=ORANGE, markersize=5, label="last figure known")
    axes.plot(share["actual_t"], place, "|", color=INK, markersize=16, markeredgewidth=2.5, label="actual")
    names = [f"{name.replace('_', ' ')}, {month}" for name, month in zip(cells["product"], cells["month"], strict=True)]
    axes.set_yticks(place, names, fontsize=9)
    axes.set_ylim(len(cells) - 0.4, -0.6)
    axes.set_xlim(-3, 200)
    axes.axvline(100, color="#c9c9c9", linewidth=0.8)
    axes.set_xlabel("percent of the mean month in the year before the announcement (cut at 200)", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    figure.legend(loc="outside upper left", ncols=3, frameon=False, fontsize=9)
    words = "Forecasts of the first months under each licence in percent of the base, and the actuals."
    return Picture(figure, words)


def recovered_table(results: Path) -> Html:
    """How often the 95 % interval of an effect held its truth, by episode, phase and origin: k of n."""
    estimates = pd.read_csv(results / "recovered.csv")
    seen, ahead = estimates[estimates["seen"] == 1], estimates[estimates["seen"] == 0]
    counts = (
        _count(_last(results)).join(_count(seen)["held"], rsuffix="_seen").join(_count(ahead)["held"], rsuffix="_ahead")
    )
    counts = counts.reset_index()
    columns = {
        "episode": counts["episode"],
        "phase": counts["phase"].str.replace("_", " "),
        "true log effect": [f"{effect:.2f}" for effect in counts["effect"]],
        "held at the last origin": counts["held"],
        "held once seen": counts["held_seen"],
        "held before it was seen": counts["held_ahead"].fillna(""),
    }
    return table(columns, words=["episode", "phase"])


def _count(estimates: pd.DataFrame) -> pd.DataFrame:
    counted = estimates.groupby(["episode", "phase"], sort=False).agg(
        effect=("effect", "first"), k=("inside", "sum"), n=("inside", "size")
    )
    return counted.assign(held=counted["k"].astype(str) + " of " + counted["n"].astype(str))[["effect", "held"]]


def _last(results: Path) -> pd.DataFrame:
    estimates = pd.read_csv(results / "recovered.csv").query("seen == 1")
    order = estimates["phase"].map({phase: place for place, phase in enumerate(KNOTS)})
    last = last_of_each(estimates.assign(order=order))
    return last.sort_values(["episode", "order", "destination"], ignore_index=True).drop(columns="order")
