"""An easing for one of several barred destinations, month by month: the actual, with its interval, and without events.

Made-up figures with a known course: from March 2022 a ban stops three destinations of four within a month; a measure
eases it for one of them from February 2023, and its trade is back by April. Each month is forecast as on its 20th, one
month ahead, uncalibrated and calibrated, with the calendar and without, for the kinds of easing that there are.

    python benchmarks/easings.py
    python benchmarks/easings.py general_licence --without-lifting    as before easings lifted what was taken
"""

from __future__ import annotations

import argparse
import os
from contextlib import nullcontext
from datetime import date
from unittest.mock import patch

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

import forecast as fc

KINDS = ("suspension", "general_licence", "approvals", "truce")
EASED, OTHERS, FREE = "DEU", ("USA", "JPN"), "NLD"
USUAL = {"DEU": 320.0, "USA": 180.0, "JPN": 240.0, "NLD": 90.0}
MONTHS = pd.period_range("2018-06", "2023-12", freq="M")
BARRED, BACK = pd.Period("2022-03", "M"), {"2023-02": 0.3, "2023-03": 0.7}
SHOWN = pd.period_range("2023-01", "2023-07", freq="M")


def figures() -> pd.DataFrame:
    """Exports by destination and month: a season, noise of a fifth, and what the ban and its easing leave."""
    random = np.random.default_rng(5)
    season = 1.0 + 0.15 * np.sin(2 * np.pi * np.arange(len(MONTHS)) / 12)
    rows = []
    for code, usual in USUAL.items():
        volume = pd.Series(usual * season * np.exp(random.normal(0.0, 0.2, len(MONTHS))), MONTHS)
        if code != FREE:
            volume[BARRED] *= 0.5
            volume[BARRED + 1 : "2023-01" if code == EASED else None] = 0.0
        if code == EASED:
            for month, share in BACK.items():
                volume[month] *= share
        rows += [("antimony", code, str(month), round(value, 2)) for month, value in volume.items()]
    return fc.check_exports(pd.DataFrame(rows, columns=["product", "destination", "month", "volume_t"]))


def calendar(kind: str) -> pd.DataFrame:
    """The ban, and an easing of a kind for one destination."""
    plain = {"products": "antimony", "source": "made up", "ends": "", "ends_announced": "", "description": ""}
    ban = {"event": "ban", "kind": "ban", "destinations": ";".join((EASED, *OTHERS))}
    easing = {"event": "easing", "kind": kind, "destinations": EASED}
    days = (
        {"announced": "2022-03-01", "effective": "2022-03-15"},
        {"announced": "2023-01-28", "effective": "2023-02-01"},
    )
    return fc.check_events(pd.DataFrame([plain | ban | days[0], plain | easing | days[1]]))


def forecast_of(month: pd.Period, exports: pd.DataFrame, events: pd.DataFrame, calibrate: bool) -> str:
    """Median and 80 % interval of the eased destination one month ahead."""
    run = fc.forecast_all(
        exports, events, {}, issued=date(month.year, month.month, 20), destinations=[EASED], calibrate=calibrate
    )
    rows = run.forecasts
    [row] = rows[(rows["month"] == month) & (rows["model"] == "combination")].to_dict("records")
    return f"{row['volume_t']:,.0f} ({row['lower_80']:,.0f} to {row['upper_80']:,.0f})"


def main() -> None:
    """Print a table a kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", default=KINDS, metavar="KIND")
    parser.add_argument("--without-lifting", action="store_true")
    given = parser.parse_args()
    exports = figures()
    actual = exports[exports["destination"] == EASED].set_index("month")["volume_t"]
    with patch("forecast.episodes.course.LIFTS", {}) if given.without_lifting else nullcontext():
        for kind in given.kinds:
            events = calendar(kind)
            print(f"\n{kind} for {EASED}, t\n")
            print("| month | actual | with the calendar | calibrated | without events |\n|---|---:|---:|---:|---:|")
            for month in SHOWN:
                ways = (events, False), (events, True), (events.iloc[:0], False)
                cells = [forecast_of(month, exports, table, calibrate) for table, calibrate in ways]
                print(f"| {month} | {actual[month]:,.0f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
