from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import simulated
import stored

from forecast.realtime.releases import as_of as snapshot_of_table
from forecast.store.database import Store, StoreError
from forecast.store.vintages import append, exports_as_of, latest_vintages, revised_figures, withdraw
from forecast.tables.schema import EXPORT_COLUMNS

MAY = pd.Period("2020-05", freq="M")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    with Store(tmp_path / "store.duckdb") as opened:
        yield opened


def one(volume: float, released: date, month: pd.Period = MAY) -> pd.DataFrame:
    row = {"product": "magnets", "destination": "USA", "month": month, "volume_t": volume, "released": released}
    return pd.DataFrame([row | {"status": "reported", "precision_t": np.nan, "source": ""}])


@pytest.mark.parametrize("place", [0, 5, 20, 41])
def test_the_table_of_a_day_is_what_was_out_by_then(store: Store, place: int) -> None:
    """as_of gives the same snapshot as the table that was taken in, on every day."""
    exports = stored.with_revisions(stored.figures())
    append(store, exports, {"all.csv": "0"}, date(2024, 1, 1))
    day, none = sorted(set(exports["released"]))[place], simulated.calendar().astype(object)
    table = exports_as_of(store, day)
    assert table.columns.tolist() == EXPORT_COLUMNS
    expected = snapshot_of_table(exports, none, day).volumes["magnets"]
    pd.testing.assert_frame_equal(snapshot_of_table(table, none, day).volumes["magnets"], expected)


def test_the_same_figures_add_nothing(store: Store) -> None:
    """A second append of the same table adds no row, under any name."""
    exports = stored.with_revisions(stored.figures(6))
    first = append(store, exports, {"a.csv": "0"}, date(2021, 1, 1))
    again = append(store, exports, {"b.csv": "1"}, date(2021, 2, 1))
    assert (first.total, again.total, again.known) == (len(exports), 0, len(exports))
    assert len(latest_vintages(store)) == len(exports)


def test_a_figure_that_differs_on_its_own_release_day_is_known_from_the_day_it_was_taken_in(store: Store) -> None:
    """The first figure stays what was known before; the revision counts from the ingest on and is called redated."""
    append(store, one(46.0, date(2020, 6, 20)), {"a.csv": "0"}, date(2020, 6, 21))
    added = append(store, one(48.0, date(2020, 6, 20)), {"b.csv": "1"}, date(2020, 9, 1))
    assert (added.revised, added.redated) == (1, 1)
    assert exports_as_of(store, date(2020, 8, 31))["volume_t"].tolist() == [46.0]
    assert exports_as_of(store, date(2020, 9, 1))[["volume_t", "released"]].values.tolist() == [
        [46.0, date(2020, 6, 20)], [48.0, date(2020, 9, 1)],
    ]  # fmt: skip


def test_two_corrections_of_one_day_leave_the_later(store: Store) -> None:
    """Of two figures of one release day the one taken in later is known, in one row."""
    day = date(2020, 6, 20)
    append(store, one(46.0, day), {"a.csv": "0"}, day)
    append(store, one(48.0, day), {"b.csv": "1"}, day)
    assert exports_as_of(store, day)["volume_t"].tolist() == [48.0]
    assert latest_vintages(store)["volume_t"].tolist() == [46.0, 48.0]


def test_a_withdrawn_figure_is_gone_from_that_day_and_kept_before(store: Store) -> None:
    """Withdrawing adds a row; the cell is absent from its day on, and what was known before stays."""
    append(store, one(46.0, date(2020, 6, 20)), {"a.csv": "0"}, date(2020, 6, 20))
    withdraw(store, ("magnets", "USA", MAY), date(2020, 8, 1), "withdrawn by customs")
    assert exports_as_of(store, date(2020, 7, 31))["volume_t"].tolist() == [46.0]
    assert exports_as_of(store, date(2020, 8, 1)).empty
    row = revised_figures(store).iloc[0]
    assert (row["first_t"], row["days"], np.isnan(row["latest_t"])) == (46.0, 42, True)


def test_a_file_withdraws_a_figure(store: Store) -> None:
    """A row without a volume counts once; whoever replays earlier days still has the figure of these."""
    append(store, one(46.0, date(2020, 6, 20)), {"a.csv": "0"}, date(2020, 6, 20))
    gone = one(np.nan, date(2020, 8, 1)).assign(status="withdrawn")
    both = pd.concat([one(46.0, date(2020, 6, 20)), gone], ignore_index=True)
    added = [append(store, rows, {f"{at}.csv": f"{at}"}, date(2020, 8, 2)) for at, rows in enumerate((both, gone), 1)]
    assert [(one.new, one.revised, one.known) for one in added] == [(0, 1, 1), (0, 0, 1)]
    assert exports_as_of(store, date(2020, 8, 1)).empty
    replayed = exports_as_of(store, date(2020, 8, 1), before_withdrawal=True)
    assert replayed["volume_t"].fillna(-1).tolist() == [46.0, -1]
    none = simulated.calendar().astype(object)
    assert snapshot_of_table(replayed, none, date(2020, 7, 31)).volumes["magnets"]["USA"].tolist() == [46.0]


def test_what_is_not_there_cannot_be_withdrawn(store: Store) -> None:
    """A sentence names the cell."""
    with pytest.raises(StoreError, match=r"magnets USA 2020-05: found no figure by 2020-08-01 to withdraw\.$"):
        withdraw(store, ("magnets", "USA", MAY), date(2020, 8, 1), "")


def test_revisions_have_first_latest_change_and_days(store: Store) -> None:
    """46 to 48.3 is 5 % in 61 days; a figure released again unchanged is no revision."""
    append(store, one(46.0, date(2020, 6, 20)), {"a.csv": "0"}, date(2020, 6, 20))
    append(store, one(48.3, date(2020, 8, 20)), {"b.csv": "1"}, date(2020, 8, 20))
    append(store, one(7.0, date(2020, 8, 20), MAY + 1), {"c.csv": "2"}, date(2020, 8, 20))
    append(store, one(7.0, date(2020, 9, 20), MAY + 1), {"d.csv": "3"}, date(2020, 9, 20))
    found = revised_figures(store)
    assert len(found) == 1
    row = found.iloc[0]
    assert (row["first_t"], row["latest_t"], row["days"], row["releases"]) == (46.0, 48.3, 61, 2)
    assert row["change"] == pytest.approx(0.05)
    assert revised_figures(store, destinations=["DEU"]).empty
