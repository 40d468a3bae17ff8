"""The record of a live forecast: what its intervals would have held, by what each day knew."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
import simulated

import forecast as fc
from forecast.backtest.plan import backtest_origins
from forecast.report.track_record import TRACK_COLUMNS, first_known

NO_EVENTS = simulated.calendar()
HOW = {"models": ["naive", "theta", "combination"]}


def live(exports: pd.DataFrame, issued: date | None = None, **more: object) -> fc.Forecasts:
    return fc.forecast_all(exports, NO_EVENTS, {}, issued=issued, **{**HOW, **more})


@pytest.mark.slow
def test_the_record_counts_the_months_that_are_out() -> None:
    """One row a level, of the months before the cutoff; wider intervals hold at least as often."""
    run = live(simulated.exports({"USA": list(simulated.steady(60, 100.0)), "JPN": list(simulated.steady(60, 9.0))}))
    record = run.record.set_index(["destination", "level"])
    cutoff = run.forecasts["cutoff"].max()
    assert set(record["n"]) == {12}
    assert set(record["first_month"]) == {cutoff - 11}
    assert set(record["last_month"]) == {cutoff}
    for code in ("USA", "JPN"):
        assert 0 < record.loc[(code, 80), "held"] <= record.loc[(code, 95), "held"] <= 12


@pytest.mark.slow
def test_a_month_far_off_was_not_held() -> None:
    """The last month leaves every interval: one fewer holds, and nothing else changes but what it teaches."""
    steady = list(simulated.steady(60, 100.0))
    calm, broken = (live(simulated.exports({"USA": volumes})).record.set_index("level")["held"]
                    for volumes in (steady, [*steady[:-1], 1e5]))  # fmt: skip
    assert (calm - broken).isin([0, 1]).all()
    assert broken.max() < 12


@pytest.mark.slow
def test_nothing_of_the_future_is_in_it() -> None:
    """Figures that come out after the issue day change no row."""
    exports = simulated.exports({"USA": list(simulated.steady(60, 100.0))})
    day = sorted(exports["released"])[-6]
    later = exports["released"] > day
    changed = exports.assign(volume_t=exports["volume_t"].where(~later, 1e6))
    pd.testing.assert_frame_equal(live(exports, day).record, live(changed, day).record)


@pytest.mark.slow
def test_only_a_calibrated_run_of_one_day_has_it() -> None:
    """Without calibration nothing was learned, and a backtest is its own record."""
    exports = simulated.exports({"USA": list(simulated.steady(40, 100.0))})
    assert live(exports, calibrate=False).record.empty
    assert fc.backtest_all(exports, NO_EVENTS, {}, last=2, **HOW).record.empty
    assert len(backtest_origins(exports, ["magnets"], last=2)["magnets"]) == 2


def test_the_first_record_counts() -> None:
    """A store's own comes before that of the shipped backtest, that before the run's, each for what it has."""
    row = {"product": "magnets", "model": "combination", "level": 80, "n": 10, "first_month": None, "last_month": None}
    own, shipped = (
        pd.DataFrame([row | {"destination": code, "held": held} for code in codes])[TRACK_COLUMNS]
        for held, codes in ((1, ["USA"]), (2, ["USA", "DEU"]))
    )
    found = first_known(None, own, own.iloc[:0], shipped)
    assert found is not None
    assert dict(zip(found["destination"], found["held"], strict=True)) == {"USA": 1, "DEU": 2}
    assert first_known(None, own.iloc[:0]) is None
