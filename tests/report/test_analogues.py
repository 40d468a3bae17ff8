"""Laws of analogues: the nearest measures of a kind, aligned at their effect, as known on the day."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
import simulated

from forecast.realtime.data import Data
from forecast.report.analogues import AnalogueError, analogues

NOW = date(2023, 12, 20)


def test_the_nearest_come_first_and_other_kinds_never():
    """Of two earlier licences the one with the same notice is nearer; a tariff is no analogue."""
    found = analogues(_data(), "now", NOW)
    assert list(dict.fromkeys(found["event"])) == ["now", "sudden", "slow"]
    assert analogues(_data(), "now", NOW, most=1)["event"].unique().tolist() == ["now", "sudden"]


def test_months_are_aligned_at_the_effect_and_measured_against_those_before_the_announcement():
    """A volume that halves in the month of effect is 0.5 of its base in month 0, and known to the last figure."""
    row = analogues(_data(), "now", NOW).iloc[0]
    assert row["base_t"] == pytest.approx(100.0)
    assert row[["month_0", "month_1", "month_2", "month_3"]].tolist() == pytest.approx([0.5] * 4)
    assert np.isnan(row["month_12"])


def test_what_comes_out_later_changes_nothing():
    """With figures that came out after the day, the table is the same."""
    early = analogues(_data(), "now", date(2023, 9, 20))
    cut = _data().exports
    known = Data(cut[cut["released"] <= date(2023, 9, 20)], _data().events, {}, None)
    pd.testing.assert_frame_equal(early, analogues(known, "now", date(2023, 9, 20)))


def test_an_event_that_is_not_known_is_refused():
    """A name that is not on file is a sentence with those that begin like it."""
    with pytest.raises(AnalogueError, match=r"sudden-x: expected an event known on 2023-12-20, found none\."):
        analogues(_data(), "sudden-x", NOW)


def _data():
    volumes = [100.0] * 42 + [50.0] * 5
    events = simulated.calendar(
        {"event": "slow", "kind": "licensing", "announced": date(2021, 1, 1), "effective": date(2021, 6, 1)},
        {"event": "sudden", "kind": "licensing", "announced": date(2022, 2, 1)},
        {"event": "duty", "kind": "tariff", "announced": date(2022, 2, 1)},
        {"event": "now", "kind": "licensing", "announced": date(2023, 7, 1)},
    )
    return Data(simulated.exports({"USA": volumes}), events, {}, None)
