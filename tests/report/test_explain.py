"""Laws of attribution: tonnes of parts add up to the forecast."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.report.explain import tonnes_of_parts, with_tonnes

LOGS = st.lists(st.floats(-3, 3), max_size=8)
BASES = st.floats(1e-3, 1e4)


@given(BASES, LOGS)
def test_the_parts_add_up_to_the_forecast(base_t, logs):
    """Base plus parts is base times the product of the factors, within 1e-6 t or a billionth."""
    forecast_t = base_t * math.exp(math.fsum(logs))
    assert base_t + math.fsum(tonnes_of_parts(base_t, np.array(logs))) == pytest.approx(forecast_t, rel=1e-9, abs=1e-6)


@given(BASES, st.floats(1e-9, 3))
def test_parts_that_cancel_leave_the_base(base_t, log):
    """Two opposite parts are opposite in tonnes, each its log times the base."""
    assert tonnes_of_parts(base_t, np.array([log, -log])) == pytest.approx([log * base_t, -log * base_t])


@given(BASES, LOGS)
def test_a_part_has_the_sign_of_its_log(base_t, logs):
    """What raises the forecast in logs raises it in tonnes."""
    assert (np.sign(tonnes_of_parts(base_t, np.array(logs))) == np.sign(logs)).all()


@given(BASES, LOGS)
def test_the_table_adds_up_by_series_and_month(base_t, logs):
    """Of two destinations each adds up to its own forecast, whatever the order of rows."""
    parts = [_part("USA", "level", math.log(base_t)), _part("DEU", "level", 0.0), _part("DEU", "event", math.log(3.0))]
    found = with_tonnes(pd.DataFrame([*(_part("USA", "event", log) for log in logs), *parts]))
    sums = found.groupby("destination")["tonnes"].sum()
    assert sums["DEU"] == pytest.approx(3.0)
    assert sums["USA"] == pytest.approx(base_t * math.exp(math.fsum(logs)), rel=1e-9, abs=1e-6)


def test_a_forecast_without_a_level_is_refused():
    """Without a base there is nothing that differences could be differences from."""
    with pytest.raises(ValueError, match="expected one part of kind level, found 0"):
        with_tonnes(pd.DataFrame([_part("USA", "event", 0.1)]))


@pytest.mark.parametrize(("base_t", "log"), [(0.0, 0.1), (math.nan, 0.1), (1.0, math.inf)])
def test_what_has_no_logarithm_is_refused(base_t, log):
    """Zero, unknown and infinite give no parts."""
    with pytest.raises(ValueError, match="Parts of a forecast"):
        tonnes_of_parts(base_t, np.array([log]))


def _part(destination, kind, log):
    return {"product": "magnets", "destination": destination, "month": pd.Period("2026-11", "M"), "name": kind,
            "kind": kind, "log": log}  # fmt: skip
