"""The combination against a plain loop."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from forecast.ensemble.combination import CELL, combination
from forecast.tables.quantiles import VOLUME_QUANTILES

FACTORS = {"lower_95": 0.5, "lower_80": 0.8, "upper_80": 1.25, "upper_95": 2.0}


def rows(*cells):
    """A row per (destination, model, volume); its bounds are multiples of the volume."""
    table = pd.DataFrame(cells, columns=["destination", "model", "volume_t"])
    month = pd.Period("2025-05")
    origin = {"product": "magnets", "issued": date(2025, 5, 20), "horizon": 1}
    table = table.assign(**origin, cutoff=month - 1, month=month, last_known=month - 1)
    bounds = {name: table["volume_t"] * factor for name, factor in FACTORS.items()}
    return table.assign(**bounds)


def test_the_combination_is_the_median_in_logs_of_its_members():
    """Odd: the middle one. Even: the geometric mean of the middle two. Naive has no voice among members."""
    table = rows(
        ("USA", "theta", 100.0), ("USA", "arima", 400.0), ("USA", "naive", 9.0),
        ("JPN", "pooled", 5.0), ("JPN", "theta", 7.0), ("JPN", "prophet", 90.0),
    )  # fmt: skip
    combined = combination(table).set_index("destination")
    assert combined.loc["USA", "volume_t"] == 200.0
    assert np.allclose(combined.loc["JPN", [*VOLUME_QUANTILES]].astype(float), [3.5, 5.6, 7.0, 8.75, 14.0])


def test_naive_stands_in_alone_where_no_member_could_be_fitted():
    """And a cell without any row stays without."""
    combined = combination(rows(("USA", "theta", 100.0), ("KOR", "naive", 3.0), ("KOR", "seasonal_naive", 8.0)))
    assert dict(zip(combined["destination"], combined["volume_t"], strict=True)) == {"USA": 100.0, "KOR": 3.0}


def test_a_zero_among_two_gives_zero():
    """The geometric mean with nothing is nothing, and no logarithm fails."""
    assert combination(rows(("USA", "theta", 0.0), ("USA", "arima", 400.0)))["volume_t"].tolist() == [0.0]


def test_many_cells_agree_with_numpy_one_by_one():
    """Random cells with one to four members."""
    random = np.random.default_rng(3)
    names = ["theta", "arima", "prophet", "pooled"]
    picked = {f"D{place}": random.permutation(names)[: random.integers(1, 5)] for place in range(50)}
    cells = [(destination, name, random.lognormal()) for destination, chosen in picked.items() for name in chosen]
    table = rows(*cells)
    combined = combination(table).set_index("destination")
    for destination, members in table.groupby("destination"):
        for name in VOLUME_QUANTILES:
            assert np.isclose(combined.loc[destination, name], np.exp(np.median(np.log(members[name]))))
    assert set(CELL) <= set(combination(table))
