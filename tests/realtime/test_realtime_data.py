"""The tables of a forecast carried as one: the snapshot of a day, whatever process it is taken in."""

from __future__ import annotations

import pickle
from datetime import date

import pandas as pd
import pytest
from simulated import GROUPS, calendar, exports, steady

import forecast as fc
from forecast.realtime.data import Data
from forecast.realtime.releases import as_of

ISSUED = date(2023, 2, 20)


@pytest.fixture
def data() -> Data:
    """Two destinations, a ban announced before the day and one after it."""
    table = exports({"USA": steady(40), "JPN": steady(40, 40.0, seed=1)})
    bans = [{"kind": "ban", "announced": day} for day in (date(2023, 1, 5), date(2023, 3, 5))]
    return Data(table, calendar(*bans), GROUPS)


def test_the_snapshot_is_that_of_the_tables(data: Data) -> None:
    """From vintages built once the same volumes and events as from the tables on that day."""
    found, direct = data.as_of(ISSUED), as_of(data.exports, data.events, ISSUED)
    pd.testing.assert_frame_equal(found.volumes["magnets"], direct.volumes["magnets"])
    assert found.events["event"].tolist() == direct.events["event"].tolist() == ["event-0"]
    assert found.cutoff("magnets") == pd.Period("2023-01", "M")


def test_what_travels_gives_the_same_snapshot_without_the_exports(data: Data) -> None:
    """Another process gets the vintages, not the rows that they were made of, and knows as much on every day."""
    there = pickle.loads(pickle.dumps(data))
    assert there.exports.empty
    pd.testing.assert_frame_equal(there.as_of(ISSUED).volumes["magnets"], data.as_of(ISSUED).volumes["magnets"])


def test_a_window_shows_the_last_months_only(data: Data) -> None:
    """Twelve months to the cutoff, January, and no earlier one."""
    months = data.as_of(ISSUED, window=12).volumes["magnets"].index
    assert (months[0], months[-1], len(months)) == (pd.Period("2022-02", "M"), pd.Period("2023-01", "M"), 12)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.drop(columns="released"), "exports: column released is missing; pass the table through"),
        (lambda table: table.assign(month=table["month"].dt.asfreq("Q")), "exports: month must be periods of months"),
        (lambda table: table.assign(month=table["month"].astype(str)), "exports: month must be periods of months"),
        (lambda table: table.assign(volume_t=-1.0), "exports: volume_t must be zero or more"),
    ],
)
def test_tables_that_nobody_checked_are_refused_in_one_sentence(change, said):
    """A quarter is no month: figures of a library user go through `check_exports` first."""
    with pytest.raises(ValueError, match=said):
        fc.forecast_all(change(fc.read_exports()), fc.read_events(), fc.read_groups(), models=["naive"])
    with pytest.raises(ValueError, match="events: column ends_status is missing"):
        fc.forecast_all(fc.read_exports(), fc.read_events().drop(columns="ends_status"), {}, models=["naive"])
