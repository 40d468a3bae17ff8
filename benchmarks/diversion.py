"""What diversions are worth: destinations beside a measure, one month ahead, with and without them, as known then.

For each month from a measure's announcement to the twelfth after its effect: the structural model on every destination
that it does not touch, with the calendar, once without diversions. Errors are scaled by the mean absolute 12-month
difference before the measure.

    python benchmarks/diversion.py PANEL.csv EVENTS.csv --measure ban-2022-02-rus
"""

from __future__ import annotations

import argparse
from datetime import date

import numpy as np
import pandas as pd
from ablation import compared
from episodes import calendar

from forecast.episodes.course import episodes_of
from forecast.episodes.diversion import diversions_of
from forecast.episodes.panel import structural_forecasts
from forecast.realtime.events import acting_events, known_events

MONTHS = 12


def forecasts(wide: pd.DataFrame, events: pd.DataFrame, product: str, target: pd.Period) -> pd.DataFrame:
    """Rows of every destination without the measure itself: medians and bounds, with and without diversions."""
    acting = acting_events(known_events(events, date(target.year, target.month, 20)))
    past = wide.loc[: target - 1]
    panel = {(product, code): past[code] for code in past}
    own = {key: episodes_of(acting, *key, {}, past) for key in panel}
    more = {key: (*own[key], *diversions_of(acting, *key, {}, past)) for key in panel}
    rows = []
    for name, episodes in (("with", more), ("without", own)):
        for (_, code), fit in structural_forecasts(panel, episodes, 1):
            found = fit.volumes().iloc[0]
            rows.append((code, target, name, found["median"], found["lower_80"], found["upper_80"]))
    return pd.DataFrame(rows, columns=["destination", "month", "diversion", "volume_t", "lower_80", "upper_80"])


def main() -> None:
    """Print the ratio of mean errors, all and from the fourth month, with its test, and coverage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exports")
    parser.add_argument("events")
    parser.add_argument("--measure", required=True)
    parser.add_argument("--product", default="")
    parser.add_argument("--months", action="store_true", help="print every cell")
    given = parser.parse_args()
    raw = pd.read_csv(given.exports)
    product = given.product or raw["product"].iloc[0]
    raw = raw[(raw["product"] == product) & (raw["destination"] != "WLD")]
    wide = raw.assign(month=pd.PeriodIndex(raw["month"], freq="M")).pivot(
        index="month", columns="destination", values="volume_t"
    )
    events = calendar(given.events)
    measure = events[events["event"] == given.measure].iloc[0]
    onset = pd.Period(measure["effective"], "M")
    targets = [month for month in pd.period_range(onset, onset + MONTHS, freq="M") if month in wide.index]
    table = pd.concat([forecasts(wide, events, product, target) for target in targets])
    table = table[~table["destination"].isin(measure["destinations"])]
    table["actual"] = [wide.at[row.month, row.destination] for row in table.itertuples()]
    scale = wide.loc[: onset - 1].diff(12).abs().mean()
    table["error"] = (table["volume_t"] - table["actual"]).abs() / table["destination"].map(scale)
    summary(table[np.isfinite(table["error"])], onset)
    if given.months:
        cells = table.pivot(index=["destination", "month", "actual"], columns="diversion", values="volume_t")
        bounds = table[table["diversion"] == "with"].set_index(["destination", "month", "actual"])
        print(cells.join(bounds[["lower_80", "upper_80"]]).round(0).reset_index().to_string(index=False))


def summary(table: pd.DataFrame, onset: pd.Period) -> None:
    """Two lines: all months, and those from the fourth on."""
    keys = ["destination", "month"]
    for name, own in (("all", table), ("from the fourth month", table[table["month"] >= onset + 4])):
        error = own.pivot_table(index=keys, columns="diversion", values="error")
        difference, low, high, p = compared(error["with"], error["without"])
        held = own["actual"].between(own["lower_80"], own["upper_80"]).groupby(own["diversion"]).mean()
        print(
            f"{name}: n {len(error)}, {error['with'].mean():.3f} with, {error['without'].mean():.3f} without, ratio "
            f"{error['with'].mean() / error['without'].mean():.3f}, difference {difference:+.3f} ({low:+.3f} to "
            f"{high:+.3f}), p = {p:.3f}; 80 % holds {held['with']:.0%} with, {held['without']:.0%} without"
        )


if __name__ == "__main__":
    main()
