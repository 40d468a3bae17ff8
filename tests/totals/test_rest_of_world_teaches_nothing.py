"""The rest of the world is what others leave: beside it no other series is forecast otherwise, by whatever command."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

import forecast as fc
from forecast.realtime.rest_of_world import with_rest_of_world
from forecast.registry import COMBINATION, MODELS
from forecast.tables.schema import REST_OF_WORLD

MONTHS = pd.period_range("2020-01", periods=48, freq="M")
DAY = date(2024, 1, 25)
LICENCE = {
    "event": "licence", "kind": "licensing", "products": ("ALL",), "destinations": ("USA",),
    "announced": date(2023, 6, 1), "effective": date(2023, 6, 1), "ends": None, "ends_announced": None,
    "ends_status": "", "continues": "", "source": "", "description": "",
}  # fmt: skip


def exports() -> pd.DataFrame:
    """Three destinations, of which one is sparse, and a total with much besides."""
    random = np.random.default_rng(5)
    volumes = {code: level * np.exp(0.1 * random.normal(size=48)) for code, level in (("USA", 90.0), ("DEU", 60.0))}
    volumes["JPN"] = np.where(random.random(48) < 0.2, 5 * np.exp(0.3 * random.normal(size=48)), np.nan)
    rest = 300 * np.exp(0.2 * np.sin(np.arange(48) / 2) + 0.1 * random.normal(size=48))
    volumes["WLD"] = volumes["USA"] + volumes["DEU"] + np.nan_to_num(volumes["JPN"]) + rest
    rows = [
        {"product": "magnets", "destination": code, "month": month, "volume_t": float(volume), "status": "",
         "released": (month + 1).start_time.date().replace(day=20), "precision_t": np.nan, "source": ""}
        for code, own in volumes.items() for month, volume in zip(MONTHS, own, strict=True) if np.isfinite(volume)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.slow
def test_no_other_series_is_forecast_otherwise_beside_it() -> None:
    """Every model and the combination, with what earlier origins teach, give the same to the last digit."""
    table = exports()
    both = with_rest_of_world(table, {}, DAY)
    assert both["destination"].eq(REST_OF_WORLD).any()
    events = fc.check_events(pd.DataFrame([LICENCE]))
    models = [name for name in MODELS if name != "prophet"]
    found = []
    for rows in (table, both):
        run = fc.forecast_all(rows, events, {}, issued=DAY, horizon=2, models=[*models, COMBINATION]).forecasts
        found.append(run[run["destination"] != REST_OF_WORLD].reset_index(drop=True))
    assert set(found[0]["model"]) == {*models, COMBINATION}
    pd.testing.assert_frame_equal(*found, check_exact=True)
