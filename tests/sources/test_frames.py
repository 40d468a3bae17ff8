"""Frames from Python are checked with the sentences of files."""

from __future__ import annotations

from datetime import date, datetime

import pandas as pd
import pytest

from forecast import TableError, check_events, check_exports

DAY = date(2026, 1, 1)


def frame(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"product": "w", "destination": "USA", "month": ["2025-05"], "volume_t": [3.5], **columns})


@pytest.mark.parametrize(
    "month",
    ["2025-05", "2025-05-01", "May 2025", pd.Period("2025-05", "M"), pd.Timestamp("2025-05-31"), datetime(2025, 5, 1),
     date(2025, 5, 1)],
)  # fmt: skip
def test_months_in_every_type_and_the_usual_release(month: object):
    """Periods, timestamps, dates and text are the month; a missing `released` is the 20th of the next."""
    table = check_exports(frame(month=[month]), DAY)
    assert table["month"].tolist() == [pd.Period("2025-05", "M")]
    assert table["released"].tolist() == [date(2025, 6, 20)]


def test_an_index_with_the_keys_is_read():
    """Levels of the index that are columns of the table serve as such."""
    assert len(check_exports(frame().set_index(["product", "destination", "month"]), DAY)) == 1


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"month": pd.PeriodIndex(["2025Q1"], freq="Q")}, "month must be monthly periods"),
        ({"month": ["2025Q1"]}, r"exports row 0: month must be a month such as 2025-05, found '2025Q1', a quarter"),
        ({"month": ["soon"]}, "exports row 0: USA soon: month must be a month as YYYY-MM, found 'soon'"),
        ({"month": ["1950-05"]}, "USA 1950-05: month must be from 1951-01 to 2099-12, found '1950-05'"),
        ({"volume_t": [1e-300]}, "volume_t must be zero or at least 1e-09 tonnes, found '1e-300'"),
        ({"volume_t": [float("inf")]}, "volume_t must be a number of tonnes"),
        ({"volume_t": [None]}, "volume_t must be tonnes, found an empty cell"),
        ({"destination": "UK"}, r"found 'UK'. Did you mean GBR \(United Kingdom\)\?"),
        ({"destination": "ROW"}, r"'ROW' is no destination \(rest of the world\): leave its rows out"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_as_of_a_file(said: dict[str, object], sentence: str):
    """The row of the frame, what was expected, what was found."""
    with pytest.raises(TableError, match=sentence):
        check_exports(frame(**said), DAY)


def test_no_frame_is_a_sentence():
    """A list is no table."""
    with pytest.raises(TableError, match=r"exports: expected a pandas DataFrame, found list"):
        check_exports([1])  # type: ignore[arg-type]


def test_events_from_python():
    """Lists of products, days of every type; a kind that is not known is the sentence of a file."""
    row = {
        "event": "e", "kind": "ban", "products": [["w", "85051110"]], "destinations": [("USA", "DEU")],
        "announced": [date(2025, 1, 2)], "effective": [pd.Timestamp("2025-02-01")], "ends": [pd.NaT],
        "ends_announced": [None], "source": "", "description": "",
    }  # fmt: skip
    table = check_events(pd.DataFrame(row))
    assert table["destinations"].tolist() == [("USA", "DEU")]
    assert table[["effective", "ends"]].to_numpy().tolist() == [[date(2025, 2, 1), None]]
    with pytest.raises(TableError, match=r"found 'bann'. Did you mean ban"):
        check_events(pd.DataFrame({**row, "kind": "bann"}))
