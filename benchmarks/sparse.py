"""Sparse destinations: a panel with its world, half of whose destinations keep one month in three.

The months that are left are drawn by a seed; forecasts one month ahead of the thinned destinations are scored against
their full figures. MASE in the unit of each series' mean month, coverage of the combination, of its members and of the
reconciled rows.

    python benchmarks/sparse.py solar_pv.csv solar_pv_events.csv --destinations 20 --origins 12
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from totals import MODELS, with_world

import forecast as fc


def main() -> None:
    """Replay the thinned panel and print a row a model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exports")
    parser.add_argument("events")
    parser.add_argument("--destinations", type=int, default=20)
    parser.add_argument("--origins", type=int, default=12)
    parser.add_argument("--to", help="the last month, as YYYY-MM")
    parser.add_argument("--kept", type=float, default=1 / 3, help="share of months left")
    parser.add_argument("--output")
    given = parser.parse_args()
    exports = with_world(fc.read_exports(given.exports), given.destinations, given.to)
    thinned = sorted(set(exports["destination"]) - {"WLD"})[::2]
    random = np.random.default_rng(0)
    gone = exports["destination"].isin(thinned) & (random.random(len(exports)) > given.kept)
    run = fc.backtest_all(
        exports[~gone], fc.read_events(given.events), fc.read_groups(), last=given.origins, models=MODELS
    )
    table = run.forecasts[run.forecasts["destination"].isin(thinned) & (run.forecasts["horizon"] == 1)]
    actual = exports.set_index(["destination", "month"])["volume_t"].rename("full_t")
    table = table.join(actual, on=["destination", "month"]).dropna(subset="full_t")
    table = table.assign(unit=table["destination"].map(actual.groupby("destination").mean()))
    if given.output:
        table.to_csv(given.output, index=False)
    for name, own in table.groupby("model"):
        error = ((own["volume_t"] - own["full_t"]).abs() / own["unit"]).mean()
        held = [own["full_t"].between(own[f"lower_{level}"], own[f"upper_{level}"]).mean() for level in (80, 95)]
        width = np.log(own["upper_80"] / own["lower_80"].clip(lower=1e-9)).median()
        print(f"{name:15s} n {len(own)}, error {error:.3f}, held {held[0]:.1%} / {held[1]:.1%}, log width {width:.2f}")


if __name__ == "__main__":
    main()
