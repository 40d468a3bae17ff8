"""Series with months without trade, forecast with and without what is made of them: the numbers of no_trade.md.

    python benchmarks/no_trade.py

Made-up series that sell 400 t in a month with trade: a share of their months empty, or a last spell of empty months,
also under a duty that the calendar knows, or does not. ``without`` is the same version where a month without trade is a
low month like any other. Uncalibrated, one month ahead, without shipped experience. The simulated panel has lots of a
known probability, so that the truth is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import product
from unittest.mock import patch

import numpy as np
import pandas as pd

import forecast as fc
from forecast.episodes import panel

USUAL, MONTHS, NOISE = 400.0, 72, 0.2
SHARES, SPELLS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.65), (0, 1, 2, 3, 6, 12, 24)
SERIES, ORIGINS, EMPTY, WIDE = 24, 18, 1.0 / 7.0, 0.4
"""Series and origins of the simulated panel, its probability of a month without trade, and noise of the others."""

SINCE = {"trade, none": (1, 0), "none, trade, trade": (0, 1, 1), "trade, none, trade": (1, 0, 1), "none, none": (0, 0)}
"""Months from a duty on: usual ones, and ones without trade."""


def exports(volumes: np.ndarray) -> pd.DataFrame:
    """A table of one destination from January 2019, each month out on the 20th of the next."""
    months = pd.period_range("2019-01", periods=len(volumes), freq="M")
    rows = pd.DataFrame({"month": months.astype(str), "volume_t": volumes})
    rows["released"] = [date((month + 1).year, (month + 1).month, 20) for month in months]
    return fc.check_exports(rows.assign(product="lots", destination="USA", status="reported", source="made up"))


@contextmanager
def as_low_months() -> Iterator[None]:
    """Months without trade are low months like any other."""
    with patch.object(panel.EmptyMonths, "of", lambda *_: None):
        yield


def ahead(volumes: np.ndarray, events: pd.DataFrame | None = None) -> str:
    """Median and 80 % interval of the next month, of the combination."""
    known = fc.read_events().iloc[:0] if events is None else events
    rows = fc.forecast_all(
        exports(volumes), known, {}, models=["combination"], calibrate=False, experience="none"
    ).forecasts  # fmt: skip
    row = rows[rows["model"] == "combination"].iloc[0]
    return f"{row.volume_t:,.0f} ({row.lower_80:,.0f} to {row.upper_80:,.0f})"


def duty(months: int) -> pd.DataFrame:
    """A duty from the first day after so many months on."""
    day = str(pd.Period("2019-01", "M") + months) + "-01"
    named = {"event": "duty", "kind": "tariff", "products": "lots", "destinations": "USA", "source": "made up"}
    dates = {"announced": day, "effective": day, "ends": "", "ends_announced": ""}
    return fc.check_events(pd.DataFrame([{**named, **dates, "description": "a duty"}]))


def both(volumes: np.ndarray) -> str:
    """Cells of a table: with and without."""
    own = ahead(volumes)
    with as_low_months():
        return f"{own} | {ahead(volumes)}"


def lots(seed: Sequence[int], months: int, noise: float) -> tuple[np.random.Generator, np.ndarray]:
    """Usual months, log-normal about `USUAL`."""
    rng = np.random.default_rng(seed)
    return rng, USUAL * np.exp(noise * rng.standard_normal(months))


def replayed() -> str:
    """Mean absolute error and interval score in usual months, and how often intervals hold, of the combination."""
    parts = []
    for seed in range(SERIES):
        rng, volumes = lots([7, seed], 84, WIDE)
        run = fc.backtest_all(
            exports(volumes * (rng.random(84) >= EMPTY)), fc.read_events().iloc[:0], {},
            models=["combination"], calibrate=False, last=ORIGINS, experience="none",
        )  # fmt: skip
        parts.append(run.forecasts[run.forecasts["model"] == "combination"])
    rows = pd.concat(parts)
    actual, low, high = (rows[name].to_numpy() for name in ("actual_t", "lower_80", "upper_80"))
    beyond = np.maximum(low - actual, 0.0) + np.maximum(actual - high, 0.0)
    score = float(np.mean(high - low + 10.0 * beyond)) / USUAL
    error = float((rows["volume_t"] - rows["actual_t"]).abs().mean()) / USUAL
    held = [rows["actual_t"].between(rows[f"lower_{level}"], rows[f"upper_{level}"]).mean() for level in (80, 95)]
    return f"{len(rows)} | {error:.3f} | {score:.2f} | {held[0]:.0%} | {held[1]:.0%}"


def main() -> None:
    """Print the tables."""
    print("| months empty | with | without |\n|---:|---:|---:|")
    for share in SHARES:
        rng, volumes = lots([0, MONTHS], MONTHS, NOISE)
        volumes[2 + rng.permutation(MONTHS - 4)[: round(share * MONTHS)]] = 0.0
        print(f"| {share:.0%} | {both(volumes)} |", flush=True)
    print("\n| months of the last spell | with | without |\n|---:|---:|---:|")
    for spell in SPELLS:
        _, volumes = lots([0, 60], 60, NOISE)
        print(f"| {spell} | {both(np.append(volumes, np.zeros(spell)))} |", flush=True)
    print("\n| empty before | months under a duty | known | not known |\n|---:|---|---:|---:|")
    for share, since in product((0.0, 0.1, 0.3), SINCE):
        rng, volumes = lots([0, 60], 60, NOISE)
        volumes[2 + rng.permutation(56)[: round(share * 60)]] = 0.0
        own = np.append(volumes, USUAL * np.array(SINCE[since]))
        print(f"| {share:.0%} | {since} | {ahead(own, duty(60))} | {ahead(own)} |", flush=True)
    print("\n| | forecasts | error | 80 % interval score | 80 % holds | 95 % |\n|---|---:|---:|---:|---:|---:|")
    print(f"| with | {replayed()} |", flush=True)
    with as_low_months():
        print(f"| without | {replayed()} |", flush=True)


if __name__ == "__main__":
    main()
