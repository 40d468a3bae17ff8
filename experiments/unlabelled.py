"""Panels in which nothing happens, or the level changes once in every series, and what is found in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import forecast as fc
from forecast.backtest.run import backtest_all
from forecast.level_shifts.detect import (
    CandidateShift,
    DetectionRule,
    LevelShift,
    candidate_shifts,
    detected_shifts,
    first_releases,
)
from forecast.level_shifts.errors import MONTHS_COMPARED, forecast_errors
from forecast.realtime.days import release_day
from forecast.realtime.releases import as_of
from forecast.report.page.figures import BLUE, INK, Picture
from forecast.report.text import percent
from forecast.tables.run import Forecasts
from forecast.tables.schema import EXPORT_COLUMNS, SeriesKey

TRUTH_COLUMNS = ["product", "destination", "first", "months", "size"]
FOUND_COLUMNS = ["rule", "product", "destination", "first", "months", "over", "size", "p_value", "true", "shown_after"]
COUNTED_COLUMNS = [
    *["rule", "product", "series", "tested", "expected_false", "false", "changes", "found", "shown_after"],
    *["length_right", "size_error"],
]


def panels(world: Mapping[str, Any], seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Exports of all panels, and the true changes: the same for one seed."""
    random = np.random.default_rng(seed)
    codes = sorted(set(fc.read_destinations()["code"]) - {"WLD", *fc.read_groups()})
    months = pd.period_range(world["start"], periods=world["months"], freq="M")
    exports, truth = [], []
    for panel in world["panels"]:
        for place, code in enumerate(codes[: panel["series"]]):
            logs = _logs(world, panel, months, random)
            first = months[-1 - random.integers(*world["changes"])]
            if "size" in panel:
                lasts = panel["lasts"][place % len(panel["lasts"])]
                logs[(months >= first) & (months < first + lasts)] += np.log1p(panel["size"])
                truth.append((panel["product"], code, first, lasts, panel["size"]))
            exports.append(_rows(panel["product"], code, months, np.exp(logs)))
    return pd.concat(exports, ignore_index=True)[EXPORT_COLUMNS], pd.DataFrame(truth, columns=TRUTH_COLUMNS)


def _logs(
    world: Mapping[str, Any], panel: Mapping[str, Any], months: pd.PeriodIndex, random: np.random.Generator
) -> np.ndarray:
    """A level that walks, a yearly wave, and noise."""
    noise, walk, level = (
        random.uniform(*bounds) for bounds in (world["noise"], world["walk"], np.log(world["level_t"]))
    )
    steps, tails = random.standard_normal(len(months)) * walk, panel["tails"]
    shocks = random.standard_normal(len(months))
    if tails:
        shocks = random.standard_t(tails, len(months)) / np.sqrt(tails / (tails - 2))
    wave = world["season"] * np.cos(2 * np.pi * (months.month.to_numpy() - random.integers(12)) / 12)
    return np.asarray(level + np.cumsum(steps) + wave + noise * shocks)


def _rows(product: str, code: str, months: pd.PeriodIndex, volume_t: np.ndarray) -> pd.DataFrame:
    released = [release_day(month) for month in months]
    rows = pd.DataFrame({"month": months, "volume_t": volume_t, "released": released})
    return rows.assign(product=product, destination=code, status="reported", precision_t=np.nan, source="simulated")


def searched(
    settings: Mapping[str, Any], exports: pd.DataFrame, truth: pd.DataFrame, jobs: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What every rule finds in every panel, a row per finding (`FOUND_COLUMNS`), and counts (`COUNTED_COLUMNS`)."""
    found, counts = [], []
    for panel in settings["world"]["panels"]:
        own = exports[exports["product"] == panel["product"]]
        run = backtest_all(own, fc.read_events().iloc[:0], fc.read_groups(), models=settings["models"],
                           last=settings["origins"], horizon=MONTHS_COMPARED, engine=settings["engine"],
                           calibrate=False, seed=settings["seed"], jobs=jobs)  # fmt: skip
        for named in settings["rules"]:
            tested = _tested(run, own, settings["models"][0], named)
            rows = _findings(tested, own, truth).assign(rule=named["name"])
            found.append(rows)
            counts.append({"rule": named["name"], "product": panel["product"]} | _counts(tested, rows, truth))
    return pd.concat(found, ignore_index=True)[FOUND_COLUMNS], pd.DataFrame(counts)[COUNTED_COLUMNS]


def _tested(
    run: Forecasts, exports: pd.DataFrame, model: str, named: Mapping[str, Any]
) -> dict[SeriesKey, list[CandidateShift]]:
    """Every month of a panel under one rule of the settings."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in named.items()}
    rule = DetectionRule(**{name: value for name, value in values.items() if name != "name"})
    known = as_of(exports, fc.read_events().iloc[:0], exports["released"].max())
    return candidate_shifts(forecast_errors(run, known, fc.read_groups(), model), rule)


def _findings(
    tested: Mapping[SeriesKey, list[CandidateShift]], exports: pd.DataFrame, truth: pd.DataFrame
) -> pd.DataFrame:
    """The changes found, each with the true one that it meets, if any; ``shown_after`` counts months of that."""
    released = first_releases(exports)
    true = {(row.product, row.destination): row for row in truth.itertuples()}
    rows = []
    for key, months in tested.items():
        for change in detected_shifts(key, months, released):
            meets = _meets(change, true.get(key))
            shown = (pd.Period(change.shown, "M") - true[key].first).n if meets else np.nan
            size = change.actual_t / change.expected_t - 1
            count = (change.last - change.first).n + 1
            over = int(change.over_shown is not None)
            rows.append((*key, change.first, count, over, size, change.p_value, int(meets), shown))
    return pd.DataFrame(rows, columns=FOUND_COLUMNS[1:])


def _meets(change: LevelShift, true: Any) -> bool:
    """Whether a finding lies in the months of a true change, in its direction."""
    if true is None or change.rises != (true.size > 0):
        return False
    return bool(change.first < true.first + true.months and true.first <= change.last)


def _counts(
    tested: Mapping[SeriesKey, list[CandidateShift]], found: pd.DataFrame, truth: pd.DataFrame
) -> dict[str, float]:
    """How many months were tested, and how many findings were true and false."""
    own = truth[[key in tested for key in zip(truth["product"], truth["destination"], strict=True)]]
    both = found[found["true"] == 1].drop_duplicates("destination").merge(own, on="destination", suffixes=("", "_true"))
    limits = [candidate.limit for months in tested.values() for candidate in months]
    error = np.abs(np.log1p(both["size"]) - np.log1p(both["size_true"]))
    return {
        "series": len(tested),
        "tested": len(limits),
        "expected_false": float(np.sum(limits)),
        "false": int((found["true"] == 0).sum()),
        "changes": len(own),
        "found": len(both),
        "shown_after": float(both["shown_after"].mean()),
        "length_right": int((both["months"] == both["months_true"]).sum()),
        "size_error": float(np.median(error)) if len(both) else np.nan,
    }


# What is said of it ---------------------------------------------------------------------------------------------------

NAMES = {
    "in use": "in_use",
    "two months only": "two",
    "up to six months": "six",
    "any months of one sign": "any",
    "spread drawn weakly": "weakly",
    "spread drawn strongly": "strongly",
}
"""Rules of the settings, as the answer calls them."""


def values(results: Path) -> dict[str, str]:
    """Values of the answer: by panel under the rule in use, then by rule over all panels."""
    counts = read_counts(results)
    found: dict[str, str] = {}
    for row in counts[counts["rule"] == "in use"].itertuples():
        found |= {f"false_{row.product}": str(row.false), f"found_{row.product}": f"{row.found} of {row.changes}"}
        found |= {
            f"expected_{row.product}": f"{row.expected_false:.1f}",
            f"years_{row.product}": f"{row.tested / 12:.0f}",
        }
    for rule, rows in counts.groupby("rule"):
        quiet, true = rows[rows["changes"] == 0], rows["found"].sum()
        found[f"quiet_{NAMES[rule]}"] = str(quiet["false"].sum())
        found[f"found_{NAMES[rule]}"] = f"{true} of {rows['changes'].sum()}"
        found[f"length_{NAMES[rule]}"] = f"{rows['length_right'].sum()} of {true}"
    rows = pd.read_csv(results / "found.csv").query("rule == 'in use' and true == 1")
    true = rows.merge(pd.read_csv(results / "truth.csv"), on=["product", "destination"], suffixes=("", "_true"))
    error = np.expm1(np.abs(np.log1p(true["size"]) - np.log1p(true["size_true"])).median())
    return found | {
        "shown": f"{rows['shown_after'].mean():.1f}",
        "length": found["length_in_use"],
        "size_error": percent(error),
    }


# What the notebook shows ----------------------------------------------------------------------------------------------


def read_counts(results: Path) -> pd.DataFrame:
    """The committed counts."""
    return pd.read_csv(results / "counts.csv")


def picture(results: Path) -> Picture:
    """The change that was made and the one that was found, of every series whose change was found."""
    found = pd.read_csv(results / "found.csv").query("rule == 'in use' and true == 1")
    truth = pd.read_csv(results / "truth.csv").merge(found, on=["product", "destination"], suffixes=("_true", ""))
    figure = Figure(figsize=(8, 4), layout="constrained", facecolor="white")
    axes = figure.subplots()
    for place, (_, rows) in enumerate(truth.groupby("product")):
        spread = place + np.linspace(-0.3, 0.3, len(rows))
        axes.plot(spread, 100 * rows["size"], "o", color=BLUE, markersize=5, label="found" if not place else None)
        axes.plot(spread, 100 * rows["size_true"], "_", color=INK, markersize=8, label="true" if not place else None)
    axes.set_xticks(range(truth["product"].nunique()), sorted(truth["product"].unique()))
    axes.set_ylabel("percent of what was expected, less 100")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=9)
    return Picture(figure, "Sizes of the changes found, beside the true ones.")
