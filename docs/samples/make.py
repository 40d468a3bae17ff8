"""Make the downloads of the documentation's examples out of the shipped figures: `python docs/samples/make.py`.

Two files as a desk may have them, month by month in kilograms under the names of countries: all that was out on
20 March 2026, and all that was out a month later.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

import forecast as fc

HERE = Path(__file__).resolve().parent
FIRST = pd.Period("2024-04", "M")
DAYS = {"download-march.csv": date(2026, 3, 20), "download-april.csv": date(2026, 4, 20)}
CODES = ("USA", "DEU", "KOR", "VNM", "JPN", "WLD")


def download(day: date) -> pd.DataFrame:
    """The shipped figures of magnets to six destinations as known on ``day``, as a table of kilograms."""
    figures, places = fc.read_exports(), fc.read_destinations().set_index("code")["name"]
    chosen = figures["destination"].isin(CODES) & figures["product"].eq("rare_earth_magnets")
    rows = figures[chosen & (figures["month"] >= FIRST) & (figures["released"] <= day)].sort_values(
        ["month", "destination"]
    )
    return pd.DataFrame(
        {
            "Month": rows["month"].astype(str),
            "HS code": "85051110",
            "Country": rows["destination"].map(places),
            "Net weight (kg)": (rows["volume_t"] * 1000).round().astype(int),
        }
    )


if __name__ == "__main__":
    for name, day in DAYS.items():
        download(day).to_csv(HERE / name, index=False, lineterminator="\n")
