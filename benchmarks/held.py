"""How often intervals held, by phase of the calendar, and the weighted interval score of every model.

    python benchmarks/held.py                                               simulated panels
    python benchmarks/held.py --exports panel.csv --events calendar.csv --destinations 60
    python benchmarks/held.py --output now.csv; python benchmarks/held.py --against before.csv

One month ahead. Months shake all series at once, so the interval of a share is that of its mean over months (Student),
not of independent cells. Simulated panels (`backtest.simulated`) have events of known effect.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from ablation import compared
from against_peers import largest, panel_options
from backtest import simulated
from scipy.stats import t as student

import forecast as fc
from forecast.realtime.phases import PHASES, phases
from forecast.scoring.scores import interval_scores, series_scales

ASKED = {"calm": {80: 3, 95: 2}, "event": {80: 8, 95: 5}}
"""How many percentage points coverage may be off, by phase and level."""

CELL = ["panel", "product", "destination", "month"]


def main() -> None:
    """Replay the panels and print both tables."""
    parser = panel_options(__doc__)
    parser.add_argument("--panels", type=int, default=2, help="how many are simulated")
    parser.add_argument("--output", help="keep the rows of the combination here")
    parser.add_argument("--against", help="rows of another version on the same cells, kept by --output")
    given = parser.parse_args()
    if given.exports:
        exports = largest(fc.read_exports(given.exports), given.destinations, given.origins)
        rows = replayed(exports, fc.read_events(given.events), given)
    else:
        panels = [simulated(given.destinations, seed) for seed in range(given.panels)]
        rows = pd.concat([replayed(*panel, given).assign(panel=seed) for seed, panel in enumerate(panels)])
    combination = rows[rows["model"] == "combination"]
    print(coverage(combination))
    print(interval_score_table(rows))
    scored = combination.assign(
        wis=interval_scores(combination) / combination["scale"], month=combination["month"].astype(str)
    )
    if given.output:
        scored[[*CELL, "phase", "wis"]].to_csv(given.output, index=False)
    if given.against:
        print(beside(scored, pd.read_csv(given.against)))


def replayed(exports: pd.DataFrame, events: pd.DataFrame, given: argparse.Namespace) -> pd.DataFrame:
    """The rows of a backtest one month ahead, with their phase and the scale of their series."""
    run = fc.backtest_all(exports, events, fc.read_groups(), last=given.origins, jobs=given.jobs)
    rows = run.forecasts[(run.forecasts["horizon"] == 1) & run.forecasts["actual_t"].notna()]
    scale = series_scales(run.forecasts, exports)[["product", "destination", "scale"]]
    rows = rows.assign(phase=phases(rows, events, fc.read_groups()).astype(str), panel=0)
    return rows.merge(scale, on=["product", "destination"], how="left")


def coverage(rows: pd.DataFrame) -> str:
    """A row per phase and level: the share held with its 95 % interval by months, and what was asked."""
    lines = ["| months | n | level | held | 95 % interval by months | asked |", "|---|---:|---:|---:|---:|---:|"]
    for phase in ("calm", "event", "after", "all"):
        part = rows if phase == "all" else rows[rows["phase"] == phase]
        for level in (80, 95) if len(part) else ():
            held = part["actual_t"].between(part[f"lower_{level}"], part[f"upper_{level}"])
            low, high = clustered(held, part["panel"].astype(str) + part["month"].astype(str))
            asked = f"{level} ± {ASKED[phase][level]}" if phase in ASKED else ""
            lines.append(
                f"| {phase} | {len(part)} | {level} % | {held.mean():.1%} | {low:.1%} to {high:.1%} | {asked} |"
            )
    return "\n".join([*lines, ""])


def clustered(held: pd.Series, cluster: pd.Series) -> tuple[float, float]:
    """95 % interval of a mean whose cells go together within clusters."""
    total, count = held.groupby(cluster).sum(), held.groupby(cluster).count()
    mean, n = held.mean(), len(count)
    if n < 2:
        return 0.0, 1.0
    sd = np.sqrt(((total - mean * count) ** 2).sum() * n / (n - 1)) / count.sum()
    half = float(student.ppf(0.975, n - 1)) * sd
    return max(mean - half, 0.0), min(mean + half, 1.0)


def interval_score_table(rows: pd.DataFrame) -> str:
    """A row per model: its weighted interval score in units of the series' scale, in all months and by phase."""
    scored = rows.assign(score=interval_scores(rows) / rows["scale"])
    by_phase = scored.pivot_table(index="model", columns="phase", values="score").reindex(columns=PHASES)
    table = scored.groupby("model")["score"].mean().to_frame("all").join(by_phase).sort_values("all")
    lines = [f"| {name} | {' | '.join(f'{value:.4f}' for value in row)} |" for name, row in table.iterrows()]
    return "\n".join([f"| WIS | {' | '.join(table)} |", "|---|---:|---:|---:|---:|", *lines, ""])


def beside(rows: pd.DataFrame, other: pd.DataFrame) -> str:
    """A row per phase: the combination's interval score here and in the other version, their difference by month."""
    theirs = other.set_index(CELL)["wis"].rename("other")
    both = rows.set_index(CELL)[["phase", "wis"]].join(theirs, how="inner")
    lines = ["| months | n | WIS | the other's | difference |", "|---|---:|---:|---:|---|"]
    for phase, own in both.groupby("phase"):
        keyed = own.set_axis([f"{panel} {month}" for panel, _, _, month in own.index]).rename_axis("month")
        change, low, high, _ = compared(keyed["other"], keyed["wis"])
        means = f"{own['wis'].mean():.4f} | {own['other'].mean():.4f}"
        lines.append(f"| {phase} | {len(own)} | {means} | {change:+.4f} ({low:+.4f} to {high:+.4f}) |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
