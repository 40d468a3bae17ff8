"""One month ahead on a panel: this package with events beside the forecasts that `benchmarks/peers.py` wrote.

    python benchmarks/against_peers.py exports.csv events.csv peers.csv --destinations 60 --origins 24

MASE by phase of the calendar, one scale per series for all models, known before the first origin. A cell that a model
has no forecast of counts as seasonal naive's. The difference between the combination and the strongest peer is tested
on monthly means (Diebold-Mariano with the correction of Harvey, Leybourne and Newbold).
"""

from __future__ import annotations

import argparse
import time

import pandas as pd

import forecast as fc
from forecast.realtime.phases import phases
from forecast.scoring.scores import series_scales
from forecast.scoring.significance import diebold_mariano

CELL = ["destination", "month"]


def main() -> None:
    """Replay the panel, read the peers, print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exports")
    parser.add_argument("events")
    parser.add_argument("peers")
    parser.add_argument("--destinations", type=int, default=60)
    parser.add_argument("--origins", type=int, default=24)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--engine", default="compiled")
    given = parser.parse_args()
    exports = largest(fc.read_exports(given.exports), given.destinations, given.origins)
    events, groups, start = fc.read_events(given.events), fc.read_groups(), time.perf_counter()
    run = fc.backtest_all(exports, events, groups, last=given.origins, engine=given.engine, jobs=given.jobs)
    print(f"{time.perf_counter() - start:.0f} s on {given.jobs} processes, {given.engine} engine")
    rows = run.forecasts[run.forecasts["horizon"] == 1]
    rows = rows.assign(phase=phases(rows, events, groups).astype(str))
    ours = {name: part.set_index(CELL)["volume_t"] for name, part in rows.groupby("model")}
    table = pd.read_csv(given.peers).assign(month=lambda peers: pd.PeriodIndex(peers["month"], freq="M"))
    peers = {name: part.set_index(CELL)["volume_t"] for name, part in table.groupby("model")}
    truth = rows[rows["model"] == "naive"].set_index(CELL)[["actual_t", "phase"]]
    scale = series_scales(run.forecasts, exports).set_index("destination")["scale"]
    errors = scaled_errors(peers | ours, truth, scale, ours["seasonal_naive"])
    print(by_phase(errors, truth["phase"], list(peers)).round(4).to_string())
    strongest = errors[list(peers)].mean().idxmin()
    monthly = errors[["combination", strongest]].groupby(level="month").mean()
    result = diebold_mariano(monthly["combination"].to_numpy(), monthly[strongest].to_numpy())
    less = 1 - errors["combination"].mean() / errors[strongest].mean()
    print(f"combination against {strongest}: MASE {less:.1%} lower, p = {result.p_value:.3f}, n = {result.n} months")
    held(rows)


def panel_options(about: str) -> argparse.ArgumentParser:
    """A parser that takes a panel and its calendar, how much of it is replayed, and on how many processes."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exports", help="simulated where it is left out")
    parser.add_argument("--events")
    parser.add_argument("--destinations", type=int, default=60, help="the largest before the first origin")
    parser.add_argument("--origins", type=int, default=24)
    parser.add_argument("--jobs", type=int, default=2)
    return parser


def largest(exports: pd.DataFrame, count: int, origins: int) -> pd.DataFrame:
    """The rows of the destinations with most volume before the last ``origins`` months."""
    first = sorted(exports["month"].unique())[-origins]
    before = exports[exports["month"] < first].groupby("destination")["volume_t"].sum()
    return exports[exports["destination"].isin(before.nlargest(count).index)]


def scaled_errors(
    forecasts: dict[str, pd.Series], truth: pd.DataFrame, scale: pd.Series, stand_in: pd.Series
) -> pd.DataFrame:
    """Absolute errors over the scale of their series: a row per cell, a column per model."""
    filled = {name: volumes.reindex(truth.index).fillna(stand_in) for name, volumes in forecasts.items()}
    units = truth.index.get_level_values("destination").map(scale)
    return pd.DataFrame({name: (volumes - truth["actual_t"]).abs() / units for name, volumes in filled.items()})


def by_phase(errors: pd.DataFrame, phase: pd.Series, peers: list[str]) -> pd.DataFrame:
    """MASE of every model over all cells and by phase, peers first, with n."""
    parts = {f"{name} (n = {len(part)})": part.mean() for name, part in errors.groupby(phase)}
    table = pd.DataFrame({f"all (n = {len(errors)})": errors.mean()} | parts)
    return table.loc[[*peers, *(name for name in table.index if name not in peers)]]


def held(rows: pd.DataFrame) -> None:
    """Print how often the combination's intervals held, by phase."""
    own = rows[rows["model"] == "combination"]
    for phase, part in [("all", own), *own.groupby("phase")]:
        shares = [part["actual_t"].between(part[f"lower_{level}"], part[f"upper_{level}"]).mean() for level in (80, 95)]
        print(f"combination, {phase}: 80 % held {shares[0]:.1%}, 95 % held {shares[1]:.1%}, n = {len(part)}")


if __name__ == "__main__":
    main()
