"""How often intervals held, by phase of the calendar, and the weighted interval score of every model.

    python benchmarks/held.py                                               simulated panels
    python benchmarks/held.py --exports panel.csv --events calendar.csv --destinations 60

One month ahead. Months shake all series at once, so the interval of a share is that of its mean over months (Student),
not of independent cells. Simulated panels (`backtest.simulated`) have events of known effect.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from against_peers import largest, panel_options
from backtest import simulated
from scipy.stats import t as student

import forecast as fc
from forecast.realtime.phases import phases
from forecast.scoring.scores import interval_scores, series_scales

ASKED = {"calm": {80: 3, 95: 2}, "event": {80: 8, 95: 5}}
"""How many percentage points coverage may be off, by phase and level."""


def main() -> None:
    """Replay the panels and print both tables."""
    parser = panel_options(__doc__)
    parser.add_argument("--panels", type=int, default=2, help="how many are simulated")
    given = parser.parse_args()
    if given.exports:
        exports = largest(fc.read_exports(given.exports), given.destinations, given.origins)
        rows = replayed(exports, fc.read_events(given.events), given)
    else:
        panels = [simulated(given.destinations, seed) for seed in range(given.panels)]
        rows = pd.concat([replayed(*panel, given).assign(panel=seed) for seed, panel in enumerate(panels)])
    print(coverage(rows[rows["model"] == "combination"]))
    print(interval_score_table(rows))


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
    """A row per model: its weighted interval score in units of the series' scale."""
    score = interval_scores(rows) / rows["scale"]
    means = score.groupby(rows["model"].to_numpy()).mean().sort_values()
    return "\n".join(["| model | WIS |", "|---|---:|", *(f"| {name} | {value:.4f} |" for name, value in means.items())])


if __name__ == "__main__":
    main()
