"""Totals: the world, its parts and the rest one month ahead, reconciled and not, and estimates of months knocked out.

The world is the sum of all destinations of a panel; the largest are kept apart and the rest is what they leave. MASE
with one scale a series and coverage of the combination's rows as they are and of the reconciled ones; differences are
means over months with their standard errors. Then, of the last figures of every kept destination, single months are
taken away that the world's figure still holds, and three months that their total still holds, and estimated.

    python benchmarks/totals.py solar_pv.csv solar_pv_events.csv --destinations 20 --origins 24
"""

from __future__ import annotations

import argparse
import os
from datetime import date

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

import forecast as fc
from forecast.realtime.releases import as_of
from forecast.realtime.rest_of_world import with_rest_of_world
from forecast.scoring.scores import series_scales
from forecast.tables.schema import PERIOD_TOTAL_COLUMNS, REST_OF_WORLD
from forecast.totals.estimates import Course, estimates

CELL = ["destination", "month"]
BOUNDS = ["volume_t", "lower_80", "upper_80", "lower_95", "upper_95"]
MODELS = ("theta", "arima", "ets", "ces", "structural", "pooled", "seasonal_naive", "naive", "combination")


def main() -> None:
    """Replay the panel with its world and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exports")
    parser.add_argument("events")
    parser.add_argument("--destinations", type=int, default=20)
    parser.add_argument("--origins", type=int, default=24)
    parser.add_argument("--to", help="the last month, as YYYY-MM")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--output")
    given = parser.parse_args()
    exports = with_world(fc.read_exports(given.exports), given.destinations, given.to)
    print(knocked_out(exports), "\n", flush=True)
    table = with_rest_of_world(exports, fc.read_groups(), exports["released"].max())
    run = fc.backtest_all(
        table, fc.read_events(given.events), fc.read_groups(), last=given.origins, models=MODELS, jobs=given.jobs
    )
    both = side_by_side(run, table)
    if given.output:
        both.to_csv(given.output, index=False)
    print(compared(both))


def with_world(exports: pd.DataFrame, count: int, to: str | None) -> pd.DataFrame:
    """The largest destinations of a panel of one product, and the sum of all as its world."""
    exports = exports if to is None else exports[exports["month"] <= pd.Period(to, "M")]
    sizes = exports.groupby("destination")["volume_t"].sum().nlargest(count)
    total = exports.groupby(["product", "month", "released"], as_index=False)["volume_t"].sum()
    world = total.assign(destination="WLD", status="derived", precision_t=np.nan, source="the sum of all")
    kept = exports[exports["destination"].isin(sizes.index)]
    return pd.concat([kept, world[exports.columns]], ignore_index=True)


def side_by_side(run: fc.Forecasts, exports: pd.DataFrame) -> pd.DataFrame:
    """Cells of the combination with quantiles before and after reconciliation (``_reconciled``), actual and scale."""
    own = run.forecasts[(run.forecasts["model"] == "combination") & (run.forecasts["horizon"] == 1)]
    after = run.reconciled[[*CELL, *BOUNDS]]
    both = own.merge(after, on=CELL, suffixes=("", "_reconciled"))
    scale = series_scales(run.forecasts, exports)[["destination", "scale"]]
    return both.merge(scale, on="destination").dropna(subset=["actual_t", "scale"])


def compared(both: pd.DataFrame) -> str:
    """A line for the world, the rest, the parts and all."""
    kinds = both["destination"].map({"WLD": "world", REST_OF_WORLD: "rest of world"}).fillna("parts")
    groups = [*both.groupby(kinds), ("all", both)]
    return "\n".join(f"{name}: {line(own)}" for name, own in groups)


def line(own: pd.DataFrame) -> str:
    """MASE before and after, the paired difference by month, coverage before and after."""
    errors = {end: (own[f"volume_t{end}"] - own["actual_t"]).abs() / own["scale"] for end in ("", "_reconciled")}
    monthly = (errors["_reconciled"] - errors[""]).groupby(own["month"]).mean()
    held = [
        own["actual_t"].between(own[f"lower_{level}{end}"], own[f"upper_{level}{end}"]).mean()
        for end in ("", "_reconciled") for level in (80, 95)
    ]  # fmt: skip
    return (
        f"n {len(own)}, MASE {errors[''].mean():.4f}, reconciled {errors['_reconciled'].mean():.4f} "
        f"({monthly.mean():+.4f}, se {monthly.sem():.4f}); held {held[0]:.1%} / {held[1]:.1%}, "
        f"reconciled {held[2]:.1%} / {held[3]:.1%}"
    )


def knocked_out(exports: pd.DataFrame) -> str:
    """Coverage and error of estimates of months taken away, of the three before the last of each destination."""
    events, last = fc.read_events().iloc[:0], exports["month"].max()
    flat = Course(pd.Series(0.0, index=range(1, 13)), pd.Series(dtype=float), 0.0)
    found = []
    for code in (code for code in exports["destination"].unique() if code != "WLD"):
        own = exports[exports["destination"] == code].set_index("month")["volume_t"]
        for back in range(1, 24):
            for months in (1, 3):
                gone = pd.period_range(last - back - months + 1, last - back, freq="M")
                rows = exports[~((exports["destination"] == code) & exports["month"].isin(gone))]
                known = as_of(rows, events, date(last.year + 1, 12, 1), together(exports, code, gone, own, months))
                key = (exports["product"].iloc[0], code)
                made = estimates(known, [key], {key: flat}, {})
                made = made[made["month"].isin(gone)].assign(months=months)
                found.append(made.assign(actual_t=made["month"].map(own), usual=own.loc[: gone[0] - 1].iloc[-1]))
    table = pd.concat(found)
    lines = []
    for months, own in table.groupby("months"):
        held = own["actual_t"].between(own["lower_80"], own["upper_80"]).mean()
        errors = [(own[name] - own["actual_t"]).abs().sum() / own["actual_t"].sum() for name in ("volume_t", "usual")]
        what = "inside the world" if months == 1 else "inside a total of three"
        lines.append(f"one month {what}: n {len(own)}, 80 % held {held:.1%}, error {errors[0]:.1%} of volume "
                     f"(the month before carried on: {errors[1]:.1%})")  # fmt: skip
    return "\n".join(lines)


def together(
    exports: pd.DataFrame, code: str, gone: pd.PeriodIndex, own: pd.Series, months: int
) -> pd.DataFrame | None:
    """The total of three months taken away; none of one."""
    if months == 1:
        return None
    row = {"product": exports["product"].iloc[0], "destination": code, "start": gone[0], "end": gone[-1],
           "volume_t": float(own.reindex(gone).sum()), "released": exports["released"].max()}  # fmt: skip
    return pd.DataFrame([row]).reindex(columns=PERIOD_TOTAL_COLUMNS)


if __name__ == "__main__":
    main()
