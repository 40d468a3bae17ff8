"""Laws of analogues: the nearest measures of a kind, aligned at their effect, as known on the day."""

import io
from datetime import date

import numpy as np
import pandas as pd
import pytest
import simulated
from rich.console import Console

from forecast.realtime.data import Data
from forecast.report.agenda import EventNames
from forecast.report.analogues import ANALOGUE_COLUMNS, AnalogueError, analogues, print_analogues

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


@pytest.mark.parametrize("width", [60, 80, 140])
def test_analogues_are_named_and_fit(width):
    """Each measure by its name with its identifier, its series below; words are not cut in two."""
    console = Console(width=width, file=io.StringIO(), highlight=False)
    found, events = analogues(_data(), "now", NOW), _data().events
    print_analogues(found, {"USA": "United States"}, console, EventNames.of(events, {}))
    said = console.file.getvalue()
    assert max(map(len, said.splitlines())) <= width
    assert "licensing of 2023-07-01 (now)" in " ".join(said.split())
    assert {"United", "States"} <= set(said.split())


def test_nothing_alike_is_a_sentence():
    """No headings without rows: what was sought, and what to give."""
    console = Console(file=io.StringIO(), width=400)
    print_analogues(pd.DataFrame(columns=ANALOGUE_COLUMNS), {}, console)
    assert console.file.getvalue() == (
        "No measure of its kind took effect whose volumes are known before and after it. Give further series with"
        " --experience or --exports, or measures of the kind with --events.\n"
    )
