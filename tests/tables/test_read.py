"""What must be true of a table where it enters, and the sentence where it is not."""

from __future__ import annotations

import pickle
import re
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.sources.plain import read_events, read_exports
from forecast.tables.frames import as_text, csv_blocks, packed, stacked, unpacked, usual_release
from forecast.tables.read import (
    TableError,
    destinations_table,
    events_table,
    exports_table,
    period_totals_table,
)
from forecast.tables.schema import EVENT_COLUMNS, EXPORT_COLUMNS, RUN_TABLES

TODAY = date(2026, 1, 15)
KINDS = ("licensing", "truce", "ban")
PLACES = destinations_table(
    {
        "destinations.csv": pd.DataFrame(
            [
                ["DEU", "Germany", "DE", "276", "country", ""],
                ["JPN", "Japan", "JP", "392", "country", ""],
                ["KOR", "South Korea", "KR", "410", "country", ""],
                ["PRK", "North Korea", "KP", "408", "country", ""],
                ["USA", "United States", "US", "840", "country", ""],
                ["EU27", "European Union (27)", "", "", "group", "DEU"],
                ["WLD", "World", "", "", "total", ""],
            ],
            columns=["code", "name", "iso2", "numeric", "kind", "members"],
        )
    }
)
CODES = " Codes are ISO 3166-1 alpha-3, WLD for the total, and groups such as EU27."


def raw(header: str, *rows: str) -> pd.DataFrame:
    """Raw cells from lines with commas, numbered like the rows of a file."""
    columns = header.split(",")
    return pd.DataFrame([row.split(",") for row in rows], columns=columns, index=range(2, 2 + len(rows)), dtype=str)


def exports(*rows: str, header: str = "product,destination,month,volume_t") -> pd.DataFrame:
    return exports_table({"exports.csv": raw(header, *rows)}, PLACES, TODAY)


def totals(*rows: str) -> pd.DataFrame:
    header = "product,destination,start,end,volume_t,released"
    return period_totals_table({"period_totals.csv": raw(header, *rows)}, PLACES, TODAY)


def events(*rows: str, header: str = ",".join(EVENT_COLUMNS[:-1])) -> pd.DataFrame:
    return events_table({"events.csv": raw(header, *rows)}, PLACES, KINDS)


def problems(error: pytest.ExceptionInfo[TableError]) -> list[str]:
    return error.value.problems


RELEASED = "product,destination,month,volume_t,released,status"


@pytest.mark.parametrize("status", ["", "reported", "Withdrawn"])
def test_an_empty_volume_in_a_later_release_withdraws_the_figure(status: str):
    """The figure stays what was known before, and is missing, not zero, from the day of the withdrawal on."""
    table = exports(f"magnets,USA,2025-05,,2025-09-20,{status}", "magnets,USA,2025-05,46,2025-06-20,", header=RELEASED)
    assert table["volume_t"].fillna(-1).tolist() == [-1, 46]
    assert table["status"].tolist() == ["withdrawn", "reported"]


def test_a_withdrawal_without_the_figure_needs_its_status():
    """A file of news alone may withdraw what an earlier file had; an empty cell that says nothing is an error."""
    assert exports("magnets,USA,2025-05,,2025-09-20,withdrawn", header=RELEASED)["volume_t"].isna().all()
    with pytest.raises(TableError) as error:
        exports("magnets,USA,2025-05,46,2025-09-20,", "magnets,USA,2025-05,,2025-06-20,", header=RELEASED)
    assert problems(error) == [
        "exports.csv row 3: USA 2025-05: volume_t must be tonnes, found an empty cell. A missing month is a missing "
        "row; zero is 0."
    ]


def test_a_withdrawn_figure_has_no_volume():
    """A zero under the status withdrawn is not read as zero."""
    with pytest.raises(TableError) as error:
        exports("magnets,USA,2025-05,46,2025-06-20,", "magnets,USA,2025-05,0,2025-09-20,withdrawn", header=RELEASED)
    assert problems(error) == [
        "exports.csv row 3: USA 2025-05: volume_t must be empty where status is withdrawn, found 0."
    ]


def test_a_withdrawal_is_written_and_read_back():
    """The table as text, even without the figure that was withdrawn, is the table again."""
    rows = ("magnets,USA,2025-05,46,2025-06-20,", "magnets,USA,2025-05,,2025-09-20,")
    table = exports(*rows, header=RELEASED)
    for part in (table, table.iloc[1:].reset_index(drop=True)):
        pd.testing.assert_frame_equal(exports_table({"exports.csv": as_text(part)}, PLACES, TODAY), part)


def test_exports_come_out_typed_with_the_defaults_filled():
    """Month is a period, volume a float; empty optional cells become the 20th of the next month, reported, NaN."""
    header = "product,destination,month,volume_t,released,status,precision_t,source"
    table = exports(
        "magnets,USA,2025-12,46.4,,,,", "magnets,DEU,2025-05,0,2025-06-18,derived,0.5,a page", header=header
    )
    assert table.columns.tolist() == EXPORT_COLUMNS
    assert table["month"].dtype == pd.PeriodDtype("M")
    assert table["volume_t"].tolist() == [46.4, 0.0]
    assert table["released"].tolist() == [date(2026, 1, 20), date(2025, 6, 18)]
    assert table["status"].tolist() == ["reported", "derived"]
    assert table["precision_t"].isna().tolist() == [True, False]
    assert table["source"].tolist() == ["", "a page"]


def test_optional_columns_may_be_absent_and_foreign_ones_are_left_out():
    """Four columns are enough; a column that resembles no known one is ignored, even when it stands twice."""
    table = exports("magnets,USA,2025-05,46.4,hello,,", header="product,destination,month,volume_t,remark,,")
    assert table.columns.tolist() == EXPORT_COLUMNS
    assert table["released"].tolist() == [date(2025, 6, 20)]


def test_vintages_are_rows_of_one_key_with_different_releases():
    """The same product, destination and month may be released again."""
    table = exports(
        "magnets,USA,2025-05,46,2025-06-20",
        "magnets,USA,2025-05,47,2025-07-20",
        header="product,destination,month,volume_t,released",
    )
    assert table["volume_t"].tolist() == [46.0, 47.0]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (
            "magnets,USA,2025-05,",
            "USA 2025-05: volume_t must be tonnes, found an empty cell. A missing month is a missing row; zero is 0.",
        ),
        ("magnets,USA,2025-05,-4", "USA 2025-05: volume_t must be zero or more tonnes, found '-4'."),
        ("magnets,USA,2025-05,nan", "USA 2025-05: volume_t must be a number of tonnes such as 1234.5, found 'nan'."),
        ("magnets,USA,2025-05,-inf", "USA 2025-05: volume_t must be a number of tonnes such as 1234.5, found '-inf'."),
        ("magnets,USA,2025-05,46 t", "USA 2025-05: volume_t must be a number of tonnes such as 1234.5, found '46 t'."),
        ("magnets,USA,2025-05,1_0", "USA 2025-05: volume_t must be a number of tonnes such as 1234.5, found '1_0'."),
        (
            "magnets,USA,2025-05,1.1e9",
            "USA 2025-05: volume_t must be at most 1e9 tonnes, found '1.1e9'. Is it in kilograms?",
        ),
        ("magnets,USA,May 2025,46", "USA May 2025: month must be a month as YYYY-MM, found 'May 2025'."),
        ("magnets,USA,2025-13,46", "USA 2025-13: month must be a month as YYYY-MM, found '2025-13'."),
        ("magnets,USA,,46", "USA: month must be a month as YYYY-MM, found an empty cell."),
        ("magnets,USA,2026-02,46", "USA 2026-02: month must not be after today's month, 2026-01, found '2026-02'."),
        (
            "magnets,Germany,2025-05,46",
            "Germany 2025-05: destination must be a known code, found 'Germany'. Did you mean DEU (Germany)?",
        ),
        (
            "magnets,usa,2025-05,46",
            "usa 2025-05: destination must be a known code, found 'usa'. Did you mean USA (United States)?",
        ),
        (
            "magnets,DE,2025-05,46",
            "DE 2025-05: destination must be a known code, found 'DE'. Did you mean DEU (Germany)?",
        ),
        (
            "magnets,GER,2025-05,46",
            "GER 2025-05: destination must be a known code, found 'GER'. Did you mean DEU (Germany)?",
        ),
        (
            "magnets,JPM,2025-05,46",
            "JPM 2025-05: destination must be a known code, found 'JPM'. "
            "Codes are ISO 3166-1 alpha-3, WLD for the total, and groups such as EU27.",
        ),
        (
            "magnets,Korea,2025-05,46",
            "Korea 2025-05: destination must be a known code, found 'Korea'. "
            "Did you mean KOR (South Korea) or PRK (North Korea)?",
        ),
        (
            "magnets,Jappan,2025-05,46",
            "Jappan 2025-05: destination must be a known code, found 'Jappan'. Did you mean JPN (Japan)?",
        ),
        ("magnets,ALL,2025-05,46", "ALL 2025-05: destination must be a known code, found 'ALL'." + CODES),
        ("magnets,,2025-05,46", "2025-05: destination must be a known code, found an empty cell." + CODES),
        (
            "rare earths,USA,2025-05,46",
            "USA 2025-05: product must be a slug or an HS code such as rare_earth_magnets or 85051110, "
            "found 'rare earths'.",
        ),
    ],
)
def test_a_wrong_export_is_one_sentence(row: str, sentence: str):
    """File and row, the key, what was expected, what was found; the row beside it is not blamed."""
    with pytest.raises(TableError) as error:
        exports("magnets,WLD,2025-05,400", row)
    assert problems(error) == [f"exports.csv row 3: {sentence}"]


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ("2025-05-30,", "released must not be before the end of 2025-05, found 2025-05-30."),
        ("2025-02-30,", "released must be a day as YYYY-MM-DD or empty, found '2025-02-30'."),
        ("20.06.2025,", "released must be a day as YYYY-MM-DD or empty, found '20.06.2025'."),
        ("2026-01-16,", "released must not be after today, 2026-01-15, found '2026-01-16'."),
        (",half", "precision_t must be a number of tonnes or empty, found 'half'."),
        (",inf", "precision_t must be a number of tonnes or empty, found 'inf'."),
        (",-1", "precision_t must be zero or more tonnes, found '-1'."),
    ],
)
def test_a_wrong_optional_cell_is_one_sentence(cells: str, sentence: str):
    """An optional cell may be empty; it may not be wrong."""
    with pytest.raises(TableError) as error:
        exports(f"magnets,USA,2025-05,46,{cells}", header="product,destination,month,volume_t,released,precision_t")
    assert problems(error) == [f"exports.csv row 2: USA 2025-05: {sentence}"]


def test_a_volume_released_on_the_last_day_of_its_month_is_accepted():
    """The bound is the end of the month itself."""
    header = "product,destination,month,volume_t,released"
    assert exports("magnets,USA,2025-05,46,2025-05-31", header=header)["released"].tolist() == [date(2025, 5, 31)]


def test_a_key_that_stands_twice_names_both_volumes():
    """One row per product, destination, month and release; an empty release is the usual one."""
    rows = ["magnets,USA,2025-05,46.4,", "magnets,DEU,2025-05,1,", "magnets,USA,2025-05,353,2025-06-20"]
    with pytest.raises(TableError) as error:
        exports(*rows, header="product,destination,month,volume_t,released")
    rule = "One row per product, destination, month and release."
    assert problems(error) == [f"exports.csv row 4: USA 2025-05 twice (46.4 and 353). {rule}"]


def test_a_key_that_stands_in_two_files_names_both_files():
    """Files are joined before the keys are compared."""
    header = "product,destination,month,volume_t"
    files = {"a.csv": raw(header, "magnets,USA,2025-05,46.4"), "b.csv": raw(header, "magnets,USA,2025-05,353")}
    sentence = "b.csv row 2: USA 2025-05 twice (46.4 in a.csv row 2 and 353)."
    with pytest.raises(TableError, match=re.escape(sentence)):
        exports_table(files, PLACES, TODAY)


def test_all_problems_are_told_at_once_in_the_order_of_the_rows():
    """A user mends a file in one go: wrong cells and repeated keys together, a cell once."""
    with pytest.raises(TableError) as error:
        exports("magnets,USA,2025-05,1", "magnets,USA,2025-05,2", "magnets,XYZ,x,-1", "magnets,DEU,2025-05,nan")
    rows = [int(re.search(r"row (\d+)", problem).group(1)) for problem in problems(error)]
    assert rows == [3, 4, 4, 4, 5]
    assert str(error.value) == "\n".join(problems(error))


@pytest.mark.parametrize(
    ("header", "sentences"),
    [
        (
            "product,destination,volume_t",
            ["exports.csv row 1: expected column month, found only product, destination, volume_t."],
        ),
        (
            "product,tonnes",
            ["exports.csv row 1: expected columns destination, month, volume_t, found only product, tonnes."],
        ),
        (
            "product,Destination,month,volume,relased",
            [
                "exports.csv row 1: column 'Destination' is not known. Did you mean destination?",
                "exports.csv row 1: column 'volume' is not known. Did you mean volume_t?",
                "exports.csv row 1: column 'relased' is not known. Did you mean released?",
            ],
        ),
        (
            "product,destination,month,month,volume_t",
            ["exports.csv row 1: column month stands twice. One column of each name."],
        ),
    ],
)
def test_wrong_columns_are_told_before_any_cell(header: str, sentences: list[str]):
    """A column that is missing, misspelt or repeated; what was found is listed."""
    with pytest.raises(TableError) as error:
        exports(",".join("x" for _ in header.split(",")), header=header)
    assert problems(error) == sentences


def test_a_header_without_rows_is_an_error():
    """An empty table would be an empty forecast without a word."""
    with pytest.raises(TableError, match=r"^exports\.csv: expected rows below the header, found none\.$"):
        exports()


def test_a_table_error_survives_the_way_between_processes():
    """Pickled and read back it has the same problems."""
    assert pickle.loads(pickle.dumps(TableError("a", "b"))).problems == ["a", "b"]


def test_the_input_is_not_changed():
    """Checking a raw table leaves it as it was."""
    given_rows = raw("product,destination,month,volume_t", "magnets,USA,2025-05,46")
    before = given_rows.copy(deep=True)
    exports_table({"exports.csv": given_rows}, PLACES, TODAY)
    pd.testing.assert_frame_equal(given_rows, before)


@pytest.mark.parametrize(("month", "day"), [("2025-05", date(2025, 6, 20)), ("2025-12", date(2026, 1, 20))])
def test_the_usual_release_is_the_20th_of_the_next_month(month: str, day: date):
    """The rule where no day is given."""
    assert usual_release(pd.Period(month, freq="M")) == day


def test_period_totals_come_out_typed():
    """Start and end are periods; an empty release is the usual one of the end."""
    table = totals("magnets,WLD,2025-01,2025-02,6931,", "magnets,WLD,2025-01,2025-03,12000,2025-04-18")
    assert table["end"].tolist() == [pd.Period("2025-02", freq="M"), pd.Period("2025-03", freq="M")]
    assert table["released"].tolist() == [date(2025, 3, 20), date(2025, 4, 18)]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("2025-03,2025-01,5,", "2025-03 to 2025-01: end must not be before start, found 2025-01 before 2025-03."),
        ("2025-03,2026-02,5,", "2025-03 to 2026-02: end must not be after today's month, 2026-01, found '2026-02'."),
        ("Q1,2025-03,5,", "Q1 to 2025-03: start must be a month as YYYY-MM, found 'Q1'."),
        (
            "2025-01,2025-03,5,2025-03-20",
            "2025-01 to 2025-03: released must not be before the end of 2025-03, found 2025-03-20.",
        ),
        (
            "2025-04,2025-06,5,",
            "2025-04 to 2025-06 twice (15504 and 5). One row per product, destination, start, end and release.",
        ),
    ],
)
def test_a_wrong_period_total_is_one_sentence(row: str, sentence: str):
    """The same cells as in exports are checked by the same rules; here what is different."""
    with pytest.raises(TableError) as error:
        totals("magnets,WLD,2025-04,2025-06,15504,", f"magnets,WLD,{row}")
    assert problems(error) == [f"period_totals.csv row 3: WLD {sentence}"]


def test_events_come_out_typed():
    """Lists are tuples, days dates, open days None."""
    table = events(
        "e1,licensing,a; b,ALL,2025-04-04,2025-04-04,,,a page,words,",
        "e2,ban,a,USA;EU27,2025-01-01,2025-02-01,2025-03-01,2025-02-15,,,scheduled",
    )
    assert table.columns.tolist() == EVENT_COLUMNS
    assert table["products"].tolist() == [("a", "b"), ("a",)]
    assert table["destinations"].tolist() == [("ALL",), ("USA", "EU27")]
    assert table["effective"].tolist() == [date(2025, 4, 4), date(2025, 2, 1)]
    assert table["ends"].tolist() == [None, date(2025, 3, 1)]
    assert table["ends_announced"].tolist() == [None, date(2025, 2, 15)]
    assert table["ends_status"].tolist() == ["", "scheduled"]


GOOD_EVENT = {
    "event": "e2",
    "kind": "ban",
    "products": "a",
    "destinations": "USA",
    "announced": "2025-04-04",
    "effective": "2025-05-04",
    "ends": "2025-06-04",
    "ends_announced": "2025-06-01",
    "source": "page",
    "description": "words",
    "ends_status": "",
}


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"ends": "2025-04-03"}, "ends must not be before announced (2025-04-04), found 2025-04-03."),
        (
            {"ends": "2025-04-30"},
            "ends before effective must be announced by 2025-05-04, found ends_announced 2025-06-01.",
        ),
        ({"announced": ""}, "announced must be a day as YYYY-MM-DD, found an empty cell."),
        ({"effective": ""}, "effective must be a day as YYYY-MM-DD, found an empty cell."),
        ({"effective": "2025-02-30"}, "effective must be a day as YYYY-MM-DD, found '2025-02-30'."),
        ({"announced": "2025-04"}, "announced must be a day as YYYY-MM-DD, found '2025-04'."),
        ({"announced": "20250404"}, "announced must be a day as YYYY-MM-DD, found '20250404'."),
        ({"ends": "open"}, "ends must be a day as YYYY-MM-DD or empty, found 'open'."),
        ({"ends_announced": "soon"}, "ends_announced must be a day as YYYY-MM-DD or empty, found 'soon'."),
        ({"ends_status": "maybe"}, "ends_status must be empty or scheduled, found 'maybe'."),
        (
            {"ends": ""},
            "ends must be a day where ends_announced or ends_status is given, found an empty cell.",
        ),
        ({"kind": "license"}, "kind must be a kind of event, found 'license'. Did you mean licensing?"),
        ({"kind": "war"}, "kind must be a kind of event, found 'war'. Kinds are licensing, truce, ban."),
        (
            {"destinations": "Japan"},
            "destinations must be ALL or known codes separated by semicolons, found 'Japan'. Did you mean JPN (Japan)?",
        ),
        (
            {"destinations": "USA;Germany;QQ9Z"},
            "destinations must be ALL or known codes separated by semicolons, found 'USA;Germany;QQ9Z'. "
            "Not known: 'Germany', 'QQ9Z'. Did you mean DEU (Germany)?",
        ),
        (
            {"destinations": ""},
            "destinations must be ALL or known codes separated by semicolons, found an empty cell." + CODES,
        ),
        (
            {"products": "a;;b"},
            "products must be ALL, or slugs or HS codes separated by semicolons, found 'a;;b'.",
        ),
    ],
)
def test_a_wrong_event_is_one_sentence(cells: dict[str, str], sentence: str):
    """One cell of a sound event is spoilt and is the one that is named."""
    with pytest.raises(TableError) as error:
        events("e1,truce,a,USA,2025-04-04,2025-05-04,,,page,words,", ",".join((GOOD_EVENT | cells).values()))
    assert problems(error) == [f"events.csv row 3: e2: {sentence}"]


def test_an_event_without_a_name_is_told_by_its_row():
    """Where the key is empty the row alone says where."""
    with pytest.raises(TableError, match=r"^events\.csv row 2: event must not be empty\.$"):
        events(",".join((GOOD_EVENT | {"event": ""}).values()))


def test_an_event_id_stands_once():
    """The second row of the same id names the first."""
    row = ",".join(GOOD_EVENT.values())
    sentence = r"^events\.csv row 3: event e2 stands already in events\.csv row 2\. One row for each\.$"
    with pytest.raises(TableError, match=sentence):
        events(row, row)


def test_an_end_may_precede_the_effect():
    """A measure withdrawn before it took effect is a row like any other: it never acted."""
    row = ",".join((GOOD_EVENT | {"ends": "2025-04-20", "ends_announced": "2025-04-20"}).values())
    assert events(row)["ends"].tolist() == [date(2025, 4, 20)]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (["DEU", "Deutschland", ""], "destinations.csv row 3: code DEU stands already in destinations.csv row 2."),
        (["EU2", "Two", "DEU;FRA"], "destinations.csv row 3: EU2: members must be codes of the same table,"),
        (["", "Nowhere", ""], "destinations.csv row 3: code must not be empty."),
        (["FRA", "", ""], "destinations.csv row 3: FRA: name must not be empty."),
    ],
)
def test_a_wrong_destination_is_one_sentence(row: list[str], sentence: str):
    """Codes are unique and named; members of a group are codes of the table."""
    rows = pd.DataFrame([["DEU", "Germany", ""], row], columns=["code", "name", "members"], index=[2, 3])
    with pytest.raises(TableError, match="^" + re.escape(sentence)):
        destinations_table({"destinations.csv": rows})


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["magnets", "85059090"]),
        st.sampled_from(PLACES["code"].tolist()),
        st.dates(date(2018, 1, 1), date(2025, 12, 31)).map(lambda day: f"{day:%Y-%m}"),
        st.just(0.0) | st.floats(1e-9, 1e9, allow_nan=False),
        st.one_of(st.just(""), st.floats(0, 100, allow_nan=False).map(repr)),
        st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Z"]), max_size=12).map(str.strip),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row[:3],
)


@pytest.mark.slow
@settings(max_examples=40, derandomize=True)
@given(ROWS)
def test_a_table_written_and_read_back_is_the_same(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple]):
    """Every volume to the last bit, every month, day and text."""
    path: Path = tmp_path_factory.mktemp("tables") / "exports.csv"
    columns = ["product", "destination", "month", "volume_t", "precision_t", "source"]
    cells = pd.DataFrame(rows, columns=columns).astype(object)
    table = exports_table({"raw": as_text(cells)}, PLACES, date(2026, 2, 1))
    as_text(table).to_csv(path, index=False)
    again = read_exports(path, today=date(2026, 2, 20))
    pd.testing.assert_frame_equal(table, again, check_exact=True)
    assert np.array_equal(table["volume_t"], [row[3] for row in rows])


def test_events_written_and_read_back_are_the_same(tmp_path: Path):
    """Tuples and open days come back as they were."""
    table = events(",".join(GOOD_EVENT.values()), "e3,truce,a;b,ALL,2025-04-04,2025-05-04,,,page,words,")
    as_text(table).to_csv(tmp_path / "events.csv", index=False)
    again = read_events(tmp_path / "events.csv")
    pd.testing.assert_frame_equal(table, again)


def test_packed_tables_come_back_as_if_they_had_been_joined_at_once():
    """Types, order and cells are those of the tables before, whichever names stand in which of them."""
    columns = ["product", "destination", "model", "issued", "month", "volume_t"]
    month = pd.Period("2025-05", freq="M")
    rows = [("magnets", code, name, date(2025, 6, 20), month, 46.0) for code in ("USA", "JPN") for name in ("b", "a")]
    parts = [
        pd.DataFrame(columns=columns),
        pd.DataFrame(rows[:3], columns=columns),
        pd.DataFrame([("gallium", "DEU", "a", date(2024, 6, 20), month + 1, np.nan), *rows[3:]], columns=columns),
    ]
    together = unpacked([packed(part, RUN_TABLES["forecasts"]) for part in parts])
    pd.testing.assert_frame_equal(together, stacked(parts))
    assert together["issued"].map(type).eq(date).all()
    pd.testing.assert_frame_equal(unpacked([packed(parts[0], RUN_TABLES["forecasts"])]), parts[0])


def test_a_packed_table_takes_less_than_half_of_the_memory():
    """As many results wait for each other as there are tasks."""
    rows = [("magnets", code, date(2025, 6, 20), f"{kind}-2025", 0.1) for code in ("USA", "JPN") for kind in "abcd"]
    table = pd.DataFrame(100 * rows, columns=["product", "destination", "issued", "episode", "estimate"])
    assert (
        packed(table, RUN_TABLES["effects"]).memory_usage(index=False).sum() < table.memory_usage(index=False).sum() / 2
    )


@pytest.mark.slow
@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.text(st.sampled_from('a,"=\n é'), max_size=5),
            st.one_of(st.none(), st.dates(date(2000, 1, 1), date(2030, 1, 1))),
            st.floats(),
            st.sampled_from([1, 1.0, True, None, ("a", "b"), "x"]),
        ),
        max_size=7,
    ),
    st.integers(1, 4),
)
def test_blocks_of_lines_are_the_file_that_pandas_writes(rows: list[tuple], size: int):
    """Whatever stands in the cells, and however many rows a block has."""
    table = pd.DataFrame(rows, columns=["text", "day", "number", "any"]).assign(month=pd.Period("2025-01"))
    expected = as_text(table).to_csv(index=False, lineterminator="\n")
    assert "".join(text for _, text in csv_blocks(table, size)) == expected


def test_of_many_problems_the_first_are_shown():
    """The text of an error has twenty sentences and how many more there are; ``problems`` has them all."""
    error = TableError(*(f"a.csv row {row}: no month." for row in range(2_000)))
    assert str(error).splitlines()[19:] == ["a.csv row 19: no month.", "and 1,980 more, all in the error's `problems`."]
    assert len(error.problems) == 2_000
