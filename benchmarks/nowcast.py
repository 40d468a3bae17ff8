"""What a headline is worth: magnets forecast two days before their figures, with and without rare earth products.

    python benchmarks/nowcast.py

One origin for each month whose headline was out before the figures: the day of the headline. The same combination with
the same figures, and as it would have been without the headline; MAE in tonnes over the destinations with an actual.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pandas as pd

import forecast as fc
from forecast.vocabulary.products import shipped_headlines

MODELS = ("theta", "arima", "ets", "ces", "structural", "pooled", "seasonal_naive", "naive", "combination")


def main() -> None:
    """Forecast on every day of a headline and print a row a month."""
    exports = fc.read_exports()
    table = pd.concat([compared(exports, one.product, one.headline) for one in shipped_headlines()])
    world = table[table["destination"] == "WLD"].set_index("month")
    columns = ["headline_t", "actual_t", "without_t", "volume_t", "lower_80", "upper_80"]
    print(world[columns].round().astype(int).to_string(), "\n")
    for name, own in (("world", table[table["destination"] == "WLD"]), ("parts", table[table["destination"] != "WLD"])):
        print(f"{name}: {summary(own)}")


def compared(exports: pd.DataFrame, product: str, headline: str) -> pd.DataFrame:
    """A row per destination and month whose headline came out first, with both forecasts and the actual."""
    rows = exports[(exports["product"] == headline) & (exports["destination"] == "WLD")]
    out = {row.month: row.released for row in rows.itertuples()}
    actual = exports[exports["product"] == product].set_index(["destination", "month"])
    found = []
    for month, day in out.items():
        if ("WLD", month) in actual.index and day < actual.loc[("WLD", month), "released"]:
            run = fc.forecast_all(
                exports, fc.read_events(), fc.read_groups(), issued=day, products=[product], models=MODELS,
                totals=fc.read_period_totals(),
            )  # fmt: skip
            own = run.forecasts[(run.forecasts["model"] == "combination") & (run.forecasts["month"] == month)]
            found.append(own.merge(run.nowcasts, on=["product", "destination", "issued", "month"]))
    table = pd.concat(found).join(actual["volume_t"].rename("actual_t"), on=["destination", "month"])
    return table.dropna(subset="actual_t")


def summary(table: pd.DataFrame) -> str:
    """Mean absolute errors with and without, and how often each 80 % interval held."""
    with_, without = ((table[name] - table["actual_t"]).abs() for name in ("volume_t", "without_t"))
    held = table["actual_t"].between(table["lower_80"], table["upper_80"])
    held_without = table["actual_t"].between(table["without_lower_80"], table["without_upper_80"])
    width = (table["upper_80"] - table["lower_80"]).mean() / (
        table["without_upper_80"] - table["without_lower_80"]
    ).mean()
    return (
        f"MAE {with_.mean():.0f} t with, {without.mean():.0f} t without (ratio {with_.mean() / without.mean():.2f}); "
        f"80 % held {held.sum()} of {len(table)} with, {held_without.sum()} without; width {width:.2f} of that without"
    )


if __name__ == "__main__":
    main()
