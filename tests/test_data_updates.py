"""What November 2026 brought to the shipped data: days of release, episodes, a scenario, customs codes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulated import GROUPS, calendar, exports, steady

import forecast as fc
from forecast.realtime.events import ACTING_KINDS
from forecast.scenario.events import SUPPOSED_COLUMNS, supposed_events
from forecast.scenario.forecast import scenario_all
from forecast.tables.read import TableError, events_table
from forecast.tables.schema import EVENT_COLUMNS

FOLDER = Path(__file__).parents[1] / "data"

MAGNETS, PRODUCTS, TOTAL = "rare_earth_magnets", "rare_earth_products", "rare_earths_total"


def read(name):
    return pd.read_csv(FOLDER / name, dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def world():
    """Volume, and day of release, of the world by product and month."""
    table = read("exports.csv").query("destination == 'WLD'").astype({"volume_t": float})
    return table.set_index(["product", "month"])


# Figures --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("month", "volume_t", "released"),
    [
        ("2019-05", 3640, "2019-06-10"),
        ("2020-04", 4316.7, "2020-05-07"),
        ("2020-07", 1620.3, "2020-08-07"),
        ("2022-08", 3673.6, "2022-09-07"),
        ("2025-04", 4784.8, "2025-05-09"),
        ("2025-09", 4000.3, "2025-10-13"),
        ("2025-12", 4392, "2026-01-14"),
        ("2026-02", 4407, "2026-03-10"),
    ],
)
def test_all_rare_earths_on_the_day_read(world, month, volume_t, released):
    """Volume and first day as the pages have them."""
    row = world.loc[(TOTAL, month)]
    assert (row["volume_t"], row["released"]) == (volume_t, released)


def test_all_rare_earths_come_first_or_are_dated_late(world):
    """The 7th to 14th where a day was read or collected; the 20th, which is late and safe, everywhere else."""
    days = pd.to_datetime(world.loc[TOTAL, "released"]).dt.day
    assert set(days) <= {*range(7, 15), 20}
    assert (days < 20).sum() == 26


def test_january_and_february_add_to_what_was_printed(world):
    """10,468.3 t were printed for the two months of 2026 together."""
    assert world.loc[[(TOTAL, "2026-01"), (TOTAL, "2026-02")], "volume_t"].sum() == pytest.approx(10_468.3)


def test_products_are_out_two_days_before_magnets(world):
    """On the 18th, of the world alone, more than the magnets in them by 616 to 1,192 t."""
    products, magnets = world.loc[PRODUCTS], world.loc[MAGNETS]
    assert products["volume_t"].to_dict() == {
        "2024-05": 5428,
        "2025-05": 2117, "2025-06": 3808, "2025-07": 6422, "2025-08": 7338, "2025-10": 6158, "2025-11": 6958
    }  # fmt: skip
    assert (read("exports.csv").query("product == @PRODUCTS")["destination"] == "WLD").all()
    ahead = pd.to_datetime(magnets.loc[products.index, "released"]) - pd.to_datetime(products["released"])
    assert (ahead.dt.days == 2).all()
    rest = products["volume_t"] - magnets.loc[products.index, "volume_t"]
    assert rest.round().tolist() == [616, 879, 620, 845, 1192, 685, 808]


def test_no_measure_counts_magnets_twice():
    """`rare_earth_products` is the magnets once more, so that no acting event names it."""
    acting = read("events.csv").query("kind in @ACTING_KINDS")
    assert not acting["products"].str.contains(PRODUCTS).any()


def test_the_two_months_of_the_united_states_add_up():
    """994 t were printed for January and February 2026; the months are 545 and 449 t."""
    months = read("exports.csv").query("product == @MAGNETS and destination == 'USA'").set_index("month")["volume_t"]
    printed = read("period_totals.csv").query("destination == 'USA' and start == '2026-01' and end == '2026-02'")
    assert float(months["2026-01"]) + float(months["2026-02"]) == float(printed["volume_t"].item()) == 994


# Calendar -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "kind", "announced", "effective"),
    [
        ("tariff-2026-07-usa-section-301", "tariff", "2026-07-23", "2026-07-24"),
        ("truce-2026-11-usa", "truce", "2026-09-23", "2026-11-10"),
        ("scrutiny-2026-04-fertiliser", "scrutiny", "2026-04-29", "2026-04-29"),
        ("suspension-2026-05-urea-quota", "suspension", "2026-05-27", "2026-05-27"),
    ],
)
def test_days_of_2026(event, kind, announced, effective):
    """Announced on the day it was said, in force on the day of effect."""
    row = read("events.csv").set_index("event").loc[event]
    assert (row["kind"], row["announced"], row["effective"]) == (kind, announced, effective)


def test_continues_stays_on_one_kind_and_scope():
    """Of the shipped rows, each that continues another has its kind, goods and destinations, and begins later."""
    events = read("events.csv").set_index("event")
    linked = events[events["continues"] != ""]
    assert len(linked) == 5
    same = ["kind", "products", "destinations"]
    earlier = events.loc[linked["continues"]]
    assert linked[same].values.tolist() == earlier[same].values.tolist()
    assert (linked["effective"].to_numpy() > earlier["effective"].to_numpy()).all()


def written(*rows):
    """The raw table of events of the given cells: a truce from January 2025 on."""
    plain = {
        "kind": "truce", "products": "ALL", "destinations": "USA", "announced": "2025-01-01", "effective": "2025-01-01"
    }  # fmt: skip
    table = pd.DataFrame([plain | row for row in rows], columns=EVENT_COLUMNS, dtype=object).fillna("")
    return table.set_axis(range(2, len(rows) + 2))


def read_rows(raw, **options):
    return events_table({"e.csv": raw}, fc.read_destinations(), ACTING_KINDS, **options)


def test_a_file_without_continues_is_read_as_if_empty():
    """The column is optional."""
    table = read_rows(written({"event": "a"}).drop(columns="continues"))
    assert table.columns.tolist() == EVENT_COLUMNS
    assert table["continues"].tolist() == [""]


def test_continues_may_name_an_event_of_another_file():
    """Files given together are one calendar."""
    files = {"a.csv": written({"event": "a"}), "b.csv": written({"event": "b", "continues": "a"})}
    assert events_table(files, fc.read_destinations(), ACTING_KINDS)["continues"].tolist() == ["", "a"]


@pytest.mark.parametrize(
    ("rows", "sentences"),
    [
        (
            [{"event": "a", "continues": "z"}],
            ["e.csv row 2: a: continues must name an event of the files, found 'z'."],
        ),
        (
            [{"event": "a", "continues": "b"}, {"event": "b", "announced": "2025-02-01"}],
            [
                "e.csv row 2: a: continues must name an event announced by 2025-01-01, found b, "
                "which is announced later."
            ],
        ),
        (
            [{"event": "a", "continues": "a"}],
            ["e.csv row 2: a: continues must not lead back to the event itself, found a."],
        ),
        (
            [{"event": "a", "continues": "b"}, {"event": "b", "continues": "a"}, {"event": "c", "continues": "a"}],
            [
                "e.csv row 2: a: continues must not lead back to the event itself, found b.",
                "e.csv row 3: b: continues must not lead back to the event itself, found a.",
            ],
        ),
    ],
)
def test_a_wrong_continues_is_one_sentence(rows, sentences):
    """An unknown event, a later one, and a circle, each said once and where it is."""
    with pytest.raises(TableError) as error:
        read_rows(written(*rows))
    assert error.value.problems == sentences


# Scenario -------------------------------------------------------------------------------------------------------------

TRUCE = {
    "event": "truce", "kind": "truce", "destinations": ("USA",), "announced": date(2022, 6, 1),
    "ends": date(2023, 3, 1), "ends_announced": date(2022, 6, 1), "ends_status": "scheduled",
}  # fmt: skip
EXTENSION = {
    "event": "extension", "kind": "truce", "destinations": ("USA",), "announced": date(2022, 12, 1),
    "effective": date(2023, 3, 1), "continues": "truce",
}  # fmt: skip
OF_THE_EXTENSION = {
    "event": "more", "kind": "truce", "destinations": ("USA",), "announced": date(2022, 12, 15),
    "effective": date(2023, 4, 1), "continues": "extension",
}  # fmt: skip


def may_happen(**cells):
    plain = {"event": "truce", "kind": "lapse", "products": "ALL", "destinations": "USA"}
    days = {"announced": "2022-06-01", "effective": "2023-03-01", "probability": "0.2"}
    raw = pd.DataFrame([plain | days | cells], columns=SUPPOSED_COLUMNS, dtype=object).fillna("")
    return supposed_events({"s.csv": raw}, fc.read_destinations())


def branches(*rows, supposed=None, **options):
    """Forecasts by branch of the United States, from three years up to December 2022; the truce added a third."""
    truce = np.where(np.arange(36) >= 29, 4 / 3, 1.0)
    table = exports({"USA": truce * steady(36, 200.0, seed=1), "DEU": steady(36, 90.0, seed=2)})
    nothing = pd.DataFrame(columns=SUPPOSED_COLUMNS)
    given = {"products": ["magnets"], "models": ["theta"], "issued": date(2023, 1, 20)}
    found = scenario_all(
        table, calendar(*rows), GROUPS, nothing if supposed is None else supposed, **(given | options)
    ).by_branch
    return found[found["destination"] == "USA"].drop(columns="probability").reset_index(drop=True)


def test_a_lapse_takes_with_it_what_was_to_carry_the_truce_on():
    """It gives the same as where no extension, nor one of it, was ever announced, and not the calendar as it stands."""
    lapsed = branches(TRUCE, EXTENSION, OF_THE_EXTENSION, lapses={"truce": 0.2})
    pd.testing.assert_frame_equal(lapsed, branches(TRUCE, lapses={"truce": 0.2}))
    last = lapsed[lapsed["month"] == pd.Period("2023-04", "M")].set_index("branch")["volume_t"]
    assert last["truce lapses"] != last["as the calendar stands"]


def test_an_event_that_does_not_continue_it_outlives_a_lapse():
    """A truce of its own from March on acts after the first lapses: more than where the extension goes with it."""
    last = pd.Period("2023-04", "M")
    own, linked = (
        branches(TRUCE, EXTENSION | {"continues": named}, lapses={"truce": 0.2}, horizon=4)
        .query("branch == 'truce lapses'")
        .set_index("month")["volume_t"]
        for named in ("", "truce")
    )
    assert own[last] > linked[last]
    assert own[last - 2] == pytest.approx(linked[last - 2], rel=1e-3)


def test_a_row_of_a_file_lapses_as_the_option_does():
    """Kind ``lapse`` with the scheduled day is the same as ``lapses``."""
    by_row = branches(TRUCE, EXTENSION, supposed=may_happen())
    pd.testing.assert_frame_equal(by_row, branches(TRUCE, EXTENSION, lapses={"truce": 0.2}))


def test_a_lapse_on_another_day_than_scheduled_is_refused():
    """One sentence, with the day found."""
    with pytest.raises(TableError, match=r"^truce: a lapse is given, expected .* 2023-03-02, .*, found one on 2023-03"):
        branches(TRUCE, supposed=may_happen(effective="2023-03-02"))
    with pytest.raises(TableError, match=r"^truce lapses twice\. One row or option for each\.$"):
        branches(TRUCE, supposed=may_happen(), lapses={"truce": 0.5})


def test_what_may_happen_continues_an_event_that_is_there():
    """An event of the calendar may be continued, an unknown one not."""
    ban = {"event": "ban", "kind": "ban", "effective": "2023-02-01"}
    assert set(branches(TRUCE, supposed=may_happen(**ban, continues="truce"))["branch"]) > {"ban"}
    with pytest.raises(TableError, match=r"^ban: continues must name an event that is known on 2023-01-20, .*'war'\.$"):
        branches(TRUCE, supposed=may_happen(**ban, continues="war"))


def test_the_shipped_scenario_is_the_mean_of_two_forecasts():
    """0.74 and 0.87 to the extension; the lapse has the rest, on a day that the calendar has as scheduled."""
    row = fc.read_scenario("shipped").iloc[0]
    assert row["probability"] == pytest.approx(1 - (0.74 + 0.87) / 2)
    known = fc.known_events(fc.read_events(), date(2026, 10, 9)).set_index("event")
    assert known.loc[row["event"], "scheduled"] == row["effective"] == date(2026, 11, 10)
    assert known.loc["truce-2026-11-usa", "continues"] == row["event"]


# Customs codes --------------------------------------------------------------------------------------------------------


def test_every_product_has_a_row_of_codes():
    """One row for each product with a volume, in order, in tonnes, with digits where a code is given."""
    table = read("products.csv")
    assert table["product"].tolist() == sorted(read("exports.csv")["product"].unique())
    assert (table["unit"] == "t").all()
    codes = table[["hs_codes", "wider_codes"]].to_numpy().ravel()
    assert all(code.isdigit() and len(code) in (6, 8) for cell in codes for code in cell.split(";") if cell)
    assert not table[["source", "remark"]].eq("").any(axis=None)


def test_codes_that_are_stated():
    """A code belongs to one product; six digits that hold two of them are wider for both."""
    table = read("products.csv").set_index("product")
    exact = table.loc[table["hs_codes"] != "", "hs_codes"]
    assert exact.to_dict() == {
        "graphite_natural_flake": "25041010", "graphite_spherical": "25041091", MAGNETS: "85051110"
    }  # fmt: skip
    assert table.loc[["graphite_natural_flake", "graphite_spherical"], "wider_codes"].tolist() == ["250410", "250410"]
