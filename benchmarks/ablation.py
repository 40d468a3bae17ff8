"""What each part of the package is worth: a backtest with everything, and again with one part left out at a time.

    python benchmarks/ablation.py --exports panel.csv --events calendar.csv --destinations 60
    python benchmarks/ablation.py --product rare_earth_magnets

Errors of the combination one month ahead are scaled by series (MASE, and the weighted interval score in the same unit).
A difference is the mean over months of the mean over series, without the part less with it: above zero, the part helps.
Its interval and p-value are those of Diebold and Mariano with the correction of Harvey, Leybourne and Newbold.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from against_peers import largest
from scipy.stats import t as student

import forecast as fc
from forecast.ensemble.calibration import calibrated
from forecast.episodes.alone import forget
from forecast.episodes.design import holidays
from forecast.realtime.days import lunar_new_year_shares
from forecast.realtime.phases import phases
from forecast.registry import COMBINATION, MEMBERS, STAND_IN
from forecast.scoring.scores import add_actuals, interval_scores, series_scales
from forecast.scoring.significance import diebold_mariano

Patches = dict[str, Any]


def no_new_year(months: pd.PeriodIndex) -> dict[str, np.ndarray]:
    """Lunar New Year that never comes."""
    return {name: np.zeros(len(months)) for name in lunar_new_year_shares(months)}


def equal(errors: np.ndarray) -> np.ndarray:
    """Weights that learn nothing."""
    return np.full(errors.shape[1], 1 / errors.shape[1])


FITTED: dict[str, tuple[dict[str, Any], Patches]] = {
    "events": ({"events": None}, {}),
    "Lunar New Year": (
        {},
        {f"forecast.episodes.{module}.lunar_new_year_shares": no_new_year for module in ("design", "structural")},
    ),
    "effects learned from other series": ({"learn": False}, {}),
}
"""Parts whose lack changes what is fitted: arguments of the backtest, and names to replace."""

LEARNED: dict[str, Patches] = {
    "weights": {"forecast.ensemble.calibration.precision_weights": equal},
    "repeated errors": {"forecast.ensemble.calibration.bias_persistence": lambda errors, before: 0.0},
    "calibrated intervals": {"forecast.ensemble.calibration.conformal_factors": lambda *_: None},
    "all three": {
        "forecast.ensemble.calibration.precision_weights": equal,
        "forecast.ensemble.calibration.bias_persistence": lambda errors, before: 0.0,
        "forecast.ensemble.calibration.conformal_factors": lambda *_: None,
    },
}
"""Parts of the calibration: names to replace, the fits staying as they are."""


@dataclass(frozen=True)
class Panel:
    """What is replayed."""

    exports: pd.DataFrame
    events: pd.DataFrame
    totals: pd.DataFrame | None
    products: list[str]
    destinations: list[str] | None
    origins: int
    to: pd.Period | None

    def replayed(self, **options: Any) -> fc.Forecasts:
        """The backtest, on one process, so that what is replaced is replaced everywhere."""
        events = self.events.iloc[:0] if "events" in options else self.events
        plain = {"models": (*MEMBERS, STAND_IN, COMBINATION)}
        chosen = plain | {name: value for name, value in options.items() if name != "events"}
        return fc.backtest_all(
            self.exports, events, fc.read_groups(), totals=self.totals, products=self.products,
            destinations=self.destinations, last=self.origins, to=self.to, **chosen,
        )  # fmt: skip


@contextmanager
def replaced(patches: Patches) -> Iterator[None]:
    """The names of ``patches`` stand for something else inside the block, and nothing is kept of before or after."""
    with ExitStack() as stack:
        for name, value in patches.items():
            stack.enter_context(patch(name, value))
        for forgotten in (holidays.cache_clear, forget):
            forgotten()
            stack.callback(forgotten)
        yield


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exports")
    parser.add_argument("--events")
    parser.add_argument("--product", default="rare_earth_magnets", help="of the shipped data, where no file is given")
    parser.add_argument("--destinations", type=int, help="only the largest so many, by volume before the first origin")
    parser.add_argument("--codes", nargs="+", help="only these destinations")
    parser.add_argument("--origins", type=int, default=24)
    parser.add_argument("--to", help="the last month forecast, as YYYY-MM")
    given = parser.parse_args()
    panel = read(given)
    print(f"{', '.join(panel.products)}: {panel.origins} origins\n")
    print_table(panel)


def read(given: argparse.Namespace) -> Panel:
    """The panel that the command line names."""
    to = pd.Period(given.to, "M") if given.to else None
    if given.exports is None:
        tables = fc.read_exports(), fc.read_events(), fc.read_period_totals()
        return Panel(*tables, [given.product], given.codes, given.origins, to)
    exports = fc.read_exports(given.exports)
    exports = exports if to is None else exports[exports["month"] <= to]
    if given.destinations:
        exports = largest(exports, given.destinations, given.origins)
    products = sorted(exports["product"].unique())
    return Panel(exports, fc.read_events(given.events), None, products, given.codes, given.origins, to)


def print_table(panel: Panel) -> None:
    """A row for everything, and one for each part left out."""
    taught: list[tuple[Any, ...]] = []
    with patch("forecast.ensemble.record.calibrated", lambda *members: taught.append(members) or calibrated(*members)):
        whole = panel.replayed().forecasts
    full = losses(whole, panel)
    print("| without | MASE | difference | p | WIS | difference | p | 80 % held | 95 % held |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    print(row("(nothing)", full, full), flush=True)
    missing = {}
    for name, (options, patches) in FITTED.items():
        with replaced(patches):
            missing[name] = losses(panel.replayed(**options).forecasts, panel)
        print(row(name, missing[name], full), flush=True)
    naive = whole[whole["model"] == "naive"].drop(columns="actual_t")
    for name, rows in learned_anew(*taught[0]):
        print(row(name, losses(add_actuals(pd.concat([rows, naive]), panel.exports), panel), full), flush=True)
    calm = full[full["phase"] == "calm"]
    without = missing["events"].loc[calm.index]
    if len(calm):
        difference, low, high, p = compared(calm["error"], without["error"])
        means = f"MASE {calm['error'].mean():.4f} with events, {without['error'].mean():.4f} without"
        interval = f"{difference:+.4f} ({low:+.4f} to {high:+.4f}), p = {p:.3f}"
        print(f"\nCalm months (n = {len(calm)}): {means}; difference {interval}.")


def learned_anew(forecasts: pd.DataFrame, *others: Any) -> Iterator[tuple[str, pd.DataFrame]]:
    """The combination of the same fits without each member, and without each part of the calibration."""
    for name in MEMBERS:
        yield f"member {name}", calibrated(forecasts[forecasts["model"] != name], *others)[0]
    for name, patches in LEARNED.items():
        with replaced(patches):
            yield name, calibrated(forecasts, *others)[0]


def losses(forecasts: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """Scaled errors and interval scores of the combination, and whether intervals held, by series and month."""
    scale = series_scales(forecasts, panel.exports)
    rows = forecasts[(forecasts["model"] == "combination") & forecasts["actual_t"].notna()]
    rows = rows.assign(phase=phases(rows, panel.events, fc.read_groups()).astype(str))
    rows = rows.merge(scale, on=["product", "destination"]).dropna(subset="scale")
    score = interval_scores(rows)
    held = {f"held_{k}": rows["actual_t"].between(rows[f"lower_{k}"], rows[f"upper_{k}"]) for k in (80, 95)}
    error = (rows["volume_t"] - rows["actual_t"]).abs() / rows["scale"]
    return rows.assign(error=error, wis=score / rows["scale"], **held).set_index(["product", "destination", "month"])


def row(name: str, without: pd.DataFrame, full: pd.DataFrame) -> str:
    """A line of the table: over the cells that both have."""
    both = full.index.intersection(without.index)
    cells = [name]
    for loss in ("error", "wis"):
        difference, low, high, p = compared(full.loc[both, loss], without.loc[both, loss])
        change = "" if without is full else f"{difference:+.4f} ({low:+.4f} to {high:+.4f})"
        cells += [f"{without.loc[both, loss].mean():.4f}", change, "" if without is full else f"{p:.3f}"]
    cells += [f"{without.loc[both, f'held_{level}'].mean():.1%}" for level in (80, 95)]
    return f"| {' | '.join(cells)} |"


def compared(full: pd.Series, without: pd.Series) -> tuple[float, float, float, float]:
    """Mean monthly difference of losses, without less with, its 95 % interval, and the p-value."""
    monthly = (without - full).groupby(level="month").mean().to_numpy()
    n, mean = len(monthly), float(monthly.mean())
    if n < 2 or not monthly.any():
        return mean, mean, mean, 1.0
    half = float(student.ppf(0.975, n - 1)) * monthly.std(ddof=1) / np.sqrt(n)
    result = diebold_mariano(monthly, np.zeros(n))
    return mean, mean - half, mean + half, result.p_value


if __name__ == "__main__":
    main()
