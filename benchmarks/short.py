"""Short series: the last 10 to 24 months of a panel and nothing else, one month ahead, beside naive.

Every series is cut to its last months before the origin, as in a customs query of a year: the other series are as short
(``panel``), or each stands alone (``alone``). Ratio of mean absolute errors to naive's, each series in the unit of its
own mean over the months that are left; origins are spread over the last three years, on months up to ``--to``.

    python benchmarks/short.py solar_pv.csv solar_pv_events.csv --destinations 40
"""

from __future__ import annotations

import argparse
import os
from datetime import date

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

import forecast as fc

MODELS = ("theta", "arima", "ets", "ces", "structural", "pooled", "seasonal_naive", "naive", "combination")
LENGTHS = (10, 12, 15, 18, 21, 24)


def main() -> None:
    """Forecast and print a row a length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exports")
    parser.add_argument("events")
    parser.add_argument("--destinations", type=int, default=40)
    parser.add_argument("--skip", type=int, default=0, help="leave out so many of the largest: another half")
    parser.add_argument("--origins", type=int, default=6)
    parser.add_argument("--to", help="the last month forecast, as YYYY-MM")
    parser.add_argument("--alone", action="store_true", help="each series by itself")
    parser.add_argument("--lengths", type=int, nargs="+", default=list(LENGTHS))
    parser.add_argument("--output")
    given = parser.parse_args()
    exports, events = fc.read_exports(given.exports), fc.read_events(given.events)
    exports = exports if given.to is None else exports[exports["month"] <= pd.Period(given.to, "M")]
    sizes = exports.groupby("destination")["volume_t"].sum().sort_values(ascending=False)
    chosen = list(sizes.index[given.skip : given.skip + given.destinations])
    exports = exports[exports["destination"].isin(chosen)]
    table = pd.concat(cut_forecasts(exports, events, length, given) for length in given.lengths)
    if given.output:
        table.to_csv(given.output, index=False)
    print(summary(table))


def cut_forecasts(exports: pd.DataFrame, events: pd.DataFrame, length: int, given: argparse.Namespace) -> pd.DataFrame:
    """Rows of all models on each origin with ``length`` months of every series, with actuals and units."""
    last, found = exports["month"].max(), []
    groups = [[code] for code in exports["destination"].unique()] if given.alone else [None]
    for back in np.linspace(0, 33, given.origins).round().astype(int):
        target = last - int(back)
        inside = exports[(exports["month"] < target) & (exports["month"] >= target - length)]
        unit = inside.groupby("destination")["volume_t"].mean()
        for codes in groups:
            own = inside if codes is None else inside[inside["destination"].isin(codes)]
            day = date(target.year, target.month, 20)
            run = fc.forecast_all(own, events, fc.read_groups(), issued=day, models=MODELS)
            found.append(run.forecasts[run.forecasts["month"] == target].assign(length=length))
        actual = exports[exports["month"] == target].set_index("destination")["volume_t"]
        found[-len(groups) :] = [
            rows.assign(actual_t=rows["destination"].map(actual), unit=rows["destination"].map(unit))
            for rows in found[-len(groups) :]
        ]
    return pd.concat(found)


def summary(table: pd.DataFrame) -> str:
    """A line a length: ratio of each model's error to naive's, and how often the combination held."""
    table = table[table["actual_t"].notna() & (table["unit"] > 0)]
    table = table.assign(error=(table["volume_t"] - table["actual_t"]).abs() / table["unit"])
    lines = []
    for length, own in [*table.groupby("length"), ("all", table)]:
        errors = own.pivot_table(index=["length", "destination", "month"], columns="model", values="error")
        both = errors.dropna(subset=["naive", "combination"])
        ratios = both.mean() / both["naive"].mean()
        ours = own[own["model"] == "combination"]
        held = [ours["actual_t"].between(ours[f"lower_{level}"], ours[f"upper_{level}"]).mean() for level in (80, 95)]
        others = ", ".join(f"{name} {ratio:.3f}" for name, ratio in ratios.items() if name not in ("naive",))
        lines.append(f"{length}: n {len(both)}, held {held[0]:.1%} / {held[1]:.1%}; of naive: {others}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
